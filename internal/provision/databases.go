package provision

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/kontor-crm/kontor/controllers/tenant"
	"github.com/kontor-crm/kontor/internal/fault"
	"github.com/kontor-crm/kontor/internal/schema"
	"github.com/kontor-crm/kontor/internal/secret"
)

// Databases makes and removes tenants' databases. It implements tenant.Databases.
type Databases struct{ servers *Servers }

var _ tenant.Databases = (*Databases)(nil)

// NewDatabases works through the connections of servers.
func NewDatabases(servers *Servers) *Databases { return &Databases{servers: servers} }

func ownerRole(database string) string { return database + "_owner" }

func loginRole(database string, role tenant.Role) string { return database + "_" + string(role) }

// found is what a server holds under a tenant's names.
type found struct {
	superuser                           bool
	database, owner, app, bi            bool
	databaseMark, ownerMark             mark
	public, appConnects, biConnects     bool
	ownerMember, appMember, reportsToUs bool
	// modelLacking says that the role that owns the templates' contents is there and we are no member of it.
	modelLacking bool
	ownership    tenant.Ownership
}

const look = `SELECT me.rolsuper, d.oid IS NOT NULL, shobj_description(d.oid, 'pg_database'),
  o.oid IS NOT NULL, shobj_description(o.oid, 'pg_authid'), a.oid IS NOT NULL, b.oid IS NOT NULL,
  d.oid IS NOT NULL AND (d.datacl IS NULL OR EXISTS (SELECT FROM aclexplode(d.datacl) WHERE grantee = 0)),
  coalesce(has_database_privilege(a.oid, d.oid, 'CONNECT'), false), coalesce(has_database_privilege(b.oid, d.oid, 'CONNECT'), false),
  coalesce(pg_has_role(o.oid, 'MEMBER'), false), coalesce(pg_has_role(a.oid, 'MEMBER'), false), coalesce(pg_has_role(b.oid, 'MEMBER'), false),
  EXISTS (SELECT FROM pg_roles m WHERE m.rolname = $5 AND NOT pg_has_role(m.oid, 'MEMBER'))
FROM pg_roles me
LEFT JOIN pg_database d ON d.datname = $1
LEFT JOIN pg_roles o ON o.rolname = $2
LEFT JOIN pg_roles a ON a.rolname = $3
LEFT JOIN pg_roles b ON b.rolname = $4
WHERE me.rolname = current_user`

// observe reads everything about the tenant that can be seen from the maintenance
// database, in one statement.
func observe(ctx context.Context, c *pgx.Conn, id tenant.Identity) (*found, error) {
	var f found
	var databaseComment, ownerComment *string
	name := id.Database()
	// It is asked often, on connections that last: planning it once saves most of its time.
	err := c.QueryRow(ctx, look, pgx.QueryExecModeCacheStatement, name, ownerRole(name), loginRole(name, tenant.RoleApplication), loginRole(name, tenant.RoleReporting), modelRole).Scan(
		&f.superuser, &f.database, &databaseComment, &f.owner, &ownerComment, &f.app, &f.bi,
		&f.public, &f.appConnects, &f.biConnects, &f.ownerMember, &f.appMember, &f.reportsToUs, &f.modelLacking)
	if err != nil {
		return nil, translate(err, "looking for the database %q", name)
	}
	f.databaseMark, f.ownerMark = readMark(databaseComment), readMark(ownerComment)
	f.ownership = f.judge(id)
	return &f, nil
}

// judge says whose the database is. The database and its owner role are marked, and
// one mark is enough: the process may have ended before the other was made, and
// somebody may have written another comment over one.
func (f *found) judge(id tenant.Identity) tenant.Ownership {
	unmarked := mark{}
	switch {
	case f.owner && !f.ownerMark.is(id) && (f.ownerMark != unmarked || !f.databaseMark.is(id)):
		return tenant.Foreign
	case !f.database:
		return tenant.Absent
	case f.databaseMark == unmarked && f.owner:
		return f.ownerMark.State
	case f.databaseMark.is(id):
		return f.databaseMark.State
	}
	return tenant.Foreign
}

