package plan

import (
	"testing"
	"time"

	"github.com/kontor-crm/kontor/internal/schema"
)

func TestAnEstimateFollowsFromTheKindOfAChangeAndTheTable(t *testing.T) {
	t.Parallel()
	million := Size{Rows: 1_000_000, Bytes: 200 << 20, Known: true}
	for name, c := range map[string]struct {
		change Change
		want   time.Duration
	}{
		"a column beside a million rows":   {Change{Kind: AddField, Size: million}, time.Second},
		"an index on an empty table":       {Change{Kind: AddIndex, Size: Size{Known: true}}, time.Second},
		"an index on a million rows":       {Change{Kind: AddIndex, Size: million}, 15 * time.Second},
		"rules for a million rows":         {Change{Kind: ValidateRules, Size: million}, 5 * time.Second},
		"a rule that is proven":            {Change{Kind: NarrowRule, Prove: []string{"VALIDATE"}, Size: million}, 5 * time.Second},
		"a table that is written anew":     {Change{Kind: AddField, Rewrites: true, Size: million}, 15 * time.Second},
		"values for a million rows":        {Change{Kind: KeepValues, Backfill: &Backfill{}, Size: million}, 15 * time.Minute},
		"a few values of a million rows":   {Change{Kind: NarrowRule, Backfill: &Backfill{}, Check: &Check{}, Impact: &Impact{Rows: 1_000_000, Failing: 37}, Size: million}, 5 * time.Second},
		"more than anybody has ever seen":  {Change{Kind: AddField, Rewrites: true, Size: Size{Rows: 1 << 50, Bytes: 1 << 60, Known: true}}, 72 * time.Hour},
		"rows that nobody has counted yet": {Change{Kind: AddIndex, Size: (&Table{Rows: -1, Bytes: 200 << 20, HasRows: true}).size()}, 15 * time.Second},
	} {
		if got, known := c.change.Estimate(); got != c.want || !known {
			t.Errorf("%s: it takes about %s (%v) and not %s", name, got, known, c.want)
		}
	}
	if _, known := (&Change{Kind: AddIndex, Size: (&Table{HasRows: true}).size()}).Estimate(); known {
		t.Error("there is an estimate for a table that nobody has seen")
	}
}

func TestAChangeSaysWhetherItCanBeUndone(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change Change
		want   Reversal
		kept   time.Duration
	}{
		"a field":               {Change{Kind: AddField}, Reversible, 0},
		"a rule without effect": {Change{Kind: NarrowRule, keptFor: time.Hour}, Reversible, 0},
		"a rule that cuts":      {Change{Kind: NarrowRule, Treatment: schema.OnViolationTruncate, keptFor: time.Hour}, ReversibleWhileKept, time.Hour},
		"a field that retires":  {Change{Kind: RetireField, keptFor: time.Hour}, ReversibleWhileKept, time.Hour},
		"what goes for good":    {Change{Kind: PurgeField}, Irreversible, 0},
	} {
		if got, kept := c.change.Reversal(); got != c.want || kept != c.kept {
			t.Errorf("%s: it says %s for %s", name, got, kept)
		}
	}
}
