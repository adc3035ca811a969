package query

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kontor-crm/kontor/internal/expr"
	"github.com/kontor-crm/kontor/internal/schema"
)

// record is the alias of the object's own table in every statement.
const record = "r"

// maxFields is the greatest number of fields that a request may name.
const maxFields = 500

// The bounds of what a request may reach through relations.
const (
	maxRelations = 4
	maxJoins     = 24
)

// place is a table of a statement: the object's own, or one that relations lead to.
type place struct {
	alias  string
	object *schema.Object
	// path are the names of the relations that lead there, as the request says them,
	// and relations what they are.
	path      []string
	relations []*schema.Field
}

// name is what a request calls a field at the place.
func (p *place) name(f *schema.Field) string {
	return strings.Join(append(slices.Clone(p.path), f.Path()), ".")
}

// identity is that of a field at the place, which stays when names change.
func (p *place) identity(f *schema.Field) string {
	var identities []string
	for _, relation := range append(slices.Clone(p.relations), f) {
		identities = append(identities, relation.Identity)
	}
	return strings.Join(identities, " ")
}

// selection is what a statement selects: columns, and the joins that they need.
type selection struct {
	compiler *Compiler
	access   Access
	root     *place

	columns []Column
	// places are where the values of the columns are, in the same order.
	places []*place
	joins  []string
	// joined are the places by their path.
	joined map[string]*place
}

// selectFields reads the wanted fields; none are all of the object's own. A
// relation that is expanded stands as an object where it is named first, and
// carries the id of the related record. So does a field of which parts are named.
func (c *Compiler) selectFields(a Access, o *schema.Object, names []string) (*selection, error) {
	s := c.selectOwn(a, o)
	if len(names) > maxFields {
		return nil, malformed("fields", "at most %d fields can be asked for", maxFields)
	}
	if len(names) > 0 {
		err := s.choose(s.root, names)
		return s, err
	}
	for _, f := range a.visible(o) {
		if c.mayCompute(a, f) {
			s.addAll(f)
		}
	}
	a.Shows(o)
	return s, nil
}

// selectTable is selectFields for a table: each name is a column, or those of its
// parts, and related records have no column that nobody named.
func (c *Compiler) selectTable(a Access, o *schema.Object, names []string) (*selection, error) {
	if len(names) == 0 {
		return c.selectFields(a, o, nil)
	}
	if len(names) > maxFields {
		return nil, malformed("fields", "at most %d fields can be asked for", maxFields)
	}
	s := c.selectOwn(a, o)
	for _, name := range names {
		at, f, name, err := s.resolve(name, "fields")
		if err != nil {
			return nil, err
		}
		name, _, _ = strings.Cut(name, ".")
		s.add(at, f, name)
	}
	return s, nil
}

// selectWritten selects what a write gives back: all but what is computed from other records.
func (c *Compiler) selectWritten(a Access, o *schema.Object) *selection {
	s := c.selectOwn(a, o)
	for _, f := range o.AllFields() {
		if e := c.computed()[f]; !f.Computed() || e != nil && !e.ReadsOthers() {
			s.addAll(f)
		}
	}
	return s
}

// selectOwn selects some of the object's own fields.
func (c *Compiler) selectOwn(a Access, o *schema.Object, fields ...*schema.Field) *selection {
	s := &selection{compiler: c, access: a, root: &place{alias: record, object: o}, joined: map[string]*place{}}
	for _, f := range fields {
		s.add(s.root, f, f.Name)
	}
	return s
}

// addAll selects a field of the object itself, under its name and under those that
// it had before and that are still answered.
func (s *selection) addAll(f *schema.Field) {
	s.add(s.root, f, f.Name)
	for _, former := range s.root.object.FormerNames(f) {
		s.add(s.root, f, former.Name)
	}
}

// add selects a field under a name, all of it when it has parts. A part of a field
// goes under the name of the whole.
func (s *selection) add(at *place, f *schema.Field, name string) {
	if f.Computed() {
		s.addLeaf(at, f, name)
	}
	for _, leaf := range f.Leaves() {
		s.addLeaf(at, leaf, name)
	}
}

// addLeaf selects a field that has one value, and says which column of the row it is.
func (s *selection) addLeaf(at *place, f *schema.Field, name string) int {
	path := append(slices.Clone(at.path), name)
	if f.Parent != nil {
		path = append(path, f.Name)
	}
	s.columns = append(s.columns, Column{Path: path, Field: f})
	s.places = append(s.places, at)
	return len(s.columns) - 1
}

// list is what stands behind SELECT or RETURNING.
func (s *selection) list(args *expr.Args) string {
	expressions := make([]string, len(s.columns))
	for i, c := range s.columns {
		expressions[i] = s.value(s.places[i], c.Field, args)
	}
	return strings.Join(expressions, ", ")
}

// value is a field of a place in SQL.
func (s *selection) value(at *place, f *schema.Field, args *expr.Args) string {
	if e := s.compiler.computed()[f]; e != nil && !f.Kept() {
		return e.SQL(args, s.compiler.Context(s.access), at.alias)
	}
	return column(at.alias, f)
}

