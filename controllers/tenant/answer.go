package tenant

import (
	"context"
	"fmt"
	"slices"
	"time"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	crmv1 "github.com/kontor-crm/kontor/api/v1alpha1"
	"github.com/kontor-crm/kontor/internal/fault"
	"github.com/kontor-crm/kontor/internal/reconcile"
)

// answerKept is how long what a person asked for is kept.
const answerKept = time.Hour

// Answers answers the ChangePlans that people make, each once, beside the reconciles
// of the Tenants: counting records may take minutes. It changes no database.
type Answers struct{ *Controller }

// SetupWithManager makes the manager run the controller.
func (c *Answers) SetupWithManager(m ctrl.Manager) error {
	asked := predicate.NewPredicateFuncs(func(object client.Object) bool {
		record, ok := object.(*crmv1.ChangePlan)
		return ok && isQuestion(record)
	})
	return ctrl.NewControllerManagedBy(m).
		Named("changeplan").
		For(&crmv1.ChangePlan{}, builder.WithPredicates(asked, predicate.GenerationChangedPredicate{})).
		WithOptions(controller.Options{MaxConcurrentReconciles: max(c.Settings.Concurrency/2, 2)}).
		Complete(c)
}

// isQuestion tells what a person made to be answered from the operator's own plans.
func isQuestion(record *crmv1.ChangePlan) bool {
	return record.Spec.Preview != nil || record.Spec.Recall != nil
}

// Reconcile answers, and deletes the answer when its time is over.
func (c *Answers) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	record := &crmv1.ChangePlan{}
	if err := c.Client.Get(ctx, req.NamespacedName, record); err != nil || !isQuestion(record) || !record.DeletionTimestamp.IsZero() {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	left := answerKept - c.Now().Sub(record.CreationTimestamp.Time)
	if left <= 0 {
		if err := client.IgnoreNotFound(c.Client.Delete(ctx, record)); err != nil {
			return ctrl.Result{}, fmt.Errorf("deleting ChangePlan %q, whose time is over: %w", record.Name, err)
		}
		return ctrl.Result{}, nil
	}
	if record.Status.Phase != "" {
		return ctrl.Result{RequeueAfter: left}, nil
	}
	result, err := reconcile.Run(ctx, c.Client, c.Pace, record, []reconcile.Step{{
		Condition: crmv1.ConditionReady,
		Run:       func(ctx context.Context) (reconcile.Result, error) { return c.answer(ctx, record) },
	}})
	if result.RequeueAfter = min(result.RequeueAfter, left); record.Status.Phase != "" {
		result.RequeueAfter = left
	}
	return result, err
}

// answer is written into the record's status. Only what is wrong with the question
// itself ends it; everything else is waited for.
func (c *Answers) answer(ctx context.Context, record *crmv1.ChangePlan) (reconcile.Result, error) {
	r, err := c.about(ctx, record.Namespace)
	switch {
	case err != nil:
	case record.Spec.Preview != nil:
		err = r.preview(ctx, record)
	default:
		err = r.recall(ctx, record)
	}
	if slices.Contains([]fault.Kind{fault.Malformed, fault.Invalid, fault.NotFound, fault.TooLarge}, fault.KindOf(err)) {
		record.Status.Phase, record.Status.Message = crmv1.PlanFailed, cut(err.Error(), maxMessage)
		return reconcile.Result{}, fault.Wrap(fault.Stalled, err, "%s", record.Status.Message)
	}
	return reconcile.Met(crmv1.ReasonPlanned, "answered"), err
}

// about makes ready to look at the namespace's tenant.
func (c *Answers) about(ctx context.Context, namespace string) (*run, error) {
	var tenants crmv1.TenantList
	if err := c.Client.List(ctx, &tenants, client.InNamespace(namespace)); err != nil {
		return nil, fmt.Errorf("listing the tenants of %q: %w", namespace, err)
	}
	owner := reconcile.OldestTenant(tenants.Items)
	if owner == nil {
		return nil, fault.New(fault.NotFound, "the namespace has no Tenant")
	}
	r := &run{Controller: c.Controller, tenant: owner, id: Identity{Installation: c.Settings.Installation, Namespace: owner.Namespace, Name: owner.Name}}
	if owner.Status.Database.Name == "" {
		return nil, fault.Because(fault.Waiting, crmv1.ReasonWaiting, "the Tenant %s has no database yet", owner.Name)
	}
	r.server = &crmv1.DatabaseServer{}
	err := c.Client.Get(ctx, client.ObjectKey{Name: owner.Status.Database.Server}, r.server)
	if client.IgnoreNotFound(err) != nil {
		return nil, fmt.Errorf("reading the DatabaseServer %q: %w", owner.Status.Database.Server, err)
	}
	if err != nil || !ready(r.server) {
		return nil, fault.Because(fault.Unavailable, crmv1.ReasonDatabaseServerNotReady, "DatabaseServer %s is not ready; its own status says why", owner.Status.Database.Server)
	}
	r.admin, err = reconcile.AdminConnection(ctx, c.Client, c.Settings.Namespace, r.server)
	return r, err
}
