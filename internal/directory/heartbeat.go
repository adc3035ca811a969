package directory

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// acknowledgements are the revisions that this process has loaded, by tenant:
// the system database may forget the process while it is away.
type acknowledgements struct {
	mu     sync.Mutex
	loaded map[string]int64
}

func (a *acknowledgements) note(key string, revision int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.loaded[key] = revision
}

func (a *acknowledgements) all() map[string]int64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return maps.Clone(a.loaded)
}

func (a *acknowledgements) forget(key string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.loaded, key)
}

// live gives signs of life until ctx ends, and then takes its leave.
func (d *Directory) live(ctx context.Context) {
	tick := time.NewTicker(d.options.HeartbeatEvery)
	defer tick.Stop()
	away := false
	for {
		err := d.beat(ctx)
		if err != nil && !away && ctx.Err() == nil {
			d.options.Log.WarnContext(ctx, "The system database does not hear this server", "error", err)
		}
		away = err != nil
		select {
		case <-ctx.Done():
			d.takeLeave(context.WithoutCancel(ctx))
			return
		case <-tick.C:
		}
	}
}

const (
	beat = `INSERT INTO server (id, heartbeat_at) VALUES ($1, now())
		ON CONFLICT (id) DO UPDATE SET heartbeat_at = excluded.heartbeat_at RETURNING xmax = 0`
	// Servers that ended without taking their leave are forgotten after an hour.
	forgetServers = `DELETE FROM server WHERE heartbeat_at < now() - interval '1 hour'`
	acknowledge   = `INSERT INTO acknowledgement (server, key, revision) VALUES ($1, $2, $3)
		ON CONFLICT (server, key) DO UPDATE SET revision = excluded.revision`
)

// beat writes the sign of life. When the server's row is new, all that it has loaded is told again.
func (d *Directory) beat(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	var isNew bool
	if err := d.pool.QueryRow(ctx, beat, d.options.Server).Scan(&isNew); err != nil {
		return fmt.Errorf("writing the heartbeat: %w", err)
	}
	if !isNew {
		return nil
	}
	if _, err := d.pool.Exec(ctx, forgetServers); err != nil {
		return fmt.Errorf("forgetting servers that are gone: %w", err)
	}
	for key, revision := range d.acks.all() {
		if err := d.tell(ctx, key, revision); err != nil {
			return err
		}
	}
	return nil
}

// Acknowledge tells the operator that this process serves the revision. While
// the system database is away, the error is returned, and it is told later too.
func (d *Directory) Acknowledge(ctx context.Context, key string, revision int64) error {
	if _, ok := d.ByKey(key); !ok {
		return nil // it was taken out a moment ago
	}
	d.acks.note(key, revision)
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	err := d.tell(ctx, key, revision)
	if failure, ok := errors.AsType[*pgconn.PgError](err); ok && failure.Code == codeForeignKey {
		return d.beat(ctx) // the system database has forgotten us; this tells all
	}
	return err
}

// codeForeignKey is PostgreSQL's word for a row that points to nothing.
const codeForeignKey = "23503"

func (d *Directory) tell(ctx context.Context, key string, revision int64) error {
	if _, err := d.pool.Exec(ctx, acknowledge, d.options.Server, key, revision); err != nil {
		return fmt.Errorf("acknowledging revision %d of %s: %w", revision, key, err)
	}
	return nil
}

// takeLeave removes the server's row, so that nobody counts on it.
func (d *Directory) takeLeave(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	if _, err := d.pool.Exec(ctx, "DELETE FROM server WHERE id = $1", d.options.Server); err != nil {
		d.options.Log.WarnContext(ctx, "The server could not take its leave", "error", err)
	}
}
