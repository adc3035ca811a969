package tenant

import (
	"context"
	"encoding/json"
	"fmt"

	"sigs.k8s.io/controller-runtime/pkg/client"

	crmv1 "github.com/kontor-crm/kontor/api/v1alpha1"
)

// maxPlanBytes is the room for changes in a status: with what else stands there it stays
// below 256 KiB, of which etcd and all who watch make nothing.
const maxPlanBytes = 224 << 10

// show writes into a status as many changes as it has room for, and how many there are.
func show(status *crmv1.ChangePlanStatus, changes []crmv1.PlannedChange) error {
	until, err := fitting(min(len(changes), maxPlannedChanges), 0, maxPlanBytes, sizesOf(changes))
	status.Changes, status.Class = changes[:until], ClassOf(changes)
	status.TotalChanges = int32(len(changes)) //nolint:gosec // bounded by the fields of a tenant
	return err
}

// keep has the tenant's database keep all changes of a plan when its status does not,
// and forget those of plans that are gone. Whoever reads the status finds them then.
func (r *run) keep(ctx context.Context, name string, status *crmv1.ChangePlanStatus, changes []crmv1.PlannedChange) error {
	if len(status.Changes) == len(changes) {
		return nil
	}
	var plans crmv1.ChangePlanList
	if err := r.Client.List(ctx, &plans, client.InNamespace(r.tenant.Namespace)); err != nil {
		return fmt.Errorf("listing the plans: %w", err)
	}
	names := []string{name}
	for i := range plans.Items {
		names = append(names, plans.Items[i].Name)
	}
	document, err := json.Marshal(changes)
	if err != nil {
		return fmt.Errorf("writing the changes of plan %q: %w", name, err)
	}
	if err := r.Schemas.KeepChanges(ctx, r.admin.In(r.id.Database()), name, document, names); err != nil {
		return fmt.Errorf("keeping the changes of plan %q: %w", name, err)
	}
	return nil
}

// sizesOf says how much room a change takes.
func sizesOf(changes []crmv1.PlannedChange) func(i int) (int, error) {
	return func(i int) (int, error) {
		text, err := json.Marshal(changes[i])
		return len(text), err
	}
}

// fitting is the end of those that have room together, one at least.
func fitting(n, from, room int, size func(i int) (int, error)) (until int, err error) {
	for until = from; until < n; until++ {
		bytes, err := size(until)
		if err != nil {
			return until, fmt.Errorf("writing the answer: %w", err)
		}
		if room -= bytes; room < 0 && until > from {
			break
		}
	}
	return until, nil
}
