package e2e

import (
	"fmt"
	"net/http"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	crmv1 "github.com/kontor-crm/kontor/api/v1alpha1"
	"github.com/kontor-crm/kontor/test/expect"
)

// pipelineYAML is a Pipeline of the newcomer's opportunities with those stages.
func pipelineYAML(name, stages string) string {
	return fmt.Sprintf("apiVersion: crm.kontor.dev/v1alpha1\nkind: Pipeline\nmetadata: {name: %s, namespace: newcomer}\nspec: {object: opportunity, stages: [%s]}\n", name, stages)
}

var _ = Describe("The YAML of a newcomer", Ordered, ContinueOnFailure, func() {
	const namespace = "newcomer"
	var t *tenant
	BeforeAll(func(ctx SpecContext) { t = shared.newTenant(ctx, namespace) }, NodeTimeout(startPatience))

	const text = "object: customer, type: text"

	DescribeTable("is refused by kubectl apply with the path of what is wrong", func(ctx SpecContext, yaml, path, words string) {
		refusal := t.tryApply(ctx, yaml)
		Expect(refusal).To(ContainSubstring(path), yaml)
		Expect(refusal).To(ContainSubstring(words), yaml)
	},
		Entry("a picklist without options", fieldYAML(namespace, "choice", "object: customer, type: picklist"), "spec.options", "needs either options or optionsFrom"),
		Entry("a pipeline without a won stage", pipelineYAML("no-won", "{key: open}, {key: lost, kind: lost}"), "spec.stages", "kind won"),
		Entry("a pipeline without a lost stage", pipelineYAML("no-lost", "{key: open}, {key: won, kind: won}"), "spec.stages", "kind lost"),
		Entry("a move to a stage that does not exist",
			pipelineYAML("no-stage", "{key: open, allowedMoves: [nowhere]}, {key: won, kind: won}, {key: lost, kind: lost}"), "spec.stages", "allowedMoves"),
		Entry("a probability of 140",
			pipelineYAML("too-sure", "{key: open, probability: 140}, {key: won, kind: won}, {key: lost, kind: lost}"), "spec.stages[0].probability", "100"),
		Entry("a field name of 64 characters", fieldYAML(namespace, "long", text+", name: "+strings.Repeat("x", 64)), "spec.name", "48"),
		Entry("a field name with a quote", fieldYAML(namespace, "quote", text+`, name: 'a"b'`), "spec.name", ""),
		Entry("an identity of 64 characters", fieldYAML(namespace, strings.Repeat("x", 64), text), "metadata.name", "48"),
		Entry("an identity with a quote", fieldYAML(namespace, `a'b`, text), "metadata.name", ""),
		Entry("a reserved word of CEL", fieldYAML(namespace, "reserved", text+", name: namespace"), "spec.name", "reserved word of CEL"),
		Entry("a word of the spec that there is not", fieldYAML(namespace, "typing", text+", size: 40"), "spec.size", "unknown field"),
		Entry("a type that there is not", fieldYAML(namespace, "kindless", "object: customer, type: string"), "spec.type", "text"),
	)

	DescribeTable("is refused in the resource's status with the path of what is wrong", func(ctx SpecContext, name, spec, path, words string) {
		t.apply(ctx, fieldYAML(namespace, name, spec))
		field := &crmv1.CustomField{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
		Eventually(ctx, expect.Condition).WithArguments(ctx, t.kube, crmv1.Object(field), crmv1.ConditionReady).
			Should(And(HavePrefix("False/"), ContainSubstring(path), ContainSubstring(words)))
		Expect(meta.IsStatusConditionTrue(field.Status.Conditions, crmv1.ConditionAccepted)).To(BeFalse())
		expect.Conforms(Default, field)
		t.kubectl(ctx, "delete", "customfield", name, "-n", namespace)
	},
		Entry("a reserved word of CEL as the identity", "namespace", text, "metadata.name", "namespace"),
		Entry("a system column", "system-column", text+", name: created_at", "spec.name", "created_at"),
		Entry("a system column as the identity", "created-at", text, "metadata.name", "created_at"),
		Entry("an object that does not exist", "lost-field", "object: custommer, type: text", "spec.object", "customer"),
		Entry("a name that a standard field has", "second-industry", text+", name: industry", "spec.name", "industry"),
		Entry("a relation to an object that does not exist", "lost-relation", "object: customer, type: relation, target: nowhere", "spec.target", "nowhere"),
	)

	It("names both when two resources claim one name, and the older one keeps it", func(ctx SpecContext) {
		t.apply(ctx, fieldYAML(namespace, "first-claim", text+", name: claimed"))
		t.becomesReady(ctx, namespace, "customfield/first-claim")
		t.apply(ctx, fieldYAML(namespace, "second-claim", text+", name: claimed"))
		second := &crmv1.CustomField{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "second-claim"}}
		Eventually(ctx, expect.Condition).WithArguments(ctx, t.kube, crmv1.Object(second), crmv1.ConditionReady).
			Should(And(HavePrefix("False/NameConflict"), ContainSubstring("spec.name"), ContainSubstring("first-claim")))
		t.becomesReady(ctx, namespace, "customfield/first-claim")
		t.kubectl(ctx, "delete", "customfield", "second-claim", "-n", namespace)
	}, SpecTimeout(patience))

	It("may call fields by words of SQL", func(ctx SpecContext) {
		names := []string{"order", "user", "end", "select", "group", "table"}
		var documents []string
		for _, name := range names {
			documents = append(documents, fieldYAML(namespace, "sql-"+name, text+", indexed: true, name: "+name))
		}
		t.apply(ctx, strings.Join(documents, "---\n"))
		for _, name := range names {
			t.becomesReady(ctx, namespace, "customfield/sql-"+name)
		}
		ann := t.administrator(ctx)
		fields := values{"name": "Wordy"}
		for _, name := range names {
			fields[name] = "the " + name
		}
		Eventually(ctx, ann.fieldOfSchema).WithArguments(ctx, "customer", "table").ShouldNot(BeNil())
		id := ann.create(ctx, "customer", fields)
		for _, name := range names {
			found := ann.list(ctx, "customer", "filter", fmt.Sprintf("%s == 'the %s'", name, name), "sort", name, "fields", "id,"+name)
			Expect(found.Items).To(ConsistOf(values{"id": id, name: "the " + name}))
		}
	}, SpecTimeout(patience))

	It("leaves the rest of the tenant working", func(ctx SpecContext) {
		ann := t.administrator(ctx)
		t.apply(ctx, fieldYAML(namespace, "broken", text+", name: industry")+"---\n"+fieldYAML(namespace, "sound", text))
		t.becomesReady(ctx, namespace, "customfield/sound", "tenant/"+namespace)
		Eventually(ctx, ann.fieldOfSchema).WithArguments(ctx, "customer", "sound").ShouldNot(BeNil())
		ann.post(ctx, "/api/v1/records/customer", values{"name": "Fine", "sound": "yes"}).is(http.StatusCreated)
		found := &crmv1.Tenant{}
		Expect(t.kube.Get(ctx, types.NamespacedName{Namespace: namespace, Name: namespace}, found)).To(Succeed())
		Expect(found.Status.Schema.Refused).To(ContainElement("CustomField/broken"))
		Expect(meta.IsStatusConditionFalse(found.Status.Conditions, crmv1.ConditionSchemaSynced)).To(BeTrue())
		expect.Conforms(Default, found)
	}, SpecTimeout(patience))

	It("is told of a second Tenant in its namespace, and of a host that another has", func(ctx SpecContext) {
		t.apply(ctx, fmt.Sprintf("apiVersion: crm.kontor.dev/v1alpha1\nkind: Tenant\nmetadata: {name: second, namespace: %s}\nspec: {}\n", namespace))
		second := &crmv1.Tenant{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "second"}}
		Eventually(ctx, expect.Condition).WithArguments(ctx, t.kube, crmv1.Object(second), crmv1.ConditionReady).
			Should(And(HavePrefix("False/TenantNotUnique"), ContainSubstring(namespace)))
		t.kubectl(ctx, "delete", "tenant", "second", "-n", namespace)

		t.apply(ctx, strings.ReplaceAll(tenantYAML("claimant"), "claimant.localhost", t.host))
		claimant := &crmv1.Tenant{ObjectMeta: metav1.ObjectMeta{Namespace: "claimant", Name: "claimant"}}
		Eventually(ctx, expect.Condition).WithArguments(ctx, t.kube, crmv1.Object(claimant), crmv1.ConditionReady).
			Should(And(HavePrefix("False/HostConflict"), ContainSubstring(t.host)))
		t.becomesReady(ctx, namespace, "tenant/"+namespace)
	}, SpecTimeout(patience))
})
