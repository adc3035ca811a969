package schema

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// autoNumberType is a number that the database gives to each new record, in order, with gaps.
type autoNumberType struct{}

func (autoNumberType) Name() TypeName         { return TypeAutoNumber }
func (autoNumberType) Kind() Kind             { return KindNumber }
func (autoNumberType) Form() Form             { return Form{Type: "integer"} }
func (autoNumberType) Storage(*Field) Storage { return StorageBigInt }
func (autoNumberType) Rules(*Field) []Rule    { return nil }

func (autoNumberType) Check(f *Field) []Problem {
	if f.Default != nil {
		return []Problem{{Path: "default", Message: "an auto_number has no default: the database numbers the records"}}
	}
	if f.Required {
		return []Problem{{Path: "required", Message: "an auto_number is never asked for: the database numbers the records"}}
	}
	return nil
}

func (autoNumberType) Decode(*Field, any) (any, error) { return nil, errNumbered }

func (autoNumberType) Parse(*Field, string) (any, error) { return nil, errNumbered }

var errNumbered = errors.New("is numbered by the database and cannot be set")

func (autoNumberType) AppendJSON(dst []byte, _ *Field, text []byte) []byte {
	return append(dst, text...)
}

// patternedNumberType is an auto_number with a pattern: a text around the number, such as INV-2026-00042.
type patternedNumberType struct{ autoNumberType }

func (patternedNumberType) Kind() Kind             { return KindText }
func (patternedNumberType) Form() Form             { return Form{Type: "string"} }
func (patternedNumberType) Storage(*Field) Storage { return StorageText }

func (t patternedNumberType) Check(f *Field) []Problem {
	problems := t.autoNumberType.Check(f)
	if message := checkPattern(f.Pattern); message != "" {
		problems = append(problems, Problem{Path: "pattern", Message: message})
	}
	return problems
}

func (patternedNumberType) AppendJSON(dst []byte, _ *Field, text []byte) []byte {
	return AppendString(dst, text)
}

// The bounds of a pattern.
const (
	maxPattern       = 60
	maxPatternDigits = 18
)

var placeholders = regexp.MustCompile(`\{[^{}]*\}`)

// checkPattern says what is wrong with the pattern of an auto_number, or "".
func checkPattern(pattern string) string {
	if len(pattern) > maxPattern {
		return fmt.Sprintf("has more than %d characters", maxPattern)
	}
	if checkText(pattern, false) != nil {
		return "must not hold control characters"
	}
	if strings.Contains(pattern, `\`) {
		return `must not hold a \`
	}
	numbers := 0
	for _, placeholder := range placeholders.FindAllString(pattern, -1) {
		name, digits, sized := strings.Cut(strings.Trim(placeholder, "{}"), ":")
		switch {
		case name == "number":
			numbers++
			if n, err := strconv.Atoi(digits); sized && (err != nil || n < 1 || n > maxPatternDigits) {
				return fmt.Sprintf("%s has to say from 1 to %d digits, as in {number:5}", placeholder, maxPatternDigits)
			}
		case sized || name != "year" && name != "month" && name != "day":
			return fmt.Sprintf("%s means nothing; there are {year}, {month}, {day}, {number} and {number:5}", placeholder)
		}
	}
	if numbers != 1 {
		return "must hold {number} once, as in INV-{year}-{number:5}"
	}
	if strings.ContainsAny(placeholders.ReplaceAllString(pattern, ""), "{}") {
		return "has a brace without its partner"
	}
	return ""
}
