package tenant

import (
	"context"
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	crmv1 "github.com/kontor-crm/kontor/api/v1alpha1"
	"github.com/kontor-crm/kontor/internal/compile"
	"github.com/kontor-crm/kontor/internal/fault"
	"github.com/kontor-crm/kontor/internal/manifest"
	"github.com/kontor-crm/kontor/internal/plan"
)

// maxMessage is the CRD's bound of a plan's message.
const maxMessage = 2048

// preview writes into the status what would become of the database.
func (r *run) preview(ctx context.Context, record *crmv1.ChangePlan) error {
	all, err := r.gather(ctx)
	if err != nil {
		return err
	}
	wanted, given, err := r.afterApplying(all, record.Spec.Preview)
	if err != nil {
		return err
	}
	database := r.admin.In(r.id.Database())
	applied, live, err := r.Schemas.Observe(ctx, database)
	if err != nil {
		return fmt.Errorf("reading the schema of database %q: %w", r.id.Database(), err)
	}
	if applied == nil {
		return fault.Because(fault.Waiting, crmv1.ReasonWaiting, "the Tenant %s has no applied schema yet", r.tenant.Name)
	}
	wanted.Applied = applied
	found, compiled := Foresee(wanted, live)
	if problems := r.newProblems(all, compiled, wanted, given); len(problems) > 0 {
		return fault.New(fault.Invalid, "the resources would not compile:\n%s", strings.Join(problems, "\n"))
	}
	if slices.ContainsFunc(found.Plan.Changes, func(c plan.Change) bool { return c.Check != nil }) {
		if err := r.Schemas.Measure(ctx, database, found.Plan); err != nil {
			return fmt.Errorf("asking the records whether they bear the changes: %w", err)
		}
		record.Status.CountedAt = new(metav1.NewTime(r.Now()))
	}
	return r.foretell(ctx, record, found, wanted.Tenant)
}

// foretell writes an outlook into the status of a preview.
func (r *run) foretell(ctx context.Context, record *crmv1.ChangePlan, found *Outlook, tenant *crmv1.Tenant) error {
	changes := found.Changes()
	then := *r
	then.tenant = tenant
	for i, why := range then.waits(found.Plan, judgement{}) {
		changes[i].Waits = cut(why, maxSummary)
	}
	status := &record.Status
	status.Tenant, status.BaseRevision, status.Revision, status.Digest = tenant.Name, found.Plan.Base, found.Plan.Revision, found.Plan.ApprovalDigest()
	status.Retained = listed(found.Retained)
	if err := show(status, changes); err != nil {
		return err
	}
	if err := r.keep(ctx, record.Name, status, changes); err != nil {
		return err
	}
	status.Phase, status.Message = crmv1.PlanPlanned, "a preview: it is never run"
	return nil
}

// afterApplying is what would describe the tenant, and which of it the preview gives.
func (r *run) afterApplying(all *resources, preview *crmv1.Preview) (wanted compile.Input, given map[compile.Ref]bool, err error) {
	documents, err := manifest.ReadDocuments([]byte(preview.Manifests))
	if err != nil {
		return wanted, nil, fault.New(fault.Malformed, "spec.preview.manifests: %s", err)
	}
	wanted.Now, wanted.Held = all.at, map[compile.Ref]string{}
	given = map[compile.Ref]bool{}
	for _, document := range documents {
		resource, err := r.given(all, document)
		if err != nil {
			return wanted, nil, fault.New(fault.Malformed, "spec.preview.manifests: line %d: %s", document.Line, err)
		}
		ref := compile.RefOf(resource)
		if given[ref] {
			return wanted, nil, fault.New(fault.Malformed, "spec.preview.manifests: line %d: %s stands twice", document.Line, slashed(ref.String()))
		}
		given[ref] = true
		if resource.GetCommonSpec().Suspend && ref.Kind != compile.KindTenant {
			wanted.Held[ref] = "spec.suspend is true"
		}
		wanted.Add(resource)
	}
	if len(given) == 0 {
		return wanted, nil, fault.New(fault.Malformed, "spec.preview.manifests holds no resource")
	}
	if wanted.Tenant == nil {
		wanted.Tenant = r.tenant
	}
	for ref, resource := range all.forms {
		if !preview.Prune && !given[ref] {
			wanted.Add(resource)
			if reason, held := all.suspended[ref]; held {
				wanted.Held[ref] = reason
			}
		}
	}
	return wanted, given, nil
}

// given is a resource of the manifests as it would stand in the namespace: as old as
// the one that it replaces, or else the newest.
func (r *run) given(all *resources, document manifest.Document) (crmv1.Object, error) {
	resource, err := manifest.Decode(document.Object)
	if err != nil {
		return nil, err
	}
	ref := compile.RefOf(resource)
	switch own := resource.GetNamespace(); {
	case ref.Name == "":
		return nil, fmt.Errorf("the resource has no metadata.name")
	case own != "" && own != r.tenant.Namespace:
		return nil, fmt.Errorf("%s is of namespace %s, and not of %s", slashed(ref.String()), own, r.tenant.Namespace)
	case ref.Kind == compile.KindTenant && ref.Name != r.tenant.Name:
		return nil, fmt.Errorf("the Tenant is %s and would be %s: metadata.name never changes, so this is another tenant", r.tenant.Name, ref.Name)
	}
	resource.SetNamespace(r.tenant.Namespace)
	before := all.forms[ref]
	if tenant, ok := resource.(*crmv1.Tenant); ok {
		before = r.tenant
		if tenant.Spec.ChangePolicy.Automatic == nil { // the default of the API server, which did not see it
			tenant.Spec.ChangePolicy.Automatic = []crmv1.ChangeClass{crmv1.ChangeSafe, crmv1.ChangeCareful}
		}
	}
	resource.SetCreationTimestamp(metav1.NewTime(all.at))
	if before != nil {
		resource.SetCreationTimestamp(before.GetCreationTimestamp())
	}
	return resource, nil
}

// newProblems are those of the given resources, and those that others do not have now.
func (r *run) newProblems(all *resources, compiled compile.Result, wanted compile.Input, given map[compile.Ref]bool) []string {
	problems := ProblemsOf(compiled)
	if len(problems) == 0 {
		return nil
	}
	now := compile.Input{Tenant: r.tenant, Applied: wanted.Applied, Now: all.at, Held: all.suspended}
	for _, resource := range all.forms {
		now.Add(resource)
	}
	before := ProblemsOf(compile.Compile(now))
	return slices.DeleteFunc(problems, func(problem string) bool {
		ofGiven := false
		for ref := range given {
			ofGiven = ofGiven || strings.HasPrefix(problem, slashed(ref.String())+": ")
		}
		return !ofGiven && slices.Contains(before, problem)
	})
}
