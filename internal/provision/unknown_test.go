package provision_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/kontor-crm/kontor/internal/plan"
	"github.com/kontor-crm/kontor/internal/provision"
	"github.com/kontor-crm/kontor/internal/schema"
)

func TestWhatNoSchemaKnowsIsToldAndNeverTakenAway(t *testing.T) {
	t.Parallel()
	servers := newServers(t, provision.Options{})
	schemas := provision.NewSchemas(servers)
	conn := database(t, servers, limitedAdmin(t))
	c := connect(t, admin(t).In(conn.Database))
	current := standard(t)
	apply(t, schemas, conn, current)
	for _, made := range []struct{ by, want, object string }{
		{`ALTER TABLE crm.customer ADD COLUMN shoe_size integer`, `unknown column "shoe_size" in table "customer"`, "customer"},
		{`CREATE TABLE crm.shoe (size integer PRIMARY KEY)`, `unknown table "shoe"`, ""},
		{`CREATE INDEX by_length ON crm.customer (char_length(name))`, `unknown index "by_length" in table "customer"`, "customer"},
		{`ALTER TABLE crm.customer ADD CONSTRAINT friendly CHECK (name <> 'Foe')`, `unknown constraint "friendly" in table "customer"`, "customer"},
		{`ALTER TABLE crm.customer ADD CONSTRAINT once UNIQUE (name)`, `unknown constraint "once" in table "customer"`, "customer"},
		{
			`CREATE FUNCTION public.loud() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.name := upper(NEW.name); RETURN NEW; END';
			CREATE TRIGGER loud BEFORE INSERT ON crm.customer FOR EACH ROW EXECUTE FUNCTION public.loud()`,
			`unknown trigger "loud" in table "customer"`, "customer",
		},
		{`CREATE SEQUENCE crm.tickets`, `unknown sequence "tickets"`, ""},
		{`CREATE VIEW crm.loud AS SELECT upper(name) AS name FROM crm.customer`, `unknown view "loud"`, ""},
		{`CREATE INDEX by_digest ON crm.customer__search (digest)`, `unknown index "by_digest" in table "customer__search"`, "customer"},
	} {
		mustExec(t, c, made.by)
		applied, live, err := schemas.Observe(t.Context(), conn)
		must(t, err)
		for _, policy := range []plan.Policy{{}, {HealDrift: true}} {
			p := plan.Make(applied, current, live, policy)
			if !p.Empty() {
				t.Errorf("%s: the plan changes %+v", made.by, p.Changes)
			}
			told := slices.ContainsFunc(p.Drift, func(change plan.Change) bool {
				return change.Summary == made.want && change.Object == made.object && strings.HasPrefix(change.Reason, "no schema knows it")
			})
			if !told {
				t.Errorf("%s: the drift is %+v", made.by, p.Drift)
			}
		}
	}
	// What plans do beside goes on.
	if _, err := tryApply(t, schemas, conn, standard(t, addField("tier")), plan.Policy{HealDrift: true}); err != nil {
		t.Error(err)
	}
}

func TestAThousandLooksAtADatabaseThatNobodyTouchedFindNothing(t *testing.T) {
	t.Parallel()
	servers := newServers(t, provision.Options{})
	schemas := provision.NewSchemas(servers)
	conn := database(t, servers, limitedAdmin(t))
	current := standard(t, keeping, addField("code", func(f *schema.Field) { f.Unique, f.Indexed = true, true }))
	apply(t, schemas, conn, current)
	fill(t, connect(t, admin(t).In(conn.Database)), object(current, "opportunity"))
	for n := range 1000 {
		applied, live, err := schemas.Observe(t.Context(), conn)
		must(t, err)
		if p := plan.Make(applied, current, live, plan.Policy{HealDrift: n%2 == 0}); !p.Empty() || len(p.Drift) > 0 {
			t.Fatalf("look %d finds %+v, drift %+v", n, p.Changes, p.Drift)
		}
	}
}

func TestWhatRecordsNoLongerBearIsNotPutBackUntilTheyAreMended(t *testing.T) {
	t.Parallel()
	servers := newServers(t, provision.Options{})
	schemas := provision.NewSchemas(servers)
	conn := database(t, servers, limitedAdmin(t))
	c := connect(t, admin(t).In(conn.Database))
	current := standard(t, addField("code", func(f *schema.Field) { f.Unique, f.Length = true, 5 }))
	apply(t, schemas, conn, current)
	fill(t, c, object(current, "opportunity"))
	mustExec(t, c, drop("pg_constraint WHERE conname LIKE 'x\\_code\\_max%'"))
	mustExec(t, c, drop("pg_constraint WHERE conrelid = 'crm.customer'::regclass AND conname LIKE 'parent\\_id\\_fk%'"))
	mustExec(t, c, `DO $$ DECLARE n text; BEGIN SELECT indexrelid::regclass::text INTO n FROM pg_index WHERE indexrelid::regclass::text LIKE '%x\_code\_uq%'; EXECUTE 'DROP INDEX ' || n; END $$`)
	mustExec(t, c, `INSERT INTO crm.customer (id, name, x_code, parent_id) VALUES (gen_random_uuid(), 'A', 'too long', gen_random_uuid()), (gen_random_uuid(), 'B', 'same', NULL), (gen_random_uuid(), 'C', 'same', NULL)`)
	for look := range 3 {
		applied, live, err := schemas.Observe(t.Context(), conn)
		must(t, err)
		p := plan.Make(applied, current, live, plan.Policy{HealDrift: true})
		must(t, schemas.Measure(t.Context(), conn, p))
		if !p.Block() || len(p.Drift) != 3 || look > 0 && !p.Empty() {
			t.Fatalf("look %d: the plan is %+v, the drift %+v", look, p.Changes, p.Drift)
		}
		for _, change := range p.Drift {
			if change.Class != plan.Dangerous || !strings.HasPrefix(change.Reason, "1 record does not bear it and has to be mended first: ") {
				t.Errorf("the drift is %+v", change)
			}
		}
		next := *current
		next.Revision = p.Revision
		must(t, schemas.Apply(t.Context(), conn, p, &next))
	}
	if _, err := c.Exec(t.Context(), `INSERT INTO crm.customer (id, name, x_code) VALUES (gen_random_uuid(), 'D', 'too long')`); err == nil {
		t.Error("new records may break what was lost")
	}
	mustExec(t, c, `DELETE FROM crm.customer`)
	apply(t, schemas, conn, current)
}

func TestAPrimaryKeyThatIsLostIsMadeAgainWithAllThatLeansOnIt(t *testing.T) {
	t.Parallel()
	servers := newServers(t, provision.Options{})
	schemas := provision.NewSchemas(servers)
	conn := database(t, servers, limitedAdmin(t))
	c := connect(t, admin(t).In(conn.Database))
	current := standard(t)
	apply(t, schemas, conn, current)
	fill(t, c, object(current, "opportunity"))
	mustExec(t, c, `ALTER TABLE crm.customer DROP CONSTRAINT customer_pkey CASCADE`)
	apply(t, schemas, conn, current)
	var keys int
	must(t, c.QueryRow(t.Context(), `SELECT count(*) FROM pg_constraint WHERE contype = 'p' AND conrelid = 'crm.customer'::regclass`).Scan(&keys))
	if keys != 1 {
		t.Error("there is no primary key")
	}
}
