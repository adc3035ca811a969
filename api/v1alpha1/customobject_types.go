package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// CustomObject is a new kind of record of the tenant, with its fields. Its
// metadata.name is its identity and never changes; what the API calls it and
// what people see may change at any time.
//
//	apiVersion: crm.kontor.dev/v1alpha1
//	kind: CustomObject
//	metadata:
//	  name: vehicle
//	  namespace: acme
//	spec:
//	  label: {en: Vehicle, zh: 车辆}
//	  titleField: plate
//	  fields:
//	    - {key: plate, type: text, length: 20, required: true, unique: true}
//	    - {key: customer, type: relation, target: customer}
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Namespaced,shortName=co,categories=crm
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="API Name",type=string,JSONPath=`.spec.name`
// +kubebuilder:printcolumn:name="Title",type=string,JSONPath=`.spec.titleField`
// +kubebuilder:printcolumn:name="Message",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].message`,priority=1
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:validation:XValidation:rule="self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$') && self.metadata.name.size() <= 48",message="metadata.name starts with a letter, goes on with letters, digits and -, and has at most 48 characters"
type CustomObject struct {
	metav1.TypeMeta `json:",inline"`
	// metadata is the standard metadata of a Kubernetes object. Its name is the
	// identity of the object.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec says what the object is.
	Spec CustomObjectSpec `json:"spec"`

	// status says how things stand.
	// +optional
	Status CustomObjectStatus `json:"status,omitzero"`
}

// CustomObjectList is a list of CustomObjects.
// +kubebuilder:object:root=true
type CustomObjectList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []CustomObject `json:"items"`
}

// CustomObjectSpec says what a kind of record is.
//
// +kubebuilder:validation:XValidation:rule="!has(self.titleField) || (has(self.fields) && self.fields.exists(f, f.key == self.titleField))",fieldPath=".titleField",message="titleField is the key of one of the fields"
type CustomObjectSpec struct {
	CommonSpec `json:",inline"`

	// name is what the API calls the object, in the singular: lower-case
	// letters, digits and _, starting with a letter, at most 48 characters. It
	// may change at any time; the stored data stays. Without it the
	// metadata.name is the name, with each "-" turned into "_".
	// +optional
	Name Name `json:"name,omitempty"`

	// label is what people see, by language: {en: Vehicle, zh: 车辆}. Without it
	// they see the name.
	// +optional
	Label Label `json:"label,omitempty"`

	// pluralLabel is what people see over a list, by language. Without it they
	// see the label.
	// +optional
	PluralLabel Label `json:"pluralLabel,omitempty"`

	// description says what the object is for, by language.
	// +optional
	Description Label `json:"description,omitempty"`

	// titleField is the key of the inline field that names a record for people.
	// Without it the record's number does.
	// +optional
	TitleField Key `json:"titleField,omitempty"`

	// fields are the values of a record, in the order in which they are shown.
	// Every record also has an id, a number, an owner, a department, tags, a
	// version, and who made and changed it when.
	// +optional
	// +listType=map
	// +listMapKey=key
	// +kubebuilder:validation:MaxItems=100
	Fields []Field `json:"fields,omitempty"`
}

// Field is one inline field of a CustomObject.
type Field struct {
	// key is the identity of the field and never changes; another key is
	// another field, with data of its own.
	Key Name `json:"key"`

	FieldSpec `json:",inline"`
}

// CustomObjectStatus says how things stand with a CustomObject.
type CustomObjectStatus struct {
	CommonStatus `json:",inline"`
}

// GetConditions are the conditions in the status.
func (o *CustomObject) GetConditions() []metav1.Condition { return o.Status.Conditions }

// SetConditions replaces the conditions in the status.
func (o *CustomObject) SetConditions(conditions []metav1.Condition) { o.Status.Conditions = conditions }

// GetCommonSpec points to the part of the spec that all kinds share.
func (o *CustomObject) GetCommonSpec() *CommonSpec { return &o.Spec.CommonSpec }

// GetCommonStatus points to the part of the status that all kinds share.
func (o *CustomObject) GetCommonStatus() *CommonStatus { return &o.Status.CommonStatus }
