package provision_test

import (
	"context"
	"slices"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/kontor-crm/kontor/internal/fault"
	"github.com/kontor-crm/kontor/internal/plan"
	"github.com/kontor-crm/kontor/internal/provision"
	"github.com/kontor-crm/kontor/internal/schema"
	"github.com/kontor-crm/kontor/internal/secret"
)

// coded is the standard model with a field "code" of customers.
func coded(t *testing.T, length int, how schema.OnViolation, edits ...func(*schema.Schema)) *schema.Schema {
	t.Helper()
	return standard(t, append([]func(*schema.Schema){addField("code", func(f *schema.Field) { f.Length, f.OnViolation = length, how })}, edits...)...)
}

// graded adds a number of customers to a model.
func graded(least, greatest string, how schema.OnViolation) func(*schema.Schema) {
	return addField("grade", func(f *schema.Field) {
		f.Type, f.Length, f.Min, f.Max, f.OnViolation = schema.TypeInteger, 0, least, greatest, how
	})
}

// longCodes is a database whose customers have codes of 20 characters, but 37 of 80.
func longCodes(t *testing.T, servers *provision.Servers, customers int, edits ...func(*schema.Schema)) (*provision.Schemas, secret.Connection, *pgx.Conn) {
	t.Helper()
	schemas := provision.NewSchemas(servers)
	conn := database(t, servers, limitedAdmin(t))
	c := connect(t, admin(t).In(conn.Database))
	apply(t, schemas, conn, coded(t, 100, schema.OnViolationRefuse, edits...))
	mustExec(t, c, `INSERT INTO crm.customer (id, name, x_code) SELECT gen_random_uuid(), 'c', repeat('s', 20) FROM generate_series(1, $1::int - 37)`, customers)
	mustExec(t, c, `INSERT INTO crm.customer (id, name, x_code) SELECT gen_random_uuid(), 'c', lpad(i::text, 80, 'x') FROM generate_series(1, 37) AS i`)
	return schemas, conn, c
}

// measured is the plan to the wanted schema, with what the records say of it.
func measured(t *testing.T, schemas *provision.Schemas, conn secret.Connection, wanted *schema.Schema) *plan.Plan {
	t.Helper()
	applied, live, err := schemas.Observe(t.Context(), conn)
	must(t, err)
	p := plan.Make(applied, wanted, live, plan.Policy{HealDrift: true})
	wanted.Revision = p.Revision
	must(t, schemas.Measure(t.Context(), conn, p))
	return p
}

func number(t *testing.T, c *pgx.Conn, question string, args ...any) (n int) {
	t.Helper()
	if err := c.QueryRow(t.Context(), question, args...).Scan(&n); err != nil {
		t.Fatalf("%s: %v", question, err)
	}
	return n
}

