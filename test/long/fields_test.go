//go:build long

package long

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/kontor-crm/kontor/controllers/tenant"
	"github.com/kontor-crm/kontor/internal/compile"
	"github.com/kontor-crm/kontor/internal/plan"
	"github.com/kontor-crm/kontor/internal/provision"
	"github.com/kontor-crm/kontor/internal/schema"
	"github.com/kontor-crm/kontor/internal/secret"
	"github.com/kontor-crm/kontor/test/env"
)

func TestMain(m *testing.M) { env.Main(m) }

// rows is how many a large table has: KONTOR_LONG_ROWS, or a million.
func rows(t *testing.T) int {
	t.Helper()
	text := os.Getenv("KONTOR_LONG_ROWS")
	if text == "" {
		return 1_000_000
	}
	n, err := strconv.Atoi(text)
	must(t, err)
	return n
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// strongest is how long a strong lock may be held while people work.
const strongest = 100 * time.Millisecond

func TestFiftyFieldsWithChecksOnALargeTableAreOnePlanThatHoldsNoStrongLockForLong(t *testing.T) {
	schemas, database, c := tenantOf(t, "fifty")
	_, err := c.Exec(t.Context(), `INSERT INTO crm.customer (id, name) SELECT gen_random_uuid(), 'Customer ' || n FROM generate_series(1, $1::integer) AS n`, rows(t))
	must(t, err)

	wanted := withFields(t, 50)
	held := watchLocks(t, database)
	start := time.Now()
	p := apply(t, schemas, database, wanted)
	took := time.Since(start)
	longest := held()
	t.Logf("fifty fields with checks on %d rows: one plan of %d changes to revision %d in %s; the longest strong lock was seen for %s",
		rows(t), len(p.Changes), p.Revision, took.Round(time.Millisecond), longest.Round(100*time.Microsecond))
	if longest > strongest {
		t.Errorf("a strong lock was held for %s", longest)
	}
	applied, live, err := schemas.Observe(t.Context(), database)
	must(t, err)
	if left := plan.Make(applied, wanted, live, plan.Policy{HealDrift: true}); !left.Empty() || len(left.Drift) > 0 {
		t.Errorf("there is left to do: %+v, drift %+v", left.Changes, left.Drift)
	}
}

// tenantOf is a tenant's database with the standard model applied, and a connection to it.
func tenantOf(t *testing.T, namespace string) (*provision.Schemas, secret.Connection, *pgx.Conn) {
	t.Helper()
	server := env.Postgres(t)
	admin := secret.Connection{Host: server.Host, Port: server.Port, Database: "postgres", User: server.User, Password: server.Password, SSLMode: "disable"}
	servers := provision.NewServers(provision.Options{Clock: time.Now})
	t.Cleanup(servers.Close)
	id := tenant.Identity{Installation: "long", Namespace: namespace, Name: "acme"}
	must(t, provision.NewDatabases(servers).Ensure(t.Context(), admin, id, compile.Standard(nil)))
	database, schemas := admin.In(id.Database()), provision.NewSchemas(servers)
	apply(t, schemas, database, compile.Standard(nil))
	c, err := pgx.Connect(t.Context(), database.URL())
	must(t, err)
	t.Cleanup(func() { _ = c.Close(context.WithoutCancel(t.Context())) })
	return schemas, database, c
}

// withFields is the standard model with so many fields more of customer, each with a check.
func withFields(t *testing.T, n int, edits ...func(*schema.Field)) *schema.Schema {
	t.Helper()
	document, err := compile.Standard(nil).Document()
	must(t, err)
	s, err := schema.Load(document)
	must(t, err)
	for _, o := range s.Objects {
		if o.Identity != "customer" {
			continue
		}
		for i := range n {
			name := fmt.Sprintf("code_%d", i)
			f := &schema.Field{Identity: name, Name: name, Column: "x_" + name, Type: schema.TypeText, Length: 10 + i, Custom: true, Source: "CustomField " + name}
			for _, edit := range edits {
				edit(f)
			}
			o.Fields = append(o.Fields, f)
		}
	}
	built, err := schema.Build(s)
	must(t, err)
	return built
}

func apply(t *testing.T, schemas *provision.Schemas, database secret.Connection, wanted *schema.Schema) *plan.Plan {
	t.Helper()
	applied, live, err := schemas.Observe(t.Context(), database)
	must(t, err)
	p := plan.Make(applied, wanted, live, plan.Policy{HealDrift: true})
	if len(p.Refused) > 0 {
		t.Fatalf("refused: %+v", p.Refused)
	}
	must(t, schemas.Measure(t.Context(), database, p))
	wanted.Revision = p.Revision
	must(t, schemas.Apply(t.Context(), database, p, wanted))
	return p
}

// watchLocks looks without a pause at who holds a lock on customer that writers feel;
// the function that it returns ends that and says for how long one was seen.
func watchLocks(t *testing.T, database secret.Connection) (held func() time.Duration) {
	t.Helper()
	c, err := pgx.Connect(t.Context(), database.URL())
	must(t, err)
	t.Cleanup(func() { _ = c.Close(context.WithoutCancel(t.Context())) })
	var table uint32
	must(t, c.QueryRow(t.Context(), "SELECT 'crm.customer'::regclass::oid").Scan(&table))
	stop, ended := make(chan struct{}), make(chan error, 1)
	longest := time.Duration(0)
	go func() {
		since := map[string]time.Time{}
		for {
			select {
			case <-stop:
				ended <- nil
				return
			default:
			}
			// The moments are PostgreSQL's, so that a slow answer makes no lock longer.
			found, err := c.Query(t.Context(), `SELECT pid || ' ' || virtualtransaction, clock_timestamp() FROM pg_locks
WHERE relation = $1 AND granted AND mode IN ('AccessExclusiveLock', 'ExclusiveLock', 'ShareRowExclusiveLock', 'ShareLock')`, table)
			if err != nil {
				ended <- err
				return
			}
			now := map[string]time.Time{}
			var holder string
			var at time.Time
			_, err = pgx.ForEachRow(found, []any{&holder, &at}, func() error {
				if now[holder] = at; !since[holder].IsZero() {
					now[holder] = since[holder]
					longest = max(longest, at.Sub(since[holder]))
				}
				return nil
			})
			if err != nil {
				ended <- err
				return
			}
			since = now
		}
	}()
	return func() time.Duration {
		close(stop)
		must(t, <-ended)
		return longest
	}
}
