package crm

import (
	"slices"
	"time"

	"github.com/kontor-crm/kontor/internal/expr"
	"github.com/kontor-crm/kontor/internal/fault"
	"github.com/kontor-crm/kontor/internal/query"
	"github.com/kontor-crm/kontor/internal/schema"
)

// checkRules holds the record against the validation rules that its own values
// decide. Those that depend on what the write itself brings about follow it, see
// carryOut.
func (d *decision) checkRules(changed query.Values) error {
	for _, rule := range d.logic.Rules {
		if !rule.IsOwn() || !d.isNew() && !rule.Concerns(changed) || rule.Field != nil && d.isRefused(rule.Field) {
			continue
		}
		kept, err := rule.Condition.Eval(d.context, valuesOf(d.after))
		if err != nil {
			return err
		}
		if kept != true {
			v := violation(rule, d.languages)
			d.wish.violations = append(d.wish.violations, v)
		}
	}
	return nil
}

// valuesOf are the values of a record, as expressions ask for them.
func valuesOf(values query.Values) expr.Record {
	return func(f *schema.Field) any { return values[f] }
}

func violation(rule query.Rule, languages []string) fault.Violation {
	v := fault.Violation{Message: rule.Message.In(languages...)}
	if rule.Field != nil {
		v.Path = rule.Field.Path()
	}
	return v
}

// later are the rules that the write may break and that only the database can
// decide once it is done.
func (r *Records) later(w *write) ([]query.Rule, error) {
	if w.changed == nil {
		return nil, nil
	}
	logic, err := r.Compiler.Logic(w.object)
	if err != nil {
		return nil, err
	}
	var found []query.Rule
	for _, rule := range logic.Rules {
		if !rule.IsOwn() && (w.operation == query.OperationCreate || rule.Concerns(w.changed)) {
			found = append(found, rule)
		}
	}
	return found, nil
}

// judge turns the answers of the database to the rules into violations.
func judge(rules []query.Rule, row [][]byte, languages []string) []fault.Violation {
	var broken []fault.Violation
	for i, rule := range rules {
		if string(row[i]) != "t" {
			broken = append(broken, violation(rule, languages))
		}
	}
	return broken
}

// context is what expressions depend on beside the record.
func (r *Records) context(at time.Time) expr.Context {
	return r.Compiler.Context(r.Actor.Access().Asking(r.Actor.Principal.UserID, at))
}

// languages are those of messages of the model: the actor's, then the organisation's.
func (r *Records) languages() []string {
	return append(slices.Clip(r.Actor.Languages), r.Compiler.Schema().Organisation.Language)
}

// facts are what every decision about records of an object needs to know.
func (r *Records) facts(o *schema.Object, at time.Time) (facts, error) {
	logic, err := r.Compiler.Logic(o)
	return facts{rates: rates{}, now: at, logic: logic, context: r.context(at), languages: r.languages()}, err
}
