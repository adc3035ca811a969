package controllers_test

import (
	"context"
	"fmt"
	"slices"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	crmv1 "github.com/kontor-crm/kontor/api/v1alpha1"
	"github.com/kontor-crm/kontor/test/env"
	"github.com/kontor-crm/kontor/test/expect"
	"github.com/kontor-crm/kontor/test/gen"
)

// condition polls one condition of an object, as "Status/Reason: message".
func condition(ctx context.Context, obj crmv1.Object, name string) func() string {
	return func() string { return expect.Condition(ctx, kube, obj, name) }
}

// becomesReady waits until the newest form of an object is Ready, and checks its status.
func becomesReady(ctx context.Context, obj crmv1.Object) {
	GinkgoHelper()
	Eventually(ctx, func() expect.Progress {
		_ = expect.Condition(ctx, kube, obj, crmv1.ConditionReady)
		return expect.ProgressOf(obj)
	}).Should(Equal(expect.Current), func() string { return expect.Condition(ctx, kube, obj, crmv1.ConditionReady) })
	expect.Conforms(Default, obj, postgres.Password)
}

// create makes objects and sees to it that tenants are gone before their namespace is.
func create(ctx context.Context, objects ...client.Object) {
	GinkgoHelper()
	for _, obj := range objects {
		Expect(kube.Create(ctx, obj)).To(Succeed())
	}
}

// ask requests a reconcile now.
func ask(ctx context.Context, obj client.Object, when string) {
	GinkgoHelper()
	patch := fmt.Appendf(nil, `{"metadata":{"annotations":{%q:%q}}}`, crmv1.ReconcileRequestedAtAnnotation, when)
	Expect(kube.Patch(ctx, obj, client.RawPatch(types.MergePatchType, patch))).To(Succeed())
}

// secretOf reads a Secret of the tenant's namespace.
func secretOf(ctx context.Context, namespace, name string) *corev1.Secret {
	GinkgoHelper()
	var s corev1.Secret
	Expect(kube.Get(ctx, types.NamespacedName{Namespace: namespace, Name: name}, &s)).To(Succeed())
	return &s
}

// plansOf lists the ChangePlans of a namespace.
func plansOf(ctx context.Context, namespace string) []crmv1.ChangePlan {
	GinkgoHelper()
	var plans crmv1.ChangePlanList
	Expect(kube.List(ctx, &plans, client.InNamespace(namespace))).To(Succeed())
	return plans.Items
}

// remove deletes an object and waits until it is gone.
func remove(ctx context.Context, obj client.Object) {
	GinkgoHelper()
	Expect(client.IgnoreNotFound(kube.Delete(ctx, obj))).To(Succeed())
	Eventually(ctx, func() bool {
		return apierrors.IsNotFound(kube.Get(ctx, client.ObjectKeyFromObject(obj), obj))
	}).Should(BeTrue())
}

// customersHave says whether the tenant's table of customers has a column.
func customersHave(ctx context.Context, t *crmv1.Tenant, column string) bool {
	GinkgoHelper()
	return query(ctx, databaseOf("test", t), `SELECT count(*)::text FROM information_schema.columns WHERE table_schema = 'crm' AND table_name = 'customer' AND column_name = $1`, column) == "1"
}

