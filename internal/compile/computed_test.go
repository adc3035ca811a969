package compile

import (
	"slices"
	"strings"
	"testing"

	crmv1 "github.com/kontor-crm/kontor/api/v1alpha1"
	"github.com/kontor-crm/kontor/internal/expr"
	"github.com/kontor-crm/kontor/internal/schema"
)

// says fails unless the resource's verdict is of that reason and says the words at the path.
func (r Result) says(t *testing.T, ref Ref, reason, path, words string) {
	t.Helper()
	verdict := r.Verdicts[ref]
	for _, p := range verdict.Problems {
		if verdict.Reason == reason && p.Path == path && strings.Contains(p.Message, words) {
			return
		}
	}
	t.Errorf("%s: says %s %v, not %q at %q", ref, verdict.Reason, verdict.Problems, words, path)
}

// isFine fails when something is wrong with the resource.
func (r Result) isFine(t *testing.T, ref Ref) {
	t.Helper()
	if verdict := r.Verdicts[ref]; len(verdict.Problems) > 0 {
		t.Errorf("%s: says %v", ref, verdict.Problems)
	}
}

const (
	fleets = `kind: CustomObject
metadata: {name: fleet}
spec:
  fields:
    - {key: plate, type: text}
    - {key: customer, type: relation, target: customer, inverse: fleets}
    - {key: price, type: money, scale: 2}
    - {key: tax, type: formula, scale: 2, formula: {expression: price * 0.19, returns: money}}
---
`
	totals = `kind: CustomField
metadata: {name: fleet-total}
spec: {object: customer, type: rollup, rollup: {inverse: fleets, function: sum, field: tax, filter: price > 0}}
---
`
)

func TestComputedFieldsAndInversesAreCompiled(t *testing.T) {
	t.Parallel()
	s := served(t, fleets+totals)
	customer, _ := s.Object("customer")
	inverse, ok := customer.Inverse("fleets")
	if !ok || inverse.Object.Name != "fleet" || inverse.Relation.Name != "customer" {
		t.Errorf("the inverse is %+v", inverse)
	}
	total, _ := customer.Field("fleet_total")
	if !total.Computed() || total.Result().Type != "money" || total.ResultScale() != 2 || len(total.Columns()) != 0 {
		t.Errorf("the roll-up is %+v of %+v", total, total.Result())
	}
}

