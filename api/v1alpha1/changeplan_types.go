package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// ChangePlan is the changes that bring a tenant's database from one schema
// revision to the next. The operator makes one each time that it changes a
// database, and keeps the newest 20 and all that failed.
//
// A plan with changes that spec.changePolicy of the Tenant does not let run by
// themselves waits in the phase Waiting. It says which records do not bear it.
// Whoever has read it decides with
//
//	kubectl kontor approve PLAN
//	kubectl kontor reject PLAN
//
// or by setting spec.decision, spec.digest (the status.digest that was read)
// and spec.by (the own user name). An approval is for just what was read: when
// one more record fails by the time the plan runs, or the schema has moved on, it
// is void, and status.message says so. Approving alters no records but those of
// fields that say so themselves (onViolation): as long as another fails, the plan
// goes on waiting until the records have been mended. A plan that has begun to
// alter records goes on, however often it is broken off, and is not asked about
// those again.
//
// One with spec.preview is a person's question: what would become of the database if
// these resources were applied? The operator answers it in the status, counts the
// records as for any other plan, never runs it, and deletes it an hour after it was
// made. kubectl kontor plan -f FOLDER asks so. One with spec.recall asks for what was
// applied before, and is answered and deleted likewise; kubectl kontor history asks so.
//
// +kubebuilder:validation:XValidation:rule="(has(self.spec) && has(self.spec.preview)) == (has(oldSelf.spec) && has(oldSelf.spec.preview)) && (!has(self.spec) || !has(self.spec.preview) || self.spec.preview == oldSelf.spec.preview)",fieldPath=".spec",message="a preview never changes; make another one"
// +kubebuilder:validation:XValidation:rule="(has(self.spec) && has(self.spec.recall)) == (has(oldSelf.spec) && has(oldSelf.spec.recall)) && (!has(self.spec) || !has(self.spec.recall) || self.spec.recall == oldSelf.spec.recall)",fieldPath=".spec",message="a question about the past never changes; ask another one"
// +kubebuilder:validation:XValidation:rule="!has(self.spec) || !(has(self.spec.preview) || has(self.spec.recall)) || !self.metadata.name.matches('-[0-9]+-[0-9a-f]{8}$')",message="the operator's own plans have such names; choose another one"
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Namespaced,shortName=cplan,categories=crm
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Phase",type=string,JSONPath=`.status.phase`
// +kubebuilder:printcolumn:name="Revision",type=integer,JSONPath=`.status.revision`
// +kubebuilder:printcolumn:name="Changes",type=integer,JSONPath=`.status.totalChanges`
// +kubebuilder:printcolumn:name="Class",type=string,JSONPath=`.status.class`,priority=1
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
// +kubebuilder:validation:XValidation:rule="!has(self.decision) || has(self.by)",fieldPath=".by",message="a decision needs the name of who decides"
// +kubebuilder:validation:XValidation:rule="!has(self.decision) || !(has(self.preview) || has(self.recall))",fieldPath=".decision",message="a preview is never run, so there is nothing to decide"
// +kubebuilder:validation:XValidation:rule="!has(self.preview) || !has(self.recall)",fieldPath=".recall",message="one asks for a preview or for the past, not for both"
type ChangePlanSpec struct {
	CommonSpec `json:",inline"`

	// decision approves or rejects the plan: Approve lets it run, Reject keeps the
	// resources that ask for it at their applied form until they are changed.
	// +optional
	Decision Decision `json:"decision,omitempty"`

	// digest is the status.digest of the plan that the decision is about, so
	// that nobody approves what he has not read.
	// +optional
	// +kubebuilder:validation:MaxLength=128
	// +kubebuilder:validation:Pattern=`^[0-9a-f]*$`
	Digest string `json:"digest,omitempty"`

	// by says who decided: the name of the user as the API server knows it
	// (kubectl auth whoami). Nobody can decide in another's name.
	// +optional
	// +kubebuilder:validation:MaxLength=254
	By string `json:"by,omitempty"`

	// preview asks what would become of the database if resources were applied. The
	// plan for them is computed, never run, and deleted an hour after it was made.
	// +optional
	Preview *Preview `json:"preview,omitempty"`

	// recall asks for what the tenant's database keeps of the schemas that were applied
	// to it. The answer is in the status, and deleted an hour after it was asked for.
	// +optional
	Recall *Recall `json:"recall,omitempty"`
}

