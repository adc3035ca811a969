package provision_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	crmv1 "github.com/kontor-crm/kontor/api/v1alpha1"
	"github.com/kontor-crm/kontor/internal/compile"
	"github.com/kontor-crm/kontor/internal/plan"
	"github.com/kontor-crm/kontor/internal/schema"
	"github.com/kontor-crm/kontor/test/gen"
)

var pairs = flag.Uint64("pairs", 6, "how many random pairs of schemas go from one to the other and back")

// some are those of the things that a coin lets stay, and those of others whose names are free.
func some[T crmv1.Object](r *rand.Rand, all, others []T) []T {
	kept := slices.DeleteFunc(slices.Clone(all), func(T) bool { return r.IntN(2) == 0 })
	for _, other := range others {
		if !slices.ContainsFunc(all, func(one T) bool { return one.GetName() == other.GetName() }) {
			kept = append(kept, other)
		}
	}
	return kept
}

// values are what a column of a storage may hold, in SQL; the first that its rules let in is taken.
var values = map[schema.Storage][]string{
	schema.StorageText:    {"left(id::text, 20)", "'yes'", "'EUR'", "'a@b.test'", "'https://a.test'", "'+49301234567'"},
	schema.StorageTexts:   {"'{yes}'"},
	schema.StorageBigInt:  {"3"},
	schema.StorageInteger: {"3"},
	schema.StorageBoolean: {"true", "false"},
	schema.StorageDate:    {"'2026-02-03'"},
	schema.StorageJSON:    {`'{"a": 1}'`},
}

// populate puts records into the tables of a schema, with values in as many columns as it can.
func populate(t *testing.T, c *pgx.Conn, s *schema.Schema) {
	t.Helper()
	for _, o := range s.Objects {
		retiredRequired := slices.ContainsFunc(s.Retired.FieldsOf(o.Identity), func(f schema.RetiredField) bool { return f.Form.Required })
		if retiredRequired || !o.Custom && !slices.Contains([]string{"customer", "opportunity", "product"}, o.Identity) {
			continue
		}
		for range 3 {
			fill(t, c, o)
		}
		for _, f := range o.Leaves() {
			if !f.Custom {
				continue
			}
			candidates := values[f.Storage()]
			if candidates == nil && strings.HasPrefix(string(f.Storage()), "numeric") {
				candidates = []string{"3"}
			}
			for _, value := range candidates {
				update := "UPDATE " + o.QualifiedTable() + " SET " + schema.QuoteIdent(f.Column) + " = " + value + " WHERE " + schema.QuoteIdent(f.Column) + " IS NULL"
				if _, err := c.Exec(t.Context(), update); err == nil {
					break
				}
			}
		}
	}
}

// contents are the records of each table of a schema that are among those, or all of them.
func contents(t *testing.T, c *pgx.Conn, s *schema.Schema, among map[string]string) (all, ids map[string]string) {
	t.Helper()
	all, ids = map[string]string{}, map[string]string{}
	for _, o := range s.Objects {
		var columns []string
		for _, f := range o.Leaves() {
			columns = append(columns, schema.QuoteIdent(f.Column))
		}
		where := ""
		if among != nil {
			where = " WHERE id = ANY ('" + among[o.Identity] + "'::uuid[])"
		}
		var text, rows string
		query := "SELECT coalesce(string_agg(r::text, E'\\n' ORDER BY id), ''), '{' || coalesce(string_agg(id::text, ','), '') || '}' FROM (SELECT " + strings.Join(columns, ", ") + " FROM " + o.QualifiedTable() + where + ") AS r"
		if err := c.QueryRow(t.Context(), query).Scan(&text, &rows); err != nil {
			t.Fatalf("%s: %v", o.Identity, err)
		}
		all[o.Identity], ids[o.Identity] = text, rows
	}
	return all, ids
}

func TestGoingFromOneSchemaToAnotherAndBackBringsAllDataBack(t *testing.T) {
	t.Parallel()
	for seed := range *pairs {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewPCG(seed, 29))
			first, more := gen.Sound(r), gen.Sound(r)
			second := gen.Configuration{
				Tenant: first.Tenant.DeepCopy(), Objects: some(r, first.Objects, more.Objects), Fields: some(r, first.Fields, more.Fields),
				Pipelines: some(r, first.Pipelines, more.Pipelines), Rules: some(r, first.Rules, more.Rules), Indexes: some(r, first.Indexes, more.Indexes),
			}
			if r.IntN(2) == 0 {
				second.Tenant.Spec.Modules = []crmv1.Module{}
			}
			h := newHouse(t, admin(t))
			id := identity(t)
			if err := h.databases.Ensure(t.Context(), h.server, id, compile.Standard([]string{"sales"})); err != nil {
				t.Fatal(err)
			}
			conn := h.server.In(id.Database())
			c := connect(t, admin(t).In(id.Database()))
			goTo := func(to gen.Configuration) *schema.Schema {
				in := input(&to)
				var err error
				if in.Applied, _, err = h.schemas.Observe(t.Context(), conn); err != nil {
					t.Fatal(err)
				}
				in.Now = noon()
				s := compile.Compile(in).Schema
				for _, change := range apply(t, h.schemas, conn, s).Changes {
					if change.Class == plan.Dangerous {
						t.Errorf("it is dangerous: %s", change.Summary)
					}
				}
				return s
			}
			before := goTo(first)
			populate(t, c, before)
			records, ids := contents(t, c, before, nil)
			between := goTo(second)
			populate(t, c, between)
			after := goTo(first)
			if after.Digest() == before.Digest() && between.Digest() == before.Digest() {
				t.Log("nothing was deleted or added")
			}
			again, _ := contents(t, c, before, ids)
			for o, text := range records {
				if again[o] != text {
					t.Errorf("%s had\n%s\nand has\n%s", o, text, again[o])
				}
			}
		})
	}
}

