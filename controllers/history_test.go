package controllers_test

import (
	"encoding/json"
	"fmt"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	crmv1 "github.com/kontor-crm/kontor/api/v1alpha1"
	"github.com/kontor-crm/kontor/test/env"
	"github.com/kontor-crm/kontor/test/gen"
)

var _ = Describe("The past of a tenant", func() {
	It("has each resource in the form that was in force, and the commits of what changed", func(ctx SpecContext) {
		namespace := env.Cluster(GinkgoT()).Namespace(GinkgoT())
		acme := gen.Tenant(namespace, "acme-"+namespace)
		commit := func(name string) func(*crmv1.CustomField) {
			return func(f *crmv1.CustomField) { f.Annotations = map[string]string{crmv1.CommitAnnotation: name} }
		}
		code := gen.CustomField(namespace, "customer", "code", gen.FieldLength(100), commit("one"))
		create(ctx, acme, code)
		becomesReady(ctx, acme)
		becomesReady(ctx, code)
		execute(ctx, databaseOf("test", acme), `INSERT INTO crm.customer (id, name, x_code) VALUES (gen_random_uuid(), 'A', repeat('x', 51))`)
		code.Spec.Length = 50
		code.Annotations[crmv1.CommitAnnotation] = "two"
		Expect(kube.Update(ctx, code)).To(Succeed())
		waits := becomesProposed(ctx, namespace, func(*crmv1.ChangePlan) bool { return true })
		other := gen.CustomField(namespace, "customer", "other", commit("two"))
		create(ctx, other)
		becomesReady(ctx, other)
		becomesProposed(ctx, namespace, func(p *crmv1.ChangePlan) bool { return p.Name != waits.Name })

		recall := func(question crmv1.Recall) *crmv1.ChangePlan {
			GinkgoHelper()
			p := &crmv1.ChangePlan{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, GenerateName: "recall-"}}
			p.Spec.Recall = &question
			becomesAnswered(ctx, p)
			return p
		}
		list := recall(crmv1.Recall{What: crmv1.RecallRevisions}).Status.Recalled
		Expect(list.Revisions).To(HaveLen(2))
		Expect(list.Next).To(BeZero())
		Expect(list.Revisions[0].Commits).To(Equal([]string{"two"}))
		Expect(list.Revisions[0].Summary).To(Equal(`add field "other" to customer`))
		Expect(list.Revisions[1].Commits).To(Equal([]string{"one"}))
		Expect(recall(crmv1.Recall{What: crmv1.RecallRevisions, From: 1}).Status.Recalled.Revisions).To(Equal(list.Revisions[1:]))

		second := recall(crmv1.Recall{What: crmv1.RecallResources, Revision: 2}).Status.Recalled
		Expect(second.Manifests).To(And(ContainSubstring("length: 100"), Not(ContainSubstring("length: 50")), ContainSubstring("name: other")))
		first := recall(crmv1.Recall{What: crmv1.RecallResources, At: &list.Revisions[0].Applied}).Status.Recalled
		Expect(first.Revisions[0].Revision).To(BeNumerically(">=", 1), "seconds are the precision of a time in Kubernetes")
		changes := recall(crmv1.Recall{What: crmv1.RecallChanges, Revision: 1}).Status
		Expect(changes.Changes).To(ContainElement(HaveField("Summary", `add field "code" to customer`)))
		Expect(int(changes.TotalChanges)).To(Equal(len(changes.Changes)))

		execute(ctx, databaseOf("test", acme), `DELETE FROM kontor.revision WHERE revision = 1`)
		old := recall(crmv1.Recall{What: crmv1.RecallResources, Revision: 1})
		Expect(old.Status.Phase).To(Equal(crmv1.PlanFailed))
		Expect(old.Status.Message).To(ContainSubstring("an older release"))
		Expect(recall(crmv1.Recall{What: crmv1.RecallRevisions}).Status.Recalled.Revisions).To(HaveLen(2))
	})

	It("has all changes of a plan whose status has no room for them", func(ctx SpecContext) {
		namespace := env.Cluster(GinkgoT()).Namespace(GinkgoT())
		acme := gen.Tenant(namespace, "acme-"+namespace)
		create(ctx, acme)
		becomesReady(ctx, acme)
		acme.Spec.ChangePolicy.Automatic = []crmv1.ChangeClass{}
		Expect(kube.Update(ctx, acme)).To(Succeed())
		const many = 230
		for i := range many {
			create(ctx, gen.CustomField(namespace, "customer", fmt.Sprintf("many-%d", i)))
		}
		waits := becomesProposed(ctx, namespace, func(p *crmv1.ChangePlan) bool { return p.Status.TotalChanges >= many })
		Expect(len(waits.Status.Changes)).To(BeNumerically("<=", 200))
		text, err := json.Marshal(waits)
		Expect(err).NotTo(HaveOccurred())
		Expect(len(text)).To(BeNumerically("<", 256<<10))

		var told []crmv1.PlannedChange
		for from := int32(0); ; {
			p := &crmv1.ChangePlan{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, GenerateName: "recall-"}}
			p.Spec.Recall = &crmv1.Recall{What: crmv1.RecallChanges, ChangePlan: waits.Name, From: from}
			becomesAnswered(ctx, p)
			told = append(told, p.Status.Changes...)
			if from = p.Status.Recalled.Next; from == 0 {
				break
			}
		}
		Expect(told).To(HaveLen(int(waits.Status.TotalChanges)))
		Expect(told[:len(waits.Status.Changes)]).To(Equal(waits.Status.Changes))
		Expect(told[many-1].Waits).To(Equal("Safe changes need an approval"))

		decided(ctx, waits, crmv1.DecisionApprove)
		Eventually(ctx, phaseOf(ctx, waits)).Should(HavePrefix("Applied: "))
		unknown := &crmv1.ChangePlan{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, GenerateName: "recall-"}}
		unknown.Spec.Recall = &crmv1.Recall{What: crmv1.RecallChanges, ChangePlan: "unheard"}
		becomesAnswered(ctx, unknown)
		Expect(unknown.Status.Message).To(Equal("no more is kept of ChangePlan unheard than its own status says"))
	})
})
