package controllers_test

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	crmv1 "github.com/kontor-crm/kontor/api/v1alpha1"
	"github.com/kontor-crm/kontor/test/env"
	"github.com/kontor-crm/kontor/test/expect"
	"github.com/kontor-crm/kontor/test/gen"
)

// waitingPlan is the one ChangePlan of the namespace in the phase Waiting, or nil.
func waitingPlan(ctx context.Context, namespace string) *crmv1.ChangePlan {
	GinkgoHelper()
	plans := slices.DeleteFunc(plansOf(ctx, namespace), func(p crmv1.ChangePlan) bool { return p.Status.Phase != crmv1.PlanWaiting })
	if len(plans) != 1 {
		return nil
	}
	return &plans[0]
}

// becomesProposed waits for a plan that waits and of which ok is true.
func becomesProposed(ctx context.Context, namespace string, ok func(*crmv1.ChangePlan) bool) *crmv1.ChangePlan {
	GinkgoHelper()
	var found *crmv1.ChangePlan
	Eventually(ctx, func() bool {
		found = waitingPlan(ctx, namespace)
		return found != nil && ok(found)
	}).Should(BeTrue())
	return found
}

// decided sets the decision of a person on what the plan says.
func decided(ctx context.Context, p *crmv1.ChangePlan, decision crmv1.Decision) {
	GinkgoHelper()
	p.Spec.Decision, p.Spec.Digest, p.Spec.By = decision, p.Status.Digest, "someone"
	Expect(kube.Update(ctx, p)).To(Succeed())
}

func phaseOf(ctx context.Context, p *crmv1.ChangePlan) func() string {
	return func() string {
		for _, one := range plansOf(ctx, p.Namespace) {
			if one.Name == p.Name {
				return string(one.Status.Phase) + ": " + one.Status.Message
			}
		}
		return "gone"
	}
}

