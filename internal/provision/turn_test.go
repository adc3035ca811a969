package provision_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/shopspring/decimal"

	"github.com/kontor-crm/kontor/internal/fault"
	"github.com/kontor-crm/kontor/internal/plan"
	"github.com/kontor-crm/kontor/internal/provision"
	"github.com/kontor-crm/kontor/internal/schema"
	"github.com/kontor-crm/kontor/internal/secret"
)

// turned is the schema in which the field "code" of customer is another one, with a
// column of its own, as the compiler makes it.
func turned(t *testing.T, s *schema.Schema, edit func(*schema.Field)) *schema.Schema {
	t.Helper()
	next := copyOf(t, s)
	for _, f := range object(next, "customer").Fields {
		if f.Identity != "code" {
			continue
		}
		form, column := *f, f.NextColumn()
		form.Previous, form.Required, form.Unique, form.Indexed, form.Default = nil, false, false, false, nil
		f.Previous = slices.Insert(f.Previous, 0, schema.Previous{Form: &form, With: column, Revision: s.Revision + 1, Since: noon()})
		edit(f)
		f.Column = column
	}
	return rebuilt(t, next)
}

// backTo is the schema in which the field is again what it was first.
func backTo(t *testing.T, s *schema.Schema, edit func(*schema.Field)) *schema.Schema {
	t.Helper()
	next := copyOf(t, s)
	for _, f := range object(next, "customer").Fields {
		if f.Identity != "code" {
			continue
		}
		form, back := *f, f.Previous[len(f.Previous)-1]
		form.Previous, form.Required, form.Unique, form.Indexed, form.Default = nil, false, false, false, nil
		previous, ok := f.GoingBack(back.Form.Column, schema.Previous{Form: &form, Revision: s.Revision + 1, Since: noon()})
		if !ok {
			t.Fatal("there is no way back")
		}
		edit(f)
		f.Column, f.Previous = back.Form.Column, previous
	}
	return rebuilt(t, next)
}

func toDecimal(f *schema.Field) {
	f.Type, f.Length, f.Precision, f.Scale = schema.TypeDecimal, 0, 12, new(2)
	if f.Default != nil {
		f.Default = new("7.50")
	}
}

func toText(f *schema.Field) {
	f.Type, f.Precision, f.Scale, f.Length = schema.TypeText, 0, nil, 40
	if f.Default != nil {
		f.Default = new("07.50")
	}
}

// leftOfTurns are the columns, triggers, functions, checks and indexes of turns that no
// schema has.
func leftOfTurns(t *testing.T, c *pgx.Conn) []string {
	t.Helper()
	rows, err := c.Query(t.Context(), `SELECT attname::text FROM pg_attribute WHERE attrelid = 'crm.customer'::regclass AND attname LIKE '%$%' AND NOT attisdropped
UNION ALL SELECT tgname::text FROM pg_trigger WHERE tgname LIKE '$%' UNION ALL SELECT proname::text FROM pg_proc WHERE proname LIKE '%\_pair\_%'
UNION ALL SELECT conname::text FROM pg_constraint WHERE conname LIKE '%\_converts\_%' UNION ALL SELECT relname::text FROM pg_class WHERE relkind = 'i' AND relname LIKE '%$%'`)
	must(t, err)
	left, err := pgx.CollectRows(rows, pgx.RowTo[string])
	must(t, err)
	return left
}

// numbered is a database whose customers have a text "code" that holds numbers, written in
// several ways; so many of them do not.
func numbered(t *testing.T, options provision.Options, customers, wrong int) (*provision.Schemas, secret.Connection, *pgx.Conn, *schema.Schema) {
	t.Helper()
	servers := newServers(t, options)
	schemas := provision.NewSchemas(servers)
	conn := database(t, servers, limitedAdmin(t))
	c := connect(t, admin(t).In(conn.Database))
	current := standard(t, addField("code", func(f *schema.Field) { f.Length, f.Indexed, f.Required, f.Default = 40, true, true, new("07.50") }))
	apply(t, schemas, conn, current)
	mustExec(t, c, fmt.Sprintf(`INSERT INTO crm.customer (id, name, x_code) SELECT gen_random_uuid(), 'c' || n,
CASE n %% 4 WHEN 0 THEN lpad(n::text, 9, '0') WHEN 1 THEN ' ' || n || '.50 ' WHEN 2 THEN '-' || n || '.' ELSE n::text END FROM generate_series(1, %d) AS n`, customers))
	mustExec(t, c, fmt.Sprintf(`INSERT INTO crm.customer (id, name, x_code) SELECT gen_random_uuid(), 'w' || n, n || ' pieces' FROM generate_series(1, %d) AS n`, wrong))
	return schemas, conn, c, current
}

