package tenant

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	crmv1 "github.com/kontor-crm/kontor/api/v1alpha1"
	"github.com/kontor-crm/kontor/internal/compile"
	"github.com/kontor-crm/kontor/internal/plan"
)

// Outlook is what would become of a tenant's database.
type Outlook struct {
	// Plan is never run. It refuses what a real one would hold back.
	Plan *plan.Plan
	// Retained are the deleted resources that stay in the schema, as others need them: "CustomField/tier".
	Retained []string

	tenant string
}

// Foresee plans from the live database to what the wanted resources describe.
func Foresee(wanted compile.Input, live *plan.Live) (*Outlook, compile.Result) {
	compiled := compile.Compile(wanted)
	o := &Outlook{Plan: plan.Make(wanted.Applied, compiled.Schema, live, plan.Policy{Retention: wanted.Tenant.Spec.ChangePolicy.RetentionTime()}), tenant: wanted.Tenant.Name}
	tellDependents(o.Plan.Changes, compiled.Schema, wanted.Applied)
	tellDependents(o.Plan.Refused, compiled.Schema, wanted.Applied)
	for _, one := range compiled.Retained {
		o.Retained = append(o.Retained, slashed(one))
	}
	return o, compiled
}

// Changes are what the plan does, then what it refuses, as a ChangePlan says them.
func (o *Outlook) Changes() []crmv1.PlannedChange {
	var changes []crmv1.PlannedChange
	for _, change := range o.Plan.Changes {
		changes = append(changes, foreseen(change))
	}
	for _, change := range o.Plan.Refused {
		one := foreseen(change)
		one.Class, one.Refused = crmv1.ChangeDangerous, cut(change.Reason, maxSummary)
		changes = append(changes, one)
	}
	if len(changes) == 0 && len(o.Retained) == 0 && !o.Plan.Empty() {
		changes = append(changes, crmv1.PlannedChange{
			Resource: "Tenant/" + o.tenant, Summary: "change what the schema says; the database stays as it is", Class: crmv1.ChangeSafe,
		})
	}
	return changes
}

// foreseen is a change as it is told beforehand. Another type counts as dangerous
// while nobody has asked the records whether they convert.
func foreseen(change plan.Change) crmv1.PlannedChange {
	one := Planned(change)
	if one.Class == "" {
		one.Class = crmv1.ChangeSafe
	}
	if change.Kind == plan.ChangeType && change.Check != nil && change.Impact == nil {
		one.Class = crmv1.ChangeDangerous
	}
	return one
}

// ClassOf is the greatest danger of changes; empty when there are none.
func ClassOf(changes []crmv1.PlannedChange) crmv1.ChangeClass {
	order := []crmv1.ChangeClass{"", crmv1.ChangeSafe, crmv1.ChangeCareful, crmv1.ChangeDangerous}
	greatest := 0
	for _, change := range changes {
		greatest = max(greatest, slices.Index(order, change.Class))
	}
	return order[greatest]
}

// ProblemsOf are all that does not compile, a line each: "CustomField/tier: spec.object: …".
func ProblemsOf(result compile.Result) []string {
	var lines []string
	for _, ref := range slices.SortedFunc(maps.Keys(result.Verdicts), func(a, b compile.Ref) int { return strings.Compare(a.String(), b.String()) }) {
		for _, problem := range result.Verdicts[ref].Problems {
			lines = append(lines, fmt.Sprintf("%s: %s: %s", slashed(ref.String()), problem.Path, problem.Message))
		}
	}
	return lines
}