func TestLongerTextsAreCutAndGivenBackWhereNobodyHasChangedThem(t *testing.T) {
	t.Parallel()
	schemas, conn, c := longCodes(t, newServers(t, provision.Options{}), 1000)
	wanted := coded(t, 50, schema.OnViolationTruncate)
	p := measured(t, schemas, conn, wanted)
	at := slices.IndexFunc(p.Changes, func(change plan.Change) bool { return change.Impact != nil })
	if at < 0 || p.Changes[at].Impact.Failing != 37 || len(p.Changes[at].Impact.IDs) != 10 || p.Changes[at].Treatment != schema.OnViolationTruncate {
		t.Fatalf("the plan is %+v", p.Changes)
	}
	must(t, schemas.Apply(t.Context(), conn, p, wanted))
	if n := number(t, c, `SELECT count(*) FROM crm.customer WHERE char_length(x_code) = 50 AND version = 2 AND updated_by IS NULL`); n != 37 {
		t.Errorf("%d records are cut", n)
	}
	if n := number(t, c, `SELECT count(*) FROM crm.customer WHERE version = 1 AND char_length(x_code) = 20`); n != 963 {
		t.Errorf("%d records are untouched", n)
	}
	if n := number(t, c, `SELECT count(*) FROM kontor.kept_value k JOIN crm.customer r ON r.id = k.record_id WHERE k.object = 'customer' AND k.field = 'code'
AND k.column_name = 'x_code' AND k.why = 'Truncate' AND k.revision = $1 AND k.made = r.x_code AND left(k.value, 50) = r.x_code AND char_length(k.value) = 80
AND k.until > now() + interval '29 days'`, p.Revision); n != 37 {
		t.Errorf("%d values are kept", n)
	}
	if n := number(t, c, `SELECT count(*) FROM kontor.history h JOIN crm.customer r ON r.id = h.record_id AND r.version = h.version WHERE h.channel = 'operator' AND h.operation = 'update'
AND h.schema_revision = $1 AND h.changes->'code'->>'new' = r.x_code AND char_length(h.changes->'code'->>'old') = 80`, p.Base); n != 37 {
		t.Errorf("the history tells of %d", n)
	}
	if n := number(t, c, `SELECT count(*) FROM kontor.outbox WHERE operation = 'update' AND version = 2`); n != 37 {
		t.Errorf("the outbox tells of %d", n)
	}
	expectNothingLeft(t, schemas, conn, coded(t, 50, schema.OnViolationTruncate))

	// Reverting gives all of them back, but for one that somebody has changed since.
	mustExec(t, c, `UPDATE crm.customer SET x_code = 'mine', version = 3 WHERE id = (SELECT min(record_id::text)::uuid FROM kontor.kept_value)`)
	wanted = coded(t, 100, schema.OnViolationRefuse)
	p = measured(t, schemas, conn, wanted)
	gives := slices.IndexFunc(p.Changes, func(change plan.Change) bool { return change.Kind == plan.GiveBackValues })
	if gives < 0 || p.Changes[gives].Class != plan.Careful {
		t.Fatalf("the plan back is %+v", p.Changes)
	}
	must(t, schemas.Apply(t.Context(), conn, p, wanted))
	if n := number(t, c, `SELECT count(*) FROM crm.customer WHERE char_length(x_code) = 80 AND version = 3`); n != 36 {
		t.Errorf("%d records have their values again", n)
	}
	if n := number(t, c, `SELECT count(*) FROM crm.customer WHERE x_code = 'mine'`); n != 1 {
		t.Errorf("the value that somebody has changed is gone")
	}
	if n := number(t, c, `SELECT count(*) FROM kontor.kept_value`); n != 1 {
		t.Errorf("%d values are kept after the others were given back", n)
	}
	if n := number(t, c, `SELECT count(*) FROM kontor.backfill`) + number(t, c, `SELECT count(*) FROM kontor.rollout`); n != 0 {
		t.Errorf("%d rows tell of plans that are over", n)
	}
	expectNothingLeft(t, schemas, conn, coded(t, 100, schema.OnViolationRefuse))
}

func TestRowsThatComeAfterItWasDecidedKeepAPlanFromAlteringAny(t *testing.T) {
	t.Parallel()
	schemas, conn, c := longCodes(t, newServers(t, provision.Options{}), 100)
	wanted := coded(t, 50, schema.OnViolationTruncate)
	p := measured(t, schemas, conn, wanted)
	mustExec(t, c, `INSERT INTO crm.customer (id, name, x_code) VALUES (gen_random_uuid(), 'c', repeat('y', 51))`)
	if err := schemas.Apply(t.Context(), conn, p, wanted); !fault.Is(err, fault.Conflict) || fault.ReasonOf(err) != provision.ReasonOthersFail {
		t.Fatalf("applying gives %v", err)
	}
	if n := number(t, c, `SELECT count(*) FROM crm.customer WHERE char_length(x_code) > 50`); n != 38 {
		t.Errorf("%d of the 38 are as they were", n)
	}
	mustExec(t, c, `INSERT INTO crm.customer (id, name, x_code) VALUES (gen_random_uuid(), 'c', repeat('y', 51))`) // nobody is refused
	expectNothingLeft(t, schemas, conn, coded(t, 100, schema.OnViolationRefuse))
}

