package tenant

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	crmv1 "github.com/kontor-crm/kontor/api/v1alpha1"
	"github.com/kontor-crm/kontor/internal/fault"
	"github.com/kontor-crm/kontor/internal/reconcile"
	"github.com/kontor-crm/kontor/internal/secret"
)

// TenantSecretsRole is the one ClusterRole that the operator may bind: it lets
// it keep the Secrets of a tenant's namespace.
const TenantSecretsRole = "kontor-tenant-secrets" //nolint:gosec // the name of a role, not a credential

// access makes the first administrator and the reporting account, once each,
// and writes their passwords into Secrets of the tenant's namespace.
func (r *run) access(ctx context.Context) (reconcile.Result, error) {
	bound, err := r.bind(ctx)
	if err != nil {
		return reconcile.Result{}, err
	}
	if err := r.administrator(ctx); err != nil {
		return reconcile.Result{}, r.denied(err, bound)
	}
	if err := r.reporting(ctx); err != nil {
		return reconcile.Result{}, r.denied(err, bound)
	}
	return reconcile.Met(crmv1.ReasonReady, "the first administrator's password was written once, to Secret %s; the reporting login is in Secret %s",
		r.administratorSecret(), r.reportingSecret()), nil
}

// bind gives the operator the right to the Secrets of this one namespace. In
// the strict mode the tenant's chart has made the binding, and ours is refused.
// It says whether it made the binding just now.
func (r *run) bind(ctx context.Context) (bool, error) {
	namespace, name, ok := strings.Cut(r.Settings.ServiceAccount, "/")
	if !ok {
		return false, nil
	}
	binding := &rbacv1.RoleBinding{}
	key := types.NamespacedName{Namespace: r.tenant.Namespace, Name: TenantSecretsRole}
	err := r.Client.Get(ctx, key, binding)
	if err == nil || apierrors.IsForbidden(err) {
		return false, nil
	}
	if !apierrors.IsNotFound(err) {
		return false, fmt.Errorf("reading RoleBinding %s: %w", key, err)
	}
	binding = &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: key.Namespace, Name: key.Name, Labels: map[string]string{crmv1.TenantLabel: r.tenant.Name}},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: TenantSecretsRole},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: namespace, Name: name}},
	}
	err = r.Client.Create(ctx, binding)
	if err != nil && !apierrors.IsAlreadyExists(err) && !apierrors.IsForbidden(err) {
		return false, fmt.Errorf("creating RoleBinding %s: %w", key, err)
	}
	return err == nil, nil
}

// denied turns a missing right to Secrets into words, with the command that mends it.
// A right that was given just now takes the API server a moment to see.
func (r *run) denied(err error, bound bool) error {
	if !apierrors.IsForbidden(err) {
		return err
	}
	if bound {
		return fault.Because(fault.Waiting, crmv1.ReasonProgressing, "the right to the Secrets of namespace %s was given just now", r.tenant.Namespace)
	}
	account := strings.Replace(r.Settings.ServiceAccount, "/", ":", 1)
	return fault.Because(fault.Stalled, crmv1.ReasonSecretAccessDenied,
		"the operator may not keep Secrets in namespace %s; run: kubectl create rolebinding %s -n %s --clusterrole=%s --serviceaccount=%s",
		r.tenant.Namespace, TenantSecretsRole, r.tenant.Namespace, TenantSecretsRole, account)
}

// administrator makes the first user. The Secret is written before the
// account, so that a crash in between loses no password; and once somebody can
// sign in, neither is touched again.
func (r *run) administrator(ctx context.Context) error {
	r.tenant.Status.AdministratorSecret = r.administratorSecret()
	database := r.admin.In(r.id.Database())
	exists, err := r.Schemas.HasAdministrator(ctx, database)
	if err != nil {
		return fmt.Errorf("looking for the administrator: %w", err)
	}
	if exists {
		return nil
	}
	email, name := r.tenant.Spec.Administrator.Email, r.tenant.Spec.Administrator.Name
	if email == "" {
		email = "admin@" + r.domain()
	}
	if name == "" {
		name = "Administrator"
	}
	hashing := secret.HashPassword // what lies there may be a person's choice
	kept, err := r.ensureSecret(ctx, r.administratorSecret(), func() (map[string][]byte, error) {
		hashing = secret.HashRandom
		return map[string][]byte{
			"email": []byte(email), "password": []byte(secret.NewPassword()), "url": []byte(r.tenant.Status.Service.URL),
		}, nil
	})
	if err != nil {
		return err
	}
	if len(kept.Data["email"]) > 0 {
		email = string(kept.Data["email"])
	}
	hash, err := hashing(string(kept.Data["password"]))
	if err != nil {
		return fault.Because(fault.Stalled, crmv1.ReasonSecretInvalid, "Secret %s: %q is not usable: %s", kept.Name, "password", err)
	}
	if _, err := r.Schemas.EnsureAdministrator(ctx, database, email, name, hash); err != nil {
		return fmt.Errorf("making the administrator: %w", err)
	}
	return nil
}

