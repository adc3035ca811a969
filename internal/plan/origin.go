package plan

import "encoding/json"

// Origin is where a revision comes from, as the history keeps it. It says nothing about
// what is done, so no digest knows it.
type Origin struct {
	// ChangePlan is the name of the plan's record.
	ChangePlan string
	// Resources are those that are in force as they were given.
	Resources []Resource
	// Held are the others that go on in the form before, as "CustomField/tier".
	Held []string
}

// Resource is a resource in the form in which a revision has it.
type Resource struct {
	Kind       string `json:"kind"`
	Name       string `json:"name"`
	Generation int64  `json:"generation"`
	// Commit is the one that the resource says it comes from; empty when it says none.
	Commit string `json:"commit,omitempty"`
	// Manifest is the resource in JSON, as a person would have written it.
	Manifest json.RawMessage `json:"manifest"`
}

// Ref is "CustomField/tier".
func (r Resource) Ref() string { return r.Kind + "/" + r.Name }
