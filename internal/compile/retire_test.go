package compile

import (
	"fmt"
	"strings"
	"testing"

	crmv1 "github.com/kontor-crm/kontor/api/v1alpha1"
	"github.com/kontor-crm/kontor/internal/schema"
)

// keysOfOptions are the keys in order, with - before those that are declared as
// retired and -- before those that were removed.
func keysOfOptions(f *schema.Field) string {
	var keys []string
	for _, option := range f.Options {
		mark := map[schema.Retirement]string{schema.RetiredByDeclaration: "-", schema.RetiredByRemoval: "--"}[option.Retired]
		keys = append(keys, mark+option.Key)
	}
	return strings.Join(keys, " ")
}

func TestWhatIsTakenOutOfAPicklistIsRetiredUntilItIsPutBack(t *testing.T) {
	t.Parallel()
	documents := func(options string) string {
		return field("tier", "object: customer, type: picklist, options: ["+options+"]") +
			field("rank", "object: contact, type: multi_picklist, optionsFrom: {object: customer, field: tier}") +
			object("fleet", "fields: [{key: state, type: picklist, options: ["+options+"]}]")
	}
	expected := func(s *schema.Schema, want string) {
		t.Helper()
		for object, name := range map[string]string{"customer": "tier", "contact": "rank", "fleet": "state"} {
			if got := keysOfOptions(mustField(t, s, object, name)); got != want {
				t.Errorf("the options of %s are %s", name, got)
			}
		}
	}
	applied := served(t, documents("{key: iron}, {key: gold, label: {en: Gold}}, {key: tin, retired: true}"))
	expected(applied, "iron gold -tin")
	without := on(t, applied, documents("{key: new}, {key: iron}"))
	expected(without.Schema, "new iron --gold --tin")
	if label := mustField(t, without.Schema, "contact", "rank").Options[2].Label["en"]; label != "Gold" {
		t.Errorf("the removed option is called %q", label)
	}
	for ref, want := range map[Ref]string{{KindField, "tier"}: "[gold tin]", {KindField, "rank"}: "[]", {KindObject, "fleet"}: "[state.gold state.tin]"} {
		if got := fmt.Sprint(without.Verdicts[ref].Removed); got != want {
			t.Errorf("removed from %s are %s", ref, got)
		}
	}
	again := on(t, without.Schema, documents("{key: new}, {key: iron}"))
	if again.Schema.Digest() != without.Schema.Digest() {
		t.Error("the same documents give another schema")
	}
	back := on(t, without.Schema, documents("{key: iron}, {key: gold}, {key: tin}"))
	expected(back.Schema, "iron gold tin --new")
}

func TestAPicklistThatSharesItsOptionsKeepsThoseThatItHad(t *testing.T) {
	t.Parallel()
	set := field("tier", "object: customer, type: picklist, options: [{key: iron}, {key: gold}]")
	applied := served(t, set+field("rank", "object: contact, type: picklist, options: [{key: low}, {key: iron}]"))
	result := on(t, applied, set+field("rank", "object: contact, type: picklist, optionsFrom: {object: customer, field: tier}"))
	if got := keysOfOptions(mustField(t, result.Schema, "contact", "rank")); got != "iron gold --low" {
		t.Errorf("the options are %s", got)
	}
}

func TestAnOptionThatGoesWithARemovedOneStays(t *testing.T) {
	t.Parallel()
	city := field("city", "object: customer, type: picklist, dependsOn: land, options: [{key: berlin, when: [de]}, {key: paris, when: [fr]}]")
	applied := served(t, field("land", "object: customer, type: picklist, options: [{key: de}, {key: fr}]")+city)
	result := on(t, applied, field("land", "object: customer, type: picklist, options: [{key: de}]")+city)
	if verdict := result.Verdicts[Ref{KindField, "city"}]; len(verdict.Problems) > 0 {
		t.Errorf("the verdict is %+v", verdict)
	}
}