// RecallKind is what is asked for of the past.
// +kubebuilder:validation:Enum=Revisions;Resources;Changes
type RecallKind string

// What is asked for of the past.
const (
	// RecallRevisions are the revisions, the newest first, in status.recalled.revisions.
	RecallRevisions RecallKind = "Revisions"
	// RecallResources are the resources that were in force with a revision, in
	// status.recalled.manifests.
	RecallResources RecallKind = "Resources"
	// RecallChanges are the changes of the plan that led to a revision, or of a ChangePlan
	// that has no room for them, in status.changes.
	RecallChanges RecallKind = "Changes"
)

// Recall asks for what a tenant's database keeps of the past.
//
// +kubebuilder:validation:XValidation:rule="self.what == 'Revisions' || [has(self.revision), has(self.at), has(self.changePlan)].exists_one(given, given)",fieldPath=".revision",message="name a revision, or a time at which it was in force"
// +kubebuilder:validation:XValidation:rule="self.what != 'Revisions' || !(has(self.revision) || has(self.at) || has(self.changePlan))",fieldPath=".revision",message="the list of revisions is of all"
// +kubebuilder:validation:XValidation:rule="!has(self.changePlan) || self.what == 'Changes'",fieldPath=".changePlan",message="a ChangePlan has changes, and nothing else"
type Recall struct {
	// what is asked for: Revisions, Resources or Changes.
	What RecallKind `json:"what"`

	// revision is the number of a revision.
	// +optional
	// +kubebuilder:validation:Minimum=1
	Revision int64 `json:"revision,omitempty"`

	// at is a time; the revision that was in force then is meant.
	// +optional
	At *metav1.Time `json:"at,omitempty"`

	// changePlan is the name of a ChangePlan whose changes have no room in its own status.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	ChangePlan string `json:"changePlan,omitempty"`

	// from is where to begin, when an earlier answer had no room for all: its
	// status.recalled.next.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1000000
	From int32 `json:"from,omitempty"`
}

// Recalled is an answer about the past.
type Recalled struct {
	// revisions are those that were asked for, the newest first.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=100
	Revisions []RecalledRevision `json:"revisions,omitempty"`

	// manifests are the resources as YAML that kubectl apply takes.
	// +optional
	// +kubebuilder:validation:MaxLength=1048576
	Manifests string `json:"manifests,omitempty"`

	// next is where to go on, as spec.recall.from of another question; absent when this
	// is all.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Next int32 `json:"next,omitempty"`
}

// RecalledRevision is a schema that was applied.
type RecalledRevision struct {
	// revision is its number.
	// +kubebuilder:validation:Minimum=0
	Revision int64 `json:"revision"`

	// applied is when it came into force.
	Applied metav1.Time `json:"applied"`

	// changePlan is the name of the ChangePlan that led to it, which may be gone.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	ChangePlan string `json:"changePlan,omitempty"`

	// commits are those that the changed resources come from, as their annotation
	// crm.kontor.dev/commit says, sorted; the first 50 of them.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=50
	// +kubebuilder:validation:items:MaxLength=64
	Commits []string `json:"commits,omitempty"`

	// totalChanges is the number of the changes that led to it.
	// +optional
	// +kubebuilder:validation:Minimum=0
	TotalChanges int32 `json:"totalChanges,omitempty"`

	// summary is the first of them.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Summary string `json:"summary,omitempty"`
}

