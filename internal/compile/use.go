package compile

import (
	"fmt"
	"slices"

	crmv1 "github.com/kontor-crm/kontor/api/v1alpha1"
	"github.com/kontor-crm/kontor/internal/expr"
	"github.com/kontor-crm/kontor/internal/schema"
)

// refuseInUse refuses new forms that take away what others read, and says
// whether there were any. All who read it are told at once.
func (c *compiler) refuseInUse() bool {
	s, drafts := c.provisional()
	if s == nil {
		return false
	}
	lost, back := c.lost(s, drafts)
	if back {
		return true
	}
	uncomputable := c.refuseUncomputable(s, drafts)
	again := uncomputable
	for _, l := range lost {
		// What is wrong in itself may be why others cannot be read.
		if !uncomputable || l.by.reason == crmv1.ReasonInUse {
			l.by.refuse(crmv1.ReasonInUse, l.problem)
			again = true
		}
	}
	return again
}

// loss is a new form under which something that is applied could not go on.
type loss struct {
	by      *resource
	problem Problem
}

// reader is something applied that reads fields and cannot in the schema that is
// in the making: neither in the form that is asked for nor in the applied one.
type reader struct {
	// what says who it is: "ValidationRule tier-when-won".
	what string
	by   *resource
	// uses are the fields that the applied form reads, in the applied schema.
	uses []expr.Use
	// problem says why it cannot.
	problem string
}

// lost finds the new forms that take from what is applied the fields that it
// reads, and says whether it wants deleted ones back instead.
func (c *compiler) lost(s *schema.Schema, drafts []*draft) (found []loss, back bool) {
	if c.in.Applied == nil || len(c.gone) == 0 && !slices.ContainsFunc(drafts, (*draft).changes) {
		return nil, false
	}
	for _, r := range slices.Concat(c.unreadableRules(s), c.unreadableIndexes(s), c.unreadablePipelines(s), c.unreadableFields(s, drafts)) {
		if c.wantBack(r.uses) {
			back = true
			continue
		}
		for _, f := range culprits(drafts, r.uses, r.by) {
			found = append(found, loss{f.by, Problem{Path: f.path, Message: fmt.Sprintf("%s reads it, and could not any more: %s", r.what, r.problem)}})
		}
	}
	return found, back
}

// goes says whether a field that was deleted leaves nothing behind: it is
// computed, and nothing that stays reads it.
func (c *compiler) goes(object string, f *schema.Field) bool {
	key := fieldKey{object, f.Identity}
	if !f.Computed() || c.wantedBack[key] {
		return false
	}
	c.gone[key] = true
	return true
}

// wantBack keeps the deleted fields among those that something applied reads, and
// says whether there were any.
func (c *compiler) wantBack(uses []expr.Use) bool {
	again := false
	for _, use := range uses {
		if key := (fieldKey{use.Object.Identity, use.Field.Identity}); c.gone[key] {
			delete(c.gone, key)
			c.wantedBack[key], again = true, true
		}
	}
	return again
}

// changes says whether a new form may take something from who reads the field.
func (d *draft) changes() bool {
	return slices.ContainsFunc(d.fields, func(f drafted) bool {
		return f.isNew() && f.applied != nil && changedPart(f.applied, f.Field) != ""
	})
}

// culprit is a new form of a field, and the path of what is new in it.
type culprit struct {
	drafted
	path string
}

// culprits are the new forms, of other resources, of what the applied form of a
// resource reads. Those whose values got larger are such when no other is.
func culprits(drafts []*draft, uses []expr.Use, by *resource) []culprit {
	if found := changedUses(drafts, uses, by, changedMeaning); len(found) > 0 {
		return found
	}
	return changedUses(drafts, uses, by, changedSize)
}

func changedUses(drafts []*draft, uses []expr.Use, by *resource, changed func(before, now *schema.Field) string) []culprit {
	var found []culprit
	for _, use := range uses {
		before := use.Field.Declared()
		for _, d := range drafts {
			for _, now := range d.fields {
				if d.object.Identity != use.Object.Identity || now.Identity != before.Identity || !now.isNew() || now.by == by {
					continue
				}
				path := changed(before, now.Field)
				same := func(other culprit) bool { return other.by == now.by && other.Field == now.Field }
				if path != "" && !slices.ContainsFunc(found, same) {
					found = append(found, culprit{now, now.at() + "." + path})
				}
			}
		}
	}
	return found
}

func (c *compiler) unreadableRules(s *schema.Schema) []reader {
	var found []reader
	for _, u := range c.rules {
		if u.applied == nil {
			continue
		}
		if u.isNew() && u.wanted.Object == u.applied.Object {
			if _, problems := c.judgeRule(s, new(*u.wanted), true); len(problems) == 0 {
				continue
			}
		}
		_, problems := c.judgeRule(s, new(*u.applied), false)
		o, ok := c.in.Applied.ObjectByIdentity(u.applied.Object)
		if len(problems) == 0 || !ok {
			continue
		}
		if e, err := expr.CompileCondition(c.in.Applied, o, u.applied.Expression); err == nil {
			found = append(found, reader{u.ref.String(), &u.resource, e.Fields(), problems[0].Message})
		}
	}
	return found
}

