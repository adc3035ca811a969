// Package tenancy leads from a host to the tenant that is served there: its
// model and its database. Tenants are opened when they are asked for first and
// closed when nobody asks any more. A new revision of a tenant's schema is
// taken up while requests run: each request ends with the model that it began
// with.
package tenancy

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/kontor-crm/kontor/internal/fault"
	"github.com/kontor-crm/kontor/internal/query"
	"github.com/kontor-crm/kontor/internal/schema"
	"github.com/kontor-crm/kontor/internal/secret"
)

// The times of a lease: the operator contracts nothing that a revision needs
// while a server leases it, and a server whose lease has lapsed writes nothing.
const (
	LeaseLength = 10 * time.Second
	RenewEvery  = 3 * time.Second
)

// The defaults of Config.
const (
	defaultIdleAfter = time.Minute
	defaultMaxOpen   = 80
	checkIdleEvery   = 5 * time.Second
	// openTimeout bounds the work of opening and reloading, whoever waits for it.
	openTimeout = 15 * time.Second
	// loaders is the number of tenants that are loaded at once after changes of the directory.
	loaders = 8
)

// ReasonSchemaMoved is the reason of a fault of the database that says: the
// tables are no longer what the model says. Loading the newest model mends it.
const ReasonSchemaMoved = "SchemaMoved"

// SchemaMoved wraps the database's error.
func SchemaMoved(cause error) error {
	return &fault.Error{
		Kind: fault.Unavailable, Reason: ReasonSchemaMoved, Cause: cause,
		Message: "the tenant's schema is changing; try again",
	}
}

// Entry is one tenant in the directory.
type Entry struct {
	// Key is "namespace/name".
	Key string
	// Hosts are the names under which it is served, in lower case.
	Hosts []string
	// Connection leads to the tenant's database, as the application role.
	Connection secret.Connection
	// Revision is that of the newest applied schema; 0 before the first.
	Revision int64
}

// Directory is the list of the tenants that this process may serve.
type Directory interface {
	// ByHost is the tenant that is served at the host, which is in lower case and has no port.
	ByHost(host string) (Entry, bool)
	// ByKey is the tenant of that key.
	ByKey(key string) (Entry, bool)
	// Only is the tenant when there is exactly one.
	Only() (Entry, bool)
	// Acknowledge tells the operator that this process serves the revision.
	Acknowledge(ctx context.Context, key string, revision int64) error
}

// Database is what this room needs of a tenant's database.
type Database interface {
	// NewestSchema is the stored form of the newest applied schema and its
	// revision; the revision is 0 when none was applied yet.
	NewestSchema(ctx context.Context) (revision int64, document []byte, err error)
	// Lease says that this server serves the revision for so long. It returns the
	// newest applied revision.
	Lease(ctx context.Context, server string, revision int64, length time.Duration) (newest int64, err error)
	// Close lets go of the connections. Whoever still runs a statement gets an error.
	Close()
}

// Config says what a process serves, and how.
type Config[D Database] struct {
	Directory Directory
	// Open prepares the database without connecting to it.
	Open func(ctx context.Context, connection secret.Connection) (D, error)
	// Cursors seals the cursors of lists.
	Cursors *secret.Sealer
	// Server names this process in leases; no two processes share one.
	Server string
	Clock  func() time.Time
	Log    *slog.Logger
	// IdleAfter is how long a tenant stays open without a request; 0 is a minute.
	IdleAfter time.Duration
	// MaxOpen bounds the open tenants; over it the one closes that was not asked for
	// longest. Each holds a connection. 0 is 80.
	MaxOpen int
	// RenewEvery is the time between renewals of a lease; 0 is the constant RenewEvery.
	RenewEvery time.Duration
}

// Tenants are the tenants of one process.
type Tenants[D Database] struct {
	config Config[D]
	// schemas holds once what the tenants' models have in common.
	schemas schema.Library

	mu      sync.Mutex
	open    map[string]*Tenant[D]
	changed *queue
	closed  bool
}

