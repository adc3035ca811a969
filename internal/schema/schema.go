// Package schema is what one tenant's CRM looks like: its objects, fields and
// pipelines, compiled and immutable. Both wings of Kontor stand on it: the
// control plane compiles it and makes the database follow, the data plane
// serves records by it.
package schema

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// Format is the version of the stored form. A server reads this one and the one before.
const Format = 1

// Schema is the compiled model of one tenant. It is made by Build or Load and
// never changed afterwards; a new revision is a new Schema.
type Schema struct {
	// Format is the version of the stored form, see the constant Format.
	Format int `json:"format"`
	// Revision counts the applied schemas of a tenant, from 1; 0 was never applied.
	Revision int64 `json:"revision"`
	// Organisation holds the settings of the tenant that records depend on.
	Organisation Organisation `json:"organisation"`
	// Objects are ordered: standard ones first, each group by identity.
	Objects []*Object `json:"objects"`
	// Pipelines, Rules and Indexes are ordered by object, then identity.
	Pipelines []*Pipeline       `json:"pipelines,omitempty"`
	Rules     []*ValidationRule `json:"rules,omitempty"`
	Indexes   []*Index          `json:"indexes,omitempty"`
	// Retired is what was deleted and whose data is kept; nothing that serves records looks at it.
	Retired Retired `json:"retired,omitzero"`

	byName     map[string]*Object
	byIdentity map[string]*Object
	// model is the schema whose objects these are, when a Library shares them.
	model *Schema
}

// Organisation is the tenant as its records see it.
type Organisation struct {
	// Name is the Tenant's metadata.name.
	Name string `json:"name"`
	// DisplayName is what people call the organisation.
	DisplayName string `json:"displayName"`
	// Language is the BCP 47 tag of the labels that are shown when no other fits.
	Language string `json:"language"`
	// TimeZone is an IANA name; it decides the tenant's days and months.
	TimeZone string `json:"timeZone"`
	// Currency is the ISO 4217 code that a record gets when it names none.
	Currency string `json:"currency"`
	// Country is the ISO 3166 code of the country whose phone numbers are written
	// without one; empty when there is none.
	Country string `json:"country,omitempty"`
}

// Label is a text by language. A missing language falls back, see In.
type Label map[string]string

// In is the label in the first of the languages that it has; else in English,
// else the first by language; "" when it is empty.
func (l Label) In(languages ...string) string {
	for _, language := range append(slices.Clone(languages), "en") {
		if text, ok := l[language]; ok {
			return text
		}
	}
	keys := make([]string, 0, len(l))
	for key := range l {
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		return ""
	}
	return l[slices.Min(keys)]
}

// Object is a kind of record, stored in one table.
type Object struct {
	// Identity is the name that never changes: the standard name, or the metadata.name of its CustomObject.
	Identity string `json:"identity"`
	// Name is what the API calls it; it may change.
	Name string `json:"name"`
	// Former are the names that it had before and by which it is still found, the oldest first.
	Former []FormerName `json:"former,omitempty"`
	// Table is the physical table in the PostgreSQL schema "crm"; it never changes.
	Table string `json:"table"`
	// Custom tells a tenant's own object from a standard one.
	Custom bool `json:"custom,omitempty"`
	// Module is the module that brings a standard object: "base", "sales", "service", "marketing"; empty for custom ones.
	Module      string `json:"module,omitempty"`
	Label       Label  `json:"label,omitempty"`
	PluralLabel Label  `json:"pluralLabel,omitempty"`
	Description Label  `json:"description,omitempty"`
	// Title is the identity of the field that names a record for people; empty: its number does.
	Title string `json:"title,omitempty"`
	// Fields are the declared ones, in order of declaration; system fields come by Field and AllFields.
	Fields []*Field `json:"fields"`
	// Source is the resource that declares it ("CustomObject fleet"), or "standard".
	Source string `json:"source"`

	system     []*Field
	leaves     []*Field
	byName     map[string]*Field
	byIdentity map[string]*Field
	inverses   map[string]Inverse
}

