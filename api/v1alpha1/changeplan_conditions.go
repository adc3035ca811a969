package v1alpha1

// The reasons of a ChangePlan. Its condition Ready says whether the plan is
// computed; status.phase says what became of it.
const (
	// ReasonPlanned says that the plan is computed.
	ReasonPlanned = "Planned"
	// ReasonFailed says that the plan could not be computed, or ended early.
	ReasonFailed = "Failed"
)
