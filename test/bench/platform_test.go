package bench

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/jackc/pgx/v5"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	kubeconfig "sigs.k8s.io/controller-runtime/pkg/config"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	crmv1 "github.com/kontor-crm/kontor/api/v1alpha1"
	"github.com/kontor-crm/kontor/controllers"
	"github.com/kontor-crm/kontor/controllers/tenant"
	"github.com/kontor-crm/kontor/internal/directory"
	"github.com/kontor-crm/kontor/internal/provision"
	"github.com/kontor-crm/kontor/internal/reconcile"
	"github.com/kontor-crm/kontor/internal/secret"
	"github.com/kontor-crm/kontor/internal/store"
	"github.com/kontor-crm/kontor/internal/tenancy"
	"github.com/kontor-crm/kontor/test/env"
)

const (
	// workers is how many tenants the operator works on at once: its default.
	workers = 4
	// ownNamespace is the operator's, where the admin Secret lies.
	ownNamespace = "kontor-system"
	installation = "bench"
)

// platform is Kontor in this process: the operator as `kontor operator` runs it,
// and of `kontor server` all that acknowledges a tenant: the directory, the
// tenants, their databases. Only HTTP is missing.
type platform struct {
	statements, connections, apiWrites atomic.Int64
}

// startPlatform runs until the benchmark ends.
func startPlatform(b *testing.B, config *rest.Config, scheme *runtime.Scheme, postgres *env.PostgresServer) *platform {
	b.Helper()
	p := &platform{}
	log := slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})
	ctrl.SetLogger(logr.FromSlogHandler(log))
	key, err := secret.ParseKey(secret.NewKey())
	must(b, err)
	system, err := secret.ParseURL(postgres.Database(b))
	must(b, err)

	ctx, cancel := context.WithCancel(context.WithoutCancel(b.Context()))
	var running sync.WaitGroup
	b.Cleanup(func() { cancel(); running.Wait() })
	run := func(what string, part func(context.Context) error) {
		running.Go(func() {
			if err := part(ctx); err != nil && !errors.Is(err, context.Canceled) {
				b.Errorf("%s ended: %v", what, err)
			}
		})
	}
	run("the operator", p.operator(ctx, b, config, scheme, system, key))
	for what, part := range serverParts(ctx, b, system, key, slog.New(log)) {
		run(what, part)
	}
	return p
}

func (p *platform) operator(ctx context.Context, b *testing.B, config *rest.Config, scheme *runtime.Scheme, system secret.Connection, key []byte) func(context.Context) error {
	b.Helper()
	sealer, err := secret.NewSealer(key, "directory")
	must(b, err)
	options := provision.Options{Clock: time.Now, Tracer: tracer{p}}
	entries, err := provision.OpenSystem(ctx, system, sealer, options)
	must(b, err)
	servers := provision.NewServers(options)

	config = rest.CopyConfig(config)
	config.QPS, config.Burst = 200, 400
	config.Wrap(func(next http.RoundTripper) http.RoundTripper { return writes{next, &p.apiWrites} })
	manager, err := ctrl.NewManager(config, ctrl.Options{
		Scheme: scheme, Metrics: metricsserver.Options{BindAddress: "0"},
		Client:     client.Options{Cache: &client.CacheOptions{DisableFor: []client.Object{&corev1.Secret{}, &rbacv1.RoleBinding{}}}},
		Cache:      cache.Options{ByObject: map[client.Object]cache.ByObject{&corev1.Secret{}: {Namespaces: map[string]cache.Config{ownNamespace: {}}}}},
		Controller: kubeconfig.Controller{SkipNameValidation: new(true)},
	})
	must(b, err)
	must(b, controllers.Setup(manager, controllers.Parts{
		Prober: provision.NewProber(servers), Databases: provision.NewDatabases(servers), Schemas: provision.NewSchemas(servers), Directory: entries,
		Now: time.Now, Pace: reconcile.DefaultPace(),
		Settings: tenant.Settings{Installation: installation, Namespace: ownNamespace, HostSuffixes: []string{"localhost"}, URLPort: 8080, Concurrency: workers},
	}))
	return func(ctx context.Context) error {
		defer entries.Close()
		defer servers.Close()
		return manager.Start(ctx)
	}
}

// serverParts are the data plane's, as `kontor server` puts them together.
func serverParts(ctx context.Context, b *testing.B, system secret.Connection, key []byte, log *slog.Logger) map[string]func(context.Context) error {
	b.Helper()
	const name = "bench"
	credentials, err := secret.NewSealer(key, "directory")
	must(b, err)
	cursors, err := secret.NewSealer(key, "cursor")
	must(b, err)
	list, err := directory.Open(ctx, directory.Options{System: system, Sealer: credentials, Server: name, Log: log})
	must(b, err)
	databases := store.New(store.Options{Connections: 80})
	tenants := tenancy.New(tenancy.Config[*store.Database]{
		Directory: list, Open: databases.Open, Cursors: cursors, Server: name, Clock: time.Now, Log: log,
	})
	list.OnChange(tenants.Changed)
	return map[string]func(context.Context) error{"the directory": list.Run, "the tenants": tenants.Run}
}

func newScheme(b *testing.B) *runtime.Scheme {
	b.Helper()
	s := runtime.NewScheme()
	must(b, clientgoscheme.AddToScheme(s))
	must(b, crmv1.AddToScheme(s))
	return s
}

// effort is what the operator has done so far.
type effort struct{ statements, connections, apiWrites, reconciles float64 }

func (p *platform) effort(b *testing.B) effort {
	b.Helper()
	return effort{float64(p.statements.Load()), float64(p.connections.Load()), float64(p.apiWrites.Load()), reconciles(b)}
}

func (e effort) since(before effort, tenants int) effort {
	n := float64(tenants)
	return effort{
		(e.statements - before.statements) / n, (e.connections - before.connections) / n,
		(e.apiWrites - before.apiWrites) / n, (e.reconciles - before.reconciles) / n,
	}
}

// reconciles counts those of the Tenants.
func reconciles(b *testing.B) float64 {
	b.Helper()
	families, err := metrics.Registry.Gather()
	must(b, err)
	total := 0.0
	for _, family := range families {
		if family.GetName() != "controller_runtime_reconcile_total" {
			continue
		}
		for _, metric := range family.GetMetric() {
			for _, label := range metric.GetLabel() {
				if label.GetName() == "controller" && label.GetValue() == "tenant" {
					total += metric.GetCounter().GetValue()
				}
			}
		}
	}
	return total
}

// tracer counts the operator's statements and connections.
type tracer struct{ *platform }

func (t tracer) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	t.statements.Add(1)
	return ctx
}

func (tracer) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

func (t tracer) TraceConnectStart(ctx context.Context, _ pgx.TraceConnectStartData) context.Context {
	t.connections.Add(1)
	return ctx
}

func (tracer) TraceConnectEnd(context.Context, pgx.TraceConnectEndData) {}

// writes counts the requests to the API server that write, events included.
type writes struct {
	http.RoundTripper

	n *atomic.Int64
}

func (w writes) RoundTrip(request *http.Request) (*http.Response, error) {
	if request.Method != http.MethodGet {
		w.n.Add(1)
	}
	return w.RoundTripper.RoundTrip(request)
}

func must(b *testing.B, err error) {
	b.Helper()
	if err != nil {
		b.Fatal(fmt.Errorf("preparing the benchmark: %w", err))
	}
}
