package provision_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/kontor-crm/kontor/internal/fault"
	"github.com/kontor-crm/kontor/internal/plan"
	"github.com/kontor-crm/kontor/internal/provision"
	"github.com/kontor-crm/kontor/internal/schema"
	"github.com/kontor-crm/kontor/internal/secret"
)

// copyOf is a schema that can be changed without changing the first.
func copyOf(t *testing.T, s *schema.Schema) *schema.Schema {
	t.Helper()
	document, err := s.Document()
	if err != nil {
		t.Fatal(err)
	}
	c, err := schema.Load(document)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// rebuilt is the schema after edits.
func rebuilt(t *testing.T, s *schema.Schema) *schema.Schema {
	t.Helper()
	built, err := schema.Build(s)
	if err != nil {
		t.Fatal(err)
	}
	return built
}

// evolution makes random edits that are safe whatever rows there are.
type evolution struct {
	*rand.Rand
	names int
}

func (e *evolution) name(prefix string) string {
	e.names++
	return fmt.Sprintf("%s-%d", prefix, e.names)
}

func (e *evolution) edit(s *schema.Schema) {
	o := s.Objects[e.IntN(len(s.Objects))]
	switch e.IntN(12) {
	case 0:
		identity := e.name("object")
		fresh := &schema.Object{Identity: identity, Name: schema.APIName(identity), Table: "x_" + identity, Custom: true, Source: "CustomObject " + identity}
		for range e.IntN(6) {
			fresh.Fields = append(fresh.Fields, e.field(s, fresh, e.IntN(2) == 0))
		}
		s.Objects = append(s.Objects, fresh)
	case 1, 2, 3, 4:
		o.Fields = append(o.Fields, e.field(s, o, false))
	case 5: // names change, also with each other
		p := s.Objects[e.IntN(len(s.Objects))]
		o.Name, p.Name = p.Name, o.Name
	default:
		if len(o.Fields) > 0 {
			e.change(o.Fields[e.IntN(len(o.Fields))])
		}
	}
}

func (e *evolution) field(s *schema.Schema, o *schema.Object, fresh bool) *schema.Field {
	types := []schema.TypeName{
		schema.TypeText, schema.TypeLongText, schema.TypeInteger, schema.TypeDecimal, schema.TypeMoney, schema.TypePercent, schema.TypeBoolean,
		schema.TypeDate, schema.TypeDateTime, schema.TypePicklist, schema.TypeMultiPicklist, schema.TypeEmail, schema.TypePhone, schema.TypeURL,
		schema.TypeRelation, schema.TypeAutoNumber, schema.TypeFile, schema.TypeImage,
		schema.TypeRichText, schema.TypeTime, schema.TypeDuration, schema.TypeRating, schema.TypeJSON,
		schema.TypeCurrency, schema.TypeAddress, schema.TypePersonName, schema.TypeGeo,
	}
	defaults := map[schema.TypeName]string{
		schema.TypeText: `it's a "\default" :: (x)`, schema.TypeLongText: "two\nlines", schema.TypeInteger: "-42", schema.TypeDecimal: "-1.50", schema.TypeMoney: "1200",
		schema.TypePercent: "12.5", schema.TypeBoolean: "yes", schema.TypeDate: "2026-02-28", schema.TypeDateTime: "2026-02-28T10:00:00.5+02:00",
		schema.TypeRichText: "# It's\n*this*", schema.TypeTime: "08:30", schema.TypeDuration: "PT1H30M", schema.TypeRating: "3", schema.TypeCurrency: "EUR",
		schema.TypePicklist: "a", schema.TypeMultiPicklist: "a;b", schema.TypeEmail: "a@b", schema.TypePhone: "+49 30 1", schema.TypeURL: "https://x.test/'",
	}
	identity := e.name("field")
	if e.IntN(4) == 0 {
		identity += "-" + strings.Repeat("long", 9)
	}
	f := &schema.Field{Identity: identity, Name: schema.APIName(identity), Column: "x_" + identity, Type: types[e.IntN(len(types))], Custom: true, Source: "CustomField " + identity}
	switch f.Type { //nolint:exhaustive // the others need nothing
	case schema.TypeRelation:
		f.Target = s.Objects[e.IntN(len(s.Objects))].Identity
		if e.IntN(3) == 0 {
			f.Target, f.Targets = "", []string{f.Target}
			break
		}
		f.Column += "_id"
	case schema.TypePicklist, schema.TypeMultiPicklist:
		f.Options = []schema.Option{{Key: "b"}, {Key: "a"}}
	case schema.TypeDecimal:
		f.Precision, f.Scale, f.Min = 8+e.IntN(4), new(2), "-1000"
	case schema.TypeText:
		f.Length = 40 + e.IntN(20)
	case schema.TypeInteger:
		f.Min, f.Max = "-50", "50"
	}
	if text, ok := defaults[f.Type]; ok && e.IntN(2) == 0 {
		f.Default = &text
		f.Required = e.IntN(2) == 0
	} else {
		f.Unique = e.IntN(3) == 0 && canBeUnique(f)
		f.Required = fresh && f.Type != schema.TypeAutoNumber && e.IntN(4) == 0 && o.Custom
	}
	f.Indexed = e.IntN(3) == 0 && canBeIndexed(f)
	return f
}

func canBeUnique(f *schema.Field) bool {
	return canBeIndexed(f) && f.Type != schema.TypeMultiPicklist && f.Type != schema.TypeBoolean
}

func canBeIndexed(f *schema.Field) bool {
	one := *f
	one.Indexed, one.Default, one.Unique = true, nil, false
	return len(schema.CheckField(&one)) == 0
}

// change widens or renames a field.
func (e *evolution) change(f *schema.Field) {
	switch e.IntN(8) {
	case 0:
		f.Name = schema.APIName(e.name("renamed"))
	case 1:
		f.Label = schema.Label{"en": e.name("Label")}
	case 2:
		f.Required = false
	case 3:
		f.Unique, f.Indexed = false, !f.Indexed && canBeIndexed(f)
	case 4:
		f.Min, f.Max = "", ""
	case 5:
		if !f.Required {
			f.Default = nil
		}
	case 6:
		if f.Type == schema.TypeDecimal && f.Precision < 30 {
			f.Precision++
		}
		if len(f.Options) > 0 {
			f.Options = append([]schema.Option{{Key: schema.APIName(e.name("option"))}}, f.Options...)
		}
		if f.Type == schema.TypeText && f.Length > 0 {
			f.Length++
		}
	case 7:
		if f.Type == schema.TypeText {
			f.Type, f.Length, f.Unique, f.Indexed = schema.TypeLongText, 5000, false, false
		}
	}
}

// fill puts a row into tables that can take one.
func fill(t *testing.T, c *pgx.Conn, o *schema.Object) {
	t.Helper()
	columns, values := []string{"id"}, []string{"gen_random_uuid()"}
	for _, f := range o.Fields {
		if f.Required && f.Default == nil {
			if f.Type != schema.TypeText {
				return
			}
			columns, values = append(columns, schema.QuoteIdent(f.Column)), append(values, "left(gen_random_uuid()::text, 30)")
		}
	}
	mustExec(t, c, "INSERT INTO "+o.QualifiedTable()+" ("+strings.Join(columns, ", ")+") VALUES ("+strings.Join(values, ", ")+")")
}

func TestSchemasThatEvolveSafelyAreFollowedAndThenNothingIsLeftToDo(t *testing.T) {
	t.Parallel()
	for seed := range uint64(8) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			t.Parallel()
			servers := newServers(t, provision.Options{})
			schemas := provision.NewSchemas(servers)
			conn := database(t, servers, admin(t))
			c := connect(t, admin(t).In(conn.Database))
			e := &evolution{Rand: rand.New(rand.NewPCG(seed, 7))}
			current := standard(t)
			apply(t, schemas, conn, current)
			for range 12 {
				for _, o := range current.Objects {
					if e.IntN(3) == 0 {
						fill(t, c, o)
					}
				}
				next := copyOf(t, current)
				for range 1 + e.IntN(6) {
					e.edit(next)
				}
				current = rebuilt(t, next)
				apply(t, schemas, conn, current)
			}
		})
	}
}

