// Package gen builds resources for tests: valid ones by default, changed by modifiers.
package gen

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	crmv1 "github.com/kontor-crm/kontor/api/v1alpha1"
	"github.com/kontor-crm/kontor/internal/secret"
)

// Tenant is a tenant of that name in the namespace.
func Tenant(namespace, name string, modify ...func(*crmv1.Tenant)) *crmv1.Tenant {
	t := &crmv1.Tenant{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	t.Spec.DisplayName = "Tenant " + name
	return built(t, modify)
}

// TenantHosts sets the hosts.
func TenantHosts(hosts ...string) func(*crmv1.Tenant) {
	return func(t *crmv1.Tenant) { t.Spec.Service.Hosts = hosts }
}

// TenantServer names the DatabaseServer.
func TenantServer(server string) func(*crmv1.Tenant) {
	return func(t *crmv1.Tenant) { t.Spec.Database.Server = server }
}

// TenantDeletes drops the database with the tenant.
func TenantDeletes(t *crmv1.Tenant) { t.Spec.Database.DeletionPolicy = crmv1.DeletionDelete }

// CustomField is an optional text field of an object.
func CustomField(namespace, object, name string, modify ...func(*crmv1.CustomField)) *crmv1.CustomField {
	f := &crmv1.CustomField{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	f.Spec.Object, f.Spec.Type = object, crmv1.FieldText
	return built(f, modify)
}

// FieldType sets the type of a field.
func FieldType(t crmv1.FieldType) func(*crmv1.CustomField) {
	return func(f *crmv1.CustomField) { f.Spec.Type = t }
}

// FieldLength sets the length of a field.
func FieldLength(length int32) func(*crmv1.CustomField) {
	return func(f *crmv1.CustomField) { f.Spec.Length = length }
}

// FieldName sets the API's name of a field.
func FieldName(name string) func(*crmv1.CustomField) {
	return func(f *crmv1.CustomField) { f.Spec.Name = name }
}

// Pipeline is a pipeline of opportunities with an open, a won and a lost stage.
func Pipeline(namespace, name string, modify ...func(*crmv1.Pipeline)) *crmv1.Pipeline {
	p := &crmv1.Pipeline{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	p.Spec.Object = "opportunity"
	p.Spec.Stages = []crmv1.Stage{
		{Key: "open", Kind: crmv1.StageOpen, Probability: ptr.To[int32](10)},
		{Key: "won", Kind: crmv1.StageWon, Probability: ptr.To[int32](100)},
		{Key: "lost", Kind: crmv1.StageLost, Probability: ptr.To[int32](0)},
	}
	return built(p, modify)
}

// ValidationRule is a rule that every record of an object keeps whose expression is true.
func ValidationRule(namespace, object, name, expression string, modify ...func(*crmv1.ValidationRule)) *crmv1.ValidationRule {
	r := &crmv1.ValidationRule{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	r.Spec.Object, r.Spec.Expression, r.Spec.Message = object, expression, crmv1.Label{"en": "No"}
	return built(r, modify)
}

// ObjectIndex is an index over fields of an object, all in ascending order.
func ObjectIndex(namespace, object, name string, fields []string, modify ...func(*crmv1.ObjectIndex)) *crmv1.ObjectIndex {
	x := &crmv1.ObjectIndex{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	x.Spec.Object = object
	for _, f := range fields {
		x.Spec.Fields = append(x.Spec.Fields, crmv1.IndexField{Field: f})
	}
	return built(x, modify)
}

// DatabaseServer is the server at a connection, without TLS, with its admin Secret of the same name.
func DatabaseServer(name string, at secret.Connection, modify ...func(*crmv1.DatabaseServer)) *crmv1.DatabaseServer {
	s := &crmv1.DatabaseServer{ObjectMeta: metav1.ObjectMeta{Name: name}}
	s.Spec.Address = crmv1.DatabaseAddress{Host: at.Host, Port: int32(at.Port), SSLMode: crmv1.SSLDisable, Database: "postgres"}
	s.Spec.AdminSecretRef.Name = name
	return built(s, modify)
}

func built[T any](obj *T, modify []func(*T)) *T {
	for _, m := range modify {
		m(obj)
	}
	return obj
}
