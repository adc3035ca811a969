package directory_test

import (
	"bytes"
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/kontor-crm/kontor/controllers/tenant"
	"github.com/kontor-crm/kontor/internal/directory"
	"github.com/kontor-crm/kontor/internal/provision"
	"github.com/kontor-crm/kontor/internal/secret"
	"github.com/kontor-crm/kontor/test/env"
)

func TestMain(m *testing.M) { env.Main(m) }

// now is the time of these tests: they meet a real database, which has no other.
var now = time.Now //nolint:forbidigo // see above

// world is a system database, which the operator writes and a server reads.
type world struct {
	system   secret.Connection
	operator *provision.Directory
	sealer   *secret.Sealer

	mu      sync.Mutex
	changed []string
	log     bytes.Buffer
}

func (w *world) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.log.Write(p)
}

func (w *world) logged() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.log.String()
}

func newWorld(t *testing.T) *world {
	t.Helper()
	server := env.Postgres(t)
	system, err := secret.ParseURL(server.Database(t))
	must(t, err)
	sealer, err := secret.NewSealer(bytes.Repeat([]byte{1}, secret.KeyLength), "directory")
	must(t, err)
	operator, err := provision.OpenSystem(t.Context(), system, sealer, provision.Options{Clock: now})
	must(t, err)
	t.Cleanup(operator.Close)
	return &world{system: system, operator: operator, sealer: sealer}
}

// serve starts a server's directory; it ends with the test, or when end is called.
func (w *world) serve(t *testing.T, edits ...func(*directory.Options)) (d *directory.Directory, end func()) {
	t.Helper()
	options := directory.Options{
		System: w.system, Sealer: w.sealer, Server: "one", Log: slog.New(slog.NewTextHandler(w, nil)), HeartbeatEvery: 50 * time.Millisecond,
	}
	for _, edit := range edits {
		edit(&options)
	}
	d, err := directory.Open(t.Context(), options)
	must(t, err)
	d.OnChange(func(key string) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.changed = append(w.changed, key)
	})
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = d.Run(ctx)
	}()
	end = sync.OnceFunc(func() { cancel(); <-done })
	t.Cleanup(end)
	eventually(t, func() bool { return d.Ready(t.Context()) == nil })
	return d, end
}

func newEntry(key string, revision int64, hosts ...string) tenant.Entry {
	return tenant.Entry{
		Key: key, Hosts: hosts, Revision: revision, Format: 1,
		Application: secret.Connection{Host: "db.example", Port: 5432, Database: "kontor_x", User: "kontor_x_app", Password: "s3cret", SSLMode: "require"},
	}
}

func (w *world) publish(t *testing.T, key string, revision int64, hosts ...string) tenant.Entry {
	t.Helper()
	entry := newEntry(key, revision, hosts...)
	must(t, w.operator.Publish(t.Context(), entry))
	return entry
}

func (w *world) told(key string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Contains(w.changed, key)
}

func (w *world) sql(t *testing.T, query string) {
	t.Helper()
	c, err := pgx.Connect(t.Context(), w.system.URL())
	must(t, err)
	defer c.Close(context.WithoutCancel(t.Context()))
	_, err = c.Exec(t.Context(), query)
	must(t, err)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func eventually(t *testing.T, condition func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.NewTimer(30 * time.Second)
	defer deadline.Stop()
	for !condition() {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatal("it never came to be")
		}
	}
}

func TestEntriesAreReadAtTheStartAndFollowed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first := w.publish(t, "acme/acme", 1, "acme.example", "www.acme.example")
	d, _ := w.serve(t)
	entry, ok := d.ByHost("www.acme.example")
	if !ok || entry.Key != "acme/acme" || entry.Connection != first.Application || entry.Revision != 1 {
		t.Fatalf("the entry is %+v, %v", entry, ok)
	}
	if only, ok := d.Only(); !ok || only.Key != entry.Key {
		t.Error("the only tenant is not told")
	}
	w.publish(t, "beta/beta", 1, "beta.example")
	eventually(t, func() bool { _, ok := d.ByHost("beta.example"); return ok && w.told("beta/beta") })
	if _, ok := d.Only(); ok {
		t.Error("one of two tenants is the only one")
	}
	w.publish(t, "acme/acme", 2, "acme.example")
	eventually(t, func() bool { e, _ := d.ByKey("acme/acme"); return e.Revision == 2 })
	if _, ok := d.ByHost("www.acme.example"); ok {
		t.Error("a host that was given up is served")
	}
	must(t, w.operator.Remove(t.Context(), "beta/beta"))
	eventually(t, func() bool { _, ok := d.ByKey("beta/beta"); return !ok })
}

