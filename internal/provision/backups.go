package provision

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/kontor-crm/kontor/controllers/tenant"
	"github.com/kontor-crm/kontor/internal/backup"
	"github.com/kontor-crm/kontor/internal/fault"
	"github.com/kontor-crm/kontor/internal/schema"
	"github.com/kontor-crm/kontor/internal/secret"
)

// Backups is the administrator's part in saving and restoring tenants' databases. It
// implements backup.Holder and backup.Builder.
type Backups struct{ servers *Servers }

var (
	_ backup.Holder  = (*Backups)(nil)
	_ backup.Builder = (*Backups)(nil)
)

// NewBackups works through the connections of servers.
func NewBackups(servers *Servers) *Backups { return &Backups{servers: servers} }

// passing are the tables whose rows mean nothing in another database, or later: who is
// signed in, and which server works with which revision.
var passing = []string{"session", "lease"}

// connect makes a connection that lives as long as its user wants; statements on it may take their time.
func (b *Backups) connect(ctx context.Context, conn secret.Connection, role string) (*pgx.Conn, error) {
	parameters := map[string]string{"application_name": "kontor", "statement_timeout": "0", "idle_in_transaction_session_timeout": "0"}
	if role != "" {
		parameters["role"] = role
	}
	config, err := configure(conn, b.servers.options.Tracer, parameters)
	if err != nil {
		return nil, err
	}
	c, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return nil, unreachable(err, conn)
	}
	return c, nil
}

// Hold opens a transaction that sees one moment, and reads what the database holds then.
func (b *Backups) Hold(ctx context.Context, database secret.Connection) (*backup.View, error) {
	c, err := b.connect(ctx, database, "")
	if err != nil {
		return nil, err
	}
	view := &backup.View{
		Database: database, Role: ownerRole(database.Database), Release: func() { closeConn(ctx, c) },
		Schemas: []string{schema.RecordsSchema, schema.PlatformSchema, schema.ReportingSchema},
	}
	for _, table := range passing {
		view.Passing = append(view.Passing, schema.PlatformSchema+"."+table)
	}
	if err := hold(ctx, c, view); err != nil {
		view.Release()
		return nil, err
	}
	return view, nil
}

func hold(ctx context.Context, c *pgx.Conn, view *backup.View) error {
	name := view.Database.Database
	const whose = `SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = current_database()`
	var comment *string
	if err := c.QueryRow(ctx, whose).Scan(&comment); err != nil {
		return translate(err, "looking whose the database %q is", name)
	}
	m := readMark(comment)
	if m.State != tenant.Owned && m.State != tenant.Retained {
		return fault.New(fault.Invalid, "the database %q is no tenant's", name)
	}
	view.Tenant = backup.Tenant{Installation: m.Installation, Namespace: m.Namespace, Name: m.Tenant}
	if err := run(ctx, c, "SET ROLE "+ident(view.Role), "BEGIN READ ONLY, ISOLATION LEVEL REPEATABLE READ"); err != nil {
		return translate(err, "preparing the backup of %q", name)
	}
	if err := c.QueryRow(ctx, "SELECT pg_export_snapshot()").Scan(&view.Snapshot); err != nil {
		return translate(err, "preparing the backup of %q", name)
	}
	contents, err := readContents(ctx, c)
	if err != nil {
		return translate(err, "looking what is in %q", name)
	}
	view.Contents = contents
	return nil
}

// readContents says what a tenant's database holds, counted exactly.
func readContents(ctx context.Context, c *pgx.Conn) (backup.Contents, error) {
	contents := backup.Contents{Rows: map[string]int64{}}
	const versions = `SELECT current_setting('server_version_num')::int,
  coalesce((SELECT max(version_id) FROM kontor.goose_db_version WHERE is_applied), 0),
  coalesce(a.revision, 0), coalesce(a.digest, ''), coalesce(a.format, 0)
FROM (SELECT) AS nothing LEFT JOIN (SELECT revision, digest, format FROM kontor.applied_schema ORDER BY revision DESC LIMIT 1) AS a ON true`
	err := c.QueryRow(ctx, versions).Scan(&contents.PostgreSQL, &contents.Platform, &contents.Revision, &contents.Digest, &contents.SchemaFormat)
	if err != nil {
		return contents, err
	}
	const tables = `SELECT n.nspname, t.relname FROM pg_class t JOIN pg_namespace n ON n.oid = t.relnamespace
WHERE t.relkind = 'r' AND n.nspname = ANY ($1) AND NOT (n.nspname = $2 AND t.relname = ANY ($3)) ORDER BY 1, 2`
	rows, err := c.Query(ctx, tables, []string{schema.RecordsSchema, schema.PlatformSchema}, schema.PlatformSchema, passing)
	if err != nil {
		return contents, err
	}
	type table struct{ Schema, Name string }
	found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[table])
	if err != nil {
		return contents, err
	}
	for _, t := range found {
		var count int64
		if err := c.QueryRow(ctx, "SELECT count(*) FROM "+ident(t.Schema)+"."+ident(t.Name)).Scan(&count); err != nil {
			return contents, err
		}
		contents.Rows[t.Schema+"."+t.Name] = count
	}
	return contents, nil
}

