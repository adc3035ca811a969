package tenant

import (
	"context"
	"fmt"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	crmv1 "github.com/kontor-crm/kontor/api/v1alpha1"
	"github.com/kontor-crm/kontor/internal/fault"
	"github.com/kontor-crm/kontor/internal/plan"
	"github.com/kontor-crm/kontor/internal/reconcile"
	"github.com/kontor-crm/kontor/internal/secret"
)

// keptPlans is how many applied ChangePlans of a tenant are kept; failed ones all are.
const keptPlans = 20

// The bounds of the CRD.
const (
	maxPlannedChanges = 200
	maxSQL            = 4096
	maxSummary        = 1024
)

// apply writes the plan down before it runs and runs it. One that takes long runs
// beside, and a later look concludes it.
func (r *run) apply(ctx context.Context, d *decision, database secret.Connection) error {
	wanted := d.compiled.Schema
	wanted.Revision = d.plan.Revision
	var err error
	tellDependents(d.plan.Changes, d.compiled.Schema, d.applied)
	if d.plan.Origin, err = d.origin(r.tenant, r.planName(d.plan)); err != nil {
		return err
	}
	record, err := r.recordPlan(ctx, d.plan)
	if err != nil {
		return err
	}
	if takesLong(d.plan) {
		d.rollingOut = true
		r.Rollouts.Begin(r.id, database, d.plan, wanted)
		return nil
	}
	applyErr := r.Schemas.Apply(ctx, database, d.plan, wanted)
	if applyErr == nil {
		r.applied = wanted
	}
	return r.conclude(ctx, record, d.plan, applyErr)
}

// maxHealEvents is how many of the changes that heal have an event each.
const maxHealEvents = 20

// takesLong says whether a plan goes through rows or waits for those who work.
func takesLong(p *plan.Plan) bool {
	return slices.ContainsFunc(p.Changes, func(c plan.Change) bool { return c.Concurrent || c.Backfill != nil || len(c.Prepare)+len(c.Prove) > 0 })
}

// conclude writes down what became of a plan; its error is the plan's own.
func (r *run) conclude(ctx context.Context, record *crmv1.ChangePlan, p *plan.Plan, applyErr error) error {
	if applyErr == nil {
		r.appliedRevision(p.Revision, len(p.Changes))
		for _, summary := range purged(p) {
			r.purged(ctx, summary)
		}
		heals := healsOf(p)
		for _, change := range heals[:min(len(heals), maxHealEvents)] {
			r.healed(change.Summary)
		}
	}
	if record != nil {
		if err := r.concludePlan(ctx, record, applyErr); err != nil {
			return err
		}
	}
	if applyErr != nil {
		return fmt.Errorf("applying revision %d: %w", p.Revision, applyErr)
	}
	return r.prunePlans(ctx)
}

// concludeRollout says whether a rollout of the tenant goes on; of one that has ended
// it writes down what became of it.
func (r *run) concludeRollout(ctx context.Context) (running *plan.Plan, err error) {
	state := r.Rollouts.Look(r.id)
	if !state.Ended {
		return state.Plan, r.tellProgress(ctx, state)
	}
	record, found, err := r.recorded(ctx, state.Plan)
	if err != nil {
		return nil, err
	}
	if !found { // somebody has deleted it
		record = nil
	}
	return nil, r.conclude(ctx, record, state.Plan, state.Err)
}

// tellProgress writes down how far a rollout has come.
func (r *run) tellProgress(ctx context.Context, state Rollout) error {
	if state.Progress == (plan.Progress{}) {
		return nil
	}
	record, found, err := r.recorded(ctx, state.Plan)
	if err != nil || !found {
		return err
	}
	before := record.DeepCopy()
	record.Status.Progress = progressOf(state.Progress)
	return reconcile.Patch(ctx, r.Client, record, before)
}

func progressOf(p plan.Progress) *crmv1.PlanProgress {
	return &crmv1.PlanProgress{Phase: crmv1.PlanStep(p.Phase), Change: cut(p.Summary, maxSummary), Done: p.Done, Total: p.Total}
}

