package provision_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/kontor-crm/kontor/internal/fault"
	"github.com/kontor-crm/kontor/internal/plan"
	"github.com/kontor-crm/kontor/internal/provision"
	"github.com/kontor-crm/kontor/internal/schema"
	"github.com/kontor-crm/kontor/internal/secret"
)

// marking is a plan that goes through the customers and gives each an "x_seen" one
// greater, once.
func marking(t *testing.T, schemas *provision.Schemas, conn secret.Connection, fresh bool) (*plan.Plan, *schema.Schema) {
	t.Helper()
	applied, _, err := schemas.Observe(t.Context(), conn)
	must(t, err)
	p := &plan.Plan{Base: applied.Revision, Revision: applied.Revision + 1, Digest: "marking", Changes: []plan.Change{{
		Summary: "mark the customers", Resumes: true, Undo: []string{"SELECT"},
		Backfill: &plan.Backfill{
			Name: "customer.x_seen", Table: `"crm"."customer"`, Fresh: fresh, Todo: "r.name LIKE 'c%'",
			Set: []plan.Assignment{{Column: "x_seen", Value: `coalesce(r."x_seen", 0) + 1`}, {Column: "name", Value: "'s' || r.name"}},
		},
	}}}
	wanted := copyOf(t, applied)
	wanted.Revision = p.Revision
	return p, wanted
}

// unmarked makes a database with customers that "marking" has to go through.
func unmarked(t *testing.T, servers *provision.Servers, customers int) (*provision.Schemas, secret.Connection, *pgx.Conn) {
	t.Helper()
	schemas := provision.NewSchemas(servers)
	conn := database(t, servers, limitedAdmin(t))
	c := connect(t, admin(t).In(conn.Database))
	apply(t, schemas, conn, standard(t))
	mustExec(t, c, `ALTER TABLE crm.customer ADD COLUMN x_seen integer`)
	mustExec(t, c, fmt.Sprintf(`INSERT INTO crm.customer (id, name) SELECT gen_random_uuid(), 'c' || i FROM generate_series(1, %d) AS i`, customers))
	return schemas, conn, c
}

// ticking is a clock that goes on by a few milliseconds with each look at it.
func ticking() func() time.Time {
	var looks atomic.Int64
	return func() time.Time { return noon().Add(time.Duration(looks.Add(1)) * 7 * time.Millisecond) }
}

// seen are how many customers were marked once, more than once and not at all.
func seen(t *testing.T, c *pgx.Conn) (once, more, never int) {
	t.Helper()
	must(t, c.QueryRow(t.Context(), `SELECT count(*) FILTER (WHERE x_seen = 1), count(*) FILTER (WHERE x_seen > 1), count(*) FILTER (WHERE x_seen IS NULL) FROM crm.customer`).Scan(&once, &more, &never))
	return once, more, never
}

func TestABackfillThatIsBrokenOffAnywhereAltersEachRowOnce(t *testing.T) {
	t.Parallel()
	sent := &statements{allow: -1}
	schemas, conn, c := unmarked(t, newServers(t, provision.Options{Tracer: sent}), 3000)
	broken, fresh := 0, true
	for n := 3; ; n++ {
		p, wanted := marking(t, schemas, conn, fresh)
		fresh = false
		sent.reset(n % 40)
		err := schemas.Apply(t.Context(), conn, p, wanted)
		sent.reset(-1)
		if err == nil {
			break
		}
		broken++
		if !fault.Is(err, fault.Unavailable) {
			t.Fatalf("broken off after %d statements it says %v", n, err)
		}
	}
	if once, more, never := seen(t, c); once != 3000 || more+never > 0 {
		t.Errorf("%d were altered once, %d more than once, %d never", once, more, never)
	}
	if broken < 5 {
		t.Errorf("it was broken off at %d points only", broken)
	}
	var left int
	must(t, c.QueryRow(t.Context(), `SELECT count(*) FROM kontor.backfill`).Scan(&left))
	if left > 0 {
		t.Errorf("the progress of work that is over is left")
	}
}

