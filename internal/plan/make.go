package plan

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/kontor-crm/kontor/internal/schema"
)

// The locks, in PostgreSQL's words.
const (
	lockAccessExclusive = "ACCESS EXCLUSIVE"
	lockShareUpdate     = "SHARE UPDATE EXCLUSIVE"
)

// Make plans the way from live to wanted. applied is the schema that the database
// was last changed to; nil before the first. The result is the same for the same
// input. What neither schema knows is left alone. What is retired keeps its columns and
// tables; only those that the applied schema has as retired and the wanted one has not
// at all are dropped.
func Make(applied, wanted *schema.Schema, live *Live, policy Policy) *Plan {
	p := &Plan{}
	if applied != nil {
		p.Base = applied.Revision
		p.sameSchema = applied.Digest() == wanted.Digest()
	}
	p.Revision = p.Base
	if !p.sameSchema {
		p.Revision++
	}
	m := &maker{plan: p, applied: applied, wanted: wanted, live: live, policy: policy, had: knownParts(applied), keeping: keepingOf(wanted), before: keepingOf(applied), pairs: pairsOf(wanted), preparing: map[*schema.Field]bool{}}
	m.planDifferences()
	m.planAhead()
	for _, o := range wanted.Objects {
		m.planObject(o)
		m.planSearch(o)
	}
	m.planRetired()
	m.planPairs()
	m.purge()
	m.planKeeping()
	m.planViews()
	m.planUnknown()
	m.planMeaning()
	for _, phase := range m.phases {
		p.Changes = append(p.Changes, phase...)
	}
	m.sizes()
	p.wanted = wanted.Digest()
	p.Digest = p.digest()
	return p
}

// The phases of a plan, in their order.
const (
	phaseRights = iota
	phaseProve
	phaseDropViews
	phaseTables
	phaseFields
	phasePurge
	phaseRelations
	phaseKeepers
	phaseIndexes
	phaseViews
	phaseMeaning
	phaseValidate
	phaseFill
	phaseConcurrentIndexes
	phases
)

// maker collects the changes of one plan.
type maker struct {
	plan            *Plan
	applied, wanted *schema.Schema
	live            *Live
	policy          Policy
	// had are the parts that the applied schema has: what of them the live database lacks is drift.
	// wants are those of the wanted one; nil until somebody asks.
	had, wants map[string]bool
	// keeping is that of the wanted schema, before that of the applied one.
	keeping, before *keeping
	// pairs are those of the wanted schema; preparing are the fields whose pairing
	// comes before the plan's transaction.
	pairs     []*pairing
	preparing map[*schema.Field]bool
	// ahead are the kept fields that are right for all records before the schema says them.
	ahead  map[*keptField]bool
	phases [phases][]Change
	// rebuild are the objects whose view stands in the way of a change; broken are
	// those that lack a column which is not healed.
	rebuild, broken map[string]bool
}

// key names a part of the database in maker.had.
func key(parts ...string) string { return strings.Join(parts, "\x00") }

func knownParts(applied *schema.Schema) map[string]bool {
	had := map[string]bool{}
	if applied == nil {
		return had
	}
	for _, o := range applied.Objects {
		sh := shapeOf(applied, o)
		for _, v := range sh.views {
			had[key("view", v.name)] = true
			had[key("view", v.name, v.comment)] = true
		}
		sh.known(had)
	}
	for _, retired := range applied.Retired.Objects {
		shapeOf(applied, retired.Form).known(had)
	}
	for _, retired := range applied.Retired.Fields {
		if o := formOf(applied, retired.Object); o != nil {
			for _, leaf := range retired.Leaves() {
				c := retiredColumn(applied, o, leaf)
				c.known(had, o.Table)
				had[key("sequence", sequenceName(o.Table, leaf.Column))] = leaf.Type == schema.TypeAutoNumber
			}
		}
	}
	for _, p := range pairsOf(applied) {
		had[key("part", p.object.Table, p.trigger.name)] = true
	}
	for _, k := range keepingOf(applied).keepers {
		for _, trigger := range k.triggers {
			had[key("part", k.object.Table, trigger.name)] = true
		}
	}
	return had
}

// known notes the tables of an object with all that they have.
func (sh *shape) known(had map[string]bool) {
	o := sh.object
	had[key("table", o.Table)] = true
	for _, c := range sh.columns {
		c.known(had, o.Table)
		had[key("default", o.Table, c.name, c.initial, c.sequence, c.around)] = true
	}
	for _, x := range sh.indexes {
		had[key("part", o.Table, x.name)] = true
	}
	had[key("table", o.SearchTable())] = true // once there, it stays
	for _, c := range searchColumns {
		had[key("column", o.SearchTable(), c.name)] = true
	}
	had[key("part", o.SearchTable(), searchIndex(o).name)] = true
}