// reporting makes the read-only login for reporting tools. Without the Secret
// nobody knows its password, so a lost Secret is written again with a new one;
// when the server moves, the Secret follows and keeps the password.
func (r *run) reporting(ctx context.Context) error {
	r.tenant.Status.BISecret = r.reportingSecret()
	kept, err := r.ensureSecret(ctx, r.reportingSecret(), func() (map[string][]byte, error) {
		connection, err := r.Databases.Login(ctx, r.admin, r.id, RoleReporting, secret.NewPassword())
		if err != nil {
			return nil, fmt.Errorf("setting the reporting login: %w", err)
		}
		return reportingData(connection), nil
	})
	if err != nil {
		return err
	}
	if kept.Labels[crmv1.TenantLabel] != r.tenant.Name {
		return fault.Because(fault.Stalled, crmv1.ReasonSecretInvalid, "Secret %s is there already and is not Kontor's, which writes the reporting login there; remove it", kept.Name)
	}
	if len(kept.Data["username"]) == 0 || len(kept.Data["password"]) == 0 {
		connection, err := r.Databases.Login(ctx, r.admin, r.id, RoleReporting, secret.NewPassword())
		if err != nil {
			return fmt.Errorf("setting the reporting login: %w", err)
		}
		return r.rewrite(ctx, kept, reportingData(connection))
	}
	at := r.admin.In(r.id.Database()).As(string(kept.Data["username"]), string(kept.Data["password"]))
	wanted := reportingData(at)
	if maps.EqualFunc(kept.Data, wanted, bytes.Equal) {
		return nil
	}
	return r.rewrite(ctx, kept, wanted)
}

// rewrite gives a Secret other content, and this Tenant as its owner where it had an earlier one.
func (r *run) rewrite(ctx context.Context, kept *corev1.Secret, data map[string][]byte) error {
	before := kept.DeepCopy()
	kept.Data = data
	if r.left(kept) {
		kept.OwnerReferences = nil
		if err := controllerutil.SetControllerReference(r.tenant, kept, r.Client.Scheme()); err != nil {
			return fmt.Errorf("owning Secret %q: %w", kept.Name, err)
		}
	}
	if err := r.Client.Patch(ctx, kept, client.MergeFrom(before)); err != nil {
		return fmt.Errorf("writing Secret %q: %w", kept.Name, err)
	}
	return nil
}

// left says of a Secret that an earlier Tenant of the name left it: the garbage
// collector is about to take it away, with a password that nobody would know then.
func (r *run) left(kept *corev1.Secret) bool {
	owner := metav1.GetControllerOf(kept)
	return owner != nil && owner.Kind == "Tenant" && owner.UID != r.tenant.UID
}

// reportingData is a connection in the keys that reporting tools know from libpq.
func reportingData(connection secret.Connection) map[string][]byte {
	return map[string][]byte{
		"host": []byte(connection.Host), "port": []byte(strconv.Itoa(connection.Port)), "dbname": []byte(connection.Database),
		"username": []byte(connection.User), "password": []byte(connection.Password),
		"sslmode": []byte(connection.SSLMode), "uri": []byte(connection.URL()),
	}
}

// ensureSecret reads a Secret of the tenant's namespace, or makes it.
func (r *run) ensureSecret(ctx context.Context, name string, content func() (map[string][]byte, error)) (*corev1.Secret, error) {
	kept := &corev1.Secret{}
	err := r.Client.Get(ctx, types.NamespacedName{Namespace: r.tenant.Namespace, Name: name}, kept)
	if err == nil && !r.left(kept) {
		return kept, nil
	}
	if client.IgnoreNotFound(err) != nil {
		return nil, fmt.Errorf("reading Secret %q: %w", name, err)
	}
	data, contentErr := content()
	if contentErr != nil {
		return nil, contentErr
	}
	if err == nil {
		return kept, r.rewrite(ctx, kept, data)
	}
	kept = &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: r.tenant.Namespace, Name: name, Labels: map[string]string{crmv1.TenantLabel: r.tenant.Name}},
		Data:       data,
	}
	if err := controllerutil.SetControllerReference(r.tenant, kept, r.Client.Scheme()); err != nil {
		return nil, fmt.Errorf("owning Secret %q: %w", name, err)
	}
	if err := r.Client.Create(ctx, kept); err != nil {
		return nil, fmt.Errorf("creating Secret %q: %w", name, err)
	}
	return kept, nil
}

func (r *run) administratorSecret() string { return r.tenant.Name + "-administrator" }
func (r *run) reportingSecret() string     { return r.tenant.Name + "-bi" }

// domain is the part of the administrator's address behind the @.
func (r *run) domain() string {
	if hosts := r.tenant.Status.Service.Hosts; len(hosts) > 0 {
		return hosts[0]
	}
	return r.tenant.Name + ".localhost"
}
