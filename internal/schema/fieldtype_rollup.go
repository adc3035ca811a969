package schema

import "slices"

// Rollup is how the value of a roll-up field is computed.
type Rollup struct {
	// Inverse is the name under which the object knows the records that point to it.
	Inverse string `json:"inverse"`
	// Function says what is made of them.
	Function RollupFunction `json:"function"`
	// Field is the name of the field whose values are taken; a count needs none.
	Field string `json:"field,omitempty"`
	// Filter is a condition in CEL over each of them; empty lets all through.
	Filter string `json:"filter,omitempty"`
}

// RollupFunction is what a roll-up makes of many records.
type RollupFunction string

// The functions of roll-ups.
const (
	RollupCount RollupFunction = "count"
	RollupSum   RollupFunction = "sum"
	RollupMin   RollupFunction = "min"
	RollupMax   RollupFunction = "max"
	RollupAvg   RollupFunction = "avg"
)

// rollupType is computed from the records that point to one.
type rollupType struct{ computed }

func (rollupType) Name() TypeName { return TypeRollup }

func (rollupType) Check(f *Field) []Problem {
	r := f.Rollup
	if r == nil {
		return []Problem{{Path: "rollup", Message: "a rollup needs the inverse of a relation and a function"}}
	}
	problems := checkComputed(f)
	if r.Inverse == "" {
		problems = append(problems, Problem{Path: "rollup.inverse", Message: "a rollup needs the inverse of a relation that points to its object"})
	}
	switch {
	case !slices.Contains([]RollupFunction{RollupCount, RollupSum, RollupMin, RollupMax, RollupAvg}, r.Function):
		problems = append(problems, Problem{Path: "rollup.function", Message: "must be count, sum, min, max or avg"})
	case r.Function == RollupCount && r.Field != "":
		problems = append(problems, Problem{Path: "rollup.field", Message: "a count takes no field: it counts records"})
	case r.Function != RollupCount && r.Field == "":
		problems = append(problems, Problem{Path: "rollup.field", Message: "the field is missing whose values are taken"})
	}
	if len([]rune(r.Filter)) > MaxExpressionLength {
		problems = append(problems, Problem{Path: "rollup.filter", Message: "an expression has at most " + itoa(MaxExpressionLength) + " characters"})
	}
	return problems
}
