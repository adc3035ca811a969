package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// ObjectIndex is an index over one or several fields of an object. It makes the
// lists fast that filter by its first fields and sort by the next ones; where it
// is unique, it also refuses a second record with the same values.
//
//	apiVersion: crm.kontor.dev/v1alpha1
//	kind: ObjectIndex
//	metadata:
//	  name: biggest-by-stage
//	  namespace: acme
//	spec:
//	  object: opportunity
//	  fields:
//	    - {field: stage}
//	    - {field: amount, order: descending}
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Namespaced,path=objectindexes,shortName=oi,categories=crm
// +kubebuilder:selectablefield:JSONPath=`.spec.object`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Object",type=string,JSONPath=`.spec.object`
// +kubebuilder:printcolumn:name="First Field",type=string,JSONPath=`.spec.fields[0].field`
// +kubebuilder:printcolumn:name="Unique",type=boolean,JSONPath=`.spec.unique`
// +kubebuilder:printcolumn:name="Message",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].message`,priority=1
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:validation:XValidation:rule="self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$') && self.metadata.name.size() <= 48",message="metadata.name starts with a letter, goes on with letters, digits and -, and has at most 48 characters"
type ObjectIndex struct {
	metav1.TypeMeta `json:",inline"`
	// metadata is the standard metadata of a Kubernetes object.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec says what is indexed.
	Spec ObjectIndexSpec `json:"spec"`

	// status says how things stand.
	// +optional
	Status ObjectIndexStatus `json:"status,omitzero"`
}

// ObjectIndexList is a list of ObjectIndexes.
// +kubebuilder:object:root=true
type ObjectIndexList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []ObjectIndex `json:"items"`
}

// ObjectIndexSpec says what is indexed.
type ObjectIndexSpec struct {
	CommonSpec `json:",inline"`

	// object is the one whose records are indexed: the name of a standard object
	// (opportunity) or the metadata.name of a CustomObject. It never changes.
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="an index stays with its object; make another ObjectIndex for another object"
	Object Identity `json:"object"`

	// fields are what is indexed, in order: first those by which lists filter,
	// then those by which they sort, each in the order of the sort.
	// +listType=map
	// +listMapKey=field
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=8
	Fields []IndexField `json:"fields"`

	// unique refuses a second record with the same values in all of the fields.
	// Records that were deleted do not count, nor do those without a value in
	// one of the fields.
	// +optional
	Unique bool `json:"unique,omitempty"`
}

// IndexField is one field of an index.
type IndexField struct {
	// field is the API name or the identity of a field of the object, or a part
	// of one: address.city.
	Field FieldPath `json:"field"`

	// order is the direction of the sort that the index serves.
	// +optional
	// +kubebuilder:default=ascending
	Order IndexOrder `json:"order,omitempty"`
}

// IndexOrder is the direction of a sort.
// +kubebuilder:validation:Enum=ascending;descending
type IndexOrder string

// The directions.
const (
	// IndexAscending is from the smallest to the greatest.
	IndexAscending IndexOrder = "ascending"
	// IndexDescending is from the greatest to the smallest.
	IndexDescending IndexOrder = "descending"
)

// ObjectIndexStatus says how things stand with an ObjectIndex.
type ObjectIndexStatus struct {
	CommonStatus `json:",inline"`
}

// GetConditions are the conditions in the status.
func (i *ObjectIndex) GetConditions() []metav1.Condition { return i.Status.Conditions }

// SetConditions replaces the conditions in the status.
func (i *ObjectIndex) SetConditions(conditions []metav1.Condition) { i.Status.Conditions = conditions }

// GetCommonSpec points to the part of the spec that all kinds share.
func (i *ObjectIndex) GetCommonSpec() *CommonSpec { return &i.Spec.CommonSpec }

// GetCommonStatus points to the part of the status that all kinds share.
func (i *ObjectIndex) GetCommonStatus() *CommonStatus { return &i.Status.CommonStatus }
