package provision_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/kontor-crm/kontor/internal/expr"
	"github.com/kontor-crm/kontor/internal/plan"
	"github.com/kontor-crm/kontor/internal/provision"
	"github.com/kontor-crm/kontor/internal/schema"
	"github.com/kontor-crm/kontor/internal/secret"
)

// keeping adds computed fields that are kept: one of the record's own, a roll-up,
// and one that follows from both.
func keeping(s *schema.Schema) {
	customer, opportunity := object(s, "customer"), object(s, "opportunity")
	for _, f := range opportunity.Fields {
		if f.Identity == "customer" {
			f.Inverse = "opportunities"
		}
	}
	kept := func(o *schema.Object, name string, kind schema.TypeName, edit func(*schema.Field)) {
		f := &schema.Field{
			Identity: name, Name: name, Column: "x_" + name + schema.KeptSuffix, Type: kind, Indexed: true, Custom: true, Source: "CustomField " + name,
		}
		edit(f)
		o.Fields = append(o.Fields, f)
	}
	kept(opportunity, "double", schema.TypeFormula, func(f *schema.Field) {
		f.Formula = &schema.Formula{Expression: "amount * 2", Returns: schema.TypeMoney}
	})
	kept(opportunity, "by", schema.TypeFormula, func(f *schema.Field) {
		f.Formula = &schema.Formula{Expression: `name + " " + customer.name`, Returns: schema.TypeText}
	})
	kept(customer, "total", schema.TypeRollup, func(f *schema.Field) {
		f.Rollup = &schema.Rollup{Inverse: "opportunities", Function: schema.RollupSum, Field: "double", Filter: `stage != "lost"`}
	})
	kept(customer, "rank", schema.TypeFormula, func(f *schema.Field) {
		f.Formula = &schema.Formula{Expression: "total + size(name)", Returns: schema.TypeInteger}
	})
	s.Indexes = append(s.Indexes, &schema.Index{
		Identity: "richest", Object: "customer", Fields: []schema.IndexField{{Field: "rank", Descending: true}, {Field: "total"}}, Source: "ObjectIndex richest",
	})
}

// withRecords puts so many customers in, each with opportunities.
func withRecords(t *testing.T, c *pgx.Conn, customers int) {
	t.Helper()
	mustExec(t, c, fmt.Sprintf(`INSERT INTO crm.customer (id, name) SELECT gen_random_uuid(), 'c' || i FROM generate_series(1, %d) AS i`, customers))
	mustExec(t, c, `INSERT INTO crm.opportunity (id, name, customer_id, amount, stage, deleted_at)
SELECT gen_random_uuid(), 'o', id, n, CASE n WHEN 2 THEN 'lost' ELSE 'won' END, CASE n WHEN 3 THEN now() END FROM crm.customer, generate_series(1, 3) AS n WHERE number % 3 = 0`)
}

// wrong counts the values of kept fields that are not what the records come to.
func wrong(t *testing.T, c *pgx.Conn, s *schema.Schema) int {
	t.Helper()
	all := 0
	for _, o := range s.Objects {
		for _, f := range o.Fields {
			if !f.Kept() {
				continue
			}
			e, err := expr.CompileComputed(s, o, f)
			if err != nil {
				t.Fatal(err)
			}
			var some int
			question := "SELECT count(*) FROM " + o.QualifiedTable() + " AS r WHERE r." + schema.QuoteIdent(f.Column) + " IS DISTINCT FROM " + e.Definition(time.UTC, "r")
			if err := c.QueryRow(t.Context(), question).Scan(&some); err != nil {
				t.Fatalf("%s: %v", question, err)
			}
			all += some
		}
	}
	return all
}

