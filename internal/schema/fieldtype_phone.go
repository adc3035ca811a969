package schema

// The length of a phone number that names none (S42), and the longest.
const (
	DefaultPhoneLength = 20
	MaxPhoneLength     = 50
)

// phoneType is a phone number as it was typed.
type phoneType struct{ textual }

func (phoneType) Name() TypeName { return TypePhone }

func (phoneType) Rules(f *Field) []Rule {
	return []Rule{
		{Kind: RuleMaxLength, Length: length(f, DefaultPhoneLength)},
		{Kind: RulePattern, Pattern: `^[0-9+(*#][0-9 +()/.,;*#x-]*$`, Meaning: "a phone number, such as +49 30 123456"},
	}
}

func (phoneType) Check(f *Field) []Problem { return checkLength(f, MaxPhoneLength) }

func (phoneType) Decode(f *Field, value any) (any, error) { return decodeText(f, value, false) }

func (phoneType) Parse(f *Field, text string) (any, error) { return parseText(f, text, false) }
