package provision

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/kontor-crm/kontor/controllers/databaseserver"
	"github.com/kontor-crm/kontor/internal/secret"
)

// Prober looks at servers. It implements databaseserver.Prober.
type Prober struct{ servers *Servers }

var _ databaseserver.Prober = (*Prober)(nil)

// NewProber looks through the connections of servers.
func NewProber(servers *Servers) *Prober { return &Prober{servers: servers} }

const probe = `SELECT
  current_setting('server_version'), current_setting('server_version_num')::int,
  EXISTS (SELECT FROM pg_collation WHERE collprovider = 'c' AND replace(lower(collctype), '-', '') = 'c.utf8'),
  r.rolsuper OR r.rolcreatedb, r.rolsuper OR r.rolcreaterole,
  current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
    - coalesce(current_setting('reserved_connections', true)::int, 0),
  (SELECT count(*)::int FROM pg_database WHERE datname ~ '^kontor_[0-9a-f]{16}$')
FROM pg_roles r WHERE r.rolname = current_user`

// Limit bounds the connections that this process opens to the server.
func (p *Prober) Limit(server secret.Connection, connections int) {
	p.servers.Limit(server, connections)
}

// Probe reads what the server can do, in one statement.
func (p *Prober) Probe(ctx context.Context, server secret.Connection) (databaseserver.Observed, error) {
	var o databaseserver.Observed
	err := p.servers.maintain(ctx, server, func(ctx context.Context, c *pgx.Conn) error {
		err := c.QueryRow(ctx, probe).Scan(&o.Version, &o.VersionNumber, &o.UnicodeLocale, &o.CreateDatabases, &o.CreateRoles, &o.MaxConnections, &o.Databases)
		return translate(err, "probing the server")
	})
	return o, err
}
