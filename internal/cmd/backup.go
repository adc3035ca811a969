package cmd

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	kube "sigs.k8s.io/controller-runtime/pkg/client"

	crmv1 "github.com/kontor-crm/kontor/api/v1alpha1"
	"github.com/kontor-crm/kontor/internal/backup"
	"github.com/kontor-crm/kontor/internal/manifest"
	"github.com/kontor-crm/kontor/internal/provision"
	"github.com/kontor-crm/kontor/internal/reconcile"
	"github.com/kontor-crm/kontor/internal/secret"
)

// programsVariable names the folder of PostgreSQL's programs.
const programsVariable = "KONTOR_PG_BIN"

// administration are the flags of the commands for the platform's people, who reach
// the servers as their administrator.
type administration struct {
	kubeOptions
	operatorNamespace string
	urlFile           string
	programs          string
}

func (o *administration) flags(flags *pflag.FlagSet, namespace, urlFile string) {
	o.kubeOptions.flags(flags, namespace)
	flags.StringVar(&o.operatorNamespace, "operator-namespace", "kontor-system", "the operator's own namespace, where the Secrets of the DatabaseServers lie")
	flags.StringVar(&o.urlFile, "database-url-file", "", urlFile)
	flags.StringVar(&o.programs, "pg-bin", os.Getenv(programsVariable), "folder of pg_dump and pg_restore; empty: those on the PATH")
}

// connection reads the one of --database-url-file.
func (o *administration) connection() (secret.Connection, error) {
	text, err := os.ReadFile(o.urlFile)
	if err != nil {
		return secret.Connection{}, fmt.Errorf("reading the database's URL: %w", err)
	}
	connection, err := secret.ParseURL(strings.TrimSpace(string(text)))
	if err != nil {
		return secret.Connection{}, fmt.Errorf("reading the database's URL in %s: %w", o.urlFile, err)
	}
	return connection, nil
}

// placeAt is the place that a person names: a bucket, or else a folder.
func placeAt(name string, variable func(string) string) (backup.Place, error) {
	if !backup.IsBucket(name) {
		return backup.NewFolder(name), nil
	}
	storage := backup.Storage{
		Endpoint:  cmp.Or(variable("AWS_ENDPOINT_URL_S3"), variable("AWS_ENDPOINT_URL")),
		Region:    cmp.Or(variable("AWS_REGION"), variable("AWS_DEFAULT_REGION")),
		AccessKey: variable("AWS_ACCESS_KEY_ID"), SecretKey: variable("AWS_SECRET_ACCESS_KEY"), SessionToken: variable("AWS_SESSION_TOKEN"),
	}
	if storage.AccessKey == "" || storage.SecretKey == "" {
		return nil, fmt.Errorf("%s needs the variables AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; %w", name, errUsage)
	}
	if path := variable("AWS_CA_BUNDLE"); path != "" {
		certificates, err := os.ReadFile(path) //nolint:gosec // the user names the file
		if err != nil {
			return nil, fmt.Errorf("reading the certificates of AWS_CA_BUNDLE: %w", err)
		}
		storage.RootCA = string(certificates)
	}
	bucket, err := backup.NewBucket(name, storage)
	if err != nil {
		return nil, fmt.Errorf("%w; %w", err, errUsage)
	}
	return bucket, nil
}

// aboutPlaces is the part of both commands' help about where a backup lies.
const aboutPlaces = `
A backup lies in a folder or, as s3://bucket/prefix, in a storage that speaks S3, which
these variables lead to, as they do other programs: AWS_ACCESS_KEY_ID,
AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN, AWS_REGION, AWS_ENDPOINT_URL and
AWS_CA_BUNDLE. One that is restored from there is copied to the folder for temporary
files (TMPDIR) first.`

