package schema

// Money is stored as numeric(20,4): enough for every currency's scale (ISO 4217 knows up to four).
const (
	moneyPrecision = 20
	// MoneyScale is the number of digits behind the point that amounts are kept with.
	MoneyScale = 4
	// shownMoneyScale is the least number of digits behind the point in JSON when the field names no scale.
	shownMoneyScale = 2
)

// moneyType is an amount in the record's currency, with its worth in the
// organisation's beside it.
type moneyType struct{ numeric }

func (moneyType) Name() TypeName         { return TypeMoney }
func (moneyType) Storage(*Field) Storage { return NumericStorage(moneyPrecision, MoneyScale) }
func (moneyType) Rules(f *Field) []Rule  { return numericRules(f, moneyPrecision, MoneyScale) }

func (moneyType) Check(f *Field) []Problem {
	problems := checkBounds(f)
	if f.Scale != nil && (*f.Scale < 0 || *f.Scale > MoneyScale) {
		problems = append(problems, Problem{Path: "scale", Message: "of money must be from 0 to 4"})
	}
	return problems
}

func (moneyType) Decode(f *Field, value any) (any, error)  { return decodeDecimal(f, value) }
func (moneyType) Parse(f *Field, text string) (any, error) { return parseDecimal(f, text) }

func (moneyType) AppendJSON(dst []byte, f *Field, text []byte) []byte {
	if f.Scale != nil {
		return appendDecimal(dst, text, *f.Scale)
	}
	return appendDecimal(dst, text, shownMoneyScale)
}

// Companion is the amount in the organisation's currency, at the rate of the day on which it was written.
func (moneyType) Companion(f *Field) *Field {
	return &Field{Name: "base", Type: TypeMoney, Indexed: f.Indexed, Label: companionLabel(f, Label{"en": "(base currency)", "zh": "（本位币）"})}
}
