package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kontor-crm/kontor/internal/schema"
)

// checkOf asks the rows whether they bear a constraint.
func (t *tableMaker) checkOf(c *column, p part) *Check {
	table, id, name := t.object().QualifiedTable(), schema.QuoteIdent(schema.FieldID), schema.QuoteIdent(c.name)
	check := &Check{
		Failing: "SELECT " + id + " FROM " + table + " WHERE (" + p.definition + ") IS FALSE",
		Table:   table, Filled: name + " IS NOT NULL",
	}
	if p.kind == kindForeign {
		check.Failing = "SELECT r." + id + " FROM " + table + " AS r WHERE r." + name + " IS NOT NULL"
		if t.isThere(c.field.Target) { // else it is lost, and comes again without records
			_, target, _ := strings.Cut(p.definition, " REFERENCES ")
			target, _, _ = strings.Cut(target, " (")
			check.Failing += " AND NOT EXISTS (SELECT FROM " + target + " AS o WHERE o." + id + " = r." + name + ")"
		}
	}
	return check
}

// isThere says whether the table of an object is there; what is no object's is the platform's.
func (t *tableMaker) isThere(identity string) bool {
	target, ok := t.wanted.ObjectByIdentity(identity)
	if !ok {
		return true
	}
	_, there := t.maker.live.Tables[target.Table]
	return there
}

// repeated asks the rows whether some have the same of what no two may have the same of.
func (t *tableMaker) repeated(keys []string) *Check {
	filled := strings.Join(keys, " IS NOT NULL AND ") + " IS NOT NULL"
	id, alive := schema.QuoteIdent(schema.FieldID), schema.QuoteIdent(schema.ColumnDeletedAt)+" IS NULL"
	return &Check{
		// The oldest of the rows with a value keeps it; the ids grow with time.
		Failing: "SELECT " + id + " FROM (SELECT " + id + ", row_number() OVER (PARTITION BY " + strings.Join(keys, ", ") + " ORDER BY " + id + ") AS nth FROM " +
			t.object().QualifiedTable() + " WHERE " + alive + " AND " + filled + ") AS same WHERE nth > 1",
		Table: t.object().QualifiedTable(), Filled: filled,
	}
}

// Block takes out what the applied schema says already and records do not bear, since
// the database had lost it for a while: that stays drift until they are mended. It says
// whether there was some. The records have been asked before.
func (p *Plan) Block() bool {
	blocked := false
	p.Changes = slices.DeleteFunc(p.Changes, func(change Change) bool {
		if !change.Mends || change.Impact == nil || change.Impact.Failing == 0 {
			return false
		}
		blocked = true
		change.Drift, change.Class = true, Dangerous
		change.Reason = "1 record does not bear it and has to be mended first"
		if change.Impact.Failing > 1 {
			change.Reason = fmt.Sprintf("%d records do not bear it and have to be mended first", change.Impact.Failing)
		}
		if len(change.Impact.IDs) > 0 {
			change.Reason += ": " + strings.Join(change.Impact.IDs, ", ")
		}
		p.Drift = append(p.Drift, change)
		return true
	})
	if blocked {
		p.Digest = p.digest()
	}
	return blocked
}

// planPrimary plans the primary key of a table that has lost it. Its index is made
// while people work, and the relations that lean on it come after.
func (t *tableMaker) planPrimary() {
	for _, existing := range t.live.Constraints {
		if existing.Kind == kindPrimary {
			return
		}
	}
	name := cut(t.object().Table, maxIdentifier-len(primarySuffix)) + primarySuffix
	id := schema.QuoteIdent(schema.FieldID)
	check := t.repeated([]string{id})
	check.Failing = "SELECT " + id + " FROM " + t.object().QualifiedTable() + " GROUP BY " + id + " HAVING count(*) > 1"
	t.add(phaseProve, Change{
		Resource: t.object().Source, Object: t.object().Identity, Kind: AddRule, Lock: lockAccessExclusive, Drift: true, Mends: true,
		Summary: "make the ids of " + t.object().Name + " its primary key",
		Prove: []string{
			"DROP INDEX CONCURRENTLY IF EXISTS " + inRecords(name),
			"CREATE UNIQUE INDEX CONCURRENTLY " + schema.QuoteIdent(name) + " ON " + t.object().QualifiedTable() + " (" + id + ")",
		},
		Undo:       []string{"DROP INDEX CONCURRENTLY IF EXISTS " + inRecords(name)},
		Statements: []string{alter(t.object(), "ADD CONSTRAINT "+schema.QuoteIdent(name)+" PRIMARY KEY USING INDEX "+schema.QuoteIdent(name))},
		Check:      check,
	})
}

// PostgreSQL's letter for a primary key, and the end of the names that it gives them.
const (
	kindPrimary   = "p"
	primarySuffix = "_pkey"
)
