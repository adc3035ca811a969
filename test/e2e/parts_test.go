package e2e

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gexec"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	crmv1 "github.com/kontor-crm/kontor/api/v1alpha1"
	"github.com/kontor-crm/kontor/internal/secret"
	"github.com/kontor-crm/kontor/test/env"
	"github.com/kontor-crm/kontor/test/gen"
)

// parts are a site whose parts are processes of their own, as in a cluster.
type parts struct {
	*site

	cluster          *env.APIServer
	postgres         *env.PostgresServer
	port, systemPort int
	systemURLFile    string
	// operatorKubeconfig has the rights of the operator's ServiceAccount, no more.
	operatorKubeconfig string
	keyFile            string
	operator, server   *gexec.Session
}

// The operator's own namespace, and the DatabaseServer in it.
const (
	operatorNamespace = "kontor-system"
	operatorAccount   = "kontor-operator"
	databaseServer    = "main"
)

// newParts prepares everything that the operator and the server need; they do not run yet.
func newParts(ctx SpecContext) *parts {
	GinkgoHelper()
	t := GinkgoT()
	p := &parts{cluster: env.OwnCluster(t), postgres: env.Postgres(t), port: freePort(), systemPort: freePort()}
	p.site = newSite(p.cluster.Kubeconfig(), "127.0.0.1:"+strconv.Itoa(p.port))
	dir := t.TempDir()
	p.systemURLFile, p.keyFile = filepath.Join(dir, "system-url"), filepath.Join(dir, "key")
	Expect(os.WriteFile(p.systemURLFile, []byte(p.postgres.URL("kontor_parts")+"\n"), 0o600)).To(Succeed())
	Expect(os.WriteFile(p.keyFile, []byte(secret.NewKey()), 0o600)).To(Succeed())

	admin := secret.Connection{Host: p.postgres.Host, Port: p.postgres.Port, User: p.postgres.User, Password: p.postgres.Password}
	Expect(p.kube.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: operatorNamespace}})).To(Succeed())
	Expect(p.kube.Create(ctx, &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: operatorNamespace, Name: databaseServer},
		Data:       map[string][]byte{"username": []byte(admin.User), "password": []byte(admin.Password)},
	})).To(Succeed())
	Expect(p.kube.Create(ctx, gen.DatabaseServer(databaseServer, admin))).To(Succeed())
	p.operatorKubeconfig = p.bindOperator(ctx, filepath.Join(dir, "operator-kubeconfig"))
	DeferCleanup(func() {
		for _, program := range []*gexec.Session{p.operator, p.server} {
			if program != nil {
				program.Kill().Wait(patience)
			}
		}
	})
	return p
}

// bindOperator gives the operator the rights that an installation gives it, and
// writes a kubeconfig with nothing but them.
func (p *parts) bindOperator(ctx SpecContext, path string) string {
	GinkgoHelper()
	p.kubectl(ctx, "apply", "-k", filepath.Join(env.Root(GinkgoT()), "config", "rbac"), "-n", operatorNamespace)
	token := p.kubectl(ctx, "create", "token", operatorAccount, "-n", operatorNamespace, "--duration=1h")
	config, err := clientcmd.LoadFromFile(p.kubeconfig)
	Expect(err).NotTo(HaveOccurred())
	for name := range config.AuthInfos {
		config.AuthInfos[name] = &clientcmdapi.AuthInfo{Token: strings.TrimSpace(token)}
	}
	Expect(clientcmd.WriteToFile(*config, path)).To(Succeed())
	return path
}

// startOperator starts the operator. Without --leader-elect: after a kill it
// would wait until the lease of the killed one is over.
func (p *parts) startOperator(more ...string) {
	p.operator = start(nil, append([]string{
		"operator", "--kubeconfig", p.operatorKubeconfig, "--service-account", operatorNamespace + "/" + operatorAccount,
		"--system-database-url-file", p.systemURLFile, "--key-file", p.keyFile,
		"--installation", "e2e", "--namespace", operatorNamespace, "--url-port", strconv.Itoa(p.port), "--health-listen", "0", "--metrics-listen", "0",
	}, more...)...)
}

// startServer starts the service and waits until it says that it is ready.
func (p *parts) startServer(ctx SpecContext) {
	GinkgoHelper()
	system := "127.0.0.1:" + strconv.Itoa(p.systemPort)
	p.server = start(nil, "server", "--system-database-url-file", p.systemURLFile, "--key-file", p.keyFile, "--listen", p.address, "--listen-system", system)
	ready := (&site{address: system}).visitor("system.localhost")
	Eventually(ctx, func() (int, error) {
		a, err := ready.tryAsk(ctx, http.MethodGet, "/readyz", nil)
		if err != nil {
			return 0, err
		}
		return a.status, nil
	}).Should(Equal(http.StatusOK))
}

