package plan

import (
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/kontor-crm/kontor/internal/schema"
)

// tableMaker plans one table that is there already.
type tableMaker struct {
	*maker
	shape *shape
	// applied is the object's applied form, or the last one of a retired object, or nil.
	applied *schema.Object
	// retired are the columns of its retired fields.
	retired []column
	// live is a copy: what a change takes away is taken from it too.
	live *Table
	// unchecked are the constraints that rows have to be checked against; they are part
	// of the table when this plan's transaction ends.
	unchecked []uncheckedPart
	// treated are the checks whose failing values this plan alters.
	treated []treated
	// proven are the constraints that another change of this plan makes and proves.
	proven map[string]bool
}

type uncheckedPart struct {
	column *column
	part   part
	// fresh says that the column comes with the plan.
	fresh bool
}

func (t *tableMaker) object() *schema.Object { return t.shape.object }

func (t *tableMaker) change(c *column, kind Kind) Change {
	resource := c.field.Source
	if c.field.System {
		resource = t.object().Source
	}
	if pipeline, ok := t.wanted.PipelineOf(t.object(), c.field); ok {
		resource = pipeline.Source // the stages are the field's options
	}
	return Change{Resource: resource, Object: t.object().Identity, Field: c.field.Declared().Identity, Kind: kind}
}

func (t *tableMaker) planColumn(c *column) {
	if f := t.aheadOf(c); f != nil {
		t.addAhead(c, f)
		return
	}
	if before := t.turnsFrom(c); before != nil {
		t.planTurn(c, before)
		return
	}
	live, ok := t.live.Columns[c.name]
	if !ok {
		t.addColumn(c)
		return
	}
	if c.previous != nil {
		t.changeColumn(c, live)
		t.planIndexes(c)
		return
	}
	if c.field.Kept() && live.Type != string(c.storage) {
		if t.remake(c, live) {
			t.planIndexes(c)
		}
		return
	}
	if t.refuses(c, live) {
		return
	}
	t.changeColumn(c, live)
	t.planIndexes(c)
}

func (t *tableMaker) addColumn(c *column) {
	drift := t.had[key("column", t.object().Table, c.name)]
	change := t.change(c, AddField)
	change.Drift, change.Lock = drift, lockAccessExclusive
	change.Summary = fmt.Sprintf("add field %q to %s", c.field.Path(), t.object().Name)
	if problem := t.cannotAdd(c); problem != "" {
		t.markBroken(t.object())
		if drift {
			t.leave(change, "the column %q of %s is gone, with all its values, and cannot be put back: %s", c.name, t.object().Name, problem)
			return
		}
		change.Class = Careful
		t.refuse(change, "%s", problem)
		return
	}
	rows := t.live.HasRows
	actions := []string{"ADD COLUMN " + c.definition()}
	if c.sequence != "" {
		change.Statements = append(change.Statements, "CREATE SEQUENCE IF NOT EXISTS "+inRecords(c.sequence))
		if !c.notNull { // a default of its own would number the rows that are there, and write the table anew
			bare := *c
			bare.sequence = ""
			actions = []string{"ADD COLUMN " + bare.definition(), "ALTER COLUMN " + schema.QuoteIdent(c.name) + " SET DEFAULT " + nextValue(c)}
		}
		change.Rewrites = rows && c.notNull
	}
	for _, p := range c.constraints() {
		actions = append(actions, "ADD "+addCheck(p, rows))
	}
	change.Statements = append(change.Statements, alter(t.object(), actions...))
	if c.sequence != "" {
		change.Statements = append(change.Statements, ownSequence(t.object(), c))
	}
	if !t.add(phaseFields, change) {
		t.markBroken(t.object())
		return
	}
	if rows {
		for _, p := range c.constraints() {
			t.unchecked = append(t.unchecked, uncheckedPart{column: c, part: p, fresh: true})
		}
	}
	t.planIndexes(c)
}

