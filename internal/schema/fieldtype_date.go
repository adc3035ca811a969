package schema

import "time"

// dateType is a day, without a time and a time zone.
type dateType struct{}

func (dateType) Name() TypeName         { return TypeDate }
func (dateType) Kind() Kind             { return KindDate }
func (dateType) Form() Form             { return Form{Type: "string", Format: "date"} }
func (dateType) Storage(*Field) Storage { return StorageDate }
func (dateType) Rules(*Field) []Rule    { return nil }
func (dateType) Check(*Field) []Problem { return nil }

func (t dateType) Decode(f *Field, value any) (any, error) {
	text, ok := value.(string)
	if !ok {
		return nil, errNotA("a date, written YYYY-MM-DD")
	}
	if text == "" {
		return nil, nil //nolint:nilnil // an empty text is no value
	}
	return t.Parse(f, text)
}

func (dateType) Parse(_ *Field, text string) (any, error) {
	day, err := time.Parse(time.DateOnly, text)
	if err != nil || day.Year() < 1 {
		return nil, errNotA("a date, written YYYY-MM-DD")
	}
	return day, nil
}

func (dateType) AppendJSON(dst []byte, _ *Field, text []byte) []byte { return AppendString(dst, text) }
