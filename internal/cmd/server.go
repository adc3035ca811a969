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
	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/kontor-crm/kontor/internal/auth"
	"github.com/kontor-crm/kontor/internal/rest"
	"github.com/kontor-crm/kontor/internal/secret"
	"github.com/kontor-crm/kontor/internal/web"
)

// serverOptions are the flags of `kontor server`.
type serverOptions struct {
	dataPlaneOptions
	listen         string
	jobs           int
	trustedProxies []string
}

func newServer() *cobra.Command {
	var o serverOptions
	command := &cobra.Command{
		Use:   "server",
		Short: "Run the CRM service: the REST API and the page of all tenants in the directory",
		Long: `Server serves the tenants that the system database's directory lists, each at
its hosts: the API below /api/, the page everywhere else. It knows nothing of Kubernetes: it starts and serves while the API
server is down.`,
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			logger := logTo(command.ErrOrStderr())
			system, key, err := o.read()
			if err != nil {
				return err
			}
			return o.run(command.Context(), system, key, logger)
		},
	}
	flags := command.Flags()
	o.add(flags, 80)
	flags.StringVar(&o.listen, "listen", ":8080", "address of the API and the page")
	flags.IntVar(&o.jobs, "jobs", 0, "how many tenants' background work this process does at once, beside the workers; 0 leaves it to them")
	flags.StringSliceVar(&o.trustedProxies, "trusted-proxy", nil, "network of a proxy whose X-Forwarded-For tells the client's address, such as 10.0.0.0/8; may be given several times")
	return command
}

// stopTimeout is how long requests that run may still take when the process stops.
const stopTimeout = 20 * time.Second

// run serves until the context ends.
func (o *serverOptions) run(ctx context.Context, system secret.Connection, key []byte, logger *slog.Logger) error {
	proxies, err := parseNetworks(o.trustedProxies)
	if err != nil {
		return err
	}
	p, err := o.open(ctx, system, key, true, logger)
	if err != nil {
		return err
	}
	api := rest.New(rest.Options{
		Tenants: p.tenants, Gate: auth.New(time.Now), Clock: time.Now, NewID: newID, Log: logger, Metrics: p.metrics, TrustedProxies: proxies, Wake: p.list.Wake,
	})
	group, ctx := errgroup.WithContext(ctx)
	if err := listen(ctx, group, o.listen, rest.NewServer(beside(api, web.Handler()), logger)); err != nil {
		return err
	}
	if err := p.listenSystem(ctx, group, o.listenSystem); err != nil {
		return err
	}
	p.run(ctx, group, func(ctx context.Context) error {
		if o.jobs == 0 {
			<-ctx.Done()
			return nil
		}
		return p.work(ctx, o.jobs)
	})
	logger.InfoContext(ctx, "server starts", "server", p.name, "listen", o.listen)
	return group.Wait()
}

// beside serves the API below /api/ and the page everywhere else.
func beside(api, page http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/api/", api)
	mux.Handle("/", page)
	return mux
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