func TestValuesOutsideOfNarrowerBoundsAreTakenAwayAndGivenBack(t *testing.T) {
	t.Parallel()
	schemas, conn, c := longCodes(t, newServers(t, provision.Options{}), 200, graded("0", "100", schema.OnViolationRefuse))
	mustExec(t, c, `UPDATE crm.customer SET x_grade = number % 101`)
	failing := number(t, c, `SELECT count(*) FROM crm.customer WHERE x_grade < 10 OR x_grade > 90`)
	before := number(t, c, `SELECT sum(x_grade) FROM crm.customer`)
	// Records break both rules, of two fields: they are altered once.
	wanted := coded(t, 50, schema.OnViolationTruncate, graded("10", "90", schema.OnViolationClear))
	must(t, schemas.Apply(t.Context(), conn, measured(t, schemas, conn, wanted), wanted))
	if n := number(t, c, `SELECT count(*) FROM crm.customer WHERE x_grade IS NULL`); n != failing {
		t.Errorf("%d values are taken away, and %d broke the rule", n, failing)
	}
	if n := number(t, c, `SELECT count(*) FROM crm.customer WHERE version > 2 OR char_length(x_code) > 50`); n != 0 {
		t.Errorf("%d records were altered more than once, or not at all", n)
	}
	if n := number(t, c, `SELECT count(*) FROM kontor.history WHERE changes->'grade'->'new' = 'null' AND jsonb_typeof(changes->'grade'->'old') = 'number'`); n != failing {
		t.Errorf("the history tells of %d", n)
	}
	// Halfway back those come back that are borne there, and the others later.
	wanted = coded(t, 50, schema.OnViolationTruncate, graded("5", "90", schema.OnViolationRefuse))
	must(t, schemas.Apply(t.Context(), conn, measured(t, schemas, conn, wanted), wanted))
	if n := number(t, c, `SELECT count(*) FROM crm.customer WHERE x_grade BETWEEN 5 AND 9`); n == 0 {
		t.Error("no value has come halfway back")
	}
	wanted = coded(t, 100, schema.OnViolationRefuse, graded("0", "100", schema.OnViolationRefuse))
	must(t, schemas.Apply(t.Context(), conn, measured(t, schemas, conn, wanted), wanted))
	if n := number(t, c, `SELECT sum(x_grade) FROM crm.customer`); n != before {
		t.Errorf("the sum of all is %d after the way back and was %d", n, before)
	}
	if n := number(t, c, `SELECT count(*) FROM crm.customer WHERE char_length(x_code) = 80`); n != 37 {
		t.Errorf("%d codes are whole", n)
	}
	expectNothingLeft(t, schemas, conn, wanted)
}

func TestValuesThatWereCutTwiceComeBackWhole(t *testing.T) {
	t.Parallel()
	schemas, conn, c := longCodes(t, newServers(t, provision.Options{}), 60)
	for _, length := range []int{50, 30, 100} {
		wanted := coded(t, length, schema.OnViolationTruncate)
		must(t, schemas.Apply(t.Context(), conn, measured(t, schemas, conn, wanted), wanted))
	}
	if n := number(t, c, `SELECT count(*) FROM crm.customer WHERE char_length(x_code) = 80`); n != 37 {
		t.Errorf("%d of 37 are whole", n)
	}
	if n := number(t, c, `SELECT count(*) FROM kontor.kept_value`); n != 0 {
		t.Errorf("%d values are kept still", n)
	}
}

func TestATreatmentThatIsBrokenOffAnywhereGoesOnWithoutBeingAskedAgain(t *testing.T) {
	t.Parallel()
	sent := &statements{allow: -1}
	schemas, conn, c := longCodes(t, newServers(t, provision.Options{Tracer: sent}), 60)
	first := measured(t, schemas, conn, coded(t, 50, schema.OnViolationTruncate))
	var begun bool
	broken := 0
	for n := 0; ; n++ {
		wanted := coded(t, 50, schema.OnViolationTruncate)
		applied, live, err := schemas.Observe(t.Context(), conn)
		must(t, err)
		p := plan.Make(applied, wanted, live, plan.Policy{HealDrift: true})
		wanted.Revision = p.Revision
		if p.Digest != first.Digest {
			t.Fatalf("after %d statements it is another plan", n)
		}
		if begun = slices.ContainsFunc(live.Begun, func(b plan.Begun) bool { return b.Digest == p.Digest }); !begun {
			must(t, schemas.Measure(t.Context(), conn, p)) // as who decides does
		}
		sent.reset(n)
		err = schemas.Apply(t.Context(), conn, p, wanted)
		sent.reset(-1)
		if err == nil {
			break
		}
		broken++
		mustExec(t, c, `UPDATE crm.customer SET email = 'a@b.c' WHERE char_length(x_code) <= 50`)
	}
	if !begun || broken < 8 {
		t.Errorf("it was broken off at %d points, and begun is %t", broken, begun)
	}
	if n := number(t, c, `SELECT count(*) FROM crm.customer WHERE char_length(x_code) = 50 AND version = 2`); n != 37 {
		t.Errorf("%d records are cut once", n)
	}
	if n := number(t, c, `SELECT count(*) FROM kontor.kept_value WHERE char_length(value) = 80`); n != 37 {
		t.Errorf("%d values are kept", n)
	}
	if n := number(t, c, `SELECT count(*) FROM kontor.history WHERE channel = 'operator' AND changes ? 'code'`); n != 37 {
		t.Errorf("the history tells of %d", n)
	}
	expectNothingLeft(t, schemas, conn, coded(t, 50, schema.OnViolationTruncate))

	// So it does on the way back.
	for n := 0; ; n++ {
		wanted := coded(t, 100, schema.OnViolationRefuse)
		p := measured(t, schemas, conn, wanted)
		sent.reset(n)
		err := schemas.Apply(t.Context(), conn, p, wanted)
		sent.reset(-1)
		if err == nil {
			if p = measured(t, schemas, conn, wanted); p.Empty() {
				break
			}
		}
	}
	if n := number(t, c, `SELECT count(*) FROM crm.customer WHERE char_length(x_code) = 80 AND version = 3`); n != 37 {
		t.Errorf("%d of 37 have their values again", n)
	}
}

