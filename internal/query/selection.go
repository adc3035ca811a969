package query

import (
	"fmt"
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
// carries the id of the related record.
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
		head, _, _ := strings.Cut(name, ".")
		if done[head] {
			continue
		}
		done[head] = true
		f, err := a.field(o, head, "fields")
		if err != nil {
			return nil, err
		}
		if !expanded[head] {
			s.add(f)
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
		s.add(f)
	}
	return s
}

// add selects a field of the object itself and says which column it is.
func (s *selection) add(f *schema.Field) int {
	s.columns = append(s.columns, Column{Path: []string{f.Name}, Field: f})
	s.expressions = append(s.expressions, column(record, f))
	return len(s.columns) - 1
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
		if done[name] {
			return nil
		}
		done[name] = true
		if strings.Contains(name, ".") {
			return malformed("fields", "%.60q goes through more than one relation", relation.Name+"."+name)
		}
		f, err := a.field(target, name, "fields")
		if err != nil {
			return err
		}
		s.columns = append(s.columns, Column{Path: []string{relation.Name, f.Name}, Field: f})
		s.expressions = append(s.expressions, column(alias, f))
		return nil
	}
	if err := add(schema.FieldID); err != nil {
		return err
	}
	for _, name := range names {
		if head, rest, found := strings.Cut(name, "."); found && head == relation.Name {
			if err := add(rest); err != nil {
				return err
			}
		}
	}
	id, _ := target.Field(schema.FieldID)
	s.joins = append(s.joins, " LEFT JOIN "+target.QualifiedTable()+" AS "+alias+" ON "+column(alias, id)+" = "+column(record, relation)+
		" AND "+live(alias))
	return nil
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