func TestWhileTheSystemDatabaseIsAwayTheKnownTenantsAreServed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.publish(t, "acme/acme", 1, "acme.example")
	d, _ := w.serve(t)
	name := w.system.Database
	admin := env.Postgres(t).Admin(t)
	closeTo := func(connections string) {
		_, err := admin.Exec(t.Context(), "ALTER DATABASE "+name+" WITH ALLOW_CONNECTIONS "+connections)
		must(t, err)
	}
	closeTo("false")
	_, err := admin.Exec(t.Context(), "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", name)
	must(t, err)
	eventually(t, func() bool { return strings.Contains(w.logged(), "system database is away") })
	if _, ok := d.ByHost("acme.example"); !ok {
		t.Error("the tenant is served no more")
	}
	closeTo("true")
	// Nobody hears of it at this moment; it is found when all is read again.
	eventually(t, func() bool { return w.operator.Publish(t.Context(), newEntry("beta/beta", 1, "beta.example")) == nil })
	eventually(t, func() bool { _, ok := d.ByHost("beta.example"); return ok })
}

func TestAnAcknowledgementIsCountedWhileTheServerLives(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.publish(t, "acme/acme", 3, "acme.example")
	d, end := w.serve(t)
	count := func(revision int64) int {
		n, err := w.operator.Acknowledged(t.Context(), "acme/acme", revision)
		must(t, err)
		return n
	}
	must(t, d.Acknowledge(t.Context(), "acme/acme", 3))
	if count(3) != 1 || count(4) != 0 {
		t.Errorf("counted: %d for 3, %d for 4", count(3), count(4))
	}
	// A system database that has forgotten the server hears all of it again.
	w.sql(t, "DELETE FROM server")
	eventually(t, func() bool { return count(3) == 1 })
	end()
	if count(3) != 0 {
		t.Error("a server that has ended is counted")
	}
}

func TestATenantThatWasTakenOutIsNotAcknowledgedAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.publish(t, "acme/acme", 7, "acme.example")
	d, _ := w.serve(t)
	must(t, d.Acknowledge(t.Context(), "acme/acme", 7))
	must(t, w.operator.Remove(t.Context(), "acme/acme"))
	eventually(t, func() bool { _, ok := d.ByKey("acme/acme"); return !ok })
	w.publish(t, "acme/acme", 1, "acme.example") // its successor
	eventually(t, func() bool { _, ok := d.ByKey("acme/acme"); return ok })
	w.sql(t, "DELETE FROM server")
	w.publish(t, "beta/beta", 1, "beta.example")
	eventually(t, func() bool { _, ok := d.ByKey("beta/beta"); return ok })
	must(t, d.Acknowledge(t.Context(), "beta/beta", 1))
	eventually(t, func() bool {
		n, err := w.operator.Acknowledged(t.Context(), "beta/beta", 1)
		return err == nil && n == 1
	})
	if n, err := w.operator.Acknowledged(t.Context(), "acme/acme", 1); err != nil || n != 0 {
		t.Errorf("the successor is acknowledged by %d: %v", n, err)
	}
}

func TestATenantWhoseCredentialsCannotBeOpenedIsLeftOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.publish(t, "acme/acme", 1, "acme.example")
	w.publish(t, "beta/beta", 1, "beta.example")
	w.sql(t, `UPDATE directory SET sealed = 'nonsense' WHERE key = 'beta/beta'`)
	d, _ := w.serve(t)
	if _, ok := d.ByHost("beta.example"); ok {
		t.Error("a tenant without credentials is served")
	}
	if _, ok := d.ByHost("acme.example"); !ok {
		t.Error("the other one is not served")
	}
	if log := w.logged(); !strings.Contains(log, "beta/beta") || strings.Contains(log, "s3cret") {
		t.Errorf("the log: %s", log)
	}
}

func TestAServerServesItsShardAndWhatHasNone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, key := range []string{"a/a", "b/b", "c/c"} {
		w.publish(t, key, 1, key[:1]+".example")
	}
	w.sql(t, `UPDATE directory SET shard = left(key, 1) WHERE key <> 'c/c'`)
	d, _ := w.serve(t, func(o *directory.Options) { o.Shard = "a" })
	for key, want := range map[string]bool{"a/a": true, "b/b": false, "c/c": true} {
		if _, ok := d.ByKey(key); ok != want {
			t.Errorf("%s: served %t, want %t", key, ok, want)
		}
	}
}
