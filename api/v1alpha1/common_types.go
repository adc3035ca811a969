package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// Object is what all kinds of this package have in common.
// +kubebuilder:object:generate=false
type Object interface {
	metav1.Object
	runtime.Object

	// GetConditions are the conditions in the status; nil when there are none yet.
	GetConditions() []metav1.Condition
	// SetConditions replaces the conditions in the status.
	SetConditions(conditions []metav1.Condition)
	// GetCommonSpec points into the object, so that what is read is current; it is never nil.
	GetCommonSpec() *CommonSpec
	// GetCommonStatus points into the object, so that a change to it is a change of the object; it is never nil.
	GetCommonStatus() *CommonStatus
}

// CommonSpec is the part of the spec that all kinds share.
type CommonSpec struct {
	// suspend stops the operator's work on this resource until it is false
	// again. What was made stays as it is and goes on running; the condition
	// Ready says Suspended.
	// +optional
	Suspend bool `json:"suspend,omitempty"`

	// interval is the time between two looks at the world when nothing changed,
	// as a duration: "5m", "1h". It is spread a little, so that a thousand
	// resources do not look at the same moment. Between 10s and 24h; without it
	// the operator's own interval counts.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=20
	// +kubebuilder:validation:Pattern=`^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$`
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('10s') && duration(self) <= duration('24h')",message="interval lies between 10s and 24h"
	Interval *metav1.Duration `json:"interval,omitempty"`
}

// CommonStatus is the part of the status that all kinds share.
type CommonStatus struct {
	// observedGeneration is the metadata.generation that this status speaks
	// about. When it is lower than metadata.generation, the status is about an
	// older form of the spec.
	// +optional
	// +kubebuilder:validation:Minimum=0
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// conditions say how things stand. "Ready" is always there;
	// "Reconciling" and "Stalled" are there only while they are True.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=16
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// lastHandledReconcileAt repeats the text of the annotation
	// crm.kontor.dev/reconcile-requested-at that was handled last.
	// +optional
	// +kubebuilder:validation:MaxLength=256
	LastHandledReconcileAt string `json:"lastHandledReconcileAt,omitempty"`
}

// Label is a text by language: {en: Stage, zh: 阶段}. The keys are language tags
// (en, zh, zh-Hans), the values have 1 to 200 characters. A language that is
// missing falls back to English, then to the first by language.
//
// +kubebuilder:validation:MinProperties=1
// +kubebuilder:validation:MaxProperties=20
// +kubebuilder:validation:XValidation:rule="self.all(l, l.size() <= 35 && l.matches('^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$'))",message="a label's key is a language tag like en, zh or zh-Hans"
// +kubebuilder:validation:XValidation:rule="self.all(l, self[l].size() >= 1 && self[l].size() <= 200)",message="a label has 1 to 200 characters in each language"
type Label map[string]string

// FieldType is the kind of value that a field holds.
// +kubebuilder:validation:Enum=text;long_text;integer;decimal;money;percent;boolean;date;datetime;picklist;multi_picklist;email;phone;url;rich_text;time;duration;rating;json;currency;address;person_name;geo;relation;file;image;auto_number;formula;rollup
type FieldType string

