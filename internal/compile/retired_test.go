package compile

import (
	"slices"
	"strings"
	"testing"
	"time"

	crmv1 "github.com/kontor-crm/kontor/api/v1alpha1"
	"github.com/kontor-crm/kontor/internal/schema"
)

// keptIn names all that is kept of what was deleted, in order.
func keptIn(s *schema.Schema) string {
	var names []string
	for _, kept := range Kept(s) {
		names = append(names, kept.Name+" ("+kept.Source+")")
	}
	return strings.Join(names, ", ")
}

func TestWhatWasDeletedIsRetired(t *testing.T) {
	t.Parallel()
	fleet := "fields: [{key: plate, type: text}, {key: seats, type: integer}]"
	documents := object("fleet", fleet) + field("tier", "object: fleet, type: text") + field("rank", "object: customer, type: text")
	applied := served(t, documents)
	for _, test := range []struct{ without, want string }{
		{"", "fleet (CustomObject fleet), customer.rank (CustomField rank), fleet.tier (CustomField tier)"},
		{object("fleet", "fields: [{key: seats, type: integer}]"), "customer.rank (CustomField rank), fleet.plate (CustomObject fleet), fleet.tier (CustomField tier)"},
	} {
		result := on(t, applied, test.without)
		if got := keptIn(result.Schema); got != test.want || len(result.Retained) > 0 {
			t.Errorf("kept are %s, and in the schema stay %v", got, result.Retained)
		}
		if hasField(result.Schema, "customer", "rank") || hasField(result.Schema, "fleet", "plate") {
			t.Error("it is still in the schema")
		}
		if back := on(t, reload(t, result.Schema), documents); back.Schema.Digest() != applied.Digest() {
			t.Errorf("put back, it is another schema: kept are %s", keptIn(back.Schema))
		}
	}
}

func TestWhatComesBackWithoutAFieldKeepsThatRetired(t *testing.T) {
	t.Parallel()
	applied := served(t, object("fleet", "fields: [{key: plate, type: text}, {key: seats, type: integer}]")+field("tier", "object: fleet, type: text"))
	gone := at(t, renamedAt, applied, "")
	back := at(t, renamedAt.Add(time.Hour), reload(t, gone.Schema), object("fleet", "fields: [{key: seats, type: integer}]"))
	if got := keptIn(back.Schema); got != "fleet.plate (CustomObject fleet), fleet.tier (CustomField tier)" {
		t.Errorf("kept are %s", got)
	}
	for _, kept := range Kept(back.Schema) {
		if !kept.Since.Equal(renamedAt) {
			t.Errorf("%s is kept since %s", kept.Name, kept.Since)
		}
	}
}

func TestTheNameOfARetiredFieldIsFreeAndItsColumnIsNot(t *testing.T) {
	t.Parallel()
	tier := field("tier", "object: customer, type: relation, target: contact")
	gone := reload(t, on(t, served(t, tier), "").Schema)
	result := on(t, gone, field("level", "object: customer, name: tier, type: text"))
	result.isFine(t, Ref{KindField, "level"})
	if f := mustField(t, result.Schema, "customer", "tier"); f.Identity != "level" || keptIn(result.Schema) != "customer.tier (CustomField tier)" {
		t.Errorf("the field is %+v, and kept are %s", f, keptIn(result.Schema))
	}
	back := on(t, reload(t, result.Schema), field("level", "object: customer, name: tier, type: text")+tier)
	back.says(t, Ref{KindField, "tier"}, crmv1.ReasonNameConflict, "metadata.name", `"tier" is the API name of CustomField level`)
	on(t, gone, object("fleet", "name: car")+field("tier", "object: fleet, type: text")).isFine(t, Ref{KindField, "tier"})
	on(t, gone, field("tier-id", "object: customer, type: text")).isFine(t, Ref{KindField, "tier-id"})

	inline := served(t, object("fleet", "fields: [{key: tier, type: relation, target: contact}]"))
	taken := on(t, reload(t, on(t, inline, object("fleet", "fields: [{key: plate, type: text}]")).Schema), object("fleet", "fields: [{key: plate, type: text}, {key: tier_id, type: text}]"))
	taken.says(t, Ref{KindObject, "fleet"}, crmv1.ReasonNameConflict, "spec.fields[1].key", `the column "x_tier_id" belongs to the retired field tier`)
}