// cannotAdd says why the column cannot be added to a table with rows, or "".
func (t *tableMaker) cannotAdd(c *column) string {
	object, field := t.object().Name, c.field.Declared().Path()
	switch {
	case !t.live.HasRows:
		return ""
	case c.primary:
		return fmt.Sprintf("nothing else says which record of %s is which", object)
	case isRequired(c.field) && c.initial == "" && !c.field.System:
		cure := "give it a default, or make it optional"
		if c.field.Parent != nil {
			cure = "make it optional"
		}
		return fmt.Sprintf("the field %q is required, but %s has records, which have no value for it; %s", field, object, cure)
	case c.field.Unique && c.initial != "":
		return fmt.Sprintf("the field %q is unique and has a default, but %s has records, which would all get the same value; leave the default out", field, object)
	}
	return ""
}

// constraints are the column's checks and its relation.
func (c *column) constraints() []part {
	if c.foreign == nil {
		return c.checks
	}
	return append(slices.Clone(c.checks), *c.foreign)
}

// changeColumn brings a column that is there to its wanted form, in one ALTER TABLE.
func (t *tableMaker) changeColumn(c *column, live Column) {
	normal, healing, leftover := &alteration{}, &alteration{}, &alteration{}
	if live.Type != string(c.storage) {
		if !t.retype(c, live, normal) {
			return
		}
		live = Column{Type: string(c.storage), NotNull: live.NotNull, Default: t.live.Columns[c.name].Default}
	}
	replaced := map[string][]string{}
	for _, name := range t.stale(maps.Keys(t.live.Constraints), c.name, constraintKinds) {
		if p, ok := t.proving(c, name); ok {
			replaced[p.name] = append(replaced[p.name], name)
			continue
		}
		if t.maker.applied != nil && !t.had[key("part", t.object().Table, name)] {
			leftover.do("DROP CONSTRAINT " + schema.QuoteIdent(name))
			leftover.say("what a plan left that came to nothing")
			delete(t.live.Constraints, name)
			continue
		}
		normal.do("DROP CONSTRAINT " + schema.QuoteIdent(name))
		if words, gone := t.givesUp(c, name); gone {
			normal.say(words)
		}
		delete(t.live.Constraints, name)
	}
	for _, p := range c.constraints() {
		if t.proven[p.name] {
			continue
		}
		existing, ok := t.live.Constraints[p.name]
		if t.narrows(c, p) {
			t.proveCheck(c, p, existing, ok, replaced[p.name])
			continue
		}
		differs := ok && p.kind != kindConverts && !sameDefinition(existing.Definition, definitionOf(p)) // PostgreSQL prints much more of that than was written
		if ok && existing.Validated && !differs {
			continue
		}
		done := true
		if !ok || differs {
			into := normal
			if t.had[key("part", t.object().Table, p.name)] && !t.unfinished(p) {
				into, done = healing, t.policy.HealDrift
			}
			if differs { // somebody made another one of that name
				into.do("DROP CONSTRAINT " + schema.QuoteIdent(p.name))
			}
			into.do("ADD " + addCheck(p, t.live.HasRows))
			into.say(p.words)
		}
		if done && (ok && !differs || t.live.HasRows) {
			t.unchecked = append(t.unchecked, uncheckedPart{column: c, part: p})
		}
	}
	t.planDefault(c, live, normal, healing)
	if c.notNull && !live.NotNull {
		healing.do("ALTER COLUMN " + schema.QuoteIdent(c.name) + " SET NOT NULL")
		healing.say("always a value")
	}
	if !c.notNull && !c.primary && live.NotNull { // what is required is so by a check
		healing.do("ALTER COLUMN " + schema.QuoteIdent(c.name) + " DROP NOT NULL")
		healing.say("not always a value")
	}
	t.finish(c, normal, Change{})
	t.finish(c, healing, Change{Drift: true})
	t.finish(c, leftover, Change{Leftover: true})
}

// givesUp names the rule of that constraint in words; false when another of its kind follows it.
func (t *tableMaker) givesUp(c *column, name string) (string, bool) {
	for _, kind := range constraintKinds {
		if isNamed(name, c.name, kind) && !slices.ContainsFunc(c.constraints(), func(p part) bool { return p.kind == kind }) {
			return "no longer " + strings.ReplaceAll(kind, "_", " "), true
		}
	}
	return "", false
}

// unfinished says whether a part may be missing because the last plan was broken off.
// Constraints are added in the transaction, so that only indexes can be.
func (t *tableMaker) unfinished(p part) bool {
	return t.maker.live.Unfinished && (p.kind == kindIndex || p.kind == kindUnique)
}

