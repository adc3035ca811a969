package schema

import "github.com/nyaruka/phonenumbers"

// The length of a phone number that names none (S42), and the longest.
const (
	DefaultPhoneLength = 20
	MaxPhoneLength     = 50
)

// phoneType is a phone number as it was typed, with the same in E.164 beside it.
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

// Companion is the number in E.164, as telephones and other programs know it.
func (phoneType) Companion(f *Field) *Field {
	return &Field{
		Name: "e164", Type: TypeText, Length: maxE164, Indexed: f.Indexed || f.Unique,
		Label: companionLabel(f, Label{"en": "(E.164)", "zh": "（E.164）"}),
	}
}

// maxE164 is the length of a number of E.164 with the longest that phonenumbers makes.
const maxE164 = 20

// E164 is a phone number in E.164, "+4930123456": one that is written without a
// country is of the given one (ISO 3166, or empty). False when no telephone
// could be reached by it.
func E164(number, country string) (string, bool) {
	parsed, err := phonenumbers.Parse(number, country)
	if err != nil || !phonenumbers.IsPossibleNumber(parsed) {
		return "", false
	}
	return phonenumbers.Format(parsed, phonenumbers.E164), true
}
