package compile

import (
	"strings"
	"testing"
	"time"

	"github.com/kontor-crm/kontor/internal/schema"
)

// coded is the field "code" of customer after each of the definitions came into play,
// so many days after the other.
func coded(t *testing.T, days int, leased int64, definitions ...string) []schema.Field {
	t.Helper()
	var forms []schema.Field
	var applied *schema.Schema
	for i, definition := range definitions {
		in := read(t, field("code", "object: customer, "+definition))
		in.Applied, in.Now, in.Leased = applied, time.Date(2026, 1, 1+i*days, 0, 0, 0, 0, time.UTC), leased
		result := mustCompile(t, in)
		for ref, verdict := range result.Verdicts {
			if len(verdict.Problems) > 0 {
				t.Fatalf("%s: %+v", ref, verdict.Problems)
			}
		}
		applied = reload(t, result.Schema)
		applied.Revision = int64(i) + 1
		o, _ := applied.ObjectByIdentity("customer")
		f, _ := o.FieldByIdentity("code")
		forms = append(forms, *f)
	}
	return forms
}

// columns are those of a field, its own first, each with the type that it held and the
// column that it goes with.
func columns(f schema.Field) string {
	all := []string{f.Column + " " + string(f.Type)}
	for _, p := range f.Previous {
		all = append(all, p.Form.Column+" "+string(p.Form.Type)+" with "+p.With)
	}
	return strings.Join(all, ", ")
}

func TestAFieldGetsAColumnOfItsOwnWhereItsValuesBecomeOthers(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		definitions []string
		want        string
	}{
		"a text becomes longer":              {[]string{"type: text", "type: long_text"}, "x_code long_text"},
		"a text becomes a number":            {[]string{"type: text", "type: decimal"}, "x_code$2 decimal, x_code text with x_code$2"},
		"a number goes on being one":         {[]string{"type: text", "type: decimal", "type: decimal, min: \"0\""}, "x_code$2 decimal, x_code text with x_code$2"},
		"a number gets other digits":         {[]string{"type: decimal", "type: decimal, scale: 2"}, "x_code$2 decimal, x_code decimal with x_code$2"},
		"a number is a text again":           {[]string{"type: text", "type: decimal", "type: text"}, "x_code text, x_code$2 decimal with x_code"},
		"a number is a shorter text":         {[]string{"type: text", "type: decimal", "type: text, length: 9"}, "x_code text, x_code$2 decimal with x_code"},
		"there and back and there":           {[]string{"type: text", "type: decimal", "type: text", "type: decimal"}, "x_code$2 decimal, x_code text with x_code$2"},
		"one type after the other":           {[]string{"type: text", "type: integer", "type: boolean"}, "x_code$3 boolean, x_code$2 integer with x_code$3, x_code text with x_code$2"},
		"back by two at once":                {[]string{"type: text", "type: integer", "type: boolean", "type: text"}, "x_code text, x_code$3 boolean with x_code$2, x_code$2 integer with x_code"},
		"what nobody can convert":            {[]string{"type: text", "type: json"}, "x_code json"},
		"a key becomes an option":            {[]string{"type: text", "type: picklist, options: [{key: a}]"}, "x_code picklist"},
		"a label becomes an option and back": {[]string{"type: text", "type: picklist, options: [{key: a}], conversion: {byLabel: true}", "type: text"}, "x_code text, x_code$2 picklist with x_code"},
	} {
		forms := coded(t, 1, 0, c.definitions...)
		if got := columns(forms[len(forms)-1]); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

func TestAConversionIsRememberedWithTheColumnThatItWasFor(t *testing.T) {
	t.Parallel()
	forms := coded(t, 1, 0, "type: text", "type: date, conversion: {dateFormat: DD.MM.YYYY}", "type: date", "type: text")
	for i, f := range forms[1:] {
		if how := f.Previous[0].Conversion; how == nil || how.DateFormat != "DD.MM.YYYY" {
			t.Errorf("after change %d it is %+v", i+1, how)
		}
	}
	if p := forms[1].Previous[0]; p.Revision != 2 || p.Cleared || !p.Since.Equal(time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("the text was left in %+v", p)
	}
	if cleared := coded(t, 1, 0, "type: text", "type: date, onViolation: Clear"); !cleared[1].Previous[0].Cleared {
		t.Error("it does not say that values become none")
	}
}

func TestAnEarlierColumnIsKeptForAWhileAndForAsLongAsSomebodyReadsIt(t *testing.T) {
	t.Parallel()
	for leased, want := range map[int64]int{0: 0, 1: 1, 2: 0} {
		forms := coded(t, 31, leased, "type: text", "type: integer", "type: integer")
		if len(forms[1].Previous) != 1 || len(forms[2].Previous) != want {
			t.Errorf("with revision %d in use there are %d and then %d earlier columns", leased, len(forms[1].Previous), len(forms[2].Previous))
		}
	}
	forms := coded(t, 14, 0, "type: text", "type: integer", "type: boolean", "type: text", "type: text", "type: text", "type: text")
	if got := columns(forms[5]); got != "x_code text, x_code$3 boolean with x_code$2, x_code$2 integer with x_code" {
		t.Errorf("while one goes through another the columns are %s", got)
	}
	if got := columns(forms[6]); got != "x_code text" {
		t.Errorf("then they are %s", got)
	}
}
