package tenancy_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/kontor-crm/kontor/internal/fault"
	"github.com/kontor-crm/kontor/internal/schema"
	"github.com/kontor-crm/kontor/internal/secret"
	"github.com/kontor-crm/kontor/internal/tenancy"
)

// fakeDatabase is a tenant's database that can be scripted.
type fakeDatabase struct {
	mu       sync.Mutex
	revision int64
	away     error
	leased   []int64
	loads    int
	closed   chan struct{}
}

func newDatabase(revision int64) *fakeDatabase {
	return &fakeDatabase{revision: revision, closed: make(chan struct{})}
}

func (d *fakeDatabase) NewestSchema(context.Context) (int64, []byte, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.loads++
	if d.away != nil {
		return 0, nil, d.away
	}
	s := schema.Schema{Format: schema.Format, Revision: d.revision}
	document, err := s.Document()
	return d.revision, document, err
}

func (d *fakeDatabase) Lease(_ context.Context, _ string, revision int64, _ time.Duration) (int64, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.away != nil {
		return 0, d.away
	}
	d.leased = append(d.leased, revision)
	return d.revision, nil
}

func (d *fakeDatabase) Close() { close(d.closed) }

func (d *fakeDatabase) set(revision int64, away error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.revision, d.away = revision, away
}

func (d *fakeDatabase) isClosed() bool {
	select {
	case <-d.closed:
		return true
	default:
		return false
	}
}

// fakeDirectory is a list of tenants that can be changed.
type fakeDirectory struct {
	mu           sync.Mutex
	entries      map[string]tenancy.Entry
	acknowledged map[string]int64
}

func (d *fakeDirectory) ByHost(host string) (tenancy.Entry, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, e := range d.entries {
		if e.Hosts[0] == host {
			return e, true
		}
	}
	return tenancy.Entry{}, false
}

func (d *fakeDirectory) ByKey(key string) (tenancy.Entry, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	e, ok := d.entries[key]
	return e, ok
}

func (d *fakeDirectory) Only() (tenancy.Entry, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, e := range d.entries {
		return e, len(d.entries) == 1
	}
	return tenancy.Entry{}, false
}

func (d *fakeDirectory) Acknowledge(_ context.Context, key string, revision int64) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.acknowledged[key] = revision
	return nil
}

func (d *fakeDirectory) put(key string, revision int64, password string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.entries[key] = tenancy.Entry{
		Key: key, Hosts: []string{key + ".example"}, Revision: revision, Connection: secret.Connection{Database: key, Password: password},
	}
}

func (d *fakeDirectory) acked(key string) int64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.acknowledged[key]
}

type fakeClock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *fakeClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *fakeClock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// world is a process with its tenants.
type world struct {
	*tenancy.Tenants[*fakeDatabase]
	directory *fakeDirectory
	clock     *fakeClock
	mu        sync.Mutex
	databases map[string][]*fakeDatabase // by key, the newest last
	next      func(key string) *fakeDatabase
}

func newWorld(t *testing.T, edits ...func(*tenancy.Config[*fakeDatabase])) *world {
	t.Helper()
	w := &world{
		directory: &fakeDirectory{entries: map[string]tenancy.Entry{}, acknowledged: map[string]int64{}},
		clock:     &fakeClock{now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}, databases: map[string][]*fakeDatabase{},
		next: func(string) *fakeDatabase { return newDatabase(1) },
	}
	cursors, err := secret.NewSealer(bytes.Repeat([]byte{1}, secret.KeyLength), "cursor")
	if err != nil {
		t.Fatal(err)
	}
	config := tenancy.Config[*fakeDatabase]{
		Directory: w.directory, Cursors: cursors, Server: "test", Clock: w.clock.Now, Log: slog.New(slog.DiscardHandler),
		RenewEvery: 5 * time.Millisecond,
		Open: func(_ context.Context, c secret.Connection) (*fakeDatabase, error) {
			w.mu.Lock()
			defer w.mu.Unlock()
			d := w.next(c.Database)
			w.databases[c.Database] = append(w.databases[c.Database], d)
			return d, nil
		},
	}
	for _, edit := range edits {
		edit(&config)
	}
	w.Tenants = tenancy.New(config)
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = w.Run(ctx)
	}()
	t.Cleanup(func() { cancel(); <-done })
	return w
}

