package cmd

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	kube "sigs.k8s.io/controller-runtime/pkg/client"

	crmv1 "github.com/kontor-crm/kontor/api/v1alpha1"
	"github.com/kontor-crm/kontor/config"
	"github.com/kontor-crm/kontor/internal/manifest"
	"github.com/kontor-crm/kontor/test/env"
	"github.com/kontor-crm/kontor/test/gen"
)

// applyText applies YAML to a namespace, as kubectl does, and returns the
// generations that the server counts by resource.
func applyText(t *testing.T, client kube.Client, namespace, text string) map[string]int64 {
	t.Helper()
	objects, err := manifest.Read([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	generations := map[string]int64{}
	for _, object := range objects {
		object.SetNamespace(namespace)
		if err := client.Apply(t.Context(), kube.ApplyConfigurationFromUnstructured(object), fieldOwner, kube.ForceOwnership); err != nil {
			t.Fatalf("applying %s %s: %v", object.GetKind(), object.GetName(), err)
		}
		stored := &unstructured.Unstructured{}
		stored.SetGroupVersionKind(object.GroupVersionKind())
		if err := client.Get(t.Context(), kube.ObjectKey{Namespace: namespace, Name: object.GetName()}, stored); err != nil {
			t.Fatal(err)
		}
		generations[manifest.FileName(object)] = stored.GetGeneration()
	}
	return generations
}

func TestAnExportAppliesToTheTenantItselfAndToAnEmptyNamespace(t *testing.T) {
	t.Parallel()
	cluster := env.Cluster(t)
	client := cluster.Client(t, newScheme())
	if err := applyFolder(t.Context(), client, config.Samples, "samples/acme"); err != nil {
		t.Fatal(err)
	}
	export := func(namespace string) string {
		text, said := mustKontor(t, "export", "--kubeconfig", cluster.Kubeconfig(), "-n", namespace)
		if said != "" {
			t.Errorf("it says: %s", said)
		}
		return text
	}
	text := export("acme")
	if !strings.HasPrefix(text, "apiVersion: crm.kontor.dev/v1alpha1\nkind: Tenant\n") || strings.Contains(text, "namespace:") || strings.Contains(text, "uid:") || strings.Contains(text, "status:") {
		t.Fatalf("the export is\n%s", text)
	}
	for file, generation := range applyText(t, client, "acme", text) {
		if generation != 1 {
			t.Errorf("applying the export changes %s", file)
		}
	}
	empty := cluster.Namespace(t)
	applyText(t, client, empty, text)
	if copied := export(empty); copied != text {
		t.Errorf("the export of the copy is another one:\n%s\n%s", text, copied)
	}
}

func TestAnExportToAFolderHasAFileForEachResource(t *testing.T) {
	t.Parallel()
	cluster := env.Cluster(t)
	client := cluster.Client(t, newScheme())
	namespace, folder := cluster.Namespace(t), filepath.Join(t.TempDir(), "acme")
	tier := gen.CustomField(namespace, "customer", "tier")
	for _, object := range []kube.Object{gen.Tenant(namespace, "acme"), tier, gen.CustomField(namespace, "customer", "size")} {
		if err := client.Create(t.Context(), object); err != nil {
			t.Fatal(err)
		}
	}
	export := func(args ...string) string {
		out, said := mustKontor(t, append([]string{"export", "--kubeconfig", cluster.Kubeconfig(), "-n", namespace, "-o", folder}, args...)...)
		if out != "" {
			t.Errorf("it writes %s", out)
		}
		return said
	}
	files := func() string {
		entries, err := os.ReadDir(folder)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, entry := range entries {
			names = append(names, entry.Name())
		}
		return strings.Join(names, " ")
	}
	export("--keep-namespace")
	if got := files(); got != "customfield-size.yaml customfield-tier.yaml tenant-acme.yaml" {
		t.Fatal(got)
	}
	if text, err := os.ReadFile(filepath.Join(folder, "customfield-tier.yaml")); err != nil || !strings.Contains(string(text), "namespace: "+namespace) {
		t.Errorf("%v\n%s", err, text)
	}
	if err := client.Delete(t.Context(), tier); err != nil {
		t.Fatal(err)
	}
	for _, other := range []string{"kustomization.yaml", "customfield-kept.yaml"} {
		if err := os.WriteFile(filepath.Join(folder, other), []byte("resources: []\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if said := export(); !strings.Contains(said, "customfield-tier.yaml") || strings.Contains(said, "kept") {
		t.Errorf("it says: %s", said)
	}
	export("--prune")
	if got := files(); got != "customfield-kept.yaml customfield-size.yaml kustomization.yaml tenant-acme.yaml" {
		t.Error(got)
	}
}

func TestAnExportNamesWhatTheTenantDoesNotAccept(t *testing.T) {
	t.Parallel()
	cluster := env.Cluster(t)
	client := cluster.Client(t, newScheme())
	namespace := cluster.Namespace(t)
	field := gen.CustomField(namespace, "nothing", "tier")
	for _, object := range []kube.Object{gen.Tenant(namespace, "acme"), field} {
		if err := client.Create(t.Context(), object); err != nil {
			t.Fatal(err)
		}
	}
	field.Status.Conditions = []metav1.Condition{{
		Type: crmv1.ConditionAccepted, Status: metav1.ConditionFalse, Reason: crmv1.ReasonInvalid, Message: "spec.object: there is no object nothing", LastTransitionTime: metav1.Now(),
	}}
	if err := client.Status().Update(t.Context(), field); err != nil {
		t.Fatal(err)
	}
	out, said := mustKontor(t, "export", "--kubeconfig", cluster.Kubeconfig(), "-n", namespace)
	if !strings.Contains(said, "CustomField/tier") || !strings.Contains(out, "name: tier") {
		t.Errorf("it says %s and writes\n%s", said, out)
	}
}

func TestANamespaceWithoutATenantHasNoExport(t *testing.T) {
	t.Parallel()
	cluster := env.Cluster(t)
	namespace := cluster.Namespace(t)
	if _, _, err := kontor(t, "export", "--kubeconfig", cluster.Kubeconfig(), "-n", namespace); err == nil || !strings.Contains(err.Error(), namespace+" has no Tenant") {
		t.Error(err)
	}
	expectUsage(t, "export", "--kubeconfig", cluster.Kubeconfig(), "--prune")
}
