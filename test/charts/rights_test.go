package charts_test

import (
	"context"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	crmv1 "github.com/kontor-crm/kontor/api/v1alpha1"
	"github.com/kontor-crm/kontor/test/env"
)

// installation is the chart's roles on an API server, and clients that are its
// ServiceAccounts.
type installation struct {
	admin, operator, server client.Client
	// namespace is the operator's own; tenant and stranger are two others.
	namespace, tenant, stranger string
}

func install(t *testing.T, set ...string) installation {
	t.Helper()
	cluster := env.OwnCluster(t) // cluster-wide roles would reach other tests
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, crmv1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	i := installation{
		admin: cluster.Client(t, scheme), namespace: cluster.Namespace(t), tenant: cluster.Namespace(t), stranger: cluster.Namespace(t),
	}
	args := []string{"template", "kontor", env.Root(t) + "/charts/kontor", "--namespace", i.namespace, "--show-only", "templates/rbac.yaml"}
	for _, value := range set {
		args = append(args, "--set", value)
	}
	rendered, err := helm(t, args...)
	if err != nil {
		t.Fatal(err)
	}
	for _, object := range parse(t, rendered) {
		if err := i.admin.Apply(t.Context(), client.ApplyConfigurationFromUnstructured(object), client.FieldOwner("helm")); err != nil {
			t.Fatalf("%s: %v", identity(object), err)
		}
	}
	as := func(account string) client.Client {
		config := cluster.Config()
		config.Impersonate = rest.ImpersonationConfig{
			UserName: "system:serviceaccount:" + i.namespace + ":" + account,
			Groups:   []string{"system:serviceaccounts", "system:serviceaccounts:" + i.namespace, "system:authenticated"},
		}
		impersonated, err := client.New(config, client.Options{Scheme: scheme})
		if err != nil {
			t.Fatal(err)
		}
		return impersonated
	}
	i.operator, i.server = as("kontor-operator"), as("kontor-server")
	// Whoever may do these two has both of its roles.
	soon(t, func() error {
		return i.operator.List(t.Context(), &corev1.SecretList{}, client.InNamespace(i.namespace))
	})
	soon(t, func() error { return i.operator.List(t.Context(), &crmv1.TenantList{}) })
	return i
}

// soon waits until the API server knows of a right that was just given.
func soon(t *testing.T, try func() error) {
	t.Helper()
	var last error
	err := wait.PollUntilContextTimeout(t.Context(), 20*time.Millisecond, time.Minute, true, func(context.Context) (bool, error) {
		last = try()
		return last == nil, nil
	})
	if err != nil {
		t.Fatal(last)
	}
}

// operatorBinding binds the operator to a role in a namespace.
func (i installation) operatorBinding(namespace, role string) *rbacv1.RoleBinding {
	return &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: strings.ReplaceAll(role, ":", "-")},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: i.namespace, Name: "kontor-operator"}},
	}
}

func secretIn(namespace string) *corev1.Secret {
	return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "acme-administrator"}}
}

// What the accounts may do, tried on one API server.
func TestRights(t *testing.T) {
	t.Parallel()
	i := install(t)
	for sentence, try := range map[string]func(t *testing.T, i installation){
		"the operator reads Secrets in its own namespace only":                 theOperatorReadsSecretsInItsOwnNamespaceOnly,
		"the operator gives itself the Secrets of one tenant and nothing else": theOperatorGivesItselfTheSecretsOfOneTenantAndNothingElse,
		"the operator writes status, finalizers and plans, and no spec":        theOperatorWritesStatusAndFinalizersAndPlansAndNoSpec,
		"the operator lists all that it watches":                               theOperatorListsAllThatItWatches,
		"the server has no rights in the cluster":                              theServerHasNoRightsInTheCluster,
	} {
		t.Run(sentence, func(t *testing.T) { try(t, i) })
	}
}

func theOperatorReadsSecretsInItsOwnNamespaceOnly(t *testing.T, i installation) {
	t.Helper()
	for namespace, allowed := range map[string]bool{i.namespace: true, i.tenant: false, "": false} {
		err := i.operator.List(t.Context(), &corev1.SecretList{}, client.InNamespace(namespace))
		if apierrors.IsForbidden(err) == allowed || (allowed && err != nil) {
			t.Errorf("listing Secrets in %q: %v", namespace, err)
		}
	}
	if err := i.operator.Create(t.Context(), secretIn(i.namespace)); !apierrors.IsForbidden(err) {
		t.Errorf("the operator may write Secrets in its own namespace: %v", err)
	}
}

