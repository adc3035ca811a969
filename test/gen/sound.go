package gen

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"unicode"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	crmv1 "github.com/kontor-crm/kontor/api/v1alpha1"
)

// Sound makes resources that mean something together: objects with fields of all
// types and settings, texts of all sorts, a pipeline, rules and indexes.
func Sound(r *rand.Rand) Configuration {
	c := Configuration{Tenant: Tenant("acme", "acme", func(t *crmv1.Tenant) {
		t.Spec.Modules, t.Spec.DisplayName = []crmv1.Module{crmv1.ModuleSales}, pick(r, awkward...)
		t.Spec.Language, t.Spec.TimeZone, t.Spec.Currency = pick(r, "en", "zh"), pick(r, "UTC", "Asia/Shanghai"), pick(r, "EUR", "CNY")
	})}
	s := &sound{Rand: r, objects: []string{"customer", "opportunity", "product"}}
	for range r.IntN(4) {
		o := &crmv1.CustomObject{ObjectMeta: metav1.ObjectMeta{Name: s.name("object")}}
		o.Spec.Name, o.Spec.Label, o.Spec.Description = s.alias(), s.label(), s.label()
		for range 1 + r.IntN(8) {
			o.Spec.Fields = append(o.Spec.Fields, crmv1.Field{Key: s.name("inline"), FieldSpec: s.field()})
		}
		s.objects = append(s.objects, o.Name)
		c.Objects = append(c.Objects, o)
	}
	for range 4 + r.IntN(12) {
		f := CustomField("", pick(r, s.objects...), s.name("field"))
		f.Spec.FieldSpec = s.field()
		c.Fields = append(c.Fields, f)
	}
	if r.IntN(2) == 0 {
		c.Pipelines = append(c.Pipelines, Pipeline("", s.name("pipeline"), func(p *crmv1.Pipeline) {
			p.Spec.Label = s.label()
			p.Spec.Stages[0].Gate = &crmv1.Gate{Required: []string{pick(r, "name", "amount")}}
			p.Spec.Stages[0].AllowedMoves = pick(r, nil, []string{"won"})
		}))
	}
	for range r.IntN(3) {
		c.Rules = append(c.Rules, ValidationRule("", "customer", s.name("rule"), pick(r, "name != ''", "name.size() > 2 || name == 'a\"b'"), func(v *crmv1.ValidationRule) {
			v.Spec.Message = crmv1.Label{"en": pick(r, awkward...)}
		}))
	}
	for _, second := range []string{"created_at", "number"}[:r.IntN(3)] {
		c.Indexes = append(c.Indexes, ObjectIndex("", "customer", s.name("index"), []string{"name", second}, func(x *crmv1.ObjectIndex) {
			x.Spec.Fields[0].Order = pick(r, crmv1.IndexAscending, crmv1.IndexDescending)
		}))
	}
	return c
}

// sound gives every resource a name of its own.
type sound struct {
	*rand.Rand
	objects []string
	names   int
}

func (s *sound) name(prefix string) string {
	s.names++
	return fmt.Sprintf("%s%d", prefix, s.names)
}

// alias is another name for the API, or none.
func (s *sound) alias() string { return pick(s.Rand, "", s.name("alias")) }

func (s *sound) label() crmv1.Label {
	return pick(s.Rand, nil, crmv1.Label{"en": pick(s.Rand, awkward...)}, crmv1.Label{"en": "One", "zh": pick(s.Rand, awkward...)})
}

func (s *sound) chance() bool { return s.IntN(2) == 0 }

// printed leaves out what a text of one line cannot hold.
func printed(letter rune) rune {
	if unicode.IsControl(letter) {
		return -1
	}
	return letter
}

func (s *sound) field() crmv1.FieldSpec {
	f := crmv1.FieldSpec{
		Name: s.alias(), Label: s.label(), Description: s.label(), Sensitivity: pick(s.Rand, "", crmv1.SensitivityPersonal),
		Type: pick(s.Rand, crmv1.FieldText, crmv1.FieldLongText, crmv1.FieldInteger, crmv1.FieldDecimal, crmv1.FieldMoney, crmv1.FieldPercent, crmv1.FieldBoolean,
			crmv1.FieldDate, crmv1.FieldDateTime, crmv1.FieldPicklist, crmv1.FieldMultiPicklist, crmv1.FieldEmail, crmv1.FieldPhone, crmv1.FieldURL,
			crmv1.FieldRichText, crmv1.FieldTime, crmv1.FieldDuration, crmv1.FieldRating, crmv1.FieldJSON, crmv1.FieldCurrency, crmv1.FieldAddress,
			crmv1.FieldPersonName, crmv1.FieldGeo, crmv1.FieldRelation, crmv1.FieldFile, crmv1.FieldAutoNumber, crmv1.FieldFormula),
	}
	switch f.Type { //nolint:exhaustive // the others need nothing
	case crmv1.FieldText:
		f.Length, f.Unique, f.Indexed = int32(60+s.IntN(200)), s.chance(), s.chance()
		if s.chance() {
			f.Default, f.Unique = new(strings.Map(printed, pick(s.Rand, awkward...))), false
		}
	case crmv1.FieldInteger:
		f.Min, f.Max, f.Indexed = pick(s.Rand, "", "-5", "0"), pick(s.Rand, "", "100"), s.chance()
		f.Default = pick(s.Rand, nil, new("7"))
	case crmv1.FieldDecimal:
		f.Precision, f.Scale = int32(8+s.IntN(4)), pick(s.Rand, nil, new(int32(0)), new(int32(2)))
	case crmv1.FieldMoney, crmv1.FieldPercent:
		f.Scale, f.Min = pick(s.Rand, nil, new(int32(0)), new(int32(3))), pick(s.Rand, "", "0")
	case crmv1.FieldBoolean:
		f.Default, f.Required = new(pick(s.Rand, "true", "false")), s.chance()
	case crmv1.FieldDate:
		f.Default, f.DefaultExpression = nil, pick(s.Rand, "", "today()")
	case crmv1.FieldPicklist, crmv1.FieldMultiPicklist:
		f.Options = []crmv1.Option{{Key: "yes", Label: s.label()}, {Key: "no", Label: s.label()}, {Key: "null"}}
		f.Default = pick(s.Rand, nil, new("yes"))
	case crmv1.FieldEmail, crmv1.FieldURL:
		f.Searchable = pick(s.Rand, nil, new(true), new(false))
	case crmv1.FieldRating:
		f.Max = pick(s.Rand, "", "10")
	case crmv1.FieldRelation:
		f.Target, f.OnDelete = pick(s.Rand, s.objects...), pick(s.Rand, "", crmv1.OnDeleteRefuse, crmv1.OnDeleteClear)
		if s.chance() {
			f.Target, f.Targets, f.OnDelete = "", []string{"customer", "product"}, ""
		}
	case crmv1.FieldAutoNumber:
		f.Pattern = pick(s.Rand, "", "N-{year}-{number:4}", "# {number}")
	case crmv1.FieldFormula:
		f.Formula = &crmv1.FormulaSpec{Expression: pick(s.Rand, "1 + 1", "2 * 3"), Returns: crmv1.FieldInteger}
	}
	return f
}