// expectNumbers holds the numbers in the new column against what the texts mean.
func expectNumbers(t *testing.T, c *pgx.Conn) (texts map[string]string) {
	t.Helper()
	rows, err := c.Query(t.Context(), `SELECT id::text, x_code, "x_code$2"::text FROM crm.customer`)
	must(t, err)
	texts = map[string]string{}
	differ := 0
	var id string
	var code, number *string
	_, err = pgx.ForEachRow(rows, []any{&id, &code, &number}, func() error {
		if code == nil || number == nil {
			differ++
			return nil
		}
		want, err := schema.ParseDecimal(strings.TrimSpace(*code))
		if err != nil || !want.Equal(decimal.RequireFromString(*number)) {
			differ++
			t.Logf("%q is %s", *code, *number)
		}
		texts[id] = *code
		return nil
	})
	must(t, err)
	if differ > 0 {
		t.Errorf("%d of %d numbers are not what the texts mean", differ, len(texts))
	}
	return texts
}

func TestATextBecomesANumberWhilePeopleWriteAndATextAgain(t *testing.T) {
	t.Parallel()
	schemas, conn, c, current := numbered(t, provision.Options{}, 4000, 0)
	before := map[string]string{}
	rows, err := c.Query(t.Context(), `SELECT id::text, x_code FROM crm.customer`)
	must(t, err)
	var id, code string
	_, err = pgx.ForEachRow(rows, []any{&id, &code}, func() error { before[id] = code; return nil })
	must(t, err)

	var writers sync.WaitGroup
	done := make(chan struct{})
	for writer := range 3 { // they hold the older schema all the time
		w := connect(t, admin(t).In(conn.Database))
		writers.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-done:
					return
				default:
				}
				_, err := w.Exec(t.Context(), `INSERT INTO crm.customer (id, name, x_code) VALUES (gen_random_uuid(), 'w', $1)`, fmt.Sprintf("%04d.%d", i, writer))
				if err == nil {
					_, err = w.Exec(t.Context(), `UPDATE crm.customer SET x_code = $1, version = version + 1 WHERE number = $2`, fmt.Sprintf("0%d", i), 1+(i*7+writer)%3000)
				}
				if err == nil {
					_, err = w.Exec(t.Context(), `UPDATE crm.customer SET name = name || 'x' WHERE number = $1`, 1+i*11%4000)
				}
				if err != nil && !strings.Contains(err.Error(), "40P01") {
					t.Error(err)
					return
				}
			}
		})
	}
	number := turned(t, current, toDecimal)
	p := apply(t, schemas, conn, number)
	if !slices.ContainsFunc(p.Changes, func(c plan.Change) bool { return c.Kind == plan.ChangeType && c.Class == plan.Careful }) {
		t.Errorf("the plan is %+v", p.Changes)
	}
	close(done)
	writers.Wait()
	texts := expectNumbers(t, c)
	var untouched, indexes int
	must(t, c.QueryRow(t.Context(), `SELECT count(*) FILTER (WHERE version = 1 AND number > 3200 AND number <= 4000), (SELECT count(*) FROM pg_index AS i JOIN pg_class AS x ON x.oid = i.indexrelid
WHERE i.indisvalid AND x.relname LIKE 'customer_x_code%') FROM crm.customer`).Scan(&untouched, &indexes))
	if untouched != 800 || indexes != 1 {
		t.Errorf("%d of 800 records have their version, and there are %d indexes", untouched, indexes)
	}

	// Servers with the newer schema write the new column, those with the older one the old one.
	mustExec(t, c, `UPDATE crm.customer SET "x_code$2" = 12.5 WHERE number = 1`)
	mustExec(t, c, `UPDATE crm.customer SET x_code = '0013' WHERE number = 2`)
	mustExec(t, c, `UPDATE crm.customer SET name = 'z' WHERE number = 4`)
	mustExec(t, c, `INSERT INTO crm.customer (id, name, "x_code$2") VALUES (gen_random_uuid(), 'n', 3), (gen_random_uuid(), 'd', DEFAULT)`)
	expectCodes(t, c, `number = 1`, "12.50", "12.50")
	expectCodes(t, c, `number = 2`, "0013", "13.00")
	expectCodes(t, c, `number = 4`, texts[idOf(t, c, 4)], "")
	expectCodes(t, c, `name = 'n'`, "3.00", "3.00")
	expectCodes(t, c, `name = 'd'`, "7.50", "7.50")
	if _, err := c.Exec(t.Context(), `UPDATE crm.customer SET x_code = 'many' WHERE number = 3`); err == nil {
		t.Error("an older server writes what is no number")
	}

	text := backTo(t, number, toText)
	p = apply(t, schemas, conn, text)
	for _, change := range p.Changes {
		if change.Backfill != nil {
			t.Errorf("going back goes through the rows: %+v", change)
		}
	}
	same := 0
	rows, err = c.Query(t.Context(), `SELECT id::text, x_code FROM crm.customer`)
	must(t, err)
	_, err = pgx.ForEachRow(rows, []any{&id, &code}, func() error {
		if before[id] == code {
			same++
		}
		if want, known := texts[id]; known && want != code && code != "12.50" && code != "0013" {
			t.Errorf("%q came back as %q", want, code)
		}
		return nil
	})
	must(t, err)
	if same < 900 {
		t.Errorf("only %d texts are as they were", same)
	}
	mustExec(t, c, `UPDATE crm.customer SET x_code = '0099' WHERE number = 5`)
	expectCodes(t, c, `number = 5`, "0099", "99.00")
}

