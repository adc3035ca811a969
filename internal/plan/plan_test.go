package plan

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kontor-crm/kontor/internal/schema"
)

var update = flag.Bool("update", false, "write the golden files anew")

// model is a schema of a few objects, after edits.
func model(t *testing.T, revision int64, edits ...func(*schema.Schema)) *schema.Schema {
	t.Helper()
	text := func(name string, length int, required bool) *schema.Field {
		return &schema.Field{Identity: name, Name: name, Column: name, Type: schema.TypeText, Length: length, Required: required, Source: "standard"}
	}
	s := &schema.Schema{
		Format: schema.Format, Revision: revision,
		Organisation: schema.Organisation{Name: "acme", DisplayName: "Acme", Language: "en", TimeZone: "UTC", Currency: "EUR"},
		Objects: []*schema.Object{
			{Identity: "customer", Name: "customer", Table: "customer", Source: "standard", Fields: []*schema.Field{
				text("name", 50, true),
				{Identity: "size", Name: "size", Column: "size", Type: schema.TypeDecimal, Precision: 10, Scale: new(2), Min: "0", Source: "standard"},
			}},
			{Identity: "opportunity", Name: "opportunity", Table: "opportunity", Source: "standard", Fields: []*schema.Field{
				text("name", 100, true),
				{Identity: "customer", Name: "customer", Column: "customer_id", Type: schema.TypeRelation, Target: "customer", Source: "standard"},
				{
					Identity: "stage", Name: "stage", Column: "stage", Type: schema.TypePicklist, Required: true, Default: new("open"), Source: "standard",
					Options: []schema.Option{{Key: "open"}, {Key: "won"}, {Key: "lost"}},
				},
			}},
			{Identity: "user", Name: "user", Table: "user", Source: "standard", Fields: []*schema.Field{text("name", 50, true)}},
		},
		Pipelines: []*schema.Pipeline{{Identity: "standard", Object: "opportunity", Field: "stage", Source: "standard", Stages: []schema.Stage{
			{Key: "open", Kind: schema.StageOpen}, {Key: "won", Kind: schema.StageWon}, {Key: "lost", Kind: schema.StageLost},
		}}},
	}
	for _, edit := range edits {
		edit(s)
	}
	built, err := schema.Build(s)
	if err != nil {
		t.Fatal(err)
	}
	return built
}

// liveOf is the database in which the schema was applied; only the named tables have rows.
func liveOf(s *schema.Schema, withRows ...string) *Live {
	live := Assume(s)
	for name, table := range live.Tables {
		table.HasRows = slices.Contains(withRows, name)
	}
	return live
}

func objectOf(s *schema.Schema, identity string) *schema.Object {
	return s.Objects[slices.IndexFunc(s.Objects, func(o *schema.Object) bool { return o.Identity == identity })]
}

func fieldOf(s *schema.Schema, object, identity string) *schema.Field {
	o := objectOf(s, object)
	return o.Fields[slices.IndexFunc(o.Fields, func(f *schema.Field) bool { return f.Identity == identity })]
}

// options gives a field its options.
func options(all ...schema.Option) func(*schema.Field) {
	return func(f *schema.Field) { f.Options = all }
}

// with adds a custom field to customer.
func with(identity string, kind schema.TypeName, edits ...func(*schema.Field)) func(*schema.Schema) {
	return func(s *schema.Schema) {
		f := &schema.Field{Identity: identity, Name: schema.APIName(identity), Column: "x_" + identity, Type: kind, Custom: true, Source: "CustomField " + identity}
		if kind == schema.TypeRelation {
			f.Column += "_id"
		}
		for _, edit := range edits {
			edit(f)
		}
		o := objectOf(s, "customer")
		o.Fields = append(o.Fields, f)
	}
}

// before gives a field a column of its own beside the one that held it as another type.
func before(kind schema.TypeName) func(*schema.Field) {
	return func(f *schema.Field) {
		form := &schema.Field{Identity: f.Identity, Name: f.Name, Column: f.Column, Type: kind}
		f.Column += "$2"
		f.Previous = []schema.Previous{{Form: form, With: f.Column}}
	}
}

