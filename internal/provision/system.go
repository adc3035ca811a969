package provision

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/kontor-crm/kontor/controllers/tenant"
	"github.com/kontor-crm/kontor/internal/fault"
	"github.com/kontor-crm/kontor/internal/provision/migrations"
	"github.com/kontor-crm/kontor/internal/secret"
)

// maintenanceDatabase is there on every server.
const maintenanceDatabase = "postgres"

// serverGone is the time without a heartbeat after which a server counts as gone.
const serverGone = "30 seconds"

// Directory is the list of tenants in the system database. It implements tenant.Directory.
type Directory struct {
	pool   *pgxpool.Pool
	conn   secret.Connection
	sealer *secret.Sealer
}

var _ tenant.Directory = (*Directory)(nil)

// OpenSystem connects to the system database; it makes it when it is missing, and
// brings its tables up to date. The sealer is the one for the purpose "directory".
func OpenSystem(ctx context.Context, conn secret.Connection, sealer *secret.Sealer, options Options) (*Directory, error) {
	setUp, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	system := map[string]string{"search_path": "public"}
	config, err := configure(conn, options.Tracer, system)
	if err != nil {
		return nil, err
	}
	if err := ensureSystem(setUp, conn, options, config); err != nil {
		return nil, err
	}
	files, err := migrations.System()
	if err != nil {
		return nil, fmt.Errorf("reading the migrations: %w", err)
	}
	if err := migrate(setUp, config, files, versionTable); err != nil {
		return nil, err
	}
	poolConfig, err := pgxpool.ParseConfig("")
	if err != nil {
		return nil, fmt.Errorf("preparing the pool: %w", err)
	}
	poolConfig.ConnConfig = config
	poolConfig.MaxConns, poolConfig.MinConns, poolConfig.MaxConnIdleTime = 4, 0, idleTimeout
	pool, err := pgxpool.NewWithConfig(ctx, poolConfig)
	if err != nil {
		return nil, fmt.Errorf("preparing the pool: %w", err)
	}
	return &Directory{pool: pool, conn: conn, sealer: sealer}, nil
}

// ensureSystem makes the system database when it is not there.
func ensureSystem(ctx context.Context, conn secret.Connection, options Options, config *pgx.ConnConfig) error {
	c, err := pgx.ConnectConfig(ctx, config)
	if err == nil {
		defer closeConn(ctx, c)
		return closeToPublic(ctx, c, conn)
	}
	if sqlState(err) != "3D000" {
		return unreachable(err, conn)
	}
	maintenance := conn.In(maintenanceDatabase)
	if config, err = configure(maintenance, options.Tracer, nil); err != nil {
		return err
	}
	if c, err = pgx.ConnectConfig(ctx, config); err != nil {
		return unreachable(err, maintenance)
	}
	defer closeConn(ctx, c)
	err = run(ctx, c, "CREATE DATABASE "+ident(conn.Database)+" TEMPLATE template0 ENCODING 'UTF8'")
	if code := sqlState(err); err != nil && code != "42P04" && code != "23505" { // these say that another process was quicker
		return translate(err, "making the system database %q", conn.Database)
	}
	return closeToPublic(ctx, c, conn)
}

// closeToPublic keeps the tenants' roles out: by default every role of a server
// may connect to every database.
func closeToPublic(ctx context.Context, c *pgx.Conn, conn secret.Connection) error {
	err := run(ctx, c, "REVOKE ALL ON DATABASE "+ident(conn.Database)+" FROM PUBLIC")
	return translate(err, "closing the system database %q to others", conn.Database)
}

// Close closes the connections.
func (d *Directory) Close() { d.pool.Close() }

// Lookup is the tenant's entry, or nil.
func (d *Directory) Lookup(ctx context.Context, key string) (*tenant.Entry, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	return d.lookup(ctx, d.pool, key, "")
}

type queryer interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

func (d *Directory) lookup(ctx context.Context, q queryer, key, locking string) (*tenant.Entry, error) {
	entry := tenant.Entry{Key: key}
	a := &entry.Application
	var sealed []byte
	const columns = "SELECT hosts, host, port, database, username, ssl_mode, root_ca, sealed, revision, format FROM directory WHERE key = $1"
	err := q.QueryRow(ctx, columns+locking, key).Scan(&entry.Hosts, &a.Host, &a.Port, &a.Database, &a.User, &a.SSLMode, &a.RootCA, &sealed, &entry.Revision, &entry.Format)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil //nolint:nilnil // the interface says so: no entry is nil
	}
	if err != nil {
		return nil, translate(d.plain(err), "looking up %s in the directory", key)
	}
	// A password that another key sealed is as good as none: the entry differs, and is written anew.
	if password, err := d.sealer.Open(sealed, key); err == nil {
		a.Password = string(password)
	}
	return &entry, nil
}

// plain gives errors of connecting the same words everywhere.
func (d *Directory) plain(err error) error {
	if _, known := errors.AsType[*fault.Error](err); err == nil || known || sqlState(err) != "" && !authenticationFailed(err) {
		return err
	}
	return unreachable(err, d.conn)
}

