package plan

import (
	"fmt"
	"maps"
	"slices"

	"github.com/kontor-crm/kontor/internal/schema"
)

// planIndexes plans the indexes that a field asks for itself.
func (t *tableMaker) planIndexes(c *column) {
	t.dropIndexes(t.change(c, DropIndex), t.stale(maps.Keys(t.live.Indexes), t.object().Table+"_"+c.name, indexKinds))
	for _, p := range c.indexes {
		change := t.change(c, AddIndex)
		change.Summary = fmt.Sprintf("index field %q of %s", c.field.Path(), t.object().Name)
		if p.kind == kindUnique {
			change.Summary = fmt.Sprintf("make field %q of %s unique", c.field.Path(), t.object().Name)
		}
		switch before := t.turnsFrom(c); {
		case before != nil && p.kind == kindUnique:
			t.proveUnique(change, p, []string{t.turned(c, before)})
		case before != nil:
			t.indexAhead(change, p)
		case t.mayRepeat(p, []string{c.name}):
			t.proveUnique(change, p, []string{uniqueKey(c.field)})
		default:
			t.addIndex(change, p, []string{c.name}, []string{uniqueKey(c.field)})
		}
	}
}

// planDeclaredIndexes plans the indexes over several fields.
func (t *tableMaker) planDeclaredIndexes() {
	var stale []string
	if t.applied != nil {
		for _, x := range shapeOf(t.maker.applied, t.applied).indexes {
			_, there := t.live.Indexes[x.name]
			if there && !slices.ContainsFunc(t.shape.indexes, func(wanted index) bool { return wanted.name == x.name }) {
				stale = append(stale, x.name)
			}
		}
	}
	t.dropIndexes(Change{Resource: t.object().Source, Object: t.object().Identity, Kind: DropIndex}, stale)
	for _, x := range t.shape.indexes {
		change := Change{Resource: x.declared.Source, Object: t.object().Identity, Kind: AddIndex}
		change.Summary = fmt.Sprintf("add index %q to %s", x.declared.Identity, t.object().Name)
		columns, keys := t.keysOf(x.declared)
		if x.declared.Unique {
			change.Summary = fmt.Sprintf("make the fields of index %q of %s unique together", x.declared.Identity, t.object().Name)
			switch {
			case t.coversTurned(x), t.mayRepeat(x.part, columns):
				t.proveUnique(change, x.part, keys)
				continue
			case t.startsFilled(x):
				change.Kind, change.Class, change.Lock = ChangeUnique, Careful, lockShareUpdate
				t.refuse(change, "the fields of index %q may not become unique together with a field that is new and has values at once; add the field first",
					x.declared.Identity)
				continue
			}
		}
		if t.coversTurned(x) {
			t.indexAhead(change, x.part)
			continue
		}
		t.addIndex(change, x.part, columns, keys)
	}
}

// startsFilled says whether a column of a unique index comes with this plan and gives
// the records that are there values, which may then be the same.
func (t *tableMaker) startsFilled(x index) bool {
	if !t.live.HasRows || t.had[key("part", t.object().Table, x.name)] {
		return false
	}
	empty, filled := false, false
	for _, indexed := range x.declared.Fields {
		f, ok := t.object().FieldByIdentity(indexed.Field)
		if !ok {
			continue
		}
		if _, there := t.live.Columns[f.Column]; there {
			continue
		}
		if f.Default == nil && f.Type != schema.TypeAutoNumber {
			empty = true
		} else {
			filled = true
		}
	}
	return filled && !empty
}

// keysOf are the columns of a declared index, and the SQL of their values.
func (t *tableMaker) keysOf(x *schema.Index) (columns, keys []string) {
	for _, indexed := range x.Fields {
		f, ok := t.object().FieldByIdentity(indexed.Field)
		if !ok {
			continue
		}
		key := schema.QuoteIdent(f.Column)
		for i := range t.shape.columns {
			if c := &t.shape.columns[i]; c.field == f && t.turnsFrom(c) != nil {
				key = t.turned(c, t.turnsFrom(c))
			}
		}
		columns, keys = append(columns, f.Column), append(keys, key)
	}
	return columns, keys
}

func (t *tableMaker) dropIndexes(change Change, names []string) {
	change.Lock = lockAccessExclusive
	for _, name := range names {
		change.Summary = fmt.Sprintf("give up index %s of %s", name, t.object().Name)
		change.Statements = []string{"DROP INDEX " + inRecords(name)}
		change.Leftover = t.maker.applied != nil && !t.had[key("part", t.object().Table, name)]
		t.add(phaseFields, change)
		delete(t.live.Indexes, name)
	}
}

// isAs says whether the index is defined as the part asks for.
func (i Index) isAs(p part) bool { return sameDefinition(i.Definition, createIndex(p, false)) }

// addIndex makes an index that is not there, or that a broken-off plan has left
// half made. On a table with rows it is made concurrently.
func (t *tableMaker) addIndex(change Change, p part, columns, keys []string) {
	existing, ok := t.live.Indexes[p.name]
	differs := ok && !existing.isAs(p)
	if ok && existing.Valid && !differs {
		return
	}
	change.Drift = (!ok || differs) && t.had[key("part", t.object().Table, p.name)] && !t.unfinished(p)
	if ok { // a concurrent making that was broken off leaves an index that nothing uses; or somebody made another one
		change.Statements = append(change.Statements, "DROP INDEX CONCURRENTLY IF EXISTS "+inRecords(p.name))
	}
	concurrently := ok || t.live.HasRows
	change.Statements = append(change.Statements, createIndex(p, concurrently))
	if p.kind == kindUnique && t.live.HasRows && t.had[key("part", t.object().Table, p.name)] && t.areThere(columns) {
		change.Mends, change.Check = true, t.repeated(keys)
	}
	phase := phaseIndexes
	if concurrently {
		phase, change.Lock = phaseConcurrentIndexes, lockShareUpdate
	}
	t.add(phase, change)
}
