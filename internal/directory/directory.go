// Package directory knows the tenants that this process may serve, from the
// table in the system database. It follows the table's changes, and goes on
// with what it knows while the system database is away.
package directory

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/errgroup"

	"github.com/kontor-crm/kontor/internal/secret"
	"github.com/kontor-crm/kontor/internal/tenancy"
)

// Options say where the directory is and who reads it.
type Options struct {
	// System leads to the system database.
	System secret.Connection
	// Sealer opens the passwords; its purpose is "directory".
	Sealer *secret.Sealer
	// Server names this process; no two processes share a name. A process without a
	// name serves nobody, and gives no signs of life.
	Server string
	// Shard limits what is served to tenants of that shard and of none; empty is the tenants of none.
	Shard string
	Log   *slog.Logger
	// HeartbeatEvery is the time between signs of life; 0 is 5 seconds.
	HeartbeatEvery time.Duration
}

const (
	defaultHeartbeat = 5 * time.Second
	connectTimeout   = 5 * time.Second
	callTimeout      = 10 * time.Second
	poolConnections  = 2
)

// Directory is the list of tenants. It implements tenancy.Directory.
type Directory struct {
	options Options
	pool    *pgxpool.Pool
	// changed is told each key whose entry is new, different or gone.
	changed func(key string)
	// woken holds a word when somebody has left work for a worker.
	woken chan struct{}

	mu      sync.RWMutex
	synced  bool
	entries map[string]tenancy.Entry
	hosts   map[string]string // host -> key

	acks acknowledgements
}

var _ tenancy.Directory = (*Directory)(nil)

// Open prepares the directory; Run reads it.
func Open(ctx context.Context, options Options) (*Directory, error) {
	if options.HeartbeatEvery == 0 {
		options.HeartbeatEvery = defaultHeartbeat
	}
	config, err := configure(options.System)
	if err != nil {
		return nil, err
	}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("preparing the connections to the system database: %w", err)
	}
	return &Directory{
		options: options, pool: pool, changed: func(string) {}, woken: make(chan struct{}, 1),
		entries: map[string]tenancy.Entry{}, hosts: map[string]string{}, acks: acknowledgements{loaded: map[string]int64{}},
	}, nil
}

// OnChange names who is told the keys of changed entries; it is called before Run.
func (d *Directory) OnChange(changed func(key string)) { d.changed = changed }

// Run follows the directory until ctx ends. Trouble with the system database
// does not end it.
func (d *Directory) Run(ctx context.Context) error {
	defer d.pool.Close()
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { d.follow(ctx); return nil })
	if d.options.Server != "" {
		group.Go(func() error { d.live(ctx); return nil })
	}
	return group.Wait()
}

// Ready is nil when the directory was read at least once.
func (d *Directory) Ready(context.Context) error {
	d.mu.RLock()
	defer d.mu.RUnlock()
	if !d.synced {
		return errors.New("the directory of tenants has not been read yet")
	}
	return nil
}

// ByHost is the tenant that is served at the host.
func (d *Directory) ByHost(host string) (tenancy.Entry, bool) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	key, ok := d.hosts[host]
	if !ok {
		return tenancy.Entry{}, false
	}
	return d.entries[key], true
}

// ByKey is the tenant of that key.
func (d *Directory) ByKey(key string) (tenancy.Entry, bool) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	entry, ok := d.entries[key]
	return entry, ok
}

// Only is the tenant when there is exactly one.
func (d *Directory) Only() (tenancy.Entry, bool) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	if len(d.entries) != 1 {
		return tenancy.Entry{}, false
	}
	for _, entry := range d.entries {
		return entry, true
	}
	return tenancy.Entry{}, false
}

func configure(connection secret.Connection) (*pgxpool.Config, error) {
	config, err := pgxpool.ParseConfig(connection.URL())
	if err != nil {
		// The error of pgx shows the URL that it could not read.
		return nil, fmt.Errorf("the connection to the system database, %s, cannot be read", connection)
	}
	if connection.RootCA != "" && config.ConnConfig.TLSConfig != nil {
		roots := x509.NewCertPool()
		if !roots.AppendCertsFromPEM([]byte(connection.RootCA)) {
			return nil, errors.New("the root certificates of the system database are not in PEM")
		}
		config.ConnConfig.TLSConfig.RootCAs = roots
	}
	config.MinConns, config.MaxConns = 0, poolConnections
	config.ConnConfig.ConnectTimeout = connectTimeout
	config.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeExec
	config.ConnConfig.RuntimeParams = map[string]string{
		"application_name": "kontor", "timezone": "UTC", "search_path": "public",
	}
	return config, nil
}
