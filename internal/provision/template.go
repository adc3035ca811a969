package provision

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/kontor-crm/kontor/internal/fault"
	"github.com/kontor-crm/kontor/internal/plan"
	"github.com/kontor-crm/kontor/internal/schema"
	"github.com/kontor-crm/kontor/internal/secret"
)

// modelRole owns what is in the templates; a clone hands it over to its tenant's owner.
const modelRole = "kontor_model"

// bare is what every database of ours begins as: nothing in it, text in the order of
// its code points, letters known.
const bare = " TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C.UTF-8'"

// templateTimeout bounds the making of a template, and the wait for somebody who makes it.
const templateTimeout = 2 * time.Minute

// template is a database that holds the platform's tables and those of the standard
// model, from which tenants' databases are cloned.
type template struct {
	name       string
	statements []string
}

// templateOf is newTemplate, remembered: most tenants have the same standard schema.
func (s *Servers) templateOf(standard *schema.Schema) (template, error) {
	key := standard.Digest()
	if known, ok := s.known.Load(key); ok {
		return known.(template), nil //nolint:forcetypeassert // nothing else is in it
	}
	made, err := newTemplate(standard)
	if err == nil {
		s.known.Store(key, made)
	}
	return made, err
}

// newTemplate names the template of a standard schema. Its name changes with
// everything that is in it, so that no release clones what another one made.
func newTemplate(standard *schema.Schema) (template, error) {
	platform, err := migrationDigest()
	if err != nil {
		return template{}, err
	}
	p := plan.Make(nil, standard, &plan.Live{}, plan.Policy{})
	sum := sha256.Sum256([]byte(p.Digest + platform))
	t := template{name: "kontor_template_" + hex.EncodeToString(sum[:6])}
	for _, change := range p.Changes {
		t.statements = append(t.statements, change.Statements...)
	}
	return t, nil
}

// cloneTemplate makes a database. Writing it to the log is faster than copying files
// for databases of this size, and needs no checkpoint.
func cloneTemplate(ctx context.Context, c *pgx.Conn, name string, t template) error {
	_, err := c.Exec(ctx, "CREATE DATABASE "+ident(name)+" TEMPLATE "+ident(t.name)+" STRATEGY wal_log")
	if sqlState(err) == "3D000" {
		return tell(err)
	}
	return translate(err, "cloning the database %q", name)
}

// makeTemplate makes the template on the server unless it is there. It grows under
// another name and gets its own when it is complete.
func (s *Servers) makeTemplate(ctx context.Context, conn secret.Connection, t template) error {
	srv := s.server(conn)
	srv.templates.Lock()
	defer srv.templates.Unlock()
	how := session{timeout: templateTimeout, lockTimeout: templateTimeout}
	return s.visit(ctx, conn, how, func(ctx context.Context, c *pgx.Conn) error {
		// Other processes may be about to make it as well.
		if _, err := c.Exec(ctx, "SELECT pg_advisory_lock(hashtext($1))", t.name); err != nil {
			return translate(err, "waiting for the template")
		}
		var exists bool
		if err := c.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", t.name).Scan(&exists); err != nil {
			return translate(err, "looking for the template")
		}
		if exists {
			return nil
		}
		if err := ensureModelRole(ctx, c); err != nil {
			return err
		}
		unfinished := t.name + "_new"
		if err := run(ctx, c, "DROP DATABASE IF EXISTS "+ident(unfinished)+" WITH (FORCE)"); err != nil {
			return translate(err, "removing an unfinished template")
		}
		if err := run(ctx, c, "CREATE DATABASE "+ident(unfinished)+bare); err != nil {
			return translate(err, "making the template")
		}
		if err := s.fillTemplate(ctx, conn.In(unfinished), t); err != nil {
			return err
		}
		return translate(run(ctx, c,
			"ALTER DATABASE "+ident(unfinished)+" WITH ALLOW_CONNECTIONS false IS_TEMPLATE true",
			"ALTER DATABASE "+ident(unfinished)+" RENAME TO "+ident(t.name),
		), "finishing the template")
	})
}

// ensureModelRole makes the role that owns what is in the templates, and us a member
// of it. It is shared by all templates of the server, so one after the other looks.
func ensureModelRole(ctx context.Context, c *pgx.Conn) error {
	role := ident(modelRole)
	err := run(ctx, c, "SELECT pg_advisory_xact_lock(hashtext("+quoted(modelRole)+"))", `DO $$ BEGIN
IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = `+quoted(modelRole)+`) THEN
  CREATE ROLE `+role+` NOLOGIN;
  COMMENT ON ROLE `+role+` IS 'owns what is in the templates of Kontor';
  -- From PostgreSQL 16 on, who makes a role is a member that may not act as it.
  GRANT `+role+` TO CURRENT_USER;
ELSIF NOT pg_has_role(`+quoted(modelRole)+`, 'MEMBER') THEN
  GRANT `+role+` TO CURRENT_USER;
END IF;
END $$`)
	return translate(err, "making the role %q", modelRole)
}

// fillTemplate makes what is in the template, as the role that owns it there.
func (s *Servers) fillTemplate(ctx context.Context, conn secret.Connection, t template) error {
	config, err := configure(conn, s.options.Tracer, nil)
	if err != nil {
		return err
	}
	c, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return unreachable(err, conn)
	}
	defer closeConn(ctx, c)
	err = run(ctx, c,
		"GRANT CREATE ON DATABASE "+ident(conn.Database)+" TO "+ident(modelRole),
		"REVOKE ALL ON SCHEMA public FROM PUBLIC",
		"CREATE SCHEMA "+ident(schema.PlatformSchema)+" AUTHORIZATION "+ident(modelRole))
	if err != nil {
		return translate(err, "preparing the template")
	}
	if err := migrateTenant(ctx, config, modelRole); err != nil {
		return err
	}
	statements := slices.Concat([]string{"SET LOCAL ROLE " + ident(modelRole)}, t.statements)
	// The history's next partitions come with the clone; when the template has grown old, the tenants make theirs.
	months := partitionsAt(s.options.Clock())
	for _, name := range slices.Sorted(maps.Keys(months)) {
		statements = append(statements, partition(name, months[name])...)
	}
	if err := run(ctx, c, statements...); err != nil {
		return translate(err, "making the standard tables")
	}
	return nil
}

// platformDigest names the platform's tables and the rights in a finished database.
func (s *Servers) platformDigest() (string, error) {
	migrations, err := migrationDigest()
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256([]byte(migrations + strings.Join(rights("database"), "\n")))
	return hex.EncodeToString(sum[:6]), nil
}

var errNoMigrations = fault.New(fault.Internal, "this program holds no migrations")