// place is the column of a field, which is selected if need be.
func (s *selection) place(at *place, f *schema.Field) int {
	for i, selected := range s.columns {
		if selected.Field == f && s.places[i] == at {
			return i
		}
	}
	name, _, _ := strings.Cut(f.Path(), ".")
	return s.addLeaf(at, f, name)
}

// choose selects the named fields of a place, those of one related record or value
// beside each other.
func (s *selection) choose(at *place, names []string) error {
	done := map[string]bool{}
	for i, name := range names {
		head, _, _ := strings.Cut(name, ".")
		if done[head] {
			continue
		}
		done[head] = true
		f, err := s.field(at, head, "fields")
		if err != nil {
			return err
		}
		if err := s.chooseOne(at, f, head, names[i:]); err != nil {
			return err
		}
	}
	return nil
}

// chooseOne selects a field of a place that the request calls so, or what the names
// want of it.
func (s *selection) chooseOne(at *place, f *schema.Field, called string, names []string) error {
	var behind []string
	for _, name := range names {
		if rest, ok := strings.CutPrefix(name, called+"."); ok {
			behind = append(behind, rest)
		}
	}
	switch {
	case len(behind) == 0, len(f.Parts()) > 0 && slices.Contains(names, called):
		s.add(at, f, called)
		return nil
	case len(f.Parts()) > 0:
		return s.chooseParts(at, called, behind)
	}
	related, err := s.join(at, f, called, "fields")
	if err != nil {
		return err
	}
	// The id says whether there is a related record.
	return s.choose(related, append([]string{schema.FieldID}, behind...))
}

func (s *selection) chooseParts(at *place, called string, names []string) error {
	done := map[string]bool{}
	for _, name := range names {
		if done[name] {
			continue
		}
		done[name] = true
		part, err := s.access.field(at.object, called+"."+name, "fields")
		if err != nil {
			return err
		}
		s.addLeaf(at, part, called)
	}
	return nil
}

// field is the field of that name at a place. One that is computed from what may
// not be seen is no field.
func (s *selection) field(at *place, name, param string) (*schema.Field, error) {
	f, err := s.access.field(at.object, name, param)
	if err == nil && !s.compiler.mayCompute(s.access, f) {
		return nil, malformed(param, "%q cannot be computed for you", at.name(f))
	}
	return f, err
}

// resolve finds the field that a name leads to, through relations and to parts, and
// says what is left of the name at its place. param is where the request has the name.
func (s *selection) resolve(name, param string) (at *place, f *schema.Field, called string, err error) {
	at = s.root
	for {
		head, rest, isPath := strings.Cut(name, ".")
		if _, isPart := at.object.Field(name); isPart || !isPath {
			f, err = s.field(at, name, param)
			return at, f, name, err
		}
		relation, err := s.access.field(at.object, head, param)
		if err != nil {
			return nil, nil, "", err
		}
		if at, err = s.join(at, relation, head, param); err != nil {
			return nil, nil, "", err
		}
		name = rest
	}
}

// join is the place that a relation leads to, which the request calls so. A deleted
// record is not there.
func (s *selection) join(at *place, relation *schema.Field, called, param string) (*place, error) {
	path := append(slices.Clone(at.path), called)
	name := strings.Join(path, ".")
	if joined, ok := s.joined[name]; ok {
		return joined, nil
	}
	target, ok := s.compiler.schema.ObjectByIdentity(relation.Target)
	switch {
	case !ok:
		return nil, malformed(param, "%q is no relation and has no fields of its own", name)
	case len(at.path) == maxRelations:
		return nil, malformed(param, "%.60q goes through more than %d relations", name, maxRelations)
	case len(s.joins) == maxJoins:
		return nil, malformed(param, "more than %d related records are asked for", maxJoins)
	}
	if err := s.access.reading(target); err != nil {
		return nil, err
	}
	related := &place{
		alias: fmt.Sprintf("e%d", len(s.joins)), object: target, path: path, relations: append(slices.Clone(at.relations), relation),
	}
	s.joined[name] = related
	s.joins = append(s.joins, " LEFT JOIN "+target.QualifiedTable()+" AS "+related.alias+" ON "+idOf(related.alias)+" = "+
		column(at.alias, relation)+" AND "+live(related.alias))
	return related, nil
}

// from is the table with its joins.
func (s *selection) from() string {
	return " FROM " + s.root.object.QualifiedTable() + " AS " + record + strings.Join(s.joins, "")
}

// column is a field's column of the table that goes by the alias.
func column(alias string, f *schema.Field) string { return alias + "." + schema.QuoteIdent(f.Column) }

// live lets only records through that are not deleted.
func live(alias string) string { return deletedAt(alias) + " IS NULL" }

// gone lets only records through that are deleted.
func gone(alias string) string { return deletedAt(alias) + " IS NOT NULL" }

func deletedAt(alias string) string { return alias + "." + schema.QuoteIdent(schema.ColumnDeletedAt) }