var _ = Describe("A change that the records may not bear", func() {
	var namespace string
	var acme *crmv1.Tenant
	var code *crmv1.CustomField

	someCustomers := func(ctx context.Context, count int, value string) {
		GinkgoHelper()
		execute(ctx, databaseOf("test", acme), `INSERT INTO crm.customer (id, name, x_code)
			SELECT gen_random_uuid(), 'A', `+value+` FROM generate_series(1, `+strconv.Itoa(count)+`)`)
	}
	length := func(ctx context.Context, n int32) {
		GinkgoHelper()
		Eventually(ctx, func() error {
			_ = expect.Condition(ctx, kube, code, crmv1.ConditionReady)
			code.Spec.Length = n
			return kube.Update(ctx, code)
		}).Should(Succeed())
	}

	BeforeEach(func(ctx SpecContext) {
		namespace = env.Cluster(GinkgoT()).Namespace(GinkgoT())
		acme = gen.Tenant(namespace, "acme-"+namespace)
		code = gen.CustomField(namespace, "customer", "code", gen.FieldLength(100))
		create(ctx, acme, code)
		becomesReady(ctx, acme)
		becomesReady(ctx, code)
	})

	It("runs by itself when they all bear it, and the old rule holds until then", func(ctx SpecContext) {
		someCustomers(ctx, 1000, `'short'`)
		length(ctx, 50)
		becomesReady(ctx, code)
		Eventually(ctx, condition(ctx, acme, crmv1.ConditionSchemaSynced)).Should(HavePrefix("True/Synced"))
		checks := `SELECT string_agg(pg_get_constraintdef(oid), '; ') FROM pg_constraint WHERE conrelid = 'crm.customer'::regclass AND conname LIKE 'x_code_max%'`
		Expect(query(ctx, databaseOf("test", acme), checks)).To(Equal("CHECK ((char_length(x_code) <= 50))"), "one rule, and proven")
	})

	It("waits, says how many fail and which, and an approval is void when one more fails", func(ctx SpecContext) {
		someCustomers(ctx, 963, `'short'`)
		someCustomers(ctx, 37, `repeat('x', 51)`)
		length(ctx, 50)
		p := becomesProposed(ctx, namespace, func(*crmv1.ChangePlan) bool { return true })
		Expect(p.Status.Changes).To(HaveLen(1))
		change := p.Status.Changes[0]
		Expect(change.Class).To(Equal(crmv1.ChangeDangerous))
		Expect(change.Summary).To(ContainSubstring("shrinks from 100 to 50 characters"))
		Expect(change.Impact.Records).To(BeEquivalentTo(1000))
		Expect(change.Impact.Failing).To(BeEquivalentTo(37))
		Expect(change.Impact.FailingRecords).To(HaveLen(10))
		known := `SELECT count(*)::text FROM crm.customer WHERE length(x_code) = 51 AND id::text = ANY(string_to_array($1, ','))`
		Expect(query(ctx, databaseOf("test", acme), known, strings.Join(change.Impact.FailingRecords, ","))).To(Equal("10"))
		expect.Conforms(Default, p)
		Eventually(ctx, condition(ctx, code, crmv1.ConditionApplied)).Should(And(
			HavePrefix("False/ApprovalRequired: "), ContainSubstring("37 records do not bear it"), ContainSubstring(p.Name)))
		Eventually(ctx, condition(ctx, acme, crmv1.ConditionSchemaSynced)).Should(And(HavePrefix("False/ApprovalRequired: "), ContainSubstring(p.Name)))
		becomesReady(ctx, acme)

		decided(ctx, p, crmv1.DecisionApprove)
		Eventually(ctx, phaseOf(ctx, p)).Should(HavePrefix("Waiting: approved by someone; waits for: 37 records do not bear it"))
		Expect(query(ctx, databaseOf("test", acme), `SELECT count(*)::text FROM crm.customer WHERE length(x_code) = 51`)).To(Equal("37"), "an approval alters nothing")

		someCustomers(ctx, 1, `repeat('x', 51)`)
		ask(ctx, acme, "a 38th")
		Eventually(ctx, phaseOf(ctx, p)).Should(HavePrefix("Waiting: the approval is void: "))
		p = waitingPlan(ctx, namespace)
		Expect(p.Status.Changes[0].Impact.Failing).To(BeEquivalentTo(38))

		execute(ctx, databaseOf("test", acme), `UPDATE crm.customer SET x_code = left(x_code, 50)`)
		ask(ctx, acme, "mended")
		becomesReady(ctx, code)
		Eventually(ctx, phaseOf(ctx, p)).Should(HavePrefix("Applied: "))
	})

	It("cuts what is too long when the field says so and that is approved, and gives it back", func(ctx SpecContext) {
		someCustomers(ctx, 963, `'short'`)
		someCustomers(ctx, 37, `lpad(random()::text, 80, 'x')`)
		database := databaseOf("test", acme)
		Eventually(ctx, func() error {
			_ = expect.Condition(ctx, kube, acme, crmv1.ConditionReady)
			acme.Spec.ChangePolicy.Retention = &metav1.Duration{Duration: 48 * time.Hour}
			return kube.Update(ctx, acme)
		}).Should(Succeed())
		execute(ctx, database, `CREATE TABLE public.before AS SELECT id, x_code FROM crm.customer`)
		Eventually(ctx, func() error {
			_ = expect.Condition(ctx, kube, code, crmv1.ConditionReady)
			code.Spec.Length, code.Spec.OnViolation = 50, crmv1.OnViolationTruncate
			return kube.Update(ctx, code)
		}).Should(Succeed())
		p := becomesProposed(ctx, namespace, func(*crmv1.ChangePlan) bool { return true })
		var change crmv1.PlannedChange
		for _, change = range p.Status.Changes {
			if change.Impact != nil {
				break
			}
		}
		Expect(change.Impact.Failing).To(BeEquivalentTo(37))
		Expect(change.Impact.FailingRecords).To(HaveLen(10))
		Expect(change.Summary).To(HaveSuffix("shrinks from 100 to 50 characters; longer values are cut"))
		Expect(change.Class).To(Equal(crmv1.ChangeDangerous))
		Expect(change.Waits).To(Equal("37 records do not bear it; when that is approved, their values are cut, and kept as they were for a while"))
		Expect(query(ctx, database, `SELECT count(*)::text FROM crm.customer WHERE length(x_code) = 80`)).To(Equal("37"), "nothing is done before")

		decided(ctx, p, crmv1.DecisionApprove)
		someCustomers(ctx, 1, `repeat('y', 51)`)
		Eventually(ctx, phaseOf(ctx, p)).Should(Or(HavePrefix("Waiting: the approval is void: "), HavePrefix("Applied: ")))
		if strings.HasPrefix(phaseOf(ctx, p)(), "Waiting") { // unless it had begun before the 38th came, which was refused then
			Expect(query(ctx, database, `SELECT count(*)::text FROM crm.customer WHERE length(x_code) = 80`)).To(Equal("37"), "a void approval does nothing")
			execute(ctx, database, `DELETE FROM crm.customer WHERE length(x_code) = 51`)
			ask(ctx, acme, "without the 38th") // it is just what was approved again
		}
		becomesReady(ctx, code)
		Eventually(ctx, phaseOf(ctx, p)).Should(HavePrefix("Applied: "))
		Expect(query(ctx, database, `SELECT count(*)::text FROM crm.customer WHERE length(x_code) = 50 AND version = 2`)).To(Equal("37"))
		Expect(query(ctx, database, `SELECT count(*)::text FROM kontor.kept_value k JOIN public.before b ON b.id = k.record_id AND b.x_code = k.value`)).To(Equal("37"))
		Expect(query(ctx, database, `SELECT bool_and(until > now() + interval '47 hours' AND until <= now() + interval '48 hours')::text FROM kontor.kept_value`)).To(Equal("true"))

		execute(ctx, database, `UPDATE crm.customer SET x_code = 'mine' WHERE id = (SELECT min(record_id::text)::uuid FROM kontor.kept_value)`)
		length(ctx, 100)
		Eventually(ctx, condition(ctx, acme, crmv1.ConditionSchemaSynced)).Should(HavePrefix("True/Synced"))
		becomesReady(ctx, code)
		Eventually(ctx, func() string {
			return query(ctx, database, `SELECT count(*)::text FROM crm.customer r JOIN public.before b USING (id) WHERE r.x_code = b.x_code AND length(b.x_code) = 80`)
		}).Should(Equal("36"), "all but the one that somebody has changed")
	})

	It("does not hold up what is safe beside it, and is planned anew on top of it", func(ctx SpecContext) {
		someCustomers(ctx, 1, `repeat('x', 51)`)
		length(ctx, 50)
		first := becomesProposed(ctx, namespace, func(*crmv1.ChangePlan) bool { return true })
		other := gen.CustomField(namespace, "customer", "other")
		create(ctx, other)
		becomesReady(ctx, other)
		second := becomesProposed(ctx, namespace, func(p *crmv1.ChangePlan) bool { return p.Name != first.Name })
		Expect(second.Status.BaseRevision).To(Equal(first.Status.BaseRevision + 1))
		Eventually(ctx, phaseOf(ctx, first)).Should(HavePrefix("Superseded: "))

		length(ctx, 100)
		becomesReady(ctx, code)
		Eventually(ctx, phaseOf(ctx, second)).Should(HavePrefix("Superseded: "))
		Eventually(ctx, condition(ctx, acme, crmv1.ConditionSchemaSynced)).Should(HavePrefix("True/Synced"))
	})

	It("waits for whoever the policy asks, and obeys", func(ctx SpecContext) {
		acme.Spec.ChangePolicy.Automatic = []crmv1.ChangeClass{crmv1.ChangeSafe}
		Expect(kube.Update(ctx, acme)).To(Succeed())
		becomesReady(ctx, acme)
		someCustomers(ctx, 1, `'short'`)
		length(ctx, 60)
		p := becomesProposed(ctx, namespace, func(*crmv1.ChangePlan) bool { return true })
		Expect(p.Status.Changes[0].Waits).To(Equal("Careful changes need an approval"))
		decided(ctx, p, crmv1.DecisionReject)
		Eventually(ctx, condition(ctx, code, crmv1.ConditionApplied)).Should(HavePrefix("False/ChangeRejected: "))
		Eventually(ctx, phaseOf(ctx, p)).Should(Equal("Rejected: rejected by someone"))

		length(ctx, 50)
		p = becomesProposed(ctx, namespace, func(*crmv1.ChangePlan) bool { return true })
		decided(ctx, p, crmv1.DecisionApprove)
		becomesReady(ctx, code)
		Eventually(ctx, phaseOf(ctx, p)).Should(HavePrefix("Applied: "))
	})

	It("stays rejected when the records have been mended and other things change, until something else is asked for", func(ctx SpecContext) {
		someCustomers(ctx, 1, `repeat('x', 51)`)
		length(ctx, 50)
		p := becomesProposed(ctx, namespace, func(*crmv1.ChangePlan) bool { return true })
		decided(ctx, p, crmv1.DecisionReject)
		Eventually(ctx, phaseOf(ctx, p)).Should(Equal("Rejected: rejected by someone"))
		execute(ctx, databaseOf("test", acme), `UPDATE crm.customer SET x_code = left(x_code, 50)`)
		other := gen.CustomField(namespace, "customer", "other")
		create(ctx, other)
		becomesReady(ctx, other)
		ask(ctx, acme, "mended")
		Eventually(ctx, func() string {
			_ = expect.Condition(ctx, kube, acme, crmv1.ConditionReady)
			return acme.Status.LastHandledReconcileAt
		}).Should(Equal("mended"))
		Eventually(ctx, condition(ctx, code, crmv1.ConditionApplied)).Should(And(HavePrefix("False/ChangeRejected: "), ContainSubstring("rejected by someone")))
		length(ctx, 60)
		becomesReady(ctx, code)
	})

	It("is asked of the records of each value that becomes unique or required", func(ctx SpecContext) {
		someCustomers(ctx, 3, `'same'`)
		someCustomers(ctx, 2, `NULL`)
		code.Spec.Unique, code.Spec.Required = true, true
		Expect(kube.Update(ctx, code)).To(Succeed())
		p := becomesProposed(ctx, namespace, func(*crmv1.ChangePlan) bool { return true })
		failing := map[string]int64{}
		for _, change := range p.Status.Changes {
			if change.Impact != nil {
				failing[change.Summary] = change.Impact.Failing
			}
		}
		Expect(failing).To(Equal(map[string]int64{
			`change field "code" of customer: required`: 2,
			`make field "code" of customer unique`:      2,
		}))
		execute(ctx, databaseOf("test", acme), `UPDATE crm.customer SET x_code = id::text`)
		ask(ctx, acme, "mended")
		becomesReady(ctx, code)
		indexes := `SELECT count(*)::text FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE c.relname LIKE 'customer_x_code_uq_%' AND i.indisunique AND i.indisvalid`
		Expect(query(ctx, databaseOf("test", acme), indexes)).To(Equal("1"))
	})
})