var _ = Describe("A tenant", func() {
	var namespace string
	BeforeEach(func() { namespace = env.Cluster(GinkgoT()).Namespace(GinkgoT()) })

	It("becomes Ready with a database, a host and accounts of its own", func(ctx SpecContext) {
		acme := gen.Tenant(namespace, "acme-"+namespace)
		create(ctx, acme)
		becomesReady(ctx, acme)

		Expect(acme.Status.Database).To(Equal(crmv1.TenantDatabaseStatus{Server: serverRef, Name: databaseOf("test", acme)}))
		Expect(acme.Status.Service.Hosts).To(Equal([]string{acme.Name + ".localhost"}))
		Expect(acme.Status.Service.URL).To(Equal("http://" + acme.Name + ".localhost:8080"))
		Expect(acme.Status.Schema.Revision).To(Equal(int64(1)))
		Expect(condition(ctx, acme, crmv1.ConditionSchemaSynced)()).To(HavePrefix("True/Synced"))
		Expect(customersHave(ctx, acme, "name")).To(BeTrue())

		account := secretOf(ctx, namespace, acme.Status.AdministratorSecret)
		Expect(string(account.Data["email"])).To(Equal("admin@" + acme.Name + ".localhost"))
		Expect(account.Data["password"]).NotTo(BeEmpty())
		expect.Conforms(Default, acme, string(account.Data["password"]))

		reporting := secretOf(ctx, namespace, acme.Status.BISecret)
		Expect(connectAs(ctx, reporting, string(reporting.Data["dbname"]))).To(Succeed())
		neighbour := gen.Tenant(env.Cluster(GinkgoT()).Namespace(GinkgoT()), "neighbour-"+namespace)
		create(ctx, neighbour)
		becomesReady(ctx, neighbour)
		Expect(connectAs(ctx, reporting, neighbour.Status.Database.Name)).NotTo(Succeed(), "a tenant's login does not open another's database")
		Expect(connectAs(ctx, reporting, platform.systemDatabase)).NotTo(Succeed(), "nor the platform's")
	})

	It("is refused when the namespace has an older one, and harms nothing", func(ctx SpecContext) {
		older := gen.Tenant(namespace, "older-"+namespace)
		create(ctx, older)
		becomesReady(ctx, older)
		younger := gen.Tenant(namespace, "younger-"+namespace)
		create(ctx, younger)
		Eventually(ctx, condition(ctx, younger, crmv1.ConditionReady)).Should(HavePrefix("False/TenantNotUnique: the namespace belongs to Tenant older-"))
		expect.Conforms(Default, younger)
		Expect(younger.Finalizers).To(BeEmpty(), "it made nothing that it had to clean up")
		Expect(query(ctx, "postgres", "SELECT count(*)::text FROM pg_database WHERE datname = $1", databaseOf("test", younger))).To(Equal("0"))
		becomesReady(ctx, older)

		remove(ctx, younger)
		becomesReady(ctx, older)
		Expect(customersHave(ctx, older, "name")).To(BeTrue(), "deleting the younger one leaves the older one's database")
	})

	It("gets a host only if no older tenant claimed it", func(ctx SpecContext) {
		host := "shared-" + namespace + ".localhost"
		first := gen.Tenant(namespace, "first", gen.TenantHosts(host))
		create(ctx, first)
		becomesReady(ctx, first)
		elsewhere := env.Cluster(GinkgoT()).Namespace(GinkgoT())
		second := gen.Tenant(elsewhere, "second", gen.TenantHosts(host))
		create(ctx, second)
		Eventually(ctx, condition(ctx, second, crmv1.ConditionServiceReady)).Should(HavePrefix("False/HostConflict: spec.service.hosts[0]: " + host + " belongs to Tenant " + namespace + "/first"))
		expect.Conforms(Default, second)
		becomesReady(ctx, first)

		remove(ctx, first)
		becomesReady(ctx, second)
	})

	It("is told when its host lies under no domain of the platform", func(ctx SpecContext) {
		acme := gen.Tenant(namespace, "acme", gen.TenantHosts("acme.example.org"))
		create(ctx, acme)
		Eventually(ctx, condition(ctx, acme, crmv1.ConditionReady)).Should(HavePrefix("False/HostNotAllowed: spec.service.hosts[0]: acme.example.org lies under none"))
		expect.Conforms(Default, acme)
	})

	It("is told when no server may be used", func(ctx SpecContext) {
		acme := gen.Tenant(namespace, "acme", gen.TenantServer("nowhere"))
		create(ctx, acme)
		Eventually(ctx, condition(ctx, acme, crmv1.ConditionReady)).Should(HavePrefix("False/NoDatabaseServer: spec.database.server: there is no DatabaseServer nowhere"))
		expect.Conforms(Default, acme)
	})

	It("leaves its database behind when it is deleted, and no successor inherits it unasked", func(ctx SpecContext) {
		acme := gen.Tenant(namespace, "acme")
		create(ctx, acme)
		becomesReady(ctx, acme)
		reporting := secretOf(ctx, namespace, acme.Status.BISecret)
		database := databaseOf("test", acme)
		query(ctx, database, `WITH made AS (INSERT INTO crm.customer (id, name) VALUES (gen_random_uuid(), 'Old customer') RETURNING name) SELECT name FROM made`)
		remove(ctx, acme)
		Expect(query(ctx, database, "SELECT count(*)::text FROM crm.customer")).To(Equal("1"), "Retain is the default")
		Expect(connectAs(ctx, reporting, database)).NotTo(Succeed(), "a retained database is closed to logins")

		successor := gen.Tenant(namespace, "acme")
		create(ctx, successor)
		Eventually(ctx, condition(ctx, successor, crmv1.ConditionReady)).Should(And(
			HavePrefix("False/DatabaseRetained: an earlier tenant of this name left database "+database),
			ContainSubstring("spec.adoptions of DatabaseServer "+serverRef)))
		expect.Conforms(Default, successor)

		var server crmv1.DatabaseServer
		Expect(kube.Get(ctx, types.NamespacedName{Name: serverRef}, &server)).To(Succeed())
		server.Spec.Adoptions = append(server.Spec.Adoptions, crmv1.Adoption{Namespace: namespace, Tenant: "acme", Database: database})
		Expect(kube.Update(ctx, &server)).To(Succeed())
		becomesReady(ctx, successor)
		Expect(query(ctx, database, "SELECT count(*)::text FROM crm.customer")).To(Equal("1"), "an adopted database keeps its records")
	})

	It("takes its database with it when its policy says so", func(ctx SpecContext) {
		acme := gen.Tenant(namespace, "acme", gen.TenantDeletes)
		create(ctx, acme)
		becomesReady(ctx, acme)
		remove(ctx, acme)
		Expect(query(ctx, "postgres", "SELECT count(*)::text FROM pg_database WHERE datname = $1", databaseOf("test", acme))).To(Equal("0"))
		Expect(query(ctx, "postgres", "SELECT count(*)::text FROM pg_roles WHERE rolname LIKE $1", databaseOf("test", acme)+"%")).To(Equal("0"))
		again := gen.Tenant(namespace, "acme")
		create(ctx, again)
		becomesReady(ctx, again)
	})

	It("never drops a database that Kontor did not make", func(ctx SpecContext) {
		acme := gen.Tenant(namespace, "acme", gen.TenantDeletes)
		_, err := env.Postgres(GinkgoT()).Admin(GinkgoT()).Exec(ctx, "CREATE DATABASE "+databaseOf("test", acme))
		Expect(err).NotTo(HaveOccurred())
		create(ctx, acme)
		Eventually(ctx, condition(ctx, acme, crmv1.ConditionReady)).Should(HavePrefix("False/DatabaseConflict"))
		expect.Conforms(Default, acme)
		remove(ctx, acme)
		Expect(query(ctx, "postgres", "SELECT count(*)::text FROM pg_database WHERE datname = $1", databaseOf("test", acme))).To(Equal("1"))
	})

	It("tells its reporting tools where the server went", func(ctx SpecContext) {
		name := "moving-" + namespace
		moving := addServer(ctx, name, admin(), func(s *crmv1.DatabaseServer) { s.Spec.AllowedNamespaces = []string{namespace} })
		DeferCleanup(func(ctx SpecContext) { remove(ctx, moving) })
		acme := gen.Tenant(namespace, "acme", gen.TenantServer(name))
		create(ctx, acme)
		becomesReady(ctx, acme)
		before := secretOf(ctx, namespace, acme.Status.BISecret)
		Expect(kube.Get(ctx, client.ObjectKeyFromObject(moving), moving)).To(Succeed())
		moving.Spec.Address.Host = "localhost"
		Expect(kube.Update(ctx, moving)).To(Succeed())
		Eventually(ctx, func() string { return string(secretOf(ctx, namespace, acme.Status.BISecret).Data["host"]) }).Should(Equal("localhost"))
		after := secretOf(ctx, namespace, acme.Status.BISecret)
		Expect(after.Data["password"]).To(Equal(before.Data["password"]))
		Expect(connectAs(ctx, after, acme.Status.Database.Name)).To(Succeed())
		remove(ctx, acme)
	})

	It("gets no second database while the one that it has is out of sight", func(ctx SpecContext) {
		name := "home-" + namespace
		home := addServer(ctx, name, admin(), func(s *crmv1.DatabaseServer) { s.Spec.AllowedNamespaces = []string{namespace} })
		acme := gen.Tenant(namespace, "acme", gen.TenantServer(name))
		create(ctx, acme)
		becomesReady(ctx, acme)
		entries := "SELECT host || ':' || port FROM directory WHERE key = $1"
		served := query(ctx, platform.systemDatabase, entries, namespace+"/acme")

		By("the server allows the namespace no more")
		Expect(kube.Get(ctx, client.ObjectKeyFromObject(home), home)).To(Succeed())
		home.Spec.AllowedNamespaces = []string{"nobody"}
		Expect(kube.Update(ctx, home)).To(Succeed())
		acme.Spec.Database.Server = ""
		Expect(kube.Update(ctx, acme)).To(Succeed())
		becomesReady(ctx, acme)
		Expect(acme.Status.Database.Server).To(Equal(name))

		By("the server's object goes, though another server would be free")
		remove(ctx, home)
		Eventually(ctx, condition(ctx, acme, crmv1.ConditionDatabaseReady)).Should(HavePrefix("False/DatabaseServerNotReady: its database is on DatabaseServer " + name))
		expect.Conforms(Default, acme)
		Expect(acme.Status.Database.Server).To(Equal(name))
		Expect(query(ctx, platform.systemDatabase, entries, namespace+"/acme")).To(Equal(served))

		By("it comes back")
		home = gen.DatabaseServer(name, admin())
		create(ctx, home)
		DeferCleanup(func(ctx SpecContext) { remove(ctx, home) })
		becomesReady(ctx, acme)

		By("somebody drops the database")
		execute(ctx, "postgres", "DROP DATABASE "+databaseOf("test", acme)+" WITH (FORCE)")
		ask(ctx, acme, "dropped")
		Eventually(ctx, condition(ctx, acme, crmv1.ConditionDatabaseReady)).Should(HavePrefix("False/DatabaseMissing: "))
		expect.Conforms(Default, acme)
		remove(ctx, acme)
	})

	It("goes although a server that is none of its business is broken", func(ctx SpecContext) {
		name := "broken-" + namespace
		at := admin()
		at.Password = ""
		broken := addServer(ctx, name, at, unused)
		DeferCleanup(func(ctx SpecContext) { remove(ctx, broken) })
		acme := gen.Tenant(namespace, "acme")
		create(ctx, acme)
		becomesReady(ctx, acme)
		remove(ctx, acme)
	})

	It("leaves no roles behind when its deletion was broken off", func(ctx SpecContext) {
		acme := gen.Tenant(namespace, "acme", gen.TenantDeletes)
		create(ctx, acme)
		becomesReady(ctx, acme)
		execute(ctx, "postgres", "DROP DATABASE "+databaseOf("test", acme)+" WITH (FORCE)") // as far as the broken one came
		remove(ctx, acme)
		Expect(query(ctx, "postgres", "SELECT count(*)::text FROM pg_roles WHERE rolname LIKE $1", databaseOf("test", acme)+"%")).To(Equal("0"))
	})

	It("swaps its hosts with another", func(ctx SpecContext) {
		a, b := "a-"+namespace+".localhost", "b-"+namespace+".localhost"
		elsewhere := env.Cluster(GinkgoT()).Namespace(GinkgoT())
		first, second := gen.Tenant(namespace, "first", gen.TenantHosts(a)), gen.Tenant(elsewhere, "second", gen.TenantHosts(b))
		create(ctx, first, second)
		becomesReady(ctx, first)
		becomesReady(ctx, second)
		first.Spec.Service.Hosts, second.Spec.Service.Hosts = []string{b}, []string{a}
		Expect(kube.Update(ctx, first)).To(Succeed())
		Expect(kube.Update(ctx, second)).To(Succeed())
		becomesReady(ctx, first)
		becomesReady(ctx, second)
		Expect(query(ctx, platform.systemDatabase, "SELECT key FROM directory_host WHERE host = $1", b)).To(Equal(namespace + "/first"))
	})

	It("gets a first administrator although users have a required field", func(ctx SpecContext) {
		acme := gen.Tenant(namespace, "acme", gen.TenantHosts("required-"+namespace+".localhost"))
		region := gen.CustomField(namespace, "user", "region", func(f *crmv1.CustomField) { f.Spec.Required = true })
		create(ctx, acme, region)
		becomesReady(ctx, acme)
		Eventually(ctx, condition(ctx, region, crmv1.ConditionAccepted)).Should(HavePrefix("False/Invalid: spec.required: "))
	})

	It("makes the reporting login anew when the Secret is of no use", func(ctx SpecContext) {
		acme := gen.Tenant(namespace, "acme")
		create(ctx, acme)
		becomesReady(ctx, acme)
		lost := secretOf(ctx, namespace, acme.Status.BISecret)
		delete(lost.Data, "password")
		Expect(kube.Update(ctx, lost)).To(Succeed())
		ask(ctx, acme, "lost")
		Eventually(ctx, func() error {
			return connectAs(ctx, secretOf(ctx, namespace, acme.Status.BISecret), acme.Status.Database.Name)
		}).Should(Succeed())
	})

	It("goes although the Secret of its server is gone", func(ctx SpecContext) {
		name := "lost-" + namespace
		lost := addServer(ctx, name, admin(), func(s *crmv1.DatabaseServer) { s.Spec.AllowedNamespaces = []string{namespace} })
		DeferCleanup(func(ctx SpecContext) { remove(ctx, lost) })
		acme := gen.Tenant(namespace, "acme", gen.TenantServer(name))
		create(ctx, acme)
		becomesReady(ctx, acme)
		Expect(acme.Status.Database.Server).To(Equal(name))
		remove(ctx, secretOf(ctx, ownNamespace, name))
		remove(ctx, acme)
	})

	It("goes within a minute with its namespace, and the database stays", func(ctx SpecContext) {
		doomed := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "doomed-"}}
		create(ctx, doomed)
		acme := gen.Tenant(doomed.Name, "acme")
		create(ctx, acme, gen.CustomField(doomed.Name, "customer", "tier"))
		becomesReady(ctx, acme)
		Expect(kube.Delete(ctx, doomed)).To(Succeed())
		Eventually(ctx, func() bool {
			return apierrors.IsNotFound(kube.Get(ctx, client.ObjectKeyFromObject(doomed), doomed))
		}).WithTimeout(time.Minute).Should(BeTrue())
		Expect(customersHave(ctx, acme, "x_tier")).To(BeTrue())
	})
})

