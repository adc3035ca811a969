package provision

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/kontor-crm/kontor/internal/fault"
	"github.com/kontor-crm/kontor/internal/plan"
	"github.com/kontor-crm/kontor/internal/schema"
	"github.com/kontor-crm/kontor/internal/secret"
)

// measureTimeout bounds the counting of a plan's rows.
const measureTimeout = 10 * time.Minute

// Measure counts the rows that do not bear the changes of a plan, and sets their
// Impact. All counts are of one moment. It takes no lock that anybody feels.
func (s *Schemas) Measure(ctx context.Context, database secret.Connection, p *plan.Plan) error {
	return s.asOwner(ctx, database, session{timeout: measureTimeout}, func(ctx context.Context, c *pgx.Conn) error {
		return measureAll(ctx, c, p)
	})
}

// measureAll counts the rows of all changes, of one moment.
func measureAll(ctx context.Context, c *pgx.Conn, p *plan.Plan) error {
	err := pgx.BeginTxFunc(ctx, c, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		for i := range p.Changes {
			check := p.Changes[i].Check
			if check == nil {
				continue
			}
			impact, err := measure(ctx, tx, check)
			if err != nil {
				return fmt.Errorf("%s: %w", p.Changes[i].Summary, err)
			}
			p.Changes[i].Impact = impact
		}
		return nil
	})
	return translate(err, "counting the rows that a change concerns in %q", c.Config().Database)
}

func measure(ctx context.Context, tx pgx.Tx, check *plan.Check) (*plan.Impact, error) {
	var impact plan.Impact
	count := "SELECT count(*), count(*) FILTER (WHERE " + check.Filled + ") FROM " + check.Table
	if err := tx.QueryRow(ctx, count).Scan(&impact.Rows, &impact.Filled); err != nil {
		return nil, err
	}
	// The hash is that of a set: neither the order of the rows nor their number costs memory.
	id := schema.QuoteIdent(schema.FieldID)
	failing := "SELECT count(*), coalesce(to_hex(bit_xor(hashtextextended(" + id + "::text, 0))) || to_hex(bit_xor(hashtextextended(" + id + "::text, 1))), '') FROM (" +
		check.Failing + ") AS failing"
	if err := tx.QueryRow(ctx, failing).Scan(&impact.Failing, &impact.Hash); err != nil {
		return nil, err
	}
	if impact.Failing == 0 {
		return &impact, nil
	}
	first := fmt.Sprintf("SELECT %s::text FROM (%s) AS failing ORDER BY %s LIMIT %d", id, check.Failing, id, plan.MaxFailingIDs)
	rows, err := tx.Query(ctx, first)
	if err != nil {
		return nil, err
	}
	impact.IDs, err = pgx.CollectRows(rows, pgx.RowTo[string])
	return &impact, err
}

func proves(c plan.Change) bool {
	return len(c.Prepare)+len(c.Prove) > 0 || c.Backfill != nil && !c.Concurrent
}

// prove runs what comes before a plan's transaction: from then on every row bears the
// changes, those that are there and those that come. The error is a Conflict with the
// reason RowsFail when one does not. Who writes obeys all of the changes before the first
// row is gone through.
func (s *Schemas) prove(ctx context.Context, c *pgx.Conn, p *plan.Plan, tell func(plan.Progress)) error {
	proven := slices.DeleteFunc(slices.Clone(p.Changes), func(change plan.Change) bool { return !proves(change) })
	for _, change := range proven {
		if err := s.prepare(ctx, c, change, tell); err != nil {
			return err
		}
	}
	if err := s.begin(ctx, c, p); err != nil {
		return err
	}
	for _, change := range proven {
		if err := s.proveOne(ctx, c, change, tell); err != nil {
			return err
		}
	}
	return nil
}

// takeBack undoes what was proven for a plan that came to nothing: no schema has it, and
// it must refuse nobody's writes. The connection and the time of the plan may be used
// up, so it has its own. What cannot be taken back now the next plan finds; so it does
// with what was only broken off and may resume.
func (s *Schemas) takeBack(ctx context.Context, database secret.Connection, p *plan.Plan, failed error) {
	if !slices.ContainsFunc(p.Changes, func(c plan.Change) bool { return len(c.Undo) > 0 }) {
		return
	}
	_ = s.asOwner(context.WithoutCancel(ctx), database, session{}, func(ctx context.Context, c *pgx.Conn) error {
		var newest int64
		// The commit of the plan may have come through although nobody heard of it.
		if err := c.QueryRow(ctx, "SELECT coalesce(max(revision), 0) FROM kontor.applied_schema").Scan(&newest); err != nil || newest > p.Base {
			return err
		}
		for _, change := range p.Changes {
			if change.Resumes && fault.KindOf(failed) == fault.Unavailable {
				continue
			}
			if change.Treatment != schema.OnViolationRefuse {
				if err := forgetBegun(ctx, c, p); err != nil {
					return err
				}
			}
			if err := forgetWork(ctx, c, []plan.Change{change}); err != nil {
				return err
			}
			for _, statement := range change.Undo {
				if err := s.servers.retryLocks(ctx, func() error { return run(ctx, c, statement) }); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

func (s *Schemas) prepare(ctx context.Context, c *pgx.Conn, change plan.Change, tell func(plan.Progress)) error {
	if len(change.Prepare) > 0 {
		tell(plan.Progress{Phase: plan.Preparing, Summary: change.Summary})
	}
	for _, statement := range change.Prepare {
		if err := s.servers.retryLocks(ctx, func() error { return run(ctx, c, statement) }); err != nil {
			return translate(err, "%s", change.Summary)
		}
	}
	return nil
}

func (s *Schemas) proveOne(ctx context.Context, c *pgx.Conn, change plan.Change, tell func(plan.Progress)) error {
	if err := s.backfill(ctx, c, change, tell); err != nil || len(change.Prove) == 0 {
		return err
	}
	tell(plan.Progress{Phase: plan.Proving, Summary: change.Summary})
	if err := waitForLocks(ctx, c, concurrentLockTimeout); err != nil {
		return err
	}
	err := s.proveRows(ctx, c, change)
	if after := waitForLocks(ctx, c, lockTimeout); err == nil {
		err = after
	}
	return err
}

// waitForLocks sets how long the statements that follow wait for a lock.
func waitForLocks(ctx context.Context, c *pgx.Conn, timeout time.Duration) error {
	_, err := c.Exec(ctx, "SELECT set_config('lock_timeout', $1, false)", milliseconds(timeout))
	return translate(err, "setting the time to wait for a lock")
}

func (s *Schemas) proveRows(ctx context.Context, c *pgx.Conn, change plan.Change) error {
	for _, statement := range change.Prove {
		err := s.servers.retryLocks(ctx, func() error { return run(ctx, c, statement) })
		if code := sqlState(err); strings.HasPrefix(code, "23") { // a row breaks the check or the index
			return fault.Because(fault.Conflict, ReasonRowsFail, "%s: records came meanwhile that do not bear it", change.Summary)
		}
		if err != nil {
			return translate(err, "%s", change.Summary)
		}
	}
	return nil
}
