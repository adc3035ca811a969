package schema

import (
	"errors"
	"fmt"

	"github.com/google/uuid"
)

// reference is what the types have in common whose values are ids of records.
type reference struct{}

func (reference) Kind() Kind             { return KindReference }
func (reference) Form() Form             { return Form{Type: "string", Format: "uuid"} }
func (reference) Storage(*Field) Storage { return StorageUUID }
func (reference) Rules(*Field) []Rule    { return nil }

func (reference) Decode(f *Field, value any) (any, error) {
	text, ok := value.(string)
	if !ok {
		return nil, errNotA("the id of a record")
	}
	if text == "" {
		return nil, nil //nolint:nilnil // an empty text is no value
	}
	return reference{}.Parse(f, text)
}

func (reference) Parse(_ *Field, text string) (any, error) {
	id, err := uuid.Parse(text)
	if err != nil || len(text) != 36 {
		return nil, errors.New("must be the id of a record, a UUID")
	}
	return id.String(), nil
}

func (reference) AppendJSON(dst []byte, _ *Field, text []byte) []byte { return AppendString(dst, text) }

// relationType points to one record of the target object.
type relationType struct{ reference }

func (relationType) Name() TypeName { return TypeRelation }

func (relationType) Check(f *Field) []Problem {
	if f.Target == "" {
		return []Problem{{Path: "target", Message: "a relation needs the object that it points to"}}
	}
	if f.Default != nil {
		return []Problem{{Path: "default", Message: "a relation has no default"}}
	}
	switch f.OnDelete {
	case OnDeleteKeep, OnDeleteRefuse, OnDeleteDelete:
	case OnDeleteClear:
		if f.Required {
			return []Problem{{Path: "onDelete", Message: "a required relation cannot be cleared"}}
		}
	default:
		return []Problem{{Path: "onDelete", Message: fmt.Sprintf("%q is not one of keep, refuse, clear, delete", f.OnDelete)}}
	}
	return nil
}