func TestABackfillWhoseSessionsAreEndedGoesOn(t *testing.T) {
	t.Parallel()
	schemas, conn, c := unmarked(t, newServers(t, provision.Options{}), 4000)
	killer := connect(t, admin(t).In(conn.Database))
	fresh := true
	for kills := 0; ; kills++ {
		var told atomic.Int64
		p, wanted := marking(t, schemas, conn, fresh)
		fresh = false
		err := schemas.Run(t.Context(), conn, p, wanted, func(progress plan.Progress) {
			if told.Add(1) == 2 && progress.Phase == plan.Filling {
				mustExec(t, killer, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'kontor-operator'`)
			}
		})
		if err == nil {
			if kills == 0 {
				t.Error("no session was ended")
			}
			break
		}
	}
	if once, more, never := seen(t, c); once != 4000 || more+never > 0 {
		t.Errorf("%d were altered once, %d more than once, %d never", once, more, never)
	}
}

func TestABackfillTellsHowFarItHasComeAndEndsWhenAsked(t *testing.T) {
	t.Parallel()
	schemas, conn, c := unmarked(t, newServers(t, provision.Options{}), 2000)
	p, wanted := marking(t, schemas, conn, true)
	ctx, stop := context.WithCancel(t.Context())
	var last plan.Progress
	err := schemas.Run(ctx, conn, p, wanted, func(progress plan.Progress) {
		if last = progress; progress.Done > 0 {
			stop()
		}
	})
	if !fault.Is(err, fault.Unavailable) || last.Phase != plan.Filling || last.Summary != "mark the customers" || last.Total != 2000 {
		t.Errorf("it ended with %v at %+v", err, last)
	}
	if once, _, never := seen(t, c); int64(once) != last.Done || never == 0 {
		t.Errorf("%d are altered and %d told", once, last.Done)
	}
}

func TestABackfillHoldsNoRowWhileItWaitsForAnother(t *testing.T) {
	t.Parallel()
	schemas, conn, c := unmarked(t, newServers(t, provision.Options{}), 1000)
	holder, writer := connect(t, admin(t).In(conn.Database)), connect(t, admin(t).In(conn.Database))
	mustExec(t, holder, "BEGIN")
	mustExec(t, holder, `UPDATE crm.customer SET email = 'a@b.c' WHERE id = (SELECT id FROM crm.customer ORDER BY id OFFSET 300 LIMIT 1)`)
	applied := make(chan error, 1)
	p, wanted := marking(t, schemas, conn, true)
	go func() { applied <- schemas.Apply(t.Context(), conn, p, wanted) }()
	for waits := false; !waits; {
		must(t, c.QueryRow(t.Context(), `SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'kontor-operator' AND wait_event_type = 'Lock')`).Scan(&waits))
	}
	// All other rows are free for everybody, at once.
	mustExec(t, writer, "SET lock_timeout = '1ms'")
	mustExec(t, writer, `UPDATE crm.customer SET email = 'c@d.e' WHERE email IS NULL AND id <> (SELECT id FROM crm.customer ORDER BY id OFFSET 300 LIMIT 1)`)
	mustExec(t, holder, "COMMIT")
	must(t, <-applied)
	if once, more, never := seen(t, c); once != 1000 || more+never > 0 {
		t.Errorf("%d were altered once, %d more than once, %d never", once, more, never)
	}
}

func TestABackfillAndThoseWhoWriteMeanwhileBothGetOn(t *testing.T) {
	t.Parallel()
	schemas, conn, c := unmarked(t, newServers(t, provision.Options{Clock: ticking()}), 5000)
	done := make(chan struct{})
	var writers sync.WaitGroup
	for writer := range 3 {
		w := connect(t, admin(t).In(conn.Database))
		writers.Go(func() {
			for i := writer; ; i += 7 {
				select {
				case <-done:
					return
				default:
				}
				// In the other order, so that deadlocks are not unlikely.
				_, err := w.Exec(t.Context(), `WITH picked AS (SELECT id FROM crm.customer WHERE number % 500 = $1 ORDER BY id DESC FOR UPDATE)
UPDATE crm.customer c SET email = 'x@y.z' FROM picked WHERE c.id = picked.id`, i%500)
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	p, wanted := marking(t, schemas, conn, true)
	err := schemas.Apply(t.Context(), conn, p, wanted)
	close(done)
	writers.Wait()
	must(t, err)
	if once, more, never := seen(t, c); once != 5000 || more+never > 0 {
		t.Errorf("%d were altered once, %d more than once, %d never", once, more, never)
	}
}

func TestABackfillOfAnotherMeaningBeginsAnew(t *testing.T) {
	t.Parallel()
	schemas, conn, c := unmarked(t, newServers(t, provision.Options{}), 1500)
	ctx, stop := context.WithCancel(t.Context())
	p, wanted := marking(t, schemas, conn, true)
	_ = schemas.Run(ctx, conn, p, wanted, func(progress plan.Progress) {
		if progress.Done > 0 {
			stop()
		}
	})
	once, _, never := seen(t, c)
	if once == 0 || never == 0 {
		t.Fatalf("%d are altered and %d not", once, never)
	}
	p, wanted = marking(t, schemas, conn, false)
	p.Changes[0].Backfill.Set, p.Changes[0].Backfill.Todo = []plan.Assignment{{Column: "x_seen", Value: "7"}}, ""
	must(t, schemas.Apply(t.Context(), conn, p, wanted))
	var sevens int
	must(t, c.QueryRow(t.Context(), `SELECT count(*) FROM crm.customer WHERE x_seen = 7`).Scan(&sevens))
	if sevens != 1500 {
		t.Errorf("%d of 1500 have the new value", sevens)
	}
}
