package compile

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestEverythingThatMentionsAFieldIsKnown(t *testing.T) {
	t.Parallel()
	s := served(t, tier+readers+
		object("fleet", "titleField: plate, fields: [{key: plate, type: text}, {key: deal, type: relation, target: opportunity, inverse: fleets}]")+
		objectIndex("tiers", "object: opportunity, fields: [{field: tier}]")+
		field("fleet-tier", "object: fleet, type: formula, formula: {expression: deal.tier, returns: text}")+
		field("first", "object: opportunity, type: rollup, rollup: {inverse: fleets, function: count, filter: 'deal.tier != null'}")+
		field("color", "object: customer, type: picklist, options: [{key: red}]")+
		field("shade", "object: customer, type: picklist, dependsOn: color, optionsFrom: {object: customer, field: color}"))
	var got []string
	for _, d := range Dependencies(s) {
		if d.By == "standard" {
			continue
		}
		if d.On == "CustomField tier" || d.On == "CustomField color" || strings.HasPrefix(d.On, "CustomObject") {
			got = append(got, fmt.Sprintf("%s: %s needs %s.%s", d.By, d.How, d.Object, d.Field))
		}
	}
	want := []string{
		`CustomField copy: defaultExpression of "copy" of opportunity needs opportunity.tier`,
		`CustomField first: rollup "first" of opportunity needs fleet.deal`,
		`CustomField first: rollup "first" of opportunity needs opportunity.tier`,
		`CustomField fleet-tier: field "fleet_tier" of fleet needs fleet.`,
		`CustomField fleet-tier: formula "fleet_tier" of fleet needs fleet.deal`,
		`CustomField fleet-tier: formula "fleet_tier" of fleet needs opportunity.tier`,
		`CustomField shade: dependsOn of "shade" of customer needs customer.color`,
		`CustomField shade: optionsFrom of "shade" of customer needs customer.color`,
		`CustomField shown: formula "shown" of opportunity needs opportunity.tier`,
		`CustomField why: readOnlyWhen of "why" of opportunity needs opportunity.tier`,
		`CustomField why: requiredWhen of "why" of opportunity needs opportunity.tier`,
		`CustomField why: visibleWhen of "why" of opportunity needs opportunity.tier`,
		`ObjectIndex tiers: index needs opportunity.tier`,
		`Pipeline sales: gate of the stage "won" needs opportunity.tier`,
		`ValidationRule tiered: expression needs opportunity.tier`,
		`ValidationRule tiered: place of the message needs opportunity.tier`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("the dependencies are\n%s", strings.Join(got, "\n"))
	}
}

func TestWhatWasDeletedAndIsNeededIsToldWithThoseWhoNeedIt(t *testing.T) {
	t.Parallel()
	result := on(t, served(t, tier+readers), readers)
	if len(result.InUse) != 1 || result.InUse[0].What != "CustomField tier" {
		t.Fatalf("in use are %+v", result.InUse)
	}
	want := "CustomField copy, CustomField shown, CustomField why, Pipeline sales, ValidationRule tiered"
	if got := strings.Join(result.InUse[0].By, ", "); got != want {
		t.Errorf("it is needed by %s", got)
	}
	for ref, verdict := range result.Verdicts {
		if got, want := strings.Join(verdict.Deleted, ","), map[bool]string{true: "", false: "CustomField tier"}[ref.Kind == KindTenant]; got != want {
			t.Errorf("%s needs %q", ref, got)
		}
	}
	if result = on(t, served(t, tier+readers), ""); len(result.InUse) > 0 {
		t.Errorf("with those who needed it deleted too, in use are %+v", result.InUse)
	}
	fleet := object("fleet", "fields: [{key: plate, type: text}, {key: seats, type: integer}]")
	gone := on(t, served(t, fleet+rule("r", "object: fleet, expression: seats != 1")), object("fleet", "fields: [{key: plate, type: text}]")+rule("r", "object: fleet, expression: seats != 1"))
	if len(gone.InUse) != 1 || gone.InUse[0].What != "CustomObject fleet.seats" || gone.InUse[0].By[0] != "ValidationRule r" {
		t.Errorf("in use are %+v", gone.InUse)
	}
	gone = on(t, served(t, fleet+rule("r", "object: fleet, expression: seats != 1")), rule("r", "object: fleet, expression: seats != 1"))
	if len(gone.InUse) != 1 || gone.InUse[0].What != "CustomObject fleet" {
		t.Errorf("in use are %+v", gone.InUse)
	}
}

func TestWhoSaysAFormerNameIsToldSo(t *testing.T) {
	t.Parallel()
	result := at(t, renamedAt, served(t, tier+readers), level(tier+readers))
	if got := result.Verdicts[Ref{KindRule, "tiered"}].Former; !slices.Equal(got, []string{`"tier" for opportunity.level`}) {
		t.Errorf("it says %v", got)
	}
	if got := result.Verdicts[Ref{KindField, "tier"}].Former; len(got) > 0 {
		t.Errorf("the field itself says %v", got)
	}
}