// Preview is resources that are not applied yet.
type Preview struct {
	// manifests are the resources as YAML, as kubectl apply reads them: a Tenant,
	// CustomObjects, CustomFields, Pipelines, ValidationRules and ObjectIndexes. Each
	// takes the place of the resource of its kind and name in the namespace, or comes
	// to the others. Defaults and the rules of the kinds are the API server's, which
	// does not see them here: kubectl kontor plan -f asks it first.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=524288
	Manifests string `json:"manifests"`

	// prune says that the manifests are all that describes the tenant: what stands in
	// the namespace and not in them would be deleted. The Tenant itself stays.
	// +optional
	Prune bool `json:"prune,omitempty"`
}

// PlanPhase says how far a plan came.
// +kubebuilder:validation:Enum=Planned;Waiting;Applying;Applied;Failed;Rejected;Superseded
type PlanPhase string

// The phases of a plan.
const (
	// PlanPlanned is computed and not begun; a preview stays so.
	PlanPlanned PlanPhase = "Planned"
	// PlanWaiting needs something before it runs; the message says what.
	PlanWaiting PlanPhase = "Waiting"
	// PlanRejected is one that a person does not want to run.
	PlanRejected PlanPhase = "Rejected"
	// PlanSuperseded has been overtaken by another plan before it was begun.
	PlanSuperseded PlanPhase = "Superseded"
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

	// digest is a hash of what a decision is about: the base, the changes, and which
	// records fail. It does not change when other records come or go.
	// +optional
	// +kubebuilder:validation:MaxLength=128
	Digest string `json:"digest,omitempty"`

	// phase says how far the plan came: Planned, Waiting (for an approval, for records
	// to be mended, for the window), Applying, Applied, Failed, Rejected or Superseded.
	// +optional
	Phase PlanPhase `json:"phase,omitempty"`

	// countedAt is the moment of which the numbers of records are. They are counted
	// again when a decision is made, when the plan runs, and when the annotation
	// crm.kontor.dev/reconcile-requested-at of the Tenant changes; otherwise at most
	// hourly.
	// +optional
	CountedAt *metav1.Time `json:"countedAt,omitempty"`

	// progress is how far the plan has come while it runs beside the people who work. It
	// is told every few seconds.
	// +optional
	Progress *PlanProgress `json:"progress,omitempty"`

	// startedAt is the moment of the first change.
	// +optional
	StartedAt *metav1.Time `json:"startedAt,omitempty"`

	// finishedAt is the moment at which the plan was applied or failed.
	// +optional
	FinishedAt *metav1.Time `json:"finishedAt,omitempty"`

	// class is the greatest danger of all changes; empty when there is none.
	// +optional
	Class ChangeClass `json:"class,omitempty"`

	// retained are, of a preview, resources that would be deleted and stay in the applied
	// schema, as others need them, as "CustomField/tier", sorted; the first 50 of them.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=50
	// +kubebuilder:validation:items:MaxLength=512
	Retained []string `json:"retained,omitempty"`

	// changes are the first changes, in the order in which they are made: at most 200, and
	// no more than 224 KiB of them. When totalChanges is more, all of them are in the
	// tenant's database, where kubectl kontor plan PLAN --all reads them.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=200
	Changes []PlannedChange `json:"changes,omitempty"`

	// totalChanges is the number of all changes.
	// +optional
	// +kubebuilder:validation:Minimum=0
	TotalChanges int32 `json:"totalChanges,omitempty"`

	// recalled is the answer to spec.recall.
	// +optional
	Recalled *Recalled `json:"recalled,omitempty"`

	// message says in a sentence what became of the plan.
	// +optional
	// +kubebuilder:validation:MaxLength=2048
	Message string `json:"message,omitempty"`
}

// PlanStep is what a plan does now that runs.
// +kubebuilder:validation:Enum=Preparing;Filling;Proving;Switching;Finishing
type PlanStep string

// The steps of a plan that runs, in their order.
const (
	// StepPreparing makes whoever writes obey the change from now on.
	StepPreparing PlanStep = "Preparing"
	// StepFilling goes through the records in batches.
	StepFilling PlanStep = "Filling"
	// StepProving checks rules against the records that are there, and makes indexes.
	StepProving PlanStep = "Proving"
	// StepSwitching applies the revision.
	StepSwitching PlanStep = "Switching"
	// StepFinishing does what follows the revision.
	StepFinishing PlanStep = "Finishing"
)

