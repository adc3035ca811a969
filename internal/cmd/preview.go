package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	kube "sigs.k8s.io/controller-runtime/pkg/client"

	crmv1 "github.com/kontor-crm/kontor/api/v1alpha1"
	"github.com/kontor-crm/kontor/controllers/tenant"
	"github.com/kontor-crm/kontor/internal/compile"
	"github.com/kontor-crm/kontor/internal/manifest"
	"github.com/kontor-crm/kontor/internal/plan"
)

type groupVersionKind = schema.GroupVersionKind

// The exit codes of a plan for a folder, as a check of a pull request reads them.
const (
	planChanges   = 2
	planDangerous = 3
)

// previewer plans for YAML that is not applied yet.
type previewer struct {
	*planner
	file, against string
	prune         bool
}

// preview is the plan for YAML that is not applied yet: what -o json prints. The
// fields of its changes are those of status.changes of a ChangePlan, and two more.
type preview struct {
	// Tenant is the metadata.name of the Tenant.
	Tenant string `json:"tenant"`
	// Class is the greatest danger of all changes; empty when there is none.
	Class crmv1.ChangeClass `json:"class,omitempty"`
	// TotalChanges is their number, and Changes are all of them, in their order.
	TotalChanges int             `json:"totalChanges"`
	Changes      []previewChange `json:"changes"`
	// Retained are deleted resources that stay in the applied schema with their data: "CustomField/tier".
	Retained []string `json:"retained,omitempty"`
}

// previewChange is one change of it.
type previewChange struct {
	crmv1.PlannedChange `json:",inline"`
	// AsksRecords says that records may be in its way: only a live database can tell how many.
	AsksRecords bool `json:"asksRecords,omitempty"`
	// Refused says why the change is not made; its resource goes on in its applied form.
	Refused string `json:"refused,omitempty"`
}

// newPreview compiles the present and the wanted configuration, which is that of path,
// and plans from one to the other.
func newPreview(present, wanted compile.Input, path string) (*preview, error) {
	if present.Tenant.Name != wanted.Tenant.Name {
		return nil, fmt.Errorf("the Tenant is %s now and would be %s: metadata.name never changes, so this is another tenant", present.Tenant.Name, wanted.Tenant.Name)
	}
	applied := compile.Compile(present).Schema
	applied.Revision = 1
	wanted.Applied = applied
	compiled := compile.Compile(wanted)
	if err := problemsOf(compiled, path); err != nil {
		return nil, err
	}
	p := plan.Make(applied, compiled.Schema, plan.Assume(applied), plan.Policy{})
	found := &preview{Tenant: wanted.Tenant.Name, Changes: []previewChange{}}
	for _, change := range p.Changes {
		found.Changes = append(found.Changes, previewed(change))
	}
	for _, change := range p.Refused {
		one := previewed(change)
		one.Class, one.Refused = crmv1.ChangeDangerous, change.Reason
		found.Changes = append(found.Changes, one)
	}
	for _, one := range compiled.Retained {
		found.Retained = append(found.Retained, slashed(one))
	}
	if len(found.Changes) == 0 && len(found.Retained) == 0 && !p.Empty() {
		found.Changes = append(found.Changes, previewChange{PlannedChange: crmv1.PlannedChange{
			Resource: "Tenant/" + found.Tenant, Summary: "change what the schema says; the database stays as it is", Class: crmv1.ChangeSafe,
		}})
	}
	found.TotalChanges = len(found.Changes)
	for _, class := range []crmv1.ChangeClass{crmv1.ChangeSafe, crmv1.ChangeCareful, crmv1.ChangeDangerous} {
		if slices.ContainsFunc(found.Changes, func(c previewChange) bool { return c.Class == class }) {
			found.Class = class
		}
	}
	return found, nil
}

// previewed is a change as it is printed. Another type counts as dangerous, although
// the planner knows some that lose nothing.
func previewed(change plan.Change) previewChange {
	one := previewChange{PlannedChange: tenant.Planned(change), AsksRecords: change.Check != nil}
	if change.Class == "" {
		one.Class = crmv1.ChangeSafe
	}
	if change.Kind == plan.ChangeType {
		one.Class = crmv1.ChangeDangerous
	}
	return one
}

// exitCode is how the command ends; nil when nothing changes.
func (p *preview) exitCode() error {
	switch {
	case p.Class == crmv1.ChangeDangerous:
		return exitError(planDangerous)
	case len(p.Changes)+len(p.Retained) > 0:
		return exitError(planChanges)
	}
	return nil
}

// problemsOf are all that does not compile, a line each.
func problemsOf(result compile.Result, path string) error {
	var lines []string
	for _, ref := range slices.SortedFunc(maps.Keys(result.Verdicts), func(a, b compile.Ref) int { return strings.Compare(a.String(), b.String()) }) {
		for _, problem := range result.Verdicts[ref].Problems {
			lines = append(lines, fmt.Sprintf("%s: %s: %s", slashed(ref.String()), problem.Path, problem.Message))
		}
	}
	if len(lines) == 0 {
		return nil
	}
	return fmt.Errorf("%s does not compile:\n  %s", path, strings.Join(lines, "\n  "))
}