func TestWhatIsLostFromADatabaseIsToldOrHealed(t *testing.T) {
	t.Parallel()
	servers := newServers(t, provision.Options{})
	schemas := provision.NewSchemas(servers)
	conn := database(t, servers, limitedAdmin(t))
	c := connect(t, admin(t).In(conn.Database))
	current := standard(t,
		addField("tier", func(f *schema.Field) { f.Unique, f.Default = false, new("gold") }),
		addField("code", func(f *schema.Field) { f.Unique = true }),
		addField("counter", func(f *schema.Field) { f.Type = schema.TypeAutoNumber }),
		addField("score", func(f *schema.Field) { f.Type, f.Indexed = schema.TypeInteger, true }))
	apply(t, schemas, conn, current)
	for _, rows := range []bool{false, true} {
		if rows {
			fill(t, c, object(current, "customer"))
			fill(t, c, object(current, "opportunity"))
		}
		for _, damage := range []string{
			`DROP VIEW bi.customer`,
			`COMMENT ON VIEW bi.customer IS NULL`,
			`ALTER TABLE crm.customer DROP COLUMN "x_tier" CASCADE`,
			`ALTER TABLE crm.customer DROP COLUMN "x_code" CASCADE`,
			`ALTER TABLE crm.customer DROP COLUMN "x_counter" CASCADE`,
			`ALTER TABLE crm.customer DROP COLUMN owner_id CASCADE`,
			`ALTER TABLE crm.customer ALTER COLUMN "x_tier" DROP DEFAULT`,
			`ALTER TABLE crm.customer ALTER COLUMN "x_tier" SET DEFAULT 'lead'`,
			`ALTER TABLE crm.customer ALTER COLUMN "x_counter" DROP DEFAULT`,
			`ALTER TABLE crm.customer ALTER COLUMN version DROP NOT NULL`,
			`DROP SEQUENCE crm.customer_number_seq CASCADE`,
			`DROP TABLE crm.department CASCADE`,
			drop("pg_constraint WHERE conrelid = 'crm.customer'::regclass AND contype = 'c'"),
			drop("pg_constraint WHERE conrelid = 'crm.opportunity'::regclass AND contype = 'f'"),
			`DO $$ DECLARE n text; BEGIN FOR n IN SELECT indexrelid::regclass::text FROM pg_index WHERE indrelid = 'crm.customer'::regclass AND NOT indisprimary
			 LOOP EXECUTE 'DROP INDEX ' || n; END LOOP; END $$`,
			`ALTER TABLE crm.customer DROP COLUMN "x_score" CASCADE`,
			`UPDATE crm.customer SET email = 'a@example.com'; ALTER TABLE crm.customer ALTER COLUMN email SET NOT NULL`,
			remade("pg_constraint WHERE conrelid = 'crm.customer'::regclass AND contype = 'c'", "CHECK (version > 0)"),
			remade("pg_constraint WHERE conrelid = 'crm.customer'::regclass AND contype = 'f'", "FOREIGN KEY (owner_id) REFERENCES crm.department"),
			`DO $$ DECLARE n text; BEGIN FOR n IN SELECT indexrelid::regclass::text FROM pg_index WHERE indrelid = 'crm.customer'::regclass AND NOT indisprimary
			 LOOP EXECUTE 'DROP INDEX ' || n; EXECUTE format('CREATE INDEX %I ON crm.customer (version)', split_part(n, '.', 2)); END LOOP; END $$`,
		} {
			mustExec(t, c, damage)
			applied, live, err := schemas.Observe(t.Context(), conn)
			if err != nil {
				t.Fatal(err)
			}
			if told := plan.Make(applied, current, live, plan.Policy{}); !told.Empty() || len(told.Drift) == 0 {
				t.Errorf("%s: with rows %t the report is %+v and would change %+v", damage, rows, told.Drift, told.Changes)
			}
			p := plan.Make(applied, current, live, plan.Policy{HealDrift: true})
			for _, change := range p.Changes {
				if !change.Drift && change.Kind != plan.ValidateRules && change.Kind != plan.DropView && change.Kind != plan.AddView {
					t.Errorf("%s: no drift: %+v", damage, change)
				}
			}
			if p.Revision != applied.Revision {
				t.Errorf("%s: healing makes revision %d of %d", damage, p.Revision, applied.Revision)
			}
			apply(t, schemas, conn, current)
		}
	}
}

