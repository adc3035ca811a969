package cmd

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/kontor-crm/kontor/internal/directory"
	"github.com/kontor-crm/kontor/internal/jobs"
	"github.com/kontor-crm/kontor/internal/rest"
	"github.com/kontor-crm/kontor/internal/secret"
	"github.com/kontor-crm/kontor/internal/store"
	"github.com/kontor-crm/kontor/internal/tenancy"
)

// workerOptions are the flags of `kontor worker`.
type workerOptions struct {
	systemDatabaseFile string
	keyFile            string
	listenSystem       string
	connections        int
	concurrency        int
	pooler             bool
}

func newWorker() *cobra.Command {
	var o workerOptions
	command := &cobra.Command{
		Use:   "worker",
		Short: "Do the tenants' background work: imports, their undoing, housekeeping",
		Long: `Worker does the jobs that lie in the databases of the tenants of the system
database's directory. Any number of workers share the work; what one leaves
behind, when it is stopped or lost, another one goes on with. It knows nothing
of Kubernetes.`,
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			logger := logTo(command.ErrOrStderr(), slog.LevelInfo)
			system, err := readSystemDatabase(o.systemDatabaseFile)
			if err != nil {
				return err
			}
			key, err := readKey(o.keyFile)
			if err != nil {
				return err
			}
			return o.run(command.Context(), system, key, logger)
		},
	}
	flags := command.Flags()
	flags.StringVar(&o.systemDatabaseFile, "system-database-url-file", "", "file with the URL of the system database")
	flags.StringVar(&o.keyFile, "key-file", "", "file with the key that opens the credentials in the system database: 32 bytes in base64, the operator's")
	flags.StringVar(&o.listenSystem, "listen-system", ":8081", "address of /healthz, /readyz and /metrics")
	flags.IntVar(&o.connections, "connections", 20, "the most connections to one database server at once, over all its tenants")
	flags.IntVar(&o.concurrency, "concurrency", 4, "how many tenants' work is done at once")
	flags.BoolVar(&o.pooler, "pooler", false, "the databases are reached through a pooler that gives each transaction another connection")
	return command
}

// run works until the context ends.
func (o *workerOptions) run(ctx context.Context, system secret.Connection, key []byte, logger *slog.Logger) error {
	credentials, err := secret.NewSealer(key, "directory")
	if err != nil {
		return err
	}
	cursors, err := secret.NewSealer(key, "cursor")
	if err != nil {
		return err
	}
	list, err := directory.Open(ctx, directory.Options{System: system, Sealer: credentials, Log: logger})
	if err != nil {
		return fmt.Errorf("opening the directory: %w", err)
	}
	databases := store.New(store.Options{Connections: o.connections, PlainStatements: o.pooler})
	name := uuid.NewString()
	tenants := tenancy.New(tenancy.Config[*store.Database]{
		Directory: list, Open: databases.Open, Cursors: cursors, Server: name, Clock: time.Now, Log: logger, MaxOpen: o.connections,
	})
	worker := jobs.New(jobs.Options[*store.Database]{
		Calendar: list, Tenants: tenants, Kinds: jobs.Kinds(), Clock: time.Now, NewID: newID, Log: logger, Concurrency: o.concurrency,
	})
	group, ctx := errgroup.WithContext(ctx)
	// What the worker hands back when it stops still needs the databases.
	standing, stop := context.WithCancel(context.WithoutCancel(ctx))
	group.Go(func() error { return ignoreCanceled(list.Run(standing)) })
	group.Go(func() error { return ignoreCanceled(tenants.Run(standing)) })
	group.Go(func() error {
		defer stop()
		return ignoreCanceled(worker.Run(ctx))
	})
	if o.listenSystem != "" {
		metrics := prometheus.NewRegistry()
		metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
		system := rest.System(rest.SystemOptions{Ready: list.Ready, Metrics: metrics})
		if err := listen(ctx, group, o.listenSystem, rest.NewServer(system, logger)); err != nil {
			stop()
			return err
		}
	}
	logger.InfoContext(ctx, "worker starts", "worker", name)
	return group.Wait()
}
