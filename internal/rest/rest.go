// Package rest is the API over HTTP: requests in, records out. It finds the
// tenant by the host, asks who is there, hands the wish to crm, and turns
// faults into application/problem+json.
package rest

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/kontor-crm/kontor/internal/auth"
	"github.com/kontor-crm/kontor/internal/crm"
	"github.com/kontor-crm/kontor/internal/tenancy"
)

// Database is what a request needs of a tenant's database.
type Database interface {
	tenancy.Database
	crm.Runner
	auth.Store
	// Proving is a Runner that does nothing for a claim that does not hold: an open
	// one is proved in the round trip of the first statement.
	Proving(claim *auth.Claim) crm.Runner
}

// Tenants leads from the host of a request to its tenant; the caller says when it is done with it.
type Tenants interface {
	Acquire(ctx context.Context, host string) (tenant *tenancy.Tenant[Database], done func(), err error)
}

// Options are what the API stands on. All are needed but those that say otherwise.
type Options struct {
	Tenants Tenants
	Gate    *auth.Gate
	Clock   func() time.Time
	// NewID makes the id of a record, a UUID of version 7.
	NewID func() (string, error)
	Log   *slog.Logger
	// Wake tells a worker that the tenant of a key has a new job; nil tells nobody.
	Wake func(ctx context.Context, key string) error
	// Metrics is where the API's own metrics are registered; nil registers none.
	Metrics prometheus.Registerer
	// TrustedProxies are those whose X-Forwarded-For tells the client's address; none by default.
	TrustedProxies []netip.Prefix
}

// New is the API of all tenants.
func New(o Options) http.Handler {
	metrics := newMetrics(o.Metrics)
	return edge(o, metrics, routes(o))
}

// The times of a connection. A file and an export set their own as they go on.
const (
	readHeaderTimeout = 10 * time.Second
	readTimeout       = time.Minute
	writeTimeout      = time.Minute
	idleTimeout       = 2 * time.Minute
	maxHeaderBytes    = 64 << 10
)

// NewServer is an HTTP server with the bounds that a public one needs.
func NewServer(handler http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler: handler, ReadHeaderTimeout: readHeaderTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout,
		IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeaderBytes, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
}
