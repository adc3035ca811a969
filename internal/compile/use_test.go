package compile

import (
	"strings"
	"testing"

	crmv1 "github.com/kontor-crm/kontor/api/v1alpha1"
)

// readers are all that may read the field tier of opportunity.
const readers = `kind: ValidationRule
metadata: {name: tiered}
spec: {object: opportunity, expression: tier != null, field: tier, message: {en: "No"}}
---
kind: Pipeline
metadata: {name: sales}
spec:
  stages: [{key: open}, {key: won, kind: won, gate: {expression: tier != null}}, {key: lost, kind: lost}]
---
kind: CustomField
metadata: {name: why}
spec: {object: opportunity, type: text, requiredWhen: "tier == 'a'", readOnlyWhen: "tier == 'b'", visibleWhen: tier != null}
---
kind: CustomField
metadata: {name: copy}
spec: {object: opportunity, type: text, defaultExpression: tier + '!'}
---
kind: CustomField
metadata: {name: shown}
spec: {object: opportunity, type: formula, formula: {expression: tier + name, returns: text}}
---
`

// atOnce is a Tenant whose former names are not answered.
const atOnce = "kind: Tenant\nmetadata: {name: acme}\nspec: {modules: [sales, marketing], currency: USD, changePolicy: {renameGrace: 0s}}\n---\n"

const tier = "kind: CustomField\nmetadata: {name: tier}\nspec: {object: opportunity, type: text}\n---\n"

func TestAFieldThatOthersReadKeepsItsName(t *testing.T) {
	t.Parallel()
	applied := served(t, tier+readers)
	renamed := strings.Replace(tier, "type: text", "type: text, name: level", 1)
	result := on(t, reload(t, applied), atOnce+renamed+readers)
	ref := Ref{KindField, "tier"}
	for _, reader := range []string{
		"ValidationRule tiered reads it", `the gate of the stage "won" of Pipeline sales reads it`, `requiredWhen of "why" of opportunity reads it`,
		`readOnlyWhen of "why" of opportunity reads it`, `visibleWhen of "why" of opportunity reads it`,
		`defaultExpression of "copy" of opportunity reads it`, `"shown" of opportunity is computed from it`,
	} {
		result.says(t, ref, crmv1.ReasonInUse, "spec.name", reader)
	}
	if verdict := result.Verdicts[ref]; !verdict.Kept || len(verdict.Problems) != 7 {
		t.Errorf("the verdict is %+v", verdict)
	}
	for other := range result.Verdicts {
		if other != ref {
			result.isFine(t, other)
		}
	}
	if result.Schema.Digest() != applied.Digest() {
		t.Error("the schema is not the applied one")
	}
}

func TestAFieldIsRenamedTogetherWithAllThatReadIt(t *testing.T) {
	t.Parallel()
	applied := served(t, tier+readers)
	result := on(t, applied, atOnce+strings.Replace(tier, "type: text", "type: text, name: level", 1)+strings.ReplaceAll(readers, "tier ", "level "))
	for ref := range result.Verdicts {
		result.isFine(t, ref)
	}
	mustField(t, result.Schema, "opportunity", "level")
	if f := mustField(t, result.Schema, "opportunity", "why"); f.RequiredWhen != "level == 'a'" {
		t.Errorf("the condition is %q", f.RequiredWhen)
	}
	if p := salesPipeline(t, result.Schema); p.Stages[1].Gate != "level != null" {
		t.Errorf("the gate is %q", p.Stages[1].Gate)
	}
}

func TestWhoReadsAFieldAndIsWrongItselfGoesOnInItsAppliedForm(t *testing.T) {
	t.Parallel()
	docs := tier + rule("r", "object: opportunity, expression: tier != null")
	applied := served(t, docs)
	result := on(t, applied, atOnce+strings.Replace(docs, "type: text", "type: text, name: level", 1))
	result.says(t, Ref{KindField, "tier"}, crmv1.ReasonInUse, "spec.name", "ValidationRule r reads it")
	result = on(t, applied, atOnce+strings.Replace(tier, "type: text", "type: text, name: level", 1)+rule("r", "object: opportunity, expression: levl != null"))
	result.says(t, Ref{KindField, "tier"}, crmv1.ReasonInUse, "spec.name", "ValidationRule r reads it")
	result.says(t, Ref{KindRule, "r"}, crmv1.ReasonInvalid, "spec.expression", `no field "levl"`)
	if !result.Verdicts[Ref{KindRule, "r"}].Kept || result.Schema.Digest() != applied.Digest() {
		t.Errorf("the schema is not the applied one: %+v", result.Verdicts)
	}
}

