package cmd

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/client-go/util/retry"
	kube "sigs.k8s.io/controller-runtime/pkg/client"

	crmv1 "github.com/kontor-crm/kontor/api/v1alpha1"
	"github.com/kontor-crm/kontor/controllers/tenant"
	"github.com/kontor-crm/kontor/internal/backup"
	"github.com/kontor-crm/kontor/internal/provision"
)

type restoreOptions struct {
	administration
	identity       tenant.Identity
	serverName     string
	adopt, replace bool
	jobs           int
}

func newRestore() *cobra.Command {
	var o restoreOptions
	command := &cobra.Command{
		Use:   "restore [--server DATABASESERVER] [--adopt] FOLDER|s3://BUCKET/PREFIX",
		Short: "Make a tenant's database of a backup",
		Long: `Restore makes a database of what kontor backup saved, on the same server or on
another one, for the tenant that was saved or, with --namespace, --tenant and
--installation, for another one. It is for the platform's people: it reaches the
server as its administrator.

  kontor restore --server main --adopt backups/acme-2026-03-31
  kubectl create namespace acme
  kubectl apply -n acme -f backups/acme-2026-03-31/configuration.yaml

First everything is checked: that the backup is whole and each file what was saved.
Then the database is made under a name that nobody looks for, and gets its own when
every table has the rows that were counted. It waits as if an earlier Tenant had left
it: a Tenant gets it that spec.adoptions of the DatabaseServer names, which --adopt
writes. The operator then makes the roles and rights, brings the platform's tables up
to date and plans what the configuration asks for: with the same, nothing.

A database that a Tenant has is never touched: delete the Tenant first. A database
that a deleted Tenant left is moved aside with --replace, under a name that is told.
People sign in again, with the passwords that they had when it was saved; jobs that
ran then go on. What runs outside is not asked: whoever restores a copy beside the
original has two tenants that work.

Without a cluster, or where the server has another address for this machine,
--database-url-file names the maintenance database of the server.
` + aboutPlaces,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return fmt.Errorf("name one place; %w", errUsage)
			}
			return nil
		},
		RunE: func(command *cobra.Command, args []string) error {
			return o.run(command.Context(), args[0], command.OutOrStdout())
		},
	}
	flags := command.Flags()
	o.flags(flags, "namespace of the Tenant that gets the database; empty: that of the backup", "file with the URL of the server's maintenance database, for its administrator; the cluster is not asked then")
	flags.StringVar(&o.identity.Name, "tenant", "", "name of the Tenant that gets the database; empty: that of the backup")
	flags.StringVar(&o.identity.Installation, "installation", "", "name of the operator's installation; empty: that of the backup")
	flags.StringVar(&o.serverName, "server", "", "DatabaseServer on which the database is made; empty: the only one")
	flags.BoolVar(&o.adopt, "adopt", false, "write into the DatabaseServer's spec.adoptions that the Tenant gets the database")
	flags.BoolVar(&o.replace, "replace", false, "move a database aside that a deleted Tenant left")
	flags.IntVar(&o.jobs, "jobs", 2, "how many connections fill the database at the same time")
	return command
}

func (o *restoreOptions) run(ctx context.Context, from string, out io.Writer) error {
	if o.adopt && o.urlFile != "" {
		return fmt.Errorf("--adopt needs the cluster, which is not asked with --database-url-file; %w", errUsage)
	}
	place, err := placeAt(from, os.Getenv)
	if err != nil {
		return err
	}
	inventory, err := backup.Read(ctx, place)
	if err != nil {
		return err
	}
	id := tenant.Identity{
		Installation: cmp.Or(o.identity.Installation, inventory.Tenant.Installation),
		Namespace:    cmp.Or(o.namespace, inventory.Tenant.Namespace),
		Name:         cmp.Or(o.identity.Name, inventory.Tenant.Name),
	}
	how := backup.Restoration{Identity: id, Replace: o.replace, Jobs: o.jobs}
	var client kube.Client
	var server *crmv1.DatabaseServer
	if o.urlFile != "" {
		how.Server, err = o.connection()
	} else if client, _, err = o.connect(); err == nil {
		server, how.Server, err = o.server(ctx, client, o.serverName)
	}
	if err != nil {
		return err
	}
	servers := provision.NewServers(provision.Options{Clock: time.Now})
	defer servers.Close()
	aside, err := backup.Restore(ctx, place, inventory, provision.NewBackups(servers), backup.NewPrograms(o.programs), how)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "Restored %s with revision %d into database %s: %d rows\n", id.Key(), inventory.Contents.Revision, id.Database(), inventory.Contents.Total())
	if aside != "" {
		fmt.Fprintf(out, "What was there is in database %s now; drop it when nobody misses it\n", aside)
	}
	adoption := crmv1.Adoption{Namespace: id.Namespace, Tenant: id.Name, Database: id.Database()}
	if !o.adopt {
		fmt.Fprintf(out, "Its Tenant gets it when the DatabaseServer's spec.adoptions has {namespace: %s, tenant: %s, database: %s}\n", adoption.Namespace, adoption.Tenant, adoption.Database)
		return nil
	}
	if err := handOver(ctx, client, server.Name, adoption); err != nil {
		return err
	}
	fmt.Fprintf(out, "DatabaseServer %s hands it to Tenant %s\n", server.Name, id.Key())
	return nil
}

// handOver writes an adoption, in place of an earlier one of the same Tenant. The
// operator writes to the server as well, and a restore takes its time.
func handOver(ctx context.Context, client kube.Client, name string, adoption crmv1.Adoption) error {
	err := retry.RetryOnConflict(retry.DefaultBackoff, func() error {
		server := &crmv1.DatabaseServer{}
		if err := client.Get(ctx, kube.ObjectKey{Name: name}, server); err != nil {
			return err
		}
		before := server.DeepCopy()
		server.Spec.Adoptions = append(slices.DeleteFunc(server.Spec.Adoptions, func(a crmv1.Adoption) bool {
			return a.Namespace == adoption.Namespace && a.Tenant == adoption.Tenant
		}), adoption)
		return client.Patch(ctx, server, kube.MergeFromWithOptions(before, kube.MergeFromWithOptimisticLock{}))
	})
	if err != nil {
		return fmt.Errorf("handing the database over in spec.adoptions of DatabaseServer %s: %w", name, err)
	}
	return nil
}
