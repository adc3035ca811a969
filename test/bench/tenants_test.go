// Package bench measures what people wait for. It asserts nothing about time:
// it prints what was measured, side by side with what it can be compared with.
package bench

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	crmv1 "github.com/kontor-crm/kontor/api/v1alpha1"
	"github.com/kontor-crm/kontor/internal/secret"
	"github.com/kontor-crm/kontor/test/env"
	"github.com/kontor-crm/kontor/test/expect"
	"github.com/kontor-crm/kontor/test/gen"
)

// TestMain also plays the servers that benchmarks start as children.
func TestMain(m *testing.M) {
	if text := os.Getenv(thinEnvironment); text != "" {
		if err := serveThin(text); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	if text := os.Getenv(profiledEnvironment); text != "" {
		os.Exit(runProfiled(text))
	}
	env.Main(m)
}

const (
	rounds     = 5
	batch      = 40 // tenants, and databases, a round
	singles    = 5  // tenants that are measured alone
	others     = rounds * batch
	patience   = 20 * time.Minute // for the whole run
	aimOfRate  = 0.4
	aimOfDelay = 2.0
)

// BenchmarkTenants measures how fast tenants become Ready. PostgreSQL's own part
// of it, the copy of the template, is measured in turn with them, so that a
// machine that is slow for a while is slow for both.
func BenchmarkTenants(b *testing.B) {
	ctx, cancel := context.WithTimeout(b.Context(), patience)
	defer cancel()
	l := newLab(ctx, b)
	l.tenant(ctx, b, true) // the first one makes the template

	var bare, ready, ratio, alone, crowded []float64
	for range singles {
		alone = append(alone, l.tenant(ctx, b, true).Seconds())
	}
	before := l.platform.effort(b)
	for range rounds {
		databases := batch / l.bare(ctx, b).Seconds()
		tenants := batch / l.batch(ctx, b).Seconds()
		bare, ready, ratio = append(bare, databases), append(ready, tenants), append(ratio, tenants/databases)
	}
	each := l.platform.effort(b).since(before, others)
	for range singles {
		crowded = append(crowded, l.tenant(ctx, b, true).Seconds())
	}

	growth := median(crowded) / median(alone)
	out := b.Output()
	fmt.Fprintf(out, "\nPostgreSQL %s without fsync, %s, %d cores; each tenant has two CustomFields and is\nacknowledged by the real data plane, in this process.\n\n",
		l.version, runtime.Version(), runtime.NumCPU())
	w := tabwriter.NewWriter(out, 0, 0, 3, ' ', 0)
	row := func(cells ...string) { fmt.Fprintln(w, strings.Join(cells, "\t")+"\t") }
	row("", "median", "aim", "in turn")
	row(fmt.Sprintf("CREATE DATABASE … TEMPLATE, %d at a time", workers), number(median(bare))+" /s", "", list(bare))
	row("tenants Ready", number(median(ready))+" /s", "", list(ready))
	row("ratio", number(median(ratio)), fmt.Sprintf(">= %g", aimOfRate), list(ratio))
	row("apply to Ready, no other tenant", number(median(alone))+" s", "", list(alone))
	row(fmt.Sprintf("apply to Ready, %d others", others), number(median(crowded))+" s", "", list(crowded))
	row("ratio", number(growth), fmt.Sprintf("<= %g", aimOfDelay), "")
	row("a tenant's SQL statements", number(each.statements), "", "")
	row("          connections", number(each.connections), "", "")
	row("          writes to the API server", number(each.apiWrites), "", "")
	row("          reconciles", number(each.reconciles), "", "")
	must(b, w.Flush())
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(median(ready), "tenants/s")
	b.ReportMetric(median(ratio), "ratio")
	b.ReportMetric(growth, "growth")
}

// lab is a platform with what it works on.
type lab struct {
	platform *platform
	kube     client.WithWatch
	postgres *env.PostgresServer
	version  string // PostgreSQL's
	ready    *watched
	made     int // tenants and bare databases so far, for their names
}

func newLab(ctx context.Context, b *testing.B) *lab {
	b.Helper()
	l := &lab{postgres: env.Postgres(b)}
	cluster, scheme := env.Cluster(b), newScheme(b)
	var err error
	l.kube, err = client.NewWithWatch(cluster.Config(), client.Options{Scheme: scheme})
	must(b, err)
	must(b, l.postgres.Admin(b).QueryRow(ctx, "SHOW server_version").Scan(&l.version))
	l.version, _, _ = strings.Cut(l.version, " ")

	at := secret.Connection{Host: l.postgres.Host, Port: l.postgres.Port, User: l.postgres.User, Password: l.postgres.Password}
	for _, obj := range []client.Object{
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: ownNamespace}},
		&corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Namespace: ownNamespace, Name: "main"},
			Data:       map[string][]byte{"username": []byte(at.User), "password": []byte(at.Password)},
		},
		gen.DatabaseServer("main", at),
	} {
		must(b, l.kube.Create(ctx, obj))
	}
	l.ready = newWatched()
	for _, kind := range []client.ObjectList{&crmv1.TenantList{}, &crmv1.CustomFieldList{}} {
		must(b, l.ready.follow(ctx, l.kube, kind))
	}
	l.platform = startPlatform(b, cluster.Config(), scheme, l.postgres)
	return l
}