// Newest are the newest forms that this program knows.
func (b *Backups) Newest() (platform int64, schemaFormat int, err error) {
	platform, err = newestMigration()
	return platform, schema.Format, err
}

// restoring is the state of a database that is being filled. It stands in no mark of
// one that has its name already.
const restoring tenant.Ownership = "Restoring"

// restoration is one database on its way back.
type restoration struct {
	*Backups
	server secret.Connection
	id     tenant.Identity
	// unfinished is the name until it is finished, aside that of the one in its place, if there is one.
	unfinished, aside string
	// c holds the lock that keeps others from restoring the same.
	c    *pgx.Conn
	done bool
}

// Prepare makes the role that is to own the database, marked as left by an earlier
// tenant, and the database under another name. What an attempt left that was broken
// off goes first.
func (b *Backups) Prepare(ctx context.Context, server secret.Connection, id tenant.Identity, replace bool) (*backup.Target, error) {
	c, err := b.connect(ctx, server, "")
	if err != nil {
		return nil, err
	}
	r := &restoration{Backups: b, server: server, id: id, unfinished: id.Database() + "_restoring", c: c}
	if err := r.prepare(ctx, replace); err != nil {
		closeConn(ctx, c)
		return nil, err
	}
	return &backup.Target{
		Database: server.In(r.unfinished), Role: ownerRole(id.Database()),
		Finish:  r.finish,
		Release: func() { r.release(ctx) },
	}, nil
}

func (r *restoration) prepare(ctx context.Context, replace bool) error {
	name := r.id.Database()
	var alone bool
	if err := r.c.QueryRow(ctx, "SELECT pg_try_advisory_lock(hashtext($1))", r.unfinished).Scan(&alone); err != nil {
		return translate(err, "preparing the restore of %q", name)
	}
	if !alone {
		return fault.New(fault.Conflict, "somebody else is restoring the database %q", name)
	}
	f, err := observe(ctx, r.c, r.id)
	if err != nil {
		return err
	}
	if err := r.admit(f, replace); err != nil {
		return err
	}
	if err := r.clear(ctx, f); err != nil {
		return err
	}
	if err := r.makeOwner(ctx, f); err != nil {
		return err
	}
	return r.makeDatabase(ctx)
}

// admit says whether a database may be made for the tenant, given what is there.
func (r *restoration) admit(f *found, replace bool) error {
	name := r.id.Database()
	switch f.ownership {
	case tenant.Absent:
		return nil
	case tenant.Owned:
		return fault.New(fault.Conflict, "Tenant %s has its database %q, which is never touched: delete the Tenant first (its deletion policy Retain keeps the database), then restore with --replace", r.id.Key(), name)
	case tenant.Retained:
		if !replace {
			return fault.New(fault.Conflict, "an earlier Tenant %s left the database %q: with --replace it is moved aside, under another name", r.id.Key(), name)
		}
		r.aside = fmt.Sprintf("%s_aside_%s", name, r.servers.options.Clock().UTC().Format("20060102150405"))
		return nil
	case tenant.Foreign:
	}
	return refuse(tenant.Foreign, r.id)
}

// clear removes what is left of an attempt that was broken off: a database with our
// mark, or one without any, when the owner's role has it.
func (r *restoration) clear(ctx context.Context, f *found) error {
	const left = "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = $1"
	rows, err := r.c.Query(ctx, left, r.unfinished)
	if err != nil {
		return translate(err, "looking for the database %q", r.unfinished)
	}
	comments, err := pgx.CollectRows(rows, pgx.RowTo[*string])
	if err != nil {
		return translate(err, "looking for the database %q", r.unfinished)
	}
	for _, comment := range comments {
		m := readMark(comment)
		ours := m.is(r.id) && m.State == restoring || comment == nil && f.owner
		if !ours {
			return fault.Because(fault.Stalled, ReasonDatabaseForeign, "there is a database %q that does not belong to %s", r.unfinished, r.id.Key())
		}
		if err := run(ctx, r.c, "DROP DATABASE "+ident(r.unfinished)+" WITH (FORCE)"); err != nil {
			return translate(err, "removing the database %q", r.unfinished)
		}
	}
	return nil
}