// New serves nothing yet; Run must run beside the requests.
func New[D Database](config Config[D]) *Tenants[D] {
	if config.IdleAfter == 0 {
		config.IdleAfter = defaultIdleAfter
	}
	if config.MaxOpen == 0 {
		config.MaxOpen = defaultMaxOpen
	}
	if config.RenewEvery == 0 {
		config.RenewEvery = RenewEvery
	}
	return &Tenants[D]{config: config, open: map[string]*Tenant[D]{}, changed: newQueue()}
}

// Model is a tenant's schema in use. It never changes.
type Model struct {
	Schema   *schema.Schema
	Compiler *query.Compiler
}

// Acquire opens the tenant that is served at the host, as the request has it. The
// caller says when it is done with it. Without such a tenant the fault is NotFound.
func (t *Tenants[D]) Acquire(ctx context.Context, host string) (tenant *Tenant[D], done func(), err error) {
	entry, ok := t.find(host)
	if !ok {
		return nil, nil, fault.New(fault.NotFound, "no tenant is served at this host")
	}
	return t.acquire(ctx, entry, true)
}

// AcquireKey is Acquire for the tenant of a key.
func (t *Tenants[D]) AcquireKey(ctx context.Context, key string) (tenant *Tenant[D], done func(), err error) {
	entry, ok := t.config.Directory.ByKey(key)
	if !ok {
		return nil, nil, fault.New(fault.NotFound, "there is no tenant %q", key)
	}
	return t.acquire(ctx, entry, true)
}

func (t *Tenants[D]) find(host string) (Entry, bool) {
	if entry, ok := t.config.Directory.ByHost(CanonicalHost(host)); ok {
		return entry, true
	}
	return t.config.Directory.Only()
}

// CanonicalHost is the host of a request in lower case, without its port and a trailing point.
func CanonicalHost(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return strings.ToLower(strings.TrimSuffix(host, "."))
}

// acquire opens the tenant, or waits until somebody else did.
func (t *Tenants[D]) acquire(ctx context.Context, entry Entry, asked bool) (*Tenant[D], func(), error) {
	tenant, first, err := t.enter(ctx, entry)
	if err != nil {
		return nil, nil, err
	}
	if asked {
		tenant.asked.Store(t.config.Clock().UnixNano())
	}
	if first {
		tenant.start(ctx)
	}
	done := sync.OnceFunc(func() { t.leave(tenant) })
	select {
	case <-tenant.ready:
	case <-ctx.Done():
		done()
		return nil, nil, fault.Wrap(fault.Unavailable, ctx.Err(), "the tenant's database does not answer in time; try again")
	}
	if tenant.failed != nil {
		done()
		return nil, nil, tenant.failed
	}
	return tenant, done, nil
}

// enter counts one more user of the open tenant, or makes one; first says that it has to be started.
func (t *Tenants[D]) enter(ctx context.Context, entry Entry) (tenant *Tenant[D], first bool, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return nil, false, fault.New(fault.Unavailable, "the server is stopping")
	}
	if tenant, ok := t.open[entry.Key]; ok && tenant.connection == entry.Connection {
		tenant.users++
		return tenant, false, nil
	} else if ok {
		t.retire(tenant)
	}
	database, err := t.config.Open(ctx, entry.Connection)
	if err != nil {
		return nil, false, fault.Wrap(fault.Unavailable, err, "the tenant's database cannot be used")
	}
	t.makeRoom()
	tenant = newTenant(t.config, &t.schemas, entry, database, t.gone)
	tenant.users = 1
	t.open[entry.Key] = tenant
	return tenant, true, nil
}

// leave counts one user less; the last one of a retired tenant closes it.
func (t *Tenants[D]) leave(tenant *Tenant[D]) {
	t.mu.Lock()
	defer t.mu.Unlock()
	tenant.users--
	if tenant.retired && tenant.users == 0 {
		tenant.stop()
	}
}