func TestAFieldThatOthersReadKeepsAKindThatTheyCanRead(t *testing.T) {
	t.Parallel()
	docs := tier + rule("r", "object: opportunity, expression: tier.startsWith('a')") + objectIndex("x", "object: opportunity, fields: [{field: tier}]")
	applied := served(t, docs)
	result := on(t, applied, atOnce+strings.Replace(docs, "type: text", "type: integer", 1))
	result.says(t, Ref{KindField, "tier"}, crmv1.ReasonInUse, "spec.type", "ValidationRule r reads it")
	result = on(t, applied, atOnce+strings.Replace(docs, "type: text", "type: long_text", 1))
	result.says(t, Ref{KindField, "tier"}, crmv1.ReasonInUse, "spec.type", "ObjectIndex x reads it, and could not any more: \"tier\" is of the type long_text, which has no order")
	if result.Schema.Digest() != applied.Digest() {
		t.Error("the schema is not the applied one")
	}
}

func TestAFieldWhosePartsOthersReadKeepsItsName(t *testing.T) {
	t.Parallel()
	docs := field("seat", "object: customer, type: address") + field("cost", "object: customer, type: money") +
		rule("a", "object: customer, expression: seat.city != null") + rule("b", "object: opportunity, expression: customer.cost_base > 3")
	applied := served(t, docs)
	result := on(t, applied, atOnce+strings.ReplaceAll(strings.Replace(docs, "type: address", "type: address, name: place", 1), "type: money", "type: money, name: price"))
	result.says(t, Ref{KindField, "seat"}, crmv1.ReasonInUse, "spec.name", "ValidationRule a reads it")
	result.says(t, Ref{KindField, "cost"}, crmv1.ReasonInUse, "spec.name", "ValidationRule b reads it")
}

func TestAnInlineFieldThatOthersReadKeepsItsName(t *testing.T) {
	t.Parallel()
	docs := object("fleet", "fields: [{key: plate, type: text}, {key: seats, type: integer}]") + rule("r", "object: fleet, expression: plate != null")
	applied := served(t, docs)
	result := on(t, applied, atOnce+strings.Replace(docs, "key: plate", "key: plate, name: sign", 1))
	result.says(t, Ref{KindObject, "fleet"}, crmv1.ReasonInUse, "spec.fields[0].name", "ValidationRule r reads it")
	result.isFine(t, Ref{KindRule, "r"})
}

func TestAConditionOfADeletedFieldAsksNothingOfOthers(t *testing.T) {
	t.Parallel()
	applied := served(t, tier+field("why", "object: opportunity, type: text, requiredWhen: tier != null"))
	result := on(t, applied, atOnce+strings.Replace(tier, "type: text", "type: text, name: level", 1))
	result.isFine(t, Ref{KindField, "tier"})
	if hasField(result.Schema, "opportunity", "why") {
		t.Error("the deleted field is there")
	}
}

func TestADeletedPipelineReadsNothingAnyMore(t *testing.T) {
	t.Parallel()
	gated := pipeline("sales", "stages: [{key: open}, {key: won, kind: won, gate: {expression: tier != null}}, {key: lost, kind: lost}]")
	applied := served(t, tier+gated)
	renamed := strings.Replace(tier, "type: text", "type: text, name: level", 1)
	result := on(t, reload(t, applied), atOnce+renamed)
	result.isFine(t, Ref{KindField, "tier"})
	result = on(t, reload(t, applied), atOnce+renamed+pipeline("retail", stages))
	result.isFine(t, Ref{KindField, "tier"})
}
