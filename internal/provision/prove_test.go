package provision_test

import (
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/kontor-crm/kontor/internal/fault"
	"github.com/kontor-crm/kontor/internal/plan"
	"github.com/kontor-crm/kontor/internal/provision"
	"github.com/kontor-crm/kontor/internal/schema"
)

// narrowings are the checks and indexes of the field "code" that no schema has had but the narrower ones.
func narrowings(t *testing.T, c *pgx.Conn) (found int) {
	t.Helper()
	err := c.QueryRow(t.Context(), `SELECT (SELECT count(*) FROM pg_constraint WHERE conname LIKE 'x\_code\_max\_length%' AND pg_get_constraintdef(oid) LIKE '%<= 5)%')
		+ (SELECT count(*) FROM pg_class WHERE relname LIKE 'customer\_x\_code\_uq\_%')`).Scan(&found)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestWhatRowsDoNotBearIsTakenBackAndRefusesNobody(t *testing.T) {
	t.Parallel()
	servers := newServers(t, provision.Options{})
	schemas := provision.NewSchemas(servers)
	conn := database(t, servers, admin(t))
	c := connect(t, admin(t).In(conn.Database))
	current := standard(t, addField("code", func(f *schema.Field) { f.Length = 40 }))
	apply(t, schemas, conn, current)
	mustExec(t, c, `INSERT INTO crm.customer (id, name, x_code) SELECT gen_random_uuid(), 'A', 'code' || n FROM generate_series(1, 20) AS n`)
	narrower := standard(t, addField("code", func(f *schema.Field) { f.Length, f.Unique = 5, true }))
	applied, live, err := schemas.Observe(t.Context(), conn)
	if err != nil {
		t.Fatal(err)
	}
	p := plan.Make(applied, narrower, live, plan.Policy{})
	narrower.Revision = p.Revision
	if err := schemas.Measure(t.Context(), conn, p); err != nil {
		t.Fatal(err)
	}
	var failing int64
	for _, change := range p.Changes {
		if change.Impact != nil {
			failing += change.Impact.Failing
		}
	}
	if failing != 11 {
		t.Errorf("%d rows fail, want the 11 with codes of six characters", failing)
	}
	if err := schemas.Apply(t.Context(), conn, p, narrower); !fault.Is(err, fault.Conflict) || fault.ReasonOf(err) != provision.ReasonRowsFail {
		t.Fatalf("applying gives %v", err)
	}
	if left := narrowings(t, c); left != 0 {
		t.Errorf("%d narrower rules are left", left)
	}
	expectNothingLeft(t, schemas, conn, current)

	mustExec(t, c, `UPDATE crm.customer SET x_code = right(x_code, 2)`)
	apply(t, schemas, conn, narrower)
	if left := narrowings(t, c); left != 2 {
		t.Errorf("%d of the two narrower rules are there", left)
	}
	expectNothingLeft(t, schemas, conn, narrower)
}

func TestAProofThatIsBrokenOffAnywhereIsTakenBackOrGoneOnWith(t *testing.T) {
	t.Parallel()
	sent := &statements{allow: -1}
	servers := newServers(t, provision.Options{Tracer: sent})
	schemas := provision.NewSchemas(servers)
	conn := database(t, servers, limitedAdmin(t))
	c := connect(t, admin(t).In(conn.Database))
	current := standard(t, addField("code", func(f *schema.Field) { f.Length = 40 }))
	apply(t, schemas, conn, current)
	mustExec(t, c, `INSERT INTO crm.customer (id, name, x_code) SELECT gen_random_uuid(), 'A', n::text FROM generate_series(1, 20) AS n`)
	broken := 0
	for n := 0; ; n++ {
		narrower := standard(t, addField("code", func(f *schema.Field) { f.Length, f.Unique = 5, true }))
		applied, live, err := schemas.Observe(t.Context(), conn)
		if err != nil {
			t.Fatal(err)
		}
		p := plan.Make(applied, narrower, live, plan.Policy{})
		narrower.Revision = p.Revision
		sent.reset(n)
		err = schemas.Apply(t.Context(), conn, p, narrower)
		sent.reset(-1)
		if err == nil {
			break
		}
		broken++
		// What is left over is the same change again, and goes when nobody wants it any more.
		applied, live, err = schemas.Observe(t.Context(), conn)
		if err != nil {
			t.Fatal(err)
		}
		if again := plan.Make(applied, narrower, live, plan.Policy{}); again.Digest != p.Digest {
			t.Fatalf("after %d statements the change is another one", n)
		}
		for _, change := range plan.Make(applied, current, live, plan.Policy{}).Changes {
			if !change.Leftover {
				t.Fatalf("after %d statements the plan back has %q", n, change.Summary)
			}
		}
		if _, err := tryApply(t, schemas, conn, current, plan.Policy{}); err != nil {
			t.Fatalf("after %d statements: %v", n, err)
		}
		if left := narrowings(t, c); left != 0 {
			t.Fatalf("after %d statements %d narrower rules are left", n, left)
		}
	}
	if broken < 5 {
		t.Errorf("only %d points were tried", broken)
	}
	if left := narrowings(t, c); left != 2 {
		t.Errorf("%d of the two narrower rules are there", left)
	}
}
