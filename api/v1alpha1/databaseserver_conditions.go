package v1alpha1

// ConditionReachable says whether the operator can log in to the server.
const ConditionReachable = "Reachable"

// The reasons of a DatabaseServer.
const (
	// ReasonReachable says that the operator logged in.
	ReasonReachable = "Reachable"
	// ReasonSecretMissing says that a Secret that the spec names is not in the operator's namespace.
	ReasonSecretMissing = "SecretMissing"
	// ReasonSecretInvalid says that a Secret lacks a key, or that the key's value cannot be used.
	ReasonSecretInvalid = "SecretInvalid"
	// ReasonAuthenticationFailed says that the server refuses the username or the password.
	ReasonAuthenticationFailed = "AuthenticationFailed"
	// ReasonUnreachable says that nobody answers at the address, or not as PostgreSQL does.
	ReasonUnreachable = "Unreachable"
	// ReasonVersionTooOld says that the server is older than PostgreSQL 15.
	ReasonVersionTooOld = "VersionTooOld"
	// ReasonLocaleUnsupported says that no database with the locale C.UTF-8 and the encoding UTF8 can be made.
	ReasonLocaleUnsupported = "LocaleUnsupported"
	// ReasonInsufficientRights says that the account may not create databases or roles.
	ReasonInsufficientRights = "InsufficientRights"
	// ReasonConnectionBudgetExceeded says that spec.connections is more than the server takes.
	ReasonConnectionBudgetExceeded = "ConnectionBudgetExceeded"
)
