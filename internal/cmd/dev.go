package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/rest"
	kube "sigs.k8s.io/controller-runtime/pkg/client"

	crmv1 "github.com/kontor-crm/kontor/api/v1alpha1"
	"github.com/kontor-crm/kontor/config"
	"github.com/kontor-crm/kontor/controllers/tenant"
	"github.com/kontor-crm/kontor/internal/local"
	"github.com/kontor-crm/kontor/internal/secret"
)

// What `kontor dev` makes in its cluster.
const (
	devNamespace    = "kontor-system"
	devServer       = "local"
	devAdminSecret  = "local-admin"
	devInstallation = "dev"
	devSample       = "acme"
	devTimeout      = 5 * time.Minute
	devPoll         = 200 * time.Millisecond

	devWorkerConnections = 10
	devWorkerTenants     = 2
)

type devOptions struct {
	data          string
	kubeconfig    string
	kubeBinary    string
	port          int
	systemPort    int
	exitWhenReady bool
	verbose       bool
}

func newDev() *cobra.Command {
	var o devOptions
	command := &cobra.Command{
		Use:   "dev",
		Short: "Run everything on this machine: a cluster, PostgreSQL, the operator, the service, a sample tenant",
		Long: `Dev starts a real Kubernetes API server and a real PostgreSQL server as its
children, runs the operator, the CRM service and the worker in this process,
applies the sample tenant, imports its data, and prints where to look. Everything
ends with it; with --data the next start goes on where this one ended.

The sample's records are read from ../shared/data, or from the folder that
KONTOR_SAMPLE_DATA names; without them the tenant starts empty.`,
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			return o.run(command.Context(), command.OutOrStdout(), command.ErrOrStderr())
		},
	}
	flags := command.Flags()
	flags.StringVar(&o.data, "data", "", "folder that keeps everything for the next start; empty: a temporary one")
	flags.StringVar(&o.kubeconfig, "kubeconfig", "", "use this cluster instead of starting one")
	flags.StringVar(&o.kubeBinary, "kube", "", "the cluster's binary; empty: kube beside this program, or the programs in KUBEBUILDER_ASSETS")
	flags.IntVar(&o.port, "port", 8080, "port of the CRM service on the loopback address")
	flags.IntVar(&o.systemPort, "system-port", 8081, "port of /healthz, /readyz and /metrics on the loopback address")
	flags.BoolVar(&o.exitWhenReady, "exit-when-ready", false, "stop as soon as the sample tenant is ready, with exit code 0")
	flags.BoolVar(&o.verbose, "verbose", false, "log what happens to the standard error")
	return command
}

// dev is one run of `kontor dev`.
type dev struct {
	devOptions
	out      io.Writer
	logger   *slog.Logger
	dir      string
	kept     bool
	started  time.Time
	postgres *local.Postgres
	cluster  *local.Cluster
	config   *rest.Config
	client   kube.Client
	key      []byte
}

func (o devOptions) run(ctx context.Context, out, errOut io.Writer) (err error) {
	d := &dev{devOptions: o, out: out, started: time.Now(), kept: o.data != ""}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if err := d.ports(); err != nil {
		return err
	}
	if err := d.folder(); err != nil {
		return err
	}
	closeLog, err := d.log(errOut)
	if err != nil {
		return err
	}
	defer closeLog()
	defer d.cleanUp()
	if err := d.startParts(ctx); err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	if err := d.prepareCluster(ctx); err != nil {
		return err
	}
	d.sayf("Starting the operator, the service and the worker")
	d.runOperator(ctx, group)
	d.runServer(ctx, group)
	d.runWorker(ctx, group)
	group.Go(func() error { return d.watchParts(ctx) })
	group.Go(func() error {
		if err := d.tour(ctx); err != nil {
			return err
		}
		if d.exitWhenReady {
			cancel()
		}
		return nil
	})
	err = group.Wait()
	if d.exitWhenReady || errors.Is(err, context.Canceled) {
		return ignoreCanceled(err)
	}
	return err
}

