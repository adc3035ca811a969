package controllers_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"net/url"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/jackc/pgx/v5"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	kubeconfig "sigs.k8s.io/controller-runtime/pkg/config"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	crmv1 "github.com/kontor-crm/kontor/api/v1alpha1"
	"github.com/kontor-crm/kontor/controllers"
	"github.com/kontor-crm/kontor/controllers/tenant"
	"github.com/kontor-crm/kontor/internal/provision"
	"github.com/kontor-crm/kontor/internal/reconcile"
	"github.com/kontor-crm/kontor/internal/rollout"
	"github.com/kontor-crm/kontor/internal/secret"
	"github.com/kontor-crm/kontor/test/env"
	"github.com/kontor-crm/kontor/test/gen"
)

func TestMain(m *testing.M) { env.Main(m) }

func TestControllers(t *testing.T) {
	RegisterFailHandler(Fail)
	SetDefaultEventuallyTimeout(60 * time.Second)
	EnforceDefaultTimeoutsWhenUsingContexts() // what never comes fails its own test, not the whole run
	SetDefaultEventuallyPollingInterval(50 * time.Millisecond)
	RunSpecs(t, "Controllers")
}

// The controllers work on real servers, all of them in one manager: what one
// test makes lies in namespaces of its own.
var (
	kube      client.Client
	postgres  *env.PostgresServer
	platform  *operator
	serverRef = "main"
)

// ahead is how far the controllers' clock is ahead of the real one.
var ahead atomic.Int64

// ownNamespace is the operator's, where the admin Secrets lie.
const ownNamespace = "kontor-system"

var scheme = newScheme()

func newScheme() *runtime.Scheme {
	s := runtime.NewScheme()
	if err := clientgoscheme.AddToScheme(s); err != nil {
		panic(err)
	}
	if err := crmv1.AddToScheme(s); err != nil {
		panic(err)
	}
	return s
}

var _ = BeforeSuite(func(ctx SpecContext) {
	ctrl.SetLogger(logr.FromSlogHandler(slog.NewTextHandler(GinkgoWriter, nil)))
	t := GinkgoT()
	postgres = env.Postgres(t)
	cluster := env.Cluster(t)
	kube = cluster.Client(t, scheme)
	Expect(kube.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: ownNamespace}})).To(Succeed())
	addServer(ctx, serverRef, admin())
	platform = startOperator(suite{t}, cluster.Config(), operatorOptions{})
})

var _ = AfterSuite(func() {
	for len(atSuiteEnd) > 0 {
		last := len(atSuiteEnd) - 1
		atSuiteEnd[last]()
		atSuiteEnd = atSuiteEnd[:last]
	}
})

// suite is a test whose cleanups wait for the end of all tests: for what the tests
// that follow need too.
type suite struct{ FullGinkgoTInterface }

var atSuiteEnd []func()

func (suite) Cleanup(f func()) { atSuiteEnd = append(atSuiteEnd, f) }

// admin is the superuser's connection to the maintenance database.
func admin() secret.Connection {
	return secret.Connection{
		Host: postgres.Host, Port: postgres.Port, Database: "postgres", User: postgres.User, Password: postgres.Password, SSLMode: "disable",
	}
}

// addServer makes a DatabaseServer with its admin Secret.
func addServer(ctx context.Context, name string, at secret.Connection, modify ...func(*crmv1.DatabaseServer)) *crmv1.DatabaseServer {
	GinkgoHelper()
	Expect(kube.Create(ctx, &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: ownNamespace, Name: name},
		Data:       map[string][]byte{"username": []byte(at.User), "password": []byte(at.Password)},
	})).To(Succeed())
	server := gen.DatabaseServer(name, at, modify...)
	Expect(kube.Create(ctx, server)).To(Succeed())
	return server
}

// operator is a running set of controllers, with counters of what it does.
type operator struct {
	apiWrites, statements *atomic.Int64
	systemDatabase        string
	stop                  func()
}

// operatorOptions change what an operator of a test is given.
type operatorOptions struct {
	installation string
	// decorate stands between the controllers and the databases.
	decorate func(controllers.Parts) controllers.Parts
}

