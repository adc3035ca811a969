package schema

import (
	"fmt"
	"slices"
	"strings"
)

// Compound is a field type whose values have parts, such as an address. The
// field itself has no column: each part is a Field with a column, rules, a
// place in filters and a line in the history of its own. In JSON the value is
// an object of its parts, or null when none of them has a value.
type Compound interface {
	FieldType
	// Parts are the definitions of the parts, in order: name, label, type and its settings.
	Parts(f *Field) []*Field
	// Together are sets of parts, by name, of which a record has all or none.
	Together() [][]string
	// TextPart is the name of the part that a text means which is given for the
	// whole value; empty when a text means nothing.
	TextPart() string
}

// partSeparator stands between the column of a field and what its parts add to it.
const partSeparator = "__"

// makeParts places the parts of a field whose type has some.
func (f *Field) makeParts() {
	f.parts = nil
	t, ok := f.FieldType().(Compound)
	if !ok {
		return
	}
	for _, part := range t.Parts(f) {
		part.Identity = f.Identity + "." + part.Name
		part.Column = f.Column + partSeparator + part.Name
		part.Custom, part.Source, part.Sensitivity, part.Parent = f.Custom, f.Source, f.Sensitivity, f
		f.parts = append(f.parts, part)
	}
}

// Parts are the parts of a field of a built schema, in order; nil when its values have none.
func (f *Field) Parts() []*Field { return f.parts }

// Part is the part of that name, or false.
func (f *Field) Part(name string) (*Field, bool) {
	at := slices.IndexFunc(f.parts, func(part *Field) bool { return part.Name == name })
	if at < 0 {
		return nil, false
	}
	return f.parts[at], true
}

// TextPart is the part that a text means which is given for the whole value, or false.
func (f *Field) TextPart() (*Field, bool) {
	t, ok := f.FieldType().(Compound)
	if !ok {
		return nil, false
	}
	return f.Part(t.TextPart())
}

// Together are the sets of parts of which a record has all or none.
func (f *Field) Together() [][]*Field {
	t, ok := f.FieldType().(Compound)
	if !ok {
		return nil
	}
	var sets [][]*Field
	for _, names := range t.Together() {
		var set []*Field
		for _, name := range names {
			if part, ok := f.Part(name); ok {
				set = append(set, part)
			}
		}
		sets = append(sets, set)
	}
	return sets
}

// Leaves are the fields that hold the value: the parts, or the field itself;
// none for one that is computed.
func (f *Field) Leaves() []*Field {
	if f.Computed() {
		return nil
	}
	if len(f.parts) > 0 {
		return f.parts
	}
	return []*Field{f}
}

// Path is how the API calls the field in filters, sort keys and messages:
// "city", the part of "address", is "address.city".
func (f *Field) Path() string {
	if f.Parent != nil {
		return f.Parent.Name + "." + f.Name
	}
	return f.Name
}

// Columns are the names of the columns that the field takes: those of its
// parts, or its own and its companion's. The field need not be built.
func (f *Field) Columns() []string {
	copied := *f
	copied.makeParts()
	copied.makeCompanion(func(string) bool { return false })
	var columns []string
	for _, leaf := range copied.Leaves() {
		columns = append(columns, leaf.Column)
	}
	if copied.companion != nil {
		columns = append(columns, copied.companion.Column)
	}
	return columns
}

// DecodeParts reads the JSON value of a field that has parts: an object with
// some of them, null for none of them at all, or a text where a text means one
// of them. What is wrong stands at the path below the field.
func (f *Field) DecodeParts(value any) (map[*Field]any, []Problem) {
	decoded := make(map[*Field]any, len(f.parts))
	if value == nil {
		for _, part := range f.parts {
			decoded[part] = nil
		}
		return decoded, nil
	}
	given, ok := value.(map[string]any)
	if text, isText := value.(string); isText {
		if part, means := f.TextPart(); means {
			given, ok = map[string]any{part.Name: text}, true
		}
	}
	if !ok {
		return nil, []Problem{{Message: "must be an object with the parts " + f.partNames()}}
	}
	var problems []Problem
	for name, value := range given {
		part, ok := f.Part(name)
		if !ok {
			problems = append(problems, Problem{Path: name, Message: "there is no such part; the parts are " + f.partNames()})
			continue
		}
		one, err := part.Decode(value)
		if err != nil {
			problems = append(problems, Problem{Path: part.Name, Message: err.Error()})
			continue
		}
		decoded[part] = one
	}
	return decoded, problems
}

func (f *Field) partNames() string {
	names := make([]string, 0, len(f.parts))
	for _, part := range f.parts {
		names = append(names, part.Name)
	}
	return strings.Join(names, ", ")
}

// compound is what the types have in common whose values have parts. The parts
// are read and written; the whole never is.
type compound struct{}

func (compound) Kind() Kind             { return KindParts }
func (compound) Storage(*Field) Storage { return "" }
func (compound) Form() Form             { return Form{Type: "object"} }
func (compound) Rules(*Field) []Rule    { return nil }
func (compound) Together() [][]string   { return nil }
func (compound) TextPart() string       { return "" }

func (compound) Decode(f *Field, _ any) (any, error) {
	return nil, fmt.Errorf("is given by its parts: %s", f.partNames())
}

func (compound) Parse(f *Field, _ string) (any, error) {
	return nil, fmt.Errorf("is given by its parts: %s", f.partNames())
}

func (compound) AppendJSON(dst []byte, _ *Field, _ []byte) []byte { return append(dst, "null"...) }

// checkCompound refuses what a value of parts cannot have.
func checkCompound(f *Field, article string) []Problem {
	var problems []Problem
	for _, setting := range []struct {
		path string
		set  bool
		what string
	}{
		{"default", f.Default != nil, "has no default"},
		{"unique", f.Unique, "cannot be unique"},
		{"indexed", f.Indexed, "cannot be indexed"},
	} {
		if setting.set {
			problems = append(problems, Problem{Path: setting.path, Message: article + " " + setting.what + ": its value has parts"})
		}
	}
	return problems
}
