package directory

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/kontor-crm/kontor/internal/jobs"
)

var _ jobs.Calendar = (*Directory)(nil)

// workChannel is where it is said that a tenant has work for a worker.
const workChannel = "kontor_work"

// visitTime is how soon a tenant comes up again whose worker was not heard of.
const visitTime = time.Minute

// Wake says that there is work for a worker in the tenant's database now.
func (d *Directory) Wake(ctx context.Context, key string) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	const wake = `WITH woken AS (UPDATE visit SET due_at = least(due_at, now()) WHERE key = $1) SELECT pg_notify('` + workChannel + `', '')`
	if _, err := d.pool.Exec(ctx, wake, key); err != nil {
		return fmt.Errorf("waking a worker for %s: %w", key, err)
	}
	return nil
}

// Due takes some tenants that are due for a worker, those first that have waited longest.
// Of those that are not known here yet, because the directory is still being read or
// the word of a new one is under way, none is given: they would count as gone.
func (d *Directory) Due(ctx context.Context, most int) ([]jobs.Visit, error) {
	if d.Ready(ctx) != nil {
		return nil, nil // there is a word when it is
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	const take = `UPDATE visit SET due_at = now() + $1 * interval '1 millisecond' WHERE key IN (
			SELECT key FROM visit JOIN directory USING (key)
			WHERE due_at <= now() AND (shard = '' OR shard = $2) ORDER BY due_at LIMIT $3 FOR UPDATE OF visit SKIP LOCKED)
		RETURNING key, due_at`
	rows, err := d.pool.Query(ctx, take, visitTime.Milliseconds(), d.options.Shard, most)
	if err != nil {
		return nil, fmt.Errorf("reading which tenants are due: %w", err)
	}
	visits, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (visit jobs.Visit, err error) {
		return visit, row.Scan(&visit.Key, &visit.Due)
	})
	if err != nil {
		return nil, fmt.Errorf("reading which tenants are due: %w", err)
	}
	return slices.DeleteFunc(visits, func(visit jobs.Visit) bool {
		_, isKnown := d.ByKey(visit.Key)
		return !isKnown // it comes up again soon
	}), nil
}

// Visited says when the tenant is due next, unless somebody has woken a worker meanwhile.
func (d *Directory) Visited(ctx context.Context, visit jobs.Visit, next time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	const put = `UPDATE visit SET due_at = now() + $3 * interval '1 millisecond' WHERE key = $1 AND due_at = $2`
	if _, err := d.pool.Exec(ctx, put, visit.Key, visit.Due, next.Milliseconds()); err != nil {
		return fmt.Errorf("writing when %s is due: %w", visit.Key, err)
	}
	return nil
}

// Woken holds a word when somebody has left work for a worker.
func (d *Directory) Woken() <-chan struct{} { return d.woken }

func (d *Directory) wake() {
	select {
	case d.woken <- struct{}{}:
	default:
	}
}