func (c *compiler) unreadableIndexes(s *schema.Schema) []reader {
	judge := func(x schema.Index, isNew bool) []Problem {
		x.Fields = slices.Clone(x.Fields)
		_, problems := c.judgeIndex(s, &x, isNew)
		return problems
	}
	var found []reader
	for _, u := range c.indexes {
		if u.applied == nil || u.isNew() && u.wanted.Object == u.applied.Object && len(judge(*u.wanted, true)) == 0 {
			continue
		}
		problems := judge(*u.applied, false)
		o, ok := c.in.Applied.ObjectByIdentity(u.applied.Object)
		if len(problems) == 0 || !ok {
			continue
		}
		r := reader{what: u.ref.String(), by: &u.resource, problem: problems[0].Message}
		for _, x := range u.applied.Fields {
			if f, ok := o.FieldByIdentity(x.Field); ok {
				r.uses = append(r.uses, expr.Use{Object: o, Field: f})
			}
		}
		found = append(found, r)
	}
	return found
}

// unreadablePipelines are the gates of pipelines that go on in their applied form.
func (c *compiler) unreadablePipelines(s *schema.Schema) []reader {
	var found []reader
	replaced := map[string]bool{}
	var staying []*unit[schema.Pipeline]
	for _, u := range c.pipelines {
		if given := c.givenPipeline(u); given != nil && u.isNew() {
			if p, _, problems := c.readPipeline(u, given, s); len(problems) == 0 {
				replaced[slot(p)] = true
				continue
			}
		}
		if u.applied != nil {
			staying = append(staying, u)
		}
	}
	for _, u := range staying {
		before, ok := c.in.Applied.ObjectByIdentity(u.applied.Object)
		now, still := s.ObjectByIdentity(u.applied.Object)
		if !ok || !still || !u.given && replaced[slot(u.applied)] {
			continue
		}
		for _, stage := range u.applied.Stages {
			if stage.Gate == "" {
				continue
			}
			_, err := expr.CompileCondition(s, now, stage.Gate, expr.OwnRecord)
			if err == nil {
				continue
			}
			if e, gone := expr.CompileCondition(c.in.Applied, before, stage.Gate, expr.OwnRecord); gone == nil {
				what := fmt.Sprintf("the gate of the stage %q of %s", stage.Key, u.ref)
				found = append(found, reader{what, &u.resource, e.Fields(), expressionProblems("", err)[0].Message})
			}
		}
	}
	return found
}

// unreadableFields are the conditions and default expressions of fields. Those of
// a field that was deleted ask nothing of anybody any more.
func (c *compiler) unreadableFields(s *schema.Schema, drafts []*draft) []reader {
	var found []reader
	for _, d := range drafts {
		before, ok := c.in.Applied.ObjectByIdentity(d.object.Identity)
		if !ok {
			continue
		}
		for _, f := range d.fields {
			if f.applied == nil || !f.by.given || f.identityPath == "" {
				continue
			}
			now := expressionsOf(f.Field)
			for _, applied := range expressionsOf(f.applied) {
				readable := func(x fieldExpression) bool {
					_, err := x.compile(s, d.object)
					return x.name == applied.name && err == nil
				}
				if applied.text == "" || f.isNew() && slices.ContainsFunc(now, readable) {
					continue
				}
				_, err := applied.compile(s, d.object)
				if err == nil {
					continue
				}
				if e, gone := applied.compile(c.in.Applied, before); gone == nil {
					what := fmt.Sprintf("%s of %q of %s", applied.name, f.Name, d.object.Name)
					found = append(found, reader{what, f.by, e.Fields(), expressionProblems("", err)[0].Message})
				}
			}
		}
	}
	return found
}

// fieldExpression is an expression of a field over the other fields of its record.
type fieldExpression struct {
	name, text string
	// of is the kind of its values.
	of schema.Kind
}

// expressionsOf are all of a field, those that it does not have included, by name.
func expressionsOf(f *schema.Field) []fieldExpression {
	all := []fieldExpression{{"defaultExpression", f.DefaultExpression, f.Kind()}}
	conditions := conditionsOf(f)
	for _, name := range keysOf(conditions) {
		all = append(all, fieldExpression{name, *conditions[name], schema.KindBoolean})
	}
	return all
}

// compile reads the expression; one that is empty reads nothing.
func (x fieldExpression) compile(s *schema.Schema, o *schema.Object) (*expr.Expression, error) {
	if x.text == "" {
		return &expr.Expression{}, nil
	}
	if x.name != "defaultExpression" {
		return expr.CompileCondition(s, o, x.text, expr.OwnRecord)
	}
	e, err := expr.Compile(s, o, x.text, expr.OwnRecord)
	if err == nil && e.Kind() != x.of {
		err = fmt.Errorf("it gives a %s, and the field is a %s", e.Kind(), x.of)
	}
	return e, err
}

// fieldGoesOn says whether an applied field is in the schema with all of its expressions.
func fieldGoesOn(s *schema.Schema, object string, before *schema.Field) bool {
	o, ok := s.ObjectByIdentity(object)
	if !ok {
		return false
	}
	now, ok := o.FieldByIdentity(before.Identity)
	return ok && slices.Equal(expressionsOf(now), expressionsOf(before))
}

// pipelineGoesOn says whether an applied pipeline is in the schema with all of its gates.
func pipelineGoesOn(s, applied *schema.Schema, ref Ref) bool {
	gates := func(s *schema.Schema) (gates []string, found bool) {
		for _, p := range s.Pipelines {
			if p.Source == ref.String() {
				for i := range p.Stages {
					gates = append(gates, p.Stages[i].Gate)
				}
				return gates, true
			}
		}
		return nil, false
	}
	now, ok := gates(s)
	before, _ := gates(applied)
	return ok && slices.Equal(now, before)
}