// complete says that nothing is left to be done.
func (f *found) complete(platform string) bool {
	return f.ownership == tenant.Owned && f.rolesComplete() && f.databaseMark.Platform == platform &&
		!f.public && f.appConnects && f.biConnects
}

func (f *found) rolesComplete() bool {
	return f.owner && f.app && f.bi && f.ownerMark.State == tenant.Owned && f.ownerMember && f.appMember && f.reportsToUs
}

// Find says what the server holds for the tenant, in one statement.
func (d *Databases) Find(ctx context.Context, server secret.Connection, id tenant.Identity) (tenant.Ownership, bool, error) {
	platform, err := d.servers.platformDigest()
	if err != nil {
		return "", false, err
	}
	var f *found
	err = d.servers.maintain(ctx, server, func(ctx context.Context, c *pgx.Conn) (err error) {
		f, err = observe(ctx, c, id)
		return err
	})
	if err != nil {
		return "", false, err
	}
	return f.ownership, f.complete(platform), nil
}

// Ensure makes the tenant's database, or finishes it. Each step looks the same
// whether it runs for the first time or after a crash: the roles with their mark in
// one transaction; the clone of the template; what belongs into the database, its
// mark included, in another transaction.
func (d *Databases) Ensure(ctx context.Context, server secret.Connection, id tenant.Identity, standard *schema.Schema) error {
	platform, err := d.servers.platformDigest()
	if err != nil {
		return err
	}
	template, err := d.servers.templateOf(standard)
	if err != nil {
		return err
	}
	done := false
	var f *found
	err = d.servers.maintain(ctx, server, func(ctx context.Context, c *pgx.Conn) (err error) {
		if f, err = observe(ctx, c, id); err != nil {
			return err
		}
		if err := refuse(f.ownership, id); err != nil {
			return err
		}
		if done = f.complete(platform); done {
			return nil
		}
		if f.modelLacking {
			if err := ensureModelRole(ctx, c); err != nil {
				return err
			}
		}
		if !f.rolesComplete() {
			if err := d.makeRoles(ctx, c, id, f); err != nil {
				return err
			}
		}
		if f.database {
			return nil
		}
		return cloneTemplate(ctx, c, id.Database(), template)
	})
	if sqlState(err) == "3D000" { // the template is not there yet
		if err := d.servers.makeTemplate(ctx, server, template); err != nil {
			return err
		}
		err = d.servers.maintain(ctx, server, func(ctx context.Context, c *pgx.Conn) error {
			return cloneTemplate(ctx, c, id.Database(), template)
		})
	}
	if err != nil || done {
		return err
	}
	return d.finish(ctx, server, id, platform)
}

func refuse(ownership tenant.Ownership, id tenant.Identity) error {
	switch ownership {
	case tenant.Retained:
		return fault.Because(fault.Stalled, ReasonDatabaseRetained, "an earlier tenant %s left the database %q; the platform's people can hand it over", id.Key(), id.Database())
	case tenant.Foreign:
		return fault.Because(fault.Stalled, ReasonDatabaseForeign, "there is a database or a role %q that does not belong to %s", id.Database(), id.Key())
	case tenant.Absent, tenant.Owned:
	}
	return nil
}

// makeRoles makes the roles that are missing and marks the owner, in one transaction.
func (d *Databases) makeRoles(ctx context.Context, c *pgx.Conn, id tenant.Identity, f *found) error {
	name := id.Database()
	owner, app, bi := ident(ownerRole(name)), ident(loginRole(name, tenant.RoleApplication)), ident(loginRole(name, tenant.RoleReporting))
	comment, err := markOf(id, tenant.Owned, "").comment()
	if err != nil {
		return fmt.Errorf("marking the role of %q: %w", name, err)
	}
	var statements []string
	if !f.owner {
		statements = append(statements, "CREATE ROLE "+owner+" NOLOGIN")
	}
	statements = append(statements, "COMMENT ON ROLE "+owner+" IS "+comment)
	if !f.app {
		statements = append(statements, "CREATE ROLE "+app+" NOLOGIN")
	}
	if !f.bi {
		statements = append(statements, "CREATE ROLE "+bi+" NOLOGIN")
	}
	for _, wanted := range rolesOf(name).wanted(d.servers.options) {
		alterations, _ := newRole(wanted.Name).alterations(wanted)
		statements = append(statements, alterations...)
	}
	if !f.superuser {
		// To act as the owner, and to end the sessions of the others when the database goes.
		for _, membership := range []struct {
			held bool
			role string
		}{{f.ownerMember, owner}, {f.appMember, app}, {f.reportsToUs, bi}} {
			if !membership.held {
				statements = append(statements, "GRANT "+membership.role+" TO CURRENT_USER")
			}
		}
	}
	return translate(run(ctx, c, statements...), "making the roles of the database %q", name)
}