func TestKeptFieldsAreFilledForTheRecordsThatAreThere(t *testing.T) {
	t.Parallel()
	servers := newServers(t, provision.Options{})
	schemas := provision.NewSchemas(servers)
	conn := database(t, servers, limitedAdmin(t))
	c := connect(t, admin(t).In(conn.Database))
	apply(t, schemas, conn, standard(t))
	withRecords(t, c, 2500)
	p := apply(t, schemas, conn, standard(t, keeping))
	filled := 0
	for _, change := range p.Changes {
		if change.Kind == plan.FillValues {
			filled++
			if change.Class != plan.Careful || change.Concurrent || change.Backfill == nil {
				t.Errorf("the change is %+v", change)
			}
		}
	}
	if n := wrong(t, c, standard(t, keeping)); n > 0 || filled != 4 {
		t.Errorf("%d values are wrong after %d columns were filled", n, filled)
	}
	var versions, indexes int
	must(t, c.QueryRow(t.Context(), `SELECT count(*) FILTER (WHERE version <> 1 OR updated_at <> created_at), (SELECT count(*) FROM pg_indexes WHERE schemaname = 'crm' AND indexdef LIKE '%.kept%') FROM crm.customer`).Scan(&versions, &indexes))
	if versions != 0 || indexes != 5 {
		t.Errorf("%d records have another version, and there are %d indexes", versions, indexes)
	}
	withRecords(t, c, 300)
	mustExec(t, c, `UPDATE crm.opportunity SET amount = amount + 1, customer_id = (SELECT id FROM crm.customer ORDER BY number LIMIT 1) WHERE number % 2 = 0`)
	mustExec(t, c, `DELETE FROM crm.opportunity WHERE number % 5 = 0`)
	if n := wrong(t, c, standard(t, keeping)); n > 0 {
		t.Errorf("%d values are wrong after records were written", n)
	}

	// What is no longer kept has no column; kept again it is filled again.
	apply(t, schemas, conn, standard(t))
	mustExec(t, c, `UPDATE crm.opportunity SET amount = 77`)
	var left int
	must(t, c.QueryRow(t.Context(), `SELECT (SELECT count(*) FROM pg_trigger WHERE tgname LIKE '%keep%') + (SELECT count(*) FROM pg_proc WHERE proname LIKE '%keep%')
+ (SELECT count(*) FROM pg_attribute WHERE attname LIKE '%.kept')`).Scan(&left))
	if left != 0 {
		t.Errorf("%d triggers, functions and columns are left", left)
	}
	apply(t, schemas, conn, standard(t, keeping))
	if n := wrong(t, c, standard(t, keeping)); n > 0 {
		t.Errorf("%d values are wrong after they are kept again", n)
	}
	other := standard(t, keeping, func(s *schema.Schema) {
		o := object(s, "customer")
		o.Fields[len(o.Fields)-1].Formula = &schema.Formula{Expression: `name + "!"`, Returns: schema.TypeText}
	})
	apply(t, schemas, conn, other)
	if n := wrong(t, c, other); n > 0 {
		t.Errorf("%d values are wrong after the formula gives a text", n)
	}
}

func TestWritersDuringTheFillingLeaveTheRightValues(t *testing.T) {
	t.Parallel()
	servers := newServers(t, provision.Options{})
	schemas := provision.NewSchemas(servers)
	conn := database(t, servers, limitedAdmin(t))
	c := connect(t, admin(t).In(conn.Database))
	apply(t, schemas, conn, standard(t))
	withRecords(t, c, 4000)
	var writers sync.WaitGroup
	done := make(chan struct{})
	for writer := range 3 {
		w := connect(t, admin(t).In(conn.Database))
		writers.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-done:
					return
				default:
				}
				_, err := w.Exec(t.Context(), `INSERT INTO crm.opportunity (id, name, customer_id, amount) SELECT gen_random_uuid(), 'w', id, $1::int + 1 FROM crm.customer WHERE number % 1000 = $2 ORDER BY id`, writer, i%1000)
				if err == nil {
					_, err = w.Exec(t.Context(), `UPDATE crm.opportunity SET amount = amount + 1 WHERE number = $1`, i*7%4000)
				}
				if err == nil {
					_, err = w.Exec(t.Context(), `UPDATE crm.customer SET name = name || 'x' WHERE number = $1`, i*11%4000)
				}
				if err != nil && !strings.Contains(err.Error(), "40P01") {
					t.Error(err)
					return
				}
			}
		})
	}
	apply(t, schemas, conn, standard(t, keeping))
	close(done)
	writers.Wait()
	if n := wrong(t, c, standard(t, keeping)); n > 0 {
		t.Errorf("%d values are wrong", n)
	}
}

