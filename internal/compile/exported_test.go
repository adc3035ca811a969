package compile

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	crmv1 "github.com/kontor-crm/kontor/api/v1alpha1"
	"github.com/kontor-crm/kontor/test/gen"
)

// input is what is compiled of a configuration.
func input(c *gen.Configuration) Input {
	return Input{Tenant: c.Tenant, Objects: c.Objects, Fields: c.Fields, Pipelines: c.Pipelines, Rules: c.Rules, Indexes: c.Indexes}
}

func exported(t *testing.T, c *gen.Configuration) string {
	t.Helper()
	text, err := c.Exported()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// reapplied is what a server makes of an export that had nothing of it.
func reapplied(t *testing.T, text string) *gen.Configuration {
	t.Helper()
	c, err := gen.Applied(text)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return c
}

func refOf(resource crmv1.Object) Ref { return Ref{gen.KindOf(resource), resource.GetName()} }

// TestAnExportChangesNothingInItsOwnTenant takes resources of which some are wrong or
// claim the same. Whoever came first decides then: the server knows when it made each.
func TestAnExportChangesNothingInItsOwnTenant(t *testing.T) {
	t.Parallel()
	for seed := range uint64(60) {
		c := gen.Random(rand.New(rand.NewPCG(seed, 11)))
		made := map[Ref]metav1.Time{}
		for _, resource := range c.All() {
			made[refOf(resource)] = resource.GetCreationTimestamp()
		}
		at := fmt.Sprintf("seed %d", seed)
		text := exported(t, &c)
		first := mustCompile(t, input(&c))
		again := reapplied(t, text)
		for _, resource := range again.All() {
			resource.SetCreationTimestamp(made[refOf(resource)])
		}
		over := input(again)
		over.Applied = reload(t, first.Schema)
		if second := mustCompile(t, over); second.Schema.Digest() != first.Schema.Digest() {
			t.Fatalf("%s: applying the export changes the tenant:\n%s", at, text)
		} else if a, b := verdictsOf(first), verdictsOf(second); a != b {
			t.Fatalf("%s: applying the export changes the verdicts:\n%s\n%s", at, a, b)
		}
		if rewritten := exported(t, again); rewritten != text {
			t.Fatalf("%s: the export of what an export made is another one:\n%s\n%s", at, text, rewritten)
		}
	}
}

func TestAnExportMakesTheSameSchemaInAnEmptyTenant(t *testing.T) {
	t.Parallel()
	for seed := range uint64(200) {
		c := gen.Sound(rand.New(rand.NewPCG(seed, 12)))
		want := mustCompile(t, input(&c))
		for ref, verdict := range want.Verdicts {
			if len(verdict.Problems) > 0 {
				t.Fatalf("seed %d: %s does not compile: %v", seed, ref, verdict.Problems)
			}
		}
		text := exported(t, &c)
		again := input(reapplied(t, text))
		if got := mustCompile(t, again).Schema; got.Digest() != want.Schema.Digest() {
			t.Fatalf("seed %d: the export makes another schema in an empty tenant:\n%s", seed, text)
		}
		again.Applied = reload(t, want.Schema)
		if got := mustCompile(t, again).Schema; got.Digest() != want.Schema.Digest() {
			t.Fatalf("seed %d: the export changes its own tenant:\n%s", seed, text)
		}
	}
}

func verdictsOf(result Result) string {
	var text strings.Builder
	for _, ref := range slices.SortedFunc(maps.Keys(result.Verdicts), func(a, b Ref) int { return strings.Compare(a.String(), b.String()) }) {
		fmt.Fprintf(&text, "%s: %v\n", ref, result.Verdicts[ref].Problems)
	}
	return text.String()
}
