package schema

// idType is the id of the record itself, a UUID of version 7.
type idType struct{ reference }

func (idType) Name() TypeName         { return TypeID }
func (idType) Check(*Field) []Problem { return nil }

// tagsType is free words that people put on a record.
type tagsType struct{}

func (tagsType) Name() TypeName         { return TypeTags }
func (tagsType) Kind() Kind             { return KindTexts }
func (tagsType) Form() Form             { return Form{Type: "array"} }
func (tagsType) Storage(*Field) Storage { return StorageTexts }
func (tagsType) Rules(*Field) []Rule    { return nil }
func (tagsType) Check(*Field) []Problem { return nil }

func (tagsType) Decode(f *Field, value any) (any, error) { return decodeTexts(f, value) }

func (tagsType) Parse(f *Field, text string) (any, error) {
	return multiPicklistType{}.Parse(f, text)
}

func (tagsType) AppendJSON(dst []byte, _ *Field, text []byte) []byte { return appendTexts(dst, text) }