// The types of fields.
const (
	// FieldText is one line of text, 255 characters unless length says otherwise.
	FieldText FieldType = "text"
	// FieldLongText is text of several lines.
	FieldLongText FieldType = "long_text"
	// FieldInteger is a whole number of 64 bits.
	FieldInteger FieldType = "integer"
	// FieldDecimal is an exact decimal number.
	FieldDecimal FieldType = "decimal"
	// FieldMoney is an exact amount in the record's currency.
	FieldMoney FieldType = "money"
	// FieldPercent is a number where 100 is the whole.
	FieldPercent FieldType = "percent"
	// FieldBoolean is true or false.
	FieldBoolean FieldType = "boolean"
	// FieldDate is a day, written 2006-01-02.
	FieldDate FieldType = "date"
	// FieldDateTime is a moment, written as in RFC 3339.
	FieldDateTime FieldType = "datetime"
	// FieldPicklist is one of the declared options.
	FieldPicklist FieldType = "picklist"
	// FieldMultiPicklist is any number of the declared options.
	FieldMultiPicklist FieldType = "multi_picklist"
	// FieldEmail is an e-mail address.
	FieldEmail FieldType = "email"
	// FieldPhone is a telephone number.
	FieldPhone FieldType = "phone"
	// FieldURL is an address in the web.
	FieldURL FieldType = "url"
	// FieldRichText is text with headings, lists and links, written in CommonMark.
	FieldRichText FieldType = "rich_text"
	// FieldTime is a time of the day, written 15:04 or 15:04:05.
	FieldTime FieldType = "time"
	// FieldDuration is a span of time, written as in ISO 8601: PT1H30M.
	FieldDuration FieldType = "duration"
	// FieldRating is a number of stars.
	FieldRating FieldType = "rating"
	// FieldJSON is a JSON value for programs.
	FieldJSON FieldType = "json"
	// FieldCurrency is the code of a currency, of ISO 4217: EUR.
	FieldCurrency FieldType = "currency"
	// FieldFile is a file that was uploaded, named by its id.
	FieldFile FieldType = "file"
	// FieldImage is a file that is a PNG, JPEG, WebP or GIF.
	FieldImage FieldType = "image"
	// FieldAddress is a postal address: a line of text, and the same in parts.
	FieldAddress FieldType = "address"
	// FieldPersonName is the name of a person in parts.
	FieldPersonName FieldType = "person_name"
	// FieldGeo is a point on the earth.
	FieldGeo FieldType = "geo"
	// FieldRelation points to one record of an object.
	FieldRelation FieldType = "relation"
	// FieldAutoNumber is a number that counts up by itself.
	FieldAutoNumber FieldType = "auto_number"
	// FieldFormula is computed by an expression whenever it is asked for.
	FieldFormula FieldType = "formula"
	// FieldRollup is computed from the records that point to one.
	FieldRollup FieldType = "rollup"
)

// Sensitivity says how careful one must be with the values of a field.
// +kubebuilder:validation:Enum=public;internal;personal;sensitive
type Sensitivity string

// The degrees of sensitivity, from the most open one.
const (
	// SensitivityPublic may be shown to everybody.
	SensitivityPublic Sensitivity = "public"
	// SensitivityInternal may be shown to the people of the tenant.
	SensitivityInternal Sensitivity = "internal"
	// SensitivityPersonal tells something about a natural person.
	SensitivityPersonal Sensitivity = "personal"
	// SensitivitySensitive does harm in wrong hands.
	SensitivitySensitive Sensitivity = "sensitive"
)

