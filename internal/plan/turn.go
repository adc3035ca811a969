package plan

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/kontor-crm/kontor/internal/schema"
)

// unfinishedMark is the comment of a column that no schema has had yet: a plan that
// comes to nothing leaves it, and the next one takes it away.
const unfinishedMark = viewMark + "unfinished"

// previousColumns are those that held the values of a field before its type changed.
// They have no rules but one: what is written to the newest of them has to convert.
func previousColumns(s *schema.Schema, f *schema.Field) []column {
	var all []column
	for i := range f.Previous {
		p := &f.Previous[i]
		for _, leaf := range p.Leaves() {
			c := column{field: leaf, name: leaf.Column, storage: leaf.Storage(), previous: p}
			if there, ok := towards(s, f, p); ok && i == 0 && !p.Cleared && leaf.Beside == nil && there.turn != schema.TurnNone {
				name := schema.QuoteIdent(leaf.Column)
				c.checks = []part{newPart(leaf.Column, kindConverts, name+" IS NULL OR ("+there.of(name)+") IS NOT NULL", "a value that becomes "+describeType(there.to))}
			}
			all = append(all, c)
		}
	}
	return all
}

// towards is the conversion from a previous form to the one that it is kept together with.
func towards(s *schema.Schema, f *schema.Field, p *schema.Previous) (conversion, bool) {
	with := f.FormOf(p.With)
	if with == nil {
		return conversion{}, false
	}
	return conversionOf(s, p.Form, with, p.Conversion)
}

// turnsFrom is the applied form of a field whose values are to become those of another
// column; nil when they stay where they are.
func (t *tableMaker) turnsFrom(c *column) *schema.Field {
	if t.applied == nil || c.previous != nil || c.field.Beside != nil || len(c.field.Previous) == 0 {
		return nil
	}
	before, ok := t.applied.FieldByIdentity(c.field.Identity)
	if !ok || before.Column == c.name || before.Column != c.field.Previous[0].Form.Column {
		return nil
	}
	return before
}

// goesBack says whether the field goes back to a column that has been kept right.
func (t *tableMaker) goesBack(c *column) bool { return t.had[key("column", t.object().Table, c.name)] }

// turned is the SQL of the value that a record will have, from the columns that are
// there before the plan.
func (t *tableMaker) turned(c *column, before *schema.Field) string {
	if t.goesBack(c) {
		return schema.QuoteIdent(c.name)
	}
	conversion, _ := towards(t.wanted, c.field, &c.field.Previous[0])
	return "(" + conversion.of(schema.QuoteIdent(before.Column)) + ")"
}

// planTurn plans another type for a field whose values become others. The new column
// comes first, with a pairing that fills it whenever a record is written; then the
// records that are there are filled; then it is proven that all convert, and the rules of
// the new column; and only then does the schema say it. From then on the older column
// follows the new one, until its time is over.
//
// A field that goes back finds its column, which has followed all the time.
func (t *tableMaker) planTurn(c *column, before *schema.Field) {
	p := &c.field.Previous[0]
	change := t.change(c, ChangeType)
	change.Lock, change.Resumes = lockAccessExclusive, true
	change.Summary = fmt.Sprintf("change field %q of %s: type %s to %s", c.field.Path(), t.object().Name, describeType(before), describeType(c.field))
	if p.Cleared {
		change.Summary += "; values that do not convert are taken away"
	}
	if t.live.HasRows {
		t.judgeTurn(&change, c, before)
	}
	checks := t.convertsChecks(p)
	live, there := t.live.Columns[c.name]
	if !t.goesBack(c) {
		checks = slices.Concat(checks, t.ownChecks(c))
		t.prepareTurn(&change, c, before, there && live.Type == string(c.storage))
		change.Statements = []string{"COMMENT ON COLUMN " + t.object().QualifiedTable() + "." + schema.QuoteIdent(c.name) + " IS NULL"}
		if c.initial != "" {
			change.Statements = append(change.Statements, alter(t.object(), "ALTER COLUMN "+schema.QuoteIdent(c.name)+" SET DEFAULT "+c.initial))
		}
	}
	t.proveChecks(&change, checks)
	if !t.goesBack(c) {
		change.Undo = append(change.Undo, alter(t.object(), "DROP COLUMN IF EXISTS "+schema.QuoteIdent(c.name)))
	}
	t.add(phaseProve, change)
	if t.goesBack(c) && there {
		t.changeColumn(c, live)
	} else {
		t.requireTurned(c, before)
	}
	t.planIndexes(c)
}