func TestTheDefaultIsNotTakenOut(t *testing.T) {
	t.Parallel()
	applied := served(t, field("tier", "object: customer, type: picklist, default: gold, options: [{key: iron}, {key: gold}]"))
	result := on(t, applied, field("tier", "object: customer, type: picklist, default: gold, options: [{key: iron}]"))
	if v := result.Verdicts[Ref{KindField, "tier"}]; !v.Kept || v.Problems[0].Path != "spec.default" {
		t.Errorf("the verdict is %+v", v)
	}
}

func TestWhatIsTakenOutOfAPipelineIsRetiredUntilItIsPutBack(t *testing.T) {
	t.Parallel()
	documents := func(name, more string) string {
		return pipeline(name, "stages: [{key: begun}, "+more+"{key: won, kind: won}, {key: lost, kind: lost}]")
	}
	applied := served(t, documents("sales", "{key: parked, probability: 30, allowedMoves: [begun], gate: {required: [amount], expression: 'amount > 0'}}, "))
	for _, name := range []string{"sales", "other"} { // another pipeline on the field takes over what is left of the one that was deleted
		without := on(t, applied, documents(name, ""))
		parked, ok := salesPipeline(t, without.Schema).Stage("parked")
		if !ok || parked.Retired != schema.RetiredByRemoval || parked.Probability != 30 || parked.AllowedMoves != nil || parked.Required != nil || parked.Gate != "" {
			t.Errorf("the stage is %+v", parked)
		}
		if got := keysOfOptions(mustField(t, without.Schema, "opportunity", "stage")); !strings.HasPrefix(got, "begun won lost --parked") {
			t.Errorf("the options are %s", got)
		}
		if got := fmt.Sprint(without.Verdicts[Ref{KindPipeline, name}].Removed); got != "[parked]" {
			t.Errorf("removed are %s", got)
		}
		back := on(t, without.Schema, documents(name, "{key: parked}, "))
		if parked, _ := salesPipeline(t, back.Schema).Stage("parked"); parked.Retired != "" {
			t.Errorf("the stage that was put back is %+v", parked)
		}
	}
}

func TestOptionsOfBeforeThePipelineAndStagesOfAPipelineThatMovedStayInTheField(t *testing.T) {
	t.Parallel()
	claim := object("claim", "fields: [{key: state, type: picklist, options: [{key: old}]}, {key: phase, type: picklist, options: [{key: any}]}]")
	state := func(s *schema.Schema) string { t.Helper(); return keysOfOptions(mustField(t, s, "claim", "state")) }
	applied := served(t, claim)
	staged := on(t, applied, claim+pipeline("claims", "object: claim, field: state, "+stages))
	if got := state(staged.Schema); got != "open won lost --old" {
		t.Errorf("with a pipeline the options are %s", got)
	}
	moved := on(t, staged.Schema, claim+pipeline("claims", "object: claim, field: phase, "+stages))
	if got := state(moved.Schema); got != "old --open --won --lost" {
		t.Errorf("without one they are %s", got)
	}
}

func TestMoreOptionsAndStagesThanThereCanBeAreNotKept(t *testing.T) {
	t.Parallel()
	keys := func(prefix string, count int) string {
		var all strings.Builder
		for i := range count {
			fmt.Fprintf(&all, "{key: %s%d}, ", prefix, i)
		}
		return all.String()
	}
	documents := func(prefix string) string {
		return field("tier", "object: customer, type: picklist, options: ["+keys(prefix, 160)+"]") +
			object("fleet", "fields: [{key: state, type: picklist, options: ["+keys(prefix, 160)+"]}]") +
			pipeline("sales", "stages: ["+keys(prefix, 45)+"{key: won, kind: won}, {key: lost, kind: lost}]")
	}
	result := on(t, served(t, documents("a")), documents("b"))
	for ref, path := range map[Ref]string{{KindField, "tier"}: "spec.options", {KindObject, "fleet"}: "spec.fields[0].options", {KindPipeline, "sales"}: "spec.stages"} {
		v := result.Verdicts[ref]
		if !v.Kept || v.Reason != crmv1.ReasonInvalid || v.Problems[0].Path != path || !strings.Contains(v.Problems[0].Message, "were taken out and are kept") {
			t.Errorf("the verdict of %s is %+v", ref, v)
		}
	}
}
