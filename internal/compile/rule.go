package compile

import (
	"cmp"
	"errors"
	"slices"

	crmv1 "github.com/kontor-crm/kontor/api/v1alpha1"
	"github.com/kontor-crm/kontor/internal/expr"
	"github.com/kontor-crm/kontor/internal/fault"
	"github.com/kontor-crm/kontor/internal/schema"
)

// MaxRules is the greatest number of validation rules of one object: each is computed with every write.
const MaxRules = 50

// readRules makes a unit of each ValidationRule that is given, by name. One that
// was deleted leaves nothing behind. What it says is read by settleRules, once
// the fields are settled.
func (c *compiler) readRules(applied appliedIndex) []*unit[schema.ValidationRule] {
	units := map[Ref]*unit[schema.ValidationRule]{}
	for _, given := range c.in.Rules {
		ref := Ref{KindRule, given.Name}
		units[ref] = &unit[schema.ValidationRule]{
			resource: c.resource(ref, given), applied: applied.rules[ref.String()],
			wanted: &schema.ValidationRule{
				Identity: given.Name, Object: given.Spec.Object, Expression: given.Spec.Expression, Field: given.Spec.Field,
				Message: schema.Label(given.Spec.Message), Source: ref.String(),
			},
		}
	}
	return sorted(units)
}

// settleRules decides which rules are in play, by object and identity.
func (c *compiler) settleRules(s *schema.Schema) []*schema.ValidationRule {
	rules := settleAdditions(c.rules, addition[schema.ValidationRule]{
		kind: KindRule, most: MaxRules,
		object: func(r *schema.ValidationRule) string { return r.Object },
		judge:  func(r *schema.ValidationRule, isNew bool) (string, []Problem) { return c.judgeRule(s, r, isNew) },
	})
	own := map[string]bool{}
	for _, r := range rules {
		own[r.Identity] = true
	}
	for _, document := range c.additions.rules {
		if r := c.standardRule(s, document); r != nil {
			r.Identity = freeName(r.Identity, own)
			rules = append(rules, r)
		}
	}
	slices.SortFunc(rules, func(a, b *schema.ValidationRule) int {
		return cmp.Or(cmp.Compare(a.Object, b.Object), cmp.Compare(a.Identity, b.Identity))
	})
	return rules
}

// judgeRule finds what is wrong with a rule, and puts the identity of its field in the place of the name.
func (c *compiler) judgeRule(s *schema.Schema, r *schema.ValidationRule, isNew bool) (reason string, problems []Problem) {
	problems = checkNames(r.Identity, "anything", schema.CheckObjectName)
	o, ok := s.ObjectByIdentity(r.Object)
	if !ok {
		return crmv1.ReasonObjectNotFound, append(problems, Problem{Path: "spec.object", Message: c.noObject(r.Object, c.liveObjects())})
	}
	if r.Field != "" {
		f, ok := named(o, r.Field, isNew)
		if !ok {
			problems = append(problems, Problem{Path: "spec.field", Message: noField(o, r.Field)})
		} else {
			r.Field = f.Identity
		}
	}
	if len(r.Message) == 0 {
		problems = append(problems, Problem{Path: "spec.message", Message: "is needed: it is what people read whose write is refused"})
	}
	_, err := expr.CompileCondition(s, o, r.Expression)
	return crmv1.ReasonInvalid, append(problems, expressionProblems("spec.expression", err)...)
}

// standardRule reads a standard rule; nil when what it is about is not there in
// this tenant, or when a custom field holds a name that it uses.
func (c *compiler) standardRule(s *schema.Schema, document *crmv1.ValidationRule) *schema.ValidationRule {
	standard, fields := c.standardObject(document.Spec.Object)
	if standard == nil {
		return nil
	}
	o, ok := s.ObjectByIdentity(standard.Identity)
	if !ok {
		return nil
	}
	e, err := expr.CompileCondition(s, o, document.Spec.Expression)
	if err != nil || slices.ContainsFunc(e.Fields(), func(use expr.Use) bool { return use.Field.Custom }) {
		return nil
	}
	r := &schema.ValidationRule{
		Identity: document.Name, Object: o.Identity, Expression: document.Spec.Expression, Message: schema.Label(document.Spec.Message), Source: sourceStandard,
	}
	r.Field, _ = recordedIdentity(document.Spec.Field, fields)
	return r
}

// expressionProblems are what is wrong with an expression, at the path where it stands.
func expressionProblems(path string, err error) []Problem {
	if err == nil {
		return nil
	}
	found, ok := errors.AsType[*fault.Error](err)
	if !ok || len(found.Violations) == 0 {
		return []Problem{{Path: path, Message: err.Error()}}
	}
	problems := make([]Problem, 0, len(found.Violations))
	for _, v := range found.Violations {
		problems = append(problems, Problem{Path: path, Message: v.Message})
	}
	return problems
}