// remade gives all constraints of customer that a query names another definition.
func remade(from, definition string) string {
	return fmt.Sprintf(`DO $$ DECLARE n text; BEGIN FOR n IN SELECT conname FROM %s
		LOOP EXECUTE format('ALTER TABLE crm.customer DROP CONSTRAINT %%I, ADD CONSTRAINT %%1$I %s', n); END LOOP; END $$`, from, definition)
}

// drop drops all constraints of a table that a query names.
func drop(from string) string {
	table := "crm.customer"
	if strings.Contains(from, "opportunity") {
		table = "crm.opportunity"
	}
	return fmt.Sprintf(`DO $$ DECLARE n text; BEGIN FOR n IN SELECT conname FROM %s LOOP EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %%I', n); END LOOP; END $$`, from, table)
}

func TestDriftThatCannotBeHealedIsToldAndChangesNothing(t *testing.T) {
	t.Parallel()
	servers := newServers(t, provision.Options{})
	schemas := provision.NewSchemas(servers)
	conn := database(t, servers, admin(t))
	c := connect(t, admin(t).In(conn.Database))
	current := standard(t)
	apply(t, schemas, conn, current)
	fill(t, c, object(current, "customer"))
	for _, damage := range []string{
		`ALTER TABLE crm.customer DROP COLUMN name CASCADE`,
		`DROP VIEW IF EXISTS bi.opportunity; ALTER TABLE crm.opportunity DROP COLUMN amount; ALTER TABLE crm.opportunity ADD COLUMN amount text; INSERT INTO crm.opportunity (id, name) VALUES (gen_random_uuid(), 'x')`,
	} {
		mustExec(t, c, damage)
	}
	applied, live, err := schemas.Observe(t.Context(), conn)
	if err != nil {
		t.Fatal(err)
	}
	p := plan.Make(applied, current, live, plan.Policy{HealDrift: true})
	if len(p.Drift) != 2 || len(p.Refused) != 0 {
		t.Fatalf("drift %+v, refused %+v", p.Drift, p.Refused)
	}
	for _, change := range p.Drift {
		if change.Reason == "" {
			t.Errorf("it does not say why: %+v", change)
		}
	}
}