// gone takes a tenant out that could not be opened, so that the next request tries again.
func (t *Tenants[D]) gone(tenant *Tenant[D]) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.retire(tenant)
}

// retire takes the tenant out of use; it closes when its last user has left.
func (t *Tenants[D]) retire(tenant *Tenant[D]) {
	if t.open[tenant.Key] == tenant {
		delete(t.open, tenant.Key)
	}
	if tenant.retired {
		return
	}
	tenant.retired = true
	if tenant.users == 0 {
		tenant.stop()
	}
}

// makeRoom closes the tenant that was not asked for longest when there are too many.
func (t *Tenants[D]) makeRoom() {
	if len(t.open) < t.config.MaxOpen {
		return
	}
	var oldest *Tenant[D]
	for _, tenant := range t.open {
		if tenant.users == 0 && (oldest == nil || tenant.asked.Load() < oldest.asked.Load()) {
			oldest = tenant
		}
	}
	if oldest != nil {
		t.retire(oldest)
	}
}

// closeIdle closes the tenants that nobody asks for.
func (t *Tenants[D]) closeIdle() {
	before := t.config.Clock().Add(-t.config.IdleAfter).UnixNano()
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, tenant := range t.open {
		if tenant.users == 0 && tenant.asked.Load() < before {
			t.retire(tenant)
		}
	}
}

// Changed says that the directory's entry of the tenant is new, different or
// gone. The tenant is looked at soon; the caller does not wait.
func (t *Tenants[D]) Changed(key string) { t.changed.add(key) }

// Run takes up changes and closes idle tenants until ctx ends; then it closes all.
func (t *Tenants[D]) Run(ctx context.Context) error {
	defer t.closeAll()
	var workers sync.WaitGroup
	for range loaders {
		workers.Go(func() { t.takeUp(ctx) })
	}
	defer workers.Wait()
	idle := time.NewTicker(min(t.config.IdleAfter, checkIdleEvery))
	defer idle.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-idle.C:
			t.closeIdle()
		}
	}
}

// takeUp loads what has changed. A tenant that cannot be loaded does not keep the others waiting.
func (t *Tenants[D]) takeUp(ctx context.Context) {
	for {
		key, ok := t.changed.take(ctx)
		if !ok {
			return
		}
		err := t.follow(ctx, key)
		retry := t.changed.done(key, err != nil)
		if err != nil && ctx.Err() == nil {
			t.config.Log.WarnContext(ctx, "A tenant could not be loaded", "tenant", key, "error", err, "retryAfter", retry)
		}
	}
}

// dismiss closes a tenant that was opened for no request: at the start of a
// server that is all of them, and each holds a connection.
func (t *Tenants[D]) dismiss(tenant *Tenant[D]) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if tenant.users == 0 && tenant.asked.Load() == 0 {
		t.retire(tenant)
	}
}

func (t *Tenants[D]) closeAll() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed = true
	for _, tenant := range t.open {
		t.retire(tenant)
	}
}

// follow brings one tenant to what the directory says, and acknowledges its revision.
func (t *Tenants[D]) follow(ctx context.Context, key string) error {
	entry, ok := t.config.Directory.ByKey(key)
	if !ok {
		t.mu.Lock()
		defer t.mu.Unlock()
		if tenant, ok := t.open[key]; ok {
			t.retire(tenant)
		}
		return nil
	}
	if entry.Revision == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	tenant, done, err := t.acquire(ctx, entry, false)
	if err != nil {
		return err
	}
	defer t.dismiss(tenant)
	defer done()
	if tenant.Model().Schema.Revision < entry.Revision {
		if err := tenant.reload(ctx); err != nil {
			return err
		}
	}
	revision := tenant.Model().Schema.Revision
	if revision < entry.Revision {
		return errors.New("the database does not hold the revision that the directory names")
	}
	return t.config.Directory.Acknowledge(ctx, key, revision)
}
