package cmd

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/api/meta"
	kube "sigs.k8s.io/controller-runtime/pkg/client"

	crmv1 "github.com/kontor-crm/kontor/api/v1alpha1"
	"github.com/kontor-crm/kontor/internal/compile"
	"github.com/kontor-crm/kontor/internal/reconcile"
)

type depsOptions struct {
	kubeOptions
	output string
}

func newDeps() *cobra.Command {
	var o depsOptions
	command := &cobra.Command{
		Use:   "deps [-n NAMESPACE] KIND/NAME",
		Short: "Show what needs a resource, and what it needs",
		Long: `Deps reads what configures a tenant and shows what mentions a resource of it: gates,
rules, conditions, defaults, formulas, roll-ups, indexes, shared options, relations.
What is needed cannot be deleted or changed in kind before these have changed.

  kubectl kontor deps -n acme customfield/tier
  kubectl kontor deps -n acme customobject/fleet
  kubectl kontor deps -n acme customobject/fleet.plate   # one of its fields`,
		Args: cobra.ExactArgs(1),
		RunE: func(command *cobra.Command, args []string) error {
			asked, err := askedFor(args[0])
			if err != nil {
				return err
			}
			client, namespace, err := o.connect()
			if err != nil {
				return err
			}
			return o.run(command.Context(), client, namespace, asked, command.OutOrStdout(), command.ErrOrStderr())
		},
	}
	o.flags(command.Flags(), ofTenant)
	command.Flags().StringVarP(&o.output, "output", "o", "", "json for programs; empty: for people")
	return command
}

// kindsWithDeps are the kinds that mention others or are mentioned, by what kubectl
// calls them too.
var kindsWithDeps = map[string][]string{
	compile.KindObject:   {"customobject", "customobjects", "co"},
	compile.KindField:    {"customfield", "customfields", "cf"},
	compile.KindPipeline: {"pipeline", "pipelines", "pl"},
	compile.KindRule:     {"validationrule", "validationrules", "vr"},
	compile.KindIndex:    {"objectindex", "objectindexes", "oi"},
}

// wanted is the resource that somebody asks for, or the inline field of one.
type wanted struct {
	compile.Ref
	inline string
}

func (w wanted) String() string {
	if w.inline != "" {
		return w.Kind + "/" + w.Name + "." + w.inline
	}
	return w.Kind + "/" + w.Name
}

func askedFor(text string) (wanted, error) {
	kind, name, ok := strings.Cut(text, "/")
	for known, words := range kindsWithDeps {
		if !ok || name == "" || !slices.Contains(words, strings.ToLower(kind)) {
			continue
		}
		w := wanted{Ref: compile.Ref{Kind: known, Name: name}}
		if known == compile.KindObject {
			w.Name, w.inline, _ = strings.Cut(name, ".")
		}
		return w, nil
	}
	return wanted{}, fmt.Errorf("%q is not KIND/NAME with one of the kinds customobject, customfield, pipeline, validationrule, objectindex; %w", text, errUsage)
}

// dependencies is what deps prints.
type dependencies struct {
	Resource string       `json:"resource"`
	NeededBy []dependency `json:"neededBy"`
	Needs    []dependency `json:"needs"`
}

// dependency is one line of it: another resource, the field or object that is needed, and what for.
type dependency struct {
	Resource string `json:"resource"`
	Needed   string `json:"needed"`
	For      string `json:"for"`
}

func (o *depsOptions) run(ctx context.Context, client kube.Reader, namespace string, asked wanted, out, errOut io.Writer) error {
	if o.output != "" && o.output != "json" {
		return fmt.Errorf("--output is json or nothing; %w", errUsage)
	}
	in, err := gather(ctx, client, namespace)
	if err != nil {
		return err
	}
	result := compile.Compile(in)
	verdict, ok := result.Verdicts[asked.Ref]
	if !ok || asked.inline != "" && !hasInline(in.Objects, asked) {
		return missing(in.Tenant, namespace, asked)
	}
	for _, problem := range verdict.Problems {
		fmt.Fprintf(errOut, "%s does not compile, and what it needs is not known: %s: %s\n", asked, problem.Path, problem.Message)
	}
	found := dependenciesOf(result, asked)
	if o.output == "json" {
		return writeJSON(out, found)
	}
	return found.print(out)
}

