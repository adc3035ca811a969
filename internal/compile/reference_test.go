package compile

import (
	"strings"
	"testing"

	crmv1 "github.com/kontor-crm/kontor/api/v1alpha1"
)

func TestPicklistsShareTheirOptions(t *testing.T) {
	t.Parallel()
	documents := field("trade", "object: customer, type: picklist, options: [{key: hotel}, {key: bank}]") +
		field("branch-x", "object: lead, name: branch, type: picklist, default: bank, optionsFrom: {object: customer, field: trade}")
	s := served(t, documents)
	if f := mustField(t, s, "lead", "branch"); len(f.Options) != 2 || f.Options[1].Key != "bank" {
		t.Errorf("the options are %+v", f.Options)
	}
	result := on(t, s, strings.Replace(documents, "{key: bank}", "{key: bank}, {key: shop}", 1))
	if f := mustField(t, result.Schema, "lead", "branch"); len(f.Options) != 3 {
		t.Errorf("a new option is not shared: %+v", f.Options)
	}
}

func TestABorrowerThatIsHeldKeepsItsOptions(t *testing.T) {
	t.Parallel()
	documents := field("trade", "object: customer, type: picklist, options: [{key: hotel}, {key: bank}]") +
		field("branch", "object: lead, type: picklist, optionsFrom: {object: customer, field: trade}")
	in := read(t, strings.Replace(documents, ", {key: bank}", "", 1))
	in.Applied = served(t, documents)
	in.Held = map[Ref]string{{KindField, "branch"}: "it may not lose options"}
	s := Compile(in).Schema
	if got := mustField(t, s, "lead", "branch").Choices(); len(got) != 2 {
		t.Errorf("the held field has %+v", got)
	}
	if got := mustField(t, s, "customer", "trade").Choices(); len(got) != 1 {
		t.Errorf("of its lender can be chosen %v", got)
	}
}

func TestTheAppliedSchemaIsNeverChanged(t *testing.T) {
	t.Parallel()
	applied := served(t, pipeline("sales", "stages: [{key: open, kind: open}, {key: won, kind: won, gate: {expression: amount > 3}}, {key: lost, kind: lost}]"))
	for _, p := range applied.Pipelines {
		for i := range p.Stages {
			if p.Stages[i].Gate != "" {
				p.Stages[i].Gate = "amount > what_no_release_knows()"
			}
		}
	}
	digest := applied.Digest()
	s := on(t, applied, "").Schema
	if applied.Digest() != digest || s.Digest() == digest {
		t.Error("a gate that cannot be read is taken from the applied schema and not from the new one")
	}
}