func (w *world) database(key string) *fakeDatabase {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := w.databases[key]
	if len(all) == 0 {
		return nil
	}
	return all[len(all)-1]
}

func (w *world) acquire(t *testing.T, host string) (tenant *tenancy.Tenant[*fakeDatabase], done func()) {
	t.Helper()
	tenant, done, err := w.Acquire(t.Context(), host)
	if err != nil {
		t.Fatal(err)
	}
	return tenant, done
}

func eventually(t *testing.T, condition func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	deadline := time.NewTimer(10 * time.Second)
	defer deadline.Stop()
	for !condition() {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatal("it never came to be")
		}
	}
}

func TestTheHostLeadsToTheTenant(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.directory.put("a", 1, "")
	w.directory.put("b", 1, "")
	for host, key := range map[string]string{"a.example": "a", "B.Example:8080": "b", "b.example.": "b"} {
		tenant, done := w.acquire(t, host)
		if tenant.Key != key {
			t.Errorf("%s leads to %s", host, tenant.Key)
		}
		done()
	}
	if _, _, err := w.Acquire(t.Context(), "c.example"); !fault.Is(err, fault.NotFound) {
		t.Errorf("an unknown host: %v", err)
	}
}

func TestASingleTenantAnswersOnEveryHost(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.directory.put("a", 1, "")
	tenant, done := w.acquire(t, "127.0.0.1:8080")
	defer done()
	if tenant.Key != "a" {
		t.Errorf("served: %s", tenant.Key)
	}
}

func TestManyRequestsOpenATenantOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.directory.put("a", 1, "")
	var group sync.WaitGroup
	for range 50 {
		group.Go(func() {
			_, done, err := w.Acquire(t.Context(), "a.example")
			if err != nil {
				t.Error(err)
				return
			}
			done()
		})
	}
	group.Wait()
	if n := len(w.databases["a"]); n != 1 {
		t.Errorf("opened %d times", n)
	}
}

func TestATenantThatCannotBeOpenedIsTriedAgainByTheNextRequest(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.directory.put("a", 1, "")
	broken := newDatabase(1)
	broken.away = fault.New(fault.Unavailable, "away")
	w.next = func(string) *fakeDatabase { return broken }
	if _, _, err := w.Acquire(t.Context(), "a.example"); !fault.Is(err, fault.Unavailable) {
		t.Fatalf("the first: %v", err)
	}
	eventually(t, broken.isClosed)
	w.mu.Lock()
	w.next = func(string) *fakeDatabase { return newDatabase(1) }
	w.mu.Unlock()
	_, done := w.acquire(t, "a.example")
	done()
}

func TestANewRevisionIsTakenUpWhileARequestGoesOnWithItsOwn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.directory.put("a", 1, "")
	tenant, done := w.acquire(t, "a.example")
	defer done()
	begun := tenant.Model()
	w.database("a").set(2, nil)
	eventually(t, func() bool { return tenant.Model().Schema.Revision == 2 })
	if begun.Schema.Revision != 1 {
		t.Error("the model of a running request has changed")
	}
	leased := w.database("a").leased
	if leased[0] != 1 || leased[len(leased)-1] != 2 {
		t.Errorf("leased: %v", leased)
	}
}

func TestAChangeInTheDirectoryIsAcknowledgedWhenItIsLoaded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.directory.put("a", 3, "")
	behind := newDatabase(2)
	w.next = func(string) *fakeDatabase { return behind }
	_, done := w.acquire(t, "a.example")
	defer done()
	w.Changed("a")
	eventually(t, func() bool { behind.mu.Lock(); defer behind.mu.Unlock(); return behind.loads > 2 })
	if got := w.directory.acked("a"); got != 0 {
		t.Errorf("revision %d is acknowledged, and none is loaded", got)
	}
	behind.set(3, nil)
	w.Changed("a")
	eventually(t, func() bool { return w.directory.acked("a") == 3 })
}

