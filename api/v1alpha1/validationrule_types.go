package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// ValidationRule is a condition over the fields of a record that every write has
// to keep: one that spans several fields, which the bounds of a single field
// cannot say.
//
//	apiVersion: crm.kontor.dev/v1alpha1
//	kind: ValidationRule
//	metadata:
//	  name: ends-after-start
//	  namespace: acme
//	spec:
//	  object: campaign
//	  expression: start_date == null || end_date == null || end_date >= start_date
//	  field: end_date
//	  message: {en: A campaign ends after it has begun, zh: 结束日期不能早于开始日期}
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Namespaced,shortName=vr,categories=crm
// +kubebuilder:selectablefield:JSONPath=`.spec.object`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Object",type=string,JSONPath=`.spec.object`
// +kubebuilder:printcolumn:name="Expression",type=string,JSONPath=`.spec.expression`
// +kubebuilder:printcolumn:name="Message",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].message`,priority=1
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:validation:XValidation:rule="self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$') && self.metadata.name.size() <= 48",message="metadata.name starts with a letter, goes on with letters, digits and -, and has at most 48 characters"
type ValidationRule struct {
	metav1.TypeMeta `json:",inline"`
	// metadata is the standard metadata of a Kubernetes object.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec says what has to hold, and for which records.
	Spec ValidationRuleSpec `json:"spec"`

	// status says how things stand.
	// +optional
	Status ValidationRuleStatus `json:"status,omitzero"`
}

// ValidationRuleList is a list of ValidationRules.
// +kubebuilder:object:root=true
type ValidationRuleList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []ValidationRule `json:"items"`
}

// ValidationRuleSpec says what has to hold.
type ValidationRuleSpec struct {
	CommonSpec `json:",inline"`

	// object is the one whose records have to keep the rule: the name of a
	// standard object (opportunity) or the metadata.name of a CustomObject. It
	// never changes.
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="a rule stays with its object; make another ValidationRule for another object"
	Object Identity `json:"object"`

	// expression is the condition in CEL over the fields of the record, by what
	// the API calls them. It must be true for a write to pass:
	// "stage != 'won' || amount > 0". Null is no match: amount > 0 is false for
	// a record without an amount. A record that is there already and breaks the
	// rule can still be changed, as long as the change touches none of the
	// fields that the rule reads.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=4000
	Expression string `json:"expression"`

	// field is where a form shows the message: the API name or the identity of a
	// field of the object. Without it the message belongs to the whole record.
	// +optional
	Field Identity `json:"field,omitempty"`

	// message is what people read whose write is refused, by language.
	Message Label `json:"message"`
}

// ValidationRuleStatus says how things stand with a ValidationRule.
type ValidationRuleStatus struct {
	CommonStatus `json:",inline"`
}

// GetConditions are the conditions in the status.
func (r *ValidationRule) GetConditions() []metav1.Condition { return r.Status.Conditions }

// SetConditions replaces the conditions in the status.
func (r *ValidationRule) SetConditions(conditions []metav1.Condition) {
	r.Status.Conditions = conditions
}

// GetCommonSpec points to the part of the spec that all kinds share.
func (r *ValidationRule) GetCommonSpec() *CommonSpec { return &r.Spec.CommonSpec }

// GetCommonStatus points to the part of the status that all kinds share.
func (r *ValidationRule) GetCommonStatus() *CommonStatus { return &r.Status.CommonStatus }
