package crm

import (
	"slices"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"github.com/kontor-crm/kontor/internal/query"
	"github.com/kontor-crm/kontor/internal/schema"
)

// computeDefaults gives a new record the values that the model computes from the others.
func (d *decision) computeDefaults() error {
	if !d.isNew() {
		return nil
	}
	for _, computed := range d.logic.Defaults {
		f := computed.Field
		if d.asked(f) || d.after[f] != nil {
			continue
		}
		value, err := computed.Expression.Eval(d.context, valuesOf(d.after))
		if err != nil {
			return err
		}
		if value == nil {
			continue
		}
		if d.after[f], err = f.Parse(asText(f, value)); err != nil {
			d.wish.refusef(f, "the computed default %s", err)
		}
	}
	return nil
}

// asText is the value of an expression as the field reads it from a text.
func asText(f *schema.Field, value any) string {
	switch v := value.(type) {
	case decimal.Decimal:
		return v.String()
	case time.Time:
		if f.Kind() == schema.KindDate {
			return v.Format(time.DateOnly)
		}
	case []string:
		return strings.Join(v, ";")
	}
	return canonical(value)
}

// checkLogic holds a decided record against what the model says in expressions.
func (d *decision) checkLogic(changed query.Values) error {
	if err := d.checkConditions(changed); err != nil {
		return err
	}
	if err := d.checkGates(changed); err != nil {
		return err
	}
	d.checkDependences(changed)
	return d.checkRules(changed)
}

// checkConditions refuses a record that lacks what it needs in its state, and a
// change of what is settled in the state that it had.
func (d *decision) checkConditions(changed query.Values) error {
	for _, condition := range d.logic.Required {
		f := condition.Field
		if d.has(f) || d.isRefused(f) || !d.isNew() && !d.asked(f) && !condition.Concerns(changed) {
			continue
		}
		needed, err := condition.Expression.Eval(d.context, valuesOf(d.after))
		if err != nil {
			return err
		}
		if needed == true {
			d.wish.refusef(f, "is required when %s", f.RequiredWhen)
		}
	}
	for _, condition := range d.logic.ReadOnly {
		f := condition.Field
		if d.isNew() || !changes(changed, f) {
			continue
		}
		settled, err := condition.Expression.Eval(d.context, valuesOf(d.before))
		if err != nil {
			return err
		}
		if settled == true {
			d.wish.refusef(f, "cannot be changed when %s", f.ReadOnlyWhen)
		}
	}
	return nil
}

// checkGates holds a record that enters a stage against the condition of its gate.
func (d *decision) checkGates(changed query.Values) error {
	for _, p := range d.schema.PipelinesOf(d.object) {
		f, ok := d.object.FieldByIdentity(p.Field)
		if !ok || !changes(changed, f) || d.isRefused(f) {
			continue
		}
		to, ok := p.Stage(canonical(d.after[f]))
		if !ok || d.logic.Gates[to] == nil {
			continue
		}
		open, err := d.logic.Gates[to].Eval(d.context, valuesOf(d.after))
		if err != nil {
			return err
		}
		if open == true {
			continue
		}
		if message := to.GateMessage.In(d.languages...); message != "" {
			d.wish.refusef(f, "%s", message)
			continue
		}
		d.wish.refusef(f, "a record enters the stage %q only when %s", to.Key, to.Gate)
	}
	return nil
}

// changes says whether the field or one of its parts is among the changed ones.
func changes(changed query.Values, f *schema.Field) bool {
	return slices.ContainsFunc(f.Leaves(), func(leaf *schema.Field) bool {
		_, ok := changed[leaf]
		return ok
	})
}

// checkDependences refuses an option that does not go with the one of the field on which it depends.
func (d *decision) checkDependences(changed query.Values) {
	for _, f := range d.object.Fields {
		if f.DependsOn == "" || d.after[f] == nil || d.isRefused(f) {
			continue
		}
		other, ok := d.object.FieldByIdentity(f.DependsOn)
		if !ok || !d.isNew() && !changes(changed, f) && !changes(changed, other) {
			continue
		}
		beside, _ := d.after[other].(string)
		chosen, ok := d.after[f].([]string)
		if !ok {
			chosen = []string{canonical(d.after[f])}
		}
		for _, option := range f.Options {
			if !slices.Contains(chosen, option.Key) || option.GoesWith(beside) {
				continue
			}
			if beside == "" {
				d.wish.refusef(f, "%q needs a value of %q", option.Key, other.Name)
				break
			}
			d.wish.refusef(f, "%q does not go with %q, the value of %q", option.Key, beside, other.Name)
			break
		}
	}
}