// makeOwner makes the role that owns what is in the database, unless it is there.
func (r *restoration) makeOwner(ctx context.Context, f *found) error {
	owner := ident(ownerRole(r.id.Database()))
	comment, err := markOf(r.id, tenant.Retained, "").comment()
	if err != nil {
		return err
	}
	var statements []string
	if !f.owner {
		statements = append(statements, "CREATE ROLE "+owner+" NOLOGIN")
	}
	statements = append(statements, "COMMENT ON ROLE "+owner+" IS "+comment)
	if !f.superuser && !f.ownerMember {
		statements = append(statements, "GRANT "+owner+" TO CURRENT_USER")
	}
	return translate(run(ctx, r.c, statements...), "making the owner of the database %q", r.id.Database())
}

func (r *restoration) makeDatabase(ctx context.Context) error {
	name := ident(r.unfinished)
	comment, err := markOf(r.id, restoring, "").comment()
	if err != nil {
		return err
	}
	if err := run(ctx, r.c, "CREATE DATABASE "+name+bare); err != nil {
		return translate(err, "making the database %q", r.unfinished)
	}
	err = run(ctx, r.c, "COMMENT ON DATABASE "+name+" IS "+comment, "REVOKE ALL ON DATABASE "+name+" FROM PUBLIC",
		"GRANT CREATE ON DATABASE "+name+" TO "+ident(ownerRole(r.id.Database())))
	if err != nil {
		return translate(err, "preparing the database %q", r.unfinished)
	}
	inside, err := r.connect(ctx, r.server.In(r.unfinished), "")
	if err != nil {
		return err
	}
	defer closeConn(ctx, inside)
	return translate(run(ctx, inside, "REVOKE ALL ON SCHEMA public FROM PUBLIC"), "preparing the database %q", r.unfinished)
}

// finish checks what came back, and gives the database its name.
func (r *restoration) finish(ctx context.Context, want backup.Contents) (string, error) {
	if err := r.check(ctx, want); err != nil {
		return "", err
	}
	name := r.id.Database()
	comment, err := markOf(r.id, tenant.Retained, "").comment()
	if err != nil {
		return "", err
	}
	var statements []string
	if r.aside != "" {
		statements = append(statements, "ALTER DATABASE "+ident(name)+" RENAME TO "+ident(r.aside))
	}
	statements = append(statements,
		"ALTER DATABASE "+ident(r.unfinished)+" RENAME TO "+ident(name),
		"COMMENT ON DATABASE "+ident(name)+" IS "+comment)
	if r.aside != "" { // an administrator may be looking at it; nobody else can
		const end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1 AND usename = current_user"
		if _, err := r.c.Exec(ctx, end, name); err != nil {
			return "", translate(err, "ending the sessions of the database %q", name)
		}
	}
	err = run(ctx, r.c, statements...)
	if sqlState(err) == "42P04" {
		return "", fault.New(fault.Conflict, "a Tenant %s was made meanwhile and has a database of its own", r.id.Key())
	}
	if err != nil {
		return "", translate(err, "giving the database %q its name", name)
	}
	r.done = true
	return r.aside, nil
}

// check compares what came back with what was saved, and lets the planner know the tables.
func (r *restoration) check(ctx context.Context, want backup.Contents) error {
	c, err := r.connect(ctx, r.server.In(r.unfinished), ownerRole(r.id.Database()))
	if err != nil {
		return err
	}
	defer closeConn(ctx, c)
	got, err := readContents(ctx, c)
	if err != nil {
		return translate(err, "looking what came back into %q", r.unfinished)
	}
	if got.Revision != want.Revision || got.Digest != want.Digest || got.Platform != want.Platform || len(got.Rows) != len(want.Rows) {
		return fault.New(fault.Internal, "what came back is not what was saved: revision %d with %d tables in place of revision %d with %d", got.Revision, len(got.Rows), want.Revision, len(want.Rows))
	}
	for table, rows := range want.Rows {
		if got.Rows[table] != rows {
			return fault.New(fault.Internal, "what came back is not what was saved: %s has %d rows in place of %d", table, got.Rows[table], rows)
		}
	}
	return translate(run(ctx, c, "ANALYZE"), "analysing %q", r.unfinished)
}

// releaseTimeout bounds the removal of what was not finished.
const releaseTimeout = time.Minute

// release lets the next one restore, and removes what was not finished.
func (r *restoration) release(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseTimeout)
	defer cancel()
	if !r.done {
		_ = run(ctx, r.c, "DROP DATABASE IF EXISTS "+ident(r.unfinished)+" WITH (FORCE)") // else the next attempt does
	}
	closeConn(ctx, r.c)
}
