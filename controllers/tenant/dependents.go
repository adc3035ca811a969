package tenant

import (
	"slices"

	"github.com/kontor-crm/kontor/internal/compile"
	"github.com/kontor-crm/kontor/internal/plan"
	"github.com/kontor-crm/kontor/internal/schema"
)

// maxDependents is how many resources a change names that need what it is about.
const maxDependents = 10

// tellDependents says of each change what else needs its object or field, before it or
// after; the resource that asks for the change is no news.
func tellDependents(changes []plan.Change, schemas ...*schema.Schema) {
	if len(changes) == 0 {
		return
	}
	type part struct{ object, field string }
	needed := map[part][]string{}
	for _, s := range schemas {
		if s == nil {
			continue
		}
		for _, d := range compile.Dependencies(s) {
			needed[part{d.Object, d.Field}] = append(needed[part{d.Object, d.Field}], d.By)
		}
	}
	for i := range changes {
		by := slices.DeleteFunc(listed(needed[part{changes[i].Object, changes[i].Field}]), func(one string) bool {
			return one == slashed(changes[i].Resource)
		})
		changes[i].Dependents = by[:min(len(by), maxDependents)]
	}
}
