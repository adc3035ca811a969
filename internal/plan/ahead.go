package plan

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/kontor-crm/kontor/internal/schema"
)

// planAhead finds the kept fields that are filled before the plan's transaction: those
// whose column no applied schema has. Until all of it is right, the applied schema
// goes on computing them whenever they are asked for.
func (m *maker) planAhead() {
	m.ahead = map[*keptField]bool{}
	if m.applied == nil {
		return
	}
	for _, f := range m.keeping.fields {
		table, exists := m.live.Tables[f.object.Table]
		if exists && table.HasRows && m.before.column(f) == nil && m.isReadable(f) {
			m.ahead[f] = true
		}
	}
	for m.fallBack() { // one that has to wait makes those wait that hang together with it
	}
}

// fallBack takes out the fields that hang together with one that has to wait for the
// transaction; it says whether there were some.
func (m *maker) fallBack() bool {
	had := len(m.ahead)
	waits := func(f *keptField) bool {
		before := m.before.column(f)
		return !m.ahead[f] && (before == nil || before.mark != f.mark)
	}
	for _, k := range m.keeping.keepers {
		if slices.ContainsFunc(k.fields, waits) {
			for _, f := range k.fields {
				delete(m.ahead, f)
			}
		}
	}
	for _, f := range m.keeping.fields {
		if waits(f) {
			maps.DeleteFunc(m.ahead, func(other *keptField, _ bool) bool { return slices.Contains(other.reads(), f.field) })
		}
	}
	return len(m.ahead) < had
}

// column is the kept field that has the same column; nil when there is none.
func (k *keeping) column(f *keptField) *keptField {
	at := slices.IndexFunc(k.fields, func(b *keptField) bool { return b.object.Table == f.object.Table && b.field.Column == f.field.Column })
	if at < 0 {
		return nil
	}
	return k.fields[at]
}

// isReadable says whether all that the value follows from is there before the
// transaction; of kept fields fallBack decides.
func (m *maker) isReadable(f *keptField) bool {
	there := func(o *schema.Object, fields ...*schema.Field) bool {
		table, exists := m.live.Tables[o.Table]
		return exists && !slices.ContainsFunc(fields, func(read *schema.Field) bool {
			_, there := table.Columns[read.Column]
			return !there && !read.Kept()
		})
	}
	for _, list := range f.sources.Lists {
		if !there(list.Object, append(slices.Clone(list.Fields), list.Relation)...) {
			return false
		}
	}
	for _, reference := range f.sources.References {
		if !there(reference.Object, reference.Fields...) {
			return false
		}
	}
	return there(f.object, f.sources.Own...)
}

// aheadOf is the field of a column when it is filled before the transaction; else nil.
func (m *maker) aheadOf(c *column) *keptField {
	for f := range m.ahead {
		if f.field == c.field {
			return f
		}
	}
	return nil
}

// isAhead says whether the keeper keeps fields that are filled before the transaction.
func (m *maker) isAhead(k *keeper) bool {
	return slices.ContainsFunc(k.fields, func(f *keptField) bool { return m.ahead[f] })
}

// leftovers are the keepers that a plan which was broken off has left: neither schema has them.
func (m *maker) leftovers() []string {
	known := map[string]bool{}
	for _, keepers := range [][]*keeper{m.keeping.keepers, m.before.keepers} {
		for _, k := range keepers {
			for _, trigger := range k.triggers {
				known[key(k.object.Table, trigger.name)] = true
			}
		}
	}
	var statements []string
	for _, table := range slices.Sorted(maps.Keys(m.live.Tables)) {
		for _, name := range slices.Sorted(maps.Keys(m.live.Tables[table].Triggers)) {
			if keeperName.MatchString(name) && !known[key(table, name)] {
				statements = append(statements, "DROP TRIGGER IF EXISTS "+schema.QuoteIdent(name)+" ON "+inRecords(table))
			}
		}
	}
	return statements
}