func TestAWrongComputedFieldIsToldWhere(t *testing.T) {
	t.Parallel()
	for _, wrong := range []struct{ documents, reason, path, words string }{
		{field("f", `object: customer, type: formula, formula: {expression: "nam + 1", returns: text}`), crmv1.ReasonInvalid, "spec.formula.expression", `1:1: no field "nam" in customer; did you mean "name"?`},
		{field("f", `object: customer, type: formula, formula: {expression: name, returns: money}`), crmv1.ReasonInvalid, "spec.formula.returns", "the formula returns money, which is a number, but the expression is a text"},
		{field("f", `object: customer, type: formula, formula: {expression: name, returns: picklist}`), crmv1.ReasonInvalid, "spec.formula.returns", "a formula returns text, integer"},
		{field("f", `object: customer, type: formula, formula: {expression: "f + 1", returns: integer}`), crmv1.ReasonInvalid, "spec.formula.expression", "in a circle: customer.f, customer.f"},
		{field("f", `object: customer, type: formula`), crmv1.ReasonInvalid, "spec.formula", "needs an expression"},
		{field("f", `object: customer, type: text, formula: {expression: name, returns: text}`), crmv1.ReasonInvalid, "spec.formula", "only a field of the type formula"},
		{field("f", `object: customer, type: formula, required: true, unique: true, formula: {expression: name, returns: text}`), crmv1.ReasonInvalid, "spec.unique", "cannot be unique"},
		{field("f", `object: customer, type: formula, indexed: true, formula: {expression: "today() < date(\"2027-01-01\")", returns: boolean}`), crmv1.ReasonInvalid, "spec.indexed", "depends on when it is asked for"},
		{field("f", `object: customer, type: formula, indexed: true, formula: {expression: owner.department.name, returns: text}`), crmv1.ReasonInvalid, "spec.indexed", "reads fields of the department that another record"},
		{field("f", `object: customer, type: formula, indexed: true, formula: {expression: "name.replace(\"a\", \"bcdefghijklmnop\")", returns: text}`), crmv1.ReasonInvalid, "spec.indexed", "shorten them with substring(0, 600)"},
		{fleets + field("f", `object: customer, type: rollup, indexed: true, rollup: {inverse: fleets, function: count, filter: "customer.name == plate"}`), crmv1.ReasonInvalid, "spec.indexed", "reads fields of the customer"},
		{fleets + totals + field("f", `object: user, type: formula, indexed: true, formula: {expression: "owned.size()", returns: integer}`), crmv1.ReasonInvalid, "spec.formula.expression", "no field"},
		{field("f", `object: customer, type: formula, scale: 9, formula: {expression: number, returns: money}`), crmv1.ReasonInvalid, "spec.scale", "of money must be from 0 to 4"},
		{field("f", `object: customer, type: rollup, rollup: {inverse: nothing, function: count}`), crmv1.ReasonInvalid, "spec.rollup.inverse", `no relation to customer has the inverse "nothing"`},
		{field("f", `object: customer, type: rollup, rollup: {inverse: nothing, function: sum}`), crmv1.ReasonInvalid, "spec.rollup.field", "the field is missing"},
		{field("f", `object: customer, type: rollup, rollup: {inverse: nothing, function: mean}`), crmv1.ReasonInvalid, "spec.rollup.function", "count, sum, min, max or avg"},
		{fleets + field("f", `object: customer, type: rollup, rollup: {inverse: fleets, function: sum, field: plate}`), crmv1.ReasonInvalid, "spec.rollup.field", "there is no sum of values of which each is a text"},
		{fleets + field("f", `object: customer, type: rollup, rollup: {inverse: fleets, function: count, filter: "plat == null"}`), crmv1.ReasonInvalid, "spec.rollup.filter", `did you mean "plate"?`},
		{field("f", `object: customer, type: relation, target: customer, inverse: name`), crmv1.ReasonNameConflict, "spec.inverse", `"name" is the API name of a standard field of "customer" already`},
		{fleets + field("f", `object: customer, type: relation, target: customer, inverse: fleets`), crmv1.ReasonNameConflict, "spec.inverse", `"fleets" is the API name of CustomObject fleet already`},
		{field("f", `object: customer, type: relation, target: customer, inverse: owner`), crmv1.ReasonInvalid, "spec.inverse", "is a system field"},
		{field("f", `object: customer, type: text, inverse: fs`), crmv1.ReasonInvalid, "spec.inverse", "only a relation has an inverse"},
	} {
		result := Compile(read(t, wrong.documents))
		result.says(t, Ref{KindField, "f"}, wrong.reason, wrong.path, wrong.words)
		if customer, _ := result.Schema.Object("customer"); customer == nil {
			t.Fatal("the schema is gone")
		} else if _, ok := customer.Field("f"); ok {
			t.Errorf("%s: it is in the schema", wrong.documents)
		}
	}
}

func TestF79CirclesAcrossObjectsAreRefused(t *testing.T) {
	t.Parallel()
	result := Compile(read(t, fleets+
		field("worth", `object: customer, type: rollup, rollup: {inverse: fleets, function: sum, field: part}`)+
		field("part", `object: fleet, type: formula, formula: {expression: price / customer.worth, returns: decimal}`)))
	result.says(t, Ref{KindField, "worth"}, crmv1.ReasonInvalid, "spec.rollup.field", "in a circle: customer.worth, fleet.part, customer.worth")
}

func TestWhatAComputedFieldIsComputedFromKeepsItsName(t *testing.T) {
	t.Parallel()
	before := fleets + totals + field("grade", `object: customer, type: text`) +
		field("shown", `object: customer, type: formula, formula: {expression: grade + name, returns: text}`)
	applied := served(t, before)
	in := read(t, atOnce+strings.ReplaceAll(before, "object: customer, type: text", "object: customer, name: level, type: text"))
	in.Applied = applied
	result := Compile(in)
	result.says(t, Ref{KindField, "grade"}, crmv1.ReasonInUse, "spec.name", `"shown" of customer is computed from it`)
	result.isFine(t, Ref{KindField, "shown"})
	customer, _ := result.Schema.Object("customer")
	if _, ok := customer.Field("grade"); !ok {
		t.Error("the field has another name")
	}

	in = read(t, strings.ReplaceAll(strings.ReplaceAll(before, "object: customer, type: text", "object: customer, name: level, type: text"), "grade + name", "level + name"))
	in.Applied = applied
	result = Compile(in)
	result.isFine(t, Ref{KindField, "grade"})
	result.isFine(t, Ref{KindField, "shown"})

	in = read(t, strings.ReplaceAll(before, "inverse: fleets}", "inverse: cars}"))
	in.Applied = applied
	result = Compile(in)
	result.says(t, Ref{KindObject, "fleet"}, crmv1.ReasonInUse, "spec.fields[1].inverse", `"fleet_total" of customer is computed from it`)
}

