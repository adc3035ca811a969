package controllers_test

import (
	"context"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	crmv1 "github.com/kontor-crm/kontor/api/v1alpha1"
	"github.com/kontor-crm/kontor/test/env"
	"github.com/kontor-crm/kontor/test/expect"
	"github.com/kontor-crm/kontor/test/gen"
)

// retiredNames are the names of what the Tenant says is retired.
func retiredNames(ctx context.Context, t *crmv1.Tenant) func() string {
	return func() string {
		_ = expect.Condition(ctx, kube, t, crmv1.ConditionReady)
		var names []string
		for _, item := range t.Status.Schema.Retired {
			names = append(names, item.Name)
		}
		return strings.Join(names, ", ")
	}
}

func fleetOf(namespace string) *crmv1.CustomObject {
	return &crmv1.CustomObject{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "fleet"},
		Spec:       crmv1.CustomObjectSpec{Fields: []crmv1.Field{{Key: "plate", FieldSpec: crmv1.FieldSpec{Type: crmv1.FieldText}}}},
	}
}

// timePasses puts the controllers' clock ahead until the spec ends.
func timePasses(d time.Duration) {
	ahead.Add(int64(d))
	DeferCleanup(func() { ahead.Store(0) })
}

// planOf is the newest plan with a change whose summary has those words, or nil.
func planOf(ctx context.Context, namespace, words string) *crmv1.ChangePlan {
	GinkgoHelper()
	plans := slices.DeleteFunc(plansOf(ctx, namespace), func(p crmv1.ChangePlan) bool {
		return !slices.ContainsFunc(p.Status.Changes, func(c crmv1.PlannedChange) bool { return strings.Contains(c.Summary, words) })
	})
	if len(plans) == 0 {
		return nil
	}
	return new(slices.MaxFunc(plans, func(a, b crmv1.ChangePlan) int { return int(a.Status.Revision - b.Status.Revision) }))
}