var _ = Describe("The configuration of a tenant", func() {
	var namespace string
	var acme *crmv1.Tenant
	BeforeEach(func(ctx SpecContext) {
		namespace = env.Cluster(GinkgoT()).Namespace(GinkgoT())
		acme = gen.Tenant(namespace, "acme", gen.TenantHosts("acme-"+namespace+".localhost"))
		create(ctx, acme)
		becomesReady(ctx, acme)
	})

	It("is applied as one plan, however many resources come together", func(ctx SpecContext) {
		before := len(plansOf(ctx, namespace))
		var last *crmv1.CustomField
		for i := range 50 {
			last = gen.CustomField(namespace, "customer", fmt.Sprintf("field-%02d", i))
			create(ctx, last)
		}
		becomesReady(ctx, last)
		Expect(customersHave(ctx, acme, "x_field-00")).To(BeTrue())
		Expect(customersHave(ctx, acme, "x_field-49")).To(BeTrue())
		plans := plansOf(ctx, namespace)
		Expect(plans).To(HaveLen(before + 1))
		slices.SortFunc(plans, func(a, b crmv1.ChangePlan) int { return int(b.Status.Revision - a.Status.Revision) })
		newest := plans[0]
		Expect(newest.Status.Phase).To(Equal(crmv1.PlanApplied))
		Expect(newest.Status.TotalChanges).To(BeNumerically(">=", 50))
		Expect(newest.Status.Changes[0].Class).To(Equal(crmv1.ChangeSafe))
		expect.Conforms(Default, &newest)
	})

	It("is applied but for what is wrong, which says so on itself", func(ctx SpecContext) {
		good := gen.CustomField(namespace, "customer", "good")
		nowhere := gen.CustomField(namespace, "custommer", "nowhere")
		taken := gen.CustomField(namespace, "customer", "taken", gen.FieldName("name"))
		create(ctx, good, nowhere, taken)
		becomesReady(ctx, good)
		Eventually(ctx, condition(ctx, nowhere, crmv1.ConditionReady)).Should(And(HavePrefix("False/ObjectNotFound: spec.object: "), ContainSubstring("customer")))
		Eventually(ctx, condition(ctx, taken, crmv1.ConditionReady)).Should(HavePrefix("False/NameConflict: spec.name: "))
		expect.Conforms(Default, nowhere)
		expect.Conforms(Default, taken)
		Eventually(ctx, condition(ctx, acme, crmv1.ConditionSchemaSynced)).Should(And(
			HavePrefix("False/ResourcesInvalid"), ContainSubstring("CustomField/nowhere"), ContainSubstring("CustomField/taken")))
		becomesReady(ctx, acme)
	})

	It("is kept beside the schema for the people of the tenant to read", func(ctx SpecContext) {
		kept := func(name string) string {
			return query(ctx, databaseOf("test", acme), `SELECT (SELECT concat_ws(' ', kind, object, generation, ready, reason, message) FROM kontor.resource WHERE name = $1)`, name)
		}
		good := gen.CustomField(namespace, "customer", "good", gen.FieldLength(20))
		nowhere := gen.CustomField(namespace, "custommer", "nowhere")
		create(ctx, good, nowhere)
		becomesReady(ctx, good)
		Eventually(ctx, kept).WithArguments("nowhere").Should(HavePrefix("CustomField custommer 1 f ObjectNotFound spec.object: "))
		Eventually(ctx, kept).WithArguments("good").Should(HavePrefix("CustomField customer 1 t Applied "))
		yaml := query(ctx, databaseOf("test", acme), `SELECT yaml FROM kontor.resource WHERE name = 'good'`)
		Expect(yaml).To(And(HavePrefix("apiVersion: crm.kontor.dev/v1alpha1\nkind: CustomField\nmetadata:\n  name: good\nspec:\n"), ContainSubstring("length: 20"), Not(ContainSubstring("status"))))

		good.Spec.Type, good.Spec.Length = crmv1.FieldInteger, 0
		Expect(kube.Update(ctx, good)).To(Succeed())
		becomesReady(ctx, good)
		Eventually(ctx, kept).WithArguments("good").Should(HavePrefix("CustomField customer 2 t Applied "))
		remove(ctx, nowhere)
		Eventually(ctx, kept).WithArguments("nowhere").Should(BeEmpty())
	})

	It("keeps two fields from one name, and the older has it", func(ctx SpecContext) {
		first := gen.CustomField(namespace, "customer", "b-first", gen.FieldName("tier"))
		create(ctx, first)
		becomesReady(ctx, first)
		second := gen.CustomField(namespace, "customer", "a-second", gen.FieldName("tier"))
		create(ctx, second)
		Eventually(ctx, condition(ctx, second, crmv1.ConditionAccepted)).Should(And(HavePrefix("False/NameConflict: spec.name: "), ContainSubstring("CustomField b-first")))
		becomesReady(ctx, first)
	})

	It("widens what is safe and refuses what is not, with the change's name", func(ctx SpecContext) {
		tier := gen.CustomField(namespace, "customer", "tier", gen.FieldLength(20))
		other := gen.CustomField(namespace, "customer", "other")
		create(ctx, tier, other)
		becomesReady(ctx, tier)
		query(ctx, databaseOf("test", acme), `WITH made AS (INSERT INTO crm.customer (id, name, x_tier) VALUES (gen_random_uuid(), 'A', 'gold') RETURNING name) SELECT name FROM made`)

		tier.Spec.Length = 40
		Expect(kube.Update(ctx, tier)).To(Succeed())
		becomesReady(ctx, tier)

		tier.Spec.Type, tier.Spec.Length = crmv1.FieldGeo, 0
		Expect(kube.Update(ctx, tier)).To(Succeed())
		Eventually(ctx, condition(ctx, tier, crmv1.ConditionApplied)).Should(And(HavePrefix("False/ChangeRefused: "), ContainSubstring("tier"), ContainSubstring("geo")))
		expect.Conforms(Default, tier)
		Eventually(ctx, condition(ctx, acme, crmv1.ConditionSchemaSynced)).Should(And(HavePrefix("False/ChangesRefused"), ContainSubstring("CustomField/tier")))
		becomesReady(ctx, acme)

		another := gen.CustomField(namespace, "customer", "another")
		create(ctx, another)
		becomesReady(ctx, another)

		tier.Spec.Type, tier.Spec.Length = crmv1.FieldText, 40
		Expect(kube.Update(ctx, tier)).To(Succeed())
		becomesReady(ctx, tier)
		Eventually(ctx, condition(ctx, acme, crmv1.ConditionSchemaSynced)).Should(HavePrefix("True/Synced"))
	})

	It("holds the change of a field that holds the stages of a pipeline, and goes on with the rest", func(ctx SpecContext) {
		phase := gen.CustomField(namespace, "customer", "phase", gen.FieldType(crmv1.FieldPicklist), func(f *crmv1.CustomField) {
			f.Spec.Options = []crmv1.Option{{Key: "open"}}
		})
		path := gen.Pipeline(namespace, "path", func(p *crmv1.Pipeline) { p.Spec.Object, p.Spec.Field = "customer", "phase" })
		create(ctx, phase, path)
		becomesReady(ctx, phase)
		becomesReady(ctx, path)
		query(ctx, databaseOf("test", acme), `WITH made AS (INSERT INTO crm.customer (id, name, x_phase) VALUES (gen_random_uuid(), 'A', NULL) RETURNING name) SELECT name FROM made`)
		phase.Spec.Required = true
		Expect(kube.Update(ctx, phase)).To(Succeed())
		other := gen.CustomField(namespace, "customer", "other")
		create(ctx, other)
		Eventually(ctx, condition(ctx, phase, crmv1.ConditionApplied)).Should(And(HavePrefix("False/ApprovalRequired: "), ContainSubstring("required: 1 record does not bear it")))
		becomesReady(ctx, other)
		becomesReady(ctx, path)
		expect.Conforms(Default, phase)
	})

	It("takes up rules and indexes over several fields, and says what is wrong with others", func(ctx SpecContext) {
		rule := gen.ValidationRule(namespace, "customer", "named", "name != null && email != null")
		index := gen.ObjectIndex(namespace, "customer", "by-kind", []string{"kind", "name"})
		typo := gen.ValidationRule(namespace, "customer", "typo", "nam != null")
		nowhere := gen.ObjectIndex(namespace, "custmer", "nowhere", []string{"name"})
		create(ctx, rule, index, typo, nowhere)
		becomesReady(ctx, rule)
		becomesReady(ctx, index)
		Eventually(ctx, condition(ctx, typo, crmv1.ConditionAccepted)).Should(HavePrefix(`False/Invalid: spec.expression: 1:1: no field "nam" in customer`))
		Eventually(ctx, condition(ctx, nowhere, crmv1.ConditionAccepted)).Should(HavePrefix(`False/ObjectNotFound: spec.object: there is no object "custmer"`))
		for _, obj := range []crmv1.Object{rule, index, typo, nowhere} {
			expect.Conforms(Default, obj)
		}
		indexes := `SELECT count(*)::text FROM pg_indexes WHERE schemaname = 'crm' AND indexname LIKE 'customer\_i\_by-kind\_%'`
		Expect(query(ctx, databaseOf("test", acme), indexes)).To(Equal("1"))
		remove(ctx, index)
		Eventually(ctx, func() string { return query(ctx, databaseOf("test", acme), indexes) }).Should(Equal("0"))
	})

	It("says that nothing serves it any more when the Tenant is gone", func(ctx SpecContext) {
		tier := gen.CustomField(namespace, "customer", "tier")
		create(ctx, tier)
		becomesReady(ctx, tier)
		remove(ctx, acme)
		Eventually(ctx, condition(ctx, tier, crmv1.ConditionReady)).Should(HavePrefix("False/TenantMissing"))
		expect.Conforms(Default, tier)
	})

	It("says that it waits when its Tenant gets no database", func(ctx SpecContext) {
		stuck := env.Cluster(GinkgoT()).Namespace(GinkgoT())
		nowhere := gen.Tenant(stuck, "nowhere", gen.TenantServer("nowhere"))
		create(ctx, nowhere)
		tier := gen.CustomField(stuck, "customer", "tier")
		create(ctx, tier)
		Eventually(ctx, condition(ctx, tier, crmv1.ConditionReady)).Should(HavePrefix("False/Pending"))
		expect.Conforms(Default, tier)
	})

	It("keeps what was deleted while others need it, and all of them say so", func(ctx SpecContext) {
		tier := gen.CustomField(namespace, "customer", "tier")
		tiered := gen.ValidationRule(namespace, "customer", "tiered", "tier != null")
		create(ctx, tier)
		create(ctx, tiered)
		becomesReady(ctx, tiered)
		remove(ctx, tier)
		Eventually(ctx, condition(ctx, acme, crmv1.ConditionSchemaSynced)).Should(And(
			HavePrefix("False/InUse"), ContainSubstring("CustomField/tier (needed by ValidationRule/tiered)")))
		Eventually(ctx, condition(ctx, tiered, crmv1.ConditionReady)).Should(And(HavePrefix("False/InUse"), ContainSubstring("CustomField/tier")))
		Expect(condition(ctx, tiered, crmv1.ConditionApplied)()).To(HavePrefix("True"))
		expect.Conforms(Default, tiered)
		becomesReady(ctx, acme)

		remove(ctx, tiered)
		Eventually(ctx, condition(ctx, acme, crmv1.ConditionSchemaSynced)).Should(HavePrefix("True/Synced"))
		Eventually(ctx, retiredNames(ctx, acme)).Should(Equal("customer.tier"))
	})

	It("renames a field that others still call as before, and says so to them", func(ctx SpecContext) {
		tier := gen.CustomField(namespace, "customer", "tier")
		tiered := gen.ValidationRule(namespace, "customer", "tiered", "tier != null")
		create(ctx, tier)
		create(ctx, tiered)
		becomesReady(ctx, tiered)
		becomesReady(ctx, tier)
		before := tier.DeepCopy()
		tier.Spec.Name = "level"
		Expect(kube.Patch(ctx, tier, client.MergeFrom(before))).To(Succeed())
		Eventually(ctx, condition(ctx, tiered, crmv1.ConditionAccepted)).Should(And(HavePrefix("True"), ContainSubstring(`"tier" for customer.level`)))
		becomesReady(ctx, tier)
		becomesReady(ctx, tiered)
		Eventually(ctx, condition(ctx, acme, crmv1.ConditionSchemaSynced)).Should(HavePrefix("True/Synced"))
	})

	It("replaces the standard pipeline, and refuses one that points nowhere", func(ctx SpecContext) {
		sales := gen.Pipeline(namespace, "sales")
		create(ctx, sales)
		becomesReady(ctx, sales)
		broken := gen.Pipeline(namespace, "zbroken", func(p *crmv1.Pipeline) {
			p.Spec.Stages[0].AllowedMoves = []string{"nowhere"}
			p.Spec.Stages[0].Probability = ptr.To[int32](20)
		})
		if err := kube.Create(ctx, broken); err == nil {
			Eventually(ctx, condition(ctx, broken, crmv1.ConditionReady)).Should(And(HavePrefix("False/Invalid: "), ContainSubstring("spec.stages[0].allowedMoves[0]")))
		} else {
			Expect(err.Error()).To(ContainSubstring("spec.stages"))
		}
		becomesReady(ctx, acme)
	})

	It("heals what somebody changed by hand", func(ctx SpecContext) {
		tier := gen.CustomField(namespace, "customer", "tier")
		create(ctx, tier)
		becomesReady(ctx, tier)
		execute(ctx, databaseOf("test", acme), `ALTER TABLE crm.customer DROP COLUMN x_tier CASCADE`)
		ask(ctx, acme, "after-drift")
		Eventually(ctx, func() bool { return customersHave(ctx, acme, "x_tier") }).Should(BeTrue())
		becomesReady(ctx, acme)
	})

	It("tells what differs and since when, and leaves it, where the policy is to report", func(ctx SpecContext) {
		acme.Spec.DriftPolicy = crmv1.DriftReport
		Expect(kube.Update(ctx, acme)).To(Succeed())
		tier := gen.CustomField(namespace, "customer", "tier", gen.FieldLength(40), func(f *crmv1.CustomField) { f.Spec.Indexed = true })
		create(ctx, tier)
		becomesReady(ctx, tier)
		becomesReady(ctx, acme)
		execute(ctx, databaseOf("test", acme), `DO $$ DECLARE name text; BEGIN
			SELECT conname INTO name FROM pg_constraint WHERE conname LIKE 'x_tier_max_length_%'; EXECUTE format('ALTER TABLE crm.customer DROP CONSTRAINT %I', name);
			SELECT relname INTO name FROM pg_class WHERE relname LIKE 'customer_x_tier_ix_%'; EXECUTE format('DROP INDEX crm.%I', name); END $$`)
		ask(ctx, acme, "after-drift")
		Eventually(ctx, condition(ctx, acme, crmv1.ConditionSchemaSynced)).Should(HavePrefix("False/Drifted: "))
		drift := acme.Status.Drift
		Expect(drift).To(HaveLen(2))
		for _, item := range drift {
			Expect(item.Resource).To(Equal("CustomField/tier"))
			Expect(item.Summary).To(ContainSubstring(`field "tier" of customer`))
			Expect(item.Since.IsZero()).To(BeFalse())
		}
		expect.Conforms(Default, acme)
		ask(ctx, acme, "again")
		Eventually(ctx, func() string {
			_ = expect.Condition(ctx, kube, acme, crmv1.ConditionReady)
			return acme.Status.LastHandledReconcileAt
		}).Should(Equal("again"))
		Expect(acme.Status.Drift).To(Equal(drift))

		acme.Spec.DriftPolicy = crmv1.DriftHeal
		Expect(kube.Update(ctx, acme)).To(Succeed())
		Eventually(ctx, condition(ctx, acme, crmv1.ConditionSchemaSynced)).Should(HavePrefix("True/Synced"))
		Expect(acme.Status.Drift).To(BeEmpty())
	})

	It("puts right what somebody did to rights and roles", func(ctx SpecContext) {
		database := databaseOf("test", acme)
		may := func() string {
			return query(ctx, database, `SELECT format('deletes %s, reads %s, enters %s, owns %s', has_table_privilege($1 || '_app', 'crm.customer', 'DELETE'),
				has_table_privilege($1 || '_bi', 'crm.customer', 'SELECT'), rolcanlogin, pg_get_userbyid(relowner) = rolname) FROM pg_roles, pg_class WHERE rolname = $1 || '_owner' AND pg_class.oid = 'crm.customer'::regclass`, database)
		}
		const damage = `REVOKE DELETE ON crm.customer FROM %[1]s_app; GRANT SELECT ON crm.customer TO %[1]s_bi; ALTER ROLE %[1]s_owner LOGIN; ALTER TABLE crm.customer OWNER TO CURRENT_USER`
		acme.Spec.DriftPolicy = crmv1.DriftReport
		Expect(kube.Update(ctx, acme)).To(Succeed())
		execute(ctx, database, fmt.Sprintf(damage, database))
		ask(ctx, acme, "after-damage")
		Eventually(ctx, condition(ctx, acme, crmv1.ConditionSchemaSynced)).Should(
			And(HavePrefix("False/Drifted: "), ContainSubstring("give table crm.customer to its owner's role"), ContainSubstring("change the owner's role: NOLOGIN")))
		Expect(may()).To(Equal("deletes f, reads t, enters t, owns f"))
		becomesReady(ctx, acme)

		acme.Spec.DriftPolicy = crmv1.DriftHeal
		Expect(kube.Update(ctx, acme)).To(Succeed())
		Eventually(ctx, may).Should(Equal("deletes t, reads f, enters f, owns t"))
		Eventually(ctx, condition(ctx, acme, crmv1.ConditionSchemaSynced)).Should(HavePrefix("True/Synced"))
		Expect(acme.Status.Drift).To(BeEmpty())
	})

	It("puts back no rule that records no longer bear, and says so", func(ctx SpecContext) {
		tier := gen.CustomField(namespace, "customer", "tier", gen.FieldLength(4))
		create(ctx, tier)
		becomesReady(ctx, tier)
		database := databaseOf("test", acme)
		execute(ctx, database, `DO $$ DECLARE name text; BEGIN
			SELECT conname INTO name FROM pg_constraint WHERE conname LIKE 'x_tier_max_length_%'; EXECUTE format('ALTER TABLE crm.customer DROP CONSTRAINT %I', name); END $$`)
		execute(ctx, database, `INSERT INTO crm.customer (id, name, x_tier) VALUES (gen_random_uuid(), 'A', 'too long')`)
		ask(ctx, acme, "after-damage")
		Eventually(ctx, condition(ctx, acme, crmv1.ConditionSchemaSynced)).Should(And(HavePrefix("False/HealBlocked: "), ContainSubstring(`"tier": at most 4 characters`)))
		Expect(acme.Status.Drift).To(HaveLen(1))
		Expect(acme.Status.Drift[0].Reason).To(HavePrefix("1 record does not bear it and has to be mended first: "))
		becomesReady(ctx, acme)

		execute(ctx, database, `UPDATE crm.customer SET x_tier = 'fits'`)
		ask(ctx, acme, "after-mending")
		Eventually(ctx, condition(ctx, acme, crmv1.ConditionSchemaSynced)).Should(HavePrefix("True/Synced"))
		Expect(acme.Status.Drift).To(BeEmpty())
	})

	It("tells what somebody made by hand, and leaves it", func(ctx SpecContext) {
		execute(ctx, databaseOf("test", acme), `ALTER TABLE crm.customer ADD COLUMN shoe_size integer`)
		ask(ctx, acme, "after-drift")
		Eventually(ctx, condition(ctx, acme, crmv1.ConditionSchemaSynced)).Should(
			And(HavePrefix("False/Drifted: "), ContainSubstring(`no schema knows it: unknown column "shoe_size" in table "customer"`)))
		Expect(acme.Status.Drift).To(HaveLen(1))
		Expect(acme.Status.Drift[0].Object).To(Equal("customer"))
		Expect(customersHave(ctx, acme, "shoe_size")).To(BeTrue())
		becomesReady(ctx, acme)
		expect.Conforms(Default, acme)

		execute(ctx, databaseOf("test", acme), `ALTER TABLE crm.customer DROP COLUMN shoe_size`)
		ask(ctx, acme, "after-mending")
		Eventually(ctx, condition(ctx, acme, crmv1.ConditionSchemaSynced)).Should(HavePrefix("True/Synced"))
		Expect(acme.Status.Drift).To(BeEmpty())
	})

	It("heals nothing that would lose data, and says so", func(ctx SpecContext) {
		tier := gen.CustomField(namespace, "customer", "tier")
		create(ctx, tier)
		becomesReady(ctx, tier)
		execute(ctx, databaseOf("test", acme), `INSERT INTO crm.customer (id, name, x_tier) VALUES (gen_random_uuid(), 'A', '7')`)
		execute(ctx, databaseOf("test", acme), `DROP VIEW bi.customer CASCADE; ALTER TABLE crm.customer ALTER COLUMN x_tier TYPE varchar(30)`)
		ask(ctx, acme, "after-drift")
		Eventually(ctx, condition(ctx, acme, crmv1.ConditionSchemaSynced)).Should(And(HavePrefix("False/HealBlocked: "), ContainSubstring("tier")))
		Expect(acme.Status.Drift).To(HaveLen(1))
		Expect(acme.Status.Drift[0].Reason).To(ContainSubstring("somebody changed it by hand"))
		becomesReady(ctx, acme)
	})

	It("waits for a Tenant when there is none", func(ctx SpecContext) {
		empty := env.Cluster(GinkgoT()).Namespace(GinkgoT())
		orphan := gen.CustomField(empty, "customer", "orphan")
		create(ctx, orphan)
		Eventually(ctx, condition(ctx, orphan, crmv1.ConditionReady)).Should(HavePrefix("False/TenantMissing"))
		expect.Conforms(Default, orphan)
		late := gen.Tenant(empty, "late", gen.TenantHosts("late-"+empty+".localhost"))
		create(ctx, late)
		becomesReady(ctx, orphan)
	})
})

