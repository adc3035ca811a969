package schema

// A percentage has four digits behind the point and five before it.
const (
	percentPrecision = 9
	percentScale     = 4
)

// percentType is a number of hundredths: 25 is a quarter.
type percentType struct{ numeric }

func (percentType) Name() TypeName         { return TypePercent }
func (percentType) Storage(*Field) Storage { return NumericStorage(percentPrecision, percentScale) }
func (percentType) Rules(f *Field) []Rule  { return numericRules(f, percentPrecision, percentScale) }

func (percentType) Check(f *Field) []Problem { return checkBounds(f) }

func (percentType) Decode(f *Field, value any) (any, error)  { return decodeDecimal(f, value) }
func (percentType) Parse(f *Field, text string) (any, error) { return parseDecimal(f, text) }

func (percentType) AppendJSON(dst []byte, _ *Field, text []byte) []byte {
	return appendDecimal(dst, text, 0)
}
