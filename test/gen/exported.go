package gen

import (
	"fmt"
	"reflect"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"

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
		var resource crmv1.Object
		switch kind := document.GetKind(); kind {
		case "Tenant":
			c.Tenant = &crmv1.Tenant{}
			resource = c.Tenant
		case "CustomObject":
			c.Objects, resource = added(c.Objects, &crmv1.CustomObject{})
		case "CustomField":
			c.Fields, resource = added(c.Fields, &crmv1.CustomField{})
		case "Pipeline":
			c.Pipelines, resource = added(c.Pipelines, &crmv1.Pipeline{})
		case "ValidationRule":
			c.Rules, resource = added(c.Rules, &crmv1.ValidationRule{})
		case "ObjectIndex":
			c.Indexes, resource = added(c.Indexes, &crmv1.ObjectIndex{})
		default:
			return nil, fmt.Errorf("the kind %q is no configuration", kind)
		}
		one, err := manifest.Write(document)
		if err != nil {
			return nil, err
		}
		if err := yaml.UnmarshalStrict(one, resource); err != nil {
			return nil, err
		}
	}
	return c, nil
}

func added[T crmv1.Object](some []T, one T) ([]T, crmv1.Object) { return append(some, one), one }