// FieldSpec says what one field of an object is. An inline field of a
// CustomObject and a CustomField have it in common.
//
// +kubebuilder:validation:XValidation:rule="!(self.type in ['picklist', 'multi_picklist']) || (has(self.options) && self.options.size() > 0) != has(self.optionsFrom)",fieldPath=".options",message="a picklist needs either options or optionsFrom"
// +kubebuilder:validation:XValidation:rule="self.type in ['picklist', 'multi_picklist'] || !has(self.options)",fieldPath=".options",message="only a picklist or multi_picklist has options"
// +kubebuilder:validation:XValidation:rule="self.type in ['picklist', 'multi_picklist'] || !has(self.optionsFrom)",fieldPath=".optionsFrom",message="only a picklist or multi_picklist has options"
// +kubebuilder:validation:XValidation:rule="self.type in ['picklist', 'multi_picklist'] || !has(self.dependsOn)",fieldPath=".dependsOn",message="only a picklist or multi_picklist depends on another"
// +kubebuilder:validation:XValidation:rule="!has(self.default) || !has(self.defaultExpression)",fieldPath=".defaultExpression",message="a field has a default or a defaultExpression, not both"
// +kubebuilder:validation:XValidation:rule="self.type != 'relation' || has(self.target) || has(self.targets)",fieldPath=".target",message="a relation needs a target, the object that it points to"
// +kubebuilder:validation:XValidation:rule="self.type == 'relation' || !has(self.target)",fieldPath=".target",message="only a relation has a target"
// +kubebuilder:validation:XValidation:rule="!has(self.targets) || self.type == 'relation' && !has(self.target) && (!has(self.unique) || !self.unique) && (!has(self.indexed) || !self.indexed)",fieldPath=".targets",message="only a relation has targets; one that has is not unique, not indexed and has no target beside them"
// +kubebuilder:validation:XValidation:rule="!has(self.length) || self.type in ['text', 'long_text', 'email', 'phone', 'url', 'rich_text', 'json', 'address']",fieldPath=".length",message="only text, long_text, rich_text, email, phone, url, json and address have a length"
// +kubebuilder:validation:XValidation:rule="!has(self.length) || self.length <= (self.type == 'phone' ? 50 : self.type == 'email' ? 254 : self.type == 'address' ? 1000 : self.type == 'url' ? 2000 : self.type == 'text' ? 4000 : 100000)",fieldPath=".length",message="the greatest length is 50 for phone, 254 for email, 1000 for address, 2000 for url, 4000 for text and 100000 for long_text, rich_text and json"
// +kubebuilder:validation:XValidation:rule="!has(self.precision) || self.type == 'decimal'",fieldPath=".precision",message="only a decimal has a precision; money has 20 digits and percent 9, 4 of them behind the point"
// +kubebuilder:validation:XValidation:rule="!has(self.scale) || !(self.type in ['money', 'percent']) || self.scale <= 4",fieldPath=".scale",message="the scale of money and percent is at most 4"
// +kubebuilder:validation:XValidation:rule="!has(self.scale) || self.type in ['decimal', 'money', 'percent', 'formula', 'rollup']",fieldPath=".scale",message="only decimal, money, percent and what is computed have a scale"
// +kubebuilder:validation:XValidation:rule="!has(self.precision) || !has(self.scale) || self.scale <= self.precision",fieldPath=".scale",message="the scale is not larger than the precision"
// +kubebuilder:validation:XValidation:rule="!has(self.onDelete) || (self.type == 'relation' && has(self.target))",fieldPath=".onDelete",message="only a relation with a target has an onDelete"
// +kubebuilder:validation:XValidation:rule="!has(self.onDelete) || self.onDelete != 'clear' || !has(self.required) || !self.required",fieldPath=".onDelete",message="a required relation cannot be cleared"
// +kubebuilder:validation:XValidation:rule="!has(self.pattern) || self.type == 'auto_number'",fieldPath=".pattern",message="only an auto_number has a pattern"
// +kubebuilder:validation:XValidation:rule="!has(self.min) || self.type in ['integer', 'decimal', 'money', 'percent']",fieldPath=".min",message="only integer, decimal, money and percent have a min"
// +kubebuilder:validation:XValidation:rule="!has(self.max) || self.type in ['integer', 'decimal', 'money', 'percent', 'rating']",fieldPath=".max",message="only integer, decimal, money, percent and rating have a max"
// +kubebuilder:validation:XValidation:rule="self.type != 'rating' || !has(self.max) || (self.max.matches('^[0-9]{1,3}$') && int(self.max) >= 2 && int(self.max) <= 100)",fieldPath=".max",message="the max of a rating is a whole number from 2 to 100"
// +kubebuilder:validation:XValidation:rule="!has(self.min) || !has(self.max) || double(self.min) <= double(self.max)",fieldPath=".max",message="max is not smaller than min"
// +kubebuilder:validation:XValidation:rule="!has(self.required) || !self.required || self.type != 'auto_number'",fieldPath=".required",message="an auto_number is never asked for: the database numbers the records"
// +kubebuilder:validation:XValidation:rule="!has(self.unique) || !self.unique || !(self.type in ['long_text', 'rich_text', 'json', 'boolean', 'multi_picklist', 'address', 'person_name', 'geo'])",fieldPath=".unique",message="a long_text, rich_text, json, boolean, multi_picklist and a value of parts cannot be unique"
// +kubebuilder:validation:XValidation:rule="!has(self.indexed) || !self.indexed || !(self.type in ['long_text', 'rich_text', 'json', 'address', 'person_name', 'geo'])",fieldPath=".indexed",message="a long_text, rich_text, json and a value of parts cannot be indexed"
// +kubebuilder:validation:XValidation:rule="!has(self.default) || !(self.type in ['relation', 'file', 'image', 'auto_number', 'json', 'address', 'person_name', 'geo'])",fieldPath=".default",message="a relation, file, image, auto_number, json and a value of parts have no default"
// +kubebuilder:validation:XValidation:rule="self.type == 'relation' || !has(self.inverse)",fieldPath=".inverse",message="only a relation has an inverse"
// +kubebuilder:validation:XValidation:rule="(self.type == 'formula') == has(self.formula)",fieldPath=".formula",message="a field of the type formula needs a formula, and no other has one"
// +kubebuilder:validation:XValidation:rule="(self.type == 'rollup') == has(self.rollup)",fieldPath=".rollup",message="a field of the type rollup needs a rollup, and no other has one"
// +kubebuilder:validation:XValidation:rule="!(self.type in ['formula', 'rollup']) || !((has(self.required) && self.required) || (has(self.unique) && self.unique) || has(self.default))",message="a computed field is not required or unique and has no default: its value follows from others"
type FieldSpec struct {
	// name is what the API calls the field: lower-case letters, digits and _,
	// starting with a letter, at most 48 characters. It may change at any time;
	// the stored data stays. Words of SQL (order, user, end) are good names;
	// the reserved words of CEL and the columns that every record has are not.
	// Without it the field's identity is the name, with each "-" turned into "_".
	// +optional
	Name Name `json:"name,omitempty"`

	// type is the kind of value: text, long_text (several lines), integer,
	// decimal, money (in the record's currency), percent, boolean, date,
	// datetime, picklist (one of the options), multi_picklist (any of the
	// options), email, phone, url, rich_text, time, duration, rating, json,
	// currency (a code of ISO 4217), address, person_name, geo, relation (one
	// record of another object, or of the same), file, image, auto_number
	// (counts up by itself), formula (computed by an expression) or rollup
	// (computed from the records that point to one).
	//
	// The type may become another while there are records: a text a number, a
	// date or a boolean, a number a text, a datetime a date, a picklist a
	// multi_picklist, each also back. Values are never rounded, cut or guessed:
	// a plan counts those that do not convert and waits until they are mended.
	// Both forms are kept for a while, so that going back finds each value that
	// nobody has changed since just as it was. What has no way is refused with
	// the reason: relations, files, json, what the database numbers or
	// computes, and values with parts.
	//
	// A file is uploaded first and then named by its id. An image is a file that
	// is a PNG, JPEG, WebP or GIF of at most 10 MiB.
	//
	// A rich_text is CommonMark and stored as it is written: who shows it must
	// take HTML inside of it for plain text, and follow no links but http, https
	// and mailto. A time is one of the day, without a time zone: "15:04". A
	// duration is whole seconds, from none to a hundred years: in JSON
	// "PT1H30M", and "1h30m", "P2DT4H" (a day is 24 hours) or a number of
	// seconds are read too; expressions reckon with its
	// seconds, and seconds(name) makes a duration of CEL of it. A rating is a
	// whole number from 1 to max, which is 5 without it. A json is any JSON
	// value, at most 16 deep; expressions see only whether there is one, and it
	// is replaced as a whole.
	//
	// Beside a phone and a money stands another form of the value, which is read,
	// filtered and sorted by and never set: name_e164 is the number as +49301234,
	// where a telephone could reach it; one that is written without a country is
	// of that of the record's address, else of the Tenant's. name_base is the
	// amount in the Tenant's currency, at the rate of the day on which amount or
	// currency were written; the rates are records of exchange_rate, and without
	// one there is no such amount.
	//
	// The values of some types have parts, each with a column of its own. In
	// JSON such a value is an object of its parts, of which a write may name
	// some; filters, sort keys and imports name a part behind a point:
	// address.city. An address has line (the whole on one line; a text given
	// for the address is its line), country (two letters of ISO 3166), region,
	// city, district, street, postal_code, city_tier (tier_1, new_tier_1,
	// tier_2 to tier_5), area_kind (urban, rural), latitude and longitude; a
	// person_name has salutation, given, middle and family; a geo has latitude
	// and longitude, in degrees with six digits behind the point.
	Type FieldType `json:"type"`

	// label is what people see, by language: {en: Tier, zh: 等级}. Without it
	// they see the name.
	// +optional
	Label Label `json:"label,omitempty"`

	// description helps people to fill the field in, by language.
	// +optional
	Description Label `json:"description,omitempty"`

	// required refuses records without a value; of a value with parts one is
	// enough. On an object that has records
	// a new required field needs a default.
	// +optional
	Required bool `json:"required,omitempty"`

	// unique refuses a second record with the same value. Records that were
	// deleted and records without a value do not count; of an email the case of
	// its letters does not count.
	// +optional
	Unique bool `json:"unique,omitempty"`

	// indexed makes filters and sorting by this field fast. It costs a little
	// with each write. A unique field is always indexed. A formula or rollup is
	// computed whenever it is asked for; one that is indexed is kept in a column
	// instead, and right after every write of its record, of those that point to
	// it and of those that it points to. So it can use neither now() or today()
	// nor records further away.
	// +optional
	Indexed bool `json:"indexed,omitempty"`

	// searchable says whether search finds records by this field. It is for
	// text, long_text, rich_text, email, phone, url, address and person_name.
	// Without it search finds records by their title, by e-mail addresses, by
	// phone numbers, by names of persons and by unique texts, but never by
	// sensitive values. Each searchable field costs a little with each write; of
	// a very long text only the beginning counts.
	// +optional
	Searchable *bool `json:"searchable,omitempty"`

	// default is the value that a new record gets when it says none, written as
	// text: "gold", "true", "12.50", "2026-01-31".
	// +optional
	// +kubebuilder:validation:MaxLength=1000
	Default *string `json:"default,omitempty"`

	// length is the greatest number of characters; a Chinese character counts
	// as one. Without it a text has 255 (at most 4000), a long_text or rich_text
	// 32000 (at most 100000), a json 10000 (at most 100000), an email 100 (254), a phone 20 (50), a url 255 (2000) and
	// the line of an address 200 (1000).
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100000
	Length int32 `json:"length,omitempty"`

	// precision is the greatest number of digits of a decimal, those behind the
	// point included. Without it, 20. Money always has 20, percent 9.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=38
	Precision int32 `json:"precision,omitempty"`

	// scale is the greatest number of digits behind the point: of a decimal at
	// most 18, and 6 without it; of money and percent at most 4, and 4 without it.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=18
	Scale *int32 `json:"scale,omitempty"`

	// pattern makes the value of an auto_number a text around the number:
	// "INV-{year}-{number:5}" gives INV-2026-00042. {year}, {month} and {day} are
	// those of the record's making in the Tenant's time zone, {number} stands once,
	// with at least so many digits. The number goes on counting from year to year.
	// A text does not become a number, nor a number a text, once there are records.
	// +optional
	// +kubebuilder:validation:MaxLength=60
	// +kubebuilder:validation:Pattern=`^([^{}\\]|\{year\}|\{month\}|\{day\})*\{number(:[0-9]{1,2})?\}([^{}\\]|\{year\}|\{month\}|\{day\})*$`
	Pattern string `json:"pattern,omitempty"`

	// min is the smallest value, in decimal notation: "0", "-10.5". For
	// integer, decimal, money and percent.
	// +optional
	Min Number `json:"min,omitempty"`

	// max is the greatest value, in decimal notation: "100", "9999.99". For
	// integer, decimal, money and percent, and for rating, where it is a whole
	// number from 2 to 100.
	// +optional
	Max Number `json:"max,omitempty"`

	// onViolation says what happens to records whose values do not bear a narrower
	// length, min, max, scale or set of options: Refuse leaves the field as it is until
	// somebody has mended them, Truncate cuts texts to the length, and Clear takes the
	// values away. Both alter records, and so need an approval. The values are kept as
	// they were for the retention that the Tenant's changePolicy says: when the field
	// becomes as wide again, they are given back to the records in which nobody has
	// changed them since. Without it, Refuse.
	// +optional
	OnViolation OnViolation `json:"onViolation,omitempty"`

	// options are the choices of a picklist or multi_picklist, in the order in
	// which they are shown: at most 200, and 300 with those that are retired. An
	// option that is taken out is retired too: the records that have it keep it.
	// +optional
	// +listType=map
	// +listMapKey=key
	// +kubebuilder:validation:MaxItems=300
	Options []Option `json:"options,omitempty"`

	// optionsFrom takes the options of another picklist in place of options of
	// its own, so that several fields share one set.
	// +optional
	OptionsFrom *FieldReference `json:"optionsFrom,omitempty"`

	// dependsOn is the picklist of the same object, by its API name or identity,
	// whose value decides which options there are: each option says in "when"
	// with which values of that picklist it goes.
	// +optional
	DependsOn Identity `json:"dependsOn,omitempty"`

	// defaultExpression computes the value that a new record gets when it says
	// none, in CEL over the other values of the record: "today() + duration('168h')"
	// or "user()".
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=2000
	DefaultExpression string `json:"defaultExpression,omitempty"`

	// requiredWhen is a condition in CEL over the values of the record: while it
	// is true the field must have a value: "stage == 'lost'".
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=2000
	RequiredWhen string `json:"requiredWhen,omitempty"`

	// readOnlyWhen is a condition in CEL over the values that the record has
	// before a change: while it is true, no change of the field is accepted:
	// "stage == 'won'".
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=2000
	ReadOnlyWhen string `json:"readOnlyWhen,omitempty"`

	// visibleWhen is a condition in CEL over the values of the record: forms show
	// the field only while it is true. It hides nothing from who may read it.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=2000
	VisibleWhen string `json:"visibleWhen,omitempty"`

	// target is the object that a relation points to: the name of a standard
	// object (customer) or the metadata.name of a CustomObject. An object may
	// point to itself.
	// +optional
	Target Identity `json:"target,omitempty"`

	// targets are the objects that a relation points to which may point to
	// records of several, in place of target. Its value has the parts object and
	// id and is given as a whole: {"object": "customer", "id": "…"}; expressions
	// ask for related.object == "customer" and related.id. The record must be
	// there when it is written. It is found no more when it is deleted, and the
	// value goes on naming it.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=20
	Targets []Identity `json:"targets,omitempty"`

	// onDelete says what becomes of the records that point to a record which is
	// deleted: keep (they go on pointing to it, and restoring it mends all), refuse
	// (it cannot be deleted while they are there), clear (they point to nothing
	// any more) or delete (they are deleted with it). For a relation with a target;
	// without it, keep.
	// +optional
	OnDelete OnDelete `json:"onDelete,omitempty"`

	// inverse is what the target calls the records that point to it: with
	// target customer and inverse opportunities, an expression over a customer
	// says opportunities.size(), and a rollup of customer names opportunities.
	// It is no name of a field of the target, nor of another of its inverses.
	// +optional
	Inverse Name `json:"inverse,omitempty"`

	// formula says how a field of the type formula is computed.
	// +optional
	Formula *FormulaSpec `json:"formula,omitempty"`

	// rollup says how a field of the type rollup is computed.
	// +optional
	Rollup *RollupSpec `json:"rollup,omitempty"`

	// conversion says how the values that are there become those of another type,
	// where that is not plain. It matters only while the type changes.
	// +optional
	Conversion *ConversionSpec `json:"conversion,omitempty"`

	// sensitivity says how careful one must be with the values: public,
	// internal, personal (tells something about a natural person) or sensitive.
	// +optional
	// +kubebuilder:default=internal
	Sensitivity Sensitivity `json:"sensitivity,omitempty"`
}

