// Package provision observes and changes PostgreSQL: servers, tenants' databases
// with their roles and rights, their schemas, and the system database. It
// implements the interfaces that the controllers declare.
package provision

import (
	"context"
	"crypto/x509"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/kontor-crm/kontor/internal/fault"
	"github.com/kontor-crm/kontor/internal/schema"
	"github.com/kontor-crm/kontor/internal/secret"
)

// Options are what all parts of this room are given.
type Options struct {
	// Clock tells the time; it is needed.
	Clock func() time.Time
	// Jitter is a random number from 0 to 1; nil is math/rand's.
	Jitter func() float64
	// Tracer sees every statement; nil is none.
	Tracer pgx.QueryTracer
	// Connections is the greatest number of connections to a server for which Limit
	// was not called, at least 2; 0 is 10.
	Connections int
	// ApplicationConnections and ReportingConnections bound the connections of a
	// tenant's two login roles, from all processes; 0 is 100 and 5.
	ApplicationConnections, ReportingConnections int
}

const (
	defaultConnections            = 10
	defaultApplicationConnections = 100
	defaultReportingConnections   = 5

	connectTimeout = 5 * time.Second
	// callTimeout bounds everything that is not known to take long.
	callTimeout = 30 * time.Second
	// lockTimeout is short: whoever waits for a lock of a table makes all others wait behind it.
	lockTimeout = 2 * time.Second
	idleTimeout = 30 * time.Second
)

// Servers are the connections to all PostgreSQL servers: per server a small pool
// to the maintenance database, and short-lived connections to the tenants', all
// under one limit. A server that does not answer is left alone for a while.
type Servers struct {
	options Options
	known   sync.Map // digest of a standard schema -> template

	mu      sync.Mutex
	servers map[string]*server
}

// NewServers connects to nothing yet.
func NewServers(options Options) *Servers {
	if options.Jitter == nil {
		options.Jitter = rand.Float64
	}
	if options.Connections == 0 {
		options.Connections = defaultConnections
	}
	if options.ApplicationConnections == 0 {
		options.ApplicationConnections = defaultApplicationConnections
	}
	if options.ReportingConnections == 0 {
		options.ReportingConnections = defaultReportingConnections
	}
	return &Servers{options: options, servers: map[string]*server{}}
}

// Limit sets the greatest number of connections to the server, at least 2.
// Connections that are in use are not taken away.
func (s *Servers) Limit(conn secret.Connection, connections int) {
	srv := s.server(conn)
	srv.mu.Lock()
	defer srv.mu.Unlock()
	if connections = max(connections, 2); connections != srv.limit {
		srv.setLimit(connections)
	}
}

// Close closes the pools. Connections that are in use close when they are given back.
func (s *Servers) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, srv := range s.servers {
		srv.mu.Lock()
		srv.closePools()
		srv.mu.Unlock()
	}
}

func (s *Servers) server(conn secret.Connection) *server {
	key := fmt.Sprintf("%s:%d", conn.Host, conn.Port)
	s.mu.Lock()
	defer s.mu.Unlock()
	srv, ok := s.servers[key]
	if !ok {
		srv = &server{name: key, breaker: breaker{clock: s.options.Clock, jitter: s.options.Jitter}, pools: map[string]*pool{}}
		srv.setLimit(s.options.Connections)
		s.servers[key] = srv
	}
	return srv
}

// server is one PostgreSQL server.
type server struct {
	name    string
	breaker breaker

	mu    sync.Mutex
	limit int
	// visits are the connections to the tenants' databases; the rest of the limit is the pools'.
	visits *visits
	pools  map[string]*pool
	// templates is held while a template is made, so that this process makes each once.
	templates sync.Mutex
}

type pool struct {
	*pgxpool.Pool
	conn secret.Connection
}

// setLimit shares the limit out: some for the maintenance database, the rest for
// the tenants'. Nobody holds one of the first while he waits for one of the second.
func (srv *server) setLimit(connections int) {
	srv.limit = connections
	srv.closePools()
	srv.visits = &visits{limit: connections - srv.poolSize()}
}

func (srv *server) poolSize() int { return min(max(srv.limit/2, 1), 8) }

func (srv *server) closePools() {
	for key, p := range srv.pools {
		delete(srv.pools, key)
		go p.Close() // waits for those who use it
	}
	if srv.visits != nil {
		go srv.visits.shut()
	}
}

