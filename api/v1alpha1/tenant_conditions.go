package v1alpha1

// The conditions of a Tenant, in the order of its steps.
const (
	// ConditionDatabaseReady says whether the tenant's database exists and is the tenant's own.
	ConditionDatabaseReady = "DatabaseReady"
	// ConditionSchemaSynced says whether the applied schema is the newest that
	// the resources of the namespace ask for. It may be False on a Ready
	// Tenant, which then serves an older schema.
	ConditionSchemaSynced = "SchemaSynced"
	// ConditionServiceReady says whether a server acknowledged the applied revision.
	ConditionServiceReady = "ServiceReady"
	// ConditionAccessReady says whether the first user and the reporting account exist, with their Secrets.
	ConditionAccessReady = "AccessReady"
)

// The reasons of a Tenant.
const (
	// ReasonTenantNotUnique says that an older Tenant has the namespace.
	ReasonTenantNotUnique = "TenantNotUnique"
	// ReasonNoDatabaseServer says that no DatabaseServer of the wanted name, or none at all, allows this namespace.
	ReasonNoDatabaseServer = "NoDatabaseServer"
	// ReasonDatabaseServerNotReady says that the DatabaseServer is not Ready; its own status says why.
	ReasonDatabaseServerNotReady = "DatabaseServerNotReady"
	// ReasonDatabaseRetained says that a predecessor of the same name left a
	// database; DatabaseServer.spec.adoptions hands it over.
	ReasonDatabaseRetained = "DatabaseRetained"
	// ReasonDatabaseConflict says that a database of the wanted name is there and is not the tenant's.
	ReasonDatabaseConflict = "DatabaseConflict"
	// ReasonDatabaseMissing says that the database which the tenant had is not on its server any more.
	ReasonDatabaseMissing = "DatabaseMissing"
	// ReasonProvisioning says that the database is being made.
	ReasonProvisioning = "Provisioning"
	// ReasonSynced says that the applied schema is the newest.
	ReasonSynced = "Synced"
	// ReasonApprovalRequired says that changes wait for an approval, for records to be
	// mended or for their window; the message names the ChangePlan.
	ReasonApprovalRequired = "ApprovalRequired"
	// ReasonChangesRefused says that resources ask for changes that are not safe; the message names them.
	ReasonChangesRefused = "ChangesRefused"
	// ReasonResourcesInvalid says that resources do not compile and are left out; the message names them.
	ReasonResourcesInvalid = "ResourcesInvalid"
	// ReasonDrifted says that the database differs from the applied schema.
	ReasonDrifted = "Drifted"
	// ReasonHealBlocked says that the database lost something that cannot be put back
	// without losing data; status.drift names it. A restored backup, or a change of the
	// resource, settles it.
	ReasonHealBlocked = "HealBlocked"
	// ReasonApplying says that a plan is being applied.
	ReasonApplying = "Applying"
	// ReasonHostConflict says that another tenant claimed a host first.
	ReasonHostConflict = "HostConflict"
	// ReasonHostNotAllowed says that a host lies under no suffix that the operator allows.
	ReasonHostNotAllowed = "HostNotAllowed"
	// ReasonWaitingForServer says that no server acknowledged the applied revision yet.
	ReasonWaitingForServer = "WaitingForServer"
	// ReasonServing says that a server serves the applied revision.
	ReasonServing = "Serving"
	// ReasonSecretAccessDenied says that the operator may not write Secrets
	// into the namespace; the message has the command that mends it.
	ReasonSecretAccessDenied = "SecretAccessDenied"
	// ReasonWaiting says that an earlier step is not done yet.
	ReasonWaiting = "Waiting"
)
