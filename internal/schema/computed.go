package schema

import (
	"cmp"
	"errors"
	"strings"
)

// computed is what the types have in common whose values are computed, and which
// nobody sets: whenever they are asked for, or with every write where they are
// kept in a column. What the values look like is decided by Result.
type computed struct{}

func (computed) Kind() Kind             { return KindText }
func (computed) Form() Form             { return Form{Type: "string"} }
func (computed) Storage(*Field) Storage { return StorageText }
func (computed) Rules(*Field) []Rule    { return nil }

func (computed) Decode(*Field, any) (any, error)   { return nil, errComputed }
func (computed) Parse(*Field, string) (any, error) { return nil, errComputed }

var errComputed = errors.New("is computed and cannot be set")

func (computed) AppendJSON(dst []byte, _ *Field, text []byte) []byte { return AppendString(dst, text) }

// checkComputed refuses the settings of a stored value.
func checkComputed(f *Field) []Problem {
	var problems []Problem
	for _, setting := range []struct {
		path string
		set  bool
		why  string
	}{
		{"required", f.Required, "a computed field is never asked for"},
		{"unique", f.Unique, "a computed field cannot be unique: nobody could say which write breaks that"},
		{"default", f.Default != nil, "a computed field has no default"},
		{"defaultExpression", f.DefaultExpression != "", "a computed field has no default"},
		{"requiredWhen", f.RequiredWhen != "", "a computed field is never asked for"},
		{"readOnlyWhen", f.ReadOnlyWhen != "", "a computed field can never be set"},
	} {
		if setting.set {
			problems = append(problems, Problem{Path: setting.path, Message: setting.why})
		}
	}
	return problems
}

// Computed says whether the value follows from others.
func (f *Field) Computed() bool { return f.Type == TypeFormula || f.Type == TypeRollup }

// Kept says whether the field is computed and has a column all the same, which the
// database keeps right with every write: so it can be indexed. All other computed
// fields are computed whenever they are asked for.
func (f *Field) Kept() bool { return f.Computed() && f.Indexed }

// KeptSuffix ends the name of the column of a computed field. No other column has
// it, so none that holds what people wrote can become one that is computed.
const KeptSuffix = ".kept"

// SetBySystem says whether no request may set the field.
func (f *Field) SetBySystem() bool { return f.ReadOnly || f.Type == TypeAutoNumber || f.Computed() }

// Result is a field with what the values of a computed one look like; that of another is the field itself.
func (f *Field) Result() *Field {
	switch {
	case f.result != nil:
		return f.result
	case f.Type == TypeFormula && f.Formula != nil && types[f.Formula.Returns] != nil:
		return &Field{Name: f.Name, Type: f.Formula.Returns, Scale: f.Scale}
	}
	return f
}

// resolveResults decides what the values of the computed fields look like.
func (s *Schema) resolveResults() {
	for _, o := range s.Objects {
		for _, f := range o.Fields {
			f.result = nil
		}
	}
	for _, o := range s.Objects {
		for _, f := range o.Fields {
			if f.Computed() {
				f.result = s.resultOf(o, f, map[*Field]bool{})
			}
		}
	}
}

// resultOf follows roll-ups of roll-ups; those that go round in a circle count.
func (s *Schema) resultOf(o *Object, f *Field, seen map[*Field]bool) *Field {
	if f.Type != TypeRollup || f.Rollup == nil {
		return f.Result()
	}
	counted := &Field{Name: f.Name, Type: TypeInteger}
	inverse, ok := o.InverseIn(f, f.Rollup.Inverse)
	if !ok || f.Rollup.Function == RollupCount || seen[f] {
		return counted
	}
	seen[f] = true
	of, ok := inverse.Object.FieldIn(f, f.Rollup.Field)
	if !ok {
		return counted
	}
	if of.Computed() {
		of = s.resultOf(inverse.Object, of, seen)
	}
	result := &Field{Name: f.Name, Type: of.Type, Scale: of.Scale}
	if f.Scale != nil {
		result.Scale = f.Scale
	}
	switch of.Type { //nolint:exhaustive // the others keep their type
	case TypeAutoNumber, TypeRating, TypeInteger:
		result.Type = TypeInteger
		if f.Rollup.Function == RollupAvg {
			result.Type = TypeDecimal
		}
	}
	return result
}

// ResultScale is the number of digits behind the point to which the numbers of a computed field are rounded.
func (f *Field) ResultScale() int {
	of := f.Result()
	switch of.Type { //nolint:exhaustive // the others are whole numbers
	case TypeDecimal:
		return *cmp.Or(of.Scale, new(defaultDecimalScale))
	case TypeMoney:
		return *cmp.Or(of.Scale, new(MoneyScale))
	case TypePercent:
		return *cmp.Or(of.Scale, new(percentScale))
	}
	return 0
}

// FieldIn is the field that the definition of a computed field calls so. Those of
// the standard model mean its own fields, also where a tenant's field holds the
// name and the standard one goes by another.
func (o *Object) FieldIn(definition *Field, name string) (*Field, bool) {
	f, ok := o.Field(name)
	if definition.Custom || ok && !f.Custom {
		return f, ok
	}
	for _, f := range o.AllFields() {
		if !f.Custom && standardName(f.Identity) == name {
			return f, true
		}
	}
	return nil, false
}

// InverseIn is FieldIn for the records that point to one.
func (o *Object) InverseIn(definition *Field, name string) (Inverse, bool) {
	inverse, ok := o.Inverse(name)
	if definition.Custom || ok && !inverse.Relation.Custom {
		return inverse, ok
	}
	for _, inverse := range o.Inverses() {
		if !inverse.Relation.Custom && standardName(inverse.Name) == name {
			return inverse, true
		}
	}
	return Inverse{}, false
}

// StandardPrefix starts the name or identity of what is standard and whose own a tenant's holds.
const StandardPrefix = "std_"

// standardName is what the standard model itself calls a field: its identity, or
// that of the field beside it and the word for what it is ("amount.base").
func standardName(identity string) string {
	for strings.HasPrefix(identity, StandardPrefix) {
		identity = strings.TrimPrefix(identity, StandardPrefix)
	}
	return strings.ReplaceAll(identity, ".", "_")
}