func idOf(t *testing.T, c *pgx.Conn, number int) (id string) {
	t.Helper()
	must(t, c.QueryRow(t.Context(), `SELECT coalesce((SELECT id::text FROM crm.customer WHERE number = $1), '')`, number).Scan(&id))
	return id
}

func expectCodes(t *testing.T, c *pgx.Conn, where, text, number string) {
	t.Helper()
	var gotText, gotNumber string
	must(t, c.QueryRow(t.Context(), `SELECT coalesce(x_code, ''), coalesce("x_code$2"::text, '') FROM crm.customer WHERE `+where).Scan(&gotText, &gotNumber))
	if gotText != text || number != "" && gotNumber != number {
		t.Errorf("where %s the text is %q and the number %s, want %q and %s", where, gotText, gotNumber, text, number)
	}
}

func TestATypeIsRefusedByTheRowsThatDoNotConvertAndNothingIsLeft(t *testing.T) {
	t.Parallel()
	schemas, conn, c, current := numbered(t, provision.Options{}, 500, 12)
	number := turned(t, current, toDecimal)
	applied, live, err := schemas.Observe(t.Context(), conn)
	must(t, err)
	p := plan.Make(applied, number, live, plan.Policy{})
	number.Revision = p.Revision
	must(t, schemas.Measure(t.Context(), conn, p))
	for _, change := range p.Changes {
		if change.Kind == plan.ChangeType && change.Impact != nil && (change.Impact.Failing != 12 || len(change.Impact.IDs) != plan.MaxFailingIDs || change.Impact.Filled != 512) {
			t.Errorf("the impact is %+v", change.Impact)
		}
	}
	if err := schemas.Apply(t.Context(), conn, p, number); fault.ReasonOf(err) != provision.ReasonRowsFail {
		t.Fatalf("applying gives %v", err)
	}
	if left := leftOfTurns(t, c); len(left) > 0 {
		t.Errorf("there are left %q", left)
	}
	expectNothingLeft(t, schemas, conn, current)
	mustExec(t, c, `UPDATE crm.customer SET x_code = '5' WHERE x_code LIKE '%pieces'`)
	apply(t, schemas, conn, number)
	expectNumbers(t, c)
}