func TestFieldsThatDoNotFitOthersAreRefused(t *testing.T) {
	t.Parallel()
	country := field("land", "object: customer, type: picklist, options: [{key: de}, {key: cn}]")
	for name, test := range map[string]struct {
		documents, ref, path, message string
	}{
		"options of an object that is not there": {
			field("a", "object: customer, type: picklist, optionsFrom: {object: fleet, field: kind}"), "a", "spec.optionsFrom.object", `there is no object "fleet"`,
		},
		"options of a text": {
			field("a", "object: customer, type: picklist, optionsFrom: {object: customer, field: name}"), "a", "spec.optionsFrom.field", `"name" is text and has no options`,
		},
		"options of options of another": {
			country + field("b", "object: customer, type: picklist, optionsFrom: {object: customer, field: land}") +
				field("c", "object: customer, type: picklist, optionsFrom: {object: customer, field: b}"), "c", "spec.optionsFrom.field", `"b" has its options from another field itself`,
		},
		"a default that is no shared option": {
			country + field("a", "object: customer, type: picklist, default: us, optionsFrom: {object: customer, field: land}"), "a", "spec.default", `"us" is not one of the options`,
		},
		"an option for a value that is not there": {
			country + field("a", "object: customer, type: picklist, dependsOn: land, options: [{key: x, when: [us]}]"), "a", "spec.options[0].when[0]", `"land" has no option "us"`,
		},
		"an option for a stage that is not there": {
			field("a", "object: opportunity, type: picklist, dependsOn: stage, options: [{key: x, when: [won, prospectin]}]"), "a", "spec.options[0].when[1]",
			`"stage" has no option "prospectin"; did you mean "prospecting"?`,
		},
		"an option for a stage that another pipeline has": {
			pipeline("sales", "stages: [{key: open}, {key: won, kind: won}, {key: lost, kind: lost}]") +
				field("a", "object: opportunity, type: picklist, dependsOn: stage, options: [{key: x, when: [prospecting]}]"), "a", "spec.options[0].when[0]",
			`"stage" has no option "prospecting"`,
		},
		"an option for what a pipeline took the place of": {
			field("way", "object: customer, type: picklist, options: [{key: foot}]") +
				pipeline("ways", "object: customer, field: way, stages: [{key: open}, {key: won, kind: won}, {key: lost, kind: lost}]") +
				field("a", "object: customer, type: picklist, dependsOn: way, options: [{key: x, when: [foot]}]"), "a", "spec.options[0].when[0]", `"way" has no option "foot"`,
		},
		"an option for a shared stage that is not there": {
			field("b", "object: opportunity, type: picklist, optionsFrom: {object: opportunity, field: stage}") +
				field("a", "object: opportunity, type: picklist, dependsOn: b, options: [{key: x, when: [foot]}]"), "a", "spec.options[0].when[0]", `"b" has no option "foot"`,
		},
		"a default that is no stage": {
			field("a", "object: customer, type: picklist, default: foot, optionsFrom: {object: opportunity, field: stage}"), "a", "spec.default", `"foot" is not one of the options`,
		},
		"an option for a value of nothing": {
			field("a", "object: customer, type: picklist, options: [{key: x, when: [us]}]"), "a", "spec.options[0].when", "needs dependsOn",
		},
		"a picklist that depends on a text": {
			field("a", "object: customer, type: picklist, dependsOn: name, options: [{key: x}]"), "a", "spec.dependsOn", `"name" is text; a picklist depends on a picklist`,
		},
		"a condition that cannot be read": {
			field("a", "object: customer, type: text, requiredWhen: \"nam == 'x'\""), "a", "spec.requiredWhen", `1:1: no field "nam" in customer; did you mean "name"?`,
		},
		"a condition over other records": {
			field("a", "object: customer, type: text, readOnlyWhen: \"parent.name == 'x'\""), "a", "spec.readOnlyWhen", "1:",
		},
		"a default of another kind": {
			field("a", "object: customer, type: date, defaultExpression: name"), "a", "spec.defaultExpression", `gives a text, and "a" is date`,
		},
		"a default that reads itself": {
			field("a", "object: customer, type: text, defaultExpression: a"), "a", "spec.defaultExpression", `reads "a" itself`,
		},
		"a default that reads what the system sets": {
			field("a", "object: customer, type: integer, defaultExpression: number"), "a", "spec.defaultExpression", `reads "number", which the system sets`,
		},
		"two defaults": {
			field("a", "object: customer, type: text, default: x, defaultExpression: name"), "a", "spec.defaultExpression", "stands beside default",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			verdict := Compile(read(t, test.documents)).Verdicts[Ref{KindField, test.ref}]
			if verdict.Reason != crmv1.ReasonInvalid || len(verdict.Problems) == 0 {
				t.Fatalf("the verdict is %+v", verdict)
			}
			if p := verdict.Problems[0]; p.Path != test.path || !strings.HasPrefix(p.Message, test.message) {
				t.Errorf("%s: %s", p.Path, p.Message)
			}
		})
	}
}

