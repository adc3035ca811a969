package plan

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kontor-crm/kontor/internal/schema"
)

// defaultRetention is how long values are kept that a change alters.
const defaultRetention = 30 * 24 * time.Hour

// treated is a narrower check whose failing values the field says what to do with.
type treated struct {
	column *column
	part   part
	rule   schema.Rule
	// there says that writers obey the check already.
	there bool
}

// treatment is what the field says of values that break a check; Refuse where nothing
// can be done with them.
func treatment(c *column, p part) (schema.OnViolation, schema.Rule) {
	if c.field.Parent != nil || c.field.Beside != nil || c.field.OnViolation == schema.OnViolationRefuse {
		return schema.OnViolationRefuse, schema.Rule{}
	}
	for _, rule := range c.field.Rules() {
		if string(rule.Kind) != p.kind || c.field.OnViolation == schema.OnViolationTruncate && rule.Kind != schema.RuleMaxLength {
			continue
		}
		return c.field.OnViolation, rule
	}
	return schema.OnViolationRefuse, schema.Rule{}
}

// treats adds what is done with failing values to the change that narrows the check.
func (t *tableMaker) treats(change *Change, c *column, p part, there bool) {
	how, rule := treatment(c, p)
	if how == schema.OnViolationRefuse || t.turnsFrom(c) != nil { // the values in force stand in another column, and would change with these
		return
	}
	change.Treatment, change.Resumes = how, true
	if how == schema.OnViolationTruncate {
		change.Summary += "; longer values are cut"
	} else {
		change.Summary += "; other values are taken away"
	}
	t.treated = append(t.treated, treated{column: c, part: p, rule: rule, there: there})
}

// alters says when a column gets another value, and which: the treated one, and the one
// that stands beside it, whose value goes with it.
func (d treated) alters(c *column) (condition, becomes string, concerns bool) {
	condition = "(" + conditionOf("r."+schema.QuoteIdent(d.column.name), d.column.field, d.rule) + ") IS FALSE"
	switch {
	case d.column.name != c.name && c.field.Beside != d.column.field:
		return "", "", false
	case d.column.field.OnViolation == schema.OnViolationTruncate:
		return condition, fmt.Sprintf("left(r.%s, %d)", schema.QuoteIdent(c.name), d.rule.Length), true
	}
	return condition, "NULL", true
}

// treat alters the failing values of the whole table in one pass: a row that breaks
// two of the checks could not be written while it obeys one of them only.
func (t *tableMaker) treat() {
	if len(t.treated) == 0 {
		return
	}
	o := t.object()
	fill := &Backfill{Name: o.Table + " treated", Table: o.QualifiedTable(), Record: &RecordChange{
		Object: o.Identity, Revision: t.plan.Base, Leads: t.plan.Revision, Keep: true, Retention: t.policy.Retention,
	}}
	if fill.Record.Retention == 0 {
		fill.Record.Retention = defaultRetention
	}
	var conditions, names []string
	searched := false
	for i := range t.shape.columns {
		c := &t.shape.columns[i]
		set := Assignment{Column: c.name, Value: "r." + schema.QuoteIdent(c.name), Field: c.field.Identity, Follows: c.field.Beside != nil, Plain: isPlain(c.storage)}
		for _, d := range t.treated {
			condition, becomes, concerns := d.alters(c)
			if !concerns {
				continue
			}
			set.Value, set.Why = "CASE WHEN "+condition+" THEN "+becomes+" ELSE "+set.Value+" END", string(d.column.field.OnViolation)
			conditions = append(conditions, condition)
			fill.Fresh = fill.Fresh || !d.there
			searched = searched || o.IsSearchable(d.column.field)
		}
		if set.Why == "" {
			continue
		}
		fill.Set = append(fill.Set, set)
		if !set.Follows {
			names = append(names, fmt.Sprintf("%q", c.field.Name))
		}
	}
	slices.Sort(conditions)
	conditions = slices.Compact(conditions)
	fill.Todo = strings.Join(conditions, " OR ")
	change := Change{
		Resource: t.treated[0].column.field.Source, Object: o.Identity, Field: t.treated[0].column.field.Identity, Kind: TreatValues, Class: Careful, Resumes: true,
		Summary: fmt.Sprintf("treat the values of %s of %s that do not bear it, and keep them as they are for a while", strings.Join(names, ", "), o.Name),
		Lock:    "ROW EXCLUSIVE", Backfill: fill,
	}
	if searched {
		change.Statements = []string{searchAnew(o)}
	}
	t.phases[phaseProve] = slices.Insert(t.phases[phaseProve], 0, change)
}

