package tenant

import (
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	crmv1 "github.com/kontor-crm/kontor/api/v1alpha1"
	"github.com/kontor-crm/kontor/internal/plan"
)

// maxDrift is how many differences the status names.
const maxDrift = 50

// driftItems counts the differences that stay, by tenant.
var driftItems = prometheus.NewGaugeVec(prometheus.GaugeOpts{
	Name: "kontor_tenant_drift_items",
	Help: "How many differences there are between the tenant's database and its applied schema that nobody heals.",
}, []string{"namespace", "tenant"})

func init() { metrics.Registry.MustRegister(driftItems) } //nolint:gochecknoinits // the registry is the process's own

// tellDrift writes down how the database differs from the applied schema. Each
// difference keeps the moment at which it was first seen, and has one event.
func (r *run) tellDrift(drift []plan.Change) {
	driftItems.WithLabelValues(r.tenant.Namespace, r.tenant.Name).Set(float64(len(drift)))
	since := map[string]metav1.Time{}
	for _, item := range r.tenant.Status.Drift {
		since[item.Summary] = item.Since
	}
	items := make([]crmv1.DriftItem, 0, min(len(drift), maxDrift))
	for _, change := range drift[:min(len(drift), maxDrift)] {
		item := crmv1.DriftItem{
			Resource: strings.Replace(change.Resource, " ", "/", 1), Object: change.Object, Field: change.Field,
			Summary: cut(change.Summary, maxSummary), Reason: cut(change.Reason, maxSummary),
		}
		var known bool
		if item.Since, known = since[item.Summary]; !known {
			item.Since = metav1.NewTime(r.Now())
			r.drifted(change)
		}
		items = append(items, item)
	}
	r.tenant.Status.Drift = items
	if len(items) == 0 {
		r.tenant.Status.Drift = nil
	}
}

// healsOf are the changes of a plan that put back what the database had lost.
func healsOf(p *plan.Plan) []plan.Change {
	var found []plan.Change
	for _, change := range p.Changes {
		if change.Drift {
			found = append(found, change)
		}
	}
	return found
}

// forgetDrift takes a tenant that goes out of the metric.
func (r *run) forgetDrift() { driftItems.DeleteLabelValues(r.tenant.Namespace, r.tenant.Name) }
