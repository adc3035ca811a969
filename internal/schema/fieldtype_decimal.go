package schema

// The digits of a decimal that names none, and the most that it may ask for.
const (
	defaultDecimalPrecision = 20
	defaultDecimalScale     = 6
	maxDecimalPrecision     = 38
	maxDecimalScale         = 18
)

// decimalType is an exact number with digits behind the point.
type decimalType struct{ numeric }

func (decimalType) Name() TypeName { return TypeDecimal }

func (decimalType) digits(f *Field) (precision, scale int) {
	precision, scale = defaultDecimalPrecision, defaultDecimalScale
	if f.Precision > 0 {
		precision = f.Precision
	}
	if f.Scale != nil {
		scale = *f.Scale
	}
	return precision, scale
}

func (t decimalType) Storage(f *Field) Storage { return NumericStorage(t.digits(f)) }

func (t decimalType) Rules(f *Field) []Rule {
	precision, scale := t.digits(f)
	return numericRules(f, precision, scale)
}

func (t decimalType) Check(f *Field) []Problem {
	precision, scale := t.digits(f)
	var problems []Problem
	if precision < 1 || precision > maxDecimalPrecision {
		problems = append(problems, Problem{Path: "precision", Message: "must be from 1 to " + itoa(maxDecimalPrecision)})
	}
	if scale < 0 || scale > maxDecimalScale || scale > precision {
		problems = append(problems, Problem{Path: "scale", Message: "must be from 0 to " + itoa(maxDecimalScale) + " and not over the precision"})
	}
	return append(problems, checkBounds(f)...)
}

func (decimalType) Decode(f *Field, value any) (any, error)  { return decodeDecimal(f, value) }
func (decimalType) Parse(f *Field, text string) (any, error) { return parseDecimal(f, text) }

func (decimalType) AppendJSON(dst []byte, f *Field, text []byte) []byte {
	if f.Scale != nil {
		return appendDecimal(dst, text, *f.Scale)
	}
	return appendDecimal(dst, text, 0)
}