// purge takes away what was kept for long enough, some at a time.
func (m *maker) purge() {
	if !m.live.Outdated {
		return
	}
	kept := inPlatform("kept_value")
	m.add(phaseFill, Change{
		Resource: "standard", Kind: PurgeValues, Lock: "ROW EXCLUSIVE",
		Summary: "take away what was kept of altered values for long enough",
		Statements: []string{"DO " + quoted("BEGIN\n  LOOP\n    DELETE FROM "+kept+" WHERE ctid = ANY(ARRAY(SELECT ctid FROM "+kept+
			" WHERE until < now() ORDER BY until LIMIT 5000));\n    EXIT WHEN NOT FOUND;\n    COMMIT;\n  END LOOP;\nEND")},
	})
}

// isPlain says whether the history tells a value of the storage as it is in JSON.
func isPlain(storage schema.Storage) bool {
	switch storage { //nolint:exhaustive // the others are told as texts
	case schema.StorageBigInt, schema.StorageInteger, schema.StorageTexts, schema.StorageJSON, schema.StorageBoolean:
		return true
	}
	return false
}

// searchAnew has a worker read the records of the object once more, so that search
// finds them by what they say now.
func searchAnew(o *schema.Object) string {
	return "UPDATE " + inPlatform(schema.SearchStateTable) + " SET reached = '00000000-0000-0000-0000-000000000000' WHERE object = " + quoted(o.Identity)
}

// giveBack gives values that a plan has altered back to the records that nobody has
// changed since, where the field bears them again: it has become wider, or the plan
// that altered them came to nothing.
func (t *tableMaker) giveBack(c *column) {
	before := t.appliedField(c)
	if before == nil || c.field.Parent != nil || c.field.Beside != nil || before.Storage() != c.storage ||
		!slices.Contains(t.maker.live.Kept[t.object().Identity], c.name) || t.isTreated(c) {
		return
	}
	o := t.object()
	name := o.Table + "." + c.name + " given back"
	widened := slices.ContainsFunc(before.Rules(), func(rule schema.Rule) bool { return !impliedBy(c.field.Rules(), rule) })
	pending := slices.Contains(t.maker.live.Backfills, name)
	abandoned := slices.ContainsFunc(t.maker.live.Begun, func(b Begun) bool {
		return b.Base == t.plan.Base && slices.Contains(b.Alters, alters(o.Identity, c.name))
	})
	if !widened && !pending && !abandoned {
		return
	}
	value := "(" + keptChain(o, c, "c.value") + ")"
	fill := &Backfill{
		Name: name, Table: o.QualifiedTable(), Fresh: !pending,
		Todo:   value + " IS NOT NULL",
		Set:    []Assignment{{Column: c.name, Value: value + "::" + string(c.storage), Field: c.field.Identity, Plain: isPlain(c.storage)}},
		Record: &RecordChange{Object: o.Identity, Revision: t.plan.Revision, GivesBack: true},
	}
	if beside := c.field.Companion(); beside != nil {
		fill.Set = append(fill.Set, Assignment{
			Column: beside.Column, Field: beside.Identity, Follows: true,
			Value: "(SELECT b.value FROM " + inPlatform("kept_value") + " AS b WHERE b.object = " + quoted(o.Identity) + " AND b.column_name = " + quoted(beside.Column) +
				" AND b.record_id = r." + rowID + " AND b.revision = (" + keptChain(o, c, "c.revision") + "))::" + string(beside.Storage()),
		})
	}
	change := t.change(c, GiveBackValues)
	change.Class, change.Lock, change.Backfill = Safe, "ROW EXCLUSIVE", fill // it was decided before; this goes on, or takes back
	if widened {
		change.Class = Careful
	}
	change.Summary = fmt.Sprintf("give the values of %q of %s back that were kept, where nobody has changed them since", c.field.Path(), o.Name)
	if o.IsSearchable(c.field) {
		change.Statements = []string{searchAnew(o)}
	}
	t.add(phaseFill, change)
}

func (t *tableMaker) isTreated(c *column) bool {
	return slices.ContainsFunc(t.treated, func(d treated) bool { return d.column.name == c.name })
}

// keptChain asks, for the row r, for the oldest kept value that the column bears now and
// from which the present one has come by plans alone; it gives no row when somebody has
// changed the value since.
func keptChain(o *schema.Object, c *column, what string) string {
	kept := " FROM " + inPlatform("kept_value") + " AS k"
	of := "k.object = " + quoted(o.Identity) + " AND k.column_name = " + quoted(c.name) + " AND k.record_id = r." + rowID
	bears := []string{"true"}
	for _, rule := range c.field.Rules() {
		bears = append(bears, "("+conditionOf("(c.value)::"+string(c.storage), c.field, rule)+") IS NOT FALSE")
	}
	if c.field.Unique { // somebody else may have the value by now
		value := strings.ReplaceAll(uniqueKey(c.field), schema.QuoteIdent(c.name), "(c.value)::"+string(c.storage))
		bears = append(bears, "NOT EXISTS (SELECT FROM "+o.QualifiedTable()+" AS o WHERE "+uniqueKey(c.field)+" = "+value+
			" AND o."+schema.QuoteIdent(schema.ColumnDeletedAt)+" IS NULL AND o."+rowID+" <> r."+rowID+")")
	}
	return "WITH RECURSIVE chain AS ((SELECT k.revision, k.value" + kept + " WHERE " + of +
		" AND k.made IS NOT DISTINCT FROM r." + schema.QuoteIdent(c.name) + "::text ORDER BY k.revision DESC LIMIT 1)" +
		" UNION ALL SELECT k.revision, k.value FROM chain AS n JOIN " + inPlatform("kept_value") + " AS k ON " + of + " AND k.revision < n.revision AND k.made = n.value)" +
		" SELECT " + what + " FROM chain AS c WHERE " + strings.Join(bears, " AND ") + " ORDER BY c.revision LIMIT 1"
}

