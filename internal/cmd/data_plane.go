package cmd

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/spf13/pflag"
	"golang.org/x/sync/errgroup"

	"github.com/kontor-crm/kontor/internal/directory"
	"github.com/kontor-crm/kontor/internal/jobs"
	"github.com/kontor-crm/kontor/internal/rest"
	"github.com/kontor-crm/kontor/internal/secret"
	"github.com/kontor-crm/kontor/internal/store"
	"github.com/kontor-crm/kontor/internal/tenancy"
)

// dataPlaneOptions are the flags that the service and the worker have in common.
type dataPlaneOptions struct {
	systemDatabaseFile string
	keyFile            string
	listenSystem       string
	connections        int
	pooler             bool
}

func (o *dataPlaneOptions) add(flags *pflag.FlagSet, connections int) {
	flags.StringVar(&o.systemDatabaseFile, "system-database-url-file", "", "file with the URL of the system database")
	flags.StringVar(&o.keyFile, "key-file", "", "file with the key that opens the credentials in the system database: 32 bytes in base64, the operator's")
	flags.StringVar(&o.listenSystem, "listen-system", ":8081", "address of /healthz, /readyz and /metrics")
	flags.IntVar(&o.connections, "connections", connections, "the most connections to one database server at once, over all its tenants")
	flags.BoolVar(&o.pooler, "pooler", false, "the databases are reached through a pooler that gives each transaction another connection")
}

// read reads the files that the flags name.
func (o *dataPlaneOptions) read() (system secret.Connection, key []byte, err error) {
	if system, err = readSystemDatabase(o.systemDatabaseFile); err != nil {
		return system, nil, err
	}
	key, err = readKey(o.keyFile)
	return system, key, err
}

// dataPlane is what the service and the worker stand on: the directory and the tenants in it.
type dataPlane struct {
	// name tells this process from others in leases and acknowledgements.
	name    string
	list    *directory.Directory
	tenants *tenancy.Tenants[rest.Database]
	metrics *prometheus.Registry
	logger  *slog.Logger
}

// open connects to the system database. A process that serves acknowledges the
// revisions that it has.
func (o *dataPlaneOptions) open(ctx context.Context, system secret.Connection, key []byte, serves bool, logger *slog.Logger) (*dataPlane, error) {
	credentials, err := secret.NewSealer(key, "directory")
	if err != nil {
		return nil, err
	}
	cursors, err := secret.NewSealer(key, "cursor")
	if err != nil {
		return nil, err
	}
	p := &dataPlane{name: uuid.NewString(), metrics: prometheus.NewRegistry(), logger: logger}
	p.metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	follow := directory.Options{System: system, Sealer: credentials, Log: logger}
	if serves {
		follow.Server = p.name
	}
	if p.list, err = directory.Open(ctx, follow); err != nil {
		return nil, fmt.Errorf("opening the directory: %w", err)
	}
	databases := store.New(store.Options{Connections: o.connections, PlainStatements: o.pooler})
	p.tenants = tenancy.New(tenancy.Config[rest.Database]{
		Directory: p.list,
		Open: func(ctx context.Context, connection secret.Connection) (rest.Database, error) {
			return databases.Open(ctx, connection)
		},
		Cursors: cursors, Server: p.name, Clock: time.Now, Log: logger,
		// An open tenant holds a connection.
		MaxOpen: o.connections,
	})
	if serves {
		p.list.OnChange(p.tenants.Changed)
	}
	return p, nil
}

// run keeps the directory and the tenants until work has ended: what is handed back
// when the process stops still needs the databases.
func (p *dataPlane) run(ctx context.Context, group *errgroup.Group, work func(context.Context) error) {
	standing, stop := context.WithCancel(context.WithoutCancel(ctx))
	group.Go(func() error { return ignoreCanceled(p.list.Run(standing)) })
	group.Go(func() error { return ignoreCanceled(p.tenants.Run(standing)) })
	group.Go(func() error {
		defer stop()
		return ignoreCanceled(work(ctx))
	})
}

// work does the background work of so many tenants at once, until the context ends.
func (p *dataPlane) work(ctx context.Context, concurrency int) error {
	return jobs.New(jobs.Options[rest.Database]{
		Calendar: p.list, Tenants: p.tenants, Kinds: jobs.Kinds(), Clock: time.Now, NewID: newID, Log: p.logger, Concurrency: concurrency,
	}).Run(ctx)
}

// listenSystem answers /healthz, /readyz and /metrics.
func (p *dataPlane) listenSystem(ctx context.Context, group *errgroup.Group, address string) error {
	return listen(ctx, group, address, rest.NewServer(rest.System(rest.SystemOptions{Ready: p.list.Ready, Metrics: p.metrics}), p.logger))
}
