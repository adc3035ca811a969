package tenant

import (
	"encoding/json"
	"strings"
	"testing"

	crmv1 "github.com/kontor-crm/kontor/api/v1alpha1"
	"github.com/kontor-crm/kontor/internal/compile"
	"github.com/kontor-crm/kontor/internal/plan"
)

func TestWhatHasNoRoomInOneAnswerIsInTheNext(t *testing.T) {
	t.Parallel()
	changes := make([]crmv1.PlannedChange, 450)
	for i := range changes {
		changes[i] = crmv1.PlannedChange{Summary: strings.Repeat("s", 1000), SQL: strings.Repeat("q", 4000)}
	}
	changes[7].SQL = strings.Repeat("q", 2*maxRecalledBytes) // alone too much
	record := &crmv1.ChangePlan{Spec: crmv1.ChangePlanSpec{Recall: &crmv1.Recall{What: crmv1.RecallChanges}}}
	found := 0
	for answers := 1; ; answers++ {
		answer := &crmv1.Recalled{}
		if err := recallPart(record, answer, changes); err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal(record.Status.Changes)
		if err != nil {
			t.Fatal(err)
		}
		if len(text) > maxRecalledBytes+maxPlannedChanges && len(record.Status.Changes) != 1 {
			t.Errorf("answer %d has %d bytes", answers, len(text))
		}
		if int(record.Status.TotalChanges) != len(changes) {
			t.Errorf("answer %d says that there are %d changes", answers, record.Status.TotalChanges)
		}
		found += len(record.Status.Changes)
		if record.Spec.Recall.From = answer.Next; answer.Next == 0 {
			break
		}
		if int(answer.Next) != found {
			t.Fatalf("after %d changes answer %d goes on at %d", found, answers, answer.Next)
		}
	}
	if found != len(changes) {
		t.Errorf("%d of %d changes were told", found, len(changes))
	}
}

func TestACommitIsThatOfOurAnnotationOrOfKustomize(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		annotations map[string]string
		want        string
	}{
		"none":      {nil, ""},
		"ours":      {map[string]string{crmv1.CommitAnnotation: " 0a1b ", crmv1.OriginAnnotation: "ref: v2\n"}, "0a1b"},
		"kustomize": {map[string]string{crmv1.OriginAnnotation: "path: acme/tier.yaml\nrepo: https://git.example/crm\nref: v1.2.3\n"}, "v1.2.3"},
		"a folder":  {map[string]string{crmv1.OriginAnnotation: "path: tier.yaml\n"}, ""},
		"nonsense":  {map[string]string{crmv1.OriginAnnotation: "{"}, ""},
		"too long":  {map[string]string{crmv1.CommitAnnotation: strings.Repeat("a", 100)}, strings.Repeat("a", maxCommit-1) + "…"},
	} {
		if got := commitOf(c.annotations); got != c.want {
			t.Errorf("%s: the commit is %q and not %q", name, got, c.want)
		}
	}
}

func TestAHeldResourceIsNotInForceAsItWasGiven(t *testing.T) {
	t.Parallel()
	field := func(name string) *crmv1.CustomField {
		f := &crmv1.CustomField{}
		f.Name, f.Namespace, f.Generation = name, "acme", 3
		f.Spec.Object, f.Spec.Type = "customer", crmv1.FieldText
		return f
	}
	d := &decision{
		resources: &resources{suspended: map[compile.Ref]string{{Kind: compile.KindField, Name: "suspended"}: "why"}, forms: map[compile.Ref]crmv1.Object{}},
		waiting:   map[compile.Ref]string{{Kind: compile.KindField, Name: "waits"}: "why"},
		refused:   map[compile.Ref]string{{Kind: compile.KindField, Name: "refused"}: "why"},
		compiled: compile.Result{Verdicts: map[compile.Ref]compile.Verdict{
			{Kind: compile.KindField, Name: "invalid"}: {Problems: []compile.Problem{{Path: "spec"}}},
		}},
	}
	for _, name := range []string{"fine", "suspended", "waits", "refused", "invalid"} {
		d.resources.forms[compile.Ref{Kind: compile.KindField, Name: name}] = field(name)
	}
	tenant := &crmv1.Tenant{}
	tenant.Name = "acme"
	origin, err := d.origin(tenant, "acme-1-01234567")
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(origin.Held, " "); got != "CustomField/invalid CustomField/refused CustomField/suspended CustomField/waits" {
		t.Errorf("held are %s", got)
	}
	want := plan.Resource{Kind: "CustomField", Name: "fine", Generation: 3}
	got := origin.Resources[0]
	if len(origin.Resources) != 2 || got.Ref() != want.Ref() || got.Generation != want.Generation || strings.Contains(string(got.Manifest), "namespace") {
		t.Errorf("in force are %+v", origin.Resources)
	}
}
