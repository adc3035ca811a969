package provision

import (
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/kontor-crm/kontor/internal/plan"
)

// batchAttempts is how often one batch is tried that others are in the way of.
const batchAttempts = 12

// backfill goes through the rows of a table. Each batch is a transaction that saves how
// far it has come, so that it can be broken off at any point and goes on from there.
func (s *Schemas) backfill(ctx context.Context, c *pgx.Conn, change plan.Change, tell func(plan.Progress)) error {
	if change.Backfill == nil {
		return nil
	}
	work := &backfilling{Backfill: change.Backfill, conn: c, clock: s.servers.options.Clock, scan: newPace(), alter: newPace()}
	progress, err := work.begin(ctx)
	for err == nil && !progress.finished {
		tell(plan.Progress{Phase: plan.Filling, Summary: change.Summary, Done: progress.done, Total: max(progress.total, progress.done)})
		if progress, err = s.nextBatch(ctx, work); err != nil || progress.finished {
			break
		}
		if !pause(ctx, work.rest()) {
			err = ctx.Err()
		}
	}
	return translate(err, "%s", change.Summary)
}

// nextBatch does one batch, however often others are in its way.
func (s *Schemas) nextBatch(ctx context.Context, work *backfilling) (reached, error) {
	wait := 50 * time.Millisecond
	for attempt := 1; ; attempt++ {
		progress, err := work.batch(ctx)
		if err == nil || !inTheWay(err) || attempt == batchAttempts {
			return progress, err
		}
		work.scan.slow()
		work.alter.slow()
		if !pause(ctx, wait/2+time.Duration(s.servers.options.Jitter()*float64(wait))) {
			return progress, err
		}
		wait = min(2*wait, 5*time.Second)
	}
}

// inTheWay says whether the same may succeed a moment later: somebody held a lock, it
// was the victim of a deadlock, or the server had no time for it.
func inTheWay(err error) bool {
	switch sqlState(err) {
	case "55P03", "40P01", "40001", "57014":
		return true
	}
	return false
}

// executor is a connection, or a transaction on it.
type executor interface {
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
}

// forgetFresh forgets what was reached of work that begins anew. It comes before all
// that makes the work look as if it only had to go on.
func forgetFresh(ctx context.Context, on executor, changes []plan.Change) error {
	fresh := slices.DeleteFunc(slices.Clone(changes), func(c plan.Change) bool { return c.Backfill == nil || !c.Backfill.Fresh })
	return translate(forgetWork(ctx, on, fresh), "forgetting what was reached")
}

// forgetWork forgets what was reached of all that the changes go through rows for.
func forgetWork(ctx context.Context, on executor, changes []plan.Change) error {
	var names []string
	for _, change := range changes {
		if change.Backfill != nil {
			names = append(names, change.Backfill.Name)
		}
	}
	if len(names) == 0 {
		return nil
	}
	_, err := on.Exec(ctx, "DELETE FROM kontor.backfill WHERE work = ANY($1)", names)
	return err
}

// backfilling is one backfill under way.
type backfilling struct {
	*plan.Backfill
	conn  *pgx.Conn
	clock func() time.Time
	// scan is for the rows that are looked at, alter for those that are locked and changed.
	scan, alter *pace
	// held says that the first row of the next batch is in somebody's hands.
	held bool
}

// reached is how far a backfill has come.
type reached struct {
	id          string
	done, total int64
	finished    bool
}

// startWork writes down work that nothing is done of yet; of the same work what was reached stays.
const startWork = `INSERT INTO kontor.backfill AS w (work, digest) VALUES ($1, $2)
ON CONFLICT (work) DO UPDATE SET digest = excluded.digest, reached = excluded.reached, done = 0, altered = 0, total = 0, begun_at = now(), moved_at = now(), finished_at = NULL
WHERE w.digest <> excluded.digest`

// begin finds what was reached of just this work, or starts it.
func (b *backfilling) begin(ctx context.Context) (reached, error) {
	if _, err := b.conn.Exec(ctx, startWork, b.Name, b.Digest()); err != nil {
		return reached{}, err
	}
	// An estimate does where counting would take longer than people look.
	const estimate = "SELECT coalesce((SELECT reltuples::bigint FROM pg_class WHERE oid = $1::text::regclass), -1)"
	var total int64
	if err := b.conn.QueryRow(ctx, estimate, b.Table).Scan(&total); err != nil {
		return reached{}, err
	}
	if total < 100_000 {
		if err := b.conn.QueryRow(ctx, "SELECT count(*) FROM "+b.Table).Scan(&total); err != nil {
			return reached{}, err
		}
	}
	const found = `UPDATE kontor.backfill SET total = CASE WHEN total = 0 THEN $2 ELSE total END WHERE work = $1
RETURNING reached::text, done, total, finished_at IS NOT NULL`
	var r reached
	err := b.conn.QueryRow(ctx, found, b.Name, total).Scan(&r.id, &r.done, &r.total, &r.finished)
	return r, err
}

