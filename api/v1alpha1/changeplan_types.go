package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// ChangePlan is the changes that bring a tenant's database from one schema
// revision to the next. The operator makes one each time that it changes a
// database, and keeps the newest of them.
//
// In this release a plan is a record of what was done. Decisions in its spec
// are kept and not acted upon: safe changes are applied by themselves, all
// others are refused.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Namespaced,shortName=cplan,categories=crm
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Phase",type=string,JSONPath=`.status.phase`
// +kubebuilder:printcolumn:name="Revision",type=integer,JSONPath=`.status.revision`
// +kubebuilder:printcolumn:name="Changes",type=integer,JSONPath=`.status.totalChanges`
// +kubebuilder:printcolumn:name="Tenant",type=string,JSONPath=`.status.tenant`,priority=1
// +kubebuilder:printcolumn:name="Message",type=string,JSONPath=`.status.message`,priority=1
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type ChangePlan struct {
	metav1.TypeMeta `json:",inline"`
	// metadata is the standard metadata of a Kubernetes object.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is what a person says about the plan.
	// +optional
	Spec ChangePlanSpec `json:"spec,omitzero"`

	// status is the plan, and what became of it.
	// +optional
	Status ChangePlanStatus `json:"status,omitzero"`
}

// ChangePlanList is a list of ChangePlans.
// +kubebuilder:object:root=true
type ChangePlanList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []ChangePlan `json:"items"`
}

// Decision is what a person says about a plan.
// +kubebuilder:validation:Enum=Approve;Reject
type Decision string

// The decisions.
const (
	// DecisionApprove lets the plan run.
	DecisionApprove Decision = "Approve"
	// DecisionReject forbids it.
	DecisionReject Decision = "Reject"
)

// ChangePlanSpec is what a person says about a plan.
//
// +kubebuilder:validation:XValidation:rule="!has(self.decision) || has(self.digest)",fieldPath=".digest",message="a decision needs the digest of the plan that was read"
// +kubebuilder:validation:XValidation:rule="!has(self.decision) || !has(self.preview) || !self.preview",fieldPath=".decision",message="a preview is never run, so there is nothing to decide"
type ChangePlanSpec struct {
	CommonSpec `json:",inline"`

	// decision approves or rejects the plan. This release does not act on it.
	// +optional
	Decision Decision `json:"decision,omitempty"`

	// digest is the status.digest of the plan that the decision is about, so
	// that nobody approves what he has not read.
	// +optional
	// +kubebuilder:validation:MaxLength=128
	// +kubebuilder:validation:Pattern=`^[0-9a-f]*$`
	Digest string `json:"digest,omitempty"`

	// by says who decided.
	// +optional
	// +kubebuilder:validation:MaxLength=254
	By string `json:"by,omitempty"`

	// preview asks for a plan that is never run. This release does not act on it.
	// +optional
	Preview bool `json:"preview,omitempty"`
}

// PlanPhase says how far a plan came.
// +kubebuilder:validation:Enum=Planned;Applying;Applied;Failed
type PlanPhase string

// The phases of a plan.
const (
	// PlanPlanned is computed and not begun.
	PlanPlanned PlanPhase = "Planned"
	// PlanApplying is under way.
	PlanApplying PlanPhase = "Applying"
	// PlanApplied is done.
	PlanApplied PlanPhase = "Applied"
	// PlanFailed ended early; the message says why.
	PlanFailed PlanPhase = "Failed"
)

// ChangePlanStatus is a plan, and what became of it.
type ChangePlanStatus struct {
	CommonStatus `json:",inline"`

	// tenant is the metadata.name of the Tenant whose database changes.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	Tenant string `json:"tenant,omitempty"`

	// baseRevision is the schema revision that the plan starts from; 0 is an empty database.
	// +optional
	// +kubebuilder:validation:Minimum=0
	BaseRevision int64 `json:"baseRevision,omitempty"`

	// revision is the schema revision that the plan leads to.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Revision int64 `json:"revision,omitempty"`

	// digest is a hash of the plan: its base, its changes and their SQL.
	// +optional
	// +kubebuilder:validation:MaxLength=128
	Digest string `json:"digest,omitempty"`

	// phase says how far the plan came: Planned, Applying, Applied or Failed.
	// +optional
	Phase PlanPhase `json:"phase,omitempty"`

	// startedAt is the moment of the first change.
	// +optional
	StartedAt *metav1.Time `json:"startedAt,omitempty"`

	// finishedAt is the moment at which the plan was applied or failed.
	// +optional
	FinishedAt *metav1.Time `json:"finishedAt,omitempty"`

	// changes are the first 200 changes, in the order in which they are made.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=200
	Changes []PlannedChange `json:"changes,omitempty"`

	// totalChanges is the number of all changes.
	// +optional
	// +kubebuilder:validation:Minimum=0
	TotalChanges int32 `json:"totalChanges,omitempty"`

	// message says in a sentence what became of the plan.
	// +optional
	// +kubebuilder:validation:MaxLength=2048
	Message string `json:"message,omitempty"`
}

// PlannedChange is one step of a plan.
type PlannedChange struct {
	// resource is the one that asks for the change: "CustomField/tier", or
	// "standard" for the standard model.
	// +optional
	// +kubebuilder:validation:MaxLength=512
	Resource string `json:"resource,omitempty"`

	// summary says in a sentence what is done.
	// +kubebuilder:validation:MaxLength=1024
	Summary string `json:"summary"`

	// class says how dangerous the change is: Safe, Careful or Dangerous.
	// +optional
	Class ChangeClass `json:"class,omitempty"`

	// sql is the statement, cut after 4096 characters.
	// +optional
	// +kubebuilder:validation:MaxLength=4096
	SQL string `json:"sql,omitempty"`

	// lock is the table lock that the change takes, as PostgreSQL names it:
	// "ACCESS EXCLUSIVE"; empty when it takes none.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	Lock string `json:"lock,omitempty"`

	// rewrites says that the change writes every row of the table anew.
	// +optional
	Rewrites bool `json:"rewrites,omitempty"`
}

// GetConditions are the conditions in the status.
func (p *ChangePlan) GetConditions() []metav1.Condition { return p.Status.Conditions }

// SetConditions replaces the conditions in the status.
func (p *ChangePlan) SetConditions(conditions []metav1.Condition) { p.Status.Conditions = conditions }

// GetCommonSpec points to the part of the spec that all kinds share.
func (p *ChangePlan) GetCommonSpec() *CommonSpec { return &p.Spec.CommonSpec }

// GetCommonStatus points to the part of the status that all kinds share.
func (p *ChangePlan) GetCommonStatus() *CommonStatus { return &p.Status.CommonStatus }