func TestATriggerThatIsLostIsPutBackAndWhatItMissedIsMended(t *testing.T) {
	t.Parallel()
	servers := newServers(t, provision.Options{})
	schemas := provision.NewSchemas(servers)
	conn := database(t, servers, limitedAdmin(t))
	c := connect(t, admin(t).In(conn.Database))
	current := standard(t, keeping)
	apply(t, schemas, conn, current)
	withRecords(t, c, 30)
	for i, damage := range []string{
		`DO $$ DECLARE n text; BEGIN FOR n IN SELECT tgname FROM pg_trigger WHERE tgrelid = 'crm.opportunity'::regclass AND tgname LIKE '%update_keep%'
		 LOOP EXECUTE format('DROP TRIGGER %I ON crm.opportunity', n); END LOOP; END $$`,
		`ALTER TABLE crm.opportunity DISABLE TRIGGER USER`,
		`ALTER TABLE crm.customer DISABLE TRIGGER USER`,
		`DO $$ DECLARE n text; BEGIN FOR n IN SELECT tgfoid::regprocedure::text FROM pg_trigger WHERE tgrelid = 'crm.opportunity'::regclass AND tgname LIKE 'opportunity_keep%'
		 LOOP EXECUTE 'CREATE OR REPLACE FUNCTION ' || n || ' RETURNS trigger LANGUAGE plpgsql AS ''BEGIN RETURN NEW; END'''; END LOOP; END $$`,
		`ALTER TABLE crm.customer DROP COLUMN "x_total.kept" CASCADE`,
	} {
		mustExec(t, c, damage)
		if i < 4 {
			mustExec(t, c, `UPDATE crm.customer SET name = name || 'x'`)
			mustExec(t, c, `UPDATE crm.opportunity SET amount = amount + 1`)
			if wrong(t, c, current) == 0 {
				t.Errorf("%s: nothing is wrong", damage)
			}
		}
		applied, live, err := schemas.Observe(t.Context(), conn)
		must(t, err)
		if told := plan.Make(applied, current, live, plan.Policy{}); !told.Empty() || len(told.Drift) == 0 {
			t.Errorf("%s: the report is %+v and would change %+v", damage, told.Drift, told.Changes)
		}
		if p := apply(t, schemas, conn, current); p.Revision != applied.Revision {
			t.Errorf("%s: healing makes revision %d of %d", damage, p.Revision, applied.Revision)
		}
		if n := wrong(t, c, current); n > 0 {
			t.Errorf("%s: %d values are wrong after the healing", damage, n)
		}
	}
}

func TestAFillingThatWasBrokenOffGoesOn(t *testing.T) {
	t.Parallel()
	servers := newServers(t, provision.Options{})
	schemas := provision.NewSchemas(servers)
	conn := database(t, servers, limitedAdmin(t))
	c := connect(t, admin(t).In(conn.Database))
	apply(t, schemas, conn, standard(t))
	withRecords(t, c, 30)
	mustExec(t, c, `CREATE FUNCTION crm.refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN IF OLD.name = ''c7'' THEN RAISE EXCEPTION ''no''; END IF; RETURN NEW; END'`)
	mustExec(t, c, `CREATE TRIGGER refuse BEFORE UPDATE ON crm.customer FOR EACH ROW EXECUTE FUNCTION crm.refuse()`)
	wanted := standard(t, keeping)
	if _, err := tryApply(t, schemas, conn, wanted, plan.Policy{}); err == nil {
		t.Fatal("the filling came to its end")
	}
	mustExec(t, c, `DROP TRIGGER refuse ON crm.customer`)
	p, err := tryApply(t, schemas, conn, wanted, plan.Policy{})
	must(t, err)
	if len(p.Drift) > 0 {
		t.Errorf("what was not finished is called drift: %+v", p.Drift)
	}
	if n := wrong(t, c, wanted); n > 0 {
		t.Errorf("%d values are wrong", n)
	}
	expectNothingLeft(t, schemas, conn, wanted)
}