func TestATenantThatNobodyAskedForIsClosedAfterItWasAcknowledged(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.directory.put("a", 1, "")
	w.Changed("a")
	eventually(t, func() bool { return w.directory.acked("a") == 1 })
	eventually(t, w.database("a").isClosed)
}

func TestWithoutALeaseNothingIsWritten(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.directory.put("a", 1, "")
	tenant, done := w.acquire(t, "a.example")
	defer done()
	if err := tenant.Writable(); err != nil {
		t.Fatalf("with a fresh lease: %v", err)
	}
	w.database("a").set(1, errors.New("away"))
	w.clock.pass(tenancy.LeaseLength)
	eventually(t, func() bool { return fault.Is(tenant.Writable(), fault.Unavailable) })
	w.database("a").set(1, nil)
	eventually(t, func() bool { return tenant.Writable() == nil })
}

func TestAMovedSchemaIsLoadedAndTheWorkRunsOnceMore(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *tenancy.Config[*fakeDatabase]) { c.RenewEvery = time.Hour })
	w.directory.put("a", 1, "")
	tenant, done := w.acquire(t, "a.example")
	defer done()
	w.database("a").set(2, nil)
	var seen []int64
	err := tenant.Do(t.Context(), func(_ context.Context, m *tenancy.Model) error {
		seen = append(seen, m.Schema.Revision)
		if m.Schema.Revision == 1 {
			return tenancy.SchemaMoved(errors.New("42703"))
		}
		return nil
	})
	if err != nil || len(seen) != 2 || seen[1] != 2 {
		t.Errorf("ran with %v: %v", seen, err)
	}
	runs := 0
	err = tenant.Do(t.Context(), func(context.Context, *tenancy.Model) error { runs++; return tenancy.SchemaMoved(errors.New("42703")) })
	if runs != 2 || !fault.Is(err, fault.Unavailable) {
		t.Errorf("ran %d times: %v", runs, err)
	}
}

func TestNewCredentialsOpenTheTenantAnewAndTheOldClosesWithItsLastRequest(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.directory.put("a", 1, "old")
	_, done := w.acquire(t, "a.example")
	old := w.database("a")
	w.directory.put("a", 1, "new")
	_, doneNew := w.acquire(t, "a.example")
	defer doneNew()
	if w.database("a") == old {
		t.Fatal("the old connections are used on")
	}
	if old.isClosed() {
		t.Error("the database is closed under a request")
	}
	done()
	eventually(t, old.isClosed)
}

func TestTheTenantThatWaitsLongestMakesRoom(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *tenancy.Config[*fakeDatabase]) { c.MaxOpen = 2 })
	for _, key := range []string{"a", "b", "c"} {
		w.directory.put(key, 1, "")
		_, done := w.acquire(t, key+".example")
		done()
		w.clock.pass(time.Second)
	}
	eventually(t, w.database("a").isClosed)
	if w.database("b").isClosed() || w.database("c").isClosed() {
		t.Error("one of the others was closed")
	}
}

func TestStoppingClosesAllAndServesNoMore(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.directory.put("a", 1, "")
	_, done := w.acquire(t, "a.example")
	done()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := w.Run(ctx); err != nil {
		t.Fatal(err)
	}
	eventually(t, w.database("a").isClosed)
	if _, _, err := w.Acquire(t.Context(), "a.example"); !fault.Is(err, fault.Unavailable) {
		t.Errorf("after the end: %v", err)
	}
}

func TestATenantThatCannotBeLoadedDoesNotKeepOthersWaitingAndComesAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	broken := newDatabase(1)
	broken.away = errors.New("away")
	w.next = func(key string) *fakeDatabase {
		if key == "broken" {
			d := newDatabase(1)
			d.away = broken.away
			return d
		}
		return newDatabase(1)
	}
	w.directory.put("broken", 1, "")
	w.Changed("broken")
	for _, key := range []string{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j"} {
		w.directory.put(key, 1, "")
		w.Changed(key)
	}
	for _, key := range []string{"a", "j"} {
		eventually(t, func() bool { return w.directory.acked(key) == 1 })
	}
	w.mu.Lock()
	broken.away = nil
	w.mu.Unlock()
	eventually(t, func() bool { return w.directory.acked("broken") == 1 })
}
