package compile

import (
	"fmt"
	"strings"
	"testing"

	"github.com/kontor-crm/kontor/internal/expr"
	"github.com/kontor-crm/kontor/internal/schema"
)

// rottingOf is the formula by which an object's records rot; it must be one that can be computed.
func rottingOf(t *testing.T, s *schema.Schema, object, name string) string {
	t.Helper()
	f := mustField(t, s, object, name)
	o, _ := s.Object(object)
	if _, err := expr.CompileComputed(s, o, f); err != nil {
		t.Errorf("%s cannot be computed: %v", f.Formula.Expression, err)
	}
	for _, problem := range schema.CheckField(f) {
		t.Errorf("%s: %s", problem.Path, problem.Message)
	}
	return f.Formula.Expression
}

func TestRecordsRotAsThePipelineInPlaySays(t *testing.T) {
	t.Parallel()
	const ends = "{key: won, kind: won, rottingDays: 1}, {key: lost, kind: lost}]"
	for what, c := range map[string]struct{ documents, want string }{
		"the standard one": {
			"", `now() - entered_stage_at >= days(stage in ["prospecting", "qualification", "needs_analysis", "proposal", "negotiation"] ? 30 : null)`,
		},
		"a tenant's own": {
			pipeline("sales", "stages: [{key: a, rottingDays: 9}, {key: b, rottingDays: 3}, {key: c}, {key: d, rottingDays: 9}, "+ends),
			`now() - entered_stage_at >= days(stage in ["b"] ? 3 : stage in ["a", "d"] ? 9 : null)`,
		},
		"one in which nothing rots": {pipeline("sales", "stages: [{key: a}, "+ends), "false"},
		"one on a field of the tenant": {
			pipeline("other", "field: way, stages: [{key: a, rottingDays: 9}, "+ends) + field("way", "object: opportunity, type: picklist, options: [{key: x, label: {en: X}}]") +
				pipeline("sales", "stages: [{key: a}, "+ends),
			"false",
		},
	} {
		if got := rottingOf(t, served(t, c.documents), "opportunity", "is_rotting"); got != c.want {
			t.Errorf("%s: %s", what, got)
		}
	}
}

func TestTheLongestPipelineRotsToo(t *testing.T) {
	t.Parallel()
	stages := make([]string, 0, MaxStages)
	for i := range MaxStages - 2 {
		stages = append(stages, fmt.Sprintf("{key: s%02d%s, rottingDays: %d}", i, strings.Repeat("x", schema.MaxNameLength-3), 1000+i))
	}
	s := served(t, pipeline("sales", "stages: ["+strings.Join(stages, ", ")+", {key: won, kind: won}, {key: lost, kind: lost}]"))
	if got := rottingOf(t, s, "opportunity", "is_rotting"); !strings.Contains(got, "? 1047 :") {
		t.Errorf("it rots by %s", got)
	}
}

func TestATenantsOwnFieldOfTheNameStays(t *testing.T) {
	t.Parallel()
	held := field("is-rotting", "object: opportunity, type: text")
	in := read(t, held)
	in.Fields = in.Fields[:0]
	old := Compile(in).Schema
	opportunity, _ := old.Object("opportunity")
	own := *mustField(t, old, "opportunity", "next_step")
	own.Identity, own.Name, own.Column, own.Custom, own.Source = "is-rotting", "is_rotting", "x_is-rotting", true, "CustomField is-rotting"
	for i, f := range opportunity.Fields {
		if f.Identity == "is_rotting" {
			opportunity.Fields[i] = &own
		}
	}
	result := on(t, reload(t, old), held)
	if f := mustField(t, result.Schema, "opportunity", "is_rotting"); !f.Custom || f.Type != schema.TypeText {
		t.Errorf("the tenant's own field is %+v", f)
	}
	if got := rottingOf(t, result.Schema, "opportunity", "std_is_rotting"); !strings.HasPrefix(got, "now() - entered_stage_at") {
		t.Errorf("the standard one is %s", got)
	}
	if again := on(t, reload(t, result.Schema), held).Schema; again.Digest() != result.Schema.Digest() {
		t.Error("the second time it says something else")
	}
}

func TestNoIndexIsMadeOfWhatRots(t *testing.T) {
	t.Parallel()
	text := field("late", "object: opportunity, type: formula, indexed: true, formula: {expression: is_rotting && amount > 5, returns: boolean}")
	on(t, nil, text).says(t, Ref{KindField, "late"}, "Invalid", "spec.indexed", "when it is asked for")
}
