package compile

import (
	"cmp"
	"errors"
	"fmt"
	"reflect"
	"slices"

	crmv1 "github.com/kontor-crm/kontor/api/v1alpha1"
	"github.com/kontor-crm/kontor/internal/expr"
	"github.com/kontor-crm/kontor/internal/fault"
	"github.com/kontor-crm/kontor/internal/schema"
)

// refuseUncomputable refuses new forms of which a computed field cannot be
// computed, and says whether there were any: first those that are wrong
// themselves, then those that take away what a field is computed from. A
// computed field that is left with neither is left out: it holds no data.
func (c *compiler) refuseUncomputable(s *schema.Schema, drafts []*draft) bool {
	for _, d := range drafts {
		isNew := make([]bool, len(d.fields)) // as the forms are now: the first of an object that is refused takes the others with it
		for i, f := range d.fields {
			isNew[i] = f.isNew()
		}
		problems := map[int][]Problem{}
		blamed := false
		for i, f := range d.fields {
			if !f.Computed() {
				continue
			}
			e, err := expr.CompileComputed(s, d.object, f.Field)
			if err == nil && f.Kept() {
				_, err = e.Sources()
			}
			if err != nil {
				problems[i] = problemsAt(f.at(), err)
				blamed = c.blame(drafts, d, f, isNew[i], problems[i]) || blamed
			}
		}
		if !blamed {
			for i := range problems {
				c.leaveOut(d, d.fields[i], isNew[i], problems[i])
			}
		}
		if len(problems) > 0 { // what was found of others may follow from this
			return true
		}
	}
	return false
}

// problemsAt puts the paths of an error about a field below the field's own.
func problemsAt(at string, err error) []Problem {
	found, ok := errors.AsType[*fault.Error](err)
	if !ok || len(found.Violations) == 0 {
		return []Problem{{Path: at, Message: err.Error()}}
	}
	problems := make([]Problem, 0, len(found.Violations))
	for _, v := range found.Violations {
		problems = append(problems, Problem{Path: at + "." + v.Path, Message: v.Message})
	}
	return problems
}

// blame refuses who has to give way over a field that cannot be computed, and says
// whether somebody has.
func (c *compiler) blame(drafts []*draft, d *draft, f drafted, isNew bool, problems []Problem) bool {
	unchanged := f.applied != nil && reflect.DeepEqual(f.applied.Formula, f.Formula) && reflect.DeepEqual(f.applied.Rollup, f.Rollup) && f.applied.Type == f.Type && f.applied.Indexed == f.Indexed
	if isNew && !unchanged {
		f.by.refuse(crmv1.ReasonInvalid, problems...)
		return true
	}
	return unchanged && c.refuseCulprits(drafts, d, f, problems)
}

// leaveOut leaves a field out that cannot be computed, when nobody is to blame.
func (c *compiler) leaveOut(d *draft, f drafted, isNew bool, problems []Problem) {
	if c.leftOut == nil {
		c.leftOut = map[fieldKey]bool{}
	}
	c.leftOut[fieldKey{d.object.Identity, f.Identity}] = true
	if isNew {
		f.by.refuse(crmv1.ReasonInvalid, problems...)
	}
}

// refuseCulprits refuses the new forms of fields that an applied field is
// computed from, when they go by another name or are of another kind now, and
// keeps those that were deleted.
func (c *compiler) refuseCulprits(drafts []*draft, d *draft, f drafted, problems []Problem) bool {
	o, ok := c.in.Applied.ObjectByIdentity(d.object.Identity)
	if !ok {
		return false
	}
	before, ok := o.FieldByIdentity(f.Identity)
	if !ok {
		return false
	}
	compiled, err := expr.CompileComputed(c.in.Applied, o, before)
	if err != nil {
		return false
	}
	if c.wantBack(compiled.Fields()) {
		return true
	}
	found := culprits(drafts, compiled.Fields(), f.by)
	for _, used := range found {
		used.by.refuse(crmv1.ReasonInUse, Problem{
			Path:    used.path,
			Message: fmt.Sprintf("%q of %s is computed from it, and would not be any more: %s", f.Name, d.object.Name, problems[0].Message),
		})
	}
	return len(found) > 0
}

// changedPart is the path of what an expression over the field would feel: what
// the field is called and is, or else how large its values are.
func changedPart(before, now *schema.Field) string {
	return cmp.Or(changedMeaning(before, now), changedSize(before, now))
}

func changedMeaning(before, now *schema.Field) string {
	switch {
	case before.Name != now.Name:
		return "name"
	case before.Type != now.Type:
		return "type"
	case before.Target != now.Target:
		return "target"
	case !slices.Equal(before.Targets, now.Targets):
		return "targets"
	case before.Inverse != now.Inverse:
		return "inverse"
	case (before.Pattern == "") != (now.Pattern == ""): // a number becomes a text
		return "pattern"
	case !reflect.DeepEqual(before.Formula, now.Formula):
		return "formula"
	case !reflect.DeepEqual(before.Rollup, now.Rollup):
		return "rollup"
	}
	return ""
}

// changedSize is the path of what bounds the characters or digits of the values:
// an expression may not come to more than so many.
func changedSize(before, now *schema.Field) string {
	switch {
	case before.Length != now.Length:
		return "length"
	case before.Precision != now.Precision:
		return "precision"
	case !reflect.DeepEqual(before.Scale, now.Scale):
		return "scale"
	}
	return ""
}
