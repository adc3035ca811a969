package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kube "sigs.k8s.io/controller-runtime/pkg/client"

	crmv1 "github.com/kontor-crm/kontor/api/v1alpha1"
	"github.com/kontor-crm/kontor/internal/manifest"
)

// historian asks for what was applied to a tenant.
type historian struct {
	kubeOptions
	revision int64
	at       string
	limit    int
	output   string
}

// historyRevision is one revision as -o json prints it.
type historyRevision struct {
	crmv1.RecalledRevision `json:",inline"`
	// Changes are those of the plan that led to it, and Resources what was in force with it.
	Changes   []crmv1.PlannedChange `json:"changes"`
	Resources []any                 `json:"resources"`
}

func newHistory() *cobra.Command {
	var o historian
	command := &cobra.Command{
		Use:   "history [-n NAMESPACE] [--revision N | --at TIME]",
		Short: "Show what was applied to a tenant, and what its configuration was",
		Long: `History lists the revisions of a tenant's schema, the newest first: when each came
into force, from which commits, and the first of its changes.

  kubectl kontor history -n acme
  kubectl kontor history -n acme --revision 7 > acme-7.yaml
  kubectl kontor history -n acme --at "2026-03-31 17:00"

With --revision or --at it prints the resources that were in force then, as YAML that
can be applied again; the changes that led there stand above it as comments. A resource
that was given but waited, or was refused, is printed in the form that was in force.

The commit is that of the annotation crm.kontor.dev/commit of a resource, which
whatever brings it into the cluster sets; Argo CD does with

  kustomize: {commonAnnotations: {crm.kontor.dev/commit: $ARGOCD_APP_REVISION}, commonAnnotationsEnvsubst: true}

and kustomize's own annotation config.kubernetes.io/origin counts where it has a ref.
All this is kept in the tenant's database, so the operator answers, asked by a
ChangePlan with spec.recall: whoever may edit the namespace may make one.`,
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			question, err := o.question(time.Local)
			if err != nil {
				return err
			}
			client, namespace, err := o.connect()
			if err != nil {
				return err
			}
			if question.What == crmv1.RecallRevisions {
				return o.list(command.Context(), client, namespace, command.OutOrStdout())
			}
			return o.show(command.Context(), client, namespace, question, command.OutOrStdout())
		},
	}
	o.flags(command.Flags(), ofTenant)
	command.Flags().Int64Var(&o.revision, "revision", 0, "print the configuration of this revision")
	command.Flags().StringVar(&o.at, "at", "", "print the configuration of this time: 2026-03-31T17:00:00Z, or 2026-03-31 17:00 in the local time zone; a day means its end")
	command.Flags().IntVar(&o.limit, "limit", 50, "list at most so many revisions")
	command.Flags().StringVarP(&o.output, "output", "o", "", "json for programs; empty: for people")
	return command
}

// question is what the flags ask for.
func (o *historian) question(zone *time.Location) (question crmv1.Recall, err error) {
	switch {
	case o.output != "" && o.output != "json":
		return question, fmt.Errorf("--output is json or nothing; %w", errUsage)
	case o.revision < 0 || o.limit < 1:
		return question, fmt.Errorf("--revision and --limit are counted from 1; %w", errUsage)
	case o.revision != 0 && o.at != "":
		return question, fmt.Errorf("--revision and --at say the same, so name one; %w", errUsage)
	case o.revision != 0:
		return crmv1.Recall{What: crmv1.RecallResources, Revision: o.revision}, nil
	case o.at == "":
		return crmv1.Recall{What: crmv1.RecallRevisions}, nil
	}
	at, err := readTime(o.at, zone)
	return crmv1.Recall{What: crmv1.RecallResources, At: new(metav1.NewTime(at))}, err
}