func ignoreCanceled(err error) error {
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// sayf tells a person what is going on.
func (d *dev) sayf(format string, args ...any) {
	fmt.Fprintf(d.out, "%5.1fs  %s\n", time.Since(d.started).Seconds(), fmt.Sprintf(format, args...))
}

// ports refuses to start when another program has one of ours: better now than after a minute.
func (d *dev) ports() error {
	for flag, port := range map[string]int{"--port": d.port, "--system-port": d.systemPort} {
		listener, err := net.Listen("tcp", address(port)) //nolint:noctx // closed at once
		if err != nil {
			return fmt.Errorf("port %d is taken: stop what uses it, or choose another one with %s", port, flag)
		}
		if err := listener.Close(); err != nil {
			return fmt.Errorf("closing port %d: %w", port, err)
		}
	}
	return nil
}

func address(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

func (d *dev) folder() (err error) {
	if d.kept {
		if d.dir, err = filepath.Abs(d.data); err != nil {
			return fmt.Errorf("finding %s: %w", d.data, err)
		}
		if err := os.MkdirAll(d.dir, 0o755); err != nil { //nolint:gosec // PostgreSQL runs as another user and has to get through
			return fmt.Errorf("making %s: %w", d.dir, err)
		}
		return nil
	}
	if d.dir, err = os.MkdirTemp("", "kontor-dev-"); err != nil {
		return fmt.Errorf("making a folder: %w", err)
	}
	if err := os.Chmod(d.dir, 0o755); err != nil { //nolint:gosec // PostgreSQL runs as another user and has to get through
		return fmt.Errorf("opening the folder to PostgreSQL: %w", err)
	}
	return nil
}

// log writes the programs' own log into the folder, and to the terminal when asked for.
func (d *dev) log(errOut io.Writer) (func(), error) {
	path := filepath.Join(d.dir, "kontor.log")
	file, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600) //nolint:gosec // our own folder
	if err != nil {
		return nil, fmt.Errorf("opening the log: %w", err)
	}
	var w io.Writer = file
	if d.verbose {
		w = io.MultiWriter(file, errOut)
	}
	d.logger = logTo(w)
	return func() { _ = file.Close() }, nil
}

// cleanUp ends the children and removes what is not to be kept.
func (d *dev) cleanUp() {
	d.sayf("Stopping")
	if d.cluster != nil {
		d.cluster.Stop()
	}
	if d.postgres != nil {
		d.postgres.Stop()
	}
	if !d.kept {
		_ = os.RemoveAll(d.dir) // a temporary folder; the system removes what is left
	}
}

// startParts starts PostgreSQL and the cluster, side by side.
func (d *dev) startParts(ctx context.Context) error {
	var group errgroup.Group
	d.sayf("Starting PostgreSQL and the Kubernetes API server")
	group.Go(func() (err error) {
		d.postgres, err = local.StartPostgres(ctx, local.PostgresConfig{
			Dir: filepath.Join(d.dir, "postgres"), Durable: d.kept, BinDir: os.Getenv("KONTOR_PG_BIN"),
		})
		return err
	})
	group.Go(func() (err error) {
		if d.kubeconfig != "" {
			d.config, err = clusterConfig(d.kubeconfig)
			return err
		}
		assets, err := d.assets()
		if err != nil {
			return err
		}
		d.cluster, err = local.StartCluster(ctx, local.ClusterConfig{Assets: assets, Dir: filepath.Join(d.dir, "cluster"), Durable: d.kept})
		if err != nil {
			return err
		}
		d.config, err = clusterConfig(d.cluster.Kubeconfig())
		return err
	})
	if err := group.Wait(); err != nil {
		return err
	}
	if d.cluster == nil {
		return nil
	}
	kubeconfig, err := os.ReadFile(d.cluster.Kubeconfig())
	if err != nil {
		return fmt.Errorf("reading the kubeconfig: %w", err)
	}
	d.kubeconfig = filepath.Join(d.dir, "kubeconfig")
	if err := os.WriteFile(d.kubeconfig, kubeconfig, 0o600); err != nil { //nolint:gosec // the folder that the user named
		return fmt.Errorf("writing the kubeconfig: %w", err)
	}
	return nil
}

// assets is the folder with the cluster's programs.
func (d *dev) assets() (string, error) {
	if given := os.Getenv("KUBEBUILDER_ASSETS"); given != "" && d.kubeBinary == "" {
		return given, nil
	}
	binary := d.kubeBinary
	if binary == "" {
		self, err := os.Executable()
		if err != nil {
			return "", fmt.Errorf("finding this program: %w", err)
		}
		binary = filepath.Join(filepath.Dir(self), "kube")
	}
	return local.KubeAssets(binary, filepath.Join(d.dir, "assets"))
}

// prepareCluster brings our kinds, the operator's namespace and the DatabaseServer.
func (d *dev) prepareCluster(ctx context.Context) error {
	scheme := newScheme()
	if err := apiextensionsv1.AddToScheme(scheme); err != nil {
		return fmt.Errorf("knowing the kind of CRDs: %w", err)
	}
	var err error
	if d.client, err = kube.New(d.config, kube.Options{Scheme: scheme}); err != nil {
		return fmt.Errorf("reaching the cluster: %w", err)
	}
	if err := applyFolder(ctx, d.client, config.CRDs, "crd/bases"); err != nil {
		return err
	}
	if err := applyFolder(ctx, d.client, config.Admission, "admission"); err != nil {
		return err
	}
	err = wait.PollUntilContextTimeout(ctx, devPoll, devTimeout, true, func(ctx context.Context) (bool, error) {
		return crdsEstablished(ctx, d.client, config.CRDs)
	})
	if err != nil {
		return fmt.Errorf("waiting for the CRDs: %w", err)
	}
	if d.key, err = d.sealingKey(); err != nil {
		return err
	}
	for _, object := range []kube.Object{
		&corev1.Namespace{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Namespace"}, ObjectMeta: metav1.ObjectMeta{Name: devNamespace}},
		&corev1.Secret{
			TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Secret"},
			ObjectMeta: metav1.ObjectMeta{Namespace: devNamespace, Name: devAdminSecret},
			Data:       map[string][]byte{"username": []byte(d.postgres.User), "password": []byte(d.postgres.Password)},
		},
		&crmv1.DatabaseServer{
			TypeMeta:   metav1.TypeMeta{APIVersion: crmv1.GroupVersion.String(), Kind: "DatabaseServer"},
			ObjectMeta: metav1.ObjectMeta{Name: devServer},
			Spec: crmv1.DatabaseServerSpec{
				Address:        crmv1.DatabaseAddress{Host: d.postgres.Host, Port: int32(d.postgres.Port), SSLMode: crmv1.SSLDisable, Database: "postgres"}, //nolint:gosec // a port
				AdminSecretRef: crmv1.SecretReference{Name: devAdminSecret},
			},
		},
	} {
		if err := d.client.Patch(ctx, object, kube.Apply, fieldOwner, kube.ForceOwnership); err != nil { //nolint:staticcheck // typed objects of our own, with all that they say
			return fmt.Errorf("applying %s: %w", object.GetName(), err)
		}
	}
	return nil
}

// sealingKey is the key of the system database; a kept folder keeps it.
func (d *dev) sealingKey() ([]byte, error) {
	path := filepath.Join(d.dir, "sealing-key")
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		if err := os.WriteFile(path, []byte(secret.NewKey()), 0o600); err != nil {
			return nil, fmt.Errorf("writing the sealing key: %w", err)
		}
	}
	return readKey(path)
}

func (d *dev) systemDatabase() secret.Connection {
	return secret.Connection{
		Host: d.postgres.Host, Port: d.postgres.Port, Database: "kontor_system",
		User: d.postgres.User, Password: d.postgres.Password, SSLMode: "disable",
	}
}

func (d *dev) runOperator(ctx context.Context, group *errgroup.Group) {
	o := operatorOptions{
		healthListen: "0", metricsListen: "0",
		settings: tenant.Settings{
			Installation: devInstallation, Namespace: devNamespace, HostSuffixes: []string{"localhost"}, URLPort: d.port, Concurrency: 4,
		},
	}
	group.Go(func() error { return o.run(ctx, d.config, d.systemDatabase(), d.key, d.logger) })
}

func (d *dev) runServer(ctx context.Context, group *errgroup.Group) {
	o := serverOptions{listen: address(d.port), dataPlaneOptions: dataPlaneOptions{listenSystem: address(d.systemPort)}}
	group.Go(func() error { return o.run(ctx, d.systemDatabase(), d.key, d.logger) })
}

func (d *dev) runWorker(ctx context.Context, group *errgroup.Group) {
	o := workerOptions{concurrency: devWorkerTenants, dataPlaneOptions: dataPlaneOptions{connections: devWorkerConnections}}
	group.Go(func() error { return o.run(ctx, d.systemDatabase(), d.key, d.logger) })
}

// watchParts says when a child ended. The service goes on without the cluster;
// without PostgreSQL there is nothing to go on with.
func (d *dev) watchParts(ctx context.Context) error {
	var failed <-chan error
	if d.cluster != nil {
		failed = d.cluster.Failed()
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-failed:
			d.sayf("The cluster is gone (%v); the service goes on with what it has", err)
			failed = nil
		case <-d.postgres.Done():
			return fmt.Errorf("PostgreSQL ended: %w", d.postgres.Err())
		}
	}
}

