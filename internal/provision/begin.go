package provision

import (
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/kontor-crm/kontor/internal/fault"
	"github.com/kontor-crm/kontor/internal/plan"
	"github.com/kontor-crm/kontor/internal/schema"
)

// planLock is what the session holds in a tenant's database that runs a plan which takes long.
const planLock = 0x6b6f6e746f72 // "kontor"

// How often the lock is asked for again, and how long after the last time.
const (
	planLockAttempts = 30
	planLockPause    = 200 * time.Millisecond
)

// holdPlan makes sure that no other process runs a plan in the database, such as one
// that has lost the leadership and not noticed. It ends with the session, and the
// session soon after its process, whatever it was about.
func holdPlan(ctx context.Context, c *pgx.Conn) error {
	var held bool
	const hold = "SELECT pg_try_advisory_lock($1) FROM set_config('client_connection_check_interval', '5s', false)"
	if err := c.QueryRow(ctx, hold, int64(planLock)).Scan(&held); err != nil {
		return translate(err, "asking for the plan's own lock")
	}
	// A session whose process is gone may need a moment to notice.
	for range planLockAttempts {
		if held || !pause(ctx, planLockPause) {
			break
		}
		if err := c.QueryRow(ctx, "SELECT pg_try_advisory_lock($1)", int64(planLock)).Scan(&held); err != nil {
			return translate(err, "asking for the plan's own lock")
		}
	}
	if !held {
		return fault.New(fault.Unavailable, "another process runs a plan in the database %q", c.Config().Database)
	}
	return nil
}

// begin makes sure, when a plan alters rows that do not bear it, that they are those
// for which that was decided: by now no more can come. From then on the plan has begun,
// and goes on without being asked again, however often it is broken off.
func (s *Schemas) begin(ctx context.Context, c *pgx.Conn, p *plan.Plan) error {
	if !slices.ContainsFunc(p.Changes, func(change plan.Change) bool { return change.Treatment != schema.OnViolationRefuse }) {
		return nil
	}
	var begun bool
	const known = "SELECT EXISTS (SELECT FROM kontor.rollout WHERE digest = $1 AND base = $2)"
	if err := c.QueryRow(ctx, known, p.Digest, p.Base).Scan(&begun); err != nil || begun {
		return translate(err, "looking whether the plan has begun")
	}
	now := *p
	now.Changes = slices.Clone(p.Changes)
	if err := measureAll(ctx, c, &now); err != nil {
		return err
	}
	for i, change := range now.Changes {
		var decided plan.Impact
		if p.Changes[i].Impact != nil {
			decided = *p.Changes[i].Impact
		}
		if counted := change.Impact; counted != nil && (counted.Failing != decided.Failing || counted.Hash != decided.Hash) {
			return fault.Because(fault.Conflict, ReasonOthersFail, "%s: by now %d records do not bear it, and not just those for which it was decided", change.Summary, counted.Failing)
		}
	}
	const record = `INSERT INTO kontor.rollout (digest, base, revision, alters) VALUES ($1, $2, $3, $4)
ON CONFLICT (digest) DO UPDATE SET base = excluded.base, revision = excluded.revision, alters = excluded.alters, begun_at = now()`
	_, err := c.Exec(ctx, record, p.Digest, p.Base, p.Revision, p.Alters())
	return translate(err, "recording that the plan has begun")
}

// forgetBegun has the plan decided again the next time. What it has altered stays known.
func forgetBegun(ctx context.Context, on executor, p *plan.Plan) error {
	_, err := on.Exec(ctx, "UPDATE kontor.rollout SET digest = digest || ' ' || begun_at WHERE digest = $1", p.Digest)
	return translate(err, "forgetting that the plan has begun")
}

// settle ends what has begun when a revision is applied: the plan that led to it, and
// those that came to nothing. The work that is to follow is written down.
func settle(ctx context.Context, tx pgx.Tx, changes, follow []plan.Change) error {
	if err := forgetWork(ctx, tx, changes); err != nil {
		return err
	}
	for _, change := range follow {
		if b := change.Backfill; b != nil {
			if _, err := tx.Exec(ctx, startWork, b.Name, b.Digest()); err != nil {
				return err
			}
		}
	}
	_, err := tx.Exec(ctx, "DELETE FROM kontor.rollout")
	return err
}