// finish brings the platform's tables and the rights of a database up to date.
func (d *Databases) finish(ctx context.Context, server secret.Connection, id tenant.Identity, platform string) error {
	name := id.Database()
	comment, err := markOf(id, tenant.Owned, platform).comment()
	if err != nil {
		return fmt.Errorf("marking the database %q: %w", name, err)
	}
	newest, err := newestMigration()
	if err != nil {
		return err
	}
	return d.servers.visit(ctx, server.In(name), session{}, func(ctx context.Context, c *pgx.Conn) error {
		var version int64
		var fromTemplate bool
		const versions = `SELECT (SELECT max(version_id) FROM kontor.goose_db_version WHERE is_applied),
  EXISTS (SELECT FROM pg_shdepend s JOIN pg_roles r ON r.oid = s.refobjid AND s.refclassid = 'pg_authid'::regclass
    WHERE r.rolname = $1 AND s.dbid = (SELECT oid FROM pg_database WHERE datname = current_database()))`
		if err := c.QueryRow(ctx, versions, modelRole).Scan(&version, &fromTemplate); err != nil {
			return translate(err, "reading the state of the database %q", name)
		}
		statements := rights(name)
		// The functions can only be given to who may make some in their schema.
		takeOver := []string{
			"GRANT CREATE ON SCHEMA " + ident(schema.PlatformSchema) + " TO " + ident(ownerRole(name)),
			"REASSIGN OWNED BY " + ident(modelRole) + " TO " + ident(ownerRole(name)),
		}
		if fromTemplate {
			statements = slices.Concat(takeOver, statements)
		}
		if version < newest {
			// The tables must be the owner's before he can change them.
			if fromTemplate {
				if err := run(ctx, c, takeOver...); err != nil {
					return translate(err, "taking over the tables of the database %q", name)
				}
			}
			if err := migrateTenant(ctx, c.Config(), ownerRole(name)); err != nil {
				return err
			}
		}
		statements = append(statements, "COMMENT ON DATABASE "+ident(name)+" IS "+comment)
		return translate(run(ctx, c, statements...), "granting the rights on the database %q", name)
	})
}

// Adopt makes a retained database the tenant's own.
func (d *Databases) Adopt(ctx context.Context, server secret.Connection, id tenant.Identity) error {
	return d.servers.maintain(ctx, server, func(ctx context.Context, c *pgx.Conn) error {
		f, err := observe(ctx, c, id)
		if err != nil {
			return err
		}
		switch f.ownership {
		case tenant.Owned:
			return nil
		case tenant.Retained:
			return translate(setMark(ctx, c, id, f, tenant.Owned), "adopting the database %q", id.Database())
		case tenant.Absent, tenant.Foreign:
		}
		return fault.New(fault.Stalled, "there is no retained database %q to adopt", id.Database())
	})
}

// Retain leaves the database behind: it stays, and nobody logs in any more.
func (d *Databases) Retain(ctx context.Context, server secret.Connection, id tenant.Identity) error {
	return d.servers.maintain(ctx, server, func(ctx context.Context, c *pgx.Conn) error {
		f, err := observe(ctx, c, id)
		if err != nil || f.ownership != tenant.Owned && f.ownership != tenant.Retained {
			return err
		}
		name := id.Database()
		if err := setMark(ctx, c, id, f, tenant.Retained, f.refuseLogins(name)...); err != nil {
			return translate(err, "leaving the database %q behind", name)
		}
		return translate(f.endSessions(ctx, c, name), "ending the sessions of the database %q", name)
	})
}

