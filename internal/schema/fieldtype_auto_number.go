package schema

import "errors"

// autoNumberType is a number that the database gives to each new record, in order, with gaps.
type autoNumberType struct{}

func (autoNumberType) Name() TypeName         { return TypeAutoNumber }
func (autoNumberType) Kind() Kind             { return KindNumber }
func (autoNumberType) Form() Form             { return Form{Type: "integer"} }
func (autoNumberType) Storage(*Field) Storage { return StorageBigInt }
func (autoNumberType) Rules(*Field) []Rule    { return nil }

func (autoNumberType) Check(f *Field) []Problem {
	if f.Default != nil {
		return []Problem{{Path: "default", Message: "an auto_number has no default: the database numbers the records"}}
	}
	if f.Required {
		return []Problem{{Path: "required", Message: "an auto_number is never asked for: the database numbers the records"}}
	}
	return nil
}

func (autoNumberType) Decode(*Field, any) (any, error) {
	return nil, errors.New("is numbered by the database and cannot be set")
}

func (autoNumberType) Parse(*Field, string) (any, error) {
	return nil, errors.New("is numbered by the database and cannot be set")
}

func (autoNumberType) AppendJSON(dst []byte, _ *Field, text []byte) []byte {
	return append(dst, text...)
}
