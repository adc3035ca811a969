package databaseserver

import (
	"context"

	"github.com/kontor-crm/kontor/internal/secret"
)

// Prober looks at a PostgreSQL server and changes nothing.
type Prober interface {
	// Limit bounds the connections that this process opens to the server, from now on.
	Limit(server secret.Connection, connections int)
	// Probe connects to the maintenance database and reads what the server can do. Its
	// faults are Unavailable (reason Unreachable: nobody answers) and Stalled (reason
	// AuthenticationFailed: the password or the role is wrong).
	Probe(ctx context.Context, server secret.Connection) (Observed, error)
}

// Observed is what a server is and what the role may do on it.
type Observed struct {
	// Version is the server's own text ("15.18"), VersionNumber the comparable form (150018).
	Version       string
	VersionNumber int
	// UnicodeLocale says whether databases can be made with LC_CTYPE C.UTF-8.
	UnicodeLocale bool
	// CreateDatabases and CreateRoles say what the role may do; a superuser may do both.
	CreateDatabases, CreateRoles bool
	// MaxConnections is how many connections ordinary roles may have together.
	MaxConnections int
	// Databases counts the tenants' databases of any installation.
	Databases int
}
