package plan

import (
	"fmt"
	"slices"

	"github.com/kontor-crm/kontor/internal/schema"
)

// Check asks the rows that are there whether they bear a change.
type Check struct {
	// Failing is a query that gives the ids of the rows that do not, each once.
	Failing string
	// Table is the qualified name of the table, quoted; Filled is the condition on its
	// rows that have a value in what is checked.
	Table, Filled string
}

// Impact is what a change means for the rows that are there.
type Impact struct {
	// Rows are all of the table, deleted records included; Filled those of them that have a value.
	Rows, Filled int64
	// Failing is how many do not bear the change.
	Failing int64
	// Hash tells sets of failing rows apart; empty when none fails.
	Hash string
	// IDs are the first of the failing rows, at most MaxFailingIDs.
	IDs []string
}

// MaxFailingIDs is how many failing rows a plan names.
const MaxFailingIDs = 10

// narrows says whether a check of a column may be broken by rows that the applied
// schema lets pass.
func (t *tableMaker) narrows(c *column, p part) bool {
	before := t.appliedField(c)
	if c.field.System || !t.live.HasRows || t.had[key("part", t.object().Table, p.name)] {
		return false
	}
	if t.turnsFrom(c) != nil { // its rules were others, or none
		return true
	}
	if before == nil {
		return false
	}
	if p.kind == kindRequired {
		return !isRequired(before) || t.wasRetired(c) != nil // records came without a value meanwhile
	}
	return slices.ContainsFunc(c.field.Rules(), func(rule schema.Rule) bool {
		return string(rule.Kind) == p.kind && !impliedBy(before.Rules(), rule)
	})
}

// proving is the narrower check that takes the place of the one of that name; false
// when there is none.
func (t *tableMaker) proving(c *column, name string) (part, bool) {
	for _, p := range c.constraints() {
		if isNamed(name, c.name, p.kind) && t.narrows(c, p) {
			return p, true
		}
	}
	return part{}, false
}

// proveCheck plans a check that rows may break: new rows have to pass it first, then
// those that are there are gone through, and only then does the schema say it. The
// checks that it replaces hold until then.
//
// What an earlier plan has proven, and then came to nothing, is the same change with
// less to do: it needs the same approval.
func (t *tableMaker) proveCheck(c *column, p part, existing Constraint, there bool, replaced []string) {
	kind := NarrowRule
	if p.kind == kindRequired {
		kind = ChangeRequired
	}
	change := t.change(c, kind)
	change.Lock = lockAccessExclusive
	change.Summary = fmt.Sprintf("change field %q of %s: %s", c.field.Path(), t.object().Name, t.narrowing(c, p))
	if !there {
		change.Prepare = []string{alter(t.object(), "ADD "+addCheck(p, true))}
		if p.kind == kindRequired && c.initial != "" && t.wasRetired(c) != nil { // who does not know of the field yet gives no value
			change.Prepare = []string{alter(t.object(), "ALTER COLUMN "+schema.QuoteIdent(c.name)+" SET DEFAULT "+c.initial, "ADD "+addCheck(p, true))}
		}
	}
	if !existing.Validated {
		change.Prove = []string{alter(t.object(), "VALIDATE CONSTRAINT "+schema.QuoteIdent(p.name))}
	}
	change.Undo = []string{alter(t.object(), "DROP CONSTRAINT IF EXISTS "+schema.QuoteIdent(p.name))}
	drops := make([]string, 0, len(replaced))
	for _, name := range replaced {
		drops = append(drops, "DROP CONSTRAINT "+schema.QuoteIdent(name))
		delete(t.live.Constraints, name)
	}
	if len(drops) > 0 {
		change.Statements = []string{alter(t.object(), drops...)}
	}
	change.Check = t.checkOf(c, p)
	t.treats(&change, c, p, there)
	t.add(phaseProve, change)
}

// narrowing says in words what a check asks for, and what was asked for before.
func (t *tableMaker) narrowing(c *column, p part) string {
	before := t.appliedField(c)
	for _, rule := range c.field.Rules() {
		if string(rule.Kind) == p.kind && before != nil {
			return describeNarrowing(c.field.Path(), before, rule)
		}
	}
	return p.words
}

// mayRepeat says whether rows may break a unique index over those columns: they hold
// rows already, and no applied schema had the index.
func (t *tableMaker) mayRepeat(p part, columns []string) bool {
	return p.kind == kindUnique && t.live.HasRows && !t.had[key("part", t.object().Table, p.name)] && t.areThere(columns)
}

func (t *tableMaker) areThere(columns []string) bool {
	return !slices.ContainsFunc(columns, func(name string) bool { _, there := t.live.Columns[name]; return !there })
}

// proveUnique plans a unique index that rows may break. It is whole before the schema
// says it, and before one that it replaces goes.
func (t *tableMaker) proveUnique(change Change, p part, keys []string) {
	existing, there := t.live.Indexes[p.name]
	change.Kind, change.Lock = ChangeUnique, lockShareUpdate
	drop := "DROP INDEX CONCURRENTLY IF EXISTS " + inRecords(p.name)
	if there && !existing.Valid { // a making that was broken off leaves an index that nothing uses
		change.Prove = []string{drop}
	}
	if !existing.Valid {
		change.Prove = append(change.Prove, createIndex(p, true))
	}
	change.Undo = []string{drop}
	change.Check = t.repeated(keys)
	t.add(phaseProve, change)
}
