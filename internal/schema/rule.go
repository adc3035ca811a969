package schema

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/shopspring/decimal"
)

// RuleKind is the kind of a rule.
type RuleKind string

// The kinds of rules. Each can be said in Go, in a CHECK and in JSON Schema.
const (
	// RuleMaxLength bounds the characters of a text.
	RuleMaxLength RuleKind = "max_length"
	// RuleMin is the least number, inclusive.
	RuleMin RuleKind = "min"
	// RuleMax is the greatest number, inclusive.
	RuleMax RuleKind = "max"
	// RuleScale bounds the digits behind the point.
	RuleScale RuleKind = "scale"
	// RuleOneOf lists the texts that are allowed.
	RuleOneOf RuleKind = "one_of"
	// RuleEachOneOf lists the texts that are allowed in a list.
	RuleEachOneOf RuleKind = "each_one_of"
	// RulePattern is a regular expression that Go and PostgreSQL read alike.
	RulePattern RuleKind = "pattern"
)

// Rule holds for every value of a field that is not null.
type Rule struct {
	Kind RuleKind
	// Length is the bound of RuleMaxLength and RuleScale.
	Length int
	// Number is the bound of RuleMin and RuleMax.
	Number decimal.Decimal
	// Values are those of RuleOneOf and RuleEachOneOf, and Offered those of them that a
	// person is told who gives another one.
	Values, Offered []string
	// Pattern is that of RulePattern; Meaning says it in words.
	Pattern, Meaning string
}

// Implies says whether every value that this rule allows is allowed by the
// other one of the same kind too: so replacing this rule by the other rejects
// no value. Rules of different kinds imply nothing.
func (r Rule) Implies(other Rule) bool {
	if r.Kind != other.Kind {
		return false
	}
	switch r.Kind {
	case RuleMaxLength, RuleScale:
		return r.Length <= other.Length
	case RuleMin:
		return r.Number.GreaterThanOrEqual(other.Number)
	case RuleMax:
		return r.Number.LessThanOrEqual(other.Number)
	case RuleOneOf, RuleEachOneOf:
		return !slices.ContainsFunc(r.Values, func(v string) bool { return !slices.Contains(other.Values, v) })
	case RulePattern:
		return r.Pattern == other.Pattern
	}
	return false
}

// Check says what the rule has against a value, or nil.
func (r Rule) Check(value any) error {
	switch r.Kind {
	case RuleMaxLength:
		if text, ok := value.(string); ok && utf8.RuneCountInString(text) > r.Length {
			return fmt.Errorf("is longer than %d characters", r.Length)
		}
	case RuleMin:
		if number, ok := asDecimal(value); ok && number.LessThan(r.Number) {
			return fmt.Errorf("must be at least %s", r.Number)
		}
	case RuleMax:
		if number, ok := asDecimal(value); ok && number.GreaterThan(r.Number) {
			return fmt.Errorf("must be at most %s", r.Number)
		}
	case RuleScale:
		if number, ok := asDecimal(value); ok && !number.Truncate(int32(r.Length)).Equal(number) { //nolint:gosec // a scale is at most 20
			if r.Length == 0 {
				return fmt.Errorf("must be a whole number")
			}
			return fmt.Errorf("must have at most %d digits behind the point", r.Length)
		}
	case RuleOneOf:
		if text, ok := value.(string); ok && !slices.Contains(r.Values, text) {
			return fmt.Errorf("%s is not one of the options: %s", quote(text), list(r.Offered))
		}
	case RuleEachOneOf:
		texts, _ := value.([]string)
		for _, text := range texts {
			if !slices.Contains(r.Values, text) {
				return fmt.Errorf("%s is not one of the options: %s", quote(text), list(r.Offered))
			}
		}
	case RulePattern:
		if text, ok := value.(string); ok && !compiled(r.Pattern).MatchString(text) {
			return fmt.Errorf("must be %s", r.Meaning)
		}
	}
	return nil
}

func checkRules(f *Field, value any) (any, error) {
	for _, rule := range f.Rules() {
		if err := rule.Check(value); err != nil {
			return nil, err
		}
	}
	return value, nil
}

func asDecimal(value any) (decimal.Decimal, bool) {
	switch v := value.(type) {
	case decimal.Decimal:
		return v, true
	case int64:
		return decimal.NewFromInt(v), true
	}
	return decimal.Decimal{}, false
}

// list shows the first values of a long list.
func list(values []string) string {
	const most = 12
	if len(values) > most {
		return strings.Join(values[:most], ", ") + fmt.Sprintf(" and %d more", len(values)-most)
	}
	return strings.Join(values, ", ")
}

var patterns sync.Map // pattern -> *regexp.Regexp; the patterns are the few constants of the field types

func compiled(pattern string) *regexp.Regexp {
	if re, ok := patterns.Load(pattern); ok {
		return re.(*regexp.Regexp) //nolint:forcetypeassert // only this function stores
	}
	re := regexp.MustCompile(pattern)
	patterns.Store(pattern, re)
	return re
}