// ConversionSpec says how values become those of another type, and back. Without it
// texts are read and written as the API does: "12.50", "true", "2026-01-31",
// "2026-01-31T08:00:00Z"; white space around a text does not count.
//
//	spec:
//	  type: date
//	  conversion: {dateFormat: DD.MM.YYYY}
type ConversionSpec struct {
	// dateFormat is how texts say a date: YYYY, MM and DD once each, with points,
	// dashes, slashes or spaces between them. Without it, YYYY-MM-DD.
	// +optional
	// +kubebuilder:validation:MinLength=8
	// +kubebuilder:validation:MaxLength=20
	DateFormat string `json:"dateFormat,omitempty"`

	// trueWords are words of a text, or keys of options, that mean true beside
	// true, yes and 1; upper and lower case do not matter. A boolean that
	// becomes a text is written by the first.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=10
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=48
	TrueWords []string `json:"trueWords,omitempty"`

	// falseWords are those that mean false beside false, no and 0.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=10
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=48
	FalseWords []string `json:"falseWords,omitempty"`

	// byLabel finds the option of a picklist by its label in any language, too,
	// and writes it by its label where it becomes a text. Without it only keys
	// count, and a text that holds them stays as it is.
	// +optional
	ByLabel bool `json:"byLabel,omitempty"`
}