func theOperatorGivesItselfTheSecretsOfOneTenantAndNothingElse(t *testing.T, i installation) {
	t.Helper()
	if err := i.operator.Create(t.Context(), secretIn(i.tenant)); !apierrors.IsForbidden(err) {
		t.Fatalf("before it bound itself, the operator may write Secrets: %v", err)
	}
	if err := i.operator.Create(t.Context(), i.operatorBinding(i.tenant, "kontor-tenant-secrets")); err != nil {
		t.Fatalf("the operator may not bind itself: %v", err)
	}
	soon(t, func() error { return i.operator.Create(t.Context(), secretIn(i.tenant)) })
	if err := i.operator.Create(t.Context(), secretIn(i.stranger)); !apierrors.IsForbidden(err) {
		t.Errorf("the right reaches another namespace: %v", err)
	}
	for _, role := range []string{"cluster-admin", "admin", "edit", "view", "system:node"} {
		if err := i.operator.Create(t.Context(), i.operatorBinding(i.tenant, role)); !apierrors.IsForbidden(err) {
			t.Errorf("the operator may bind itself to %s: %v", role, err)
		}
	}
}

func TestInTheStrictModeTheOperatorBindsNothing(t *testing.T) {
	t.Parallel()
	i := install(t, "rbac.bindTenantSecrets=false")
	if err := i.operator.Create(t.Context(), i.operatorBinding(i.tenant, "kontor-tenant-secrets")); !apierrors.IsForbidden(err) {
		t.Errorf("the operator may bind itself: %v", err)
	}
	rendered, err := helm(t, "template", "acme", env.Root(t)+"/charts/tenant", "--namespace", i.tenant, "--show-only", "templates/secret_access.yaml",
		"--set", "secretAccess.create=true,secretAccess.operatorNamespace="+i.namespace)
	if err != nil {
		t.Fatal(err)
	}
	for _, object := range parse(t, rendered) {
		if err := i.admin.Apply(t.Context(), client.ApplyConfigurationFromUnstructured(object), client.FieldOwner("helm")); err != nil {
			t.Fatal(err)
		}
	}
	soon(t, func() error { return i.operator.Create(t.Context(), secretIn(i.tenant)) })
}

func theOperatorWritesStatusAndFinalizersAndPlansAndNoSpec(t *testing.T, i installation) {
	t.Helper()
	tenant := &crmv1.Tenant{ObjectMeta: metav1.ObjectMeta{Namespace: i.tenant, Name: "acme"}}
	field := &crmv1.CustomField{
		ObjectMeta: metav1.ObjectMeta{Namespace: i.tenant, Name: "tier"},
		Spec:       crmv1.CustomFieldSpec{Object: "customer", FieldSpec: crmv1.FieldSpec{Type: crmv1.FieldText}},
	}
	for _, object := range []client.Object{tenant, field} {
		if err := i.operator.Create(t.Context(), object.DeepCopyObject().(client.Object)); !apierrors.IsForbidden(err) {
			t.Errorf("the operator may create a %T: %v", object, err)
		}
		if err := i.admin.Create(t.Context(), object); err != nil {
			t.Fatal(err)
		}
	}
	finalized := tenant.DeepCopy()
	finalized.Finalizers = []string{crmv1.TenantFinalizer}
	if err := i.operator.Patch(t.Context(), finalized, client.MergeFrom(tenant)); err != nil {
		t.Errorf("setting the finalizer: %v", err)
	}
	reported := field.DeepCopy()
	reported.Status.ObservedGeneration = 1
	if err := i.operator.Status().Patch(t.Context(), reported, client.MergeFrom(field)); err != nil {
		t.Errorf("patching a status: %v", err)
	}
	relabelled := field.DeepCopy()
	relabelled.Spec.Label = crmv1.Label{"en": "Tier"}
	if err := i.operator.Patch(t.Context(), relabelled, client.MergeFrom(field)); !apierrors.IsForbidden(err) {
		t.Errorf("the operator may write the spec of a field: %v", err)
	}
	plan := &crmv1.ChangePlan{ObjectMeta: metav1.ObjectMeta{Namespace: i.tenant, Name: "acme-1"}}
	if err := i.operator.Create(t.Context(), plan); err != nil {
		t.Errorf("creating a plan: %v", err)
	}
	if err := i.operator.Delete(t.Context(), plan); err != nil {
		t.Errorf("deleting a plan: %v", err)
	}
	if err := i.operator.Delete(t.Context(), tenant); !apierrors.IsForbidden(err) {
		t.Errorf("the operator may delete a tenant: %v", err)
	}
}

// What controller-runtime's caches do: list in the whole cluster.
func theOperatorListsAllThatItWatches(t *testing.T, i installation) {
	t.Helper()
	for _, list := range []client.ObjectList{
		&crmv1.DatabaseServerList{}, &crmv1.TenantList{}, &crmv1.CustomObjectList{}, &crmv1.CustomFieldList{}, &crmv1.PipelineList{}, &crmv1.ChangePlanList{},
		&corev1.NamespaceList{},
	} {
		if err := i.operator.List(t.Context(), list); err != nil {
			t.Errorf("%T: %v", list, err)
		}
	}
}

func theServerHasNoRightsInTheCluster(t *testing.T, i installation) {
	t.Helper()
	for _, list := range []client.ObjectList{&crmv1.TenantList{}, &corev1.SecretList{}, &corev1.NamespaceList{}} {
		if err := i.server.List(t.Context(), list, client.InNamespace(i.namespace)); !apierrors.IsForbidden(err) {
			t.Errorf("the server may list a %T: %v", list, err)
		}
	}
}