// judgeTurn says how dangerous another type is, and which records do not bear it.
func (t *tableMaker) judgeTurn(change *Change, c *column, before *schema.Field) {
	change.Class = Careful
	if schema.WayOf(before, c.field, c.field.Previous[0].Conversion).Loses != "" {
		change.Class = Dangerous
	}
	if c.field.Previous[0].Cleared {
		change.Treatment = schema.OnViolationClear
	}
	old := schema.QuoteIdent(before.Column)
	change.Check = &Check{
		Failing: "SELECT " + rowID + " FROM " + t.object().QualifiedTable() + " WHERE " + old + " IS NOT NULL AND " + t.turned(c, before) + " IS NULL",
		Table:   t.object().QualifiedTable(), Filled: old + " IS NOT NULL",
	}
}

// prepareTurn makes the new column and the pairing, and fills the column.
func (t *tableMaker) prepareTurn(change *Change, c *column, before *schema.Field, there bool) {
	name, pairing := schema.QuoteIdent(c.name), t.pairingOf(c.field)
	t.preparing[c.field] = true
	add := "ADD COLUMN " + name + " " + string(c.storage)
	paired := pairing.isLive(t.maker.live.Tables[t.object().Table])
	if !there {
		if _, other := t.live.Columns[c.name]; other { // of a plan that wanted another type
			for _, leftover := range t.pairsOn(pairing) {
				change.Prepare = append(change.Prepare, "DROP TRIGGER "+schema.QuoteIdent(leftover)+" ON "+t.object().QualifiedTable())
			}
			change.Prepare = append(change.Prepare, alter(t.object(), "DROP COLUMN "+name))
		}
		change.Prepare = append(change.Prepare, // at once: without its mark nobody would know whose it is
			alter(t.object(), add)+";\nCOMMENT ON COLUMN "+t.object().QualifiedTable()+"."+name+" IS "+quoted(unfinishedMark))
	}
	if !paired {
		change.Prepare = append(change.Prepare, pairing.create())
	}
	change.Undo = []string{pairing.drop()}
	conversion, _ := towards(t.wanted, c.field, &c.field.Previous[0])
	change.Backfill = &Backfill{
		Name: t.object().Table + "." + c.name, Table: t.object().QualifiedTable(), Fresh: !there || !paired,
		Set: []Assignment{{Column: c.name, Value: conversion.of("r." + schema.QuoteIdent(before.Column))}},
	}
}