// FormulaSpec says how a field is computed by an expression. The value is never
// stored: it is right whenever it is asked for, and can be shown, filtered and
// sorted by as any other. Nobody can set it.
//
//   - {key: weighted_amount, type: formula, formula: {expression: amount * probability / 100, returns: money}}
type FormulaSpec struct {
	// expression is CEL over the record: its fields by their API names
	// (amount * probability / 100), those of related records
	// (customer.industry), the records that point to it by the inverse of
	// their relation (lines.map(l, l.price * l.quantity).sum()), today() and
	// now() in the organisation's time zone, and functions of texts, numbers,
	// dates and times. Without a value of its operands most of an expression
	// has none. Formulas may use each other, but not in a circle. While a
	// formula uses a field, that keeps its name and type.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=4000
	Expression string `json:"expression"`

	// returns is the type of the value. Numbers are rounded, half away from
	// zero: integer to a whole number, decimal, money and percent to the
	// field's scale.
	// +kubebuilder:validation:Enum=text;integer;decimal;money;percent;boolean;date;datetime
	Returns FieldType `json:"returns"`
}

// RollupSpec says how a field is computed from the records that point to one.
// The value is never stored: it is right whenever it is asked for, also right
// after an import, and changes neither the version nor the time of change of
// the record. Deleted records do not count.
//
//   - key: won_total
//     type: rollup
//     rollup: {inverse: opportunities, function: sum, field: amount, filter: stage == "won"}
type RollupSpec struct {
	// inverse is the name that a relation to this object gives the records
	// that point to one (its inverse).
	Inverse Name `json:"inverse"`

	// function is what is made of them: count, sum, min, max or avg. A sum of
	// no values is 0; min, max and avg of none have no value.
	// +kubebuilder:validation:Enum=count;sum;min;max;avg
	Function string `json:"function"`

	// field is the API name of the field of those records whose values are
	// taken: a number, or for min and max also a date or a moment. Amounts of
	// several currencies are comparable in the one of the Tenant: amount_base.
	// A count has none.
	// +optional
	Field Name `json:"field,omitempty"`

	// filter is a condition in CEL over each of those records, as a formula
	// of theirs would say it: stage == "won". Without it all are taken.
	// +optional
	// +kubebuilder:validation:MaxLength=4000
	Filter string `json:"filter,omitempty"`
}