// alterRecords is Alter for values that people see.
func (b *Backfill) alterRecords() string {
	record := b.Record
	var was, sets, told, keeps []string
	for i, set := range b.Set {
		column := schema.QuoteIdent(set.Column)
		was = append(was, fmt.Sprintf("r.%s AS o%d, %s AS v%d", column, i, set.Value, i))
		sets = append(sets, fmt.Sprintf("%s = f.v%d", column, i))
		as := "::text"
		if set.Plain {
			as = ""
		}
		if !set.Follows {
			told = append(told, fmt.Sprintf("CASE WHEN f.o%d IS DISTINCT FROM f.v%d THEN jsonb_build_object(%s, jsonb_build_object('old', f.o%d%s, 'new', f.v%d%s)) ELSE '{}' END",
				i, i, quoted(set.Field), i, as, i, as))
		}
		keeps = append(keeps, fmt.Sprintf("SELECT %s, %s, f.id, %d, %s, f.o%d::text, f.v%d::text, %s, now() + interval '%d seconds' FROM f WHERE f.o%d IS DISTINCT FROM f.v%d",
			quoted(record.Object), quoted(set.Field), record.Leads, quoted(set.Column), i, i, quoted(set.Why), int64(record.Retention.Seconds()), i, i))
	}
	version, at := schema.QuoteIdent(schema.FieldVersion), schema.QuoteIdent(schema.FieldUpdatedAt)
	parts := []string{
		"WITH f AS MATERIALIZED (SELECT r." + rowID + " AS id, r." + version + " AS version, " + strings.Join(was, ", ") + " FROM " + b.Table + " AS r WHERE r." + rowID +
			" = ANY($1::text[]::uuid[]) AND (" + b.todo() + "))",
		"told AS (INSERT INTO " + inPlatform("history") + " (at, object, record_id, version, operation, channel, schema_revision, changes) SELECT now(), " + quoted(record.Object) +
			", f.id, f.version + 1, 'update', 'operator', " + fmt.Sprint(record.Revision) + ", " + strings.Join(told, " || ") + " FROM f)",
		"sent AS (INSERT INTO " + inPlatform("outbox") + " (at, object, record_id, version, operation) SELECT now(), " + quoted(record.Object) + ", f.id, f.version + 1, 'update' FROM f)",
	}
	if record.Keep {
		parts = append(parts, "kept AS (INSERT INTO "+inPlatform("kept_value")+" (object, field, record_id, revision, column_name, value, made, why, until)\n"+
			strings.Join(keeps, "\nUNION ALL ")+" ON CONFLICT DO NOTHING)")
	}
	if record.GivesBack {
		var columns []string
		for _, set := range b.Set {
			columns = append(columns, quoted(set.Column))
		}
		parts = append(parts, "kept AS (DELETE FROM "+inPlatform("kept_value")+" AS k USING f WHERE k.object = "+quoted(record.Object)+" AND k.record_id = f.id AND k.column_name IN ("+
			strings.Join(columns, ", ")+"))")
	}
	return strings.Join(parts, ",\n") + "\nUPDATE " + b.Table + " AS k SET " + strings.Join(sets, ", ") + ", " + version + " = f.version + 1, " + at + " = now(), " +
		schema.QuoteIdent(schema.FieldUpdatedBy) + " = NULL, " + schema.QuoteIdent(schema.ColumnSchemaRevision) + fmt.Sprintf(" = %d", record.Revision) +
		" FROM f WHERE k." + rowID + " = f.id"
}

// Alters are the columns whose values a plan alters that people see, as Begun has them.
func (p *Plan) Alters() []string {
	columns := []string{}
	for _, change := range p.Changes {
		if b := change.Backfill; b != nil && b.Record != nil && b.Record.Keep {
			for _, set := range b.Set {
				columns = append(columns, alters(b.Record.Object, set.Column))
			}
		}
	}
	return columns
}

func alters(object, column string) string { return object + "." + column }

func inPlatform(table string) string {
	return schema.QuoteIdent(schema.PlatformSchema) + "." + schema.QuoteIdent(table)
}