// finish makes a change of an alteration; like is what else holds for it.
func (t *tableMaker) finish(c *column, a *alteration, like Change) {
	if len(a.actions) == 0 {
		return
	}
	change := t.change(c, kindOf(c, a, t.appliedField(c)))
	change.Drift, change.Leftover, change.Lock = like.Drift, like.Leftover, lockAccessExclusive
	change.Summary = fmt.Sprintf("change field %q of %s: %s", c.field.Path(), t.object().Name, strings.Join(a.words, ", "))
	if c.previous != nil {
		change.Kind = ChangeType
		change.Summary = fmt.Sprintf("keep the earlier values of field %q of %s beside the new ones", c.field.Path(), t.object().Name)
	}
	change.Statements = slices.Concat(a.before, []string{alter(t.object(), a.actions...)}, a.after)
	t.add(phaseFields, change)
}

func kindOf(c *column, a *alteration, applied *schema.Field) Kind {
	text := strings.Join(a.actions, "\n")
	switch {
	case strings.Contains(text, " TYPE "):
		return ChangeType
	case applied != nil && isRequired(applied) != isRequired(c.field):
		return ChangeRequired
	case strings.Contains(text, "FOREIGN KEY"):
		return AddRelation
	case strings.Contains(text, "ADD CONSTRAINT"):
		return AddRule
	case strings.Contains(text, "DROP CONSTRAINT"):
		return DropRule
	}
	return ChangeDefault
}

// alteration collects what happens to one column.
type alteration struct {
	before, actions, after, words []string
}

func (a *alteration) do(action string) { a.actions = append(a.actions, action) }
func (a *alteration) say(words string) { a.words = append(a.words, words) }

// retype changes the column's type where that is safe; it says whether the column
// now has it.
func (t *tableMaker) retype(c *column, live Column, into *alteration) bool {
	table := t.object()
	if !schema.Storage(live.Type).Widens(c.storage) && t.live.HasRows {
		// The refusal of what the user asked for is behind us: this is somebody else's doing.
		change := t.change(c, ChangeType)
		change.Summary = fmt.Sprintf("change field %q of %s: type %s to %s", c.field.Path(), table.Name, live.Type, c.storage)
		t.leave(change, "the column %q of %s has the type %s and not %s: somebody changed it by hand, and it cannot be changed back without rewriting the records",
			c.name, table.Name, live.Type, c.storage)
		return false
	}
	t.markRebuild(table)
	into.say(fmt.Sprintf("type %s to %s", live.Type, c.storage))
	if schema.Storage(live.Type).Widens(c.storage) {
		into.do("ALTER COLUMN " + schema.QuoteIdent(c.name) + " TYPE " + string(c.storage))
		return true
	}
	t.clear(c, live, into)
	// A row that came since the table was seen empty makes the cast fail, or survives it.
	name := schema.QuoteIdent(c.name)
	into.do("ALTER COLUMN " + name + " TYPE " + string(c.storage) + " USING " + name + "::text::" + string(c.storage))
	return true
}

// clear takes everything off a column of an empty table that may stand in the way of another type.
func (t *tableMaker) clear(c *column, live Column, into *alteration) {
	var drops []string
	if live.Default != "" {
		drops = append(drops, "ALTER COLUMN "+schema.QuoteIdent(c.name)+" DROP DEFAULT")
		live.Default = ""
		t.live.Columns[c.name] = live
	}
	for _, name := range slices.Sorted(maps.Keys(t.live.Constraints)) {
		if namedFor(name, c.name, constraintKinds) {
			drops = append(drops, "DROP CONSTRAINT "+schema.QuoteIdent(name))
			delete(t.live.Constraints, name)
		}
	}
	if len(drops) > 0 {
		into.before = append(into.before, alter(t.object(), drops...))
	}
	for _, name := range slices.Sorted(maps.Keys(t.live.Indexes)) {
		if namedFor(name, t.object().Table+"_"+c.name, indexKinds) {
			into.before = append(into.before, "DROP INDEX "+inRecords(name))
			delete(t.live.Indexes, name)
		}
	}
}

// counted is the column whose greatest number the sequence goes on behind. Of a text
// around a number it is the record's own number, which is never the smaller one.
func counted(c *column) string {
	if c.around != "" {
		return schema.QuoteIdent(schema.FieldNumber)
	}
	return schema.QuoteIdent(c.name)
}