// blockedFill begins to apply a schema with kept fields, and returns when the filling
// waits for somebody at one of the records.
func blockedFill(t *testing.T, schemas *provision.Schemas, conn secret.Connection, c *pgx.Conn, wanted *schema.Schema) (applied chan error, release func()) {
	t.Helper()
	holder := connect(t, admin(t).In(conn.Database))
	mustExec(t, c, `CREATE OR REPLACE FUNCTION crm.hold() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN IF NEW.name = ''c7'' THEN PERFORM pg_advisory_xact_lock(7); END IF; RETURN NEW; END'`)
	mustExec(t, c, `CREATE OR REPLACE TRIGGER hold BEFORE UPDATE ON crm.customer FOR EACH ROW EXECUTE FUNCTION crm.hold()`)
	mustExec(t, holder, `SELECT pg_advisory_lock(7)`)
	applied = make(chan error, 1)
	go func() {
		_, err := tryApply(t, schemas, conn, wanted, plan.Policy{})
		applied <- err
	}()
	for waits := false; !waits; {
		select {
		case err := <-applied:
			t.Fatalf("the filling did not wait: %v", err)
		default:
		}
		must(t, c.QueryRow(t.Context(), `SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'UPDATE %AS k SET%' AND wait_event_type = 'Lock')`).Scan(&waits))
	}
	return applied, func() {
		mustExec(t, holder, `SELECT pg_advisory_unlock(7)`)
		mustExec(t, holder, `DROP TRIGGER hold ON crm.customer`)
	}
}

func TestASchemaSaysThatAFieldIsKeptOnlyWhenAllItsValuesAreRight(t *testing.T) {
	t.Parallel()
	servers := newServers(t, provision.Options{})
	schemas := provision.NewSchemas(servers)
	conn := database(t, servers, limitedAdmin(t))
	c := connect(t, admin(t).In(conn.Database))
	before := apply(t, schemas, conn, standard(t)).Revision
	withRecords(t, c, 30)
	wanted := standard(t, keeping)
	done, release := blockedFill(t, schemas, conn, c, wanted)
	current, _, err := schemas.Observe(t.Context(), conn)
	must(t, err)
	if current.Revision != before || slices.ContainsFunc(object(current, "customer").Fields, (*schema.Field).Kept) {
		t.Errorf("revision %d says already that fields are kept", current.Revision)
	}
	mustExec(t, c, `WITH c AS (INSERT INTO crm.customer (id, name) VALUES (gen_random_uuid(), 'new') RETURNING id)
INSERT INTO crm.opportunity (id, name, customer_id, amount) SELECT gen_random_uuid(), 'o', id, 5 FROM c`)
	release()
	must(t, <-done)
	if n := wrong(t, c, wanted); n > 0 {
		t.Errorf("%d values are wrong", n)
	}
	expectNothingLeft(t, schemas, conn, wanted)
}

func TestAFillingWhoseConnectionBreaksGoesOnOrIsTakenBack(t *testing.T) {
	t.Parallel()
	servers := newServers(t, provision.Options{})
	schemas := provision.NewSchemas(servers)
	conn := database(t, servers, limitedAdmin(t))
	c := connect(t, admin(t).In(conn.Database))
	apply(t, schemas, conn, standard(t))
	withRecords(t, c, 30)
	retyped := func(s *schema.Schema) {
		o := object(s, "customer")
		o.Fields[len(o.Fields)-1].Formula = &schema.Formula{Expression: `name + "!"`, Returns: schema.TypeText}
	}
	for _, next := range []*schema.Schema{standard(t), standard(t, keeping, retyped), standard(t, keeping)} {
		done, release := blockedFill(t, schemas, conn, c, standard(t, keeping))
		mustExec(t, c, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'kontor-operator'`)
		if err := <-done; err == nil {
			t.Fatal("the filling came to its end")
		}
		release()
		p, err := tryApply(t, schemas, conn, next, plan.Policy{})
		must(t, err)
		if len(p.Drift) > 0 {
			t.Errorf("what was not finished is called drift: %+v", p.Drift)
		}
		if n := wrong(t, c, next); n > 0 {
			t.Errorf("%d values are wrong", n)
		}
		expectNothingLeft(t, schemas, conn, next)
		apply(t, schemas, conn, standard(t))
		var left int
		must(t, c.QueryRow(t.Context(), `SELECT (SELECT count(*) FROM pg_trigger WHERE tgname LIKE '%keep%') + (SELECT count(*) FROM pg_attribute WHERE attname LIKE '%.kept' AND NOT attisdropped)
  + (SELECT count(*) FROM pg_proc WHERE proname LIKE '%keep%')`).Scan(&left))
		if left > 0 {
			t.Errorf("%d triggers, functions and columns are left", left)
		}
	}
}
