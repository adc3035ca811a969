package schema

import "slices"

// MaxExpressionLength is the longest expression of a resource, in characters.
const MaxExpressionLength = 4000

// Formula is how the value of a formula field is computed.
type Formula struct {
	// Expression is CEL over the record.
	Expression string `json:"expression"`
	// Returns is the type of the value.
	Returns TypeName `json:"returns"`
}

// formulaTypes are the types that a formula may return.
var formulaTypes = []TypeName{TypeText, TypeInteger, TypeDecimal, TypeMoney, TypePercent, TypeBoolean, TypeDate, TypeDateTime}

// formulaType is computed by an expression from the record and those related to it.
type formulaType struct{ computed }

func (formulaType) Name() TypeName { return TypeFormula }

func (formulaType) Check(f *Field) []Problem {
	if f.Formula == nil {
		return []Problem{{Path: "formula", Message: "a formula needs an expression and what it returns"}}
	}
	problems := checkComputed(f)
	switch {
	case f.Formula.Expression == "":
		problems = append(problems, Problem{Path: "formula.expression", Message: "a formula needs an expression"})
	case len([]rune(f.Formula.Expression)) > MaxExpressionLength:
		problems = append(problems, Problem{Path: "formula.expression", Message: "an expression has at most " + itoa(MaxExpressionLength) + " characters"})
	}
	if !slices.Contains(formulaTypes, f.Formula.Returns) {
		return append(problems, Problem{Path: "formula.returns", Message: "a formula returns text, integer, decimal, money, percent, boolean, date or datetime"})
	}
	if f.Scale != nil {
		for _, problem := range types[f.Formula.Returns].Check(&Field{Type: f.Formula.Returns, Scale: f.Scale}) {
			if problem.Path == "scale" {
				problems = append(problems, problem)
			}
		}
	}
	return problems
}