// setMark changes the state in the marks, in one transaction with what else is to be done.
func setMark(ctx context.Context, c *pgx.Conn, id tenant.Identity, f *found, state tenant.Ownership, also ...string) error {
	database, err := markOf(id, state, f.databaseMark.Platform).comment()
	if err != nil {
		return err
	}
	statements := slices.Concat(also, []string{"COMMENT ON DATABASE " + ident(id.Database()) + " IS " + database})
	if f.owner {
		role, err := markOf(id, state, "").comment()
		if err != nil {
			return err
		}
		statements = append(statements, "COMMENT ON ROLE "+ident(ownerRole(id.Database()))+" IS "+role)
	}
	return run(ctx, c, statements...)
}

// logins are the login roles that exist.
func (f *found) logins(name string) []string {
	var roles []string
	if f.app {
		roles = append(roles, loginRole(name, tenant.RoleApplication))
	}
	if f.bi {
		roles = append(roles, loginRole(name, tenant.RoleReporting))
	}
	return roles
}

// refuseLogins keeps the login roles out.
func (f *found) refuseLogins(name string) []string {
	var statements []string
	for _, role := range f.logins(name) {
		statements = append(statements, "ALTER ROLE "+ident(role)+" NOLOGIN PASSWORD NULL")
	}
	return statements
}

// endSessions ends the sessions of the login roles, once they cannot come back.
func (f *found) endSessions(ctx context.Context, c *pgx.Conn, name string) error {
	_, err := c.Exec(ctx, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = ANY ($1)", f.logins(name))
	return err
}

// Drop removes the tenant's database, then its roles; the owner role, which carries the mark, goes last.
func (d *Databases) Drop(ctx context.Context, server secret.Connection, id tenant.Identity) error {
	return d.servers.maintain(ctx, server, func(ctx context.Context, c *pgx.Conn) error {
		f, err := observe(ctx, c, id)
		if err != nil {
			return err
		}
		name := id.Database()
		switch {
		case f.ownership == tenant.Owned:
			// FORCE ends the sessions. A crash before the roles are gone leaves them to the next call.
			if err := run(ctx, c, "DROP DATABASE IF EXISTS "+ident(name)+" WITH (FORCE)"); err != nil {
				return translate(err, "dropping the database %q", name)
			}
		case f.ownership == tenant.Absent && f.owner:
		default:
			return nil
		}
		var statements []string
		for _, role := range f.logins(name) {
			statements = append(statements, "DROP ROLE "+ident(role))
		}
		if f.owner {
			statements = append(statements, "DROP ROLE "+ident(ownerRole(name)))
		}
		if len(statements) == 0 {
			return nil
		}
		return translate(run(ctx, c, statements...), "dropping the roles of the database %q", name)
	})
}

// Login lets a role log in with the password. The server is sent a verifier: the
// password appears in no log of the server.
func (d *Databases) Login(ctx context.Context, server secret.Connection, id tenant.Identity, role tenant.Role, password string) (secret.Connection, error) {
	name := id.Database()
	verifier, err := scramVerifier(password)
	if err != nil {
		return secret.Connection{}, err
	}
	err = d.servers.maintain(ctx, server, func(ctx context.Context, c *pgx.Conn) error {
		f, err := observe(ctx, c, id)
		if err != nil {
			return err
		}
		if f.ownership != tenant.Owned {
			return fault.New(fault.Stalled, "the database %q is not the tenant's: nobody may log in", name)
		}
		err = run(ctx, c, "ALTER ROLE "+ident(loginRole(name, role))+" LOGIN PASSWORD "+quoted(verifier))
		return translate(err, "letting the role %q log in", loginRole(name, role))
	})
	if err != nil {
		return secret.Connection{}, err
	}
	return server.In(name).As(loginRole(name, role), password), nil
}
