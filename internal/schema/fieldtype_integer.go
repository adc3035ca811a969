package schema

import (
	"encoding/json"
	"strconv"

	"github.com/shopspring/decimal"
)

// MaxInteger is the greatest integer, and -MaxInteger the least: what every JSON reader keeps exactly.
const MaxInteger = 1<<53 - 1

// integerType is a whole number.
type integerType struct{}

func (integerType) Name() TypeName { return TypeInteger }
func (integerType) Kind() Kind     { return KindNumber }
func (integerType) Form() Form     { return Form{Type: "integer"} }

func (integerType) Storage(f *Field) Storage {
	if f.System { // the version
		return StorageInteger
	}
	return StorageBigInt
}

func (integerType) Rules(f *Field) []Rule {
	low, high := decimal.NewFromInt(-MaxInteger), decimal.NewFromInt(MaxInteger)
	if number, err := ParseDecimal(f.Min); err == nil && number.GreaterThan(low) {
		low = number
	}
	if number, err := ParseDecimal(f.Max); err == nil && number.LessThan(high) {
		high = number
	}
	return []Rule{{Kind: RuleMin, Number: low}, {Kind: RuleMax, Number: high}}
}

func (integerType) Check(f *Field) []Problem { return checkBounds(f) }

func (t integerType) Decode(f *Field, value any) (any, error) {
	switch v := value.(type) {
	case json.Number:
		return t.Parse(f, v.String())
	case string:
		if v == "" {
			return nil, nil //nolint:nilnil // an empty text is no value
		}
		return t.Parse(f, v)
	}
	return nil, errNotA("a whole number")
}

func (integerType) Parse(f *Field, text string) (any, error) {
	number, err := ParseDecimal(text)
	if err != nil || !number.IsInteger() {
		return nil, errNotA("a whole number")
	}
	if _, err := checkRules(f, number); err != nil {
		return nil, err
	}
	value, err := strconv.ParseInt(number.String(), 10, 64)
	if err != nil {
		return nil, errNotA("a whole number")
	}
	return value, nil
}

func (integerType) AppendJSON(dst []byte, _ *Field, text []byte) []byte { return append(dst, text...) }
