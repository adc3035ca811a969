package gen

import (
	"fmt"
	"math/rand/v2"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	crmv1 "github.com/kontor-crm/kontor/api/v1alpha1"
)

// Configuration is what describes one tenant.
type Configuration struct {
	Tenant    *crmv1.Tenant
	Objects   []*crmv1.CustomObject
	Fields    []*crmv1.CustomField
	Pipelines []*crmv1.Pipeline
	Rules     []*crmv1.ValidationRule
	Indexes   []*crmv1.ObjectIndex
}

// All are its resources, the Tenant first.
func (c *Configuration) All() []crmv1.Object {
	all := []crmv1.Object{c.Tenant}
	all = appended(all, c.Objects)
	all = appended(all, c.Fields)
	all = appended(all, c.Pipelines)
	all = appended(all, c.Rules)
	return appended(all, c.Indexes)
}

func appended[T crmv1.Object](all []crmv1.Object, some []T) []crmv1.Object {
	for _, one := range some {
		all = append(all, one)
	}
	return all
}

// awkward are texts that a careless writer or reader of YAML takes for something else.
var awkward = []string{
	"yes", "null", "~", "007", "1e3", "0x1F", "12:30", "2026-01-31", "- a", "a: b", "# no comment", " spaces around ", "tab\tand \"quotes\" 'of' both kinds",
	"two\nlines\n", "---\nnot a document\n", "\nbegins with a line", "{{ not }} a %template", "等级 😀", "&anchor *alias !tag", "back\\slash", "nbsp\u00a0and\u2028more",
}

// pick is one of the values.
func pick[T any](r *rand.Rand, values ...T) T { return values[r.IntN(len(values))] }

// Random makes resources that get in each other's way: few names, many
// claims, things that point to nothing, and things that are wrong in themselves.
func Random(r *rand.Rand) Configuration {
	c := Configuration{Tenant: Tenant("acme", "acme")}
	c.Tenant.Spec.Currency = "USD"
	c.Tenant.Labels, c.Tenant.Annotations = map[string]string{"region": "north"}, map[string]string{"note": pick(r, awkward...)}
	c.Tenant.Spec.Modules = pick(r, nil, []crmv1.Module{crmv1.ModuleSales}, []crmv1.Module{crmv1.ModuleSales, crmv1.ModuleMarketing}, []crmv1.Module{crmv1.ModuleService})
	meta := func(name string) metav1.ObjectMeta {
		return metav1.ObjectMeta{Name: name, CreationTimestamp: metav1.NewTime(time.Unix(int64(r.IntN(4)), 0))}
	}
	label := func() crmv1.Label {
		return pick(r, nil, crmv1.Label{"en": pick(r, awkward...)}, crmv1.Label{"en": "One", "zh": pick(r, awkward...)})
	}
	objects := []string{"campaign", "fleet", "wagon", "car", "customer"}
	word := func() string { return pick(r, "", "", "one", "two", "phone", "three", "std_phone") }
	spec := func() crmv1.FieldSpec {
		s := crmv1.FieldSpec{Name: word(), Type: pick(r, crmv1.FieldText, crmv1.FieldPicklist, crmv1.FieldPicklist, crmv1.FieldRelation, crmv1.FieldMoney, crmv1.FieldFormula, crmv1.FieldRollup)}
		s.Label, s.Description = label(), label()
		if s.Type == crmv1.FieldPicklist {
			s.Options = pick(r, []crmv1.Option{{Key: "a"}, {Key: "b"}}, []crmv1.Option{{Key: "a"}}, nil)
		}
		if s.Type == crmv1.FieldText {
			s.RequiredWhen = pick(r, "", "", "two != null", "three == 'a'")
			s.DefaultExpression = pick(r, "", "", "", "two", "phone")
		}
		if s.Type == crmv1.FieldRelation {
			s.Target = pick(r, append(objects, "opportunity", "nothing")...)
			s.Inverse = pick(r, "", "ones", "one", "twos")
		}
		if s.Type == crmv1.FieldFormula {
			s.Formula = &crmv1.FormulaSpec{Expression: pick(r, "one", "two + 1", "phone", "ones.size()", "place.one", "number"), Returns: pick(r, crmv1.FieldText, crmv1.FieldDecimal)}
		}
		if s.Type == crmv1.FieldRollup {
			s.Rollup = &crmv1.RollupSpec{Inverse: pick(r, "ones", "twos"), Function: pick(r, "count", "max"), Field: pick(r, "", "one", "number")}
		}
		return s
	}
	for _, name := range objects[:r.IntN(len(objects)+1)] {
		o := &crmv1.CustomObject{ObjectMeta: meta(name), Spec: crmv1.CustomObjectSpec{Name: pick(r, "", "", "van", "bus", "lead")}}
		for _, key := range []string{"one", "two", "place", "place_id"}[:r.IntN(5)] {
			o.Spec.Fields = append(o.Spec.Fields, crmv1.Field{Key: key, FieldSpec: spec()})
		}
		c.Objects = append(c.Objects, o)
	}
	for i := range r.IntN(12) {
		name := pick(r, "one", "two", "three", "phone", "owner", "place", fmt.Sprintf("f-%d", i))
		f := &crmv1.CustomField{ObjectMeta: meta(name), Spec: crmv1.CustomFieldSpec{Object: pick(r, append(objects, "opportunity", "nothing")...), FieldSpec: spec()}}
		if !taken(c.Fields, name) {
			c.Fields = append(c.Fields, f)
		}
	}
	for _, name := range []string{"sales", "retail", "opportunity", "third"}[:r.IntN(5)] {
		p := &crmv1.Pipeline{ObjectMeta: meta(name), Spec: crmv1.PipelineSpec{
			Object: pick(r, "opportunity", "customer", "fleet", "nothing"), Field: pick(r, "stage", "one", "two", "industry"),
			Stages: []crmv1.Stage{
				{Key: pick(r, "open", "begun"), AllowedMoves: pick(r, nil, []string{"won"}, []string{"nowhere"})},
				{Key: "won", Kind: crmv1.StageWon, Gate: &crmv1.Gate{Required: []string{pick(r, "name", "one", "amount", "nothing")}}},
				{Key: "lost", Kind: pick(r, crmv1.StageLost, crmv1.StageLost, crmv1.StageOpen)},
			},
		}}
		c.Pipelines = append(c.Pipelines, p)
	}
	for _, name := range []string{"rule-a", "rule-b"}[:r.IntN(3)] {
		c.Rules = append(c.Rules, &crmv1.ValidationRule{ObjectMeta: meta(name), Spec: crmv1.ValidationRuleSpec{
			Object: pick(r, "customer", "customer", "opportunity"), Expression: pick(r, "one != null", "two == 'a'", "place.one == null"), Message: crmv1.Label{"en": pick(r, awkward...)},
		}})
	}
	for _, name := range []string{"index-a", "index-b"}[:r.IntN(3)] {
		c.Indexes = append(c.Indexes, &crmv1.ObjectIndex{ObjectMeta: meta(name), Spec: crmv1.ObjectIndexSpec{
			Object: pick(r, "customer", "opportunity", "fleet"), Unique: r.IntN(4) == 0,
			Fields: []crmv1.IndexField{{Field: pick(r, "name", "one", "amount"), Order: pick(r, "", crmv1.IndexDescending)}, {Field: pick(r, "created_at", "two")}},
		}})
	}
	return c
}

func taken(fields []*crmv1.CustomField, name string) bool {
	for _, f := range fields {
		if f.Name == name {
			return true
		}
	}
	return false
}
