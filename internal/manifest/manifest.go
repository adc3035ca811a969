// Package manifest is a tenant's configuration as text: resources become YAML that
// can be applied anywhere, and YAML becomes resources again.
package manifest

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"

	crmv1 "github.com/kontor-crm/kontor/api/v1alpha1"
)

// kinds are those that describe a tenant, in the order in which they are written.
var kinds = []string{"Tenant", "CustomField", "CustomObject", "ObjectIndex", "Pipeline", "ValidationRule"}

// Kinds are the kinds that describe a tenant: the Tenant, then the others by name.
func Kinds() []schema.GroupVersionKind {
	found := make([]schema.GroupVersionKind, 0, len(kinds))
	for _, kind := range kinds {
		found = append(found, crmv1.GroupVersion.WithKind(kind))
	}
	return found
}

// Clean is what a person would have written of a resource: its identity, its own
// labels and annotations and its spec. What the API server, the operator or a tool
// of deployment noted down is left out, so that it can be applied anywhere. Defaults
// that the server filled in stay: another release may have others.
func Clean(object *unstructured.Unstructured) *unstructured.Unstructured {
	clean := &unstructured.Unstructured{Object: map[string]any{}}
	clean.SetGroupVersionKind(object.GroupVersionKind())
	clean.SetName(object.GetName())
	clean.SetNamespace(object.GetNamespace())
	if labels := own(object.GetLabels()); len(labels) > 0 {
		clean.SetLabels(labels)
	}
	if annotations := own(object.GetAnnotations()); len(annotations) > 0 {
		clean.SetAnnotations(annotations)
	}
	for key, value := range object.DeepCopy().Object {
		switch key {
		case "apiVersion", "kind", "metadata", "status":
		default:
			clean.Object[key] = value
		}
	}
	return clean
}

// foreign are the domains, and what lies below them, of the labels and annotations
// with which others note down how a resource came here. A copy that carries them
// would be taken for theirs, and be removed by them.
var foreign = []string{crmv1.GroupName, "kubectl.kubernetes.io", "helm.sh", "argoproj.io", "fluxcd.io", "cattle.io"}

// common are labels of everybody's that say the same.
var common = []string{"app.kubernetes.io/managed-by", "app.kubernetes.io/instance"}

func own(marks map[string]string) map[string]string {
	kept := maps.Clone(marks)
	maps.DeleteFunc(kept, func(key, _ string) bool {
		domain, _, _ := strings.Cut(key, "/")
		return slices.Contains(common, key) || slices.ContainsFunc(foreign, func(f string) bool { return domain == f || strings.HasSuffix(domain, "."+f) })
	})
	return kept
}

// Sort puts the Tenant first, then the others by kind and name.
func Sort(objects []*unstructured.Unstructured) {
	slices.SortFunc(objects, func(a, b *unstructured.Unstructured) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a.GetKind(), b.GetKind()), cmp.Compare(a.GetName(), b.GetName()))
	})
}

// rank is the place of a kind; one that is not known comes last.
func rank(object *unstructured.Unstructured) int {
	if i := slices.Index(kinds, object.GetKind()); i >= 0 {
		return i
	}
	return len(kinds)
}

// FileName is that of the file for a resource: customfield-tier.yaml.
func FileName(object *unstructured.Unstructured) string {
	return strings.ToLower(object.GetKind()) + "-" + object.GetName() + ".yaml"
}

// separator stands between the documents of a file.
const separator = "---\n"

// Write makes one text of the resources, a document each.
func Write(objects ...*unstructured.Unstructured) ([]byte, error) {
	var text bytes.Buffer
	for i, object := range objects {
		if i > 0 {
			text.WriteString(separator)
		}
		document, err := yaml.Marshal(object.Object)
		if err != nil {
			return nil, fmt.Errorf("writing %s %s: %w", object.GetKind(), object.GetName(), err)
		}
		text.Write(document)
	}
	return text.Bytes(), nil
}
