// Package store runs statements in the tenants' databases. It gives the values
// of rows in PostgreSQL's text form, and it is the border that errors of
// PostgreSQL cross: what leaves it never carries the values of a row.
package store

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/semaphore"

	"github.com/kontor-crm/kontor/internal/secret"
)

// The defaults of Options.
const (
	defaultConnections       = 80
	defaultTenantConnections = 6
	defaultStatementTimeout  = 30 * time.Second
)

const (
	connectTimeout = 5 * time.Second
	// idleAfter is short: a tenant that nobody asks for holds no connection.
	idleAfter   = 10 * time.Second
	checkEvery  = 5 * time.Second
	lockTimeout = 10 * time.Second
	// waitTimeout is how long a request waits for a connection.
	waitTimeout = 10 * time.Second
)

// Options bound what a process takes of its databases.
type Options struct {
	// Connections is the most that are in use at once at one PostgreSQL server, over
	// all its tenants; 0 is 80. The renewals of leases do not count.
	Connections int
	// TenantConnections is the most that one tenant's requests use at once; 0 is 6.
	TenantConnections int
	// StatementTimeout bounds each statement; 0 is 30 seconds.
	StatementTimeout time.Duration
	// PlainStatements prepares nothing on the connections: for poolers that give
	// each transaction another one.
	PlainStatements bool
}

// Opener opens databases under one bound for all those of a server.
type Opener struct {
	options Options

	mu sync.Mutex
	// inUse are the bounds by server: one that is down holds up nobody but its own tenants.
	inUse map[string]*semaphore.Weighted
}

// New is an opener; zero options are the defaults.
func New(options Options) *Opener {
	if options.Connections == 0 {
		options.Connections = defaultConnections
	}
	if options.TenantConnections == 0 {
		options.TenantConnections = defaultTenantConnections
	}
	if options.StatementTimeout == 0 {
		options.StatementTimeout = defaultStatementTimeout
	}
	return &Opener{options: options, inUse: map[string]*semaphore.Weighted{}}
}

// server is the bound of the connection's server.
func (o *Opener) server(connection secret.Connection) *semaphore.Weighted {
	o.mu.Lock()
	defer o.mu.Unlock()
	address := net.JoinHostPort(connection.Host, strconv.Itoa(connection.Port))
	if _, ok := o.inUse[address]; !ok {
		o.inUse[address] = semaphore.NewWeighted(int64(o.options.Connections))
	}
	return o.inUse[address]
}

// Database is a tenant's database. It runs statements (crm.Runner), keeps
// credentials and sessions (auth.Store) and knows the applied schema
// (tenancy.Database).
type Database struct {
	*runner
	*sessions
	*revisions
	pool *pgxpool.Pool
}

// Open prepares a database; the first statement connects to it.
func (o *Opener) Open(ctx context.Context, connection secret.Connection) (*Database, error) {
	config, err := o.configure(connection)
	if err != nil {
		return nil, err
	}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("preparing the connections to %s: %w", connection, err)
	}
	connections := &connections{
		pool: pool, own: semaphore.NewWeighted(int64(o.options.TenantConnections)), inUse: o.server(connection),
	}
	return &Database{
		runner: &runner{connections: connections}, sessions: &sessions{connections}, revisions: &revisions{connections}, pool: pool,
	}, nil
}

// Close lets go of the connections. It does not wait for those that are in use.
func (d *Database) Close() { go d.pool.Close() }

func (o *Opener) configure(connection secret.Connection) (*pgxpool.Config, error) {
	config, err := pgxpool.ParseConfig(connection.URL())
	if err != nil {
		// The error of pgx shows the URL that it could not read.
		return nil, fmt.Errorf("the connection to %s cannot be read", connection)
	}
	if err := trust(config.ConnConfig, connection.RootCA); err != nil {
		return nil, err
	}
	config.MinConns = 0
	config.MaxConns = int32(o.options.TenantConnections) + 1 //nolint:gosec // a handful, and one to renew the lease
	config.MaxConnIdleTime = idleAfter
	config.HealthCheckPeriod = checkEvery
	config.ConnConfig.ConnectTimeout = connectTimeout
	if o.options.PlainStatements {
		config.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeExec
	}
	config.ConnConfig.RuntimeParams = map[string]string{
		"application_name":                    "kontor",
		"timezone":                            "UTC",
		"jit":                                 "off", // compiling the subqueries of an expression takes longer than all of the rest
		"datestyle":                           "ISO",
		"statement_timeout":                   milliseconds(o.options.StatementTimeout),
		"lock_timeout":                        milliseconds(lockTimeout),
		"idle_in_transaction_session_timeout": milliseconds(o.options.StatementTimeout),
	}
	config.AfterConnect = readText
	return config, nil
}

func milliseconds(d time.Duration) string { return fmt.Sprintf("%d", d.Milliseconds()) }

// trust makes the certificates the only ones that a verified connection accepts.
func trust(config *pgx.ConnConfig, rootCA string) error {
	if rootCA == "" || config.TLSConfig == nil {
		return nil
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM([]byte(rootCA)) {
		return errors.New("the connection's root certificates are not in PEM")
	}
	config.TLSConfig.RootCAs = roots
	for _, fallback := range config.Fallbacks {
		if fallback.TLSConfig != nil {
			fallback.TLSConfig.RootCAs = roots
		}
	}
	return nil
}

// readText makes the connection read and write all values in PostgreSQL's text
// form: rows become JSON straight from it.
func readText(_ context.Context, connection *pgx.Conn) error {
	types := connection.TypeMap()
	for _, name := range []string{
		"bool", "bytea", "int2", "int4", "int8", "numeric", "date", "time", "timestamptz", "uuid", "float8",
		"_text", "_uuid", "_int4", "_int8", "_numeric", "_date", "_time", "_timestamptz", "_bool", "jsonb",
	} {
		if t, ok := types.TypeForName(name); ok {
			types.RegisterType(&pgtype.Type{Name: t.Name, OID: t.OID, Codec: &pgtype.TextFormatOnlyCodec{Codec: t.Codec}})
		}
	}
	return nil
}

// connections are those to one database.
type connections struct {
	pool *pgxpool.Pool
	// own bounds the tenant's requests, inUse those of all tenants of its server.
	own, inUse *semaphore.Weighted
}

// use lends a connection to f. Whoever waits for the tenant's own connections
// keeps none of the other tenants from theirs.
func (c *connections) use(ctx context.Context, f func(*pgxpool.Conn) error) error {
	waiting, cancel := context.WithTimeout(ctx, waitTimeout)
	defer cancel()
	if err := c.own.Acquire(waiting, 1); err != nil {
		return busy(err)
	}
	defer c.own.Release(1)
	if err := c.inUse.Acquire(waiting, 1); err != nil {
		return busy(err)
	}
	defer c.inUse.Release(1)
	return c.lend(waiting, f)
}

// lend asks for no bound: beside what requests take there is one connection
// more, so that a tenant whose statements are slow does not lose its lease over them.
func (c *connections) lend(ctx context.Context, f func(*pgxpool.Conn) error) error {
	connection, err := c.pool.Acquire(ctx)
	if err != nil {
		return translate(err)
	}
	defer connection.Release()
	return f(connection)
}