// startOperator runs all controllers until stop, or the end of the test. Beside
// them a stand-in for the CRM service acknowledges every revision: the service
// itself is the data plane, which the control plane never imports.
func startOperator(t FullGinkgoTInterface, config *rest.Config, o operatorOptions) *operator {
	GinkgoHelper()
	if o.installation == "" {
		o.installation = "test"
	}
	op := &operator{apiWrites: &atomic.Int64{}, statements: &atomic.Int64{}}
	ctx, cancel := context.WithCancel(context.Background())                       //nolint:forbidigo // it outlives the spec that starts it
	options := provision.Options{Clock: time.Now, Tracer: counter{op.statements}} //nolint:forbidigo // the real clock
	servers := provision.NewServers(options)
	key, err := secret.ParseKey(secret.NewKey())
	Expect(err).NotTo(HaveOccurred())
	sealer, err := secret.NewSealer(key, "directory")
	Expect(err).NotTo(HaveOccurred())
	systemURL := postgres.Database(t)
	systemAt, err := secret.ParseURL(systemURL)
	Expect(err).NotTo(HaveOccurred())
	directory, err := provision.OpenSystem(ctx, systemAt, sealer, options)
	Expect(err).NotTo(HaveOccurred())
	op.systemDatabase = systemAt.Database

	config = rest.CopyConfig(config)
	config.QPS, config.Burst = -1, -1
	manager, err := ctrl.NewManager(config, ctrl.Options{
		Scheme:     scheme,
		Metrics:    metricsserver.Options{BindAddress: "0"},
		Controller: kubeconfig.Controller{SkipNameValidation: new(true)},
		Client:     client.Options{Cache: &client.CacheOptions{DisableFor: []client.Object{&corev1.Secret{}}}},
		NewClient: func(config *rest.Config, options client.Options) (client.Client, error) {
			c, err := client.NewWithWatch(config, options)
			if err != nil {
				return nil, err
			}
			return counting(c, op.apiWrites), nil
		},
	})
	Expect(err).NotTo(HaveOccurred())
	parts := controllers.Parts{
		Prober: provision.NewProber(servers), Databases: provision.NewDatabases(servers), Schemas: provision.NewSchemas(servers), Directory: directory,
		Now:  func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }, //nolint:forbidigo // the real clock
		Pace: reconcile.Pace{Interval: time.Hour, Soon: 50 * time.Millisecond, Later: 300 * time.Millisecond},
		Settings: tenant.Settings{
			Installation: o.installation, Namespace: ownNamespace, HostSuffixes: []string{"localhost", "example.com"}, URLPort: 8080,
		},
	}
	if o.decorate != nil {
		parts = o.decorate(parts)
	}
	rollouts := rollout.New(parts.Schemas, parts.Now)
	Expect(manager.Add(rollouts)).To(Succeed())
	parts.Rollouts = rollouts
	Expect(controllers.Setup(manager, parts)).To(Succeed())
	ended := make(chan struct{})
	go func() {
		defer GinkgoRecover()
		defer close(ended)
		Expect(manager.Start(ctx)).To(Succeed())
	}()
	acknowledged := make(chan struct{})
	go func() {
		defer close(acknowledged)
		acknowledge(ctx, systemURL)
	}()
	op.stop = func() {
		cancel()
		<-ended
		<-acknowledged
		servers.Close()
		directory.Close()
	}
	t.Cleanup(func() { op.stop() })
	return op
}

// acknowledge is the stand-in for the CRM service: it acknowledges what the directory tells.
func acknowledge(ctx context.Context, url string) {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if _, err := conn.Exec(ctx, "LISTEN kontor_directory"); err != nil {
		return
	}
	for ctx.Err() == nil {
		_, _ = conn.Exec(ctx, `INSERT INTO server (id) VALUES ('stand-in') ON CONFLICT (id) DO UPDATE SET heartbeat_at = now()`)
		_, _ = conn.Exec(ctx, `INSERT INTO acknowledgement (server, key, revision) SELECT 'stand-in', key, revision FROM directory
			ON CONFLICT (server, key) DO UPDATE SET revision = excluded.revision`)
		waiting, cancel := context.WithTimeout(ctx, 5*time.Second)
		_, _ = conn.WaitForNotification(waiting)
		cancel()
	}
}

// counter counts the statements that are sent to PostgreSQL.
type counter struct{ n *atomic.Int64 }

func (c counter) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	c.n.Add(1)
	return ctx
}

func (counter) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// counting counts the writes to the API server.
func counting(c client.WithWatch, n *atomic.Int64) client.Client {
	return interceptor.NewClient(c, interceptor.Funcs{
		Create: func(ctx context.Context, c client.WithWatch, obj client.Object, opts ...client.CreateOption) error {
			n.Add(1)
			return c.Create(ctx, obj, opts...)
		},
		Update: func(ctx context.Context, c client.WithWatch, obj client.Object, opts ...client.UpdateOption) error {
			n.Add(1)
			return c.Update(ctx, obj, opts...)
		},
		Patch: func(ctx context.Context, c client.WithWatch, obj client.Object, patch client.Patch, opts ...client.PatchOption) error {
			n.Add(1)
			return c.Patch(ctx, obj, patch, opts...)
		},
		Delete: func(ctx context.Context, c client.WithWatch, obj client.Object, opts ...client.DeleteOption) error {
			n.Add(1)
			return c.Delete(ctx, obj, opts...)
		},
		SubResourcePatch: func(ctx context.Context, c client.Client, sub string, obj client.Object, patch client.Patch, opts ...client.SubResourcePatchOption) error {
			n.Add(1)
			return c.SubResource(sub).Patch(ctx, obj, patch, opts...)
		},
	})
}

// databaseOf is the name of a tenant's database in an installation.
func databaseOf(installation string, t *crmv1.Tenant) string {
	sum := sha256.Sum256([]byte(installation + "/" + t.Namespace + "/" + t.Name))
	return "kontor_" + hex.EncodeToString(sum[:8])
}

// query runs one statement in a database and returns its one value as a text.
func query(ctx context.Context, database, sql string, args ...any) string {
	GinkgoHelper()
	conn, err := pgx.Connect(ctx, postgres.URL(database))
	Expect(err).NotTo(HaveOccurred())
	defer conn.Close(ctx)
	var value *string
	Expect(conn.QueryRow(ctx, sql, args...).Scan(&value)).To(Succeed())
	if value == nil {
		return ""
	}
	return *value
}

// execute runs one statement in a database as the superuser.
func execute(ctx context.Context, database, sql string) {
	GinkgoHelper()
	conn, err := pgx.Connect(ctx, postgres.URL(database))
	Expect(err).NotTo(HaveOccurred())
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, sql)
	Expect(err).NotTo(HaveOccurred())
}

// connectAs tries to sign in with the content of a Secret.
func connectAs(ctx context.Context, s *corev1.Secret, database string) error {
	at := url.URL{
		Scheme: "postgres", User: url.UserPassword(string(s.Data["username"]), string(s.Data["password"])),
		Host: string(s.Data["host"]) + ":" + string(s.Data["port"]), Path: "/" + database, RawQuery: "sslmode=disable",
	}
	if _, err := strconv.Atoi(string(s.Data["port"])); err != nil {
		return err
	}
	conn, err := pgx.Connect(ctx, at.String())
	if err != nil {
		return err
	}
	return conn.Close(ctx)
}