func TestAnOptionMayGoWithStages(t *testing.T) {
	t.Parallel()
	const ends = "{key: won, kind: won}, {key: lost, kind: lost}]"
	const depends = "object: opportunity, type: picklist, dependsOn: stage, options: [{key: x, when: [first, won]}]"
	s := served(t, pipeline("sales", "stages: [{key: first}, "+ends)+field("a", depends))
	if f := mustField(t, s, "opportunity", "a"); f.DependsOn != "stage" {
		t.Errorf("it depends on %q", f.DependsOn)
	}

	// Who stood on the refused field is judged without it, the other pipeline goes on.
	result := on(t, s, pipeline("sales", "stages: [{key: second, gate: {required: [b]}}, "+ends)+field("a", depends)+
		field("b", "object: opportunity, type: picklist, dependsOn: stage, options: [{key: z, when: [third]}]"))
	result.says(t, Ref{KindField, "b"}, crmv1.ReasonInvalid, "spec.options[0].when[0]", `has no option "third"`)
	result.says(t, Ref{KindPipeline, "sales"}, crmv1.ReasonInvalid, "spec.stages[0].gate.required[0]", `no field "b"`)
	if options := mustField(t, result.Schema, "opportunity", "stage").Options; options[0].Key != "first" {
		t.Errorf("the stages are %+v", options)
	}
}

func TestThePatternOfANumberIsChecked(t *testing.T) {
	t.Parallel()
	for pattern, want := range map[string]string{
		"INV-{year}{month}{day}-{number:5}": "", "{number}": "", "INV-": "must hold {number} once", "{number}{number}": "must hold {number} once",
		"{nummer}": "{nummer} means nothing", "{number:0}": "from 1 to 18 digits", "{number:99}": "from 1 to 18 digits", "{year:2}-{number}": "{year:2} means nothing",
		"{number}}": "a brace without its partner", `a\{number}`: "must not hold a",
	} {
		verdict := Compile(read(t, field("a", "object: customer, type: auto_number, pattern: '"+pattern+"'"))).Verdicts[Ref{KindField, "a"}]
		switch {
		case want == "" && len(verdict.Problems) > 0:
			t.Errorf("%s is refused: %+v", pattern, verdict.Problems)
		case want != "" && (len(verdict.Problems) != 1 || verdict.Problems[0].Path != "spec.pattern" || !strings.Contains(verdict.Problems[0].Message, want)):
			t.Errorf("of %s it is said %+v", pattern, verdict.Problems)
		}
	}
	text := Compile(read(t, field("a", "object: customer, type: text, pattern: '{number}'"))).Verdicts[Ref{KindField, "a"}]
	if len(text.Problems) != 1 || text.Problems[0].Path != "spec.pattern" {
		t.Errorf("of a text with a pattern it is said %+v", text.Problems)
	}
}

func TestAGateThatCannotBeReadIsRefused(t *testing.T) {
	t.Parallel()
	documents := pipeline("sales", "stages: [{key: open, kind: open}, {key: won, kind: won, gate: {expression: amunt > 3}}, {key: lost, kind: lost}]")
	verdict := Compile(read(t, documents)).Verdicts[Ref{KindPipeline, "sales"}]
	if len(verdict.Problems) != 1 || verdict.Problems[0].Path != "spec.stages[1].gate.expression" || !strings.Contains(verdict.Problems[0].Message, `did you mean "amount"?`) {
		t.Errorf("the verdict is %+v", verdict)
	}
}

func TestAnInlineFieldSaysWhereItDoesNotFit(t *testing.T) {
	t.Parallel()
	result := Compile(read(t, object("fleet", "fields: [{key: plate, type: text}, {key: seats, type: integer, requiredWhen: plat != null}]")))
	verdict := result.Verdicts[Ref{KindObject, "fleet"}]
	if len(verdict.Problems) != 1 || verdict.Problems[0].Path != "spec.fields[1].requiredWhen" {
		t.Errorf("the verdict is %+v", verdict)
	}
}