// PlanProgress is how far a plan has come that runs.
type PlanProgress struct {
	// phase is what the plan does now: Preparing, Filling, Proving, Switching or Finishing.
	// +optional
	Phase PlanStep `json:"phase,omitempty"`

	// change is the summary of the change that it does it for.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Change string `json:"change,omitempty"`

	// done is the number of records of that change that have been gone through.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Done int64 `json:"done,omitempty"`

	// total is about how many there are; 0 where records are not gone through in batches.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Total int64 `json:"total,omitempty"`
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

	// waits says why the change does not run by itself; empty when it does.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Waits string `json:"waits,omitempty"`

	// refused says, in a preview, why the change would not be made: its resource would go
	// on in its applied form.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Refused string `json:"refused,omitempty"`

	// estimate is about how long the change takes, rounded up to one of a few steps from
	// one second to three days. It is an estimate: from the kind of the change and the
	// size of the table, for a small server with people at work, without the time for
	// which a lock is waited for. Absent where no database was looked at.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=20
	Estimate *metav1.Duration `json:"estimate,omitempty"`

	// dependents are the first ten resources that need the object or the field, by gates,
	// rules, formulas, indexes and the like, as "ValidationRule/paid", sorted.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=10
	// +kubebuilder:validation:items:MaxLength=512
	Dependents []string `json:"dependents,omitempty"`

	// undo says whether putting the resources back undoes the change: Yes, if the records
	// that came since bear it; KeptData, with the values that it alters or hides, which are
	// kept for undoFor; No, when data goes for good.
	// +optional
	Undo UndoKind `json:"undo,omitempty"`

	// undoFor is how long after the change what it alters is kept.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=20
	UndoFor *metav1.Duration `json:"undoFor,omitempty"`

	// impact is what the change means for the records that are there; absent when
	// it asks nothing of them.
	// +optional
	Impact *ChangeImpact `json:"impact,omitempty"`
}

// UndoKind says whether a change can be undone.
// +kubebuilder:validation:Enum=Yes;KeptData;No
type UndoKind string

// Whether a change can be undone.
const (
	// UndoYes: putting the resources back undoes it; the records that came since have to
	// bear that.
	UndoYes UndoKind = "Yes"
	// UndoKeptData: likewise, and values that the change alters or hides come back as long
	// as they are kept.
	UndoKeptData UndoKind = "KeptData"
	// UndoNo: data goes for good.
	UndoNo UndoKind = "No"
)

// ChangeImpact is what a change means for the records that are there.
type ChangeImpact struct {
	// records is the number of all records of the object, deleted ones included.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Records int64 `json:"records"`

	// filled is the number of those that have a value in the field.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Filled int64 `json:"filled"`

	// failing is the exact number of those that do not bear the change. It cannot run
	// while there are any, unless the field says what is done with them (onViolation) and
	// that is approved.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Failing int64 `json:"failing"`

	// failingRecords are the ids of the first of them, at most ten.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=10
	// +kubebuilder:validation:items:MaxLength=64
	FailingRecords []string `json:"failingRecords,omitempty"`

	// failingHash tells one set of failing records from another.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	FailingHash string `json:"failingHash,omitempty"`
}

// GetConditions are the conditions in the status.
func (p *ChangePlan) GetConditions() []metav1.Condition { return p.Status.Conditions }

// SetConditions replaces the conditions in the status.
func (p *ChangePlan) SetConditions(conditions []metav1.Condition) { p.Status.Conditions = conditions }

// GetCommonSpec points to the part of the spec that all kinds share.
func (p *ChangePlan) GetCommonSpec() *CommonSpec { return &p.Spec.CommonSpec }

// GetCommonStatus points to the part of the status that all kinds share.
func (p *ChangePlan) GetCommonStatus() *CommonStatus { return &p.Status.CommonStatus }