func edit(object, field string, change func(*schema.Field)) func(*schema.Schema) {
	return func(s *schema.Schema) { change(fieldOf(s, object, field)) }
}

// indexed adds an index over fields of opportunity.
func indexed(identity string, unique bool, fields ...schema.IndexField) func(*schema.Schema) {
	return func(s *schema.Schema) {
		s.Indexes = append(s.Indexes, &schema.Index{
			Identity: identity, Object: "opportunity", Unique: unique, Fields: fields, Source: "ObjectIndex " + identity,
		})
	}
}

// ruled adds a validation rule to opportunity.
func ruled(identity string) func(*schema.Schema) {
	return func(s *schema.Schema) {
		s.Rules = append(s.Rules, &schema.ValidationRule{Identity: identity, Object: "opportunity", Expression: "true", Source: "ValidationRule " + identity})
	}
}

func TestPlans(t *testing.T) {
	t.Parallel()
	type form []func(*schema.Schema)
	for _, c := range []struct {
		name            string
		applied, wanted form
		first           bool
		rows            []string
		policy          Policy
		lose            func(*Live)
	}{
		{name: "an empty database gets all objects", first: true, lose: func(l *Live) { *l = Live{} }},
		{
			name: "the first plan of a clone follows the tenants own pipeline", first: true,
			wanted: form{func(s *schema.Schema) {
				s.Pipelines[0].Identity, s.Pipelines[0].Source = "sales", "Pipeline sales"
				f := fieldOf(s, "opportunity", "stage")
				f.Options, f.Default = []schema.Option{{Key: "prospecting"}, {Key: "won"}, {Key: "lost"}}, new("prospecting")
			}},
		},
		{
			name: "fields are added to a table with rows without locking it for long", rows: []string{"customer"},
			wanted: form{
				with("tier", schema.TypePicklist, func(f *schema.Field) {
					f.Options, f.Default, f.Required = []schema.Option{{Key: "gold"}, {Key: "it"}}, new("gold"), true
				}),
				with("code", schema.TypeText, func(f *schema.Field) { f.Unique = true }),
				with("revenue", schema.TypeMoney), with("counter", schema.TypeAutoNumber),
				with("parent", schema.TypeRelation, func(f *schema.Field) { f.Target = "customer" }),
			},
		},
		{
			name:   "fields are added to an empty table at once",
			wanted: form{with("code", schema.TypeText, func(f *schema.Field) { f.Unique, f.Required = true, true })},
		},
		{
			name: "rules get wider", rows: []string{"customer", "opportunity"},
			wanted: form{
				edit("customer", "name", func(f *schema.Field) { f.Length, f.Required = 200, false }),
				edit("customer", "size", func(f *schema.Field) { f.Precision, f.Min = 14, "" }),
				edit("opportunity", "stage", func(f *schema.Field) { f.Options = append(f.Options, schema.Option{Key: "parked"}) }),
				edit("opportunity", "name", func(f *schema.Field) { f.Type, f.Length, f.Indexed = schema.TypeLongText, 2000, false }),
			},
		},
		{
			name: "names and labels change", rows: []string{"customer"},
			applied: form{with("tier", schema.TypeText)},
			wanted: form{
				with("tier", schema.TypeText, func(f *schema.Field) { f.Name = "level" }),
				edit("customer", "size", func(f *schema.Field) { f.Label = schema.Label{"en": "Size"} }),
				func(s *schema.Schema) {
					objectOf(s, "customer").Name, objectOf(s, "opportunity").Name = "account", "customer"
					s.Pipelines[0].Label = schema.Label{"en": "Sales"}
					s.Organisation.TimeZone = "Asia/Shanghai"
				},
			},
		},
		{
			name: "options are retired without asking the rows", rows: []string{"customer", "opportunity"},
			applied: form{with("tier", schema.TypePicklist, options(schema.Option{Key: "iron"}, schema.Option{Key: "gold"}))},
			wanted: form{
				with("tier", schema.TypePicklist, options(schema.Option{Key: "iron"}, schema.Option{Key: "gold", Retired: schema.RetiredByRemoval})),
				edit("opportunity", "stage", func(f *schema.Field) {
					f.Options = slices.Clone(f.Options)
					f.Options[0].Retired = schema.RetiredByDeclaration
				}),
			},
		},
		{
			name: "what the rows may not bear is proved or refused", rows: []string{"customer", "opportunity"},
			applied: form{with("flag", schema.TypeText), with("area", schema.TypeDecimal), with("site", schema.TypeText)},
			wanted: form{
				with("flag", schema.TypeBoolean),
				with("area", schema.TypeDecimal, func(f *schema.Field) { f.Scale = new(2) }),
				with("site", schema.TypeURL, func(f *schema.Field) { f.Unique = true }),
				with("needed", schema.TypeText, func(f *schema.Field) { f.Required = true }),
				with("same", schema.TypeText, func(f *schema.Field) { f.Unique, f.Default = true, new("x") }),
				edit("customer", "name", func(f *schema.Field) { f.Length = 30 }),
				edit("customer", "size", func(f *schema.Field) { f.Min, f.Max, f.Required = "1", "9", true }),
				edit("opportunity", "customer", func(f *schema.Field) { f.Target = "user" }),
				func(s *schema.Schema) {
					s.Pipelines[0].Identity, s.Pipelines[0].Source = "sales", "Pipeline sales"
					fieldOf(s, "opportunity", "stage").Options = []schema.Option{{Key: "open"}, {Key: "new"}}
				},
			},
		},
		{
			name: "a type becomes another in a column of its own", rows: []string{"customer"},
			applied: form{
				with("code", schema.TypeText, func(f *schema.Field) { f.Length, f.Required, f.Indexed, f.Default = 20, true, true, new("0") }),
				with("seen", schema.TypeDateTime),
			},
			wanted: form{
				with("code", schema.TypeInteger, before(schema.TypeText), func(f *schema.Field) { f.Required, f.Unique, f.Default = true, true, new("0") }),
				with("seen", schema.TypeDate, before(schema.TypeDateTime), func(f *schema.Field) { f.Previous[0].Cleared = true }),
			},
		},
		{
			name: "a type goes back to the column that it had", rows: []string{"customer"},
			applied: form{with("code", schema.TypeInteger, before(schema.TypeText), func(f *schema.Field) { f.Default = new("0") })},
			wanted: form{with("code", schema.TypeText, func(f *schema.Field) {
				f.Length = 9
				f.Previous = []schema.Previous{{Form: &schema.Field{Identity: "code", Name: "code", Column: "x_code$2", Type: schema.TypeInteger}, With: "x_code"}}
			})},
		},
		{
			name: "the time of an earlier column is over", rows: []string{"customer"},
			applied: form{with("code", schema.TypeInteger, before(schema.TypeText))},
			wanted:  form{with("code", schema.TypeInteger, func(f *schema.Field) { f.Column = "x_code$2" })},
		},
		{
			name:    "an empty table bears everything",
			applied: form{with("flag", schema.TypeText, func(f *schema.Field) { f.Default, f.Indexed = new("x"), true })},
			wanted: form{
				with("flag", schema.TypeAutoNumber, func(f *schema.Field) { f.Unique = true }),
				edit("customer", "name", func(f *schema.Field) { f.Length = 30 }),
				edit("opportunity", "customer", func(f *schema.Field) { f.Target = "user" }),
			},
		},
		{
			name: "a value with parts has a column for each", rows: []string{"customer"},
			wanted: form{with("site", schema.TypeGeo), with("person", schema.TypePersonName)},
		},
		{
			name: "a relation points to several objects", rows: []string{"customer"},
			applied: form{
				with("about", schema.TypeRelation, func(f *schema.Field) { f.Column, f.Targets = "x_about", []string{"opportunity"} }),
				with("boss", schema.TypeRelation, func(f *schema.Field) { f.Target = "user" }),
				with("less", schema.TypeRelation, func(f *schema.Field) { f.Column, f.Targets = "x_less", []string{"opportunity", "user"} }),
			},
			wanted: form{
				with("about", schema.TypeRelation, func(f *schema.Field) { f.Column, f.Targets = "x_about", []string{"user", "opportunity"} }),
				with("boss", schema.TypeRelation, func(f *schema.Field) { f.Targets = []string{"user"} }),
				with("less", schema.TypeRelation, func(f *schema.Field) { f.Column, f.Targets = "x_less", []string{"user"} }),
				with("more", schema.TypeRelation, func(f *schema.Field) { f.Column, f.Targets = "x_more", []string{"user", "customer"} }),
			},
		},
		{
			name: "values do not change into parts while there are rows", rows: []string{"customer"},
			applied: form{with("site", schema.TypeText), with("seat", schema.TypeAddress), with("needed", schema.TypeGeo)},
			wanted: form{
				with("site", schema.TypeGeo), with("seat", schema.TypeText), with("needed", schema.TypeGeo, func(f *schema.Field) { f.Required = true }),
				with("person", schema.TypePersonName, func(f *schema.Field) { f.Required = true }),
			},
		},
		{
			name:    "values change into parts in an empty table",
			applied: form{with("site", schema.TypeText, func(f *schema.Field) { f.Required = true })},
			wanted:  form{with("site", schema.TypeGeo, func(f *schema.Field) { f.Required = true })},
		},
		{
			name: "indexes over several fields come and go while people work", rows: []string{"opportunity"},
			applied: form{indexed("old", false, schema.IndexField{Field: "name"}), ruled("sane")},
			wanted: form{
				indexed("by-stage", false, schema.IndexField{Field: "stage"}, schema.IndexField{Field: "name", Descending: true}), ruled("strict"),
			},
		},
		{
			name: "fields become unique together with rows if one of them is new", rows: []string{"opportunity"},
			wanted: form{func(s *schema.Schema) {
				o := objectOf(s, "opportunity")
				o.Fields = append(o.Fields, &schema.Field{Identity: "place", Name: "place", Column: "place", Type: schema.TypeText, Length: 50, Source: "standard"})
			}, indexed("a", true, schema.IndexField{Field: "customer"}, schema.IndexField{Field: "place"})},
		},
		{
			name: "fields become unique together after it was proved", rows: []string{"opportunity"},
			wanted: form{
				indexed("one-each", true, schema.IndexField{Field: "customer"}, schema.IndexField{Field: "name"}),
				func(s *schema.Schema) {
					s.Indexes = append(s.Indexes, &schema.Index{
						Identity: "names", Object: "customer", Unique: true, Fields: []schema.IndexField{{Field: "name"}, {Field: "size"}}, Source: "ObjectIndex names",
					})
				},
			},
		},
		{
			name: "the text around a number changes, and a new one counts from the start", rows: []string{"customer"},
			applied: form{with("code", schema.TypeAutoNumber, func(f *schema.Field) { f.Pattern = "C-{number:4}" })},
			wanted: form{
				with("code", schema.TypeAutoNumber, func(f *schema.Field) { f.Pattern = "C'{year}-{number:6}" }),
				with("slip", schema.TypeAutoNumber, func(f *schema.Field) { f.Pattern = "S{number}" }),
			},
		},
		{
			name: "drift is told", rows: []string{"customer"}, applied: form{with("tier", schema.TypeText)},
			wanted: form{with("tier", schema.TypeText), with("news", schema.TypeText)}, lose: loseThings,
		},
		{
			name: "drift is healed", rows: []string{"customer"}, applied: form{with("tier", schema.TypeText)},
			wanted: form{with("tier", schema.TypeText)}, lose: loseThings, policy: Policy{HealDrift: true},
		},
		{
			name: "search follows the searchable fields", rows: []string{"customer"}, applied: form{titled},
			wanted: form{titled, with("mail", schema.TypeEmail), edit("user", "name", func(f *schema.Field) { f.Searchable = new(false) })},
		},
		{
			name: "indexed computed fields are filled before the schema says it", rows: []string{"customer", "opportunity"},
			wanted: form{inverses, with("long", schema.TypeFormula, longName), with("won", schema.TypeRollup, wonDeals)},
		},
		{
			name: "a formula of another meaning is kept and filled again", rows: []string{"customer"},
			applied: form{inverses, with("long", schema.TypeFormula, longName), with("won", schema.TypeRollup, wonDeals)},
			wanted: form{inverses, with("long", schema.TypeFormula, longName, func(f *schema.Field) {
				f.Formula = &schema.Formula{Expression: "size(name)", Returns: schema.TypeInteger}
			}), with("won", schema.TypeRollup, wonDeals)},
		},
		{
			name: "what is no longer indexed is computed when it is asked for", rows: []string{"customer"},
			applied: form{inverses, with("won", schema.TypeRollup, wonDeals)},
			wanted:  form{inverses, with("won", schema.TypeRollup, wonDeals, func(f *schema.Field) { f.Indexed = false })},
		},
		{
			name: "search is made anew where it is broken", rows: []string{"customer", "opportunity"}, applied: form{titled}, wanted: form{titled},
			lose: func(l *Live) {
				l.Tables["customer__search"].Columns["tokens"] = Column{Type: "text"}
				for name := range l.Tables["opportunity__search"].Indexes {
					l.Tables["opportunity__search"].Indexes[name] = Index{Valid: false}
				}
				delete(l.Tables, "user__search")
			},
		},
		{
			name: "what is deleted is retired and asks nothing of new records", rows: []string{"customer", "opportunity"},
			applied: form{with("code", schema.TypeText, strict), with("counter", schema.TypeAutoNumber), with("site", schema.TypeGeo, strict), fleet},
			wanted:  form{retired("code", schema.TypeText, strict), retired("counter", schema.TypeAutoNumber), retired("site", schema.TypeGeo, strict), retiredFleet},
		},
		{
			name: "what comes back has its values and is proven anew", rows: []string{"customer", "opportunity", "x_fleet"},
			applied: form{retired("code", schema.TypeText, strict), retired("counter", schema.TypeAutoNumber), retired("site", schema.TypeGeo, strict), retiredFleet},
			wanted:  form{with("code", schema.TypeText, strict), with("counter", schema.TypeAutoNumber), with("site", schema.TypeGeo, strict), fleet},
		},
		{
			name: "what comes back as something else is refused", rows: []string{"customer"},
			applied: form{retired("code", schema.TypeText), retired("site", schema.TypeGeo)},
			wanted:  form{with("code", schema.TypeInteger), with("site", schema.TypeText)},
		},
		{
			name: "what is kept no longer is purged", rows: []string{"customer"},
			applied: form{retired("code", schema.TypeText, strict), retired("site", schema.TypeGeo), retiredFleet},
			wanted:  form{retired("code", schema.TypeText, strict)},
		},
		{
			name: "what is retired is healed of what it asks and told when it is gone", rows: []string{"customer"}, policy: Policy{HealDrift: true},
			applied: form{retired("code", schema.TypeText), retired("site", schema.TypeGeo), retiredFleet},
			wanted:  form{retired("code", schema.TypeText), retired("site", schema.TypeGeo), retiredFleet},
			lose: func(l *Live) {
				l.Tables["customer"].Columns["x_code"] = Column{Type: "text", Default: "'a'::text"}
				delete(l.Tables["customer"].Columns, "x_site__latitude")
				delete(l.Tables, "x_fleet")
			},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			applied := model(t, 7, c.applied...)
			live := liveOf(applied, c.rows...)
			if c.first {
				applied = nil
			}
			if c.lose != nil {
				c.lose(live)
			}
			wanted := model(t, 0, c.wanted...)
			got := written(Make(applied, wanted, live, c.policy))
			if again := written(Make(applied, wanted, live, c.policy)); again != got {
				t.Error("the same input gives another plan")
			}
			golden(t, strings.ReplaceAll(c.name, " ", "_"), got)
		})
	}
}

