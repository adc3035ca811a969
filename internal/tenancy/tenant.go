package tenancy

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kontor-crm/kontor/internal/fault"
	"github.com/kontor-crm/kontor/internal/query"
	"github.com/kontor-crm/kontor/internal/schema"
	"github.com/kontor-crm/kontor/internal/secret"
)

// Tenant is one open tenant.
type Tenant[D Database] struct {
	// Key is "namespace/name".
	Key string

	config     Config[D]
	schemas    *schema.Library
	connection secret.Connection
	database   D
	gone       func(*Tenant[D])

	ready  chan struct{} // closed when the tenant is open, or failed is set
	failed error
	model  atomic.Pointer[Model]
	// leased is until when this process may write, in nanoseconds since 1970.
	leased atomic.Int64
	// asked is when the last request came, in nanoseconds since 1970.
	asked   atomic.Int64
	loading sync.Mutex
	end     chan struct{}

	// Guarded by Tenants.mu.
	users   int
	retired bool
}

func newTenant[D Database](config Config[D], schemas *schema.Library, entry Entry, database D, gone func(*Tenant[D])) *Tenant[D] {
	return &Tenant[D]{
		Key: entry.Key, config: config, schemas: schemas, connection: entry.Connection, database: database, gone: gone,
		ready: make(chan struct{}), end: make(chan struct{}),
	}
}

// Database is the tenant's.
func (t *Tenant[D]) Database() D { return t.database }

// Model is the one that is served now. A request takes it once.
func (t *Tenant[D]) Model() *Model { return t.model.Load() }

// Do runs f with the model that is served now. When the database says that the
// schema has moved, the newest model is loaded and f runs once more with that
// one; so f must not have answered its request before it returns nil.
func (t *Tenant[D]) Do(ctx context.Context, f func(context.Context, *Model) error) error {
	err := f(ctx, t.Model())
	if fault.ReasonOf(err) != ReasonSchemaMoved {
		return err
	}
	if err := t.reload(ctx); err != nil {
		return err
	}
	return f(ctx, t.Model())
}

// Writable is nil while this process may write to the tenant's database.
// Without a lease the operator may be changing what the model says.
func (t *Tenant[D]) Writable() error {
	if t.config.Clock().UnixNano() < t.leased.Load() {
		return nil
	}
	return fault.Because(fault.Unavailable, "LeaseLapsed", "the tenant's database cannot be written now; try again")
}

// start opens the tenant apart from the request that asked first: others wait for it too.
func (t *Tenant[D]) start(ctx context.Context) {
	ctx = context.WithoutCancel(ctx)
	go func() {
		opening, cancel := context.WithTimeout(ctx, openTimeout)
		err := t.reload(opening)
		cancel()
		if err != nil {
			t.failed = err
			t.gone(t)
		}
		close(t.ready)
		if err == nil {
			t.keep(ctx)
		}
	}()
}

// stop ends the renewals and closes the database; it is called once.
func (t *Tenant[D]) stop() {
	close(t.end)
	t.database.Close()
}

// keep renews the lease until the tenant is closed. The lease then lapses by itself.
func (t *Tenant[D]) keep(ctx context.Context) {
	tick := time.NewTicker(t.config.RenewEvery)
	defer tick.Stop()
	for {
		select {
		case <-t.end:
			return
		case <-tick.C:
		}
		renewing, cancel := context.WithTimeout(ctx, t.config.RenewEvery)
		err := t.renew(renewing)
		cancel()
		if err != nil && t.Writable() != nil {
			t.config.Log.WarnContext(ctx, "The lease of a tenant has lapsed; it takes no writes", "tenant", t.Key, "error", err)
		}
	}
}

// renew renews the lease, and takes up a newer revision when there is one.
func (t *Tenant[D]) renew(ctx context.Context) error {
	model := t.Model()
	newest, err := t.lease(ctx, model.Schema.Revision)
	if err != nil {
		return err
	}
	if newest != model.Schema.Revision {
		return t.reload(ctx)
	}
	return nil
}

// lease takes the lease and remembers until when it holds, by our own clock
// from before the call: so it never outlives the row in the database.
func (t *Tenant[D]) lease(ctx context.Context, revision int64) (newest int64, err error) {
	asked := t.config.Clock()
	newest, err = t.database.Lease(ctx, t.config.Server, revision, LeaseLength)
	if err != nil {
		return 0, fmt.Errorf("leasing revision %d: %w", revision, err)
	}
	t.leased.Store(asked.Add(LeaseLength).UnixNano())
	return newest, nil
}

// reload loads the newest model, leases it and serves it.
func (t *Tenant[D]) reload(ctx context.Context) error {
	t.loading.Lock()
	defer t.loading.Unlock()
	const attempts = 3 // each finds a newer revision only if one was applied in these milliseconds
	for range attempts {
		model, err := t.load(ctx)
		if err != nil {
			return err
		}
		newest, err := t.lease(ctx, model.Schema.Revision)
		if err != nil {
			return err
		}
		t.model.Store(model)
		if newest == model.Schema.Revision {
			return nil
		}
	}
	return nil
}

func (t *Tenant[D]) load(ctx context.Context) (*Model, error) {
	revision, document, err := t.database.NewestSchema(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading the applied schema: %w", err)
	}
	if revision == 0 {
		return nil, fault.New(fault.Unavailable, "the tenant is not ready yet; try again")
	}
	if served := t.Model(); served != nil && served.Schema.Revision == revision {
		return served, nil
	}
	loaded, err := t.schemas.Load(document)
	if err != nil {
		return nil, fmt.Errorf("loading revision %d: %w", revision, err)
	}
	loaded.Revision = revision
	return &Model{Schema: loaded, Compiler: query.New(loaded, t.config.Cursors, t.Key)}, nil
}