// Field is one value of a record, stored in one column; one whose values have
// parts has a column for each part instead.
type Field struct {
	// Identity is the name that never changes, unique in its object.
	Identity string `json:"identity"`
	// Name is what the API calls it; it may change.
	Name string `json:"name"`
	// Former are the names that it had before and by which it is still found, the oldest first.
	Former []FormerName `json:"former,omitempty"`
	// Column is the physical column; it never changes.
	Column string `json:"column"`
	// Type is the name of its FieldType.
	Type        TypeName `json:"type"`
	Custom      bool     `json:"custom,omitempty"`
	Label       Label    `json:"label,omitempty"`
	Description Label    `json:"description,omitempty"`
	// Required refuses records without a value.
	Required bool `json:"required,omitempty"`
	// Unique refuses a second live record with the same value.
	Unique bool `json:"unique,omitempty"`
	// Indexed asks for an index on the column.
	Indexed bool `json:"indexed,omitempty"`
	// Searchable says whether search finds a record by the value; nil is the default, see IsSearchable.
	Searchable *bool `json:"searchable,omitempty"`
	// Default is the text form of the value of a new record that gives none; nil is none.
	Default *string `json:"default,omitempty"`
	// Length is the longest text, in characters; 0 is the type's own.
	Length int `json:"length,omitempty"`
	// Precision is the number of all digits of a decimal; 0 is the type's own.
	Precision int `json:"precision,omitempty"`
	// Scale is the number of digits behind the point; nil is the type's own.
	Scale *int `json:"scale,omitempty"`
	// Min and Max bound a number, inclusive, in decimal notation; empty is unbounded.
	Min string `json:"min,omitempty"`
	Max string `json:"max,omitempty"`
	// Pattern is the text around an auto_number, such as "INV-{year}-{number:5}"; empty: it is a number.
	Pattern string `json:"pattern,omitempty"`
	// Options are the choices of a picklist, in order.
	Options []Option `json:"options,omitempty"`
	// OptionsFrom is the picklist whose options these are; nil: its own.
	OptionsFrom *FieldRef `json:"optionsFrom,omitempty"`
	// DependsOn is the identity of the picklist of the object whose value decides
	// which options there are; empty: none does.
	DependsOn string `json:"dependsOn,omitempty"`
	// DefaultExpression computes, in CEL over the record, the value of a new record that gives none.
	DefaultExpression string `json:"defaultExpression,omitempty"`
	// RequiredWhen, ReadOnlyWhen and VisibleWhen are conditions in CEL over the record. Empty, the first
	// two never hold, and the third always does.
	RequiredWhen string `json:"requiredWhen,omitempty"`
	ReadOnlyWhen string `json:"readOnlyWhen,omitempty"`
	VisibleWhen  string `json:"visibleWhen,omitempty"`
	// Target is the identity of the object that a relation points to.
	Target string `json:"target,omitempty"`
	// Targets are the identities of the objects that a relation points to which
	// has several; Target is empty then.
	Targets []string `json:"targets,omitempty"`
	// RetiredTargets are the identities of retired objects to which values may still
	// point; nobody is shown these.
	RetiredTargets []string `json:"retiredTargets,omitempty"`
	// OnDelete is what becomes of the record when the one that the relation points to is deleted; empty: it is kept.
	OnDelete OnDelete `json:"onDelete,omitempty"`
	// Inverse is what the target calls the records that point to it; empty: it has no word for them.
	Inverse string `json:"inverse,omitempty"`
	// Formula and Rollup say how a field of those types is computed; nil for others.
	Formula *Formula `json:"formula,omitempty"`
	Rollup  *Rollup  `json:"rollup,omitempty"`
	// Sensitivity is one of public, internal, personal, sensitive; empty is internal.
	Sensitivity string `json:"sensitivity,omitempty"`
	// Previous are the columns that held the values before the type changed, the newest first.
	Previous []Previous `json:"previous,omitempty"`
	// Source is the resource that declares it ("CustomField tier"), or "standard".
	Source string `json:"source"`
	// Conversion says how values become those of this type that were of another; nil:
	// as the API reads and writes them. It is no part of what the field is: the columns
	// in Previous remember the one by which they were converted.
	Conversion *Conversion `json:"-"`
	// OnViolation is what happens to values that do not bear a narrower rule. It is about
	// the way to this form and no part of it, so that an applied schema does not say it.
	OnViolation OnViolation `json:"-"`
	// System marks a field that every record has and no resource declares.
	System bool `json:"-"`
	// ReadOnly marks a field that no request may set.
	ReadOnly bool `json:"-"`

	result *Field // of a computed field of a built schema, see Result
	// Parent is the field that this one is a part of, or nil.
	Parent *Field `json:"-"`
	// Beside is the field whose values this one holds in another form, or nil.
	Beside *Field `json:"-"`

	parts     []*Field
	companion *Field
	targets   []*Object
}

// IgnoresCase says whether values that differ in case only are the same key.
func (f *Field) IgnoresCase() bool { return f.Type == TypeEmail }