func TestAComputedFieldThatGoesWrongGoesOnInItsAppliedForm(t *testing.T) {
	t.Parallel()
	applied := served(t, fleets+totals)
	in := read(t, fleets+strings.ReplaceAll(totals, "price > 0", "prize > 0"))
	in.Applied = applied
	result := Compile(in)
	result.says(t, Ref{KindField, "fleet-total"}, crmv1.ReasonInvalid, "spec.rollup.filter", `did you mean "price"?`)
	if !result.Verdicts[Ref{KindField, "fleet-total"}].Kept {
		t.Error("it is not kept")
	}
	customer, _ := result.Schema.Object("customer")
	if f, ok := customer.Field("fleet_total"); !ok || f.Rollup.Filter != "price > 0" {
		t.Errorf("it is %+v", f)
	}
}

func TestWhatAComputedFieldIsComputedFromKeepsASizeThatItCanBeComputedWith(t *testing.T) {
	t.Parallel()
	product := "string(tier" + strings.Repeat(" * tier", 22) + ")"
	for _, test := range []struct{ name, before, after, expression, path string }{
		{"a text gets longer", "type: text, length: 10", "type: text, length: 4000", `'tier.replace("a", tier)'`, "length"},
		{"a number gets more digits", "type: decimal, precision: 4, scale: 0", "type: decimal, precision: 38, scale: 0", product, "precision"},
		{"a number gets more digits behind the point", "type: decimal, precision: 18, scale: 1", "type: decimal, precision: 18, scale: 18", product, "scale"},
	} {
		docs := field("tier", "object: customer, "+test.before) + field("f", "object: customer, type: formula, formula: {expression: "+test.expression+", returns: text}")
		applied := served(t, docs)
		result := on(t, applied, strings.Replace(docs, test.before, test.after, 1))
		result.says(t, Ref{KindField, "tier"}, crmv1.ReasonInUse, "spec."+test.path, `"f" of customer is computed from it`)
		result.isFine(t, Ref{KindField, "f"})
		if result.Schema.Digest() != applied.Digest() {
			t.Errorf("%s: the schema is not the applied one", test.name)
		}
	}
}

func TestADeletedComputedFieldLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	inline := "{key: tax, type: formula, formula: {expression: seats * 2, returns: integer}}"
	fleet := object("fleet", "fields: [{key: seats, type: integer}, "+inline+"]")
	applied := served(t, fleet+field("tier", "object: customer, type: text")+field("f", "object: customer, type: formula, formula: {expression: tier, returns: text}"))
	result := on(t, applied, strings.Replace(fleet, inline, "", 1)+field("tier", "object: customer, type: text, name: level"))
	result.isFine(t, Ref{KindField, "tier"})
	if hasField(result.Schema, "customer", "f") || hasField(result.Schema, "fleet", "tax") || len(result.Retained) > 0 {
		t.Errorf("they are in the schema, and retained are %v", result.Retained)
	}
	if again := on(t, reload(t, result.Schema), strings.Replace(fleet, inline, "", 1)+field("tier", "object: customer, type: text, name: level")); again.Schema.Digest() != result.Schema.Digest() {
		t.Error("the second time it says something else")
	}
	result = on(t, applied, field("tier", "object: customer, type: text"))
	if kept, ok := result.Schema.Retired.Object("fleet"); !ok || len(kept.Form.Fields) != 1 || kept.Form.Fields[0].Identity != "seats" {
		t.Errorf("of the deleted object is kept: %+v", kept)
	}
}