// pool is the pool to the maintenance database, for this role and password.
func (srv *server) pool(ctx context.Context, conn secret.Connection, tracer pgx.QueryTracer) (*pgxpool.Pool, error) {
	srv.mu.Lock()
	defer srv.mu.Unlock()
	key := conn.User + "@" + conn.Database
	if p, ok := srv.pools[key]; ok {
		if p.conn == conn {
			return p.Pool, nil
		}
		delete(srv.pools, key)
		go p.Close() // the password has changed
	}
	base, err := configure(conn, tracer, nil)
	if err != nil {
		return nil, err
	}
	config, err := pgxpool.ParseConfig("")
	if err != nil {
		return nil, fmt.Errorf("preparing the pool: %w", err)
	}
	config.ConnConfig = base
	config.MaxConns = int32(srv.poolSize()) //nolint:gosec // at most 8
	config.MinConns, config.MaxConnIdleTime = 0, idleTimeout
	p, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("preparing the pool: %w", err)
	}
	srv.pools[key] = &pool{Pool: p, conn: conn}
	return p, nil
}

// configure makes the driver's settings. The parameters are part of the session
// from its start, which saves a statement each.
func configure(conn secret.Connection, tracer pgx.QueryTracer, parameters map[string]string) (*pgx.ConnConfig, error) {
	config, err := pgx.ParseConfig(conn.URL())
	if err != nil {
		return nil, fault.New(fault.Stalled, "the address or the SSL mode of %s cannot be read", conn)
	}
	if conn.RootCA != "" && config.TLSConfig != nil {
		roots := x509.NewCertPool()
		if !roots.AppendCertsFromPEM([]byte(conn.RootCA)) {
			return nil, fault.New(fault.Stalled, "the certificates for %s hold none in PEM", conn)
		}
		config.TLSConfig.RootCAs = roots
	}
	config.ConnectTimeout = connectTimeout
	config.Tracer = tracer
	config.DefaultQueryExecMode = pgx.QueryExecModeExec // statements are run once: preparing them is a round trip for nothing
	config.RuntimeParams = map[string]string{
		"application_name": "kontor-operator",
		"timezone":         "UTC",
		"datestyle":        "ISO",
		// Nothing that somebody puts into the schema public stands before the system's own.
		"search_path":                         "pg_catalog",
		"lock_timeout":                        milliseconds(lockTimeout),
		"statement_timeout":                   milliseconds(callTimeout),
		"idle_in_transaction_session_timeout": milliseconds(callTimeout),
	}
	maps.Copy(config.RuntimeParams, parameters)
	return config, nil
}

func milliseconds(d time.Duration) string { return fmt.Sprintf("%d", d.Milliseconds()) }

// maintain runs work on a connection to the maintenance database.
func (s *Servers) maintain(ctx context.Context, conn secret.Connection, work func(ctx context.Context, c *pgx.Conn) error) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	srv := s.server(conn)
	if err := srv.breaker.admit(srv.name); err != nil {
		return err
	}
	p, err := srv.pool(ctx, conn, s.options.Tracer)
	if err != nil {
		return err
	}
	acquired, err := p.Acquire(ctx)
	if err = srv.breaker.report(ctx, err); err != nil {
		return unreachable(err, conn)
	}
	defer acquired.Release()
	return work(ctx, acquired.Conn())
}

// closeConn ends a session and waits until the server has let go of it: until then
// the next one would be one more than allowed.
func closeConn(ctx context.Context, c *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), connectTimeout)
	defer cancel()
	session, err := c.PgConn().Hijack()
	if err != nil { // it is in the midst of something, or closed already
		_ = c.Close(ctx)
		return
	}
	defer func() { _ = session.Conn.Close() }()
	if deadline, ok := ctx.Deadline(); ok {
		_ = session.Conn.SetDeadline(deadline)
	}
	session.Frontend.Send(&pgproto3.Terminate{})
	if session.Frontend.Flush() == nil {
		_, _ = io.Copy(io.Discard, session.Conn)
	}
}

// run executes statements together, in one transaction unless one of them cannot be in one.
func run(ctx context.Context, c *pgx.Conn, statements ...string) error {
	_, err := c.Exec(ctx, strings.Join(statements, ";\n"))
	return err
}

// ident and literal are for the statements that take no arguments.
func ident(name string) string { return schema.QuoteIdent(name) }

func quoted(text string) string { return strings.TrimSpace(schema.QuoteLiteral(text)) }

// authenticationFailed says whether the server refused who we are.
func authenticationFailed(err error) bool {
	code := sqlState(err)
	return code == "28P01" || code == "28000"
}
