package provision

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kontor-crm/kontor/internal/schema"
)

// attributes are those of a role.
type attributes struct {
	Name        string `json:"name"`
	Login       bool   `json:"login"`
	Superuser   bool   `json:"superuser"`
	CreateDB    bool   `json:"createdb"`
	CreateRole  bool   `json:"createrole"`
	Replication bool   `json:"replication"`
	BypassRLS   bool   `json:"bypassrls"`
	Inherit     bool   `json:"inherit"`
	Limit       int    `json:"limit"`
	// Config are the settings of its sessions, as name=value; more than are wanted do no harm.
	Config []string `json:"config"`
	// MemberOf are the roles as which it may act.
	MemberOf []membership `json:"memberOf"`
}

type membership struct {
	Role      string `json:"role"`
	Superuser bool   `json:"superuser"`
}

// wanted are the attributes of the three roles.
func (r roles) wanted(options Options) []attributes {
	return []attributes{
		newRole(r.owner),
		{Name: r.application, Limit: options.ApplicationConnections},
		{Name: r.reporting, Limit: options.ReportingConnections, Config: []string{
			"default_transaction_read_only=on", "statement_timeout=60s", "search_path=" + schema.ReportingSchema,
		}},
	}
}

// newRole are the attributes of a role that was just made.
func newRole(name string) attributes { return attributes{Name: name, Inherit: true, Limit: -1} }

// alterations are the statements that give a role its attributes, and the words for what they change.
func (a attributes) alterations(wanted attributes) (statements, said []string) {
	var options []string
	for _, option := range []struct {
		has, wants bool
		word       string
	}{
		{a.Login, wanted.Login, "LOGIN"},
		{a.Superuser, wanted.Superuser, "SUPERUSER"},
		{a.CreateDB, wanted.CreateDB, "CREATEDB"},
		{a.CreateRole, wanted.CreateRole, "CREATEROLE"},
		{a.Replication, wanted.Replication, "REPLICATION"},
		{a.BypassRLS, wanted.BypassRLS, "BYPASSRLS"},
		{a.Inherit, wanted.Inherit, "INHERIT"},
	} {
		switch {
		case option.has && !option.wants:
			options = append(options, "NO"+option.word)
		case option.wants && !option.has:
			options = append(options, option.word)
		}
	}
	if a.Limit != wanted.Limit {
		options = append(options, fmt.Sprintf("CONNECTION LIMIT %d", wanted.Limit))
	}
	if len(options) > 0 {
		statements = append(statements, "ALTER ROLE "+ident(a.Name)+" "+strings.Join(options, " "))
		said = append(said, options...)
	}
	for _, setting := range wanted.Config {
		if slices.Contains(a.Config, setting) {
			continue
		}
		name, value, _ := strings.Cut(setting, "=")
		statements = append(statements, "ALTER ROLE "+ident(a.Name)+" SET "+name+" = "+quoted(value))
		said = append(said, "SET "+setting)
	}
	return statements, said
}