func TestADeletedComputedFieldStaysWhileOthersReadIt(t *testing.T) {
	t.Parallel()
	tier := field("tier", "object: customer, type: text")
	deleted := field("f", "object: customer, type: formula, formula: {expression: tier, returns: text}") +
		field("g", "object: customer, type: formula, formula: {expression: f + '!', returns: text}")
	for name, reader := range map[string]string{
		"a rule":      rule("r", "object: customer, expression: g != null"),
		"a formula":   field("h", "object: customer, type: formula, formula: {expression: g + name, returns: text}"),
		"a condition": field("h", "object: customer, type: text, requiredWhen: g != null"),
	} {
		applied := served(t, tier+deleted+reader)
		result := on(t, applied, tier+reader)
		for ref := range result.Verdicts {
			result.isFine(t, ref)
		}
		if got := strings.Join(result.Retained, ", "); got != "CustomField f, CustomField g" || result.Schema.Digest() != applied.Digest() {
			t.Errorf("%s: retained are %q", name, got)
		}
		result = on(t, applied, atOnce+strings.Replace(tier, "type: text", "type: text, name: level", 1)+reader)
		result.says(t, Ref{KindField, "tier"}, crmv1.ReasonInUse, "spec.name", `"f" of customer is computed from it`)
		if result = on(t, result.Schema, tier); hasField(result.Schema, "customer", "f") || hasField(result.Schema, "customer", "g") {
			t.Errorf("%s: they stay when it is deleted too: %v", name, result.Retained)
		}
	}
}

func TestWhatIsStoredIsNeverComputedAndTheOtherWayRound(t *testing.T) {
	t.Parallel()
	const formula, rollup = "type: formula, formula: {expression: string(number), returns: text}", "type: rollup, rollup: {inverse: fleets, function: count}"
	const stored, computed = "cannot become a formula, which is computed; make another field", "which is computed, and cannot store values; make another field"
	fleet := object("fleet", "fields: [{key: customer, type: relation, target: customer, inverse: fleets}, {key: mark, SPEC}]")
	for _, test := range []struct{ before, after, words string }{
		{"type: text, required: true, default: a", formula, stored}, {formula, "type: text", computed},
	} {
		applied := served(t, strings.Replace(fleet, "SPEC", test.before, 1)+field("f", "object: customer, "+test.before))
		result := on(t, applied, strings.Replace(fleet, "SPEC", test.after, 1)+field("f", "object: customer, "+test.after))
		result.says(t, Ref{KindObject, "fleet"}, crmv1.ReasonInvalid, "spec.fields[1].type", test.words)
		result.says(t, Ref{KindField, "f"}, crmv1.ReasonInvalid, "spec.type", test.words)
		if !result.Verdicts[Ref{KindField, "f"}].Kept || result.Schema.Digest() != applied.Digest() {
			t.Error("the schema is not the applied one")
		}
	}
	fleet = strings.Replace(fleet, "SPEC", "type: text", 1)
	result := on(t, served(t, fleet+field("f", "object: customer, "+formula)), fleet+field("f", "object: customer, "+rollup))
	result.isFine(t, Ref{KindField, "f"})
}

func TestComputedFieldsAreNoGatesTitlesOrKeysOfIndexes(t *testing.T) {
	t.Parallel()
	formula := field("f", `object: opportunity, type: formula, formula: {expression: name, returns: text}`)
	result := Compile(read(t, formula+
		pipeline("sales", `object: opportunity, field: stage, stages: [{key: open}, {key: won, kind: won, gate: {required: [f]}}]`)+
		objectIndex("x", `object: opportunity, fields: [{field: f}]`)+
		object("o", `titleField: f, fields: [{key: f, type: formula, formula: {expression: string(number), returns: text}}]`)))
	result.isFine(t, Ref{KindField, "f"})
	result.says(t, Ref{KindPipeline, "sales"}, crmv1.ReasonInvalid, "spec.stages[1].gate.required[0]", `"f" is computed`)
	result.says(t, Ref{KindIndex, "x"}, crmv1.ReasonInvalid, "spec.fields[0].field", `"f" is computed`)
	result.says(t, Ref{KindObject, "o"}, crmv1.ReasonInvalid, "spec.titleField", `"f" is computed`)
}

func TestTheStandardModelComputesWhatItsModulesHave(t *testing.T) {
	t.Parallel()
	for modules, want := range map[string]string{
		"sales,marketing": "weighted_amount is_rotting lines_total sales_total revenue roi member_count response_count response_rate",
		"sales":           "weighted_amount is_rotting lines_total sales_total",
		"marketing":       "member_count response_count response_rate",
	} {
		var found []string
		s := Standard(strings.Split(modules, ","))
		for _, name := range []string{"opportunity", "campaign"} {
			o, ok := s.Object(name)
			if !ok {
				continue
			}
			for _, f := range o.Fields {
				if f.Computed() {
					found = append(found, f.Name)
				}
			}
		}
		if got := strings.Join(found, " "); got != want {
			t.Errorf("%s: the computed fields are %q, not %q", modules, got, want)
		}
	}
}

