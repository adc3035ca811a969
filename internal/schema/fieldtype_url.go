package schema

// The length of a web address that names none, and the longest.
const (
	DefaultURLLength = 255
	MaxURLLength     = 2000
)

// urlType is a web address. Only http and https are allowed: others (javascript:) are dangerous as links.
type urlType struct{ textual }

func (urlType) Name() TypeName { return TypeURL }
func (urlType) Form() Form     { return Form{Type: "string", Format: "uri"} }

func (urlType) Rules(f *Field) []Rule {
	return []Rule{
		{Kind: RuleMaxLength, Length: length(f, DefaultURLLength)},
		{Kind: RulePattern, Pattern: `^https?://[^[:space:]]+$`, Meaning: "a web address that starts with http:// or https://"},
	}
}

func (urlType) Check(f *Field) []Problem { return checkLength(f, MaxURLLength) }

func (urlType) Decode(f *Field, value any) (any, error) { return decodeText(f, value, false) }

func (urlType) Parse(f *Field, text string) (any, error) { return parseText(f, text, false) }
