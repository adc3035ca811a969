package compile

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kontor-crm/kontor/internal/schema"
)

var renamedAt = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// at compiles documents over an applied schema at a moment.
func at(t *testing.T, now time.Time, applied *schema.Schema, documents string) Result {
	t.Helper()
	in := read(t, documents)
	in.Applied, in.Now = reload(t, applied), now
	return Compile(in)
}

// level are documents in which the field tier is called level.
func level(documents string) string {
	return strings.Replace(documents, "object: opportunity, type: text", "object: opportunity, type: text, name: level", 1)
}

func formerNames(names []schema.FormerName) string {
	var all []string
	for _, name := range names {
		all = append(all, name.Name)
	}
	return strings.Join(all, ",")
}

func TestARenamedFieldIsFoundByBothNamesUntilItsTimeIsOver(t *testing.T) {
	t.Parallel()
	result := at(t, renamedAt, served(t, tier), level(tier))
	f := mustField(t, result.Schema, "opportunity", "level")
	if mustField(t, result.Schema, "opportunity", "tier") != f || len(f.Former) != 1 {
		t.Fatalf("the former names are %v", f.Former)
	}
	if want := (schema.FormerName{Name: "tier", Since: renamedAt, Until: renamedAt.Add(720 * time.Hour)}); f.Former[0] != want {
		t.Errorf("the former name is %v", f.Former[0])
	}
	first := result.Schema
	for _, later := range []time.Duration{time.Second, 100 * time.Hour, 720*time.Hour - time.Second} {
		result = at(t, renamedAt.Add(later), first, level(tier))
		if !slices.Equal(mustField(t, result.Schema, "opportunity", "level").Former, f.Former) || result.Schema.Digest() != first.Digest() {
			t.Errorf("%s later the schema is another one", later)
		}
	}
	result = at(t, renamedAt.Add(720*time.Hour), first, level(tier))
	if hasField(result.Schema, "opportunity", "tier") || result.Schema.Digest() == first.Digest() {
		t.Error("the former name is still answered when its time is over")
	}
}

func TestARenameThatWaitsIsTheSameWheneverItIsLookedAt(t *testing.T) {
	t.Parallel()
	applied := served(t, tier)
	first, second := at(t, renamedAt, applied, level(tier)), at(t, renamedAt.Add(time.Hour), applied, level(tier))
	if first.Schema.Digest() != second.Schema.Digest() {
		t.Error("the digest depends on when one looks")
	}
	if first.Schema.Digest() == applied.Digest() {
		t.Error("a rename is no change")
	}
}

func TestAnObjectIsFoundByBothNames(t *testing.T) {
	t.Parallel()
	before := object("fleet", "fields: [{key: plate, type: text}]")
	result := at(t, renamedAt, served(t, before), object("fleet", "name: car_pool, fields: [{key: plate, type: text, name: sign}]"))
	o, ok := result.Schema.Object("car_pool")
	former, also := result.Schema.Object("fleet")
	if !ok || !also || former != o || formerNames(o.Former) != "fleet" {
		t.Fatalf("the object is %v", o)
	}
	mustField(t, result.Schema, "fleet", "plate")
	mustField(t, result.Schema, "car_pool", "sign")
}

func TestAllThatAFieldWasCalledIsRememberedAndItsPartsGoWithIt(t *testing.T) {
	t.Parallel()
	docs := field("seat", "object: customer, type: address") + field("cost", "object: customer, type: money")
	called := func(seat, cost string) string {
		return strings.ReplaceAll(strings.Replace(docs, "type: address", "type: address, name: "+seat, 1), "type: money", "type: money, name: "+cost)
	}
	result := at(t, renamedAt, served(t, docs), called("place", "price"))
	result = at(t, renamedAt.Add(time.Hour), result.Schema, called("site", "fee"))
	for _, name := range []string{"seat", "place.city", "site.city", "cost", "price", "cost_base", "price_base", "fee_base"} {
		mustField(t, result.Schema, "customer", name)
	}
	if f := mustField(t, result.Schema, "customer", "site"); formerNames(f.Former) != "seat,place" {
		t.Errorf("the former names are %v", f.Former)
	}
	result = at(t, renamedAt.Add(2*time.Hour), result.Schema, docs)
	if f := mustField(t, result.Schema, "customer", "seat"); formerNames(f.Former) != "place,site" {
		t.Errorf("called as at first, the former names are %v", f.Former)
	}
}

func TestANameThatAnotherTakesIsNobodysFormerOne(t *testing.T) {
	t.Parallel()
	result := at(t, renamedAt, served(t, tier), level(tier))
	result = at(t, renamedAt.Add(time.Hour), result.Schema, level(tier)+field("other", "object: opportunity, type: integer, name: tier"))
	if f := mustField(t, result.Schema, "opportunity", "tier"); f.Identity != "other" {
		t.Errorf("the name leads to %q", f.Identity)
	}
	if f := mustField(t, result.Schema, "opportunity", "level"); len(f.Former) > 0 {
		t.Errorf("the former names are %v", f.Former)
	}
	two := field("a", "object: customer, type: text, name: u") + field("b", "object: customer, type: text, name: v")
	swapped := field("a", "object: customer, type: text, name: v") + field("b", "object: customer, type: text, name: u")
	result = at(t, renamedAt, served(t, two), swapped)
	if a, b := mustField(t, result.Schema, "customer", "v"), mustField(t, result.Schema, "customer", "u"); a.Identity != "a" || len(a.Former)+len(b.Former) > 0 {
		t.Errorf("swapped, v is %q, and the former names are %v and %v", a.Identity, a.Former, b.Former)
	}
}

func TestWhoReadsARenamedFieldMaySayItsFormerNameAndKeepsIt(t *testing.T) {
	t.Parallel()
	result := at(t, renamedAt, served(t, tier+readers), level(tier+readers))
	for ref := range result.Verdicts {
		result.isFine(t, ref)
	}
	fresh := rule("fresh", "object: opportunity, expression: tier != 'x'")
	if result = at(t, renamedAt.Add(time.Hour), result.Schema, level(tier+readers)+fresh); len(result.Schema.Rules) == 0 {
		t.Fatal("there is no rule")
	}
	result.isFine(t, Ref{KindRule, "fresh"})
	// Time goes by, and nobody has changed anything: nothing falls apart.
	later := at(t, renamedAt.Add(10000*time.Hour), result.Schema, level(tier+readers)+fresh)
	for ref := range later.Verdicts {
		later.isFine(t, ref)
	}
	if later.Schema.Digest() != result.Schema.Digest() {
		t.Error("the schema is another one, though expressions say the former name")
	}
	settled := at(t, renamedAt.Add(10001*time.Hour), later.Schema, level(tier)+strings.ReplaceAll(readers, "tier ", "level "))
	if hasField(settled.Schema, "opportunity", "tier") {
		t.Error("the former name stays when nobody says it any more")
	}
	for ref := range settled.Verdicts {
		settled.isFine(t, ref)
	}
}