func (t *tableMaker) planDefault(c *column, live Column, normal, healing *alteration) {
	into := normal
	if t.had[key("default", t.object().Table, c.name, c.initial, c.sequence, c.around)] {
		into = healing
	}
	name := schema.QuoteIdent(c.name)
	if c.sequence != "" {
		if strings.HasPrefix(live.Default, c.around+"nextval(") {
			return
		}
		into.do("ALTER COLUMN " + name + " SET DEFAULT " + nextValue(c))
		into.say("numbered by the database")
		if strings.Contains(live.Default, "nextval(") {
			return // the sequence is there and goes on; only the text around it is another
		}
		into.before = append(into.before, "CREATE SEQUENCE IF NOT EXISTS "+inRecords(c.sequence))
		if t.live.HasRows { // go on behind the greatest number
			into.before = append(into.before, fmt.Sprintf("SELECT setval(%s::regclass, greatest((SELECT max(%s) FROM %s), 0) + 1, false)",
				quoted(inRecords(c.sequence)), counted(c), t.object().QualifiedTable()))
		}
		into.after = append(into.after, ownSequence(t.object(), c))
		return
	}
	switch {
	case sameDefault(live.Default, c.initial):
	case c.initial == "":
		into.do("ALTER COLUMN " + name + " DROP DEFAULT")
		into.say("no default")
	default:
		into.do("ALTER COLUMN " + name + " SET DEFAULT " + c.initial)
		into.say("default " + c.initial)
	}
}

var (
	constraintKinds = []string{
		kindRequired, kindConverts, kindTogether, kindForeign, string(schema.RuleMaxLength), string(schema.RuleMin), string(schema.RuleMax), string(schema.RuleScale),
		string(schema.RuleOneOf), string(schema.RuleEachOneOf), string(schema.RulePattern),
	}
	indexKinds = []string{kindIndex, kindUnique}
)

func namedFor(name, owner string, kinds []string) bool {
	return slices.ContainsFunc(kinds, func(kind string) bool { return isNamed(name, owner, kind) })
}

// stale are the parts that a plan made for the column and that the schema has no more, sorted.
func (t *tableMaker) stale(names iter.Seq[string], owner string, kinds []string) []string {
	var own []string
	for name := range names {
		if namedFor(name, owner, kinds) {
			own = append(own, name)
		}
	}
	slices.Sort(own)
	return slices.DeleteFunc(own, func(name string) bool {
		return slices.ContainsFunc(slices.Concat(t.shape.columns, t.retired), func(other column) bool {
			return slices.ContainsFunc(other.parts(), func(p part) bool { return p.name == name })
		}) || slices.ContainsFunc(t.shape.indexes, func(x index) bool { return x.name == name })
	})
}

// validate checks the rows against the constraints that were added without: one pass
// for the whole table, under a lock that lets everybody read and write.
func (t *tableMaker) validate() {
	actions := make([]string, 0, len(t.unchecked))
	for _, unchecked := range t.unchecked {
		action := "VALIDATE CONSTRAINT " + schema.QuoteIdent(unchecked.part.name)
		if unchecked.fresh || !t.had[key("part", t.object().Table, unchecked.part.name)] {
			actions = append(actions, action)
			continue
		}
		// Rows may have come while the database had lost it. They are asked before, and keep nothing else from being done.
		change := t.change(unchecked.column, ValidateRules)
		change.Lock, change.Mends, change.Drift = lockShareUpdate, true, !t.maker.live.Unfinished
		change.Summary = fmt.Sprintf("check the records of %s against field %q: %s", t.object().Name, unchecked.column.field.Path(), unchecked.part.words)
		change.Statements = []string{alter(t.object(), action)}
		change.Check = t.checkOf(unchecked.column, unchecked.part)
		t.add(phaseValidate, change)
	}
	if len(actions) == 0 {
		return
	}
	t.add(phaseValidate, Change{
		Resource: t.object().Source, Object: t.object().Identity, Kind: ValidateRules, Lock: lockShareUpdate,
		Summary:    fmt.Sprintf("check the records of %s against %s", t.object().Name, count(len(actions), "rule")),
		Statements: []string{alter(t.object(), actions...)},
	})
}