// readTime reads a time as people write it.
func readTime(text string, zone *time.Location) (time.Time, error) {
	if day, err := time.ParseInLocation(time.DateOnly, text, zone); err == nil {
		return day.AddDate(0, 0, 1).Add(-time.Second), nil
	}
	for _, layout := range []string{time.RFC3339, time.DateTime, "2006-01-02 15:04", "2006-01-02T15:04:05", "2006-01-02T15:04"} {
		if at, err := time.ParseInLocation(layout, text, zone); err == nil {
			return at, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is no time such as 2026-03-31T17:00:00Z or 2026-03-31 17:00; %w", text, errUsage)
}

// recalled asks until the answer is whole; each gets a part of it.
func recalled(ctx context.Context, client kube.Client, namespace string, question crmv1.Recall, each func(*crmv1.ChangePlanStatus) (more bool)) error {
	for {
		answer, err := inquire(ctx, client, namespace, "recall-", crmv1.ChangePlanSpec{Recall: &question})
		if err != nil {
			return err
		}
		if answer.Status.Recalled == nil {
			return errors.New("the operator is of an older release, which keeps no history")
		}
		if !each(&answer.Status) || answer.Status.Recalled.Next == 0 {
			return nil
		}
		question.From = answer.Status.Recalled.Next
	}
}

func (o *historian) list(ctx context.Context, client kube.Client, namespace string, out io.Writer) error {
	found := []crmv1.RecalledRevision{}
	err := recalled(ctx, client, namespace, crmv1.Recall{What: crmv1.RecallRevisions}, func(status *crmv1.ChangePlanStatus) bool {
		found = append(found, status.Recalled.Revisions...)
		return len(found) < o.limit
	})
	if err != nil {
		return err
	}
	found = found[:min(len(found), o.limit)]
	if o.output == "json" {
		return writeJSON(out, found)
	}
	table := tabwriter.NewWriter(out, 0, 0, 3, ' ', 0)
	fmt.Fprintln(table, "REVISION\tAPPLIED\tCOMMIT\tCHANGES\tFIRST CHANGE\tCHANGEPLAN")
	for _, one := range found {
		fmt.Fprintf(table, "%d\t%s\t%s\t%d\t%s\t%s\n", one.Revision, one.Applied.Format(time.RFC3339), shortCommits(one.Commits), one.TotalChanges, one.Summary, one.ChangePlan)
	}
	return flush(table)
}

// shortCommits are commits as a table has room for them.
func shortCommits(commits []string) string {
	const shown, length = 2, 12
	var short []string
	for _, commit := range commits[:min(len(commits), shown)] {
		short = append(short, commit[:min(len(commit), length)])
	}
	if more := len(commits) - shown; more > 0 {
		short = append(short, fmt.Sprintf("+%d", more))
	}
	return strings.Join(short, ",")
}

// show prints one revision.
func (o *historian) show(ctx context.Context, client kube.Client, namespace string, question crmv1.Recall, out io.Writer) error {
	found := historyRevision{Changes: []crmv1.PlannedChange{}, Resources: []any{}}
	var manifests []string
	err := recalled(ctx, client, namespace, question, func(status *crmv1.ChangePlanStatus) bool {
		found.RecalledRevision = status.Recalled.Revisions[0]
		manifests = append(manifests, status.Recalled.Manifests)
		return true
	})
	if err != nil {
		return err
	}
	question = crmv1.Recall{What: crmv1.RecallChanges, Revision: found.Revision} // no other that came meanwhile
	err = recalled(ctx, client, namespace, question, func(status *crmv1.ChangePlanStatus) bool {
		found.Changes = append(found.Changes, status.Changes...)
		return true
	})
	if err != nil {
		return err
	}
	text := strings.Join(manifests, "---\n")
	if o.output == "json" {
		resources, err := manifest.Read([]byte(text))
		if err != nil {
			return fmt.Errorf("reading the operator's answer: %w", err)
		}
		for _, resource := range resources {
			found.Resources = append(found.Resources, resource.Object)
		}
		return writeJSON(out, found)
	}
	return written(out, found.heading()+"---\n"+text)
}

// heading says in comments what the resources are.
func (r *historyRevision) heading() string {
	var text strings.Builder
	line := func(format string, args ...any) {
		text.WriteString("# " + strings.ReplaceAll(fmt.Sprintf(format, args...), "\n", " ") + "\n")
	}
	line("revision %d, applied %s by ChangePlan %s", r.Revision, r.Applied.Format(time.RFC3339), r.ChangePlan)
	if len(r.Commits) > 0 {
		line("commits %s", strings.Join(r.Commits, ", "))
	}
	line("%s led to it:", counted(len(r.Changes), "change"))
	for _, change := range r.Changes {
		line("  %-9s  %s (%s)", change.Class, change.Summary, change.Resource)
	}
	return text.String()
}
