package env_test

import (
	"testing"

	"github.com/onsi/ginkgo/v2"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kontor-crm/kontor/test/env"
)

// Ginkgo's suites use this package as plain tests do.
var _ env.T = ginkgo.FullGinkgoTInterface(nil)

func scheme(t *testing.T) *runtime.Scheme {
	t.Helper()
	known := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{corev1.AddToScheme, apiextensionsv1.AddToScheme} {
		if err := add(known); err != nil {
			t.Fatal(err)
		}
	}
	return known
}

func TestClusterHasKontorsKinds(t *testing.T) {
	t.Parallel()
	speaker := env.Cluster(t).Client(t, scheme(t))
	var tenants apiextensionsv1.CustomResourceDefinition
	if err := speaker.Get(t.Context(), client.ObjectKey{Name: "tenants.crm.kontor.dev"}, &tenants); err != nil {
		t.Fatal(err)
	}
	for _, condition := range tenants.Status.Conditions {
		if condition.Type == apiextensionsv1.Established && condition.Status == apiextensionsv1.ConditionTrue {
			return
		}
	}
	t.Errorf("the kind Tenant is not established: %v", tenants.Status.Conditions)
}

func TestEachTestHasNamespacesOfItsOwn(t *testing.T) {
	t.Parallel()
	server := env.Cluster(t)
	first, second := server.Namespace(t), server.Namespace(t)
	if first == second {
		t.Errorf("two namespaces are one: %s", first)
	}
	var found corev1.Namespace
	if err := server.Client(t, scheme(t)).Get(t.Context(), client.ObjectKey{Name: first}, &found); err != nil {
		t.Error(err)
	}
}

func TestOwnClusterIsNotTheSharedOne(t *testing.T) {
	t.Parallel()
	shared, own := env.Cluster(t), env.OwnCluster(t)
	if shared.Config().Host == own.Config().Host {
		t.Errorf("both are at %s", own.Config().Host)
	}
	own.StopAPIServer()
	if err := own.Client(t, scheme(t)).List(t.Context(), &corev1.NamespaceList{}); err == nil {
		t.Error("a stopped API server answers")
	}
}
