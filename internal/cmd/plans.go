package cmd

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	authenticationv1 "k8s.io/api/authentication/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	kube "sigs.k8s.io/controller-runtime/pkg/client"

	crmv1 "github.com/kontor-crm/kontor/api/v1alpha1"
)

// planner is what the commands about ChangePlans share.
type planner struct {
	kubeOptions
	output string
	all    bool
}

func newPlan() *cobra.Command {
	var o planner
	ahead := previewer{planner: &o}
	command := &cobra.Command{
		Use:   "plan [-n NAMESPACE] [PLAN] | plan -f NEW [--against OLD]",
		Short: "Show what waits to be done to a tenant's database, or what YAML would do",
		Long: `Plan shows a ChangePlan: what is or was done to the tenant's database, how dangerous
it is, how many records do not bear it and which. Without a name it shows the one
that waits, or else lists all.

  kubectl kontor plan -n acme
  kubectl kontor approve -n acme PLAN

The status of a ChangePlan has room for 200 changes, and for less when they are long.
--all reads all of them from the tenant's database, through the operator.

With -f it plans for YAML that is not applied: a file, the YAML files of a folder, or
- for the standard input. It changes nothing.

  kubectl kontor plan -f new/ --against old/               # two folders, no cluster
  kubectl kontor plan -f new/ --against old/ -o markdown   # for a pull request
  kubectl kontor plan -f acme/ -n acme                     # against a live tenant and its records

With --against, each side describes a whole tenant, its Tenant included, and what is
only in the old one is deleted. What only the API server checks, the bounds and rules
of the kinds (kubectl explain), is not checked.

Without --against, the API server checks the resources in a dry run, which needs the
rights to create and update them. Then the operator plans with the tenant's database: a
ChangePlan with spec.preview, which is never run and taken away again. It says how many
records do not bear a change and which, and what would wait for an approval. What else
stands in the namespace stays, unless --prune says that it is deleted; what waits
there already is part of the plan.

With --against no records are asked: every table is taken for one that has some, and a
change that records may be in the way of says so.

Exit codes with -f: 0 nothing changes, 2 there are changes, 3 there are dangerous
ones (what is refused and changes of a type among them), 1 it could not be planned.

-o json prints tenant, class (the greatest danger), totalChanges, changes and
retained (what is deleted and stays, as others need it). The changes are those of
status.changes of a ChangePlan (kubectl explain changeplan.status.changes) with, of two
folders, asksRecords.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(command *cobra.Command, args []string) error {
			if command.Flags().Changed("filename") {
				if len(args) > 0 {
					return errors.New("-f plans for YAML; a PLAN is shown without it")
				}
				return ahead.run(command)
			}
			if ahead.against != "" || ahead.prune {
				return errors.New("--against and --prune need YAML to plan for: -f")
			}
			client, namespace, err := o.connect()
			if err != nil {
				return err
			}
			return o.show(command.Context(), client, namespace, args, command.OutOrStdout())
		},
	}
	o.flags(command.Flags(), ofTenant)
	command.Flags().StringVarP(&o.output, "output", "o", "", "json for programs, with -f also markdown for a pull request; empty: for people")
	command.Flags().StringVarP(&ahead.file, "filename", "f", "", "plan for this YAML that is not applied: a file, a folder, or - for the standard input")
	command.Flags().StringVar(&ahead.against, "against", "", "file or folder that says what is applied; empty: what stands in the namespace")
	command.Flags().BoolVar(&ahead.prune, "prune", false, "plan that what stands in the namespace and not in the YAML is deleted")
	command.Flags().BoolVar(&o.all, "all", false, "show all changes of PLAN, those that have no room in its status too")
	// A script that reads 2 as "there are changes" must not read it when a flag is wrong.
	command.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return fmt.Errorf("%w; see --help", err) })
	return command
}

func newApprove() *cobra.Command {
	return newDecision("approve", crmv1.DecisionApprove, "Let a plan run as it was read",
		`Approve lets a ChangePlan run that waits. It is for just what the plan says now: if
one more record fails by the time that it runs, the approval is void, and the plan
says so. It alters no record.`)
}

func newReject() *cobra.Command {
	return newDecision("reject", crmv1.DecisionReject, "Say that a plan is not to run",
		`Reject keeps the resources that ask for a change at their applied form, until they
are changed.`)
}

func newDecision(name string, decision crmv1.Decision, short, long string) *cobra.Command {
	var o planner
	var digest string
	command := &cobra.Command{
		Use:   name + " [-n NAMESPACE] PLAN",
		Short: short,
		Long:  long,
		Args:  cobra.ExactArgs(1),
		RunE: func(command *cobra.Command, args []string) error {
			client, namespace, err := o.connect()
			if err != nil {
				return err
			}
			return decide(command.Context(), client, kube.ObjectKey{Namespace: namespace, Name: args[0]}, decision, digest, command.OutOrStdout())
		},
	}
	o.flags(command.Flags(), ofTenant)
	command.Flags().StringVar(&digest, "digest", "", "refuse if the plan's digest does not begin with it; empty: take the plan as it is now")
	return command
}

// decide writes a person's decision on what the plan says now.
func decide(ctx context.Context, client kube.Client, key kube.ObjectKey, decision crmv1.Decision, digest string, out io.Writer) error {
	var p crmv1.ChangePlan
	if err := client.Get(ctx, key, &p); err != nil {
		return fmt.Errorf("reading ChangePlan %s: %w", key, err)
	}
	if p.Status.Phase != crmv1.PlanWaiting && p.Status.Phase != crmv1.PlanRejected {
		return fmt.Errorf("ChangePlan %s does not wait for a decision: it is %s", key, cmp.Or(string(p.Status.Phase), "not computed yet"))
	}
	if !strings.HasPrefix(p.Status.Digest, digest) {
		return fmt.Errorf("ChangePlan %s is not the one that was read: its digest is %s", key, p.Status.Digest)
	}
	review := &authenticationv1.SelfSubjectReview{}
	if err := client.Create(ctx, review); err != nil {
		return fmt.Errorf("asking the cluster who you are: %w", err)
	}
	p.Spec.Decision, p.Spec.Digest, p.Spec.By = decision, p.Status.Digest, review.Status.UserInfo.Username
	err := client.Update(ctx, &p) // with the version that was read: whoever decides has seen it
	if apierrors.IsConflict(err) {
		return fmt.Errorf("ChangePlan %s has changed while you decided; read it again", key)
	}
	if err != nil {
		return fmt.Errorf("deciding on ChangePlan %s: %w", key, err)
	}
	fmt.Fprintf(out, "%s said of ChangePlan %s by %s\n", decision, p.Name, p.Spec.By)
	return nil
}

// show prints one plan, or the list.
func (o *planner) show(ctx context.Context, client kube.Client, namespace string, args []string, out io.Writer) error {
	if o.output != "" && o.output != "json" {
		return fmt.Errorf("--output is json or nothing; %w", errUsage)
	}
	var plans []crmv1.ChangePlan
	if len(args) == 1 {
		var p crmv1.ChangePlan
		if err := client.Get(ctx, kube.ObjectKey{Namespace: namespace, Name: args[0]}, &p); err != nil {
			return fmt.Errorf("reading ChangePlan %s/%s: %w", namespace, args[0], err)
		}
		if o.all {
			if err := complete(ctx, client, &p); err != nil {
				return err
			}
		}
		plans = append(plans, p)
	} else {
		var list crmv1.ChangePlanList
		if err := client.List(ctx, &list, kube.InNamespace(namespace)); err != nil {
			return fmt.Errorf("listing the ChangePlans of namespace %s: %w", namespace, err)
		}
		plans = list.Items
		slices.SortFunc(plans, func(a, b crmv1.ChangePlan) int {
			return cmp.Or(a.CreationTimestamp.Compare(b.CreationTimestamp.Time), strings.Compare(a.Name, b.Name))
		})
		waiting := slices.DeleteFunc(slices.Clone(plans), func(p crmv1.ChangePlan) bool { return p.Status.Phase != crmv1.PlanWaiting })
		if len(waiting) == 0 || o.output == "json" {
			return o.list(plans, out)
		}
		plans = waiting
	}
	if o.output == "json" {
		return writeJSON(out, plans[0])
	}
	for i := range plans {
		if err := describe(&plans[i], out); err != nil {
			return err
		}
	}
	return nil
}

func (o *planner) list(plans []crmv1.ChangePlan, out io.Writer) error {
	if o.output == "json" {
		return writeJSON(out, crmv1.ChangePlanList{Items: plans})
	}
	table := tabwriter.NewWriter(out, 0, 0, 3, ' ', 0)
	fmt.Fprintln(table, "NAME\tREVISION\tPHASE\tCHANGES\tMESSAGE")
	for i := range plans {
		status := &plans[i].Status
		fmt.Fprintf(table, "%s\t%d\t%s\t%d\t%s\n", plans[i].Name, status.Revision, status.Phase, status.TotalChanges, status.Message)
	}
	return flush(table)
}

// describe prints a plan for people.
func describe(p *crmv1.ChangePlan, out io.Writer) error {
	status := &p.Status
	fmt.Fprintf(out, "%s: revision %d to %d, %s\n", p.Name, status.BaseRevision, status.Revision, status.Phase)
	if status.Message != "" {
		fmt.Fprintf(out, "%s\n", status.Message)
	}
	fmt.Fprintf(out, "digest %s\n", status.Digest)
	for _, change := range status.Changes {
		fmt.Fprintf(out, "\n  %-9s  %s (%s)\n", change.Class, change.Summary, change.Resource)
		if change.Waits != "" {
			fmt.Fprintf(out, "             waits: %s\n", change.Waits)
		}
		for _, note := range aboutChange(&change) {
			fmt.Fprintf(out, "             %s\n", note)
		}
		if impact := change.Impact; impact != nil {
			fmt.Fprintf(out, "             %d records, %d with a value, %d failing\n", impact.Records, impact.Filled, impact.Failing)
			for _, id := range impact.FailingRecords {
				fmt.Fprintf(out, "               %s\n", id)
			}
		}
	}
	if more := int(status.TotalChanges) - len(status.Changes); more > 0 {
		fmt.Fprintf(out, "\n  and %d more in the tenant's database; --all shows them\n", more)
	}
	return nil
}

// complete puts into a plan the changes that have no room in its status.
func complete(ctx context.Context, client kube.Client, p *crmv1.ChangePlan) error {
	if len(p.Status.Changes) == int(p.Status.TotalChanges) {
		return nil
	}
	p.Status.Changes = nil
	return recalled(ctx, client, p.Namespace, crmv1.Recall{What: crmv1.RecallChanges, ChangePlan: p.Name}, func(status *crmv1.ChangePlanStatus) bool {
		p.Status.Changes = append(p.Status.Changes, status.Changes...)
		return true
	})
}

func flush(table *tabwriter.Writer) error {
	if err := table.Flush(); err != nil {
		return fmt.Errorf("writing the table: %w", err)
	}
	return nil
}

func writeJSON(out io.Writer, value any) error {
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(value); err != nil {
		return fmt.Errorf("writing JSON: %w", err)
	}
	return nil
}
