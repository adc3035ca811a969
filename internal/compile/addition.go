package compile

import (
	"fmt"

	crmv1 "github.com/kontor-crm/kontor/api/v1alpha1"
)

// addition is a kind of resource that adds to an object what holds no data: one
// that was deleted leaves nothing behind.
type addition[F any] struct {
	kind string
	// most is the greatest number for one object.
	most int
	// object is the identity of the object that a form adds to.
	object func(*F) string
	// judge finds what is wrong with a form. In a new one it puts identities in the
	// place of names; an applied one has identities already.
	judge func(form *F, isNew bool) (reason string, problems []Problem)
	// content is the same for forms that do the same, of which one may be there; path
	// is where it is said. Nil lets them all be.
	content func(*F) string
	path    string
}

// settleAdditions are the forms that are in play. A resource whose new form is
// refused goes on with the applied one, unless that has lost what it refers to.
func settleAdditions[F any](units []*unit[F], a addition[F]) []*F {
	var forms []*F
	same := map[string]*unit[F]{}
	count := map[string]int{}
	for _, u := range units {
		reason, problems := a.judge(u.wanted, true)
		if u.applied != nil && a.object(u.applied) != a.object(u.wanted) {
			problems = append(problems, Problem{
				Path:    "spec.object",
				Message: fmt.Sprintf("it belongs to %q and cannot move to %q; make another %s for that", a.object(u.applied), a.object(u.wanted), a.kind),
			})
		}
		if len(problems) > 0 {
			u.refuse(reason, problems...)
		}
		form := u.form()
		if form == nil {
			continue
		}
		if !u.isNew() {
			if _, problems := a.judge(form, false); len(problems) > 0 {
				continue
			}
		}
		if a.content != nil {
			if other := same[a.content(form)]; other != nil {
				u.refuse(crmv1.ReasonNameConflict, Problem{Path: a.path, Message: fmt.Sprintf("says what %s says already", other.ref)})
				continue
			}
			same[a.content(form)] = u
		}
		count[a.object(form)]++
		if count[a.object(form)] > a.most {
			u.refuse(crmv1.ReasonInvalid, Problem{Path: "spec.object", Message: fmt.Sprintf("%q has %d of %s already, which is the most", a.object(form), a.most, a.kind)})
			continue
		}
		forms = append(forms, form)
	}
	return forms
}
