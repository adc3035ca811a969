package crm

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/kontor-crm/kontor/internal/fault"
	"github.com/kontor-crm/kontor/internal/query"
	"github.com/kontor-crm/kontor/internal/schema"
)

// maxMappedFields bounds a mapping: no object has more fields.
const maxMappedFields = 1000

// Mapping says how the columns of a file become the fields of an object.
type Mapping struct {
	// Object is the name of the object in the API.
	Object string `json:"object"`
	// Key is the name of a unique field: a line whose record is there already changes
	// it. Without a key every line makes a record.
	Key string `json:"key,omitempty"`
	// External is what another system calls the records: a line whose external id a
	// record has changes that one, and gives it to the record that it makes or finds by
	// the key.
	External *MappingExternal `json:"external,omitempty"`
	// Delimiter separates the columns; empty is a comma.
	Delimiter string `json:"delimiter,omitempty"`
	// Sheet is the name of the sheet of a workbook; empty is the first one that is not hidden.
	Sheet  string         `json:"sheet,omitempty"`
	Fields []MappingField `json:"fields"`
}

// MappingExternal says where the external ids come from.
type MappingExternal struct {
	// System is the name of the other system.
	System string `json:"system"`
	// Column is the header of the column that holds the id.
	Column string `json:"column"`
}

// MappingField says where the value of one field comes from.
type MappingField struct {
	// Field is the name of the field in the API.
	Field string `json:"field"`
	// Column is the header of the column that holds the value; or Value is the same for every line.
	Column string  `json:"column,omitempty"`
	Value  *string `json:"value,omitempty"`
	// Aliases replace a text of the file by another one.
	Aliases map[string]string `json:"aliases,omitempty"`
	// Nulls are texts that mean no value; an empty text always does.
	Nulls []string `json:"nulls,omitempty"`
	// Lookup is for a relation: the file holds the value of this field of the target's record.
	Lookup string `json:"lookup,omitempty"`
}

// ParseMapping reads a mapping in JSON; unknown names are refused.
func ParseMapping(text []byte) (*Mapping, error) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	var m Mapping
	if err := decoder.Decode(&m); err != nil {
		return nil, fault.Wrap(fault.Malformed, err, "the mapping cannot be read: %s", strings.TrimPrefix(err.Error(), "json: "))
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, fault.New(fault.Malformed, "the mapping holds more than one JSON value")
	}
	return &m, nil
}

// source is a resolved MappingField.
type source struct {
	MappingField
	field  *schema.Field
	column int // in the file; -1 for a constant
	// target and by say how a relation is looked up; by is nil for an id.
	target *schema.Object
	by     *schema.Field
}

// resolved is a mapping on a schema and a header.
type resolved struct {
	object  *schema.Object
	key     *schema.Field
	sources []source
	// keySource is the place of the key among the sources.
	keySource int
	// external is the column of the external ids; -1 for none.
	external int
	system   string
}

// externalID is what another system calls the record of a line; nil when the file does not say.
func (r *resolved) externalID(columns []string) (*query.ExternalID, error) {
	if r.external < 0 {
		return nil, nil //nolint:nilnil // no external id is asked for
	}
	id := query.ExternalID{System: r.system, ID: fused(strings.TrimSpace(columns[r.external]))}
	return &id, checkExternal(id)
}

// resolve finds the fields and columns that a mapping names, and all that is wrong with it at once.
func (m *Mapping) resolve(s *schema.Schema, object *schema.Object, header []string) (*resolved, error) {
	r := &resolved{object: object, keySource: -1, external: -1}
	var violations []fault.Violation
	refuse := func(path, format string, args ...any) {
		violations = append(violations, fault.Violation{Path: path, Message: fmt.Sprintf(format, args...)})
	}
	if named, ok := s.Object(m.Object); m.Object != "" && (!ok || named != object) {
		refuse("object", "is %q, and the import is into %q", shortened(m.Object), object.Name)
	}
	if len(m.Fields) == 0 || len(m.Fields) > maxMappedFields {
		refuse("fields", "must name 1 to %d fields", maxMappedFields)
		return nil, fault.Refuse(violations...)
	}
	seen := map[*schema.Field]bool{}
	for i, mapped := range m.Fields {
		path := fmt.Sprintf("fields[%d]", i)
		src, problems := mapped.resolve(s, object, header)
		for _, problem := range problems {
			refuse(path+"."+problem.Path, "%s", problem.Message)
		}
		if len(problems) > 0 {
			continue
		}
		if seen[src.field] {
			refuse(path+".field", "%q is mapped twice", src.field.Path())
		}
		seen[src.field] = true
		r.sources = append(r.sources, src)
	}
	if m.Key != "" {
		r.findKey(m.Key, refuse)
	}
	if m.External != nil {
		r.system = m.External.System
		r.external = findColumn(header, m.External.Column, "external.column", refuse)
		for _, v := range (query.ExternalID{System: m.External.System, ID: "x"}).Check() {
			refuse("external."+v.Path, "%s", v.Message)
		}
	}
	if len(violations) > 0 {
		return nil, fault.Refuse(violations...)
	}
	return r, nil
}