// Option is one choice of a picklist.
type Option struct {
	// key is what is stored and what the API says. It never changes; another
	// key is another option.
	Key Key `json:"key"`

	// label is what people see, by language. Without it they see the key.
	// +optional
	Label Label `json:"label,omitempty"`

	// when are the options of the field in dependsOn with which this option
	// goes. Without it the option goes with all.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=200
	// +kubebuilder:validation:items:MaxLength=48
	When []string `json:"when,omitempty"`

	// retired takes the option out of choice: no write can give it to a record any
	// more. The records that have it keep it, with its label, and lists go on to
	// filter, order and count by it. It is no default.
	// +optional
	Retired bool `json:"retired,omitempty"`
}

// OnDelete says what becomes of the records that point to a record which is deleted.
// +kubebuilder:validation:Enum=keep;refuse;clear;delete
type OnDelete string

// What becomes of them.
const (
	// OnDeleteKeep lets them point to it.
	OnDeleteKeep OnDelete = "keep"
	// OnDeleteRefuse keeps the record from being deleted.
	OnDeleteRefuse OnDelete = "refuse"
	// OnDeleteClear lets them point to nothing.
	OnDeleteClear OnDelete = "clear"
	// OnDeleteDelete deletes them with it.
	OnDeleteDelete OnDelete = "delete"
)

