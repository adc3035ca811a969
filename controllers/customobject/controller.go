// Package customobject accepts or refuses each CustomObject, and reports whether it is in
// the applied schema. The work itself is the tenant's schema step.
package customobject

import (
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"

	crmv1 "github.com/kontor-crm/kontor/api/v1alpha1"
	"github.com/kontor-crm/kontor/internal/reconcile"
)

// Kind is the kind that the controller reports on.
const Kind = "CustomObject"

// New is the controller.
func New(c client.Client, pace reconcile.Pace, verdicts *reconcile.Verdicts) *reconcile.Reporter {
	return &reconcile.Reporter{
		Client: c, Pace: pace, Verdicts: verdicts, Kind: Kind,
		New:     func() crmv1.Object { return &crmv1.CustomObject{} },
		NewList: func() client.ObjectList { return &crmv1.CustomObjectList{} },
	}
}

// SetupWithManager makes the manager run the controller.
func SetupWithManager(m ctrl.Manager, r *reconcile.Reporter) error {
	return ctrl.NewControllerManagedBy(m).
		Named(Kind).
		For(&crmv1.CustomObject{}).
		Watches(&crmv1.Tenant{}, handler.EnqueueRequestsFromMapFunc(r.Orphans), builder.WithPredicates(reconcile.TenantGone())).
		WatchesRawSource(r.Verdicts.Source(Kind)).
		Complete(r)
}