// retired keeps a custom field of customer as one that was deleted.
func retired(identity string, kind schema.TypeName, edits ...func(*schema.Field)) func(*schema.Schema) {
	return func(s *schema.Schema) {
		with(identity, kind, edits...)(s)
		o := objectOf(s, "customer")
		last := len(o.Fields) - 1
		s.Retired.Fields = append(s.Retired.Fields, schema.RetiredField{Object: "customer", Form: o.Fields[last]})
		o.Fields = o.Fields[:last]
		s.Retired.Sort()
	}
}

// strict is all that a field may ask of records.
func strict(f *schema.Field) {
	f.Required = true
	if f.Type == schema.TypeText {
		f.Unique, f.Default, f.Length, f.Indexed = true, new("x"), 9, true
	}
}

func fleet(s *schema.Schema) {
	s.Objects = append(s.Objects, &schema.Object{Identity: "fleet", Name: "fleet", Table: "x_fleet", Custom: true, Source: "CustomObject fleet", Title: "plate", Fields: []*schema.Field{
		{Identity: "plate", Name: "plate", Column: "x_plate", Type: schema.TypeText, Required: true, Unique: true, Custom: true, Source: "CustomObject fleet"},
		{Identity: "driver", Name: "driver", Column: "x_driver_id", Type: schema.TypeRelation, Target: "user", Custom: true, Source: "CustomObject fleet"},
	}})
}