// OnViolation says what happens to values that do not bear a narrower rule of their field.
// +kubebuilder:validation:Enum=Refuse;Truncate;Clear
type OnViolation string

// What happens to them.
const (
	// OnViolationRefuse leaves the field as it is until somebody has mended them.
	OnViolationRefuse OnViolation = "Refuse"
	// OnViolationTruncate cuts texts to the length.
	OnViolationTruncate OnViolation = "Truncate"
	// OnViolationClear takes them away.
	OnViolationClear OnViolation = "Clear"
)

// FieldReference names a field of an object.
type FieldReference struct {
	// object is the name of a standard object or the metadata.name of a CustomObject.
	Object Identity `json:"object"`

	// field is the API name or the identity of a field of the object.
	Field Identity `json:"field"`
}

// Name is what the API calls an object or a field.
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=48
// +kubebuilder:validation:Pattern=`^[a-z][a-z0-9_]*$`
// +kubebuilder:validation:XValidation:rule="!(self in ['as', 'break', 'const', 'continue', 'else', 'false', 'for', 'function', 'if', 'import', 'in', 'let', 'loop', 'namespace', 'null', 'package', 'return', 'true', 'var', 'void', 'while'])",message="this is a reserved word of CEL; choose another name"
// +kubebuilder:validation:XValidation:rule="!(self in ['tableoid', 'xmin', 'cmin', 'xmax', 'cmax', 'ctid'])",message="this is a system column of PostgreSQL; choose another name"
type Name = string

// Key is the identity of an inline field, a stage or an option.
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=48
// +kubebuilder:validation:Pattern=`^[a-z][a-z0-9_]*$`
type Key = string

// Identity is the name of an object that never changes: that of a standard
// object, or the metadata.name of a CustomObject.
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=48
// +kubebuilder:validation:Pattern=`^[a-z][a-z0-9_-]*$`
type Identity = string

// FieldPath names a field by what the API calls it or by its identity, or a part of one: address.city.
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=97
// +kubebuilder:validation:Pattern=`^[a-z][a-z0-9_-]*(\.[a-z][a-z0-9_]*)?$`
type FieldPath = string

// Number is a number in decimal notation.
// +kubebuilder:validation:MaxLength=48
// +kubebuilder:validation:Pattern=`^-?[0-9]{1,24}(\.[0-9]{1,18})?$`
type Number = string
