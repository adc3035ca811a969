package schema

// DefaultLongTextLength is the length of a long text that names none.
const DefaultLongTextLength = 32_000

// MaxLongTextLength is the longest length that a long text may ask for.
const MaxLongTextLength = 100_000

// longTextType is text of several lines.
type longTextType struct{ textual }

func (longTextType) Name() TypeName { return TypeLongText }

func (longTextType) Rules(f *Field) []Rule {
	return []Rule{{Kind: RuleMaxLength, Length: length(f, DefaultLongTextLength)}}
}

func (longTextType) Check(f *Field) []Problem {
	problems := checkLength(f, MaxLongTextLength)
	if f.Unique {
		problems = append(problems, Problem{Path: "unique", Message: "a long text cannot be unique: PostgreSQL indexes no values of this length"})
	}
	if f.Indexed {
		problems = append(problems, Problem{Path: "indexed", Message: "a long text cannot be indexed: PostgreSQL indexes no values of this length"})
	}
	return problems
}

func (longTextType) Decode(f *Field, value any) (any, error) { return decodeText(f, value, true) }

func (longTextType) Parse(f *Field, text string) (any, error) { return parseText(f, text, true) }
