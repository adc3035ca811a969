package compile

import (
	"fmt"
	"slices"
	"strings"

	crmv1 "github.com/kontor-crm/kontor/api/v1alpha1"
	"github.com/kontor-crm/kontor/internal/expr"
	"github.com/kontor-crm/kontor/internal/schema"
)

// refuseBroken refuses new forms with fields that do not fit the fields to which
// they refer, and says whether there were any.
func (c *compiler) refuseBroken() bool {
	if !c.refers() {
		return false
	}
	s, drafts := c.provisional()
	if s == nil {
		return false
	}
	broken := map[*resource][]Problem{}
	for _, d := range drafts {
		for _, f := range d.fields {
			if f.by != nil && f.by.given && !f.by.refused {
				broken[f.by] = append(broken[f.by], c.fieldReferences(s, d.object, f.Field, f.at())...)
			}
		}
	}
	again := false
	for r, problems := range broken {
		if len(problems) > 0 {
			r.refuse(crmv1.ReasonInvalid, problems...)
			again = true
		}
	}
	return again
}

// refers says whether a new form refers to other fields at all: most do not.
func (c *compiler) refers() bool {
	refers := func(f *schema.Field) bool {
		return f.OptionsFrom != nil || f.DependsOn != "" || f.DefaultExpression != "" || f.RequiredWhen != "" || f.ReadOnlyWhen != "" ||
			f.VisibleWhen != "" || slices.ContainsFunc(f.Options, func(option schema.Option) bool { return option.When != nil })
	}
	return slices.ContainsFunc(c.objects, func(u *unit[schema.Object]) bool { return u.isNew() && slices.ContainsFunc(u.wanted.Fields, refers) }) ||
		slices.ContainsFunc(c.fields, func(u *unit[placedField]) bool { return u.isNew() && refers(u.wanted.field) })
}

// provisional is the schema of what is in play now, pipelines apart; nil while
// names or targets do not agree yet.
func (c *compiler) provisional() (*schema.Schema, []*draft) {
	drafts := c.drafts()
	s := &schema.Schema{Format: schema.Format, Organisation: c.organisation}
	for _, d := range drafts {
		s.Objects = append(s.Objects, d.object)
	}
	if _, err := schema.Build(s); err != nil {
		return nil, nil
	}
	return s, drafts
}

// at is the path of the field in its resource.
func (d drafted) at() string {
	if at, inline := strings.CutSuffix(d.identityPath, ".key"); inline {
		return at
	}
	return "spec"
}

// conditionsOf are the expressions of a field that must be true or false, by their names in the resource.
func conditionsOf(f *schema.Field) map[string]*string {
	return map[string]*string{"requiredWhen": &f.RequiredWhen, "readOnlyWhen": &f.ReadOnlyWhen, "visibleWhen": &f.VisibleWhen}
}

// fieldReferences finds what is wrong with what a field says of others, and puts
// identities in the place of names.
func (c *compiler) fieldReferences(s *schema.Schema, o *schema.Object, f *schema.Field, at string) []Problem {
	problems := c.sharedOptions(s, f, at+".optionsFrom")
	problems = append(problems, dependence(o, f, at)...)
	conditions := conditionsOf(f)
	for _, name := range keysOf(conditions) {
		if text := *conditions[name]; text != "" {
			_, err := expr.CompileCondition(s, o, text, expr.OwnRecord)
			problems = append(problems, expressionProblems(at+"."+name, err)...)
		}
	}
	if f.DefaultExpression == "" {
		return problems
	}
	at += ".defaultExpression"
	if f.Default != nil {
		return append(problems, Problem{Path: at, Message: "stands beside default; a field has one of them"})
	}
	e, err := expr.Compile(s, o, f.DefaultExpression, expr.OwnRecord)
	if err != nil {
		return append(problems, expressionProblems(at, err)...)
	}
	if e.Kind() != f.Kind() {
		problems = append(problems, Problem{Path: at, Message: fmt.Sprintf("gives a %s, and %q is %s", e.Kind(), f.Name, f.Type)})
	}
	for _, use := range e.Fields() {
		switch {
		case use.Field == f:
			problems = append(problems, Problem{Path: at, Message: fmt.Sprintf("reads %q itself, which has no value yet", f.Name)})
		case use.Field.ReadOnly || use.Field.Type == schema.TypeAutoNumber:
			problems = append(problems, Problem{Path: at, Message: fmt.Sprintf("reads %q, which the system sets when the record is made", use.Field.Path())})
		}
	}
	return problems
}

// sharedOptions takes over the options of another picklist.
func (c *compiler) sharedOptions(s *schema.Schema, f *schema.Field, at string) []Problem {
	from := f.OptionsFrom
	if from == nil {
		return nil
	}
	o, ok := s.ObjectByIdentity(from.Object)
	if !ok {
		return []Problem{{Path: at + ".object", Message: fmt.Sprintf("there is no object %q", from.Object)}}
	}
	other, ok := lookUp(from.Field, o.FieldByIdentity, o.Field)
	switch {
	case !ok:
		return []Problem{{Path: at + ".field", Message: noField(o, from.Field)}}
	case other.Type != schema.TypePicklist && other.Type != schema.TypeMultiPicklist:
		return []Problem{{Path: at + ".field", Message: fmt.Sprintf("%q is %s and has no options", other.Name, other.Type)}}
	case other.OptionsFrom != nil:
		return []Problem{{Path: at + ".field", Message: fmt.Sprintf("%q has its options from another field itself; take them from there", other.Name)}}
	}
	f.OptionsFrom = &schema.FieldRef{Object: o.Identity, Field: other.Identity}
	f.Options = withRemoved(other.Options, f.Options, c.now())
	if len(f.Options) > schema.MaxAllOptions {
		return []Problem{{Path: at, Message: fmt.Sprintf(
			"with the options that the field had before and that are kept for the records that have them, there would be %d, and at most %d can be",
			len(f.Options), schema.MaxAllOptions)}}
	}
	return nil
}

