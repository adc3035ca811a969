package schema

// DefaultTextLength is the length of a text that names none.
const DefaultTextLength = 255

// MaxTextLength is the longest length that a text may ask for; longer ones are long_text.
const MaxTextLength = 4000

// textType is one line of text.
type textType struct{ textual }

func (textType) Name() TypeName { return TypeText }

func (textType) Rules(f *Field) []Rule {
	return []Rule{{Kind: RuleMaxLength, Length: length(f, DefaultTextLength)}}
}

func (textType) Check(f *Field) []Problem { return checkLength(f, MaxTextLength) }

func (textType) Decode(f *Field, value any) (any, error) { return decodeText(f, value, false) }

func (textType) Parse(f *Field, text string) (any, error) { return parseText(f, text, false) }
