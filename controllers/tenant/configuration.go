package tenant

import (
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"

	crmv1 "github.com/kontor-crm/kontor/api/v1alpha1"
	"github.com/kontor-crm/kontor/internal/compile"
	"github.com/kontor-crm/kontor/internal/reconcile"
	"github.com/kontor-crm/kontor/internal/secret"
)

// Configuration keeps beside a tenant's schema which resources declare it, so that the
// people of the tenant can read where their fields and stages come from, and whether
// what was asked for is in force.
type Configuration interface {
	// KeepResources makes the kept resources just those, and writes only what differs.
	KeepResources(ctx context.Context, database secret.Connection, resources []Resource) error
}

// Resource is a resource as it is now, and what the schema step found out about it.
type Resource struct {
	Kind, Name string
	// Object is the identity of the object that it is about.
	Object     string
	Generation int64
	// Ready says that this form of it is in the applied schema; Reason and Message say why, or why not.
	Ready           bool
	Reason, Message string
	// YAML is the resource as a person would have written it.
	YAML string
}

// maxToldMessage bounds what is kept of a message, in characters.
const maxToldMessage = 4000

// tellConfiguration keeps the resources with the verdicts on them. What this process has
// kept before is not written again, unless a plan was applied: the database may be one
// that was restored.
func (r *run) tellConfiguration(ctx context.Context, d *decision, verdicts map[reconcile.Ref]reconcile.Verdict, database secret.Connection) error {
	refs := make([]compile.Ref, 0, len(d.resources.forms))
	for ref := range d.resources.forms {
		refs = append(refs, ref)
	}
	slices.SortFunc(refs, func(a, b compile.Ref) int { return strings.Compare(a.String(), b.String()) })
	told := sha256.New()
	if r.applied != nil {
		fmt.Fprintln(told, r.applied.Revision)
	}
	for _, ref := range refs {
		fmt.Fprintf(told, "%q %+v\n", ref, verdicts[reconcile.Ref{Kind: ref.Kind, Name: ref.Name}])
	}
	sum := [sha256.Size]byte(told.Sum(nil))
	if known, ok := r.told.Load(r.id.Key()); ok && known == sum && d.plan.Empty() {
		return nil
	}
	resources := make([]Resource, 0, len(refs))
	for _, ref := range refs {
		one, err := toldResource(ref, d.resources.forms[ref], verdicts[reconcile.Ref{Kind: ref.Kind, Name: ref.Name}])
		if err != nil {
			return err
		}
		resources = append(resources, one)
	}
	if err := r.Schemas.KeepResources(ctx, database, resources); err != nil {
		return fmt.Errorf("keeping what declares the schema of %q: %w", database.Database, err)
	}
	r.told.Store(r.id.Key(), sum)
	return nil
}

func toldResource(ref compile.Ref, form crmv1.Object, verdict reconcile.Verdict) (Resource, error) {
	written, err := resourceOf(ref, form)
	if err != nil {
		return Resource{}, err
	}
	text, err := yaml.JSONToYAML(written.Manifest)
	if err != nil {
		return Resource{}, fmt.Errorf("writing %s: %w", ref, err)
	}
	finding := verdict.Applied
	if !verdict.Accepted.True {
		finding = verdict.Accepted
	}
	return Resource{
		Kind: ref.Kind, Name: ref.Name, Object: aboutObject(form), Generation: form.GetGeneration(), Ready: finding.True,
		Reason: finding.Reason, Message: cut(finding.Message, maxToldMessage), YAML: string(text),
	}, nil
}

// aboutObject is the identity of the object that a resource is about.
func aboutObject(form crmv1.Object) string {
	switch resource := form.(type) {
	case *crmv1.CustomObject:
		return resource.Name
	case *crmv1.CustomField:
		return resource.Spec.Object
	case *crmv1.Pipeline:
		return resource.Spec.Object
	case *crmv1.ValidationRule:
		return resource.Spec.Object
	case *crmv1.ObjectIndex:
		return resource.Spec.Object
	}
	return ""
}
