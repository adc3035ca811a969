package schema

// currencyType is the ISO 4217 code of a currency. Each record with amounts has
// a system field of this type.
type currencyType struct{ textual }

func (currencyType) Name() TypeName         { return TypeCurrency }
func (currencyType) Check(*Field) []Problem { return nil }

func (currencyType) Rules(*Field) []Rule {
	return []Rule{{Kind: RulePattern, Pattern: `^[A-Z]{3}$`, Meaning: "a currency code of ISO 4217, such as EUR"}}
}

func (currencyType) Decode(f *Field, value any) (any, error) { return decodeText(f, value, false) }

func (currencyType) Parse(f *Field, text string) (any, error) { return parseText(f, text, false) }
