package cmd

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	kube "sigs.k8s.io/controller-runtime/pkg/client"

	crmv1 "github.com/kontor-crm/kontor/api/v1alpha1"
	"github.com/kontor-crm/kontor/internal/manifest"
	"github.com/kontor-crm/kontor/internal/reconcile"
)

type exportOptions struct {
	kubeOptions
	folder        string
	keepNamespace bool
	prune         bool
}

func newExport() *cobra.Command {
	var o exportOptions
	command := &cobra.Command{
		Use:   "export [-n NAMESPACE] [-o FOLDER]",
		Short: "Write a tenant's whole configuration as YAML",
		Long: `Export reads the Tenant of a namespace and all that configures it, and writes it
as YAML: the Tenant first, then the others by kind and name, each time the same
for the same configuration. Records are no configuration; kontor backup saves those.

  kubectl kontor export -n acme > acme.yaml
  kubectl kontor export -n acme -o acme/ --prune   # a file for each resource

What the cluster notes down on a resource is left out, and so is the namespace:
the text applies to the tenant itself, where it changes nothing, and to an empty
namespace, where it makes the same tenant. Defaults that the cluster filled in
stay, because another release may have others. Of what only one tenant can have
there is still only one: hosts in spec.service.hosts, and a server that
spec.database names, are those of the tenant.

Resources that the tenant does not accept are written as well, and named on the
standard error: which of two that claim one name came first is not part of the text.`,
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			client, namespace, err := o.connect()
			if err != nil {
				return err
			}
			return o.run(command.Context(), client, namespace, command.OutOrStdout(), command.ErrOrStderr())
		},
	}
	o.flags(command.Flags(), ofTenant)
	command.Flags().StringVarP(&o.folder, "output", "o", "", "folder for a file for each resource; empty: all to the standard output")
	command.Flags().BoolVar(&o.keepNamespace, "keep-namespace", false, "leave metadata.namespace in the resources")
	command.Flags().BoolVar(&o.prune, "prune", false, "remove files of an earlier export whose resource is gone")
	return command
}

func (o *exportOptions) run(ctx context.Context, client kube.Reader, namespace string, out, errOut io.Writer) error {
	if o.prune && o.folder == "" {
		return fmt.Errorf("--prune needs a folder, --output; %w", errUsage)
	}
	objects, refused, err := configuration(ctx, client, namespace)
	if err != nil {
		return err
	}
	for _, one := range refused {
		fmt.Fprintf(errOut, "%s is written although the tenant does not accept it\n", one)
	}
	if !o.keepNamespace {
		for _, object := range objects {
			object.SetNamespace("")
		}
	}
	if o.folder != "" {
		return o.writeFolder(objects, errOut)
	}
	text, err := manifest.Write(objects...)
	if err != nil {
		return err
	}
	if _, err := out.Write(text); err != nil {
		return fmt.Errorf("writing the configuration: %w", err)
	}
	return nil
}

// configuration is what describes the tenant of a namespace, clean and in order,
// and the names of those resources that the tenant does not accept.
func configuration(ctx context.Context, client kube.Reader, namespace string) (objects []*unstructured.Unstructured, refused []string, err error) {
	for _, kind := range manifest.Kinds() {
		list := &unstructured.UnstructuredList{}
		list.SetGroupVersionKind(kind.GroupVersion().WithKind(kind.Kind + "List"))
		if err := client.List(ctx, list, kube.InNamespace(namespace)); err != nil {
			return nil, nil, fmt.Errorf("listing the %ss of namespace %s: %w", kind.Kind, namespace, err)
		}
		if kind.Kind == "Tenant" {
			if len(list.Items) == 0 {
				return nil, nil, fmt.Errorf("namespace %s has no Tenant", namespace)
			}
			list.Items = []unstructured.Unstructured{oldest(list.Items)}
		}
		for i := range list.Items {
			if !accepted(&list.Items[i]) {
				refused = append(refused, kind.Kind+"/"+list.Items[i].GetName())
			}
			objects = append(objects, manifest.Clean(&list.Items[i]))
		}
	}
	manifest.Sort(objects)
	return objects, refused, nil
}

// oldest is the one whom the namespace belongs to: the operator refuses all others.
func oldest(tenants []unstructured.Unstructured) unstructured.Unstructured {
	first := 0
	for i := range tenants {
		if reconcile.Older(&tenants[i], &tenants[first]) {
			first = i
		}
	}
	return tenants[first]
}

// accepted says that no condition says otherwise.
func accepted(object *unstructured.Unstructured) bool {
	conditions, _, _ := unstructured.NestedSlice(object.Object, "status", "conditions")
	return !slices.ContainsFunc(conditions, func(condition any) bool {
		c, _ := condition.(map[string]any)
		return c["type"] == crmv1.ConditionAccepted && c["status"] == "False"
	})
}

// writeFolder writes a file for each resource, and says or removes what is left of earlier ones.
func (o *exportOptions) writeFolder(objects []*unstructured.Unstructured, errOut io.Writer) error {
	if err := os.MkdirAll(o.folder, 0o755); err != nil { //nolint:gosec // configuration, which others may read
		return fmt.Errorf("making the folder: %w", err)
	}
	written := make([]string, 0, len(objects))
	for _, object := range objects {
		text, err := manifest.Write(object)
		if err != nil {
			return err
		}
		name := manifest.FileName(object)
		if err := os.WriteFile(filepath.Join(o.folder, name), text, 0o644); err != nil { //nolint:gosec // configuration, which others may read
			return fmt.Errorf("writing the configuration: %w", err)
		}
		written = append(written, name)
	}
	left, err := leftOver(o.folder, written)
	if err != nil {
		return err
	}
	for _, name := range left {
		if !o.prune {
			fmt.Fprintf(errOut, "%s is of an earlier export, and its resource is gone; --prune removes it\n", filepath.Join(o.folder, name))
			continue
		}
		if err := os.Remove(filepath.Join(o.folder, name)); err != nil {
			return fmt.Errorf("removing what is left of an earlier export: %w", err)
		}
	}
	return nil
}

// leftOver are the files of a folder that an earlier export wrote and this one did
// not: each holds one resource of a tenant's configuration, and has its name.
func leftOver(folder string, written []string) ([]string, error) {
	names, err := fs.Glob(os.DirFS(folder), "*.yaml")
	if err != nil {
		return nil, fmt.Errorf("listing %s: %w", folder, err)
	}
	var left []string
	for _, name := range names {
		if slices.Contains(written, name) {
			continue
		}
		text, err := os.ReadFile(filepath.Join(folder, name)) //nolint:gosec // the folder that the user named
		if err != nil {
			return nil, fmt.Errorf("looking for what is left of an earlier export: %w", err)
		}
		objects, err := manifest.Read(text)
		if err == nil && len(objects) == 1 && manifest.FileName(objects[0]) == name && slices.Contains(manifest.Kinds(), objects[0].GroupVersionKind()) {
			left = append(left, name)
		}
	}
	return left, nil
}