var _ = Describe("What was deleted", func() {
	var namespace string
	var acme *crmv1.Tenant

	policy := func(ctx context.Context, change func(*crmv1.ChangePolicy)) {
		GinkgoHelper()
		Eventually(ctx, func() error {
			_ = expect.Condition(ctx, kube, acme, crmv1.ConditionReady)
			change(&acme.Spec.ChangePolicy)
			return kube.Update(ctx, acme)
		}).Should(Succeed())
	}
	views := `SELECT string_agg(column_name, ',' ORDER BY column_name) FROM information_schema.columns WHERE table_schema = 'bi' AND table_name = 'customer' AND column_name LIKE 'tier%'`

	BeforeEach(func(ctx SpecContext) {
		namespace = env.Cluster(GinkgoT()).Namespace(GinkgoT())
		acme = gen.Tenant(namespace, "acme-"+namespace)
		create(ctx, acme)
		becomesReady(ctx, acme)
	})

	It("is out of sight, and brings 10,000 values back when it is applied again", func(ctx SpecContext) {
		tier := gen.CustomField(namespace, "customer", "tier", gen.FieldType(crmv1.FieldText))
		create(ctx, tier)
		becomesReady(ctx, tier)
		database := databaseOf("test", acme)
		execute(ctx, database, `INSERT INTO crm.customer (id, name, x_tier) SELECT gen_random_uuid(), 'A', 'tier ' || n FROM generate_series(1, 10000) AS n`)
		values := `SELECT count(*) || ' ' || md5(string_agg(id || x_tier, ',' ORDER BY id)) FROM crm.customer WHERE x_tier IS NOT NULL`
		before := query(ctx, database, values)
		Expect(before).To(HavePrefix("10000 "))

		remove(ctx, tier)
		Eventually(ctx, retiredNames(ctx, acme)).Should(Equal("customer.tier"))
		Eventually(ctx, condition(ctx, acme, crmv1.ConditionSchemaSynced)).Should(HavePrefix("True/Synced"))
		becomesReady(ctx, acme)
		item := acme.Status.Schema.Retired[0]
		Expect(item.Resource).To(Equal("CustomField/tier"))
		Expect(item.Until.Sub(item.Since.Time)).To(Equal(720 * time.Hour))
		Expect(acme.Status.Schema.RetiredTotal).To(BeEquivalentTo(1))
		Expect(acme.Status.Schema.Retained).To(BeEmpty())
		Expect(query(ctx, database, views)).To(BeEmpty())
		Expect(query(ctx, database, `SELECT (document->'objects' @> '[{"identity": "customer", "fields": [{"identity": "tier"}]}]')::text FROM kontor.applied_schema ORDER BY revision DESC LIMIT 1`)).To(Equal("false"))
		Expect(planOf(ctx, namespace, `retire field "tier" of customer`).Status.Phase).To(Equal(crmv1.PlanApplied))

		other := gen.CustomField(namespace, "customer", "other", gen.FieldType(crmv1.FieldText), func(f *crmv1.CustomField) { f.Spec.Name = "tier" })
		create(ctx, other)
		becomesReady(ctx, other)
		execute(ctx, database, `INSERT INTO crm.customer (id, name, x_other) VALUES (gen_random_uuid(), 'B', 'another')`)
		remove(ctx, other)
		Eventually(ctx, retiredNames(ctx, acme)).Should(Equal("customer.tier, customer.tier"))

		again := gen.CustomField(namespace, "customer", "tier", gen.FieldType(crmv1.FieldText))
		create(ctx, again)
		becomesReady(ctx, again)
		Expect(query(ctx, database, values)).To(Equal(before))
		Expect(query(ctx, database, `SELECT count(*)::text FROM bi.customer WHERE tier LIKE 'tier %'`)).To(Equal("10000"))
		Eventually(ctx, retiredNames(ctx, acme)).Should(Equal("customer.tier"))
		expect.Conforms(Default, acme)
	})

	It("brings an object back with its records", func(ctx SpecContext) {
		fleet := fleetOf(namespace)
		seats := gen.CustomField(namespace, "fleet", "seats", gen.FieldType(crmv1.FieldInteger))
		create(ctx, fleet, seats)
		becomesReady(ctx, fleet)
		becomesReady(ctx, seats)
		database := databaseOf("test", acme)
		execute(ctx, database, `INSERT INTO crm.x_fleet (id, x_plate, x_seats) SELECT gen_random_uuid(), 'plate ' || n, n FROM generate_series(1, 50) AS n`)
		remove(ctx, fleet)
		Eventually(ctx, condition(ctx, acme, crmv1.ConditionSchemaSynced)).Should(And(HavePrefix("False/InUse"), ContainSubstring("CustomObject/fleet (needed by CustomField/seats)")))
		remove(ctx, seats)
		Eventually(ctx, retiredNames(ctx, acme)).Should(Equal("fleet, fleet.seats"))
		Eventually(ctx, condition(ctx, acme, crmv1.ConditionSchemaSynced)).Should(HavePrefix("True/Synced"))
		Expect(query(ctx, database, `SELECT to_regclass('bi.fleet')::text`)).To(BeEmpty())

		fleet = fleetOf(namespace)
		seats = gen.CustomField(namespace, "fleet", "seats", gen.FieldType(crmv1.FieldInteger))
		create(ctx, fleet, seats)
		becomesReady(ctx, fleet)
		becomesReady(ctx, seats)
		Expect(query(ctx, database, `SELECT count(*) || ' ' || sum(seats) || ' ' || max(plate) FROM bi.fleet`)).To(Equal("50 1275 plate 9"))
		Eventually(ctx, retiredNames(ctx, acme)).Should(BeEmpty())
	})

	It("is purged by a plan of its own when it was kept long enough, within the window", func(ctx SpecContext) {
		policy(ctx, func(p *crmv1.ChangePolicy) {
			p.Automatic = []crmv1.ChangeClass{crmv1.ChangeSafe, crmv1.ChangeCareful}
			p.Retention = &metav1.Duration{Duration: 48 * time.Hour}
		})
		tier := gen.CustomField(namespace, "customer", "tier", gen.FieldType(crmv1.FieldText))
		fleet := fleetOf(namespace)
		create(ctx, tier, fleet)
		becomesReady(ctx, tier)
		becomesReady(ctx, fleet)
		database := databaseOf("test", acme)
		execute(ctx, database, `INSERT INTO crm.customer (id, name, x_tier) VALUES (gen_random_uuid(), 'A', 'gold'); INSERT INTO crm.x_fleet (id, x_plate) VALUES (gen_random_uuid(), 'X')`)
		remove(ctx, tier)
		remove(ctx, fleet)
		Eventually(ctx, retiredNames(ctx, acme)).Should(And(ContainSubstring("customer.tier"), ContainSubstring("fleet")))

		timePasses(47 * time.Hour)
		ask(ctx, acme, "before the time")
		Eventually(ctx, func() string {
			_ = expect.Condition(ctx, kube, acme, crmv1.ConditionReady)
			return acme.Status.LastHandledReconcileAt
		}).Should(Equal("before the time"))
		Expect(customersHave(ctx, acme, "x_tier")).To(BeTrue())

		timePasses(2 * time.Hour)
		opens := time.Now().Add(time.Duration(ahead.Load()) + 2*time.Hour).UTC() //nolint:forbidigo // the real clock
		policy(ctx, func(p *crmv1.ChangePolicy) { p.Window = &crmv1.ChangeWindow{Start: opens.Format("15:04"), Hours: 1} })
		ask(ctx, acme, "outside the window")
		Eventually(ctx, func() string {
			_ = expect.Condition(ctx, kube, acme, crmv1.ConditionReady)
			return acme.Status.LastHandledReconcileAt
		}).Should(Equal("outside the window"))
		Expect(customersHave(ctx, acme, "x_tier")).To(BeTrue())

		policy(ctx, func(p *crmv1.ChangePolicy) { p.Window = nil })
		Eventually(ctx, retiredNames(ctx, acme)).Should(BeEmpty())
		Expect(customersHave(ctx, acme, "x_tier")).To(BeFalse())
		Expect(query(ctx, database, `SELECT to_regclass('crm.x_fleet')::text`)).To(BeEmpty())
		p := planOf(ctx, namespace, `purge field "tier" of customer`)
		Expect(p).NotTo(BeNil())
		Eventually(ctx, phaseOf(ctx, p)).Should(HavePrefix("Applied"))
		for _, change := range p.Status.Changes {
			Expect(change.Class).To(Equal(crmv1.ChangeDangerous))
		}
		Eventually(ctx, condition(ctx, acme, crmv1.ConditionSchemaSynced)).Should(HavePrefix("True/Synced"))

		again := gen.CustomField(namespace, "customer", "tier", gen.FieldType(crmv1.FieldInteger))
		create(ctx, again)
		becomesReady(ctx, again)
		Expect(query(ctx, database, `SELECT count(x_tier)::text FROM crm.customer`)).To(Equal("0"))
	})

	It("is looked at again when its time is over, though nobody asks", func(ctx SpecContext) {
		policy(ctx, func(p *crmv1.ChangePolicy) { p.Retention = &metav1.Duration{Duration: 2 * time.Second} })
		tier := gen.CustomField(namespace, "customer", "tier", gen.FieldType(crmv1.FieldText))
		create(ctx, tier)
		becomesReady(ctx, tier)
		remove(ctx, tier)
		Eventually(ctx, func() bool { return customersHave(ctx, acme, "x_tier") }).Should(BeFalse())
		Expect(planOf(ctx, namespace, `purge field "tier"`)).NotTo(BeNil())
	})

	It("waits in the applied schema when retiring it needs an approval", func(ctx SpecContext) {
		policy(ctx, func(p *crmv1.ChangePolicy) { p.Automatic = []crmv1.ChangeClass{crmv1.ChangeSafe} })
		tier := gen.CustomField(namespace, "customer", "tier", gen.FieldType(crmv1.FieldText))
		create(ctx, tier)
		becomesReady(ctx, tier)
		remove(ctx, tier)
		p := becomesProposed(ctx, namespace, func(*crmv1.ChangePlan) bool { return true })
		Expect(p.Status.Changes[0].Resource).NotTo(BeEmpty())
		Eventually(ctx, condition(ctx, acme, crmv1.ConditionSchemaSynced)).Should(And(HavePrefix("False/ApprovalRequired"), ContainSubstring("CustomField/tier")))
		Expect(acme.Status.Schema.Retained).To(Equal([]string{"CustomField/tier"}))
		decided(ctx, p, crmv1.DecisionApprove)
		Eventually(ctx, retiredNames(ctx, acme)).Should(Equal("customer.tier"))
	})

	It("comes back as what it was, or not at all", func(ctx SpecContext) {
		tier := gen.CustomField(namespace, "customer", "tier", gen.FieldType(crmv1.FieldText))
		create(ctx, tier)
		becomesReady(ctx, tier)
		execute(ctx, databaseOf("test", acme), `INSERT INTO crm.customer (id, name, x_tier) VALUES (gen_random_uuid(), 'A', 'gold')`)
		remove(ctx, tier)
		Eventually(ctx, retiredNames(ctx, acme)).Should(Equal("customer.tier"))
		other := gen.CustomField(namespace, "customer", "tier", gen.FieldType(crmv1.FieldGeo))
		create(ctx, other)
		Eventually(ctx, condition(ctx, other, crmv1.ConditionApplied)).Should(And(
			HavePrefix("False/ChangeRefused"), ContainSubstring("it was deleted, and its values are kept as text")))
		Expect(kube.Delete(ctx, other)).To(Succeed())
		Eventually(ctx, condition(ctx, acme, crmv1.ConditionSchemaSynced)).Should(HavePrefix("True/Synced"))
	})

	It("goes from a picklist when no record has it, and says so as long as one has", func(ctx SpecContext) {
		policy(ctx, func(p *crmv1.ChangePolicy) { p.Retention = &metav1.Duration{Duration: 48 * time.Hour} })
		tier := gen.CustomField(namespace, "customer", "tier", func(f *crmv1.CustomField) {
			f.Spec.Type, f.Spec.Length, f.Spec.Options = crmv1.FieldPicklist, 0, []crmv1.Option{{Key: "iron"}, {Key: "gold"}, {Key: "tin"}}
		})
		create(ctx, tier)
		becomesReady(ctx, tier)
		database := databaseOf("test", acme)
		execute(ctx, database, `INSERT INTO crm.customer (id, name, x_tier) VALUES (gen_random_uuid(), 'A', 'gold')`)
		before := tier.DeepCopy()
		tier.Spec.Options = tier.Spec.Options[:1]
		Expect(kube.Patch(ctx, tier, client.MergeFrom(before))).To(Succeed())
		Eventually(ctx, retiredNames(ctx, acme)).Should(Equal("customer.tier: gold, customer.tier: tin"))
		timePasses(49 * time.Hour)
		ask(ctx, acme, "long after")
		Eventually(ctx, retiredNames(ctx, acme)).Should(Equal("customer.tier: gold"))
		Eventually(ctx, func() string {
			_ = expect.Condition(ctx, kube, acme, crmv1.ConditionReady)
			return acme.Status.Schema.Retired[0].Note
		}).Should(Equal("records still have it"))
		rule := `SELECT string_agg(pg_get_constraintdef(oid), '; ') FROM pg_constraint WHERE conrelid = 'crm.customer'::regclass AND conname LIKE 'x_tier_one%'`
		Expect(query(ctx, database, rule)).To(And(ContainSubstring("'gold'"), Not(ContainSubstring("'tin'"))))
		execute(ctx, database, `UPDATE crm.customer SET x_tier = 'iron'`)
		ask(ctx, acme, "when nobody has it")
		Eventually(ctx, retiredNames(ctx, acme)).Should(BeEmpty())
	})
})
