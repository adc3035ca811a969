package cmd

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/runtime/schema"

	crmv1 "github.com/kontor-crm/kontor/api/v1alpha1"
	"github.com/kontor-crm/kontor/controllers/tenant"
	"github.com/kontor-crm/kontor/internal/compile"
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
// fields of its changes are those of status.changes of a ChangePlan, and one more.
type preview struct {
	// Tenant is the metadata.name of the Tenant.
	Tenant string `json:"tenant"`
	// Class is the greatest danger of all changes; empty when there is none.
	Class crmv1.ChangeClass `json:"class,omitempty"`
	// TotalChanges is their number, and Changes are all of them, in their order.
	TotalChanges int             `json:"totalChanges"`
	Changes      []previewChange `json:"changes"`
	// Retained are deleted resources that stay in the applied schema, as others need them: "CustomField/tier".
	Retained []string `json:"retained,omitempty"`
}

// previewChange is one change of it.
type previewChange struct {
	crmv1.PlannedChange `json:",inline"`
	// AsksRecords says that records may be in its way: only a live database can tell how many.
	AsksRecords bool `json:"asksRecords,omitempty"`
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
	outlook, compiled := tenant.Foresee(wanted, plan.Assume(applied))
	if err := problemsOf(compiled, path); err != nil {
		return nil, err
	}
	changes := outlook.Changes()
	found := &preview{
		Tenant: wanted.Tenant.Name, Class: tenant.ClassOf(changes), TotalChanges: len(changes), Changes: []previewChange{}, Retained: outlook.Retained,
	}
	asking := slices.Concat(outlook.Plan.Changes, outlook.Plan.Refused)
	for i, change := range changes {
		found.Changes = append(found.Changes, previewChange{PlannedChange: change, AsksRecords: i < len(asking) && asking[i].Check != nil})
	}
	return found, nil
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
	if lines := tenant.ProblemsOf(result); len(lines) > 0 {
		return fmt.Errorf("%s does not compile:\n  %s", path, strings.Join(lines, "\n  "))
	}
	return nil
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
	found, err := o.plan(command)
	if err != nil {
		return err
	}
	if err := write(found, command.OutOrStdout()); err != nil {
		return err
	}
	return found.exitCode()
}

// plan plans for the file against the other folder, or the live tenant.
func (o *previewer) plan(command *cobra.Command) (*preview, error) {
	given, err := readFolder(o.file, command.InOrStdin())
	if err != nil {
		return nil, err
	}
	for _, other := range given.others {
		fmt.Fprintf(command.ErrOrStderr(), "%s is left out: it does not describe a tenant\n", other)
	}
	if o.against == "" {
		client, namespace, err := o.connect()
		if err != nil {
			return nil, err
		}
		return o.askOperator(command.Context(), client, namespace, given)
	}
	old, err := readFolder(o.against, command.InOrStdin())
	if err != nil {
		return nil, err
	}
	present, err := old.input()
	if err != nil {
		return nil, err
	}
	if err := problemsOf(compile.Compile(present), o.against); err != nil {
		return nil, err
	}
	wanted, err := given.input()
	if err != nil {
		return nil, err
	}
	present.Now, wanted.Now = time.Now(), time.Now()
	return newPreview(present, wanted, o.file)
}
