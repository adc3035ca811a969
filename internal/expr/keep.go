package expr

import (
	"fmt"
	"slices"

	"github.com/kontor-crm/kontor/internal/fault"
	"github.com/kontor-crm/kontor/internal/schema"
)

// maxKeptText is the longest text that an index takes, in characters of up to four bytes.
const maxKeptText = 600

// Sources are what the value of a kept field follows from: as long as none of it
// changes, neither does the value. Other kept fields are among it; what those
// follow from is not.
type Sources struct {
	// Own are fields of the record itself.
	Own []*schema.Field
	// Lists are records that point to it.
	Lists []ListSource
	// References are records that it points to; the relations are among its own fields.
	References []ReferenceSource
}

// ReferenceSource is the live record of an object that a relation of a record points to.
type ReferenceSource struct {
	Object   *schema.Object
	Relation *schema.Field
	// Fields are what is read of it.
	Fields []*schema.Field
}

// ListSource are the live records of an object whose relation points to a record.
type ListSource struct {
	Object   *schema.Object
	Relation *schema.Field
	// Fields are what is read of each, beside the relation.
	Fields []*schema.Field
}

// Sources says what the value of a computed field that is kept follows from, or
// why no write could keep it right: a fault.Malformed at the path "indexed".
func (e *Expression) Sources() (*Sources, error) {
	s := &Sources{}
	t := &tracer{self: e.self.object, sources: s, rows: map[*row]*[]*schema.Field{e.self: &s.Own}}
	t.walk(e.root)
	if e.root.kind() == schema.KindText && lengthOf(e.root) > maxKeptText {
		t.refuse(fmt.Sprintf("its texts may have %d characters, and an index takes %d; shorten them with substring(0, %d)", lengthOf(e.root), maxKeptText, maxKeptText))
	}
	if t.problem != "" {
		return nil, malformed([]fault.Violation{{Path: "indexed", Message: t.problem}})
	}
	return s, nil
}

// tracer goes through a tree and finds what it reads.
type tracer struct {
	// self is the object of the field.
	self    *schema.Object
	sources *Sources
	// rows are the records in scope, with what is read of each.
	rows    map[*row]*[]*schema.Field
	problem string
}

// refuse says why the value cannot be kept; the first reason counts.
func (t *tracer) refuse(reason string) {
	if t.problem == "" {
		t.problem = "the field cannot be indexed: " + reason
	}
}

func (t *tracer) walk(n node) {
	switch n := inColumn(n).(type) {
	case reading:
		if read := t.rows[n.row]; !slices.Contains(*read, n.field) {
			*read = append(*read, n.field)
		}
	case computed:
		t.rows[n.body.self] = t.rows[n.at]
		t.walk(n.body.root)
	case related:
		t.reference(n)
	case aggregate:
		t.list(n)
	case call:
		if n.of == now || n.of == today || n.of == asker {
			t.refuse("its value depends on when it is asked for, and would be another one without any write")
			return
		}
		t.parts(n)
	default:
		t.parts(n)
	}
}

func (t *tracer) parts(n node) {
	for _, part := range parts(n) {
		t.walk(part)
	}
}

// list notes the records that an aggregate goes through.
func (t *tracer) list(n aggregate) {
	id, ok := n.of.parent.(reading)
	if !ok || t.rows[id.row] != &t.sources.Own {
		t.refuse("it counts the " + n.of.row.object.Name + " of other records than its own; index a roll-up of those, and use that")
		return
	}
	source := ListSource{Object: n.of.row.object, Relation: n.of.relation}
	t.rows[n.of.row] = &source.Fields
	for _, part := range []node{n.of.condition, n.value} {
		if part != nil {
			t.walk(part)
		}
	}
	t.add(source)
}

// add joins what is read of the same records.
func (t *tracer) add(source ListSource) {
	for i := range t.sources.Lists {
		if known := &t.sources.Lists[i]; known.Relation == source.Relation {
			known.Fields = united(known.Fields, source.Fields)
			return
		}
	}
	t.sources.Lists = append(t.sources.Lists, source)
}

// reference notes the record that a relation points to.
func (t *tracer) reference(n related) {
	relation, ok := n.reference.(reading)
	if !ok || t.rows[relation.row] != &t.sources.Own {
		t.refuse("it reads fields of the " + n.row.object.Name + " that another record than its own points to; index a formula of that other record, and use that")
		return
	}
	t.walk(relation)
	source := ReferenceSource{Object: n.row.object, Relation: relation.field}
	t.rows[n.row] = &source.Fields
	t.walk(n.value)
	if goesThrough(n.value, t.self) {
		t.refuse("it reads of the " + n.row.object.Name + " what changes with every " + t.self.Name + " beside it, and each of them would have to be written again")
	}
	for i := range t.sources.References {
		if known := &t.sources.References[i]; known.Relation == source.Relation {
			known.Fields = united(known.Fields, source.Fields)
			return
		}
	}
	t.sources.References = append(t.sources.References, source)
}

func united(known, others []*schema.Field) []*schema.Field {
	for _, f := range others {
		if !slices.Contains(known, f) {
			known = append(known, f)
		}
	}
	return known
}

// goesThrough says whether a value follows from lists of an object's records.
func goesThrough(n node, o *schema.Object) bool {
	switch n := n.(type) {
	case computed:
		return goesThrough(n.body.root, o)
	case aggregate:
		if n.of.row.object == o {
			return true
		}
	}
	return slices.ContainsFunc(parts(n), func(part node) bool { return goesThrough(part, o) })
}
