package gen

import (
	"fmt"
	"reflect"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	crmv1 "github.com/kontor-crm/kontor/api/v1alpha1"
	"github.com/kontor-crm/kontor/internal/manifest"
)

// Exported writes the resources down as an export does, each as a server holds it.
func (c *Configuration) Exported() (string, error) {
	var objects []*unstructured.Unstructured
	for i, resource := range c.All() {
		stored, ok := resource.DeepCopyObject().(crmv1.Object)
		if !ok {
			return "", fmt.Errorf("%T is no resource of ours", resource)
		}
		stored.SetUID("0b5e8a52-7c42-4b9e-9f4e-0f2f9c1c7a11")
		stored.SetResourceVersion(fmt.Sprint(1000 + i))
		stored.SetFinalizers([]string{crmv1.TenantFinalizer})
		stored.SetManagedFields([]metav1.ManagedFieldsEntry{{Manager: "kubectl"}})
		stored.GetCommonStatus().ObservedGeneration = 3
		content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(stored)
		if err != nil {
			return "", err
		}
		object := &unstructured.Unstructured{Object: content}
		object.SetGroupVersionKind(crmv1.GroupVersion.WithKind(KindOf(resource)))
		objects = append(objects, manifest.Clean(object))
	}
	manifest.Sort(objects)
	text, err := manifest.Write(objects...)
	return string(text), err
}

// KindOf is the kind of a resource.
func KindOf(resource crmv1.Object) string { return reflect.TypeOf(resource).Elem().Name() }

// Applied reads an export as a server does that makes all of it at the same moment.
func Applied(text string) (*Configuration, error) {
	documents, err := manifest.Read([]byte(text))
	if err != nil {
		return nil, err
	}
	c := &Configuration{}
	for _, document := range documents {
		resource, err := manifest.Decode(document)
		if err != nil {
			return nil, err
		}
		switch r := resource.(type) {
		case *crmv1.Tenant:
			c.Tenant = r
		case *crmv1.CustomObject:
			c.Objects = append(c.Objects, r)
		case *crmv1.CustomField:
			c.Fields = append(c.Fields, r)
		case *crmv1.Pipeline:
			c.Pipelines = append(c.Pipelines, r)
		case *crmv1.ValidationRule:
			c.Rules = append(c.Rules, r)
		case *crmv1.ObjectIndex:
			c.Indexes = append(c.Indexes, r)
		}
	}
	return c, nil
}