// batch does the next rows in a transaction.
func (b *backfilling) batch(ctx context.Context) (reached, error) {
	var r reached
	err := pgx.BeginFunc(ctx, b.conn, func(tx pgx.Tx) error {
		// Whoever else does the same work waits here, and goes on behind this batch.
		const claim = `SELECT reached::text, done, total, finished_at IS NOT NULL, set_config('lock_timeout', $2, true), set_config('statement_timeout', $3, true)
FROM kontor.backfill WHERE work = $1 FOR UPDATE`
		if err := tx.QueryRow(ctx, claim, b.Name, milliseconds(lockTimeout), milliseconds(callTimeout)).Scan(&r.id, &r.done, &r.total, &r.finished, nil, nil); err != nil {
			return err
		}
		if r.finished {
			return nil
		}
		if b.held { // while it waits for one row it holds no other
			return b.rows(ctx, tx, &r, b.scan.size, 1)
		}
		return b.rows(ctx, tx, &r, b.scan.size, b.alter.size)
	})
	return r, err
}

// rows looks at the next rows and alters those of them that are to do and free, up to
// the first that is not.
func (b *backfilling) rows(ctx context.Context, tx pgx.Tx, r *reached, scan, alter int) error {
	began := b.clock()
	var looked int64
	var last string
	var todo []string
	var places []int64
	if err := tx.QueryRow(ctx, b.Page(), r.id, scan, alter).Scan(&looked, &last, &todo, &places); err != nil {
		return err
	}
	b.scan.took(int(looked), b.clock().Sub(began))
	if looked == 0 {
		r.finished = true
		_, err := tx.Exec(ctx, "UPDATE kontor.backfill SET finished_at = now(), moved_at = now() WHERE work = $1", b.Name)
		return err
	}
	began = b.clock()
	free, err := b.hold(ctx, tx, todo)
	if err != nil {
		return err
	}
	wait := b.held
	b.held = len(free) < len(todo) && !wait
	if b.held { // up to the last that is free, if there is one
		last, looked = r.id, 0
		if n := len(free); n > 0 {
			last, looked = free[n-1], places[n-1]
		}
	}
	altered, err := b.alterRows(ctx, tx, free)
	if err != nil {
		return err
	}
	// Who waits for this transaction by now has come across a row of it.
	const move = `UPDATE kontor.backfill SET reached = $2::text::uuid, done = done + $3, altered = altered + $4, moved_at = now() WHERE work = $1
RETURNING done, (SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'transactionid' AND transactionid = pg_current_xact_id()::xid)`
	var waiting int
	if err := tx.QueryRow(ctx, move, b.Name, last, looked, altered).Scan(&r.done, &waiting); err != nil {
		return err
	}
	r.id = last
	if len(free) > 0 {
		b.alter.took(len(free), b.clock().Sub(began))
	}
	if waiting > 0 {
		b.alter.slow()
	}
	return nil
}

// hold locks the rows to do, and gives those from the first on that nobody else holds.
func (b *backfilling) hold(ctx context.Context, tx pgx.Tx, todo []string) ([]string, error) {
	if len(todo) == 0 {
		return nil, nil
	}
	found, err := tx.Query(ctx, b.Hold(b.held), todo)
	if err != nil {
		return nil, err
	}
	free, err := pgx.CollectRows(found, pgx.RowTo[string])
	if err != nil {
		return nil, err
	}
	for i, id := range todo {
		if i == len(free) || free[i] != id {
			return slices.Clip(todo[:i]), nil
		}
	}
	return todo, nil
}

func (b *backfilling) alterRows(ctx context.Context, tx pgx.Tx, ids []string) (int64, error) {
	if len(ids) == 0 {
		return 0, nil
	}
	tag, err := tx.Exec(ctx, b.Alter(), ids)
	return tag.RowsAffected(), err
}

// rest is how long the batches pause for those who work.
func (b *backfilling) rest() time.Duration { return max(b.scan.rest, b.alter.rest) }
