package provision

import (
	"encoding/json"

	"github.com/kontor-crm/kontor/controllers/tenant"
)

// mark says in a COMMENT whose a database or an owner role is.
type mark struct {
	// Kontor is the version of the mark.
	Kontor       int              `json:"kontor"`
	Installation string           `json:"installation"`
	Namespace    string           `json:"namespace"`
	Tenant       string           `json:"tenant"`
	State        tenant.Ownership `json:"state"`
	// Platform is the digest of the platform's tables and rights in the database;
	// only a finished database has it, and a role never.
	Platform string `json:"platform,omitempty"`
}

const markVersion = 1

func markOf(id tenant.Identity, state tenant.Ownership, platform string) mark {
	return mark{Kontor: markVersion, Installation: id.Installation, Namespace: id.Namespace, Tenant: id.Name, State: state, Platform: platform}
}

// comment is the mark as a literal.
func (m mark) comment() (string, error) {
	text, err := json.Marshal(m)
	return quoted(string(text)), err
}

// readMark reads a comment; anything that is no mark is the zero value.
func readMark(comment *string) mark {
	var m mark
	if comment == nil || json.Unmarshal([]byte(*comment), &m) != nil || m.Kontor != markVersion {
		return mark{}
	}
	return m
}

// is says whether the mark names the tenant.
func (m mark) is(id tenant.Identity) bool {
	return m.Kontor == markVersion && m.Installation == id.Installation && m.Namespace == id.Namespace && m.Tenant == id.Name
}
