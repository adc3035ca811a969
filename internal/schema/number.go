package schema

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/shopspring/decimal"
)

// MaxDigits bounds the text of a number: longer ones are refused before they are computed with.
const MaxDigits = 60

func itoa(n int) string { return strconv.Itoa(n) }

// ParseDecimal reads a number in decimal notation, without an exponent: "1e999999999"
// is short to write and takes gigabytes to hold.
func ParseDecimal(text string) (decimal.Decimal, error) {
	digits := strings.TrimPrefix(text, "-")
	if digits == "" || len(digits) > MaxDigits || strings.Trim(digits, "0123456789.") != "" || strings.Count(digits, ".") > 1 || digits == "." {
		return decimal.Decimal{}, errors.New("must be a number in decimal notation")
	}
	number, err := decimal.NewFromString(text)
	if err != nil {
		return decimal.Decimal{}, errors.New("must be a number in decimal notation")
	}
	return number, nil
}

// numeric is what the types have in common whose values are exact decimals. In
// JSON they are strings, as no JSON reader keeps the digits of its numbers.
type numeric struct{}

func (numeric) Kind() Kind { return KindNumber }
func (numeric) Form() Form { return Form{Type: "string", Format: "decimal"} }

// decodeDecimal reads a JSON number or a string that holds one.
func decodeDecimal(f *Field, value any) (any, error) {
	switch v := value.(type) {
	case json.Number:
		return parseDecimal(f, v.String())
	case string:
		if v == "" {
			return nil, nil //nolint:nilnil // an empty text is no value
		}
		return parseDecimal(f, v)
	}
	return nil, errNotA("a number, or a string that holds one")
}

func parseDecimal(f *Field, text string) (any, error) {
	number, err := ParseDecimal(text)
	if err != nil {
		return nil, err
	}
	return checkRules(f, number)
}

// numericRules are the scale and the bounds of a field stored as numeric(precision, scale).
func numericRules(f *Field, precision, scale int) []Rule {
	if f.Scale != nil && *f.Scale < scale {
		scale = *f.Scale
	}
	rules := []Rule{{Kind: RuleScale, Length: scale}}
	limit := decimal.New(1, int32(precision-scaleOf(f, scale))).Sub(decimal.New(1, int32(-scale))) //nolint:gosec // at most 40 digits
	low, high := limit.Neg(), limit
	if number, err := ParseDecimal(f.Min); err == nil && number.GreaterThan(low) {
		low = number
	}
	if number, err := ParseDecimal(f.Max); err == nil && number.LessThan(high) {
		high = number
	}
	return append(rules, Rule{Kind: RuleMin, Number: low}, Rule{Kind: RuleMax, Number: high})
}

// scaleOf is the scale of the column: of decimals the field's, of money always 4.
func scaleOf(f *Field, scale int) int {
	if f.Type == TypeMoney {
		return MoneyScale
	}
	return scale
}

// checkBounds reads min and max.
func checkBounds(f *Field) []Problem {
	var problems []Problem
	low, high := decimal.Decimal{}, decimal.Decimal{}
	for _, bound := range []struct {
		path, text string
		into       *decimal.Decimal
	}{{"min", f.Min, &low}, {"max", f.Max, &high}} {
		if bound.text == "" {
			continue
		}
		number, err := ParseDecimal(bound.text)
		if err != nil {
			problems = append(problems, Problem{Path: bound.path, Message: err.Error()})
			continue
		}
		*bound.into = number
	}
	if len(problems) == 0 && f.Min != "" && f.Max != "" && low.GreaterThan(high) {
		problems = append(problems, Problem{Path: "min", Message: fmt.Sprintf("%s is more than max, %s", f.Min, f.Max)})
	}
	return problems
}

// appendDecimal appends a number of PostgreSQL as a JSON string, without the
// zeros that the column's scale adds; at least so many digits stay behind the point.
func appendDecimal(dst, text []byte, atLeast int) []byte {
	dst = append(dst, '"')
	point := bytes.IndexByte(text, '.')
	if point < 0 {
		return append(append(dst, text...), '"')
	}
	end := len(text)
	for end > point+1+atLeast && text[end-1] == '0' {
		end--
	}
	if end == point+1 {
		end = point
	}
	return append(append(dst, text[:end]...), '"')
}