// pairsOn are the live pairings of the table that no schema has had, but the given one.
func (t *tableMaker) pairsOn(but *pairing) []string {
	var names []string
	for name := range t.live.Triggers {
		if pairName.MatchString(name) && name != but.trigger.name && !t.had[key("part", t.object().Table, name)] {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// convertsChecks are the checks that keep values out of the older column which do not convert.
func (t *tableMaker) convertsChecks(p *schema.Previous) []part {
	for _, c := range t.shape.columns {
		if c.previous == p && c.name == p.Form.Column {
			return c.checks
		}
	}
	return nil
}

// ownChecks are the rules of the new column, but that it has a value.
func (t *tableMaker) ownChecks(c *column) []part {
	return slices.DeleteFunc(slices.Clone(c.constraints()), func(p part) bool { return p.kind == kindRequired })
}

// proveChecks has the checks obeyed by who writes, and proven of the rows that are there.
func (t *tableMaker) proveChecks(change *Change, checks []part) {
	var adds, validates, drops []string
	for _, p := range checks {
		t.proven[p.name] = true
		existing, there := t.live.Constraints[p.name]
		if !there {
			adds = append(adds, "ADD "+addCheck(p, true))
		}
		if !existing.Validated {
			validates = append(validates, "VALIDATE CONSTRAINT "+schema.QuoteIdent(p.name))
		}
		drops = append(drops, "DROP CONSTRAINT IF EXISTS "+schema.QuoteIdent(p.name))
	}
	if len(adds) > 0 {
		change.Prepare = append(change.Prepare, alter(t.object(), adds...))
	}
	if len(validates) > 0 {
		change.Prove = append(change.Prove, alter(t.object(), validates...))
	}
	if len(drops) > 0 {
		change.Undo = append(change.Undo, alter(t.object(), drops...))
	}
}

// requireTurned plans that the new column has a value, where its field is required.
func (t *tableMaker) requireTurned(c *column, before *schema.Field) {
	for _, p := range c.checks {
		if p.kind != kindRequired {
			continue
		}
		change := t.change(c, ChangeRequired)
		change.Lock, change.Resumes = lockAccessExclusive, true
		change.Summary = fmt.Sprintf("change field %q of %s: %s", c.field.Path(), t.object().Name, p.words)
		if !isRequired(before) && t.live.HasRows {
			change.Check = &Check{
				Failing: "SELECT " + rowID + " FROM " + t.object().QualifiedTable() + " WHERE " + schema.QuoteIdent(before.Column) + " IS NULL",
				Table:   t.object().QualifiedTable(), Filled: schema.QuoteIdent(before.Column) + " IS NOT NULL",
			}
		}
		t.proveChecks(&change, []part{p})
		t.add(phaseProve, change)
	}
}

// coversTurned says whether a declared index is over a field whose values become others.
func (t *tableMaker) coversTurned(x index) bool {
	return slices.ContainsFunc(t.shape.columns, func(c column) bool { return t.turnsFrom(&c) != nil && x.covers(c.field) })
}

// indexAhead makes an index before the schema says that its column is the field's.
func (t *tableMaker) indexAhead(change Change, p part) {
	existing, there := t.live.Indexes[p.name]
	change.Lock, change.Resumes = lockShareUpdate, true
	drop := "DROP INDEX CONCURRENTLY IF EXISTS " + inRecords(p.name)
	if there && !existing.Valid {
		change.Prove = []string{drop}
	}
	if !existing.Valid {
		change.Prove = append(change.Prove, createIndex(p, true))
	}
	change.Undo = []string{drop}
	t.add(phaseProve, change)
}

// forgetTurned takes away the columns of turns that came to nothing, and of earlier
// forms whose time is over.
func (t *tableMaker) forgetTurned() {
	wanted := func(name string) bool {
		return slices.ContainsFunc(t.shape.columns, func(c column) bool { return c.name == name })
	}
	for _, name := range slices.Sorted(maps.Keys(t.live.Columns)) {
		if t.live.Columns[name].Mark == unfinishedMark && !wanted(name) {
			t.columnGoes(name)
			t.add(phaseFields, Change{
				Resource: t.object().Source, Object: t.object().Identity, Kind: ForgetValues, Lock: lockAccessExclusive, Leftover: true,
				Summary:    fmt.Sprintf("take away the unfinished column %q of %s", name, t.object().Name),
				Statements: []string{alter(t.object(), "DROP COLUMN "+schema.QuoteIdent(name))},
			})
		}
	}
	for _, before := range t.applied.Fields {
		f, ok := t.object().FieldByIdentity(before.Identity)
		if !ok {
			continue
		}
		for _, p := range before.Previous {
			var drops []string
			for _, leaf := range p.Leaves() {
				if _, there := t.live.Columns[leaf.Column]; there && !wanted(leaf.Column) {
					t.columnGoes(leaf.Column)
					drops = append(drops, "DROP COLUMN "+schema.QuoteIdent(leaf.Column))
				}
			}
			if len(drops) == 0 {
				continue
			}
			t.add(phaseFields, Change{
				Resource: f.Source, Object: t.object().Identity, Field: f.Identity, Kind: ForgetValues, Class: Careful, Lock: lockAccessExclusive,
				Summary:    fmt.Sprintf("forget the values that %q of %s had as %s: their time is over", f.Name, t.object().Name, describeType(p.Form)),
				Statements: []string{alter(t.object(), drops...)},
			})
		}
	}
}

// columnGoes takes from what is there all that goes with a column.
func (t *tableMaker) columnGoes(name string) {
	delete(t.live.Columns, name)
	maps.DeleteFunc(t.live.Constraints, func(constraint string, _ Constraint) bool { return namedFor(constraint, name, constraintKinds) })
	maps.DeleteFunc(t.live.Indexes, func(index string, live Index) bool {
		return namedFor(index, t.object().Table+"_"+name, indexKinds) || strings.Contains(live.Definition, schema.QuoteIdent(name))
	})
}