func TestValuesThatDoNotConvertAreTakenAwayWhereTheFieldSaysSoAndComeBackWithTheType(t *testing.T) {
	t.Parallel()
	schemas, conn, c, current := numbered(t, provision.Options{}, 200, 7)
	optional := func(f *schema.Field) { f.Required, f.Default = false, nil }
	before := copyOf(t, current)
	for _, f := range object(before, "customer").Fields {
		if f.Identity == "code" {
			optional(f)
		}
	}
	before = rebuilt(t, before)
	apply(t, schemas, conn, before)
	number := turned(t, before, toDecimal)
	for _, f := range object(number, "customer").Fields {
		for i := range f.Previous {
			f.Previous[i].Cleared = true
		}
	}
	applied, live, err := schemas.Observe(t.Context(), conn)
	must(t, err)
	p := plan.Make(applied, number, live, plan.Policy{})
	number.Revision = p.Revision
	must(t, schemas.Measure(t.Context(), conn, p))
	mustExec(t, c, `INSERT INTO crm.customer (id, name, x_code) VALUES (gen_random_uuid(), 'late', 'none')`)
	if err := schemas.Apply(t.Context(), conn, p, number); fault.ReasonOf(err) != provision.ReasonOthersFail {
		t.Fatalf("with another record that does not convert applying gives %v", err)
	}
	if left := leftOfTurns(t, c); len(left) > 0 {
		t.Errorf("there are left %q", left)
	}
	must(t, schemas.Measure(t.Context(), conn, p))
	must(t, schemas.Apply(t.Context(), conn, p, number))
	expectNothingLeft(t, schemas, conn, number)
	var none, kept int
	must(t, c.QueryRow(t.Context(), `SELECT count(*) FILTER (WHERE "x_code$2" IS NULL), count(*) FILTER (WHERE x_code ~ '[a-z]') FROM crm.customer`).Scan(&none, &kept))
	if none != 8 || kept != 8 {
		t.Errorf("%d of 8 have no number, and %d of 8 are kept", none, kept)
	}
	mustExec(t, c, `UPDATE crm.customer SET "x_code$2" = 4 WHERE name = 'late'`)
	apply(t, schemas, conn, backTo(t, number, toText))
	must(t, c.QueryRow(t.Context(), `SELECT count(*) FILTER (WHERE x_code ~ 'pieces'), count(*) FILTER (WHERE name = 'late' AND x_code = '4.00') FROM crm.customer`).Scan(&kept, &none))
	if kept != 7 || none != 1 {
		t.Errorf("%d of 7 texts came back, and %d of 1 is the one that was written since", kept, none)
	}
}

func TestATypeChangeThatIsBrokenOffAnywhereGoesOn(t *testing.T) {
	t.Parallel()
	sent := &statements{allow: -1}
	schemas, conn, c, current := numbered(t, provision.Options{Tracer: sent}, 1500, 0)
	number := turned(t, current, func(f *schema.Field) {
		toDecimal(f)
		f.Min = "-9999"
	})
	broken := 0
	for n := 3; ; n += 2 {
		sent.reset(n)
		err := applyIn(t.Context(), schemas, conn, number)
		sent.reset(-1)
		if err == nil {
			break
		}
		broken++
		if broken > 60 {
			t.Fatalf("it does not come to its end: %v", err)
		}
		mustExec(t, c, `UPDATE crm.customer SET x_code = '0' || x_code WHERE x_code NOT LIKE '-%' AND x_code NOT LIKE ' %' AND number % 97 = $1`, broken)
	}
	if broken < 5 {
		t.Errorf("it was broken off only %d times", broken)
	}
	expectNumbers(t, c)
	expectNothingLeft(t, schemas, conn, number)
}

func TestATypeChangeThatNobodyWantsAnyMoreIsTakenBack(t *testing.T) {
	t.Parallel()
	sent := &statements{allow: -1}
	schemas, conn, c, current := numbered(t, provision.Options{Tracer: sent}, 300, 0)
	broken := 0
	for n := 3; ; n++ {
		number := turned(t, current, func(f *schema.Field) {
			toDecimal(f)
			f.Unique = true
		})
		sent.reset(n)
		err := applyIn(t.Context(), schemas, conn, number)
		sent.reset(-1)
		if err == nil {
			break
		}
		broken++
		applied, live, err := schemas.Observe(t.Context(), conn)
		must(t, err)
		for _, change := range plan.Make(applied, current, live, plan.Policy{}).Changes {
			if !change.Leftover {
				t.Fatalf("after %d statements the plan back has %q", n, change.Summary)
			}
		}
		apply(t, schemas, conn, current)
		if left := leftOfTurns(t, c); len(left) > 0 {
			t.Fatalf("after %d statements there are left %q", n, left)
		}
	}
	if broken < 8 {
		t.Errorf("it was broken off only %d times", broken)
	}
	expectNumbers(t, c)
}

func TestAnotherTypeTakesThePlaceOfOneThatWasBrokenOff(t *testing.T) {
	t.Parallel()
	sent := &statements{allow: -1}
	schemas, conn, c, current := numbered(t, provision.Options{Tracer: sent}, 300, 0)
	mustExec(t, c, `UPDATE crm.customer SET x_code = number::text`)
	for n := 4; n < 30; n += 3 {
		sent.reset(n)
		err := applyIn(t.Context(), schemas, conn, turned(t, current, func(f *schema.Field) {
			f.Type, f.Length, f.Default = schema.TypeInteger, 0, nil
		}))
		sent.reset(-1)
		if err == nil {
			break
		}
		sent.reset(n)
		err = applyIn(t.Context(), schemas, conn, turned(t, current, toDecimal))
		sent.reset(-1)
		if err == nil {
			break
		}
	}
	applied, _, err := schemas.Observe(t.Context(), conn)
	must(t, err)
	if applied.Revision == current.Revision {
		apply(t, schemas, conn, turned(t, current, toDecimal))
	}
	expectNumbers(t, c)
}

