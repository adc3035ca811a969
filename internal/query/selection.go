package query

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/kontor-crm/kontor/internal/schema"
)

// record is the alias of the object's own table in every statement.
const record = "r"

// maxFields is the greatest number of fields that a request may name.
const maxFields = 500

// selection is what a statement selects: columns, and the joins that they need.
type selection struct {
	columns []Column
	// expressions are the columns in SQL, in the same order.
	expressions []string
	joins       []string
}

// selectFields reads the wanted fields; none are all of the object's own. A
// relation that is expanded stands as an object where it is named first, and
// carries the id of the related record. So does a field of which parts are named.
func (c *Compiler) selectFields(a Access, o *schema.Object, names []string) (*selection, error) {
	if len(names) == 0 {
		return selectOwn(a.visible(o)), nil
	}
	if len(names) > maxFields {
		return nil, malformed("fields", "at most %d fields can be asked for", maxFields)
	}
	s := &selection{}
	expanded := map[string]bool{}
	for _, name := range names {
		if relation, _, found := strings.Cut(name, "."); found {
			expanded[relation] = true
		}
	}
	done := map[string]bool{}
	for _, name := range names {
		head := headOf(name)
		if done[head] {
			continue
		}
		done[head] = true
		f, err := a.field(o, head, "fields")
		if err != nil {
			return nil, err
		}
		if len(f.Parts()) > 0 || !expanded[head] {
			if err := s.addNamed(a, o, f, names); err != nil {
				return nil, err
			}
			continue
		}
		if err := c.expand(a, s, f, names); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func selectOwn(fields []*schema.Field) *selection {
	s := &selection{columns: make([]Column, 0, len(fields)), expressions: make([]string, 0, len(fields))}
	for _, f := range fields {
		for _, leaf := range f.Leaves() {
			s.add(leaf)
		}
	}
	return s
}

// add selects a field of the object itself, one with a column, and says which column it is.
func (s *selection) add(f *schema.Field) int {
	s.columns = append(s.columns, Column{Path: pathOf(f), Field: f})
	s.expressions = append(s.expressions, column(record, f))
	return len(s.columns) - 1
}

// pathOf leads to the value in the JSON of the record itself.
func pathOf(f *schema.Field) []string {
	if f.Parent != nil {
		return []string{f.Parent.Name, f.Name}
	}
	return []string{f.Name}
}

// addNamed selects a field; of one with parts those that are named, or all.
func (s *selection) addNamed(a Access, o *schema.Object, f *schema.Field, names []string) error {
	if slices.Contains(names, f.Name) {
		for _, leaf := range f.Leaves() {
			s.add(leaf)
		}
		return nil
	}
	done := map[string]bool{}
	for _, name := range names {
		if headOf(name) != f.Name || done[name] {
			continue
		}
		done[name] = true
		part, err := a.field(o, name, "fields")
		if err != nil {
			return err
		}
		s.add(part)
	}
	return nil
}

// expand selects the fields behind a relation: the related record's id first,
// which says whether there is one.
func (c *Compiler) expand(a Access, s *selection, relation *schema.Field, names []string) error {
	target, ok := c.schema.ObjectByIdentity(relation.Target)
	if !ok {
		return malformed("fields", "%q is no relation and has no fields of its own", relation.Name)
	}
	if err := a.reading(target); err != nil {
		return err
	}
	alias := fmt.Sprintf("e%d", len(s.joins))
	done := map[string]bool{}
	add := func(name string) error {
		f, err := a.behind(relation, target, name)
		if err != nil {
			return err
		}
		for _, leaf := range f.Leaves() {
			if done[leaf.Path()] {
				continue
			}
			done[leaf.Path()] = true
			s.columns = append(s.columns, Column{Path: append([]string{relation.Name}, pathOf(leaf)...), Field: leaf})
			s.expressions = append(s.expressions, column(alias, leaf))
		}
		return nil
	}
	if err := add(schema.FieldID); err != nil {
		return err
	}
	for _, rest := range behindOf(relation, names) {
		if err := add(rest); err != nil {
			return err
		}
	}
	id, _ := target.Field(schema.FieldID)
	s.joins = append(s.joins, " LEFT JOIN "+target.QualifiedTable()+" AS "+alias+" ON "+column(alias, id)+" = "+column(record, relation)+
		" AND "+live(alias))
	return nil
}

// behind is the field of the object behind a relation that is named "relation.name".
func (a Access) behind(relation *schema.Field, target *schema.Object, name string) (*schema.Field, error) {
	head, _, isPath := strings.Cut(name, ".")
	if f, ok := target.Field(head); isPath && ok && f.Type == schema.TypeRelation {
		return nil, malformed("fields", "%.60q goes through more than one relation", relation.Name+"."+name)
	}
	return a.field(target, name, "fields")
}

// behindOf are the names behind a relation, with those of the parts of one field beside each other.
func behindOf(relation *schema.Field, names []string) []string {
	var behind, heads []string
	for _, name := range names {
		if head, rest, found := strings.Cut(name, "."); found && head == relation.Name {
			behind = append(behind, rest)
			heads = append(heads, headOf(rest))
		}
	}
	slices.SortStableFunc(behind, func(x, y string) int {
		return cmp.Compare(slices.Index(heads, headOf(x)), slices.Index(heads, headOf(y)))
	})
	return behind
}

func headOf(name string) string {
	head, _, _ := strings.Cut(name, ".")
	return head
}

// from is the table with its joins.
func (s *selection) from(o *schema.Object) string {
	return " FROM " + o.QualifiedTable() + " AS " + record + strings.Join(s.joins, "")
}

// column is a field's column of the table that goes by the alias.
func column(alias string, f *schema.Field) string { return alias + "." + schema.QuoteIdent(f.Column) }

// live lets only records through that are not deleted.
func live(alias string) string { return deletedAt(alias) + " IS NULL" }

// gone lets only records through that are deleted.
func gone(alias string) string { return deletedAt(alias) + " IS NOT NULL" }

func deletedAt(alias string) string { return alias + "." + schema.QuoteIdent(schema.ColumnDeletedAt) }
