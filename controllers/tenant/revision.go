package tenant

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"

	crmv1 "github.com/kontor-crm/kontor/api/v1alpha1"
	"github.com/kontor-crm/kontor/internal/compile"
	"github.com/kontor-crm/kontor/internal/manifest"
	"github.com/kontor-crm/kontor/internal/plan"
)

// Revision is a schema that was applied to a tenant's database.
type Revision struct {
	Number     int64
	Applied    time.Time
	ChangePlan string
	// Commits are those that the changed resources say they come from.
	Commits []string
	// Changes is their number, and Summary is the first of them.
	Changes int
	Summary string
}

// origin says where the revision of the plan comes from: each resource in the form that
// is in force with it.
func (d *decision) origin(tenant *crmv1.Tenant, name string) (plan.Origin, error) {
	origin := plan.Origin{ChangePlan: name}
	forms := []crmv1.Object{tenant}
	for _, form := range d.resources.forms {
		forms = append(forms, form)
	}
	for _, form := range forms {
		ref := compile.RefOf(form)
		if d.isHeld(ref) {
			origin.Held = append(origin.Held, slashed(ref.String()))
			continue
		}
		one, err := resourceOf(ref, form)
		if err != nil {
			return origin, err
		}
		origin.Resources = append(origin.Resources, one)
	}
	slices.SortFunc(origin.Resources, func(a, b plan.Resource) int { return strings.Compare(a.Ref(), b.Ref()) })
	slices.Sort(origin.Held)
	return origin, nil
}

// isHeld says whether a resource is not in force as it was given.
func (d *decision) isHeld(ref compile.Ref) bool {
	_, waits := d.waiting[ref]
	_, refused := d.refused[ref]
	_, suspended := d.resources.suspended[ref]
	return waits || refused || suspended || len(d.compiled.Verdicts[ref].Problems) > 0
}

func resourceOf(ref compile.Ref, form crmv1.Object) (plan.Resource, error) {
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(form)
	if err != nil {
		return plan.Resource{}, fmt.Errorf("writing %s: %w", ref, err)
	}
	object := &unstructured.Unstructured{Object: content}
	object.SetGroupVersionKind(crmv1.GroupVersion.WithKind(ref.Kind))
	object.SetNamespace("")
	text, err := json.Marshal(manifest.Clean(object).Object)
	if err != nil {
		return plan.Resource{}, fmt.Errorf("writing %s: %w", ref, err)
	}
	return plan.Resource{Kind: ref.Kind, Name: ref.Name, Generation: form.GetGeneration(), Commit: commitOf(form.GetAnnotations()), Manifest: text}, nil
}

// maxCommit bounds the name of a commit.
const maxCommit = 64

// commitOf is the commit that a resource says it comes from.
func commitOf(annotations map[string]string) string {
	commit := annotations[crmv1.CommitAnnotation]
	if commit == "" {
		var origin struct {
			Ref string `json:"ref"`
		}
		if err := yaml.Unmarshal([]byte(annotations[crmv1.OriginAnnotation]), &origin); err == nil {
			commit = origin.Ref
		}
	}
	return cut(strings.TrimSpace(commit), maxCommit)
}