// tryApply plans and applies without looking whether something is left.
func tryApply(t *testing.T, schemas *provision.Schemas, conn secret.Connection, wanted *schema.Schema, policy plan.Policy) (*plan.Plan, error) {
	t.Helper()
	applied, live, err := schemas.Observe(t.Context(), conn)
	if err != nil {
		t.Fatal(err)
	}
	p := plan.Make(applied, wanted, live, policy)
	wanted.Revision = p.Revision
	return p, schemas.Apply(t.Context(), conn, p, wanted)
}

func TestAnApplyThatIsBrokenOffIsFinishedByTheNextOne(t *testing.T) {
	t.Parallel()
	sent := &statements{allow: -1}
	servers := newServers(t, provision.Options{Tracer: sent})
	schemas := provision.NewSchemas(servers)
	conn := database(t, servers, limitedAdmin(t))
	c := connect(t, admin(t).In(conn.Database))
	current := standard(t)
	apply(t, schemas, conn, current)
	fill(t, c, object(current, "customer"))
	broken := 0
	for n := 0; ; n++ {
		next := copyOf(t, current)
		addField(fmt.Sprintf("code_%d", n), func(f *schema.Field) { f.Unique = true })(next)
		object(next, "customer").Fields[1].Length = 101 + n
		next = rebuilt(t, next)
		applied, live, err := schemas.Observe(t.Context(), conn)
		if err != nil {
			t.Fatal(err)
		}
		p := plan.Make(applied, next, live, plan.Policy{})
		next.Revision = p.Revision
		sent.reset(n)
		err = schemas.Apply(t.Context(), conn, p, next)
		sent.reset(-1)
		if err == nil {
			break
		}
		broken++
		if p, err := tryApply(t, schemas, conn, next, plan.Policy{}); err != nil || len(p.Drift) > 0 {
			t.Fatalf("after %d statements: %v; drift %+v", n, err, p.Drift)
		}
		expectNothingLeft(t, schemas, conn, next)
		current = next
	}
	if broken < 5 {
		t.Errorf("only %d points were tried", broken)
	}
}