func TestOneTypeFollowsAnotherAndAllEarlierValuesAreKeptUntilTheirTimeIsOver(t *testing.T) {
	t.Parallel()
	schemas, conn, c, current := numbered(t, provision.Options{}, 200, 0)
	mustExec(t, c, `UPDATE crm.customer SET x_code = lpad((number % 2)::text, 3, '0')`)
	number := turned(t, current, func(f *schema.Field) { f.Type, f.Length, f.Default = schema.TypeInteger, 0, new("1") })
	apply(t, schemas, conn, number)
	flag := turned(t, number, func(f *schema.Field) { f.Type, f.Default = schema.TypeBoolean, new("true") })
	apply(t, schemas, conn, flag)
	var wrong int
	must(t, c.QueryRow(t.Context(), `SELECT count(*) FROM crm.customer WHERE "x_code$3" IS DISTINCT FROM (number % 2 = 1) OR "x_code$2" <> number % 2 OR x_code <> lpad((number % 2)::text, 3, '0')`).Scan(&wrong))
	if wrong > 0 {
		t.Errorf("%d records are wrong", wrong)
	}
	mustExec(t, c, `UPDATE crm.customer SET "x_code$3" = true WHERE number = 2`)
	mustExec(t, c, `UPDATE crm.customer SET "x_code$2" = 0 WHERE number = 3`)
	must(t, c.QueryRow(t.Context(), `SELECT count(*) FROM crm.customer WHERE number = 2 AND "x_code$2" = 1 AND x_code = '1' OR number = 3 AND NOT "x_code$3" AND x_code = '0'`).Scan(&wrong))
	if wrong != 2 {
		t.Errorf("%d of 2 records say the same in all columns", wrong)
	}
	text := backTo(t, flag, toText)
	apply(t, schemas, conn, text)
	mustExec(t, c, `UPDATE crm.customer SET x_code = '0001' WHERE number = 3`)
	mustExec(t, c, `UPDATE crm.customer SET "x_code$3" = false WHERE number = 2`)
	must(t, c.QueryRow(t.Context(), `SELECT count(*) FROM crm.customer WHERE number = 3 AND "x_code$3" AND "x_code$2" = 1 OR number = 2 AND "x_code$2" = 0 AND x_code = '0' OR number > 3 AND x_code = lpad((number % 2)::text, 3, '0')`).Scan(&wrong))
	if wrong != 199 {
		t.Errorf("%d of 199 records say the same in all columns when it is a text again", wrong)
	}
	flag = turned(t, text, func(f *schema.Field) { f.Type, f.Length, f.Default = schema.TypeBoolean, 0, new("true") })
	for _, f := range object(flag, "customer").Fields { // there and back again, past the number
		if f.Identity != "code" {
			continue
		}
		before := *object(text, "customer").Fields[len(object(text, "customer").Fields)-1]
		form := *f.Previous[0].Form
		f.Column = "x_code$3"
		previous, ok := before.GoingBack(f.Column, schema.Previous{Form: &form, Revision: text.Revision + 1, Since: noon()})
		if !ok {
			t.Fatal("there is no way back")
		}
		f.Previous = previous
	}
	flag = rebuilt(t, flag)
	apply(t, schemas, conn, flag)
	// The time of the text is over, then that of the number.
	for _, kept := range []int{1, 0} {
		next := copyOf(t, flag)
		for _, f := range object(next, "customer").Fields {
			f.Previous = slices.DeleteFunc(f.Previous, func(p schema.Previous) bool { return kept == 0 || p.Form.Type == schema.TypeText })
		}
		flag = rebuilt(t, next)
		apply(t, schemas, conn, flag)
		var columns, triggers int
		must(t, c.QueryRow(t.Context(), `SELECT (SELECT count(*) FROM pg_attribute WHERE attrelid = 'crm.customer'::regclass AND attname LIKE 'x\_code%' AND NOT attisdropped),
(SELECT count(*) FROM pg_trigger WHERE tgname LIKE '$%')`).Scan(&columns, &triggers))
		if columns != 1+kept || triggers != kept {
			t.Errorf("there are %d columns and %d triggers", columns, triggers)
		}
		mustExec(t, c, `UPDATE crm.customer SET "x_code$3" = NOT "x_code$3" WHERE number < 9`)
	}
}

