package cmd

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/kontor-crm/kontor/internal/auth"
	"github.com/kontor-crm/kontor/internal/directory"
	"github.com/kontor-crm/kontor/internal/jobs"
	"github.com/kontor-crm/kontor/internal/rest"
	"github.com/kontor-crm/kontor/internal/secret"
	"github.com/kontor-crm/kontor/internal/store"
	"github.com/kontor-crm/kontor/internal/tenancy"
)

// serverOptions are the flags of `kontor server`.
type serverOptions struct {
	systemDatabaseFile string
	keyFile            string
	listen             string
	listenSystem       string
	connections        int
	jobs               int
	pooler             bool
	trustedProxies     []string
}

func newServer() *cobra.Command {
	var o serverOptions
	command := &cobra.Command{
		Use:   "server",
		Short: "Run the CRM service: the REST API of all tenants in the directory",
		Long: `Server serves the tenants that the system database's directory lists, each at
its hosts. It knows nothing of Kubernetes: it starts and serves while the API
server is down.`,
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
	flags.StringVar(&o.listen, "listen", ":8080", "address of the API")
	flags.StringVar(&o.listenSystem, "listen-system", ":8081", "address of /healthz, /readyz and /metrics")
	flags.IntVar(&o.connections, "connections", 80, "the most connections to one database server at once, over all its tenants")
	flags.IntVar(&o.jobs, "jobs", 0, "how many tenants' background work this process does at once, beside the workers; 0 leaves it to them")
	flags.BoolVar(&o.pooler, "pooler", false, "the databases are reached through a pooler that gives each transaction another connection")
	flags.StringSliceVar(&o.trustedProxies, "trusted-proxy", nil, "network of a proxy whose X-Forwarded-For tells the client's address, such as 10.0.0.0/8; may be given several times")
	return command
}

// stopTimeout is how long requests that run may still take when the process stops.
const stopTimeout = 20 * time.Second

// run serves until the context ends.
func (o *serverOptions) run(ctx context.Context, system secret.Connection, key []byte, logger *slog.Logger) error {
	credentials, err := secret.NewSealer(key, "directory")
	if err != nil {
		return err
	}
	cursors, err := secret.NewSealer(key, "cursor")
	if err != nil {
		return err
	}
	proxies, err := parseNetworks(o.trustedProxies)
	if err != nil {
		return err
	}
	name := uuid.NewString()
	list, err := directory.Open(ctx, directory.Options{System: system, Sealer: credentials, Server: name, Log: logger})
	if err != nil {
		return fmt.Errorf("opening the directory: %w", err)
	}
	databases := store.New(store.Options{Connections: o.connections, PlainStatements: o.pooler})
	tenants := tenancy.New(tenancy.Config[rest.Database]{
		Directory: list,
		Open: func(ctx context.Context, connection secret.Connection) (rest.Database, error) {
			return databases.Open(ctx, connection)
		},
		Cursors: cursors, Server: name, Clock: time.Now, Log: logger,
		// An open tenant holds a connection.
		MaxOpen: o.connections,
	})
	list.OnChange(tenants.Changed)
	metrics := prometheus.NewRegistry()
	metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	api := rest.New(rest.Options{
		Tenants: tenants, Gate: auth.New(time.Now), Clock: time.Now, NewID: newID, Log: logger, Metrics: metrics, TrustedProxies: proxies, Wake: list.Wake,
	})
	group, ctx := errgroup.WithContext(ctx)
	// What is handed back when the process stops still needs the databases.
	standing, stop := context.WithCancel(context.WithoutCancel(ctx))
	group.Go(func() error { return ignoreCanceled(list.Run(standing)) })
	group.Go(func() error { return ignoreCanceled(tenants.Run(standing)) })
	group.Go(func() error {
		defer stop()
		if o.jobs == 0 {
			<-ctx.Done()
			return nil
		}
		return jobs.New(jobs.Options[rest.Database]{
			Calendar: list, Tenants: tenants, Kinds: jobs.Kinds(), Clock: time.Now, NewID: newID, Log: logger, Concurrency: o.jobs,
		}).Run(ctx)
	})
	for _, door := range []struct {
		address string
		handler http.Handler
	}{
		{o.listen, api},
		{o.listenSystem, rest.System(rest.SystemOptions{Ready: list.Ready, Metrics: metrics})},
	} {
		if err := listen(ctx, group, door.address, rest.NewServer(door.handler, logger)); err != nil {
			return err
		}
	}
	logger.InfoContext(ctx, "server starts", "server", name, "listen", o.listen)
	return group.Wait()
}

// newID is the id of a new record: version 7 keeps the order of creation, which indexes like.
func newID() (string, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return "", fmt.Errorf("making an id: %w", err)
	}
	return id.String(), nil
}

func parseNetworks(texts []string) ([]netip.Prefix, error) {
	networks := make([]netip.Prefix, 0, len(texts))
	for _, text := range texts {
		network, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, fmt.Errorf("--trusted-proxy %q is no network such as 10.0.0.0/8; %w", text, errUsage)
		}
		networks = append(networks, network)
	}
	return networks, nil
}

// listen serves at an address until the context ends, then lets running requests finish.
func listen(ctx context.Context, group *errgroup.Group, address string, server *http.Server) error {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("listening at %s: %w", address, err)
	}
	group.Go(func() error {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("serving at %s: %w", address, err)
		}
		return nil
	})
	group.Go(func() error {
		<-ctx.Done()
		stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
		defer cancel()
		if err := server.Shutdown(stopping); err != nil {
			return fmt.Errorf("stopping at %s: %w", address, err)
		}
		return nil
	})
	return nil
}
