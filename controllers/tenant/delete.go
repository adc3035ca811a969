package tenant

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	crmv1 "github.com/kontor-crm/kontor/api/v1alpha1"
	"github.com/kontor-crm/kontor/internal/fault"
	"github.com/kontor-crm/kontor/internal/reconcile"
)

// delete stops the service first, then keeps or drops the database as the
// policy says, and lets the Tenant go last, only if all of that worked.
func (r *run) delete(ctx context.Context) (ctrl.Result, error) {
	if !controllerutil.ContainsFinalizer(r.tenant, crmv1.TenantFinalizer) {
		return ctrl.Result{}, nil
	}
	if err := r.Directory.Remove(ctx, r.id.Key()); err != nil {
		return r.deletionWaits(ctx, fmt.Errorf("ending the service: %w", err))
	}
	r.Rollouts.Stop(r.id)
	if err := r.removeDatabase(ctx); err != nil {
		return r.deletionWaits(ctx, err)
	}
	r.forgetDrift()
	r.counts.Delete(r.id.Key())
	r.told.Delete(r.id.Key())
	r.Verdicts.Clear(r.tenant.Namespace) // the reporters are woken when the Tenant is gone
	before := r.tenant.DeepCopy()
	controllerutil.RemoveFinalizer(r.tenant, crmv1.TenantFinalizer)
	err := r.Client.Patch(ctx, r.tenant, client.MergeFrom(before))
	if err != nil && !apierrors.IsNotFound(err) {
		return ctrl.Result{}, fmt.Errorf("removing the finalizer: %w", err)
	}
	return ctrl.Result{}, nil
}

// deletionWaits says in the status what the deletion waits for, and tries again.
func (r *run) deletionWaits(ctx context.Context, cause error) (ctrl.Result, error) {
	before := r.tenant.DeepCopy()
	message := "the deletion waits: an error that the operator's log describes; it is tried again"
	if fault.KindOf(cause) != fault.Internal {
		message = "the deletion waits: " + cause.Error()
	}
	for _, condition := range []metav1.Condition{
		{Type: crmv1.ConditionReady, Status: metav1.ConditionFalse},
		{Type: crmv1.ConditionReconciling, Status: metav1.ConditionTrue},
	} {
		condition.Reason, condition.Message, condition.ObservedGeneration = crmv1.ReasonDeleting, message, r.tenant.Generation
		meta.SetStatusCondition(&r.tenant.Status.Conditions, condition)
	}
	if err := reconcile.Patch(ctx, r.Client, r.tenant, before); err != nil {
		return ctrl.Result{}, err
	}
	if fault.KindOf(cause) != fault.Internal {
		return ctrl.Result{RequeueAfter: r.Pace.Later}, nil
	}
	return ctrl.Result{}, cause
}