func TestAFieldMayMoveBetweenTheResourcesOfItsObject(t *testing.T) {
	t.Parallel()
	custom, inline := object("fleet", "fields: [{key: plate, type: text}]")+field("tier", "object: fleet, type: text"), object("fleet", "fields: [{key: plate, type: text}, {key: tier, type: text}]")
	for before, after := range map[string]string{custom: inline, inline: custom} {
		applied := served(t, before)
		result := on(t, applied, after)
		result.isFine(t, Ref{KindObject, "fleet"})
		if got := keptIn(result.Schema); got != "" || mustField(t, result.Schema, "fleet", "tier").Column != "x_tier" {
			t.Errorf("kept are %s", got)
		}
	}
}

func TestAModuleThatIsTurnedOffIsRetired(t *testing.T) {
	t.Parallel()
	for _, module := range Modules {
		before := read(t, "")
		before.Tenant.Spec.Modules = nil
		for _, each := range Modules {
			before.Tenant.Spec.Modules = append(before.Tenant.Spec.Modules, crmv1.Module(each))
		}
		in := before
		in.Applied = mustCompile(t, before).Schema
		in.Tenant = before.Tenant.DeepCopy()
		in.Tenant.Spec.Modules = slices.DeleteFunc(in.Tenant.Spec.Modules, func(m crmv1.Module) bool { return string(m) == module })
		result := mustCompile(t, in)
		if slices.ContainsFunc(result.Schema.Objects, func(o *schema.Object) bool { return o.Module == module }) || len(result.Retained) > 0 {
			t.Errorf("without %s, retained are %q", module, result.Retained)
		}
		checkNothingLost(t, "without "+module, in.Applied, result.Schema)
		fresh := read(t, "")
		fresh.Tenant = in.Tenant
		for _, o := range mustCompile(t, fresh).Schema.Objects {
			now, _ := result.Schema.ObjectByIdentity(o.Identity)
			if now == nil || len(now.Fields) != len(o.Fields) {
				t.Errorf("without %s, %s has other fields than in a tenant that never had it", module, o.Identity)
			}
		}
		in.Applied = reload(t, result.Schema)
		if still := mustCompile(t, in); still.Schema.Digest() != result.Schema.Digest() {
			t.Errorf("without %s, the second time it is another schema", module)
		}
		whole := before
		whole.Applied = in.Applied
		if again := mustCompile(t, whole); len(again.Retained) > 0 || again.Schema.Digest() != mustCompile(t, before).Schema.Digest() {
			t.Errorf("with %s again it is another schema; kept are %s", module, keptIn(again.Schema))
		}
	}
}

func TestAModuleThatIsTurnedOffStaysWhileAResourceNeedsIt(t *testing.T) {
	t.Parallel()
	tier := field("tier", "object: opportunity, type: text")
	in := read(t, tier)
	in.Applied = served(t, tier)
	in.Tenant.Spec.Modules = []crmv1.Module{crmv1.ModuleMarketing}
	result := mustCompile(t, in)
	if !slices.Equal(result.Retained, []string{"Module sales"}) || result.InUse[0].By[0] != "CustomField tier" || !result.Schema.Retired.IsEmpty() {
		t.Errorf("retained are %v, in use %v, kept %s", result.Retained, result.InUse, keptIn(result.Schema))
	}
	in.Fields, in.Applied = nil, reload(t, result.Schema)
	if result = mustCompile(t, in); len(result.Retained) > 0 || !strings.Contains(keptIn(result.Schema), "opportunity.tier (CustomField tier)") {
		t.Errorf("without it, retained are %v, kept %s", result.Retained, keptIn(result.Schema))
	}
}

func TestADeletedThingLeavesWithTheLastThatNeedsIt(t *testing.T) {
	t.Parallel()
	fleet := object("fleet", "fields: [{key: plate, type: text}]")
	drives := field("drives", "object: customer, type: relation, target: fleet")
	tiered := rule("r", "object: customer, expression: drives != null")
	applied := served(t, fleet+drives+tiered)
	result := on(t, applied, tiered)
	if got := strings.Join(result.Retained, ", "); got != "CustomField drives, CustomObject fleet" {
		t.Errorf("what is needed through what is needed does not stay: %s", got)
	}
	if len(result.InUse) != 2 || result.InUse[1].By[0] != "CustomField drives" {
		t.Errorf("in use are %+v", result.InUse)
	}
	result = on(t, reload(t, result.Schema), "")
	if got := keptIn(result.Schema); got != "fleet (CustomObject fleet), customer.drives (CustomField drives)" {
		t.Errorf("kept are %s, retained %v", got, result.Retained)
	}
}