func TestARetiredFieldIsPurgedWithAllThatTellsOfIt(t *testing.T) {
	t.Parallel()
	h := newHouse(t, admin(t))
	id := identity(t)
	if err := h.databases.Ensure(t.Context(), h.server, id, compile.Standard([]string{"sales"})); err != nil {
		t.Fatal(err)
	}
	conn := h.server.In(id.Database())
	c := connect(t, admin(t).In(id.Database()))
	fleet := &crmv1.CustomObject{Spec: crmv1.CustomObjectSpec{Fields: []crmv1.Field{{Key: "plate", FieldSpec: crmv1.FieldSpec{Type: crmv1.FieldText}}}}}
	fleet.Name = "fleet"
	in := compile.Input{Tenant: gen.Sound(rand.New(rand.NewPCG(1, 1))).Tenant, Objects: []*crmv1.CustomObject{fleet}, Fields: []*crmv1.CustomField{gen.CustomField("", "customer", "tier")}, Now: noon()}
	apply(t, h.schemas, conn, mustCompile(t, in))
	mustExec(t, c, `INSERT INTO crm.customer (id, name, x_tier) SELECT gen_random_uuid(), 'A', 'gold' FROM generate_series(1, 3)`)
	mustExec(t, c, `INSERT INTO crm.x_fleet (id, x_plate) SELECT gen_random_uuid(), 'X' FROM generate_series(1, 3)`)
	mustExec(t, c, `INSERT INTO kontor.history (at, object, record_id, version, operation, channel, schema_revision, changes)
		SELECT now() - n * interval '20 days', 'customer', gen_random_uuid(), 1, 'create', 'api', 1, '{"name": {"new": "A"}, "tier": {"new": "gold"}}' FROM generate_series(1, 2500) AS n`)
	mustExec(t, c, `INSERT INTO kontor.history (at, object, record_id, version, operation, channel, schema_revision, changes)
		SELECT now(), 'fleet', gen_random_uuid(), 1, 'create', 'api', 1, '{"plate": {"new": "X"}}' FROM generate_series(1, 5)`)
	mustExec(t, c, `INSERT INTO kontor.external_id (system, object, external_id, record_id) SELECT 'erp', 'fleet', x_plate || number, id FROM crm.x_fleet`)

	next := func(edit func(in *compile.Input)) *plan.Plan {
		var err error
		if in.Applied, _, err = h.schemas.Observe(t.Context(), conn); err != nil {
			t.Fatal(err)
		}
		edit(&in)
		return apply(t, h.schemas, conn, mustCompile(t, in))
	}
	next(func(in *compile.Input) { in.Objects, in.Fields = nil, nil })
	p := next(func(in *compile.Input) {
		in.Now = in.Now.Add(720 * time.Hour)
		in.Purge = map[compile.Retired]bool{{Object: "fleet"}: true, {Object: "customer", Field: "tier"}: true}
	})
	for _, change := range p.Changes {
		if change.Class != plan.Dangerous {
			t.Errorf("%s is %s", change.Summary, change.Class)
		}
	}
	for question, want := range map[string]string{
		`SELECT count(*) FROM kontor.history WHERE object = 'customer' AND changes ? 'name'`:                                                                "2500",
		`SELECT count(*) FROM kontor.history WHERE changes ? 'tier'`:                                                                                        "0",
		`SELECT count(*) FROM kontor.history WHERE object = 'fleet'`:                                                                                        "0",
		`SELECT count(*) FROM kontor.external_id WHERE object = 'fleet'`:                                                                                    "0",
		`SELECT count(*) FROM pg_class WHERE relnamespace = 'crm'::regnamespace AND relname LIKE 'x_fleet%'`:                                                "0",
		`SELECT count(*) FROM pg_attribute WHERE attrelid = 'crm.customer'::regclass AND attname = 'x_tier'`:                                                "0",
		`SELECT count(*) FROM crm.customer`:                                                                                                                 "3",
		`SELECT count(*) FROM kontor.applied_schema WHERE revision = (SELECT max(revision) FROM kontor.applied_schema) AND document->'retired' IS NOT NULL`: "0",
	} {
		var got string
		if err := c.QueryRow(t.Context(), strings.Replace(question, "count(*)", "count(*)::text", 1)).Scan(&got); err != nil || got != want {
			t.Errorf("%s: %s, %v", question, got, err)
		}
	}
}
