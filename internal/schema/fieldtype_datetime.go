package schema

import (
	"bytes"
	"time"
)

// dateTimeType is a moment, kept to the microsecond.
type dateTimeType struct{}

func (dateTimeType) Name() TypeName         { return TypeDateTime }
func (dateTimeType) Kind() Kind             { return KindTime }
func (dateTimeType) Form() Form             { return Form{Type: "string", Format: "date-time"} }
func (dateTimeType) Storage(*Field) Storage { return StorageTimestamp }
func (dateTimeType) Rules(*Field) []Rule    { return nil }
func (dateTimeType) Check(*Field) []Problem { return nil }

func (t dateTimeType) Decode(f *Field, value any) (any, error) {
	text, ok := value.(string)
	if !ok {
		return nil, errNotA("a moment, written 2006-01-02T15:04:05Z")
	}
	if text == "" {
		return nil, nil //nolint:nilnil // an empty text is no value
	}
	return t.Parse(f, text)
}

func (dateTimeType) Parse(_ *Field, text string) (any, error) {
	moment, err := time.Parse(time.RFC3339Nano, text)
	if err != nil || moment.UTC().Year() < 1 || moment.UTC().Year() > 9999 {
		return nil, errNotA("a moment, written 2006-01-02T15:04:05Z")
	}
	return moment.UTC().Truncate(time.Microsecond), nil
}

func (dateTimeType) AppendJSON(dst []byte, _ *Field, text []byte) []byte {
	text = bytes.TrimSuffix(text, []byte("+00"))
	dst = append(dst, '"')
	for _, c := range text {
		if c == ' ' {
			c = 'T'
		}
		dst = append(dst, c)
	}
	return append(dst, 'Z', '"')
}
