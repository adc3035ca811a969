package schema

import (
	"errors"
	"fmt"
	"slices"
)

// TypeName is the name of a field type in YAML, REST and the stored schema.
type TypeName string

// The field types that a resource may name.
const (
	TypeText          TypeName = "text"
	TypeLongText      TypeName = "long_text"
	TypeInteger       TypeName = "integer"
	TypeDecimal       TypeName = "decimal"
	TypeMoney         TypeName = "money"
	TypePercent       TypeName = "percent"
	TypeBoolean       TypeName = "boolean"
	TypeDate          TypeName = "date"
	TypeDateTime      TypeName = "datetime"
	TypePicklist      TypeName = "picklist"
	TypeMultiPicklist TypeName = "multi_picklist"
	TypeEmail         TypeName = "email"
	TypePhone         TypeName = "phone"
	TypeURL           TypeName = "url"
	TypeRelation      TypeName = "relation"
	TypeAutoNumber    TypeName = "auto_number"
	TypeAddress       TypeName = "address"
	TypePersonName    TypeName = "person_name"
	TypeGeo           TypeName = "geo"
	TypeRichText      TypeName = "rich_text"
	TypeTime          TypeName = "time"
	TypeDuration      TypeName = "duration"
	TypeRating        TypeName = "rating"
	TypeJSON          TypeName = "json"
	TypeCurrency      TypeName = "currency"
	TypeFile          TypeName = "file"
	TypeImage         TypeName = "image"
	TypeFormula       TypeName = "formula"
	TypeRollup        TypeName = "rollup"
)

// The types of system fields and of parts; no resource may name them.
const (
	TypeID      TypeName = "id"
	TypeTags    TypeName = "tags"
	TypeCountry TypeName = "country"
	// TypeObjectName and TypeRecordID are the parts of a relation with several targets.
	TypeObjectName TypeName = "object_name"
	TypeRecordID   TypeName = "record_id"
)

var innerTypes = []TypeName{TypeID, TypeTags, TypeCountry, TypeObjectName, TypeRecordID}

// Kind is what an expression sees of a value: one kind for all numbers, one for all texts.
type Kind string

// The kinds of values.
const (
	KindText    Kind = "text"
	KindNumber  Kind = "number"
	KindBoolean Kind = "boolean"
	KindDate    Kind = "date"
	KindTime    Kind = "time"
	// KindTexts is a list of texts.
	KindTexts Kind = "texts"
	// KindReference is the id of a record.
	KindReference Kind = "reference"
	// KindClock is a time of the day.
	KindClock Kind = "clock"
	// KindJSON is a value of which an expression sees only whether it is there.
	KindJSON Kind = "json"
	// KindObjectName is the identity of an object, which texts name as the API does.
	KindObjectName Kind = "object"
	// KindParts is a value that an expression reads by its parts: address.city.
	KindParts Kind = "parts"
)

// Storage is a PostgreSQL type as its format_type prints it.
type Storage string

// The storages that need no modifier; numbers with digits are made by NumericStorage.
const (
	StorageText   Storage = "text"
	StorageTexts  Storage = "text[]"
	StorageBigInt Storage = "bigint"
	// StorageNumber is a number of any digits, which only what is computed has.
	StorageNumber    Storage = "numeric"
	StorageInteger   Storage = "integer"
	StorageBoolean   Storage = "boolean"
	StorageDate      Storage = "date"
	StorageTimestamp Storage = "timestamp with time zone"
	StorageTime      Storage = "time without time zone"
	StorageUUID      Storage = "uuid"
	StorageJSON      Storage = "jsonb"
)

// NumericStorage is a number of so many digits, scale of them behind the point.
func NumericStorage(precision, scale int) Storage {
	return Storage(fmt.Sprintf("numeric(%d,%d)", precision, scale))
}

// Form is the shape of a value in JSON, in the words of JSON Schema.
type Form struct {
	// Type is "string", "integer", "boolean", "array" (of strings) or "object" (of
	// parts); empty for any value.
	Type string
	// Format is "date", "date-time", "time-local", "duration", "email", "uri",
	// "uuid", "decimal", "commonmark" or empty.
	Format string
}

// Problem is something wrong in a definition, with the path below the field or object.
type Problem struct {
	Path    string
	Message string
}

// FieldType is one type of field: how it is stored, what holds for its values,
// and how they are read and written. Values in Go are:
//
//	text, long_text, rich_text, picklist, email, phone, url, currency   string
//	integer, rating, auto_number                                        int64
//	decimal, money, percent                                             decimal.Decimal
//	boolean                                                             bool
//	date (midnight UTC), datetime                                       time.Time
//	time                                                                string, as PostgreSQL writes it
//	duration                                                            int64, its seconds
//	multi_picklist, tags                                                []string
//	relation, id, record_id, file, image                                string, a UUID in lower case
//	object_name                                                         string, the identity of the object
//	json                                                                string, see CanonicalJSON
//	formula, rollup                                                     none: they are computed, see Result
//	address, person_name, geo, relation to several targets              none: their parts have values, see Compound
//
// An empty text is no value: it becomes nil.
type FieldType interface {
	Name() TypeName
	Kind() Kind
	// Storage is the type of the column; empty for a type whose values have parts.
	Storage(f *Field) Storage
	// Form is the shape in JSON.
	Form() Form
	// Rules hold for every value that is not null; the database, REST and the page enforce the same ones.
	Rules(f *Field) []Rule
	// Check finds what is wrong with the definition, with paths below the field.
	Check(f *Field) []Problem
	// Decode reads a value as encoding/json gives it (numbers as json.Number) and
	// checks the rules. It returns nil for null and for an empty text. Errors are for the user.
	Decode(f *Field, value any) (any, error)
	// Parse reads a value from a text, as a CSV or a default has it, and checks the rules.
	Parse(f *Field, text string) (any, error)
	// AppendJSON appends the value to dst as JSON, from PostgreSQL's text form in a
	// session with DateStyle ISO and TimeZone UTC.
	AppendJSON(dst []byte, f *Field, text []byte) []byte
}

