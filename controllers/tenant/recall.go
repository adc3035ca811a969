package tenant

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	crmv1 "github.com/kontor-crm/kontor/api/v1alpha1"
	"github.com/kontor-crm/kontor/internal/fault"
	"github.com/kontor-crm/kontor/internal/manifest"
	"github.com/kontor-crm/kontor/internal/plan"
	"github.com/kontor-crm/kontor/internal/secret"
)

// The bounds of one answer about the past; who asks goes on where it ends.
const (
	maxRecalledRevisions = 100
	maxRecalledBytes     = 192 << 10
)

// recall writes into the status what the tenant's database keeps of the past.
func (r *run) recall(ctx context.Context, record *crmv1.ChangePlan) error {
	asked, database := record.Spec.Recall, r.admin.In(r.id.Database())
	answer := &crmv1.Recalled{}
	var err error
	switch asked.What {
	case crmv1.RecallRevisions:
		err = r.recallRevisions(ctx, database, int(asked.From), answer)
	case crmv1.RecallResources:
		err = r.recallResources(ctx, database, asked, answer)
	case crmv1.RecallChanges:
		err = r.recallChanges(ctx, database, record, answer)
	default:
		err = fault.New(fault.Invalid, "spec.recall.what: %q is nothing that is kept", asked.What)
	}
	if err != nil {
		return err
	}
	record.Status.Recalled, record.Status.Tenant = answer, r.tenant.Name
	record.Status.Phase, record.Status.Message = crmv1.PlanPlanned, "an answer about the past: nothing is run"
	return nil
}

func (r *run) recallRevisions(ctx context.Context, database secret.Connection, from int, answer *crmv1.Recalled) error {
	found, err := r.Schemas.Revisions(ctx, database, from, maxRecalledRevisions+1)
	if err != nil {
		return err
	}
	if len(found) > maxRecalledRevisions {
		found = found[:maxRecalledRevisions]
		answer.Next = int32(from + maxRecalledRevisions) //nolint:gosec // the CRD bounds where to begin
	}
	for _, one := range found {
		answer.Revisions = append(answer.Revisions, recalledRevision(one))
	}
	return nil
}

func recalledRevision(one Revision) crmv1.RecalledRevision {
	return crmv1.RecalledRevision{
		Revision: one.Number, Applied: metav1.NewTime(one.Applied), ChangePlan: one.ChangePlan, Commits: one.Commits[:min(len(one.Commits), maxListed)],
		TotalChanges: int32(one.Changes), Summary: cut(one.Summary, maxSummary), //nolint:gosec // bounded by the fields of a tenant
	}
}

// revisionAsked is the revision that a question is about.
func (r *run) revisionAsked(ctx context.Context, database secret.Connection, asked *crmv1.Recall, answer *crmv1.Recalled) (int64, error) {
	var at time.Time
	if asked.At != nil {
		at = asked.At.Time
	}
	found, err := r.Schemas.RevisionOf(ctx, database, asked.Revision, at)
	answer.Revisions = []crmv1.RecalledRevision{recalledRevision(found)}
	return found.Number, err
}

func (r *run) recallResources(ctx context.Context, database secret.Connection, asked *crmv1.Recall, answer *crmv1.Recalled) error {
	number, err := r.revisionAsked(ctx, database, asked, answer)
	if err != nil {
		return err
	}
	resources, err := r.Schemas.ResourcesOf(ctx, database, number)
	if err != nil {
		return err
	}
	objects := make([]*unstructured.Unstructured, 0, len(resources))
	for _, one := range resources {
		object := &unstructured.Unstructured{}
		if err := json.Unmarshal(one.Manifest, &object.Object); err != nil {
			return fmt.Errorf("reading %s of revision %d: %w", one.Ref(), number, err)
		}
		objects = append(objects, object)
	}
	manifest.Sort(objects)
	from := min(int(asked.From), len(objects))
	until, err := fitting(len(objects), from, maxRecalledBytes, func(i int) (int, error) {
		text, err := manifest.Write(objects[i])
		return len(text), err
	})
	if err != nil {
		return err
	}
	text, err := manifest.Write(objects[from:until]...)
	answer.Manifests = string(text)
	if until < len(objects) {
		answer.Next = int32(until) //nolint:gosec // bounded by the resources of a namespace
	}
	return err
}

func (r *run) recallChanges(ctx context.Context, database secret.Connection, record *crmv1.ChangePlan, answer *crmv1.Recalled) error {
	if name := record.Spec.Recall.ChangePlan; name != "" {
		document, err := r.Schemas.KeptChanges(ctx, database, name)
		if fault.Is(err, fault.NotFound) {
			return fault.New(fault.NotFound, "no more is kept of ChangePlan %s than its own status says", name)
		}
		if err != nil {
			return err
		}
		var changes []crmv1.PlannedChange
		if err := json.Unmarshal(document, &changes); err != nil {
			return fmt.Errorf("reading the changes of plan %q: %w", name, err)
		}
		return recallPart(record, answer, changes)
	}
	number, err := r.revisionAsked(ctx, database, record.Spec.Recall, answer)
	if err != nil {
		return err
	}
	found, err := r.Schemas.ChangesOf(ctx, database, number)
	if err != nil {
		return err
	}
	return recallPart(record, answer, planned(found, nil))
}

// recallPart writes into the status as many changes as an answer has room for.
func recallPart(record *crmv1.ChangePlan, answer *crmv1.Recalled, changes []crmv1.PlannedChange) error {
	from := min(int(record.Spec.Recall.From), len(changes))
	until, err := fitting(min(len(changes), from+maxPlannedChanges), from, maxRecalledBytes, sizesOf(changes))
	record.Status.Changes, record.Status.Class = changes[from:until], ClassOf(changes)
	record.Status.TotalChanges = int32(len(changes)) //nolint:gosec // bounded by the fields of a tenant
	if until < len(changes) {
		answer.Next = int32(until) //nolint:gosec // as above
	}
	return err
}

// History is what a tenant's database keeps of the past. Connections are the admin's, to
// the tenant's database; what was not kept is NotFound.
type History interface {
	// Revisions lists the applied revisions, the newest first.
	Revisions(ctx context.Context, database secret.Connection, skip, limit int) ([]Revision, error)
	// RevisionOf is the revision of that number, or the one in force at that time when it is 0.
	RevisionOf(ctx context.Context, database secret.Connection, number int64, at time.Time) (Revision, error)
	// ResourcesOf are the resources that were in force with a revision.
	ResourcesOf(ctx context.Context, database secret.Connection, number int64) ([]plan.Resource, error)
	// ChangesOf are the changes of the plan that led to a revision.
	ChangesOf(ctx context.Context, database secret.Connection, number int64) ([]plan.Change, error)
	// KeepChanges keeps, in JSON, the changes of a ChangePlan whose status has no room for
	// them, and forgets those of all that are not among names.
	KeepChanges(ctx context.Context, database secret.Connection, name string, changes []byte, names []string) error
	// KeptChanges are those.
	KeptChanges(ctx context.Context, database secret.Connection, name string) ([]byte, error)
}