// known notes that the table has the column with all of its parts.
func (c *column) known(had map[string]bool, table string) {
	had[key("column", table, c.name)] = true
	had[key("type", table, c.name, string(c.storage))] = true
	had[key("sequence", c.sequence)] = true
	for _, named := range c.parts() {
		had[key("part", table, named.name)] = true
	}
}

func (c *column) parts() []part {
	parts := slices.Concat(c.checks, c.indexes)
	if c.foreign != nil {
		parts = append(parts, *c.foreign)
	}
	return parts
}

// add puts a change into its phase; drift goes where the policy says. It tells
// whether the change will be done.
func (m *maker) add(phase int, change Change) bool {
	if change.Class == "" {
		change.Class = Safe
	}
	if change.Class == Safe && change.Check != nil && !change.Mends {
		change.Class = Careful
	}
	change.Concurrent = phase >= phaseValidate
	if change.Drift && !m.policy.HealDrift {
		change.Reason = "the policy is to report differences, not to heal them"
		m.plan.Drift = append(m.plan.Drift, change)
		return false
	}
	m.phases[phase] = append(m.phases[phase], change)
	return true
}

// leave records drift that no plan can heal.
func (m *maker) leave(change Change, reason string, args ...any) {
	change.Drift, change.Reason, change.Class = true, fmt.Sprintf(reason, args...), Dangerous
	m.plan.Drift = append(m.plan.Drift, change)
}

func (m *maker) refuse(change Change, reason string, args ...any) {
	change.Reason = fmt.Sprintf(reason, args...)
	m.plan.Refused = append(m.plan.Refused, change)
}

func (m *maker) planObject(o *schema.Object) {
	sh := shapeOf(m.wanted, o)
	table, ok := m.live.Tables[o.Table]
	if !ok {
		m.createTable(sh)
		return
	}
	t := &tableMaker{
		maker: m, shape: sh, live: copyTable(table), applied: formOf(m.applied, o.Identity), retired: retiredColumns(m.wanted, o), proven: map[string]bool{},
	}
	for i := range sh.columns {
		if c := &sh.columns[i]; !t.refusesWhole(c) {
			t.planColumn(c)
		}
	}
	t.treat()
	for i := range sh.columns {
		t.giveBack(&sh.columns[i])
	}
	t.planPrimary()
	t.retire()
	t.forget()
	t.planDeclaredIndexes()
	t.validate()
	m.planUnknownParts(o, o.Table, t.live)
}

func copyTable(t *Table) *Table {
	c := *t
	c.Columns, c.Constraints, c.Indexes = maps.Clone(t.Columns), maps.Clone(t.Constraints), maps.Clone(t.Indexes)
	return &c
}

// createTable makes the table of an object, with its sequences; relations and
// indexes follow when all tables are there.
func (m *maker) createTable(sh *shape) {
	o := sh.object
	drift := m.had[key("table", o.Table)]
	var before, lines, after, relations, indexes []string
	for i := range sh.columns {
		c := &sh.columns[i]
		if c.sequence != "" {
			before = append(before, "CREATE SEQUENCE IF NOT EXISTS "+inRecords(c.sequence))
			after = append(after, ownSequence(o, c))
		}
		for _, f := range m.keeping.fields {
			if f.field == c.field { // no record waits to be computed
				after = append(after, f.marking(f.mark))
			}
		}
		lines = append(lines, c.definition())
		for _, check := range c.checks {
			lines = append(lines, addCheck(check, false))
		}
		if c.foreign != nil {
			relations = append(relations, "ADD "+constraint(*c.foreign))
		}
		for _, index := range c.indexes {
			indexes = append(indexes, createIndex(index, false))
		}
	}
	for _, x := range sh.indexes {
		indexes = append(indexes, createIndex(x.part, false))
	}
	create := "CREATE TABLE " + o.QualifiedTable() + " (\n  " + strings.Join(lines, ",\n  ") + "\n)"
	change := Change{
		Resource: o.Source, Object: o.Identity, Kind: AddObject, Drift: drift,
		Summary:    fmt.Sprintf("add object %q with %s", o.Name, count(len(o.Fields), "field")),
		Statements: slices.Concat(before, []string{create}, after),
	}
	if !m.add(phaseTables, change) {
		m.markBroken(o)
		return
	}
	if len(relations) > 0 {
		m.add(phaseRelations, Change{
			Resource: o.Source, Object: o.Identity, Kind: AddRelation, Drift: drift, Lock: "SHARE ROW EXCLUSIVE",
			Summary:    fmt.Sprintf("relate object %q to others", o.Name),
			Statements: []string{alter(o, relations...)},
		})
	}
	if len(indexes) > 0 {
		m.add(phaseIndexes, Change{
			Resource: o.Source, Object: o.Identity, Kind: AddIndex, Drift: drift,
			Summary: fmt.Sprintf("index object %q", o.Name), Statements: indexes,
		})
	}
}