func TestTheStandardModelComputesFromItsOwnFieldsWhateverATenantCallsHis(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"text", "decimal"} {
		// What an older release served: campaign without what it computes, and with a custom revenue.
		held := field("revenue", "object: campaign, type: "+kind) + field("cost", "object: campaign, name: actual_cost_base, type: "+kind)
		in := read(t, held)
		in.Fields = in.Fields[:0]
		old := Compile(in).Schema
		campaign, _ := old.Object("campaign")
		campaign.Fields = slices.DeleteFunc(campaign.Fields, (*schema.Field).Computed)
		for _, f := range Compile(read(t, strings.ReplaceAll(strings.ReplaceAll(held, `"revenue"`, `"takings"`), "actual_cost_base", "charges"))).Schema.Objects {
			if f.Identity != "campaign" {
				continue
			}
			for _, custom := range f.Fields {
				switch custom.Identity {
				case "takings":
					custom.Identity, custom.Name, custom.Column, custom.Source = "revenue", "revenue", "x_revenue", "CustomField revenue"
					campaign.Fields = append(campaign.Fields, custom)
				case "cost":
					custom.Name = "actual_cost_base"
					campaign.Fields = append(campaign.Fields, custom)
				}
			}
		}
		result := on(t, reload(t, old), held)
		for ref := range result.Verdicts {
			result.isFine(t, ref)
		}
		roi := mustField(t, result.Schema, "campaign", "roi")
		campaign, _ = result.Schema.Object("campaign")
		compiled, err := expr.CompileComputed(result.Schema, campaign, roi)
		if err != nil {
			t.Fatal(err)
		}
		for _, use := range compiled.Fields() {
			if use.Field.Custom {
				t.Errorf("%s: it is computed from the tenant's %q", kind, use.Field.Name)
			}
		}
		if document := reload(t, result.Schema); document.Digest() != on(t, document, held).Schema.Digest() {
			t.Errorf("%s: the second time it says something else", kind)
		}
	}
}

func TestAnIndexedComputedFieldHasAColumnOfItsOwn(t *testing.T) {
	t.Parallel()
	wanted := strings.Replace(fleets, "scale: 2, formula", "indexed: true, scale: 2, formula", 1) + strings.Replace(totals, "type: rollup", "type: rollup, indexed: true", 1)
	s := served(t, wanted)
	customer, _ := s.Object("customer")
	total, _ := customer.Field("fleet_total")
	if !total.Kept() || total.Column != "x_fleet-total.kept" || total.Storage() != schema.StorageNumber || !slices.Contains(customer.Leaves(), total) {
		t.Errorf("the roll-up is %+v", total)
	}
	index := `kind: ObjectIndex
metadata: {name: richest}
spec: {object: customer, fields: [{field: fleet_total, order: Descending}, {field: name}]}
---
`
	Compile(read(t, wanted+index)).isFine(t, Ref{KindIndex, "richest"})
	Compile(read(t, fleets+totals+index)).says(t, Ref{KindIndex, "richest"}, crmv1.ReasonInvalid, "spec.fields[0].field", "one with indexed: true has")
	Compile(read(t, wanted+strings.Replace(index, "spec: {", "spec: {unique: true, ", 1))).says(t, Ref{KindIndex, "richest"}, crmv1.ReasonInvalid, "spec.fields[0].field", "which write makes it the same twice")
}

func TestAComputedFieldThatCannotBeKeptStaysAsItWas(t *testing.T) {
	t.Parallel()
	plain := field("f", `object: customer, type: formula, formula: {expression: "today() < date(\"2027-01-01\")", returns: boolean}`)
	in := read(t, strings.Replace(plain, "type: formula", "type: formula, indexed: true", 1))
	in.Applied = served(t, plain)
	result := Compile(in)
	result.says(t, Ref{KindField, "f"}, crmv1.ReasonInvalid, "spec.indexed", "depends on when it is asked for")
	customer, _ := result.Schema.Object("customer")
	if f, ok := customer.Field("f"); !ok || f.Kept() {
		t.Errorf("the field is %+v", f)
	}
}