// governing is the picklist that decides which options a field has, or what is wrong
// with it; nil without a word when the field depends on none.
func governing(o *schema.Object, f *schema.Field) (other *schema.Field, problem string) {
	if f.DependsOn == "" {
		return nil, ""
	}
	other, ok := lookUp(f.DependsOn, o.FieldByIdentity, o.Field)
	switch {
	case !ok:
		return nil, noField(o, f.DependsOn)
	case other == f:
		return nil, "a picklist cannot depend on itself"
	case other.Type != schema.TypePicklist:
		return nil, fmt.Sprintf("%q is %s; a picklist depends on a picklist", other.Name, other.Type)
	}
	return other, ""
}

// dependence finds the picklist that decides which options there are.
func dependence(o *schema.Object, f *schema.Field, at string) []Problem {
	if f.DependsOn == "" {
		if i := slices.IndexFunc(f.Options, func(option schema.Option) bool { return option.When != nil }); i >= 0 && f.OptionsFrom == nil {
			return []Problem{{Path: fmt.Sprintf("%s.options[%d].when", at, i), Message: "needs dependsOn, the picklist whose options it names"}}
		}
		return nil
	}
	other, problem := governing(o, f)
	if problem != "" {
		return []Problem{{Path: at + ".dependsOn", Message: problem}}
	}
	f.DependsOn = other.Identity
	return nil
}

// misfits are what is wrong with new forms of fields that say what options of another
// field they go with, or start with: which those are is known in the schema that was
// made, for the options of a field with a pipeline are its stages.
func (c *compiler) misfits(s *schema.Schema) map[Ref][]Problem {
	found := map[Ref][]Problem{}
	for _, d := range c.drafts() {
		o, ok := s.ObjectByIdentity(d.object.Identity)
		if !ok {
			continue
		}
		for _, draft := range d.fields {
			f, ok := o.FieldByIdentity(draft.Identity)
			if !ok || !draft.isNew() || draft.Field == draft.applied {
				continue
			}
			if problems := append(unknownDefault(s, o, f, draft.at()), unknownKeys(o, f, draft.at())...); len(problems) > 0 {
				found[draft.by.ref] = append(found[draft.by.ref], problems...)
			}
		}
	}
	return found
}

// unknownDefault finds a default that is none of the options of the other field. A
// record with a pipeline starts in its first stage.
func unknownDefault(s *schema.Schema, o *schema.Object, f *schema.Field, at string) []Problem {
	if _, staged := s.PipelineOf(o, f); staged || f.OptionsFrom == nil {
		return nil
	}
	if err := f.CheckDefault(); err != nil {
		return []Problem{{Path: at + ".default", Message: err.Error()}}
	}
	return nil
}

// unknownKeys finds keys that the picklist on which the field depends does not have.
func unknownKeys(o *schema.Object, f *schema.Field, at string) []Problem {
	other, _ := governing(o, f)
	if other == nil || f.OptionsFrom != nil {
		return nil
	}
	var keys []string
	for _, option := range other.Options {
		keys = append(keys, option.Key)
	}
	var problems []Problem
	for i, option := range f.Options {
		for j, key := range option.When {
			if !slices.Contains(keys, key) {
				problems = append(problems, Problem{
					Path: fmt.Sprintf("%s.options[%d].when[%d]", at, i, j), Message: fmt.Sprintf("%q has no option %q%s", other.Name, key, suggest(key, keys)),
				})
			}
		}
	}
	return problems
}

// settleReferences takes over what the fields in play refer to, and takes from
// applied forms what has lost its ground: a condition over a field that is gone. A
// form that is held keeps the options that it had of another field.
func (c *compiler) settleReferences(s *schema.Schema) {
	for i, p := range s.Pipelines {
		s.Pipelines[i] = withReadableGates(s, p)
	}
	held := c.heldSources()
	for _, o := range s.Objects {
		for _, f := range o.Fields {
			if !held[f.Source] {
				c.sharedOptions(s, f, "")
			}
			for _, condition := range conditionsOf(f) {
				if _, err := expr.CompileCondition(s, o, *condition, expr.OwnRecord); err != nil {
					*condition = ""
				}
			}
			if e, err := expr.Compile(s, o, f.DefaultExpression, expr.OwnRecord); err != nil || e.Kind() != f.Kind() {
				f.DefaultExpression = ""
			}
			if _, problem := governing(o, f); problem != "" {
				f.DependsOn = ""
			}
		}
	}
}

// withReadableGates is the pipeline, or a copy of it without the gates that cannot be read any more.
func withReadableGates(s *schema.Schema, p *schema.Pipeline) *schema.Pipeline {
	o, _ := s.ObjectByIdentity(p.Object)
	result := p
	for i := range p.Stages {
		if p.Stages[i].Gate == "" {
			continue
		}
		if _, err := expr.CompileCondition(s, o, p.Stages[i].Gate, expr.OwnRecord); err == nil {
			continue
		}
		if result == p {
			result = new(*p)
			result.Stages = slices.Clone(p.Stages)
		}
		result.Stages[i].Gate, result.Stages[i].GateMessage = "", nil
	}
	return result
}

// heldSources are the resources whose applied form is in play in place of the one that they ask for.
func (c *compiler) heldSources() map[string]bool {
	held := map[string]bool{}
	for _, u := range c.objects {
		held[u.ref.String()] = !u.isNew()
	}
	for _, u := range c.fields {
		held[u.ref.String()] = !u.isNew()
	}
	return held
}
