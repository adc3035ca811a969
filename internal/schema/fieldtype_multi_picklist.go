package schema

import "strings"

// multiPicklistType is any of the field's options, stored by their keys.
type multiPicklistType struct{}

func (multiPicklistType) Name() TypeName         { return TypeMultiPicklist }
func (multiPicklistType) Kind() Kind             { return KindTexts }
func (multiPicklistType) Form() Form             { return Form{Type: "array"} }
func (multiPicklistType) Storage(*Field) Storage { return StorageTexts }

func (multiPicklistType) Rules(f *Field) []Rule {
	return []Rule{{Kind: RuleEachOneOf, Values: optionKeys(f), Offered: f.Choices()}}
}

func (multiPicklistType) Check(f *Field) []Problem {
	problems := checkOptions(f)
	if f.Unique {
		problems = append(problems, Problem{Path: "unique", Message: "a multi_picklist cannot be unique"})
	}
	return problems
}

func (multiPicklistType) Decode(f *Field, value any) (any, error) { return decodeTexts(f, value) }

// Parse reads keys that are separated by semicolons.
func (multiPicklistType) Parse(f *Field, text string) (any, error) {
	return checkTexts(f, strings.Split(text, ";"))
}

func (multiPicklistType) AppendJSON(dst []byte, _ *Field, text []byte) []byte {
	return appendTexts(dst, text)
}
