package schema

// The length of an e-mail address that names none (S42), and the longest that RFC 5321 allows in a path.
const (
	DefaultEmailLength = 100
	MaxEmailLength     = 254
)

// emailType is an e-mail address, kept as it was typed. Addresses that differ in
// case only are one and the same to unique fields, keys and lookups.
type emailType struct{ textual }

func (emailType) Name() TypeName { return TypeEmail }
func (emailType) Form() Form     { return Form{Type: "string", Format: "email"} }

func (emailType) Rules(f *Field) []Rule {
	return []Rule{
		{Kind: RuleMaxLength, Length: length(f, DefaultEmailLength)},
		{Kind: RulePattern, Pattern: `^[^@[:space:]]+@[^@[:space:]]+$`, Meaning: "an e-mail address, such as name@example.com"},
	}
}

func (emailType) Check(f *Field) []Problem { return checkLength(f, MaxEmailLength) }

func (emailType) Decode(f *Field, value any) (any, error) { return decodeText(f, value, false) }

func (emailType) Parse(f *Field, text string) (any, error) { return parseText(f, text, false) }