// gather reads what configures the tenant of a namespace.
func gather(ctx context.Context, client kube.Reader, namespace string) (compile.Input, error) {
	var tenants crmv1.TenantList
	var objects crmv1.CustomObjectList
	var fields crmv1.CustomFieldList
	var pipelines crmv1.PipelineList
	var rules crmv1.ValidationRuleList
	var indexes crmv1.ObjectIndexList
	for _, list := range []kube.ObjectList{&tenants, &objects, &fields, &pipelines, &rules, &indexes} {
		if err := client.List(ctx, list, kube.InNamespace(namespace)); err != nil {
			return compile.Input{}, fmt.Errorf("listing the configuration of namespace %s: %w", namespace, err)
		}
	}
	owner := reconcile.OldestTenant(tenants.Items)
	if owner == nil {
		return compile.Input{}, fmt.Errorf("namespace %s has no Tenant", namespace)
	}
	return compile.Input{
		Tenant: owner, Objects: pointers(objects.Items), Fields: pointers(fields.Items), Pipelines: pointers(pipelines.Items),
		Rules: pointers(rules.Items), Indexes: pointers(indexes.Items),
	}, nil
}

func pointers[T any](items []T) []*T {
	all := make([]*T, len(items))
	for i := range items {
		all[i] = &items[i]
	}
	return all
}

func hasInline(objects []*crmv1.CustomObject, asked wanted) bool {
	return slices.ContainsFunc(objects, func(o *crmv1.CustomObject) bool {
		return o.Name == asked.Name && slices.ContainsFunc(o.Spec.Fields, func(f crmv1.Field) bool { return f.Key == asked.inline })
	})
}

// missing says that there is no such resource, and what the Tenant says of it when it was deleted.
func missing(tenant *crmv1.Tenant, namespace string, asked wanted) error {
	for _, kept := range tenant.Status.Schema.Retired {
		if kept.Resource == asked.String() {
			return fmt.Errorf("%s was deleted from namespace %s; its data is kept until %s", asked, namespace, kept.Until.UTC().Format(time.RFC3339))
		}
	}
	if !slices.Contains(tenant.Status.Schema.Retained, asked.String()) {
		return fmt.Errorf("namespace %s has no %s", namespace, asked)
	}
	synced := meta.FindStatusCondition(tenant.Status.Conditions, crmv1.ConditionSchemaSynced)
	if synced == nil {
		return fmt.Errorf("%s was deleted from namespace %s", asked, namespace)
	}
	return fmt.Errorf("%s was deleted from namespace %s, of which the Tenant says: %s", asked, namespace, synced.Message)
}

func dependenciesOf(result compile.Result, asked wanted) dependencies {
	found := dependencies{Resource: asked.String(), NeededBy: []dependency{}, Needs: []dependency{}}
	for _, d := range compile.Dependencies(result.Schema) {
		needed := d.Name(result.Schema)
		isIt := d.On == asked.Ref.String() && (asked.inline == "" || d.Field == asked.inline)
		switch {
		case isIt && (d.By != d.On || asked.inline != ""):
			found.NeededBy = append(found.NeededBy, dependency{slashed(d.By), needed, d.How})
		case d.By == asked.Ref.String() && d.On != d.By && asked.inline == "":
			found.Needs = append(found.Needs, dependency{slashed(d.On), needed, d.How})
		}
	}
	return found
}

// slashed is "Kind/name" for "Kind name", and "standard" as it is.
func slashed(source string) string { return strings.Replace(source, " ", "/", 1) }

// print writes it for people.
func (d dependencies) print(out io.Writer) error {
	for _, part := range []struct {
		says, none string
		lines      []dependency
	}{
		{d.Resource + " is needed by", "Nothing needs " + d.Resource + ".", d.NeededBy},
		{"\n" + d.Resource + " needs", "", d.Needs},
	} {
		if len(part.lines) == 0 {
			if part.none != "" {
				fmt.Fprintln(out, part.none)
			}
			continue
		}
		fmt.Fprintln(out, part.says)
		table := tabwriter.NewWriter(out, 2, 0, 3, ' ', 0)
		fmt.Fprintln(table, "  RESOURCE\tFIELD\tFOR")
		for _, line := range part.lines {
			fmt.Fprintf(table, "  %s\t%s\t%s\n", line.Resource, line.Needed, line.For)
		}
		if err := flush(table); err != nil {
			return err
		}
	}
	return nil
}
