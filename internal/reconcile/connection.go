package reconcile

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	crmv1 "github.com/kontor-crm/kontor/api/v1alpha1"
	"github.com/kontor-crm/kontor/internal/fault"
	"github.com/kontor-crm/kontor/internal/secret"
)

// The keys of a DatabaseServer's Secrets.
const (
	keyUsername = corev1.BasicAuthUsernameKey
	keyPassword = corev1.BasicAuthPasswordKey
	keyCA       = "ca.crt"
)

// AdminConnection is how the operator reaches a DatabaseServer as its admin. The
// Secrets lie in the operator's namespace; faults are Stalled, with the reason
// SecretMissing or SecretInvalid.
func AdminConnection(ctx context.Context, secrets client.Reader, namespace string, server *crmv1.DatabaseServer) (secret.Connection, error) {
	admin, err := readSecret(ctx, secrets, namespace, server.Spec.AdminSecretRef.Name, "spec.adminSecretRef.name")
	if err != nil {
		return secret.Connection{}, err
	}
	for _, key := range []string{keyUsername, keyPassword} {
		if len(admin.Data[key]) == 0 {
			return secret.Connection{}, fault.Because(fault.Stalled, crmv1.ReasonSecretInvalid,
				"spec.adminSecretRef.name: Secret %s/%s has no %q", namespace, admin.Name, key)
		}
	}
	address := server.Spec.Address
	connection := secret.Connection{
		Host: address.Host, Port: int(address.Port), Database: address.Database, SSLMode: string(address.SSLMode),
		User: string(admin.Data[keyUsername]), Password: string(admin.Data[keyPassword]),
	}
	if address.CASecretRef != nil {
		ca, err := readSecret(ctx, secrets, namespace, address.CASecretRef.Name, "spec.address.caSecretRef.name")
		if err != nil {
			return secret.Connection{}, err
		}
		if len(ca.Data[keyCA]) == 0 {
			return secret.Connection{}, fault.Because(fault.Stalled, crmv1.ReasonSecretInvalid,
				"spec.address.caSecretRef.name: Secret %s/%s has no %q", namespace, ca.Name, keyCA)
		}
		connection.RootCA = string(ca.Data[keyCA])
	}
	return connection, nil
}

func readSecret(ctx context.Context, secrets client.Reader, namespace, name, path string) (*corev1.Secret, error) {
	var found corev1.Secret
	err := secrets.Get(ctx, types.NamespacedName{Namespace: namespace, Name: name}, &found)
	if apierrors.IsNotFound(err) {
		return nil, fault.Because(fault.Stalled, crmv1.ReasonSecretMissing, "%s: there is no Secret %s/%s", path, namespace, name)
	}
	if err != nil {
		return nil, fmt.Errorf("reading Secret %s/%s: %w", namespace, name, err)
	}
	return &found, nil
}