func (m *maker) markBroken(o *schema.Object) {
	if m.broken == nil {
		m.broken = map[string]bool{}
	}
	m.broken[o.Identity] = true
}

func (m *maker) markRebuild(o *schema.Object) {
	if m.rebuild == nil {
		m.rebuild = map[string]bool{}
	}
	m.rebuild[o.Identity] = true
}

// planViews drops the views that are wrong or stand in the way, and makes them anew:
// PostgreSQL cannot rename or move the columns of a view.
func (m *maker) planViews() {
	wanted := map[string]bool{}
	for _, o := range m.wanted.Objects {
		for _, v := range viewsOf(m.wanted, o) {
			wanted[v.name] = true
			m.planView(o, v)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(m.live.Views)) {
		if wanted[name] || !strings.HasPrefix(m.live.Views[name], viewMark) {
			continue // it is not ours
		}
		m.add(phaseDropViews, Change{
			Resource: "standard", Kind: DropView, Lock: lockAccessExclusive, Summary: fmt.Sprintf("drop view %q", name),
			Statements: []string{"DROP VIEW IF EXISTS " + inReporting(name)},
		})
	}
}

func (m *maker) planView(o *schema.Object, v view) {
	comment, exists := m.live.Views[v.name]
	among := func(objects map[string]bool) bool {
		return objects[o.Identity] || slices.ContainsFunc(v.reads, func(identity string) bool { return objects[identity] })
	}
	if exists && comment == v.comment && !among(m.rebuild) || among(m.broken) {
		return
	}
	drift := comment != v.comment && m.had[key("view", v.name, v.comment)]
	change := Change{Resource: o.Source, Object: o.Identity, Drift: drift}
	if exists {
		change.Kind, change.Lock = DropView, lockAccessExclusive
		change.Summary = fmt.Sprintf("drop view %q to make it anew", v.name)
		change.Statements = []string{"DROP VIEW IF EXISTS " + inReporting(v.name)}
		m.add(phaseDropViews, change)
	}
	change.Kind, change.Lock = AddView, ""
	change.Summary = fmt.Sprintf("make view %q", v.name)
	change.Statements = []string{
		"CREATE VIEW " + inReporting(v.name) + " AS " + v.query,
		"COMMENT ON VIEW " + inReporting(v.name) + " IS " + quoted(v.comment),
	}
	m.add(phaseViews, change)
}

// alter is one ALTER TABLE with all actions: one lock, one pass.
func alter(o *schema.Object, actions ...string) string {
	return "ALTER TABLE " + o.QualifiedTable() + "\n  " + strings.Join(actions, ",\n  ")
}

func ownSequence(o *schema.Object, c *column) string {
	return "ALTER SEQUENCE " + inRecords(c.sequence) + " OWNED BY " + o.QualifiedTable() + "." + schema.QuoteIdent(c.name)
}

func nextValue(c *column) string {
	next := "nextval(" + quoted(inRecords(c.sequence)) + "::regclass)"
	if c.around != "" {
		return c.around + next + ")"
	}
	return next
}

// definition is the column as CREATE TABLE and ADD COLUMN write it.
func (c *column) definition() string {
	text := schema.QuoteIdent(c.name) + " " + string(c.storage)
	if c.primary {
		text += " PRIMARY KEY"
	}
	if c.notNull {
		text += " NOT NULL"
	}
	switch {
	case c.sequence != "":
		text += " DEFAULT " + nextValue(c)
	case c.initial != "":
		text += " DEFAULT " + c.initial
	}
	return text
}

func constraint(p part) string {
	return "CONSTRAINT " + schema.QuoteIdent(p.name) + " " + definitionOf(p)
}

// definitionOf is a constraint without its name.
func definitionOf(p part) string {
	if p.kind == kindForeign {
		return p.definition
	}
	return "CHECK (" + p.definition + ")"
}

// addCheck is a constraint that is not checked against the rows that are there, or is.
func addCheck(p part, rows bool) string {
	if rows {
		return constraint(p) + " NOT VALID"
	}
	return constraint(p)
}

func createIndex(p part, concurrently bool) string {
	text := "CREATE "
	if p.kind == kindUnique {
		text += "UNIQUE "
	}
	text += "INDEX "
	if concurrently {
		text += "CONCURRENTLY "
	}
	return text + schema.QuoteIdent(p.name) + " ON " + p.definition
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