func retiredFleet(s *schema.Schema) {
	fleet(s)
	last := len(s.Objects) - 1
	s.Retired.Objects = append(s.Retired.Objects, schema.RetiredObject{Form: s.Objects[last]})
	s.Objects = s.Objects[:last]
}

// inverses gives customers their opportunities.
func inverses(s *schema.Schema) { fieldOf(s, "opportunity", "customer").Inverse = "opportunities" }

func longName(f *schema.Field) {
	f.Indexed, f.Formula = true, &schema.Formula{Expression: `size(name) > 20 || name == "it's \\ long"`, Returns: schema.TypeBoolean}
}

func wonDeals(f *schema.Field) {
	f.Indexed, f.Rollup = true, &schema.Rollup{Inverse: "opportunities", Function: schema.RollupCount, Filter: `stage == "won"`}
}

// titled makes the records of all objects findable by their names.
func titled(s *schema.Schema) {
	for _, o := range s.Objects {
		o.Title = "name"
	}
}

func loseThings(l *Live) {
	customer := l.Tables["customer"]
	delete(customer.Columns, "x_tier")
	delete(customer.Columns, "name")
	for name := range customer.Constraints {
		if strings.HasPrefix(name, "size_") {
			delete(customer.Constraints, name)
		}
	}
	for name := range customer.Indexes {
		delete(customer.Indexes, name)
	}
	delete(l.Tables, "user")
	delete(l.Views, "opportunity")
}