// run prints the plan, and returns the exit code that it means.
func (o *previewer) run(command *cobra.Command) error {
	write, ok := map[string]func(*preview, io.Writer) error{
		"": (*preview).describe, "json": func(p *preview, out io.Writer) error { return writeJSON(out, p) }, "markdown": (*preview).markdown,
	}[o.output]
	switch {
	case !ok:
		return errors.New("--output is json, markdown or nothing")
	case o.prune && o.against != "":
		return errors.New("--prune is for a live tenant; with --against, what is not in the new folder is deleted")
	}
	present, wanted, err := o.sides(command)
	if err != nil {
		return err
	}
	found, err := newPreview(present, wanted, o.file)
	if err != nil {
		return err
	}
	if err := write(found, command.OutOrStdout()); err != nil {
		return err
	}
	return found.exitCode()
}

// sides are what the tenant is, and what it would be.
func (o *previewer) sides(command *cobra.Command) (present, wanted compile.Input, err error) {
	given, err := readFolder(o.file, command.InOrStdin())
	if err != nil {
		return present, wanted, err
	}
	for _, other := range given.others {
		fmt.Fprintf(command.ErrOrStderr(), "%s is left out: it does not describe a tenant\n", other)
	}
	if o.against == "" {
		client, namespace, err := o.connect()
		if err != nil {
			return present, wanted, err
		}
		return o.liveSides(command.Context(), client, namespace, given, command.ErrOrStderr())
	}
	old, err := readFolder(o.against, command.InOrStdin())
	if err != nil {
		return present, wanted, err
	}
	if present, err = old.input(); err != nil {
		return present, wanted, err
	}
	if err := problemsOf(compile.Compile(present), o.against); err != nil {
		return present, wanted, err
	}
	if wanted, err = given.input(); err != nil {
		return present, wanted, err
	}
	present.Now, wanted.Now = time.Now(), time.Now()
	return present, wanted, nil
}

// liveSides are the resources of a namespace now, and after the folder was applied.
func (o *previewer) liveSides(ctx context.Context, client kube.Client, namespace string, given *folder, errOut io.Writer) (present, wanted compile.Input, err error) {
	if present, err = gather(ctx, client, namespace); err != nil {
		return present, wanted, err
	}
	if synced := meta.FindStatusCondition(present.Tenant.Status.Conditions, crmv1.ConditionSchemaSynced); synced == nil || synced.Status != metav1.ConditionTrue {
		fmt.Fprintf(errOut, "not all that stands in namespace %s is applied, but the plan assumes that it is", namespace)
		if synced != nil {
			fmt.Fprintf(errOut, ": %s", synced.Message)
		}
		fmt.Fprintln(errOut)
	}
	replaced := map[compile.Ref]bool{}
	for _, document := range given.documents {
		ref := compile.Ref{Kind: document.Object.GetKind(), Name: document.Object.GetName()}
		accepted, err := dryRun(ctx, client, namespace, document.Object)
		if err != nil {
			return present, wanted, fmt.Errorf("%s: %s: %w", given.places[ref], slashed(ref.String()), err)
		}
		resource, err := manifest.Decode(accepted)
		if err != nil {
			return present, wanted, fmt.Errorf("%s: %s: %w", given.places[ref], slashed(ref.String()), err)
		}
		wanted.Add(resource)
		replaced[ref] = true
	}
	if wanted.Tenant == nil {
		wanted.Tenant = present.Tenant
	}
	if !o.prune {
		keepOthers(&wanted, &present, replaced)
	}
	present.Now, wanted.Now = time.Now(), time.Now()
	return present, wanted, nil
}

// keepOthers adds what is there and is not replaced.
func keepOthers(wanted, present *compile.Input, replaced map[compile.Ref]bool) {
	for _, one := range present.Resources() {
		if !replaced[compile.RefOf(one)] && one != crmv1.Object(present.Tenant) {
			wanted.Add(one)
		}
	}
}

// dryRun asks the API server what would become of a resource that is applied: with the
// defaults that it fills in, and refused where the kind's rules refuse it.
func dryRun(ctx context.Context, client kube.Client, namespace string, object *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	if own := object.GetNamespace(); own != "" && own != namespace {
		return nil, fmt.Errorf("it is of namespace %s, and not of %s", own, namespace)
	}
	wanted := manifest.Clean(object)
	wanted.SetNamespace(namespace)
	there := &unstructured.Unstructured{}
	there.SetGroupVersionKind(object.GroupVersionKind())
	err := client.Get(ctx, kube.ObjectKeyFromObject(wanted), there)
	switch {
	case apierrors.IsNotFound(err):
		err = client.Create(ctx, wanted, kube.DryRunAll)
	case err == nil:
		wanted.SetResourceVersion(there.GetResourceVersion())
		wanted.SetFinalizers(there.GetFinalizers())
		err = client.Update(ctx, wanted, kube.DryRunAll)
	}
	if err != nil {
		return nil, fmt.Errorf("asking the API server for it: %w", err)
	}
	return wanted, nil
}
