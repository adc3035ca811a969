package controllers_test

import (
	"context"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	crmv1 "github.com/kontor-crm/kontor/api/v1alpha1"
	"github.com/kontor-crm/kontor/controllers/tenant"
	"github.com/kontor-crm/kontor/internal/reconcile"
	"github.com/kontor-crm/kontor/test/env"
	"github.com/kontor-crm/kontor/test/expect"
	"github.com/kontor-crm/kontor/test/gen"
)

// becomesAnswered waits for the operator's word on a question.
func becomesAnswered(ctx context.Context, p *crmv1.ChangePlan) {
	GinkgoHelper()
	create(ctx, p)
	Eventually(ctx, func() string {
		Expect(kube.Get(ctx, client.ObjectKeyFromObject(p), p)).To(Succeed())
		return string(p.Status.Phase)
	}).ShouldNot(BeEmpty())
	expect.Conforms(Default, p)
}

var _ = Describe("A preview", func() {
	var namespace string
	var acme *crmv1.Tenant

	preview := func(manifests ...string) *crmv1.ChangePlan {
		p := &crmv1.ChangePlan{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, GenerateName: "preview-"}}
		p.Spec.Preview = &crmv1.Preview{Manifests: strings.Join(manifests, "\n---\n")}
		return p
	}
	field := func(name, spec string) string {
		return "apiVersion: crm.kontor.dev/v1alpha1\nkind: CustomField\nmetadata: {name: " + name + "}\nspec: {object: customer, " + spec + "}"
	}

	BeforeEach(func(ctx SpecContext) {
		namespace = env.Cluster(GinkgoT()).Namespace(GinkgoT())
		acme = gen.Tenant(namespace, "acme-"+namespace)
		code := gen.CustomField(namespace, "customer", "code", gen.FieldLength(100))
		create(ctx, acme, code)
		becomesReady(ctx, acme)
		becomesReady(ctx, code)
		execute(ctx, databaseOf("test", acme), `INSERT INTO crm.customer (id, name, x_code) SELECT gen_random_uuid(), 'A', repeat('x', n) FROM generate_series(48, 52) AS n`)
	})

	It("counts the records, says what would wait, and changes nothing", func(ctx SpecContext) {
		writes := query(ctx, databaseOf("test", acme), "SELECT count(*)::text FROM kontor.plan_history")
		rule := "apiVersion: crm.kontor.dev/v1alpha1\nkind: ValidationRule\nmetadata: {name: coded}\nspec: {object: customer, expression: code != 'none', message: {en: 'No'}}"
		p := preview(field("code", "type: text, length: 50"), field("fresh", "type: integer"), rule)
		becomesAnswered(ctx, p)
		Expect(p.Status.Phase).To(Equal(crmv1.PlanPlanned))
		Expect(p.Status.Class).To(Equal(crmv1.ChangeDangerous))
		Expect(p.Status.BaseRevision).To(BeEquivalentTo(1))
		bySummary := map[string]crmv1.PlannedChange{}
		for _, change := range p.Status.Changes {
			bySummary[change.Summary] = change
		}
		Expect(bySummary).To(HaveKey(`add field "fresh" to customer`))
		shorter := bySummary[`change field "code" of customer: the length of "code" shrinks from 100 to 50 characters`]
		Expect(shorter.Impact).NotTo(BeNil())
		Expect(shorter.Impact.Records).To(BeEquivalentTo(5))
		Expect(shorter.Impact.Failing).To(BeEquivalentTo(2))
		Expect(shorter.Impact.FailingRecords).To(HaveLen(2))
		Expect(shorter.Estimate.Duration).To(Equal(time.Second))
		Expect(shorter.Dependents).To(Equal([]string{"ValidationRule/coded"}))
		Expect(shorter.Undo).To(Equal(crmv1.UndoYes))
		Expect(shorter.Waits).To(Equal("2 records do not bear it and have to be mended first"))
		Expect(customersHave(ctx, acme, "x_fresh")).To(BeFalse())
		Expect(query(ctx, databaseOf("test", acme), "SELECT count(*)::text FROM kontor.plan_history")).To(Equal(writes))
	})

	It("says that nothing changes, what would be deleted, and what would be refused", func(ctx SpecContext) {
		same := preview(field("code", "type: text, length: 100"))
		becomesAnswered(ctx, same)
		Expect(same.Status.TotalChanges).To(BeZero())
		Expect(same.Status.Class).To(BeEmpty())

		only := preview(field("fresh", "type: integer"))
		only.Spec.Preview.Prune = true
		becomesAnswered(ctx, only)
		Expect(only.Status.Retained).To(BeEmpty())
		Expect(only.Status.Changes).To(ContainElement(HaveField("Summary", `retire field "code" of customer: its values are kept out of sight`)))

		other := preview(field("code", "type: geo"))
		becomesAnswered(ctx, other)
		Expect(other.Status.Class).To(Equal(crmv1.ChangeDangerous))
		Expect(other.Status.Changes[len(other.Status.Changes)-1].Refused).NotTo(BeEmpty())
	})

	DescribeTable("says what is wrong with it and why",
		func(ctx SpecContext, manifest, why string) {
			p := preview(field("good", "type: text"), manifest)
			becomesAnswered(ctx, p)
			Expect(p.Status.Phase).To(Equal(crmv1.PlanFailed))
			Expect(p.Status.Message).To(ContainSubstring(why))
			Expect(expect.Condition(ctx, kube, p, crmv1.ConditionReady)).To(ContainSubstring(why))
		},
		Entry("broken YAML", "a: b: c", "spec.preview.manifests: line 6"),
		Entry("another kind", "apiVersion: v1\nkind: Secret\nmetadata: {name: a}", "is no kind that describes a tenant"),
		Entry("a resource twice", "apiVersion: crm.kontor.dev/v1alpha1\nkind: CustomField\nmetadata: {name: good}\nspec: {object: customer, type: text}", "CustomField/good stands twice"),
		Entry("another namespace", "apiVersion: crm.kontor.dev/v1alpha1\nkind: CustomField\nmetadata: {name: a, namespace: elsewhere}\nspec: {object: customer, type: text}", "is of namespace elsewhere"),
		Entry("another Tenant", "apiVersion: crm.kontor.dev/v1alpha1\nkind: Tenant\nmetadata: {name: globex}", "metadata.name never changes"),
		Entry("what does not compile", "apiVersion: crm.kontor.dev/v1alpha1\nkind: CustomField\nmetadata: {name: a}\nspec: {object: custommer, type: text}", "CustomField/a: spec.object: "),
	)

	It("never changes, and is gone after an hour", func(ctx SpecContext) {
		p := preview(field("fresh", "type: integer"))
		becomesAnswered(ctx, p)
		p.Spec.Preview.Prune = true
		Expect(kube.Update(ctx, p)).To(MatchError(ContainSubstring("a preview never changes")))
		p.Spec.Preview = nil
		Expect(kube.Update(ctx, p)).To(MatchError(ContainSubstring("a preview never changes")))

		now := time.Now() //nolint:forbidigo // the API server's clock says when the preview was made
		c := &tenant.Answers{Controller: &tenant.Controller{Client: kube, Pace: reconcile.DefaultPace(), Now: func() time.Time { return now }}}
		request := ctrl.Request{NamespacedName: client.ObjectKeyFromObject(p)}
		result, err := c.Reconcile(ctx, request)
		Expect(err).NotTo(HaveOccurred())
		Expect(result.RequeueAfter).To(And(BeNumerically(">", 0), BeNumerically("<=", time.Hour+time.Second)))
		now = now.Add(time.Hour + time.Second)
		_, err = c.Reconcile(ctx, request)
		Expect(err).NotTo(HaveOccurred())
		Expect(apierrors.IsNotFound(kube.Get(ctx, request.NamespacedName, p))).To(BeTrue())
	})

	It("waits for a tenant that is not there yet only when it can come", func(ctx SpecContext) {
		empty := preview(field("fresh", "type: integer"))
		empty.Namespace = env.Cluster(GinkgoT()).Namespace(GinkgoT())
		becomesAnswered(ctx, empty)
		Expect(empty.Status.Message).To(Equal("the namespace has no Tenant"))
	})
})