// tour applies the sample, imports its data and prints where to look.
func (d *dev) tour(ctx context.Context) error {
	d.sayf("Applying the sample tenant %s", devSample)
	if err := applyFolder(ctx, d.client, config.Samples, "samples/"+devSample); err != nil {
		return err
	}
	if err := d.waitForServer(ctx); err != nil {
		return err
	}
	ready, err := d.waitForTenant(ctx)
	if err != nil {
		return err
	}
	d.sayf("Tenant %s is ready: schema revision %d in database %s", ready.Name, ready.Status.Schema.Revision, ready.Status.Database.Name)
	var account corev1.Secret
	if err := d.client.Get(ctx, types.NamespacedName{Namespace: ready.Namespace, Name: ready.Status.AdministratorSecret}, &account); err != nil {
		return fmt.Errorf("reading the administrator's Secret: %w", err)
	}
	user, password := string(account.Data["email"]), string(account.Data["password"])
	if err := d.importSample(ctx, ready.Status.Service.URL, user, password); err != nil {
		return err
	}
	fmt.Fprintf(d.out, "\nReady: %s  user %s  password %s\n", ready.Status.Service.URL, user, password)
	fmt.Fprintf(d.out, "KUBECONFIG=%s\n", d.kubeconfig)
	return nil
}

