package charts_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	crmv1 "github.com/kontor-crm/kontor/api/v1alpha1"
	"github.com/kontor-crm/kontor/test/env"
)

var errStillThere = errors.New("it is still there")

// A whole life of the chart: the kinds come with it, follow it, and neither they
// nor a tenant go with it.
func TestTheKindsFollowAnUpgradeAndOutliveTheChart(t *testing.T) {
	t.Parallel()
	cluster := env.OwnCluster(t)
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{apiextensionsv1.AddToScheme, crmv1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	server, namespace := cluster.Client(t, scheme), cluster.Namespace(t)
	withoutKinds(t, server)

	chart := filepath.Join(env.Root(t), "charts", "kontor")
	older := filepath.Join(t.TempDir(), "kontor")
	if err := os.CopyFS(older, os.DirFS(chart)); err != nil {
		t.Fatal(err)
	}
	replaceIn(t, filepath.Join(older, "templates", "crds", "tenants.yaml"), "name: Synced", "name: Older")

	release := []string{"kontor", "--namespace", namespace, "--kubeconfig", cluster.Kubeconfig()}
	must := func(verb string, args ...string) {
		t.Helper()
		if _, err := helm(t, append(append([]string{verb}, release...), args...)...); err != nil {
			t.Fatal(err)
		}
	}
	must("install", older)
	if columns := tenantColumns(t, server); !strings.Contains(columns, "Older") {
		t.Fatalf("the older chart brought the columns %s", columns)
	}
	soon(t, func() error { return server.List(t.Context(), &crmv1.TenantList{}) })
	tenant := &crmv1.Tenant{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "acme"}}
	if err := server.Create(t.Context(), tenant); err != nil {
		t.Fatal(err)
	}

	must("upgrade", chart)
	if columns := tenantColumns(t, server); strings.Contains(columns, "Older") || !strings.Contains(columns, "Synced") {
		t.Errorf("after the upgrade the columns are %s", columns)
	}

	must("uninstall")
	if err := server.Get(t.Context(), client.ObjectKeyFromObject(tenant), tenant); err != nil {
		t.Errorf("the tenant went with the chart: %v", err)
	}
	must("install", chart)
}

func withoutKinds(t *testing.T, server client.Client) {
	t.Helper()
	var kinds apiextensionsv1.CustomResourceDefinitionList
	if err := server.List(t.Context(), &kinds); err != nil {
		t.Fatal(err)
	}
	for i := range kinds.Items {
		kind := &kinds.Items[i]
		if err := server.Delete(t.Context(), kind); err != nil {
			t.Fatal(err)
		}
		soon(t, func() error {
			err := server.Get(t.Context(), client.ObjectKeyFromObject(kind), kind)
			if apierrors.IsNotFound(err) {
				return nil
			}
			return errStillThere
		})
	}
}

func tenantColumns(t *testing.T, server client.Client) string {
	t.Helper()
	var kind apiextensionsv1.CustomResourceDefinition
	if err := server.Get(t.Context(), client.ObjectKey{Name: "tenants.crm.kontor.dev"}, &kind); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, column := range kind.Spec.Versions[0].AdditionalPrinterColumns {
		names = append(names, column.Name)
	}
	return strings.Join(names, ", ")
}

func replaceIn(t *testing.T, file, old, replacement string) {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	changed := strings.Replace(string(content), old, replacement, 1)
	if changed == string(content) {
		t.Fatalf("%s has no %q", file, old)
	}
	if err := os.WriteFile(file, []byte(changed), 0o600); err != nil {
		t.Fatal(err)
	}
}