// types is the table of contents: every field type, a file each.
var types = map[TypeName]FieldType{
	TypeText:          textType{},
	TypeLongText:      longTextType{},
	TypeInteger:       integerType{},
	TypeDecimal:       decimalType{},
	TypeMoney:         moneyType{},
	TypePercent:       percentType{},
	TypeBoolean:       booleanType{},
	TypeDate:          dateType{},
	TypeDateTime:      dateTimeType{},
	TypePicklist:      picklistType{},
	TypeMultiPicklist: multiPicklistType{},
	TypeEmail:         emailType{},
	TypePhone:         phoneType{},
	TypeURL:           urlType{},
	TypeRelation:      relationType{},
	TypeAutoNumber:    autoNumberType{},
	TypeAddress:       addressType{},
	TypePersonName:    personNameType{},
	TypeGeo:           geoType{},
	TypeRichText:      richTextType{},
	TypeTime:          timeType{},
	TypeDuration:      durationType{},
	TypeRating:        ratingType{},
	TypeJSON:          jsonType{},
	TypeFile:          fileType{},
	TypeImage:         imageType{},
	TypeFormula:       formulaType{},
	TypeRollup:        rollupType{},
	TypeID:            idType{},
	TypeTags:          tagsType{},
	TypeCurrency:      currencyType{},
	TypeCountry:       countryType{},
	TypeObjectName:    objectNameType{},
	TypeRecordID:      recordIDType{},
}

// TypeOf is the field type of that name, or false.
func TypeOf(name TypeName) (FieldType, bool) {
	t, ok := types[name]
	return t, ok
}

// FieldType is the type of a field's values, in a built schema; Build has seen to it that there is one.
func (f *Field) FieldType() FieldType {
	switch {
	case f.Computed():
		return types[f.Result().Type]
	case f.Type == TypeRelation && len(f.Targets) > 0:
		return polymorphicType{}
	case f.Type == TypeAutoNumber && f.Pattern != "":
		return patternedNumberType{}
	}
	return types[f.Type]
}

// Kind is what an expression sees of the field.
func (f *Field) Kind() Kind { return f.FieldType().Kind() }

// Storage is the type of the field's column; of a computed field a type that holds
// all of its values, whether it has a column or not.
func (f *Field) Storage() Storage {
	if f.Computed() && f.Kind() == KindNumber {
		return StorageNumber
	}
	return f.FieldType().Storage(f.Result())
}

// Rules hold for every value of the field that is not null. What is computed has none.
func (f *Field) Rules() []Rule {
	if f.Computed() {
		return nil
	}
	return f.FieldType().Rules(f)
}

// Sortable says whether the values have an order by which records can be sorted and indexed.
func (f *Field) Sortable() bool {
	return f.Kind() != KindTexts && f.Kind() != KindJSON && f.Type != TypeLongText && f.Type != TypeRichText && len(f.Parts()) == 0
}

// Decode reads a JSON value; nil is nil. Errors are for the user and do not name the field.
func (f *Field) Decode(value any) (any, error) {
	if value == nil {
		return nil, nil //nolint:nilnil // no value is a value here: null
	}
	if f.Computed() {
		return nil, errComputed
	}
	return f.FieldType().Decode(f, value)
}

// Parse reads the text form of a value; an empty text is nil.
func (f *Field) Parse(text string) (any, error) {
	if text == "" {
		return nil, nil //nolint:nilnil // no value is a value here: null
	}
	if f.Computed() {
		return nil, errComputed
	}
	return f.FieldType().Parse(f, text)
}

// AppendJSON appends a value in PostgreSQL's text form as JSON; nil is null.
func (f *Field) AppendJSON(dst, text []byte) []byte {
	if text == nil {
		return append(dst, "null"...)
	}
	return f.FieldType().AppendJSON(dst, f.Result(), text)
}

// CheckField finds what is wrong with a definition: its type's own demands and
// its default. Paths are those of the resource, below the field.
func CheckField(f *Field) []Problem {
	t := f.FieldType()
	if f.Computed() {
		t = types[f.Type]
	}
	if t == nil || slices.Contains(innerTypes, f.Type) {
		return []Problem{{Path: "type", Message: fmt.Sprintf("%q is not a field type", f.Type)}}
	}
	problems := t.Check(f)
	if len(problems) > 0 || f.Default == nil || f.OptionsFrom != nil { // whose options are not known here
		return problems
	}
	if err := f.CheckDefault(); err != nil {
		problems = append(problems, Problem{Path: "default", Message: err.Error()})
	}
	return problems
}

// errNotA says which kind of JSON value was expected.
func errNotA(what string) error { return errors.New("must be " + what) }
