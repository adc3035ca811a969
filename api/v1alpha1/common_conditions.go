package v1alpha1

// The conditions that every kind may have.
const (
	// ConditionReady says whether the resource is what its spec asks for. It is
	// computed from the other conditions and always there.
	ConditionReady = "Ready"
	// ConditionReconciling is True while the operator works towards the spec; it is absent otherwise.
	ConditionReconciling = "Reconciling"
	// ConditionStalled is True when work ends until somebody changes something; it is absent otherwise.
	ConditionStalled = "Stalled"
)

// The reasons that any kind may give.
const (
	// ReasonReady says that all is as the spec asks.
	ReasonReady = "Ready"
	// ReasonSuspended says that spec.suspend holds the operator off.
	ReasonSuspended = "Suspended"
	// ReasonProgressing says that work is under way.
	ReasonProgressing = "Progressing"
	// ReasonDeleting says that the resource is being deleted.
	ReasonDeleting = "Deleting"
	// ReasonInternalError says that something failed that the user cannot mend; it is tried again.
	ReasonInternalError = "InternalError"
)

// The conditions of the kinds that configure a tenant: CustomObject, CustomField, Pipeline.
const (
	// ConditionAccepted says whether the resource compiles together with the rest of its namespace.
	ConditionAccepted = "Accepted"
	// ConditionApplied says whether this form of the resource is in the applied schema.
	ConditionApplied = "Applied"
)

// The reasons of the kinds that configure a tenant.
const (
	// ReasonAccepted says that the resource compiles.
	ReasonAccepted = "Accepted"
	// ReasonApplied says that the resource is in the applied schema.
	ReasonApplied = "Applied"
	// ReasonPending says that the resource is accepted and waits for the tenant's next schema step.
	ReasonPending = "Pending"
	// ReasonInvalid says that the resource contradicts itself; the message names the field's path.
	ReasonInvalid = "Invalid"
	// ReasonNameConflict says that another resource, or a standard field, has the API name already.
	ReasonNameConflict = "NameConflict"
	// ReasonObjectNotFound says that the object that the resource speaks about does not exist.
	ReasonObjectNotFound = "ObjectNotFound"
	// ReasonTenantMissing says that there is no Tenant in the namespace.
	ReasonTenantMissing = "TenantMissing"
	// ReasonChangeRejected says that a person rejected the ChangePlan that it asks for.
	ReasonChangeRejected = "ChangeRejected"
	// ReasonChangeRefused says that the change is not safe, so that this release does not apply it.
	ReasonChangeRefused = "ChangeRefused"
	// ReasonInUse says that something that was deleted is still used, or that a change
	// would take from others what they read; the message names both.
	ReasonInUse = "InUse"
)
