package manifest_test

import (
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	crmv1 "github.com/kontor-crm/kontor/api/v1alpha1"
	"github.com/kontor-crm/kontor/internal/manifest"
)

func TestEveryKindOfANamespaceIsConfigurationOrSaidToBeNone(t *testing.T) {
	t.Parallel()
	// A server belongs to the platform, a plan is what the operator noted down.
	others := []string{"ChangePlan", "DatabaseServer"}
	scheme := runtime.NewScheme()
	if err := crmv1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	for kind := range scheme.KnownTypes(crmv1.GroupVersion) {
		if _, err := scheme.New(crmv1.GroupVersion.WithKind(kind + "List")); err != nil {
			continue // a list, or one of the machinery's own
		}
		if slices.Contains(manifest.Kinds(), crmv1.GroupVersion.WithKind(kind)) == slices.Contains(others, kind) {
			t.Errorf("%s is in neither list, or in both", kind)
		}
	}
}

const stored = `apiVersion: crm.kontor.dev/v1alpha1
kind: CustomField
metadata:
  annotations:
    argocd.argoproj.io/tracking-id: acme:crm.kontor.dev/CustomField:acme/tier
    crm.kontor.dev/reconcile-requested-at: now
    example.com/ticket: CRM-7
    kubectl.kubernetes.io/last-applied-configuration: '{}'
    meta.helm.sh/release-name: acme
  creationTimestamp: "2026-01-01T00:00:00Z"
  finalizers: [somebody.example/holds]
  generation: 3
  labels:
    app.kubernetes.io/instance: acme
    app.kubernetes.io/managed-by: Helm
    helm.sh/chart: tenant-1.0.0
    kustomize.toolkit.fluxcd.io/name: acme
    team: sales
  managedFields: [{manager: kubectl}]
  name: tier
  namespace: acme
  ownerReferences: [{kind: Thing, name: thing, uid: "1", apiVersion: v1}]
  resourceVersion: "7"
  uid: 0b5e8a52-7c42-4b9e-9f4e-0f2f9c1c7a11
spec:
  default: "007"
  object: customer
  scale: 2
  type: text
status:
  observedGeneration: 3
`

const written = `apiVersion: crm.kontor.dev/v1alpha1
kind: CustomField
metadata:
  annotations:
    example.com/ticket: CRM-7
  labels:
    team: sales
  name: tier
  namespace: acme
spec:
  default: "007"
  object: customer
  scale: 2
  type: text
`

func TestWhatOthersNotedDownOnAResourceIsLeftOut(t *testing.T) {
	t.Parallel()
	objects, err := manifest.Read([]byte(stored))
	if err != nil || len(objects) != 1 {
		t.Fatal(len(objects), err)
	}
	text, err := manifest.Write(manifest.Clean(objects[0]))
	if err != nil || string(text) != written {
		t.Errorf("%v\n%s", err, text)
	}
	if again, err := manifest.Write(objects[0]); err != nil || !strings.Contains(string(again), "resourceVersion") {
		t.Error("the resource itself was changed")
	}
}

func TestTheTenantComesFirst(t *testing.T) {
	t.Parallel()
	var objects []*unstructured.Unstructured
	for _, one := range []string{"ValidationRule b", "CustomField b", "Unheard a", "Tenant z", "CustomField a", "CustomObject a"} {
		kind, name, _ := strings.Cut(one, " ")
		object := &unstructured.Unstructured{}
		object.SetKind(kind)
		object.SetName(name)
		objects = append(objects, object)
	}
	manifest.Sort(objects)
	var names []string
	for _, object := range objects {
		names = append(names, manifest.FileName(object))
	}
	want := "tenant-z.yaml customfield-a.yaml customfield-b.yaml customobject-a.yaml validationrule-b.yaml unheard-a.yaml"
	if got := strings.Join(names, " "); got != want {
		t.Error(got)
	}
}