// settlePlans says of plans that were under way when the process ended what became
// of them: the revision that is applied tells. The plan that is next is taken up again.
func (r *run) settlePlans(ctx context.Context, d *decision) error {
	plans, err := r.plans(ctx)
	if err != nil {
		return err
	}
	for i := range plans {
		record := &plans[i]
		if record.Status.Phase == crmv1.PlanWaiting && record.Name != d.proposed || record.Status.Phase == crmv1.PlanRejected && record.Name != d.proposed {
			if err := r.supersede(ctx, record, d); err != nil {
				return err
			}
			continue
		}
		if record.Status.Phase != crmv1.PlanApplying || !d.plan.Empty() && record.Name == r.planName(d.plan) {
			continue
		}
		before := record.DeepCopy()
		finished := metav1.NewTime(r.Now())
		record.Status.FinishedAt, record.Status.Progress = &finished, nil
		record.Status.Phase, record.Status.Message = crmv1.PlanApplied, fmt.Sprintf("applied as revision %d", record.Status.Revision)
		if d.applied == nil || record.Status.Revision > d.applied.Revision {
			record.Status.Phase, record.Status.Message = crmv1.PlanFailed, "it was broken off before it changed anything, and another plan followed"
		}
		// The cache may be behind: then it is settled already.
		err := r.Client.Status().Patch(ctx, record, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{}))
		if err != nil && !apierrors.IsConflict(err) && !apierrors.IsNotFound(err) {
			return fmt.Errorf("settling plan %q: %w", record.Name, err)
		}
	}
	return nil
}

// supersede says of a plan that waited that it is not the one any more.
func (r *run) supersede(ctx context.Context, record *crmv1.ChangePlan, d *decision) error {
	if !d.plan.Empty() && record.Name == r.planName(d.plan) {
		return nil // it runs now
	}
	before := record.DeepCopy()
	record.Status.Phase, record.Status.FinishedAt = crmv1.PlanSuperseded, new(metav1.NewTime(r.Now()))
	record.Status.Message = "overtaken: the resources or the schema have changed since it was made"
	if err := r.patchPlan(ctx, record, before); err != nil {
		return err
	}
	return r.prunePlans(ctx)
}

func (r *run) plans(ctx context.Context) ([]crmv1.ChangePlan, error) {
	var plans crmv1.ChangePlanList
	if err := r.Client.List(ctx, &plans, client.InNamespace(r.tenant.Namespace), client.MatchingLabels{crmv1.TenantLabel: r.tenant.Name}); err != nil {
		return nil, fmt.Errorf("listing the plans: %w", err)
	}
	return slices.DeleteFunc(plans.Items, func(p crmv1.ChangePlan) bool { return isQuestion(&p) }), nil
}

func (r *run) planName(p *plan.Plan) string {
	return fmt.Sprintf("%s-%d-%s", r.tenant.Name, p.Revision, p.Digest[:8])
}

func (r *run) createPlan(ctx context.Context, p *plan.Plan) (*crmv1.ChangePlan, error) {
	record := &crmv1.ChangePlan{ObjectMeta: metav1.ObjectMeta{
		Namespace: r.tenant.Namespace,
		Name:      r.planName(p),
		Labels:    map[string]string{crmv1.TenantLabel: r.tenant.Name},
	}}
	if err := controllerutil.SetControllerReference(r.tenant, record, r.Client.Scheme()); err != nil {
		return nil, fmt.Errorf("owning the plan: %w", err)
	}
	err := r.Client.Create(ctx, record)
	if apierrors.IsAlreadyExists(err) { // a crash came in between, it waited for an approval, or the same drift came again
		err = r.Client.Get(ctx, client.ObjectKeyFromObject(record), record)
	}
	if err != nil {
		return nil, fmt.Errorf("writing down plan %q: %w", record.Name, err)
	}
	return record, nil
}

// planStatus is what a ChangePlan says of a plan; waits are the reasons of its changes, nil
// when none waits. What has no room in it is among changes.
func (r *run) planStatus(record *crmv1.ChangePlan, p *plan.Plan, waits []string) (status crmv1.ChangePlanStatus, changes []crmv1.PlannedChange, err error) {
	status = crmv1.ChangePlanStatus{
		CommonStatus: record.Status.CommonStatus, Tenant: r.tenant.Name, BaseRevision: p.Base, Revision: p.Revision, Digest: p.ApprovalDigest(),
	}
	if slices.ContainsFunc(p.Changes, func(c plan.Change) bool { return c.Impact != nil }) {
		status.CountedAt = new(metav1.NewTime(r.Now()))
	}
	changes = planned(p.Changes, waits)
	err = show(&status, changes)
	return status, changes, err
}

