package plan

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/kontor-crm/kontor/internal/schema"
)

// appliedField is the form of which the values in the column are: the applied one, or
// the last one of a field that was retired; nil when there is none.
func (t *tableMaker) appliedField(c *column) *schema.Field {
	if t.applied == nil {
		return nil
	}
	f, ok := t.applied.FieldByIdentity(c.field.Identity)
	if !ok {
		return t.wasRetired(c)
	}
	if f.Column != c.name || f.Computed() {
		return nil
	}
	return f
}

// refuses says whether the change of a column is one that the rows may not bear, and
// records why. A table without rows bears everything.
func (t *tableMaker) refuses(c *column, live Column) bool {
	if !t.live.HasRows || c.field.System {
		return false
	}
	before, refused := t.appliedField(c), len(t.plan.Refused)
	if before == nil {
		t.refuseUnknown(c, live)
		return len(t.plan.Refused) > refused
	}
	if t.refuseType(c, before) {
		return true
	}
	object, name := t.object().Name, c.field.Path()
	if before.Target != c.field.Target {
		change := t.refusal(c, ChangeTarget, Dangerous, "points to another object")
		t.refuse(change, "the relation %q may not go from %q to %q while %s has records: their ids would point to nothing%s",
			name, before.Target, c.field.Target, object, t.keptAs(c.field.Declared().Identity))
	}
	return len(t.plan.Refused) > refused
}

// refusesWhole says whether a field goes from one column to parts, or back, or
// from parts to others, which the rows do not bear: their values would stay
// behind in the old columns. It is recorded once, at the first of the columns.
// Without rows the old columns are left alone, but for their rules.
func (t *tableMaker) refusesWhole(c *column) bool {
	if t.applied == nil || c.field.System {
		return false
	}
	f := c.field.Declared()
	before := t.formerly(f.Identity)
	if before == nil || len(before.Parts())+len(f.Parts()) == 0 || before.Type == f.Type && len(before.Parts()) > 0 == (len(f.Parts()) > 0) {
		return false
	}
	if first := f.Leaves()[0] == c.field; first && t.live.HasRows {
		change := t.refusal(c, ChangeType, Dangerous, fmt.Sprintf("type %s to %s", describeType(before), describeType(f)))
		change.Summary = fmt.Sprintf("change field %q of %s: type %s to %s", f.Name, t.object().Name, describeType(before), describeType(f))
		t.refuse(change, "the type of %q may not go from %s to %s while %s has records: %s%s",
			f.Name, describeType(before), describeType(f), t.object().Name, schema.WayOf(before, f, nil).Refused, t.keptAs(f.Identity))
	} else if first {
		t.freeColumns(c, before)
	}
	return t.live.HasRows
}

// formerly is the declared field of that identity in the applied schema, or its last
// form when it was retired; nil when there is none.
func (t *tableMaker) formerly(identity string) *schema.Field {
	if f, ok := t.applied.FieldByIdentity(identity); ok {
		return f
	}
	retired, _ := t.maker.applied.Retired.Field(t.object().Identity, identity)
	return retired.Form
}

// keptAs says of a field that was deleted and comes back as another what becomes of its
// values; empty for others.
func (t *tableMaker) keptAs(identity string) string {
	retired, ok := t.maker.applied.Retired.Field(t.object().Identity, identity)
	if !ok {
		return ""
	}
	return fmt.Sprintf("; it was deleted, and its values are kept as %s: put it back as that, wait until they are purged, or take another name for the new one",
		describeType(retired.Form))
}

// freeColumns takes the rules off the columns of a field that has others now: no record fills them any more.
func (t *tableMaker) freeColumns(c *column, before *schema.Field) {
	var drops []string
	for _, leaf := range before.Leaves() {
		for _, name := range t.stale(maps.Keys(t.live.Constraints), leaf.Column, constraintKinds) {
			drops = append(drops, "DROP CONSTRAINT "+schema.QuoteIdent(name))
			delete(t.live.Constraints, name)
		}
	}
	if len(drops) == 0 {
		return
	}
	change := t.change(c, DropRule)
	change.Lock = lockAccessExclusive
	change.Summary = fmt.Sprintf("give up the rules of the old columns of %q of %s", c.field.Declared().Name, t.object().Name)
	change.Statements = []string{alter(t.object(), drops...)}
	t.add(phaseFields, change)
}

func (t *tableMaker) refusal(c *column, kind Kind, class Class, what string) Change {
	change := t.change(c, kind)
	change.Class, change.Lock = class, lockAccessExclusive
	change.Summary = fmt.Sprintf("change field %q of %s: %s", c.field.Path(), t.object().Name, what)
	return change
}