// isKept says whether the column that a broken-off plan has left has been filled and kept since.
func (m *maker) isKept(f *keptField) bool { return m.markOf(f) == f.mark && m.goesOn(f) }

// goesOn says whether every write has left the column right since a filling of it
// began, if one did: all that keeps it is there as it should be, and nothing else.
func (m *maker) goesOn(f *keptField) bool {
	table, exists := m.live.Tables[f.object.Table]
	return exists && table.Columns[f.field.Column].Type == string(f.field.Storage()) && len(m.leftovers()) == 0 &&
		!slices.ContainsFunc(m.keeping.keepers, func(k *keeper) bool {
			table, exists := m.live.Tables[k.object.Table]
			return slices.Contains(k.fields, f) && (!exists || !k.isLive(table))
		})
}

// addAhead plans the column of a field that is filled before the transaction.
func (t *tableMaker) addAhead(c *column, f *keptField) {
	change := t.change(c, AddField)
	change.Lock, change.Resumes = lockAccessExclusive, true
	change.Summary = fmt.Sprintf("add field %q to %s", c.field.Path(), t.object().Name)
	name := schema.QuoteIdent(c.name)
	add := alter(t.object(), "ADD COLUMN "+c.definition())
	live, there := t.live.Columns[c.name]
	switch {
	case !there:
		change.Prepare = append(t.leftovers(), add)
	case live.Type != string(c.storage):
		change.Prepare = append(t.leftovers(), alter(t.object(), "DROP COLUMN "+name, "ADD COLUMN "+c.definition()))
		for _, x := range t.shape.indexes {
			if x.covers(c.field) {
				delete(t.live.Indexes, x.name)
			}
		}
		for _, p := range c.indexes {
			delete(t.live.Indexes, p.name)
		}
	case !t.isKept(f):
		change.Prepare = append(t.leftovers(), f.marking(""))
	}
	for _, k := range t.keeping.keepers { // others may read the column
		if t.isAhead(k) {
			change.Undo = append(change.Undo, k.drop()...)
		}
	}
	change.Undo = append(change.Undo, alter(t.object(), "DROP COLUMN IF EXISTS "+name))
	t.add(phaseProve, change)
	t.planIndexes(c)
}

// drop are the statements that take the keeper away, if it is there.
func (k *keeper) drop() []string {
	statements := make([]string, 0, len(k.triggers)+1)
	for _, trigger := range k.triggers {
		statements = append(statements, "DROP TRIGGER IF EXISTS "+schema.QuoteIdent(trigger.name)+" ON "+k.object.QualifiedTable())
	}
	return append(statements, "DROP FUNCTION IF EXISTS "+inRecords(k.name)+"()")
}

// create are the statements that make the keeper, or make it right.
func (k *keeper) create() []string {
	statements := []string{
		"CREATE OR REPLACE FUNCTION " + inRecords(k.name) + "() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS " +
			quoted(k.body),
	}
	for _, trigger := range k.triggers {
		statements = append(statements, "CREATE OR REPLACE TRIGGER "+schema.QuoteIdent(trigger.name)+" "+trigger.definition)
	}
	return statements
}

// forgetLeftovers takes away the columns of a plan that was broken off and that nobody
// wants any more; nobody has ever read them.
func (t *tableMaker) forgetLeftovers() {
	for _, name := range slices.Sorted(maps.Keys(t.live.Columns)) {
		wanted := slices.ContainsFunc(t.shape.columns, func(c column) bool { return c.name == name })
		applied := slices.ContainsFunc(t.applied.Fields, func(f *schema.Field) bool { return f.Column == name })
		if wanted || applied || !strings.HasSuffix(name, schema.KeptSuffix) {
			continue
		}
		t.add(phaseFields, Change{
			Resource: t.object().Source, Object: t.object().Identity, Kind: ForgetValues, Lock: lockAccessExclusive,
			Summary:    fmt.Sprintf("take away the unfinished column %q of %s", name, t.object().Name),
			Statements: []string{alter(t.object(), "DROP COLUMN "+schema.QuoteIdent(name))},
		})
	}
}
