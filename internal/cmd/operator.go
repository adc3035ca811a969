package cmd

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/runtime"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	kube "sigs.k8s.io/controller-runtime/pkg/client"
	kubeconfig "sigs.k8s.io/controller-runtime/pkg/config"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	crmv1 "github.com/kontor-crm/kontor/api/v1alpha1"
	"github.com/kontor-crm/kontor/controllers"
	"github.com/kontor-crm/kontor/controllers/tenant"
	"github.com/kontor-crm/kontor/internal/provision"
	"github.com/kontor-crm/kontor/internal/reconcile"
	"github.com/kontor-crm/kontor/internal/rollout"
	"github.com/kontor-crm/kontor/internal/secret"
)

// operatorOptions are the flags of `kontor operator`.
type operatorOptions struct {
	kubeconfig         string
	systemDatabaseFile string
	keyFile            string
	healthListen       string
	metricsListen      string
	leaderElect        bool
	settings           tenant.Settings
}

func newOperator() *cobra.Command {
	var o operatorOptions
	command := &cobra.Command{
		Use:   "operator",
		Short: "Run the controllers that turn tenants' resources into databases and services",
		Args:  cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			logger := logTo(command.ErrOrStderr())
			system, err := readSystemDatabase(o.systemDatabaseFile)
			if err != nil {
				return err
			}
			key, err := readKey(o.keyFile)
			if err != nil {
				return err
			}
			config, err := clusterConfig(o.kubeconfig)
			if err != nil {
				return err
			}
			return o.run(command.Context(), config, system, key, logger)
		},
	}
	flags := command.Flags()
	flags.StringVar(&o.kubeconfig, "kubeconfig", "", "cluster to work on; empty: the one that this process runs in")
	flags.StringVar(&o.systemDatabaseFile, "system-database-url-file", "", "file with the URL of the system database, which is made when it is missing")
	flags.StringVar(&o.keyFile, "key-file", "", "file with the key that seals credentials in the system database: 32 bytes in base64")
	flags.StringVar(&o.settings.Installation, "installation", "kontor", "name of this installation; part of the name of every database, so it never changes")
	flags.StringVar(&o.settings.Namespace, "namespace", "kontor-system", "the operator's own namespace, where the Secrets of the DatabaseServers lie")
	flags.StringVar(&o.settings.ServiceAccount, "service-account", "", "the operator's own ServiceAccount, NAMESPACE/NAME, which it binds in tenants' namespaces; empty: it may write Secrets anyway")
	flags.StringSliceVar(&o.settings.HostSuffixes, "host-suffix", []string{"localhost"}, "domain below which the hosts of tenants lie; may be given several times")
	flags.IntVar(&o.settings.URLPort, "url-port", 0, "port that is shown in the addresses of tenants; 0: https at its own port")
	flags.IntVar(&o.settings.Concurrency, "concurrency", 4, "how many tenants are worked on at the same time")
	flags.StringVar(&o.healthListen, "health-listen", ":8081", "address of /healthz and /readyz")
	flags.StringVar(&o.metricsListen, "metrics-listen", ":8082", "address of /metrics; 0: none")
	flags.BoolVar(&o.leaderElect, "leader-elect", false, "of several operators only one works at a time")
	return command
}

// clusterConfig is the way to the API server.
func clusterConfig(path string) (*rest.Config, error) {
	if path == "" {
		config, err := ctrl.GetConfig()
		if err != nil {
			return nil, fmt.Errorf("finding the cluster: %w", err)
		}
		return config, nil
	}
	config, err := clientcmd.BuildConfigFromFlags("", path)
	if err != nil {
		return nil, fmt.Errorf("reading the kubeconfig: %w", err)
	}
	return config, nil
}

// newScheme knows Kubernetes' kinds and ours.
func newScheme() *runtime.Scheme {
	scheme := runtime.NewScheme()
	utilruntime.Must(clientgoscheme.AddToScheme(scheme))
	utilruntime.Must(crmv1.AddToScheme(scheme))
	return scheme
}

// The limits of the operator's requests to the API server: a thousand tenants
// start in minutes, and the server's own fairness does the rest.
const (
	kubeQPS   = 200
	kubeBurst = 400
)

// run works until the context ends.
func (o *operatorOptions) run(ctx context.Context, config *rest.Config, system secret.Connection, key []byte, logger *slog.Logger) error {
	sealer, err := secret.NewSealer(key, "directory")
	if err != nil {
		return err
	}
	directory, err := provision.OpenSystem(ctx, system, sealer, provision.Options{Clock: time.Now})
	if err != nil {
		return fmt.Errorf("opening the system database: %w", err)
	}
	defer directory.Close()
	servers := provision.NewServers(provision.Options{Clock: time.Now})
	defer servers.Close()

	config = rest.CopyConfig(config)
	config.QPS, config.Burst = kubeQPS, kubeBurst
	manager, err := ctrl.NewManager(config, ctrl.Options{
		Scheme:                        newScheme(),
		Metrics:                       metricsserver.Options{BindAddress: o.metricsListen},
		HealthProbeBindAddress:        o.healthListen,
		LeaderElection:                o.leaderElect,
		LeaderElectionID:              "kontor-operator",
		LeaderElectionNamespace:       o.settings.Namespace,
		LeaderElectionReleaseOnCancel: true,
		// No cluster-wide right to Secrets: those of the operator's namespace are
		// watched (their metadata), all others are read one by one; and so are RoleBindings.
		Client: kube.Options{Cache: &kube.CacheOptions{DisableFor: []kube.Object{&corev1.Secret{}, &rbacv1.RoleBinding{}}}},
		Cache:  cache.Options{ByObject: map[kube.Object]cache.ByObject{&corev1.Secret{}: {Namespaces: map[string]cache.Config{o.settings.Namespace: {}}}}},
		// `kontor dev` and tests run several managers in one process.
		Controller: kubeconfig.Controller{SkipNameValidation: new(true)},
	})
	if err != nil {
		return fmt.Errorf("starting the manager: %w", err)
	}
	if err := manager.AddHealthzCheck("ping", healthz.Ping); err != nil {
		return fmt.Errorf("adding the health check: %w", err)
	}
	if err := manager.AddReadyzCheck("caches", func(request *http.Request) error {
		if !manager.GetCache().WaitForCacheSync(request.Context()) {
			return fmt.Errorf("the caches are not filled yet")
		}
		return nil
	}); err != nil {
		return fmt.Errorf("adding the readiness check: %w", err)
	}
	schemas := provision.NewSchemas(servers)
	rollouts := rollout.New(schemas, time.Now)
	if err := manager.Add(rollouts); err != nil {
		return fmt.Errorf("adding the rollouts: %w", err)
	}
	if err := controllers.Setup(manager, controllers.Parts{
		Prober: provision.NewProber(servers), Databases: provision.NewDatabases(servers), Schemas: schemas, Rollouts: rollouts, Directory: directory,
		Now: time.Now, Pace: reconcile.DefaultPace(), Settings: o.settings,
	}); err != nil {
		return err
	}
	logger.InfoContext(ctx, "operator starts", "installation", o.settings.Installation)
	return manager.Start(ctx)
}