// refuseType refuses another type where the values would have to become others in their own column.
func (t *tableMaker) refuseType(c *column, before *schema.Field) bool {
	way := schema.WayOf(before, c.field, c.field.Conversion)
	if way.InPlace() {
		return false
	}
	change := t.refusal(c, ChangeType, Dangerous, fmt.Sprintf("type %s to %s", describeType(before), describeType(c.field)))
	change.Rewrites = true
	why := way.Refused
	if why == "" {
		why = "its values would be written anew"
	}
	t.refuse(change, "the type of %q may not go from %s to %s while %s has records: %s%s",
		c.field.Path(), describeType(before), describeType(c.field), t.object().Name, why, t.keptAs(c.field.Declared().Identity))
	return true
}

// refuseUnknown is for columns with rows of which no applied form is known: what
// cannot be shown to be harmless is refused.
func (t *tableMaker) refuseUnknown(c *column, live Column) {
	reason := ""
	if live.Type != string(c.storage) && !schema.Storage(live.Type).Widens(c.storage) {
		reason = fmt.Sprintf("the database holds it as %s and not as %s", live.Type, c.storage)
	}
	for _, p := range slices.Concat(c.checks, c.indexes) {
		_, constrained := t.live.Constraints[p.name]
		_, indexed := t.live.Indexes[p.name]
		if !constrained && !indexed && p.kind != kindIndex {
			reason = "the records there may break its rules"
		}
	}
	if reason == "" {
		return
	}
	t.refuse(t.refusal(c, UnexpectedState, Careful, "found in the database"),
		"%s has a column %q of an unknown schema, and %s", t.object().Name, c.name, reason)
}

// impliedBy says whether values that pass all of the old rules pass the new one.
func impliedBy(old []schema.Rule, rule schema.Rule) bool {
	return slices.ContainsFunc(old, func(before schema.Rule) bool {
		if before.Implies(rule) {
			return true
		}
		return before.Kind == schema.RuleOneOf && !slices.ContainsFunc(before.Values, func(value string) bool { return rule.Check(value) != nil })
	})
}

// describeType is a type with its digits, where it has some.
func describeType(f *schema.Field) string {
	if f.Type == schema.TypeDecimal {
		if precision, scale, ok := f.Storage().Digits(); ok {
			return fmt.Sprintf("decimal(%d,%d)", precision, scale)
		}
	}
	if len(f.Targets) > 0 {
		return "relation to several objects"
	}
	return string(f.Type)
}

func describeRule(rule schema.Rule) string {
	switch rule.Kind {
	case schema.RuleMaxLength:
		return fmt.Sprintf("at most %d characters", rule.Length)
	case schema.RuleMin:
		return "at least " + rule.Number.String()
	case schema.RuleMax:
		return "at most " + rule.Number.String()
	case schema.RuleScale:
		return fmt.Sprintf("at most %d digits behind the point", rule.Length)
	case schema.RuleOneOf, schema.RuleEachOneOf:
		return fmt.Sprintf("one of %d options", len(rule.Values))
	case schema.RulePattern:
		return rule.Meaning
	}
	return string(rule.Kind)
}

// describeNarrowing says which rule gets narrower, from what to what.
func describeNarrowing(name string, before *schema.Field, rule schema.Rule) string {
	var old schema.Rule
	for _, candidate := range before.Rules() {
		if candidate.Kind == rule.Kind {
			old = candidate
		}
	}
	if old.Kind == "" {
		return fmt.Sprintf("the values of %q have to be %s", name, describeRule(rule))
	}
	switch rule.Kind {
	case schema.RuleMaxLength:
		return fmt.Sprintf("the length of %q shrinks from %d to %d characters", name, old.Length, rule.Length)
	case schema.RuleMin:
		return fmt.Sprintf("the least value of %q rises from %s to %s", name, old.Number, rule.Number)
	case schema.RuleMax:
		return fmt.Sprintf("the greatest value of %q sinks from %s to %s", name, old.Number, rule.Number)
	case schema.RuleScale:
		return fmt.Sprintf("the digits of %q behind the point shrink from %d to %d", name, old.Length, rule.Length)
	case schema.RuleOneOf, schema.RuleEachOneOf:
		return fmt.Sprintf("%q loses the options %s", name, strings.Join(missing(old.Values, rule.Values), ", "))
	default:
		return fmt.Sprintf("the values of %q go from %s to %s", name, describeRule(old), describeRule(rule))
	}
}

func missing(old, current []string) []string {
	var gone []string
	for _, value := range old {
		if !slices.Contains(current, value) {
			gone = append(gone, `"`+value+`"`)
		}
	}
	return gone
}