func TestATreatmentThatNobodyWantsAnyMoreIsTakenBack(t *testing.T) {
	t.Parallel()
	schemas, conn, c := longCodes(t, newServers(t, provision.Options{}), 3000)
	wanted := coded(t, 50, schema.OnViolationTruncate)
	ctx, stop := context.WithCancel(t.Context())
	err := schemas.Run(ctx, conn, measured(t, schemas, conn, wanted), wanted, func(progress plan.Progress) {
		if progress.Done > 1500 {
			stop()
		}
	})
	if !fault.Is(err, fault.Unavailable) {
		t.Fatalf("it ended with %v", err)
	}
	cut := number(t, c, `SELECT count(*) FROM crm.customer WHERE char_length(x_code) = 50`)
	if cut == 0 {
		t.Fatal("it was broken off before it did anything")
	}
	wanted = coded(t, 100, schema.OnViolationRefuse)
	p := measured(t, schemas, conn, wanted)
	must(t, schemas.Apply(t.Context(), conn, p, wanted))
	if n := number(t, c, `SELECT count(*) FROM crm.customer WHERE char_length(x_code) = 80`); n != 37 {
		t.Errorf("%d of 37 are whole; %d had been cut", n, cut)
	}
	if p.Revision != p.Base {
		t.Errorf("taking back makes revision %d of %d", p.Revision, p.Base)
	}
	expectNothingLeft(t, schemas, conn, coded(t, 100, schema.OnViolationRefuse))
}

func TestWhatWasKeptForLongEnoughIsTakenAwayByAPlan(t *testing.T) {
	t.Parallel()
	schemas, conn, c := longCodes(t, newServers(t, provision.Options{}), 60)
	cut := coded(t, 50, schema.OnViolationTruncate)
	must(t, schemas.Apply(t.Context(), conn, measured(t, schemas, conn, cut), cut))
	mustExec(t, c, `UPDATE kontor.kept_value SET until = now() - interval '1 minute' WHERE record_id IN (SELECT id FROM crm.customer WHERE number % 2 = 0)`)
	old := number(t, c, `SELECT count(*) FROM kontor.kept_value WHERE until < now()`)
	p := measured(t, schemas, conn, cut)
	if len(p.Changes) != 1 || p.Changes[0].Kind != plan.PurgeValues || p.Revision != p.Base {
		t.Fatalf("the plan is %+v", p.Changes)
	}
	must(t, schemas.Apply(t.Context(), conn, p, cut))
	if n := number(t, c, `SELECT count(*) FROM kontor.kept_value`); n != 37-old {
		t.Errorf("%d values are kept; %d were to go", n, old)
	}
	expectNothingLeft(t, schemas, conn, cut)
}

func TestTwoProcessesDoNotRunAPlanOfTheSameDatabase(t *testing.T) {
	t.Parallel()
	schemas, conn, c := longCodes(t, newServers(t, provision.Options{}), 600)
	wanted := coded(t, 50, schema.OnViolationTruncate)
	p := measured(t, schemas, conn, wanted)
	tried := false
	must(t, schemas.Run(t.Context(), conn, p, wanted, func(progress plan.Progress) {
		if tried || progress.Phase != plan.Filling {
			return
		}
		tried = true
		if err := schemas.Apply(t.Context(), conn, p, wanted); !fault.Is(err, fault.Unavailable) {
			t.Errorf("the second process gets %v", err)
		}
		if n := number(t, c, `SELECT count(*) FROM pg_constraint WHERE conname LIKE 'x_code_max%' AND NOT convalidated`); n != 1 {
			t.Error("the second process has taken back what the first does")
		}
	}))
	if n := number(t, c, `SELECT count(*) FROM crm.customer WHERE char_length(x_code) = 50 AND version = 2`); n != 37 || !tried {
		t.Errorf("%d records are cut", n)
	}
}
