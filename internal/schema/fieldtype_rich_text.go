package schema

// richTextType is text with headings, lists, emphasis and links, written in
// CommonMark. It is stored as it is written and checked for no markup: who shows
// it makes HTML of it, takes HTML inside of it for plain text, and follows no
// links but http, https and mailto.
type richTextType struct{ textual }

func (richTextType) Name() TypeName { return TypeRichText }
func (richTextType) Form() Form     { return Form{Type: "string", Format: "commonmark"} }

func (richTextType) Rules(f *Field) []Rule { return longTextType{}.Rules(f) }

func (richTextType) Check(f *Field) []Problem { return longTextType{}.Check(f) }

func (richTextType) Decode(f *Field, value any) (any, error) { return decodeText(f, value, true) }

func (richTextType) Parse(f *Field, text string) (any, error) { return parseText(f, text, true) }