func (r *resolved) findKey(name string, refuse func(path, format string, args ...any)) {
	key, ok := r.object.Field(name)
	switch {
	case !ok:
		refuse("key", "%s has no field %q%s", r.object.Name, shortened(name), didYouMean(name, fieldNames(r.object)))
		return
	case !key.Unique:
		refuse("key", "%q is not unique, so it cannot tell the records apart", name)
		return
	}
	r.key = key
	r.keySource = slices.IndexFunc(r.sources, func(s source) bool { return s.field == key })
	if r.keySource < 0 {
		refuse("key", "%q is not among the mapped fields", name)
	} else if r.sources[r.keySource].column < 0 {
		refuse("key", "%q has the same value in every line", name)
	}
}

func (f MappingField) resolve(s *schema.Schema, object *schema.Object, header []string) (source, []fault.Violation) {
	var violations []fault.Violation
	refuse := func(path, format string, args ...any) {
		violations = append(violations, fault.Violation{Path: path, Message: fmt.Sprintf(format, args...)})
	}
	src := source{MappingField: f, column: -1}
	field, ok := object.Field(f.Field)
	switch {
	case !ok:
		refuse("field", "%s has no field %q%s", object.Name, shortened(f.Field), didYouMean(f.Field, fieldNames(object)))
	case field.Computed():
		refuse("field", "%q is computed and cannot be set", f.Field)
	case field.SetBySystem():
		refuse("field", "%q is set by the system", f.Field)
	}
	if ok && len(field.Parts()) > 0 {
		field = wholeText(field, refuse)
	}
	src.field = field
	switch {
	case (f.Column == "") == (f.Value == nil):
		refuse("column", "either a column or a value is needed")
	case f.Column != "":
		src.column = findColumn(header, f.Column, "column", refuse)
	}
	if f.Lookup != "" && field != nil {
		src.target, src.by = f.findLookup(s, field, refuse)
	}
	return src, violations
}

// wholeText is the part that a text for the whole value means.
func wholeText(f *schema.Field, refuse func(path, format string, args ...any)) *schema.Field {
	part, ok := f.TextPart()
	if !ok {
		refuse("field", "%q has parts; map them by themselves: %s", f.Name, f.Parts()[0].Path())
	}
	return part
}

func (f MappingField) findLookup(
	s *schema.Schema, field *schema.Field, refuse func(path, format string, args ...any),
) (*schema.Object, *schema.Field) {
	if field.Type != schema.TypeRelation {
		refuse("lookup", "%q is no relation", field.Path())
		return nil, nil
	}
	target, ok := s.ObjectByIdentity(field.Target)
	if !ok {
		refuse("lookup", "%q points to nothing", field.Name)
		return nil, nil
	}
	by, ok := target.Field(f.Lookup)
	if !ok {
		refuse("lookup", "%s has no field %q%s", target.Name, shortened(f.Lookup), didYouMean(f.Lookup, fieldNames(target)))
		return nil, nil
	}
	if by.Kind() == schema.KindTexts || by.Kind() == schema.KindParts || by.Kind() == schema.KindJSON || by.Type == schema.TypeAutoNumber || by.Computed() {
		refuse("lookup", "records of %s cannot be looked up by %q, which is %s", target.Name, by.Name, by.Type)
		return nil, nil
	}
	return target, by
}

// findColumn is the place of the column in the file, -1 when there is none.
func findColumn(header []string, name, path string, refuse func(path, format string, args ...any)) int {
	column := slices.Index(header, name)
	switch {
	case column < 0:
		refuse(path, "the file has no column %q; it has %s", shortened(name), columnList(header))
	case slices.Contains(header[column+1:], name):
		refuse(path, "the file has two columns %q", shortened(name))
	}
	return column
}

func columnList(header []string) string {
	const most = 30
	if len(header) > most {
		return strings.Join(header[:most], ", ") + fmt.Sprintf(" and %d more", len(header)-most)
	}
	return strings.Join(header, ", ")
}

// text is the source's text in a line, after aliases; false when there is no value.
func (s *source) text(columns []string) (string, bool) {
	var text string
	if s.column >= 0 {
		text = fused(strings.TrimSpace(columns[s.column])) // an export may have written it
	} else {
		text = *s.Value
	}
	if text == "" || slices.Contains(s.Nulls, text) {
		return "", false
	}
	if alias, ok := s.Aliases[text]; ok {
		text = alias
	}
	return text, text != ""
}