// OnViolation is what happens to values that do not bear a narrower rule of their field.
type OnViolation string

// What happens to them: the change waits until somebody has mended them, they are cut, or taken away.
const (
	OnViolationRefuse   OnViolation = ""
	OnViolationTruncate OnViolation = "Truncate"
	OnViolationClear    OnViolation = "Clear"
)

// OnDelete is what becomes of the records that point to a record which is deleted.
type OnDelete string

// What becomes of them.
const (
	OnDeleteKeep   OnDelete = ""
	OnDeleteRefuse OnDelete = "refuse"
	OnDeleteClear  OnDelete = "clear"
	OnDeleteDelete OnDelete = "delete"
)

// Option is one choice of a picklist.
type Option struct {
	// Key is what is stored; it never changes.
	Key   string `json:"key"`
	Label Label  `json:"label,omitempty"`
	// When are the keys of the field in DependsOn with which the option goes; nil is all.
	When []string `json:"when,omitempty"`
	// Retired says why nobody can choose it any more; empty: people can. Since is when
	// it was taken out.
	Retired Retirement `json:"retired,omitempty"`
	Since   time.Time  `json:"since,omitzero"`
}

// GoesWith says whether the option can be chosen beside that value of the field
// on which it depends; "" is no value.
func (o Option) GoesWith(value string) bool { return o.When == nil || slices.Contains(o.When, value) }

// FieldRef names a field of an object, by identities.
type FieldRef struct {
	Object string `json:"object"`
	Field  string `json:"field"`
}

// Pipeline is the states that the records of an object move through.
type Pipeline struct {
	Identity string `json:"identity"`
	// Object is the identity of the object whose records move.
	Object string `json:"object"`
	// Field is the identity of the picklist field that holds the stage; its options are the stages.
	Field  string  `json:"field"`
	Label  Label   `json:"label,omitempty"`
	Stages []Stage `json:"stages"`
	// Source is the resource that declares it ("Pipeline sales"), or "standard".
	Source string `json:"source"`
}

// StageKind says what a stage means for the record.
type StageKind string

// The kinds of stages.
const (
	StageOpen StageKind = "open"
	StageWon  StageKind = "won"
	StageLost StageKind = "lost"
)

// Stage is one state of a pipeline.
type Stage struct {
	Key   string    `json:"key"`
	Label Label     `json:"label,omitempty"`
	Kind  StageKind `json:"kind"`
	// Probability of winning, in percent from 0 to 100.
	Probability int `json:"probability"`
	// Required are the identities of the fields that must have a value before a record enters.
	Required []string `json:"required,omitempty"`
	// Gate is a condition in CEL over the record as it is to enter; empty lets all in.
	// GateMessage is what people read whose record it keeps out; empty: the condition itself.
	Gate        string `json:"gate,omitempty"`
	GateMessage Label  `json:"gateMessage,omitempty"`
	// AllowedMoves are the keys of the stages that a record may go to from here; nil is all.
	AllowedMoves []string `json:"allowedMoves,omitempty"`
	// RottingDays is the number of days without a move after which a record rots; 0 is never.
	RottingDays int `json:"rottingDays,omitempty"`
	// Retired says why no record can enter it any more; empty: records can. Since is when
	// it was taken out.
	Retired Retirement `json:"retired,omitempty"`
	Since   time.Time  `json:"since,omitzero"`
}

// Stage is the stage of that key, or false.
func (p *Pipeline) Stage(key string) (*Stage, bool) {
	for i := range p.Stages {
		if p.Stages[i].Key == key {
			return &p.Stages[i], true
		}
	}
	return nil, false
}

// Allows says whether a record may move from this stage to that one. Staying is always allowed.
func (s *Stage) Allows(to string) bool {
	return s.AllowedMoves == nil || s.Key == to || slices.Contains(s.AllowedMoves, to)
}

// ValidationRule is a condition over the fields of a record that its writes have to keep.
type ValidationRule struct {
	Identity string `json:"identity"`
	// Object is the identity of the object whose records keep it.
	Object string `json:"object"`
	// Expression is the condition in CEL; it must be true for a write to pass.
	Expression string `json:"expression"`
	// Field is the identity of the field where the message belongs; empty: the record's.
	Field string `json:"field,omitempty"`
	// Message is what people read whose write is refused.
	Message Label `json:"message"`
	// Source is the resource that declares it ("ValidationRule ends-after-start").
	Source string `json:"source"`
}