func TestAnIndexThatWasBrokenOffIsMadeAnew(t *testing.T) {
	t.Parallel()
	servers := newServers(t, provision.Options{})
	schemas := provision.NewSchemas(servers)
	conn := database(t, servers, admin(t))
	c := connect(t, admin(t).In(conn.Database))
	current := standard(t, addField("code", func(f *schema.Field) { f.Unique = true }))
	apply(t, schemas, conn, current)
	fill(t, c, object(current, "customer"))
	mustExec(t, c, "UPDATE pg_index SET indisvalid = false WHERE indexrelid::regclass::text LIKE '%code_uq%'")
	p, err := tryApply(t, schemas, conn, current, plan.Policy{})
	if err != nil || len(p.Changes) != 1 || !p.Changes[0].Concurrent {
		t.Fatalf("the plan is %+v, %v", p.Changes, err)
	}
	expectNothingLeft(t, schemas, conn, current)
}

func TestOfTwoPlansFromTheSameBaseOneIsRefused(t *testing.T) {
	t.Parallel()
	servers := newServers(t, provision.Options{})
	schemas := provision.NewSchemas(servers)
	conn := database(t, servers, admin(t))
	apply(t, schemas, conn, standard(t))
	applied, live, err := schemas.Observe(t.Context(), conn)
	if err != nil {
		t.Fatal(err)
	}
	for i, name := range []string{"first", "second"} {
		wanted := standard(t, addField(name))
		p := plan.Make(applied, wanted, live, plan.Policy{})
		wanted.Revision = p.Revision
		err := schemas.Apply(t.Context(), conn, p, wanted)
		if i == 0 && err != nil || i == 1 && (!fault.Is(err, fault.Conflict) || fault.ReasonOf(err) != provision.ReasonSchemaMoved) {
			t.Errorf("the %s gives %v", name, err)
		}
	}
}

func TestObservingTakesTwoStatementsAndALockedTableIsAskedForAgain(t *testing.T) {
	t.Parallel()
	sent := &statements{allow: -1}
	servers := newServers(t, provision.Options{Tracer: sent})
	schemas := provision.NewSchemas(servers)
	conn := database(t, servers, admin(t))
	apply(t, schemas, conn, standard(t))
	sent.reset(-1)
	if _, _, err := schemas.Observe(t.Context(), conn); err != nil {
		t.Fatal(err)
	}
	if got := sent.all(); len(got) != 2 {
		t.Errorf("observing takes %d statements", len(got))
	}

	blocker := connect(t, admin(t).In(conn.Database))
	tx, err := blocker.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), "LOCK TABLE crm.customer IN ACCESS SHARE MODE"); err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	wanted := standard(t, addField("tier"))
	go func() {
		applied, live, err := schemas.Observe(t.Context(), conn)
		if err == nil {
			p := plan.Make(applied, wanted, live, plan.Policy{})
			wanted.Revision = p.Revision
			err = schemas.Apply(t.Context(), conn, p, wanted)
		}
		done <- err
	}()
	for sent.containing("ADD COLUMN") < 2 { // the second attempt has begun: the first gave up
		select {
		case err := <-done:
			t.Fatalf("it ended before: %v", err)
		default:
			var waiting int
			_ = blocker.QueryRow(t.Context(), "SELECT 1 FROM pg_sleep(0.05)").Scan(&waiting)
		}
	}
	if err := tx.Rollback(context.WithoutCancel(t.Context())); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}