func written(p *Plan) string {
	var b strings.Builder
	fmt.Fprintf(&b, "revision %d to %d, empty %t\n", p.Base, p.Revision, p.Empty())
	for _, part := range []struct {
		title   string
		changes []Change
	}{{"CHANGES", p.Changes}, {"REFUSED", p.Refused}, {"DRIFT", p.Drift}} {
		if len(part.changes) > 0 {
			fmt.Fprintf(&b, "\n%s\n", part.title)
		}
		for _, c := range part.changes {
			fmt.Fprintf(&b, "\n# %s\n# %s, %s, object %q field %q, of %s", c.Summary, c.Kind, c.Class, c.Object, c.Field, c.Resource)
			if c.Lock != "" {
				fmt.Fprintf(&b, ", lock %s", c.Lock)
			}
			for _, flag := range []struct {
				word string
				is   bool
			}{{", concurrent", c.Concurrent}, {", drift", c.Drift}, {", rewrites", c.Rewrites}} {
				if flag.is {
					b.WriteString(flag.word)
				}
			}
			b.WriteString("\n")
			if c.Reason != "" {
				fmt.Fprintf(&b, "# because %s\n", c.Reason)
			}
			var backfill []string
			if c.Backfill != nil {
				backfill = []string{c.Backfill.Text()}
			}
			for _, step := range []struct {
				word       string
				statements []string
			}{{"-- prepare: ", c.Prepare}, {"-- backfill: ", backfill}, {"-- prove: ", c.Prove}, {"-- undo: ", c.Undo}, {"", c.Statements}} {
				for _, statement := range step.statements {
					b.WriteString(step.word + statement + ";\n")
				}
			}
			if c.Check != nil {
				fmt.Fprintf(&b, "-- failing: %s;\n-- filled: %s, %s\n", c.Check.Failing, c.Check.Table, c.Check.Filled)
			}
		}
	}
	return b.String()
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(want) != got {
		t.Errorf("the plan is not that of %s (run with -update and look at the difference):\n%s", path, got)
	}
}

