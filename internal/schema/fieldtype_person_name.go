package schema

// personNameType is the name of a person in parts. In which order they are
// shown is the reader's custom, not the record's.
type personNameType struct{ compound }

func (personNameType) Name() TypeName           { return TypePersonName }
func (personNameType) Check(f *Field) []Problem { return checkCompound(f, "a person_name") }

func (personNameType) Parts(*Field) []*Field {
	return []*Field{
		{Name: "salutation", Type: TypeText, Length: 10, Label: Label{"en": "Salutation", "zh": "称谓"}},
		{Name: "given", Type: TypeText, Length: 50, Label: Label{"en": "Given name", "zh": "名"}},
		{Name: "middle", Type: TypeText, Length: 50, Label: Label{"en": "Middle name", "zh": "中间名"}},
		{Name: "family", Type: TypeText, Length: 50, Label: Label{"en": "Family name", "zh": "姓"}},
	}
}
