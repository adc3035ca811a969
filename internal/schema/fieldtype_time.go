package schema

import (
	"bytes"
	"time"
)

// timeType is a time of the day, without a day and a time zone, kept to the microsecond.
type timeType struct{}

func (timeType) Name() TypeName         { return TypeTime }
func (timeType) Kind() Kind             { return KindClock }
func (timeType) Form() Form             { return Form{Type: "string", Format: "time-local"} }
func (timeType) Storage(*Field) Storage { return StorageTime }
func (timeType) Rules(*Field) []Rule    { return nil }
func (timeType) Check(*Field) []Problem { return nil }

func (t timeType) Decode(f *Field, value any) (any, error) {
	text, ok := value.(string)
	if !ok {
		return nil, errNotA(aTime)
	}
	if text == "" {
		return nil, nil //nolint:nilnil // an empty text is no value
	}
	return t.Parse(f, text)
}

const aTime = "a time of the day, written 15:04 or 15:04:05"

// clockLayout is PostgreSQL's form, in which times are in the order of their texts.
const clockLayout = "15:04:05.999999"

func (timeType) Parse(_ *Field, text string) (any, error) {
	for _, layout := range []string{"15:04:05", "15:04"} { // the first reads digits behind the second too
		if at, err := time.Parse(layout, text); err == nil && len(text) >= len(layout) {
			return at.Truncate(time.Microsecond).Format(clockLayout), nil
		}
	}
	return nil, errNotA(aTime)
}

func (timeType) AppendJSON(dst []byte, _ *Field, text []byte) []byte {
	return AppendString(dst, bytes.TrimSpace(text))
}