func TestAPairingThatIsLostIsPutBackAndTheEarlierColumnMended(t *testing.T) {
	t.Parallel()
	schemas, conn, c, current := numbered(t, provision.Options{}, 300, 0)
	number := turned(t, current, toDecimal)
	apply(t, schemas, conn, number)
	for _, damage := range []string{
		`DO $$ DECLARE n text; BEGIN FOR n IN SELECT tgname FROM pg_trigger WHERE tgname LIKE '$%' LOOP EXECUTE format('DROP TRIGGER %I ON crm.customer', n); END LOOP; END $$`,
		`ALTER TABLE crm.customer DISABLE TRIGGER USER`,
		`ALTER TABLE crm.customer DROP COLUMN x_code CASCADE`,
	} {
		mustExec(t, c, damage)
		if !strings.Contains(damage, "COLUMN") {
			mustExec(t, c, `UPDATE crm.customer SET "x_code$2" = "x_code$2" + 1 WHERE number % 5 = 0`)
		}
		applied, live, err := schemas.Observe(t.Context(), conn)
		must(t, err)
		if told := plan.Make(applied, number, live, plan.Policy{}); !told.Empty() || len(told.Drift) == 0 {
			t.Errorf("%s: the report is %+v and would change %+v", damage, told.Drift, told.Changes)
		}
		apply(t, schemas, conn, number)
		if strings.Contains(damage, "COLUMN") {
			break
		}
		expectNumbers(t, c)
	}
	mustExec(t, c, `UPDATE crm.customer SET "x_code$2" = 5 WHERE number = 1`)
	expectCodes(t, c, `number = 1`, "5.00", "5.00")
}

func TestATypeChangeWhoseBackendIsTerminatedAgainAndAgainGoesOn(t *testing.T) {
	t.Parallel()
	schemas, conn, c, current := numbered(t, provision.Options{}, 3000, 0)
	holder := connect(t, admin(t).In(conn.Database))
	number := turned(t, current, toDecimal)
	for killed := range 5 { // each time when the batches have come to another record
		var id string
		must(t, c.QueryRow(t.Context(), `SELECT id::text FROM crm.customer ORDER BY id OFFSET $1 LIMIT 1`, 300+550*killed).Scan(&id))
		mustExec(t, c, `CREATE OR REPLACE FUNCTION crm.hold() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN IF NEW.id = ''`+id+`'' THEN PERFORM pg_advisory_xact_lock(7); END IF; RETURN NEW; END'`)
		mustExec(t, c, `CREATE OR REPLACE TRIGGER hold BEFORE UPDATE ON crm.customer FOR EACH ROW EXECUTE FUNCTION crm.hold()`)
		mustExec(t, holder, `SELECT pg_advisory_lock(7)`)
		ended := make(chan error, 1)
		go func() { ended <- applyIn(t.Context(), schemas, conn, number) }()
		for found := 0; found == 0; {
			select {
			case err := <-ended:
				t.Fatalf("it did not come to record %d: %v", 300+550*killed, err)
			default:
			}
			must(t, c.QueryRow(t.Context(), `SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'kontor-operator'
AND wait_event_type = 'Lock' AND wait_event = 'advisory'`).Scan(&found))
		}
		if err := <-ended; err == nil {
			t.Fatal("it came to its end without a backend")
		}
		mustExec(t, holder, `SELECT pg_advisory_unlock(7)`)
	}
	mustExec(t, c, `DROP TRIGGER hold ON crm.customer`)
	mustExec(t, c, `DROP FUNCTION crm.hold()`)
	must(t, applyIn(t.Context(), schemas, conn, number))
	expectNumbers(t, c)
	expectNothingLeft(t, schemas, conn, number)
}

// applyIn plans and applies, in whatever state the last attempt left the database.
func applyIn(ctx context.Context, schemas *provision.Schemas, conn secret.Connection, wanted *schema.Schema) error {
	applied, live, err := schemas.Observe(ctx, conn)
	if err != nil {
		return err
	}
	p := plan.Make(applied, wanted, live, plan.Policy{})
	wanted.Revision = p.Revision
	return schemas.Apply(ctx, conn, p, wanted)
}