// Index is an index over fields of an object, in addition to those that the
// fields ask for themselves.
type Index struct {
	Identity string `json:"identity"`
	// Object is the identity of the object that is indexed.
	Object string       `json:"object"`
	Fields []IndexField `json:"fields"`
	// Unique refuses a second live record with the same values, none of them null.
	Unique bool `json:"unique,omitempty"`
	// Source is the resource that declares it ("ObjectIndex biggest-by-stage").
	Source string `json:"source"`
}

// IndexField is one field of an index.
type IndexField struct {
	// Field is its identity.
	Field      string `json:"field"`
	Descending bool   `json:"descending,omitempty"`
}

// Build makes the schema usable after its exported fields were set: it adds the
// system fields and the indexes by name. It fails on names or identities that
// stand twice, and on relations and pipelines that point to nothing; the
// compiler sees to it that they do not, so a failure is a broken document.
func Build(s *Schema) (*Schema, error) {
	inverses := s.inverseNames()
	s.byName = make(map[string]*Object, len(s.Objects))
	s.byIdentity = make(map[string]*Object, len(s.Objects))
	for _, o := range s.Objects {
		if s.byName[o.Name] != nil || s.byIdentity[o.Identity] != nil {
			return nil, fmt.Errorf("object %q stands twice", o.Name)
		}
		s.byName[o.Name], s.byIdentity[o.Identity] = o, o
		if err := o.index(inverses[o.Identity]); err != nil {
			return nil, fmt.Errorf("object %q: %w", o.Name, err)
		}
	}
	s.indexFormer()
	for _, o := range s.Objects {
		for _, f := range o.Fields {
			if _, ok := TypeOf(f.Type); !ok {
				return nil, fmt.Errorf("field %q of %q has the unknown type %q", f.Name, o.Name, f.Type)
			}
			if len(f.Targets) > 0 {
				if err := s.linkTargets(f); err != nil {
					return nil, fmt.Errorf("object %q: %w", o.Name, err)
				}
				continue
			}
			if f.Type == TypeRelation && s.byIdentity[f.Target] == nil {
				return nil, fmt.Errorf("field %q of %q points to the unknown object %q", f.Name, o.Name, f.Target)
			}
		}
	}
	if err := s.indexInverses(); err != nil {
		return nil, err
	}
	s.resolveResults()
	for _, p := range s.Pipelines {
		o := s.byIdentity[p.Object]
		if o == nil || o.byIdentity[p.Field] == nil {
			return nil, fmt.Errorf("pipeline %q is on the unknown field %q of %q", p.Identity, p.Field, p.Object)
		}
	}
	for _, r := range s.Rules {
		if s.byIdentity[r.Object] == nil {
			return nil, fmt.Errorf("validation rule %q is on the unknown object %q", r.Identity, r.Object)
		}
	}
	for _, x := range s.Indexes {
		o := s.byIdentity[x.Object]
		for _, f := range x.Fields {
			if o == nil || o.byIdentity[f.Field] == nil {
				return nil, fmt.Errorf("index %q is on the unknown field %q of %q", x.Identity, f.Field, x.Object)
			}
		}
	}
	return s, s.Retired.build()
}

// Load reads a stored schema. It refuses a format that this program does not know.
func Load(document []byte) (*Schema, error) {
	var s Schema
	if err := json.Unmarshal(document, &s); err != nil {
		return nil, fmt.Errorf("reading the schema: %w", err)
	}
	if s.Format < Format-1 || s.Format > Format || s.Format < 1 {
		return nil, fmt.Errorf("the schema has format %d, and this program reads up to %d", s.Format, Format)
	}
	return Build(&s)
}

// Document is the stored form, which Load reads.
func (s *Schema) Document() ([]byte, error) { return json.Marshal(s) }

// Digest is a hash of everything but the revision and the times at which something was
// renamed, changed its type or was retired: two schemas of the same digest say the same.
// It is 64 hexadecimal digits.
func (s *Schema) Digest() string {
	c := *s
	c.Revision, c.Objects, c.Pipelines, c.Retired = 0, timeless(s.Objects), timelessStages(s.Pipelines), s.Retired.timeless()
	document, err := json.Marshal(&c)
	if err != nil { // the model holds nothing that JSON cannot say
		return ""
	}
	sum := sha256.Sum256(document)
	return hex.EncodeToString(sum[:])
}

// Object is the object that the API calls so, or called so before, or false.
func (s *Schema) Object(name string) (*Object, bool) {
	o, ok := s.byName[name]
	return o, ok
}

// ObjectByIdentity is the object of that identity, or false.
func (s *Schema) ObjectByIdentity(identity string) (*Object, bool) {
	o, ok := s.byIdentity[identity]
	return o, ok
}