// resources are one more tenant's, in the order in which they are applied.
func (l *lab) resources() []client.Object {
	l.made++
	name := fmt.Sprintf("tenant-%03d", l.made)
	return []client.Object{
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}},
		gen.Tenant(name, name, gen.TenantDeletes),
		gen.CustomField(name, "customer", "tier"),
		gen.CustomField(name, "opportunity", "margin", gen.FieldType(crmv1.FieldDecimal)),
	}
}

// tenant applies one tenant and says how long it took until all of it was Ready.
func (l *lab) tenant(ctx context.Context, b *testing.B, remove bool) time.Duration {
	b.Helper()
	resources := l.resources()
	start := time.Now()
	must(b, l.apply(ctx, resources))
	must(b, l.ready.wait(ctx, resources[1:]))
	took := time.Since(start)
	if remove {
		must(b, l.remove(ctx, resources))
	}
	return took
}

// batch applies many tenants as fast as the API server takes them.
func (l *lab) batch(ctx context.Context, b *testing.B) time.Duration {
	b.Helper()
	all := make([][]client.Object, batch)
	for i := range all {
		all[i] = l.resources()
	}
	start := time.Now()
	must(b, parallel(ctx, batch, func(ctx context.Context, i int) error { return l.apply(ctx, all[i]) }))
	for _, resources := range all {
		must(b, l.ready.wait(ctx, resources[1:]))
	}
	return time.Since(start)
}

func (l *lab) apply(ctx context.Context, resources []client.Object) error {
	for _, obj := range resources {
		if err := l.kube.Create(ctx, obj); err != nil {
			return err
		}
	}
	return nil
}

// remove deletes a tenant with its database, and waits until it is gone.
func (l *lab) remove(ctx context.Context, resources []client.Object) error {
	namespace, tenant := resources[0], resources[1]
	if err := l.kube.Delete(ctx, tenant); err != nil {
		return err
	}
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		err := l.kube.Get(ctx, client.ObjectKeyFromObject(tenant), tenant)
		if apierrors.IsNotFound(err) {
			return l.kube.Delete(ctx, namespace)
		}
		if err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// bare makes databases as the operator does, and nothing else; and drops them, which does not count.
func (l *lab) bare(ctx context.Context, b *testing.B) time.Duration {
	b.Helper()
	admin := l.postgres.Admin(b)
	var template string
	const standard = `SELECT datname FROM pg_database WHERE datname LIKE 'kontor\_template\_%'`
	must(b, admin.QueryRow(ctx, standard).Scan(&template))
	connections := make(chan *pgx.Conn, workers)
	for range workers {
		connections <- l.postgres.Admin(b)
	}
	l.made++
	name := func(i int) string { return fmt.Sprintf("bare_%d_%d", l.made, i) }
	start := time.Now()
	must(b, parallel(ctx, batch, func(ctx context.Context, i int) error {
		c := <-connections
		defer func() { connections <- c }()
		_, err := c.Exec(ctx, "CREATE DATABASE "+name(i)+" TEMPLATE "+template+" STRATEGY wal_log")
		return err
	}))
	took := time.Since(start)
	for i := range batch {
		_, err := admin.Exec(ctx, "DROP DATABASE "+name(i))
		must(b, err)
	}
	return took
}

// parallel does what is numbered from 0, as many at once as the operator has workers.
func parallel(ctx context.Context, n int, do func(ctx context.Context, i int) error) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(workers)
	for i := range n {
		group.Go(func() error { return do(ctx, i) })
	}
	return group.Wait()
}

// watched knows which objects are Ready, by what the API server tells.
type watched struct {
	mu    sync.Mutex
	ready map[string]bool
	news  chan struct{} // closed and made anew when something became Ready
}

func newWatched() *watched {
	return &watched{ready: map[string]bool{}, news: make(chan struct{})}
}

func (w *watched) follow(ctx context.Context, kube client.WithWatch, kind client.ObjectList) error {
	events, err := kube.Watch(ctx, kind)
	if err != nil {
		return err
	}
	go func() {
		defer events.Stop()
		for event := range events.ResultChan() {
			if obj, ok := event.Object.(crmv1.Object); ok && expect.ProgressOf(obj) == expect.Current {
				w.note(nameOf(obj))
			}
		}
	}()
	return nil
}

func (w *watched) note(name string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ready[name] = true
	close(w.news)
	w.news = make(chan struct{})
}

// wait returns when all are Ready.
func (w *watched) wait(ctx context.Context, objects []client.Object) error {
	for {
		w.mu.Lock()
		missing := slices.IndexFunc(objects, func(obj client.Object) bool { return !w.ready[nameOf(obj)] })
		news := w.news
		w.mu.Unlock()
		if missing < 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s is not Ready: %w", nameOf(objects[missing]), ctx.Err())
		case <-news:
		}
	}
}

// nameOf is unique here: no tenant has the name of a field.
func nameOf(obj metav1.Object) string { return obj.GetNamespace() + "/" + obj.GetName() }

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}

func number(value float64) string { return fmt.Sprintf("%.2f", value) }

func list(values []float64) string {
	texts := make([]string, 0, len(values))
	for _, value := range values {
		texts = append(texts, number(value))
	}
	return strings.Join(texts, "  ")
}