// waitForServer waits until the service of this run answers.
func (d *dev) waitForServer(ctx context.Context) error {
	err := wait.PollUntilContextTimeout(ctx, devPoll, devTimeout, true, func(ctx context.Context) (bool, error) {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address(d.systemPort)+"/readyz", http.NoBody)
		if err != nil {
			return false, err
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return false, nil //nolint:nilerr // it does not listen yet
		}
		return response.StatusCode == http.StatusOK, response.Body.Close()
	})
	if err != nil {
		return fmt.Errorf("waiting for the service: %w", err)
	}
	return nil
}

// waitForTenant waits until the operator of this run says that the sample is
// ready. In a kept cluster the status may be that of the run before, with the
// address it had then: so the operator is asked to look, and to say that it has.
func (d *dev) waitForTenant(ctx context.Context) (*crmv1.Tenant, error) {
	found, last := &crmv1.Tenant{}, ""
	found.Namespace, found.Name = devSample, devSample
	asked := d.started.UTC().Format(time.RFC3339Nano)
	ask := fmt.Appendf(nil, `{"metadata":{"annotations":{%q:%q}}}`, crmv1.ReconcileRequestedAtAnnotation, asked)
	if err := d.client.Patch(ctx, found, kube.RawPatch(types.MergePatchType, ask), fieldOwner); err != nil {
		return nil, fmt.Errorf("asking the operator to look at tenant %s: %w", devSample, err)
	}
	err := wait.PollUntilContextTimeout(ctx, devPoll, devTimeout, true, func(ctx context.Context) (bool, error) {
		if err := d.client.Get(ctx, types.NamespacedName{Namespace: devSample, Name: devSample}, found); err != nil {
			return false, err
		}
		ready := meta.FindStatusCondition(found.Status.Conditions, crmv1.ConditionReady)
		if ready == nil || found.Status.LastHandledReconcileAt != asked {
			return false, nil
		}
		last = ready.Reason + ": " + ready.Message
		return ready.Status == metav1.ConditionTrue && found.Status.ObservedGeneration == found.Generation, nil
	})
	if err != nil {
		return nil, fmt.Errorf("waiting for tenant %s (%s): %w", devSample, last, err)
	}
	return found, nil
}
