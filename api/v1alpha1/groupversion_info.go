// Package v1alpha1 is the contract between Kontor and its users: the resources
// of the group crm.kontor.dev. A namespace holds one Tenant, and every other
// namespaced resource in it belongs to that tenant.
//
// The comments on the fields are the manual: "kubectl explain" shows them.
//
// +kubebuilder:object:generate=true
// +groupName=crm.kontor.dev
package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// GroupName is the API group of all kinds.
const GroupName = "crm.kontor.dev"

var (
	// GroupVersion is the group and version of the kinds in this package.
	GroupVersion = schema.GroupVersion{Group: GroupName, Version: "v1alpha1"}

	// SchemeBuilder collects the kinds of this package.
	SchemeBuilder = runtime.NewSchemeBuilder(addKnownTypes)

	// AddToScheme makes the kinds of this package known to a scheme.
	AddToScheme = SchemeBuilder.AddToScheme
)

func addKnownTypes(scheme *runtime.Scheme) error {
	scheme.AddKnownTypes(GroupVersion,
		&DatabaseServer{}, &DatabaseServerList{},
		&Tenant{}, &TenantList{},
		&CustomObject{}, &CustomObjectList{},
		&CustomField{}, &CustomFieldList{},
		&Pipeline{}, &PipelineList{},
		&ValidationRule{}, &ValidationRuleList{},
		&ObjectIndex{}, &ObjectIndexList{},
		&ChangePlan{}, &ChangePlanList{},
	)
	metav1.AddToGroupVersion(scheme, GroupVersion)
	return nil
}
