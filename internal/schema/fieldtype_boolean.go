package schema

import "strings"

// booleanType is true or false.
type booleanType struct{}

func (booleanType) Name() TypeName         { return TypeBoolean }
func (booleanType) Kind() Kind             { return KindBoolean }
func (booleanType) Form() Form             { return Form{Type: "boolean"} }
func (booleanType) Storage(*Field) Storage { return StorageBoolean }
func (booleanType) Rules(*Field) []Rule    { return nil }

func (booleanType) Check(f *Field) []Problem {
	if f.Unique {
		return []Problem{{Path: "unique", Message: "a boolean cannot be unique"}}
	}
	return nil
}

func (booleanType) Decode(_ *Field, value any) (any, error) {
	if v, ok := value.(bool); ok {
		return v, nil
	}
	return nil, errNotA("true or false")
}

func (booleanType) Parse(_ *Field, text string) (any, error) {
	switch strings.ToLower(text) {
	case "true", "yes", "1":
		return true, nil
	case "false", "no", "0":
		return false, nil
	}
	return nil, errNotA("true or false")
}

func (booleanType) AppendJSON(dst []byte, _ *Field, text []byte) []byte {
	if len(text) > 0 && text[0] == 't' {
		return append(dst, "true"...)
	}
	return append(dst, "false"...)
}