func newBackup() *cobra.Command {
	var o administration
	command := &cobra.Command{
		Use:   "backup [-n NAMESPACE] FOLDER|s3://BUCKET/PREFIX",
		Short: "Save a tenant's database and configuration",
		Long: `Backup saves one tenant: its database as it is at one moment, while people work
on, and its configuration. It is for the platform's people: it reaches the database
server as its administrator, by the Secret in the operator's namespace.

  kontor backup -n acme backups/acme-2026-03-31

The place must be empty or not there yet. Afterwards it holds

  database.dump       all records, files, history, accounts and jobs, by pg_dump
  configuration.yaml  what kontor export writes
  backup.json         what the backup holds: whose it is, its revision, the rows of
                      each table, the checksums of the files

backup.json is written last: a backup that was broken off has none, and is not
restored. Who is signed in is not saved. pg_dump has to be installed, and be no
older than the server. Passwords of people are saved as hashes; whoever reads the
files reads all of the tenant's records.

Without a cluster, or where the server has another address for this machine,
--database-url-file names the tenant's database; then there is no configuration.yaml.
` + aboutPlaces,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return fmt.Errorf("name one place; %w", errUsage)
			}
			return nil
		},
		RunE: func(command *cobra.Command, args []string) error {
			return runBackup(command.Context(), &o, args[0], command.OutOrStdout())
		},
	}
	o.flags(command.Flags(), ofTenant, "file with the URL of the tenant's database, for its server's administrator; the cluster is not asked then")
	return command
}

func runBackup(ctx context.Context, o *administration, to string, out io.Writer) error {
	place, err := placeAt(to, os.Getenv)
	if err != nil {
		return err
	}
	database, configured, err := o.source(ctx)
	if err != nil {
		return err
	}
	servers := provision.NewServers(provision.Options{Clock: time.Now})
	defer servers.Close()
	inventory, err := backup.Take(ctx, place, provision.NewBackups(servers), database, backup.NewPrograms(o.programs), configured, time.Now())
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "Saved %s/%s with revision %d to %s: %d rows, %d bytes\n", inventory.Tenant.Namespace, inventory.Tenant.Name,
		inventory.Contents.Revision, place, inventory.Contents.Total(), inventory.Size())
	return nil
}

// source finds the tenant's database and its configuration, which is empty without a cluster.
func (o *administration) source(ctx context.Context) (secret.Connection, []byte, error) {
	if o.urlFile != "" {
		connection, err := o.connection()
		return connection, nil, err
	}
	client, namespace, err := o.connect()
	if err != nil {
		return secret.Connection{}, nil, err
	}
	var tenants crmv1.TenantList
	if err := client.List(ctx, &tenants, kube.InNamespace(namespace)); err != nil {
		return secret.Connection{}, nil, fmt.Errorf("listing the Tenants of namespace %s: %w", namespace, err)
	}
	tenant := reconcile.OldestTenant(tenants.Items)
	if tenant == nil {
		return secret.Connection{}, nil, fmt.Errorf("namespace %s has no Tenant", namespace)
	}
	if tenant.Status.Database.Name == "" {
		return secret.Connection{}, nil, fmt.Errorf("the Tenant %s has no database yet", tenant.Name)
	}
	_, admin, err := o.server(ctx, client, tenant.Status.Database.Server)
	if err != nil {
		return secret.Connection{}, nil, err
	}
	objects, _, err := configuration(ctx, client, namespace)
	if err != nil {
		return secret.Connection{}, nil, err
	}
	for _, object := range objects {
		object.SetNamespace("")
	}
	configured, err := manifest.Write(objects...)
	return admin.In(tenant.Status.Database.Name), configured, err
}

// server reads a DatabaseServer and how its administrator reaches it; without a name, the only one.
func (o *administration) server(ctx context.Context, client kube.Reader, name string) (*crmv1.DatabaseServer, secret.Connection, error) {
	var servers crmv1.DatabaseServerList
	if err := client.List(ctx, &servers); err != nil {
		return nil, secret.Connection{}, fmt.Errorf("listing the DatabaseServers: %w", err)
	}
	if name == "" && len(servers.Items) != 1 {
		return nil, secret.Connection{}, fmt.Errorf("there are %d DatabaseServers: name one with --server; %w", len(servers.Items), errUsage)
	}
	for i := range servers.Items {
		server := &servers.Items[i]
		if name == "" || server.Name == name {
			admin, err := reconcile.AdminConnection(ctx, client, o.operatorNamespace, server)
			return server, admin, err
		}
	}
	return nil, secret.Connection{}, fmt.Errorf("there is no DatabaseServer %s", name)
}
