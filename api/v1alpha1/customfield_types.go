package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// CustomField adds one field to a standard object or to a CustomObject. Its
// metadata.name is its identity and never changes; what the API calls it and
// what people see may change at any time.
//
//	apiVersion: crm.kontor.dev/v1alpha1
//	kind: CustomField
//	metadata:
//	  name: customer-tier
//	  namespace: acme
//	spec:
//	  object: customer
//	  name: tier
//	  type: picklist
//	  label: {en: Tier, zh: 等级}
//	  options:
//	    - {key: gold, label: {en: Gold, zh: 金}}
//	    - {key: silver, label: {en: Silver, zh: 银}}
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Namespaced,shortName=cf,categories=crm
// +kubebuilder:selectablefield:JSONPath=`.spec.object`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Object",type=string,JSONPath=`.spec.object`
// +kubebuilder:printcolumn:name="API Name",type=string,JSONPath=`.spec.name`
// +kubebuilder:printcolumn:name="Type",type=string,JSONPath=`.spec.type`
// +kubebuilder:printcolumn:name="Required",type=boolean,JSONPath=`.spec.required`,priority=1
// +kubebuilder:printcolumn:name="Unique",type=boolean,JSONPath=`.spec.unique`,priority=1
// +kubebuilder:printcolumn:name="Message",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].message`,priority=1
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:validation:XValidation:rule="self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$') && self.metadata.name.size() <= 48",message="metadata.name starts with a letter, goes on with letters, digits and -, and has at most 48 characters"
type CustomField struct {
	metav1.TypeMeta `json:",inline"`
	// metadata is the standard metadata of a Kubernetes object. Its name is the
	// identity of the field.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec says what the field is and which object has it.
	Spec CustomFieldSpec `json:"spec"`

	// status says how things stand.
	// +optional
	Status CustomFieldStatus `json:"status,omitzero"`
}

// CustomFieldList is a list of CustomFields.
// +kubebuilder:object:root=true
type CustomFieldList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []CustomField `json:"items"`
}

// CustomFieldSpec says what a field is and which object has it.
type CustomFieldSpec struct {
	CommonSpec `json:",inline"`

	// object is the one that gets the field: the name of a standard object
	// (customer) or the metadata.name of a CustomObject. It never changes.
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="a field stays with its object; make another CustomField for another object"
	Object Identity `json:"object"`

	FieldSpec `json:",inline"`
}

// CustomFieldStatus says how things stand with a CustomField.
type CustomFieldStatus struct {
	CommonStatus `json:",inline"`
}

// GetConditions are the conditions in the status.
func (f *CustomField) GetConditions() []metav1.Condition { return f.Status.Conditions }

// SetConditions replaces the conditions in the status.
func (f *CustomField) SetConditions(conditions []metav1.Condition) { f.Status.Conditions = conditions }

// GetCommonSpec points to the part of the spec that all kinds share.
func (f *CustomField) GetCommonSpec() *CommonSpec { return &f.Spec.CommonSpec }

// GetCommonStatus points to the part of the status that all kinds share.
func (f *CustomField) GetCommonStatus() *CommonStatus { return &f.Status.CommonStatus }