var _ = Describe("An operator", Serial, func() {
	It("writes nothing when it looks again at what is in order", func(ctx SpecContext) {
		namespace := env.Cluster(GinkgoT()).Namespace(GinkgoT())
		acme := gen.Tenant(namespace, "acme", gen.TenantHosts("quiet-"+namespace+".localhost"))
		tier := gen.CustomField(namespace, "customer", "tier")
		create(ctx, acme, tier)
		becomesReady(ctx, acme)
		becomesReady(ctx, tier)
		settled(ctx)

		writes, statements := platform.apiWrites.Load(), platform.statements.Load()
		ask(ctx, acme, "first")
		Eventually(ctx, func() string {
			_ = expect.Condition(ctx, kube, acme, crmv1.ConditionReady)
			return acme.Status.LastHandledReconcileAt
		}).Should(Equal("first"))
		settled(ctx)
		Expect(platform.apiWrites.Load()-writes).To(Equal(int64(1)), "only the answer to the request is written")
		Expect(platform.statements.Load()-statements).To(BeNumerically("<=", 20), "the statements of one look")
		Expect(plansOf(ctx, namespace)).To(HaveLen(1))
	})

	It("converges after a crash at any step", func(ctx SpecContext) {
		DeferCleanup(func() {
			platform.stop()
			platform = startOperator(suite{GinkgoT()}, env.Cluster(GinkgoT()).Config(), operatorOptions{})
		})
		died := true
		for after := 0; died && after < 30; after++ {
			namespace := env.Cluster(GinkgoT()).Namespace(GinkgoT())
			By(fmt.Sprintf("dying at call %d", after+1))
			crashing := &crash{after: int64(after)}
			installation := fmt.Sprintf("crash-%d", after)
			platform.stop()
			dying := startOperator(GinkgoT(), env.Cluster(GinkgoT()).Config(), operatorOptions{installation: installation, decorate: crashing.decorate})
			acme := gen.Tenant(namespace, "acme", gen.TenantHosts("crash-"+namespace+".localhost"))
			create(ctx, acme, gen.CustomField(namespace, "customer", "tier"))
			Eventually(ctx, func() bool {
				_ = expect.Condition(ctx, kube, acme, crmv1.ConditionReady)
				return crashing.died.Load() || expect.ProgressOf(acme) == expect.Current
			}).Should(BeTrue())
			dying.stop()
			died = crashing.died.Load()

			platform = startOperator(GinkgoT(), env.Cluster(GinkgoT()).Config(), operatorOptions{installation: installation})
			becomesReady(ctx, acme)
			Expect(query(ctx, databaseOf(installation, acme), `SELECT count(*)::text FROM information_schema.columns WHERE table_schema = 'crm' AND table_name = 'customer' AND column_name = 'x_tier'`)).To(Equal("1"))
			Expect(query(ctx, databaseOf(installation, acme), `SELECT count(*)::text FROM kontor.credential WHERE administrator`)).To(Equal("1"))
			remove(ctx, acme)
		}
		Expect(died).To(BeFalse(), "every call was reached")
	}, SpecTimeout(8*time.Minute))
})

// settled waits until the tenants of other specs are gone and the operator has been quiet for a while.
func settled(ctx context.Context) {
	GinkgoHelper()
	Eventually(ctx, func(g Gomega) {
		var tenants crmv1.TenantList
		g.Expect(kube.List(ctx, &tenants)).To(Succeed())
		for i := range tenants.Items {
			var namespace corev1.Namespace
			g.Expect(kube.Get(ctx, types.NamespacedName{Name: tenants.Items[i].Namespace}, &namespace)).To(Succeed())
			g.Expect(namespace.DeletionTimestamp.IsZero()).To(BeTrue(), "Tenant %s is about to go", tenants.Items[i].Name)
		}
		before := platform.statements.Load() + platform.apiWrites.Load()
		g.Consistently(ctx, func() int64 { return platform.statements.Load() + platform.apiWrites.Load() }).
			WithTimeout(time.Second).Should(Equal(before))
	}).Should(Succeed())
}
