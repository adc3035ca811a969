package tenant

import (
	"context"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/log"

	crmv1 "github.com/kontor-crm/kontor/api/v1alpha1"
	"github.com/kontor-crm/kontor/internal/plan"
)

// What happened to a tenant, once each.

func (r *run) created(server string) {
	r.event("DatabaseCreated", "Create", "made database %s on server %s", r.id.Database(), server)
}

func (r *run) completed(server string) {
	r.event("DatabaseCompleted", "Complete", "brought roles, rights, marks and the platform's tables of database %s on server %s up to date", r.id.Database(), server)
}

func (r *run) adopted(server string) {
	r.event("DatabaseAdopted", "Adopt", "adopted database %s on server %s, which an earlier tenant left", r.id.Database(), server)
}

func (r *run) retained(server string) {
	r.event("DatabaseRetained", "Retain", "kept database %s on server %s, closed to logins", r.id.Database(), server)
}

func (r *run) dropped(server string) {
	r.event("DatabaseDropped", "Drop", "dropped database %s on server %s", r.id.Database(), server)
}

func (r *run) appliedRevision(revision int64, changes int) {
	r.event("SchemaApplied", "Apply", "applied schema revision %d with %d changes", revision, changes)
}

func (r *run) purged(ctx context.Context, summary string) {
	log.FromContext(ctx).Info("Purged what was kept long enough", "change", summary)
	r.event("DataPurged", "Purge", "the time of retention is over: %s", summary)
}

func (r *run) drifted(change plan.Change) {
	note := "the database differs from the applied schema; to put it right: %s"
	if change.Kind == plan.Unknown {
		note = "somebody made something in the database: %s"
	}
	r.event("Drifted", "Compare", note, cut(change.Summary, maxSummary))
}

func (r *run) healed(summary string) {
	r.event("DriftHealed", "Heal", "put right what the database had lost: %s", summary)
}

func (r *run) proposedPlan(name string, phase crmv1.PlanPhase) {
	r.event("Plan"+string(phase), "Plan", "ChangePlan %s is %s", name, strings.ToLower(string(phase)))
}

func (r *run) event(reason, action, note string, args ...any) {
	if r.Events != nil {
		r.Events.Eventf(r.tenant, nil, corev1.EventTypeNormal, reason, action, note, args...)
	}
}