func TestNothingToDoIsAnEmptyPlan(t *testing.T) {
	t.Parallel()
	applied := model(t, 3)
	p := Make(applied, model(t, 0), liveOf(applied, "customer"), Policy{})
	if !p.Empty() || p.Revision != 3 || len(p.Digest) != 64 {
		t.Errorf("the plan is %+v", p)
	}
}

func TestAnIndexOfAnObjectWithALongNameComesOnce(t *testing.T) {
	t.Parallel()
	for length := 44; length <= schema.MaxNameLength; length++ {
		long := func(s *schema.Schema) {
			o := objectOf(s, "customer")
			o.Table = schema.CustomPrefix + strings.Repeat("a", length)
			s.Indexes = append(s.Indexes, &schema.Index{
				Identity: "names", Object: "customer", Fields: []schema.IndexField{{Field: "name"}, {Field: "size"}}, Source: "ObjectIndex names",
			})
		}
		applied := model(t, 3, long)
		if p := Make(applied, model(t, 0, long), liveOf(applied), Policy{HealDrift: true}); !p.Empty() {
			t.Errorf("with %d characters there is always something to do: %+v", length, p.Changes)
		}
	}
}

func TestWhatNobodyKnowsIsLeftAlone(t *testing.T) {
	t.Parallel()
	applied := model(t, 3)
	live := liveOf(applied)
	live.Tables["theirs"] = &Table{}
	customer := live.Tables["customer"]
	customer.Columns["theirs"] = Column{Type: "text"}
	customer.Constraints["theirs"] = Constraint{Validated: true}
	customer.Indexes["customer_theirs_idx"] = Index{Valid: true}
	live.Views["theirs"] = ""
	if p := Make(applied, model(t, 0), live, Policy{HealDrift: true}); !p.Empty() {
		t.Errorf("the plan is %+v", p.Changes)
	}
}