var _ = Describe("An operator and a server of their own", Ordered, ContinueOnFailure, func() {
	var p *parts
	BeforeAll(func(ctx SpecContext) {
		p = newParts(ctx)
		p.startOperator("--leader-elect")
		Eventually(ctx, func() []string {
			return query[string](ctx, p.postgres.URL("postgres"), `SELECT datname FROM pg_database WHERE datname = 'kontor_parts'`)
		}).Should(HaveLen(1))
		p.startServer(ctx)
	}, NodeTimeout(startPatience))

	It("serve while the API server is down, also a server that starts then, and learn of what changed meanwhile", func(ctx SpecContext) {
		t := p.newTenant(ctx, "steady")
		ann := t.administrator(ctx)
		before := ann.create(ctx, "customer", values{"name": "Before"})

		p.cluster.StopAPIServer()
		DeferCleanup(func(ctx SpecContext) { Expect(p.cluster.StartAPIServer(ctx)).To(Succeed()) })
		ann.get(ctx, "/api/v1/records/customer/"+before).is(http.StatusOK)
		during := ann.create(ctx, "customer", values{"name": "During"})

		Eventually(ctx, p.server.Terminate()).Should(gexec.Exit(0))
		p.startServer(ctx)
		ann.get(ctx, "/api/v1/records/customer/"+during).is(http.StatusOK)
		ann.create(ctx, "customer", values{"name": "After"})
		Expect(ann.count(ctx, "customer", "")).To(Equal(3))

		Expect(p.cluster.StartAPIServer(ctx)).To(Succeed())
		t.apply(ctx, fieldYAML(t.name, "later", "object: customer, type: text, default: unknown"))
		t.becomesReady(ctx, t.name, "customfield/later")
		Eventually(ctx, ann.fieldOfSchema).WithArguments(ctx, "customer", "later").WithTimeout(soon).ShouldNot(BeNil())
		Expect(p.operator.ExitCode()).To(Equal(-1), "the operator ended")
	}, SpecTimeout(startPatience))

	It("converge when the operator is killed at any moment and started again", func(ctx SpecContext) {
		random := rand.New(rand.NewPCG(uint64(GinkgoRandomSeed()), 0))
		var tenants []*tenant
		for i := range 5 {
			t := &tenant{site: p.site, name: fmt.Sprintf("shaken-%d", i)}
			t.host = t.name + ".localhost"
			tenants = append(tenants, t)
			t.apply(ctx, tenantYAML(t.name)+"---\n"+fieldYAML(t.name, "extra", "object: customer, type: text"))
			// The work has begun when the finalizer is there; a tenant takes some hundred milliseconds.
			Eventually(ctx, func() ([]string, error) {
				found := &crmv1.Tenant{}
				err := p.kube.Get(ctx, types.NamespacedName{Namespace: t.name, Name: t.name}, found)
				return found.Finalizers, err
			}).WithPolling(5 * time.Millisecond).ShouldNot(BeEmpty())
			after := time.Duration(random.IntN(600)) * time.Millisecond
			GinkgoWriter.Printf("killing the operator %s after it began with %s\n", after, t.name)
			time.AfterFunc(after, func() { p.operator.Kill() })
			Eventually(ctx, p.operator).Should(gexec.Exit())
			p.startOperator()
		}
		for _, t := range tenants {
			t.becomesReady(ctx, t.name, "tenant/"+t.name, "customfield/extra")
			t.administrator(ctx).create(ctx, "customer", values{"name": "Sound", "extra": "too"})
			Expect(query[string](ctx, t.reportingURI(ctx), `SELECT extra FROM bi.customer`)).To(ConsistOf("too"))
		}
		databases := query[string](ctx, p.postgres.URL("postgres"),
			`SELECT datname FROM pg_database WHERE shobj_description(oid, 'pg_database') LIKE '%"shaken-%'`)
		Expect(databases).To(HaveLen(len(tenants)), "a database was made twice, or is nobody's")
	}, SpecTimeout(startPatience))

	It("keep the database of a tenant whose namespace goes, and hand it to a successor of that name only on the platform's word", func(ctx SpecContext) {
		t := p.newTenant(ctx, "leaving")
		account := t.secret(ctx, t.status(ctx).AdministratorSecret)
		t.administrator(ctx).create(ctx, "customer", values{"name": "Left behind"})
		database := t.status(ctx).Database.Name
		t.kubectl(ctx, "delete", "namespace", t.name, "--timeout="+patience.String())
		nobody := p.visitor(t.host)
		Eventually(ctx, func() (int, error) {
			a, err := nobody.tryAsk(ctx, http.MethodGet, "/api/v1/schema", nil)
			if err != nil {
				return 0, err
			}
			return a.status, nil
		}).WithTimeout(soon).Should(Equal(http.StatusNotFound))
		Expect(query[string](ctx, p.postgres.URL(database), `SELECT name FROM crm.customer`)).To(ConsistOf("Left behind"))

		t.apply(ctx, tenantYAML(t.name))
		Eventually(ctx, func() string {
			return t.kubectl(ctx, "get", "tenant", t.name, "-n", t.name, "-o", `jsonpath={.status.conditions[?(@.type=="Ready")].reason}`)
		}).Should(Equal("DatabaseRetained"))
		Expect(query[string](ctx, p.postgres.URL(database), `SELECT name FROM crm.customer`)).To(ConsistOf("Left behind"))

		By("handing it over on the platform's word")
		t.kubectl(ctx, "patch", "databaseserver", databaseServer, "--type=merge", "-p",
			fmt.Sprintf(`{"spec":{"adoptions":[{"namespace":%q,"tenant":%q,"database":%q}]}}`, t.name, t.name, database))
		t.becomesReady(ctx, t.name, "tenant/"+t.name)
		ann := t.signIn(ctx, t.host, account["email"], account["password"])
		Expect(ann.list(ctx, "customer", "fields", "name").Items).To(ConsistOf(HaveKeyWithValue("name", "Left behind")))
		Expect(query[string](ctx, t.reportingURI(ctx), `SELECT name FROM bi.customer`)).To(ConsistOf("Left behind"))
	}, SpecTimeout(startPatience))
})