// Publish writes the entry when it differs. The servers hear of it when it is committed.
func (d *Directory) Publish(ctx context.Context, entry tenant.Entry) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	entry.Hosts = slices.Clone(entry.Hosts)
	slices.Sort(entry.Hosts)
	current, err := d.Lookup(ctx, entry.Key)
	if err != nil {
		return err
	}
	if current != nil && current.Application == entry.Application && current.Revision == entry.Revision && current.Format == entry.Format &&
		slices.Equal(current.Hosts, entry.Hosts) {
		return nil
	}
	err = pgx.BeginFunc(ctx, d.pool, func(tx pgx.Tx) error { return d.write(ctx, tx, entry) })
	if fault.ReasonOf(err) == ReasonHostConflict {
		// Whoever holds the host may be waiting for one that this tenant gives up.
		if err := d.release(ctx, entry); err != nil {
			return translate(d.plain(err), "giving up the hosts of %s", entry.Key)
		}
	}
	if err != nil {
		return translate(d.plain(err), "publishing %s in the directory", entry.Key)
	}
	return d.giveTime(ctx, entry.Key, entry.Revision)
}

// How long, and how often, Publish looks whether a server took up the news.
const (
	takeUpTimeout = 400 * time.Millisecond
	takeUpEvery   = 20 * time.Millisecond
)

// giveTime lets the servers take up what was published: most do it in less time
// than it takes the operator to look at the tenant once more. Without a server that
// lives nobody is waited for.
func (d *Directory) giveTime(ctx context.Context, key string, revision int64) error {
	for range takeUpTimeout / takeUpEvery {
		living, loaded, err := d.count(ctx, key, revision)
		if err != nil || living == 0 || loaded > 0 || !pause(ctx, takeUpEvery) {
			return err
		}
	}
	return nil
}

func (d *Directory) write(ctx context.Context, tx pgx.Tx, entry tenant.Entry) error {
	a := entry.Application
	const upsert = `INSERT INTO directory (key, hosts, host, port, database, username, ssl_mode, root_ca, sealed, revision, format)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
ON CONFLICT (key) DO UPDATE SET hosts = excluded.hosts, host = excluded.host, port = excluded.port, database = excluded.database,
  username = excluded.username, ssl_mode = excluded.ssl_mode, root_ca = excluded.root_ca, sealed = excluded.sealed,
  revision = excluded.revision, format = excluded.format, updated_at = now()`
	sealed := d.sealer.Seal([]byte(a.Password), entry.Key)
	if entry.Hosts == nil {
		entry.Hosts = []string{}
	}
	if _, err := tx.Exec(ctx, upsert, entry.Key, entry.Hosts, a.Host, a.Port, a.Database, a.User, a.SSLMode, a.RootCA, sealed, entry.Revision, entry.Format); err != nil {
		return err
	}
	// Another revision may leave work to a worker: records that have to be made findable.
	const wake = `WITH woken AS (UPDATE visit SET due_at = least(due_at, now()) WHERE key = $1) SELECT pg_notify('kontor_work', '')`
	if _, err := tx.Exec(ctx, wake, entry.Key); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, "DELETE FROM directory_host WHERE key = $1 AND NOT host = ANY ($2)", entry.Key, entry.Hosts); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, "INSERT INTO directory_host (host, key) SELECT host, $1 FROM unnest($2::text[]) AS h(host) ON CONFLICT DO NOTHING", entry.Key, entry.Hosts); err != nil {
		return err
	}
	var taken []string
	const others = "SELECT coalesce(array_agg(host ORDER BY host), '{}') FROM directory_host WHERE host = ANY ($2) AND key <> $1"
	if err := tx.QueryRow(ctx, others, entry.Key, entry.Hosts).Scan(&taken); err != nil {
		return err
	}
	if len(taken) > 0 {
		return fault.Because(fault.Conflict, ReasonHostConflict, "the host %s leads to another tenant", taken[0])
	}
	return nil
}

// release takes the hosts from the tenant that it does not ask for any more, and gives it nothing.
func (d *Directory) release(ctx context.Context, entry tenant.Entry) error {
	const shrink = `WITH gone AS (DELETE FROM directory_host WHERE key = $1 AND NOT host = ANY ($2))
UPDATE directory SET hosts = ARRAY(SELECT h FROM unnest(hosts) AS h WHERE h = ANY ($2) ORDER BY h), updated_at = now()
WHERE key = $1 AND NOT hosts <@ $2`
	_, err := d.pool.Exec(ctx, shrink, entry.Key, entry.Hosts)
	return err
}

// Remove takes the tenant out.
func (d *Directory) Remove(ctx context.Context, key string) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	const remove = `WITH forgotten AS (DELETE FROM acknowledgement WHERE key = $1) DELETE FROM directory WHERE key = $1`
	_, err := d.pool.Exec(ctx, remove, key)
	return translate(d.plain(err), "removing %s from the directory", key)
}

// Acknowledged counts the living servers that loaded the revision or a later one.
func (d *Directory) Acknowledged(ctx context.Context, key string, revision int64) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	_, loaded, err := d.count(ctx, key, revision)
	return loaded, err
}

// count counts the servers that live, and those of them that loaded the revision or a later one.
func (d *Directory) count(ctx context.Context, key string, revision int64) (living, loaded int, err error) {
	const counting = `SELECT count(*)::int, count(a.server)::int FROM server s
LEFT JOIN acknowledgement a ON a.server = s.id AND a.key = $1 AND a.revision >= $2
WHERE s.heartbeat_at > now() - $3::interval`
	err = d.pool.QueryRow(ctx, counting, key, revision, serverGone).Scan(&living, &loaded)
	return living, loaded, translate(d.plain(err), "counting the servers of %s", key)
}
