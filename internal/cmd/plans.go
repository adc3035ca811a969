package cmd

import (
	"cmp"
	"context"
	"encoding/json"
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
}

func newPlan() *cobra.Command {
	var o planner
	command := &cobra.Command{
		Use:   "plan [-n NAMESPACE] [PLAN]",
		Short: "Show what waits to be done to a tenant's database",
		Long: `Plan shows a ChangePlan: what is or was done to the tenant's database, how dangerous
it is, how many records do not bear it and which. Without a name it shows the one
that waits, or else lists all.

  kubectl kontor plan -n acme
  kubectl kontor approve -n acme PLAN`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(command *cobra.Command, args []string) error {
			client, namespace, err := o.connect()
			if err != nil {
				return err
			}
			return o.show(command.Context(), client, namespace, args, command.OutOrStdout())
		},
	}
	o.flags(command.Flags(), ofTenant)
	command.Flags().StringVarP(&o.output, "output", "o", "", "json for programs; empty: for people")
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
func (o *planner) show(ctx context.Context, client kube.Reader, namespace string, args []string, out io.Writer) error {
	if o.output != "" && o.output != "json" {
		return fmt.Errorf("--output is json or nothing; %w", errUsage)
	}
	var plans []crmv1.ChangePlan
	if len(args) == 1 {
		var p crmv1.ChangePlan
		if err := client.Get(ctx, kube.ObjectKey{Namespace: namespace, Name: args[0]}, &p); err != nil {
			return fmt.Errorf("reading ChangePlan %s/%s: %w", namespace, args[0], err)
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
		if impact := change.Impact; impact != nil {
			fmt.Fprintf(out, "             %d records, %d with a value, %d failing\n", impact.Records, impact.Filled, impact.Failing)
			for _, id := range impact.FailingRecords {
				fmt.Fprintf(out, "               %s\n", id)
			}
		}
	}
	if more := int(status.TotalChanges) - len(status.Changes); more > 0 {
		fmt.Fprintf(out, "\n  and %d more\n", more)
	}
	return nil
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