func TestTheDigestChangesWithEverythingThatIsApproved(t *testing.T) {
	t.Parallel()
	applied := model(t, 3)
	digest := func(base int64, live *Live, edits ...func(*schema.Schema)) string {
		return Make(model(t, base), model(t, 0, edits...), live, Policy{}).Digest
	}
	tier := with("tier", schema.TypeText)
	seen := map[string]string{}
	for name, got := range map[string]string{
		"plain": digest(3, liveOf(applied)), "another base": digest(4, liveOf(applied)), "a field": digest(3, liveOf(applied), tier),
		"a field of a table with rows": digest(3, liveOf(applied, "customer"), tier),
		"a label":                      digest(3, liveOf(applied), edit("customer", "name", func(f *schema.Field) { f.Label = schema.Label{"en": "N"} })),
	} {
		if other, ok := seen[got]; ok {
			t.Errorf("%s and %s have the same digest", name, other)
		}
		seen[got] = name
	}
}

func TestNamesAreShortAndTellLongOnesApart(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("长", 40)
	seen := map[string]bool{}
	for _, name := range []string{
		newPart(long, string(schema.RuleEachOneOf), "a", "").name, newPart(long, string(schema.RuleEachOneOf), "b", "").name,
		sequenceName(long, "a"), sequenceName(long, "b"), sequenceName("t", "c"),
	} {
		if len(name) > maxIdentifier || seen[name] || strings.ContainsRune(name, '�') {
			t.Errorf("%q has %d bytes, seen %t", name, len(name), seen[name])
		}
		seen[name] = true
	}
}
