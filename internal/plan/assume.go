package plan

import (
	"slices"

	"github.com/kontor-crm/kontor/internal/schema"
)

// Assume is the database in which the schema was applied and nobody changed anything
// since. All tables have rows, so that a plan for it is one that records can be in the
// way of. Nil is the empty database.
func Assume(s *schema.Schema) *Live {
	live := &Live{Tables: map[string]*Table{}, Views: map[string]string{}}
	if s == nil {
		return live
	}
	for _, o := range s.Objects {
		sh := shapeOf(s, o)
		t := tableOf(s, o, sh.columns)
		for _, x := range sh.indexes {
			t.Indexes[x.name] = Index{Valid: true}
		}
		live.add(o, t)
		for _, v := range sh.views {
			live.Views[v.name] = v.comment
		}
	}
	for _, retired := range s.Retired.Objects {
		live.add(retired.Form, tableOf(s, retired.Form, shapeOf(s, retired.Form).columns))
	}
	for _, p := range pairsOf(s) {
		live.Tables[p.object.Table].Triggers[p.trigger.name] = Trigger{Enabled: true, Function: p.name, Digest: digestOf(p.body)}
	}
	keeping := keepingOf(s)
	for _, f := range keeping.fields {
		column := live.Tables[f.object.Table].Columns[f.field.Column]
		column.Mark = f.mark
		live.Tables[f.object.Table].Columns[f.field.Column] = column
	}
	for _, k := range keeping.keepers {
		for _, trigger := range k.triggers {
			live.Tables[k.object.Table].Triggers[trigger.name] = Trigger{Enabled: true, Function: k.name, Digest: digestOf(k.body)}
		}
	}
	return live
}

// tableOf is the table of an object, its retired fields included.
func tableOf(s *schema.Schema, o *schema.Object, columns []column) *Table {
	t := &Table{Columns: map[string]Column{}, Constraints: map[string]Constraint{}, Indexes: map[string]Index{}, Triggers: map[string]Trigger{}, HasRows: true}
	for _, c := range slices.Concat(columns, retiredColumns(s, o)) {
		initial := c.initial
		if c.sequence != "" {
			initial = nextValue(&c)
		}
		t.Columns[c.name] = Column{Type: string(c.storage), NotNull: c.notNull, Default: initial}
		for _, p := range c.constraints() {
			t.Constraints[p.name] = Constraint{Validated: true}
		}
		for _, p := range c.indexes {
			t.Indexes[p.name] = Index{Valid: true}
		}
	}
	t.Constraints[o.Table+primarySuffix] = Constraint{Kind: kindPrimary, Validated: true}
	return t
}

// add puts the tables of an object in.
func (l *Live) add(o *schema.Object, t *Table) {
	l.Tables[o.Table] = t
	if o.IsSearched() {
		l.Tables[o.SearchTable()] = searchTableOf(o)
	}
}

// searchTableOf is the table that an object's records are found by.
func searchTableOf(o *schema.Object) *Table {
	t := &Table{Columns: map[string]Column{}, Indexes: map[string]Index{searchIndex(o).name: {Valid: true}}}
	for _, c := range searchColumns {
		t.Columns[c.name] = Column{Type: c.storage}
	}
	return t
}