func TestADeletedThingThatIsHeldStays(t *testing.T) {
	t.Parallel()
	in := read(t, "")
	in.Applied = served(t, field("tier", "object: customer, type: text"))
	in.Held = map[Ref]string{{KindField, "tier"}: "it waits"}
	if result := Compile(in); !slices.Equal(result.Retained, []string{"CustomField tier"}) || result.Schema.Digest() != in.Applied.Digest() {
		t.Errorf("retained are %v", result.Retained)
	}
}

func TestADeletedPipelineLeavesItsStagesInTheField(t *testing.T) {
	t.Parallel()
	claim := object("claim", "fields: [{key: state, type: picklist, options: [{key: any}]}]")
	applied := served(t, claim+pipeline("claims", "object: claim, field: state, "+stages)+pipeline("sales", "stages: [{key: mine}, {key: won, kind: won}, {key: lost, kind: lost}]"))
	result := on(t, applied, claim)
	if got := keysOfOptions(mustField(t, result.Schema, "claim", "state")); got != "any --open --won --lost" {
		t.Errorf("the options are %s", got)
	}
	if p := salesPipeline(t, result.Schema); p.Source != "standard" || p.Stages[len(p.Stages)-1].Key != "mine" || p.Stages[len(p.Stages)-1].Retired != schema.RetiredByRemoval {
		t.Errorf("the pipeline is %+v", p)
	}
}

func TestWhatIsNotKeptAnyMoreIsForgotten(t *testing.T) {
	t.Parallel()
	documents := object("fleet", "fields: [{key: plate, type: text}]") + field("tier", "object: fleet, type: text") +
		field("rank", "object: customer, type: picklist, options: [{key: gold}, {key: tin}]") + field("size", "object: customer, type: integer")
	rank := field("rank", "object: customer, type: picklist, options: [{key: tin}]")
	gone := at(t, renamedAt, served(t, documents), rank)
	if got := keptIn(gone.Schema); got != "fleet (CustomObject fleet), customer.size (CustomField size), fleet.tier (CustomField tier), customer.rank: gold (CustomField rank)" {
		t.Errorf("kept are %s", got)
	}
	in := read(t, rank)
	in.Applied, in.Now, in.Purge = reload(t, gone.Schema), renamedAt.Add(time.Hour), map[Retired]bool{}
	for _, kept := range Kept(gone.Schema) {
		if !kept.Since.Equal(renamedAt) {
			t.Errorf("%s is kept since %s", kept.Name, kept.Since)
		}
		if kept.Field != "tier" { // which goes with its object
			in.Purge[kept.Retired] = true
		}
	}
	result := mustCompile(t, in)
	if got := keptIn(result.Schema); got != "" || keysOfOptions(mustField(t, result.Schema, "customer", "rank")) != "tin" {
		t.Errorf("kept are %s", got)
	}
}

func TestAPicklistThatComesBackHasTheOptionsThatItHad(t *testing.T) {
	t.Parallel()
	gone := on(t, served(t, field("rank", "object: customer, type: picklist, options: [{key: gold}, {key: tin}]")), "")
	result := on(t, reload(t, gone.Schema), field("rank", "object: customer, type: picklist, options: [{key: tin}]"))
	if got := keysOfOptions(mustField(t, result.Schema, "customer", "rank")); got != "tin --gold" {
		t.Errorf("the options are %s", got)
	}
}

func TestWhatIsComputedAndWhatIsStoredDoNotFollowEachOtherOverARetirement(t *testing.T) {
	t.Parallel()
	gone := on(t, served(t, field("f", "object: customer, type: text")), "")
	result := on(t, reload(t, gone.Schema), field("f", "object: customer, type: formula, formula: {expression: name, returns: text}"))
	result.says(t, Ref{KindField, "f"}, crmv1.ReasonInvalid, "spec.type", "cannot become a formula")
	if keptIn(result.Schema) != "customer.f (CustomField f)" {
		t.Errorf("kept are %s", keptIn(result.Schema))
	}
}

func TestACustomObjectDoesNotTakeThePlaceOfARetiredStandardOne(t *testing.T) {
	t.Parallel()
	in := read(t, object("opportunity", "name: chance"))
	in.Applied = served(t, "")
	in.Tenant.Spec.Modules = []crmv1.Module{crmv1.ModuleMarketing}
	result := mustCompile(t, in)
	if v := result.Verdicts[Ref{KindObject, "opportunity"}]; v.Reason != crmv1.ReasonNameConflict {
		t.Errorf("the verdict is %+v", v)
	}
	checkNothingLost(t, "without sales", in.Applied, result.Schema)
}
