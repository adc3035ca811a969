package cmd

import (
	"context"
	"log/slog"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/kontor-crm/kontor/internal/secret"
)

// workerOptions are the flags of `kontor worker`.
type workerOptions struct {
	dataPlaneOptions
	concurrency int
}

func newWorker() *cobra.Command {
	var o workerOptions
	command := &cobra.Command{
		Use:   "worker",
		Short: "Do the tenants' background work: imports, their undoing, exports, housekeeping",
		Long: `Worker does the jobs that lie in the databases of the tenants of the system
database's directory. Any number of workers share the work; what one leaves
behind, when it is stopped or lost, another one goes on with. It knows nothing
of Kubernetes.`,
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
	o.add(command.Flags(), 20)
	command.Flags().IntVar(&o.concurrency, "concurrency", 4, "how many tenants' work is done at once")
	return command
}

// run works until the context ends.
func (o *workerOptions) run(ctx context.Context, system secret.Connection, key []byte, logger *slog.Logger) error {
	p, err := o.open(ctx, system, key, false, logger)
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	if o.listenSystem != "" {
		if err := p.listenSystem(ctx, group, o.listenSystem); err != nil {
			return err
		}
	}
	p.run(ctx, group, func(ctx context.Context) error { return p.work(ctx, o.concurrency) })
	logger.InfoContext(ctx, "worker starts", "worker", p.name)
	return group.Wait()
}