func (r *run) recordPlan(ctx context.Context, p *plan.Plan) (*crmv1.ChangePlan, error) {
	record, err := r.createPlan(ctx, p)
	if err != nil {
		return nil, err
	}
	before := record.DeepCopy()
	status, changes, err := r.planStatus(record, p, nil)
	if err != nil {
		return nil, err
	}
	status.Phase, status.StartedAt = crmv1.PlanApplying, new(metav1.NewTime(r.Now()))
	if err := r.keep(ctx, record.Name, &status, changes); err != nil {
		return nil, err
	}
	record.Status = status
	return record, r.patchPlan(ctx, record, before)
}

func (r *run) patchPlan(ctx context.Context, record, before *crmv1.ChangePlan) error {
	readyPlan(record)
	return reconcile.Patch(ctx, r.Client, record, before)
}

func (r *run) concludePlan(ctx context.Context, record *crmv1.ChangePlan, cause error) error {
	before := record.DeepCopy()
	finished := metav1.NewTime(r.Now())
	record.Status.FinishedAt, record.Status.Progress = &finished, nil
	record.Status.Phase, record.Status.Message = crmv1.PlanApplied, fmt.Sprintf("applied as revision %d", record.Status.Revision)
	if cause != nil {
		record.Status.Phase, record.Status.Message = crmv1.PlanFailed, "an error that the operator's log describes"
		if fault.KindOf(cause) != fault.Internal {
			record.Status.Message = cut(cause.Error(), maxSummary)
		}
	}
	return reconcile.Patch(ctx, r.Client, record, before)
}

// prunePlans keeps the newest plans that are over, and all that failed.
func (r *run) prunePlans(ctx context.Context) error {
	plans, err := r.plans(ctx)
	if err != nil {
		return err
	}
	applied := slices.DeleteFunc(plans, func(p crmv1.ChangePlan) bool {
		return p.Status.Phase != crmv1.PlanApplied && p.Status.Phase != crmv1.PlanSuperseded
	})
	slices.SortFunc(applied, func(a, b crmv1.ChangePlan) int { return int(b.Status.Revision - a.Status.Revision) })
	for i := keptPlans; i < len(applied); i++ {
		if err := client.IgnoreNotFound(r.Client.Delete(ctx, &applied[i])); err != nil {
			return fmt.Errorf("deleting plan %q: %w", applied[i].Name, err)
		}
	}
	return nil
}

func planned(changes []plan.Change, waits []string) []crmv1.PlannedChange {
	list := make([]crmv1.PlannedChange, 0, len(changes))
	for i, change := range changes {
		one := Planned(change)
		if waits != nil {
			one.Waits = waits[i]
		}
		list = append(list, one)
	}
	return list
}

// Planned is what a ChangePlan says of a change.
func Planned(change plan.Change) crmv1.PlannedChange {
	statements := slices.Clone(change.Prepare)
	if change.Backfill != nil {
		statements = append(statements, change.Backfill.Text())
	}
	statements = append(append(statements, change.Prove...), change.Statements...)
	one := crmv1.PlannedChange{
		Resource: strings.Replace(change.Resource, " ", "/", 1), Summary: cut(change.Summary, maxSummary), Class: effectiveClass(change),
		SQL: cut(strings.Join(statements, ";\n"), maxSQL), Lock: change.Lock, Rewrites: change.Rewrites,
	}
	one.Dependents = change.Dependents
	if about, known := change.Estimate(); known {
		one.Estimate = &metav1.Duration{Duration: about}
	}
	undo, kept := change.Reversal()
	if one.Undo = crmv1.UndoKind(undo); kept > 0 {
		one.UndoFor = &metav1.Duration{Duration: kept}
	}
	if impact := change.Impact; impact != nil {
		one.Impact = &crmv1.ChangeImpact{
			Records: impact.Rows, Filled: impact.Filled, Failing: impact.Failing, FailingRecords: impact.IDs, FailingHash: impact.Hash,
		}
	}
	return one
}

func cut(text string, most int) string {
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most-1]) + "…"
	}
	return text
}
