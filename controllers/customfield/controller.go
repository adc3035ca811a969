// Package customfield accepts or refuses each CustomField, and reports whether it is in
// the applied schema. The work itself is the tenant's schema step.
package customfield

import (
	"sigs.k8s.io/controller-runtime/pkg/client"

	crmv1 "github.com/kontor-crm/kontor/api/v1alpha1"
	"github.com/kontor-crm/kontor/internal/reconcile"
)

// Kind is the kind that the controller reports on.
const Kind = "CustomField"

// New is the controller.
func New(c client.Client, pace reconcile.Pace, verdicts *reconcile.Verdicts) *reconcile.Reporter {
	return &reconcile.Reporter{
		Client: c, Pace: pace, Verdicts: verdicts, Kind: Kind,
		New:     func() crmv1.Object { return &crmv1.CustomField{} },
		NewList: func() client.ObjectList { return &crmv1.CustomFieldList{} },
	}
}
