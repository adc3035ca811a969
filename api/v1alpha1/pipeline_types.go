package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// Pipeline is the stages that the records of an object move through, in order.
// It takes the place of the standard pipeline of that object.
//
//	apiVersion: crm.kontor.dev/v1alpha1
//	kind: Pipeline
//	metadata:
//	  name: sales
//	  namespace: acme
//	spec:
//	  object: opportunity
//	  stages:
//	    - {key: prospecting, kind: open, probability: 10}
//	    - {key: engaging, kind: open, probability: 40, rottingDays: 30}
//	    - {key: won, kind: won, gate: {required: [amount, close_date]}}
//	    - {key: lost, kind: lost}
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Namespaced,shortName=pl,categories=crm
// +kubebuilder:selectablefield:JSONPath=`.spec.object`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Object",type=string,JSONPath=`.spec.object`
// +kubebuilder:printcolumn:name="Field",type=string,JSONPath=`.spec.field`
// +kubebuilder:printcolumn:name="First Stage",type=string,JSONPath=`.spec.stages[0].key`
// +kubebuilder:printcolumn:name="Message",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].message`,priority=1
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:validation:XValidation:rule="self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$') && self.metadata.name.size() <= 48",message="metadata.name starts with a letter, goes on with letters, digits and -, and has at most 48 characters"
type Pipeline struct {
	metav1.TypeMeta `json:",inline"`
	// metadata is the standard metadata of a Kubernetes object.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec says what the stages are and whose they are.
	Spec PipelineSpec `json:"spec"`

	// status says how things stand.
	// +optional
	Status PipelineStatus `json:"status,omitzero"`
}

// PipelineList is a list of Pipelines.
// +kubebuilder:object:root=true
type PipelineList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Pipeline `json:"items"`
}

// PipelineSpec says what the stages of an object are.
//
// +kubebuilder:validation:XValidation:rule="self.stages.exists(s, s.kind == 'won' && !(has(s.retired) && s.retired))",fieldPath=".stages",message="a pipeline needs a stage of the kind won that is not retired"
// +kubebuilder:validation:XValidation:rule="self.stages.exists(s, s.kind == 'lost' && !(has(s.retired) && s.retired))",fieldPath=".stages",message="a pipeline needs a stage of the kind lost that is not retired"
// +kubebuilder:validation:XValidation:rule="self.stages.all(s, !has(s.allowedMoves) || s.allowedMoves.all(m, self.stages.exists(t, t.key == m)))",fieldPath=".stages",message="allowedMoves names a stage that the pipeline does not have"
type PipelineSpec struct {
	CommonSpec `json:",inline"`

	// object is the one whose records move: the name of a standard object
	// (opportunity) or the metadata.name of a CustomObject. It never changes.
	// +optional
	// +kubebuilder:default=opportunity
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="a pipeline stays with its object; make another Pipeline for another object"
	Object Identity `json:"object,omitempty"`

	// field is the picklist field that holds the stage, by its identity: the
	// name of a standard field, the key of an inline field or the metadata.name
	// of a CustomField. The stages take the place of the field's own options.
	// +optional
	// +kubebuilder:default=stage
	Field Identity `json:"field,omitempty"`

	// label is what people see, by language.
	// +optional
	Label Label `json:"label,omitempty"`

	// stages are the states of a record, in order: at most 50, and 80 with those
	// that are retired. A new record starts in the first one. A stage that is taken
	// out is retired: the records that are in it stay there until they move on.
	// +listType=map
	// +listMapKey=key
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=80
	Stages []Stage `json:"stages"`
}

// StageKind says what a stage means for the record.
// +kubebuilder:validation:Enum=open;won;lost
type StageKind string

// The kinds of stages.
const (
	// StageOpen is one where work goes on.
	StageOpen StageKind = "open"
	// StageWon is a good end.
	StageWon StageKind = "won"
	// StageLost is a bad end.
	StageLost StageKind = "lost"
)

// Stage is one state of a pipeline.
type Stage struct {
	// key is what is stored and what the API says. It never changes; another
	// key is another stage.
	Key Key `json:"key"`

	// label is what people see, by language. Without it they see the key.
	// +optional
	Label Label `json:"label,omitempty"`

	// kind says what the stage means: open (work goes on), won (a good end) or
	// lost (a bad end). A pipeline has at least one of won and of lost.
	// +optional
	// +kubebuilder:default=open
	Kind StageKind `json:"kind,omitempty"`

	// probability of winning, in percent. Without it: 100 for won, 0 for others.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=100
	Probability *int32 `json:"probability,omitempty"`

	// gate says what a record must have before it enters the stage.
	// +optional
	Gate *Gate `json:"gate,omitempty"`

	// allowedMoves are the keys of the stages to which a record may go from
	// here. Absent or empty means all.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=50
	// +kubebuilder:validation:items:MaxLength=48
	AllowedMoves []string `json:"allowedMoves,omitempty"`

	// rottingDays is the number of days without a move after which a record in
	// this stage is shown as rotting. Without it, never.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=3650
	RottingDays int32 `json:"rottingDays,omitempty"`

	// retired keeps records from entering the stage. Those that are in it stay
	// until they move on, and lists go on to filter, order and count by it.
	// +optional
	Retired bool `json:"retired,omitempty"`
}

// Gate says what a record must have before it enters a stage.
type Gate struct {
	// required are the fields that must have a value, by what the API calls
	// them or by their identity.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=50
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=48
	// +kubebuilder:validation:items:Pattern=`^[a-z][a-z0-9_-]*$`
	Required []string `json:"required,omitempty"`

	// expression is a condition in CEL over the values that the record is to have
	// in the stage: it must be true for the record to enter:
	// "amount >= 1000 && probability >= 40".
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=2000
	Expression string `json:"expression,omitempty"`

	// message is what people read whose record may not enter because of the
	// expression, by language. Without it they read the expression.
	// +optional
	Message Label `json:"message,omitempty"`
}

// PipelineStatus says how things stand with a Pipeline.
type PipelineStatus struct {
	CommonStatus `json:",inline"`
}

// GetConditions are the conditions in the status.
func (p *Pipeline) GetConditions() []metav1.Condition { return p.Status.Conditions }

// SetConditions replaces the conditions in the status.
func (p *Pipeline) SetConditions(conditions []metav1.Condition) { p.Status.Conditions = conditions }

// GetCommonSpec points to the part of the spec that all kinds share.
func (p *Pipeline) GetCommonSpec() *CommonSpec { return &p.Spec.CommonSpec }

// GetCommonStatus points to the part of the status that all kinds share.
func (p *Pipeline) GetCommonStatus() *CommonStatus { return &p.Status.CommonStatus }