// PipelineOf is the pipeline whose stage the field of the object holds, or false.
func (s *Schema) PipelineOf(object *Object, field *Field) (*Pipeline, bool) {
	for _, p := range s.Pipelines {
		if p.Object == object.Identity && p.Field == field.Identity {
			return p, true
		}
	}
	return nil, false
}

// PipelinesOf are the pipelines of an object.
func (s *Schema) PipelinesOf(object *Object) []*Pipeline {
	return ofObject(object, s.Pipelines, func(p *Pipeline) string { return p.Object })
}

// RulesOf are the validation rules of an object.
func (s *Schema) RulesOf(object *Object) []*ValidationRule {
	return ofObject(object, s.Rules, func(r *ValidationRule) string { return r.Object })
}

// IndexesOf are the declared indexes of an object.
func (s *Schema) IndexesOf(object *Object) []*Index {
	return ofObject(object, s.Indexes, func(x *Index) string { return x.Object })
}

// ofObject are those of all that belong to the object.
func ofObject[T any](object *Object, all []*T, identity func(*T) string) []*T {
	var found []*T
	for _, one := range all {
		if identity(one) == object.Identity {
			found = append(found, one)
		}
	}
	return found
}

// Field is the field that the API calls so, or called so before; system fields
// and parts ("address.city") included, or false.
func (o *Object) Field(name string) (*Field, bool) {
	f, ok := o.byName[name]
	return f, ok
}

// FieldByIdentity is the field of that identity, system fields and parts included, or false.
func (o *Object) FieldByIdentity(identity string) (*Field, bool) {
	f, ok := o.byIdentity[identity]
	return f, ok
}

// AllFields are the visible fields of a record: id and number, the declared
// ones with their companions, then the other system fields. They are what the JSON of a record has.
func (o *Object) AllFields() []*Field {
	before := min(2, len(o.system)) // a View has none
	all := make([]*Field, 0, len(o.system)+2*len(o.Fields))
	all = append(all, o.system[:before]...)
	all = append(all, withCompanions(o.Fields)...)
	return append(all, o.system[before:]...)
}

// Leaves are AllFields with the parts of a field in its place, and without what
// is computed and not kept: each has a column. They are what the database and its statements
// know. The caller does not change the list.
func (o *Object) Leaves() []*Field { return o.leaves }

// SystemFields are the fields that no resource declares, id and number first.
func (o *Object) SystemFields() []*Field { return o.system }

// TitleField is the field that names a record for people; its number when no field does.
func (o *Object) TitleField() *Field {
	if f, ok := o.byIdentity[o.Title]; ok {
		return f
	}
	return o.byIdentity["number"]
}

// HasCurrency says whether records carry a currency: one of their fields is money.
func (o *Object) HasCurrency() bool {
	return slices.ContainsFunc(o.Fields, func(f *Field) bool { return f.Type == TypeMoney })
}

// QualifiedTable is the quoted name of the object's table.
func (o *Object) QualifiedTable() string {
	return QuoteIdent(RecordsSchema) + "." + QuoteIdent(o.Table)
}

// index takes the names of the inverses too: no companion has one.
func (o *Object) index(inverses []string) error {
	o.system = systemFields(o)
	o.byName = make(map[string]*Field, len(o.system)+len(o.Fields))
	o.byIdentity = make(map[string]*Field, len(o.system)+len(o.Fields))
	declared := make(map[string]bool, len(o.system)+len(o.Fields))
	for _, f := range slices.Concat(o.system, o.Fields) {
		declared[f.Name] = true
	}
	for _, name := range inverses {
		declared[name] = true
	}
	for _, f := range o.Fields {
		f.makeCompanion(func(name string) bool { return declared[name] })
		if f.companion != nil {
			declared[f.companion.Name] = true
		}
	}
	for _, f := range o.AllFields() {
		if o.byName[f.Name] != nil || o.byIdentity[f.Identity] != nil {
			return fmt.Errorf("field %q stands twice", f.Name)
		}
		o.byName[f.Name], o.byIdentity[f.Identity] = f, f
	}
	o.leaves = nil
	for _, f := range o.AllFields() {
		f.makeParts()
		if f.Computed() && !f.Kept() {
			continue
		}
		if len(f.parts) == 0 {
			o.leaves = append(o.leaves, f)
			continue
		}
		for _, part := range f.parts {
			o.leaves = append(o.leaves, part)
			o.byName[part.Path()], o.byIdentity[part.Identity] = part, part
		}
	}
	o.indexFormer(inverses)
	return nil
}
