package cmd

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	kube "sigs.k8s.io/controller-runtime/pkg/client"

	crmv1 "github.com/kontor-crm/kontor/api/v1alpha1"
)

var update = flag.Bool("update", false, "write the golden files anew")

// ended runs the binary's Main and returns all that its caller sees.
func ended(args ...string) (code int, out, errOut string) {
	var written, said bytes.Buffer
	code = Main(append([]string{"kontor"}, args...), &written, &said)
	return code, written.String(), said.String()
}

// yamlFolder makes a folder of files, by name.
func yamlFolder(t *testing.T, files map[string]string) string {
	t.Helper()
	folder := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

const (
	acmeTenant = "apiVersion: crm.kontor.dev/v1alpha1\nkind: Tenant\nmetadata: {name: acme}\nspec: {displayName: Acme}\n"
	tierField  = "apiVersion: crm.kontor.dev/v1alpha1\nkind: CustomField\nmetadata: {name: tier}\nspec: {object: customer, type: text, length: 20, label: {en: Tier}}\n"
)

func TestAPlanOfTwoFoldersReadsWellInAllForms(t *testing.T) {
	t.Parallel()
	for form, file := range map[string]string{"": "preview.txt", "json": "preview.json", "markdown": "preview.md"} {
		code, out, said := ended("plan", "-f", "testdata/preview/new", "--against", "testdata/preview/old", "-o", form)
		if code != planDangerous || said != "" {
			t.Fatalf("it ends with %d and says %s", code, said)
		}
		path := filepath.Join("testdata", "preview", file)
		if *update {
			if err := os.WriteFile(path, []byte(out), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if out != string(want) {
			t.Errorf("the plan is not that of %s (run with -update and look at the difference):\n%s", path, out)
		}
	}
}

func TestTheExitCodeOfAPlanSaysHowDangerousItIs(t *testing.T) {
	t.Parallel()
	old := yamlFolder(t, map[string]string{"tenant.yaml": acmeTenant, "tier.yml": tierField, "kustomization.yaml": "resources: [tenant.yaml]\n"})
	for text, want := range map[string]int{
		acmeTenant + "---\n" + tierField:                                              0,
		acmeTenant + "---\n" + strings.Replace(tierField, "20", "30", 1):              planChanges, // it holds more
		acmeTenant + "---\n" + strings.Replace(tierField, "20", "10", 1):              planChanges, // it asks the records
		acmeTenant + "---\n" + strings.Replace(tierField, "en: Tier", "en: Grade", 1): planChanges, // only the schema says it
		acmeTenant: planChanges, // the field was deleted
		acmeTenant + "---\n" + strings.Replace(tierField, "type: text, length: 20", "type: date", 1): planDangerous, // it is refused
	} {
		code, out, said := ended("plan", "-f", filepath.Join(yamlFolder(t, map[string]string{"all.yaml": text}), "all.yaml"), "--against", old)
		if code != want || said != "" {
			t.Errorf("it ends with %d and not %d, says %s and writes %s:\n%s", code, want, said, out, text)
		}
	}
}

func TestWhatCannotBePlannedEndsWithOneAndSaysWhere(t *testing.T) {
	t.Parallel()
	good := yamlFolder(t, map[string]string{"all.yaml": acmeTenant + "---\n" + tierField})
	for name, c := range map[string]struct {
		files map[string]string
		says  []string
	}{
		"an empty folder":            {map[string]string{"read.me": "-"}, []string{"has no YAML file"}},
		"files with nothing in them": {map[string]string{"a.yaml": "# nothing\n---\n"}, []string{"holds no resource that describes a tenant"}},
		"no Tenant":                  {map[string]string{"a.yaml": tierField}, []string{"has no Tenant"}},
		"two Tenants": {
			map[string]string{"a.yaml": acmeTenant, "b.yaml": strings.Replace(acmeTenant, "name: acme", "name: globex", 1)},
			[]string{"b.yaml: line 1", "a second Tenant, globex, beside acme in", "a.yaml: line 1"},
		},
		"another Tenant":  {map[string]string{"a.yaml": strings.Replace(acmeTenant, "name: acme", "name: globex", 1)}, []string{"acme", "globex", "metadata.name never changes"}},
		"an unknown kind": {map[string]string{"a.yaml": acmeTenant + "---\n" + strings.Replace(tierField, "CustomField", "CustomFeild", 1)}, []string{"a.yaml: line 6", `"CustomFeild" is no kind that describes a tenant`}},
		"another group":   {map[string]string{"a.yaml": acmeTenant + "---\n" + strings.Replace(tierField, "kontor.dev", "kontor.de", 1)}, []string{"a.yaml: line 6", "crm.kontor.de/v1alpha1"}},
		"broken YAML":     {map[string]string{"a.yaml": acmeTenant, "b.yaml": "kind: A\n---\nspec: a: b\n"}, []string{"b.yaml: line 3"}},
		"a misspelt key":  {map[string]string{"a.yaml": acmeTenant + "---\n" + strings.Replace(tierField, "label", "lable", 1)}, []string{"a.yaml: line 6", "CustomField/tier", `unknown field "spec.lable"`}},
		"a resource twice": {
			map[string]string{"a.yaml": acmeTenant + "---\n" + tierField, "b.yaml": tierField},
			[]string{"b.yaml: line 1", "CustomField/tier stands already in", "a.yaml: line 6"},
		},
		"what does not compile": {
			map[string]string{"a.yaml": acmeTenant + "---\n" + strings.Replace(tierField, "object: customer", "object: custommer", 1)},
			[]string{"does not compile", "CustomField/tier: spec.object: "},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bad := yamlFolder(t, c.files)
			for _, sides := range [][]string{{"-f", bad, "--against", good}, {"-f", good, "--against", bad}} {
				code, out, said := ended(append([]string{"plan"}, sides...)...)
				if code != 1 || out != "" {
					t.Errorf("it ends with %d and writes %s", code, out)
				}
				for _, part := range c.says {
					if !strings.Contains(said, part) {
						t.Errorf("it does not say %q: %s", part, said)
					}
				}
			}
		})
	}
}

func TestAWrongFlagOfAPlanIsNotTakenForChanges(t *testing.T) {
	t.Parallel()
	good := yamlFolder(t, map[string]string{"all.yaml": acmeTenant})
	for _, args := range [][]string{
		{"--unheard", good}, {"--against", good, "-o", "yaml"}, {"--against", good, "--prune"}, {"PLAN"}, {"-f", filepath.Join(good, "none"), "--against", good},
	} {
		if code, out, said := ended(append([]string{"plan", "-f", good}, args...)...); code != 1 || out != "" || said == "" {
			t.Errorf("plan %v ends with %d, writes %s and says %s", args, code, out, said)
		}
	}
}

func TestTextsOfATenantCannotBreakTheTable(t *testing.T) {
	t.Parallel()
	p := &preview{Tenant: "acme", TotalChanges: 1, Changes: []previewChange{{PlannedChange: crmv1.PlannedChange{
		Resource: "CustomField/tier", Class: crmv1.ChangeSafe, Summary: "a | b\n| c <b>`d`</b> @everyone [x](y) \\| *e*", SQL: "SELECT '```\n</details>'",
	}}}}
	var out bytes.Buffer
	if err := p.markdown(&out); err != nil {
		t.Fatal(err)
	}
	want := "| 1 | Safe | CustomField/tier | a \\| b \\| c &lt;b&gt;\\`d\\`&lt;/b&gt; @\u2060everyone \\[x\\](y) \\\\\\| \\*e\\* |\n"
	if !strings.Contains(out.String(), want) || !strings.Contains(out.String(), "\n````sql\nSELECT '```\n</details>'\n````\n") {
		t.Errorf("the table is broken:\n%s", out.String())
	}
}

func TestAPlanIsMadeForALiveTenantWithoutApplyingIt(t *testing.T) {
	t.Parallel()
	p := newPlatform(t, "previews")
	p.create(t, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "acme"}})
	applyText(t, p.client, "acme", acmeTenant+"---\n"+tierField)
	database := p.postgres.URL(p.await(t, synced).Status.Database.Name)
	ask[string](t, database, `INSERT INTO crm.customer (id, name, schema_revision, x_tier) VALUES (gen_random_uuid(), 'Initech', 1, repeat('g', 15)) RETURNING x_tier`)
	planned := func(text string, args ...string) (code int, out, said string) {
		folder := yamlFolder(t, map[string]string{"all.yaml": text})
		return ended(append([]string{"plan", "-f", folder, "--kubeconfig", p.Kubeconfig(), "-n", "acme"}, args...)...)
	}
	if code, out, said := planned(tierField); code != 0 || !strings.Contains(out, "no change") || said != "" {
		t.Errorf("what stands there already: %d, %s, %s", code, out, said)
	}
	if code, out, said := planned(strings.Replace(tierField, "20", "18", 1)); code != planChanges || !strings.Contains(out, "1 record, 1 with a value, none failing") {
		t.Errorf("a length that all bear: %d, %s, %s", code, out, said)
	}
	for form, parts := range map[string][]string{
		"":         {"Tenant acme: 1 change, 1 dangerous", "shrinks from 20 to 10", "1 record, 1 with a value, 1 failing: ", "would wait: 1 record does not bear it"},
		"json":     {`"class": "Dangerous"`, `"failing": 1`, `"failingRecords"`, `"waits": "1 record does not bear it and has to be mended first"`},
		"markdown": {"### Tenant acme: 1 change, 1 dangerous", "**Dangerous**", "1 record, 1 with a value, 1 failing"},
	} {
		code, out, said := planned(strings.Replace(tierField, "20", "10", 1), "-o", form)
		if code != planDangerous || said != "" {
			t.Errorf("a length that one does not bear ends with %d and says %s", code, said)
		}
		for _, part := range parts {
			if !strings.Contains(out, part) {
				t.Errorf("the form %q does not say %q:\n%s", form, part, out)
			}
		}
	}
	if code, out, said := planned(acmeTenant); code != 0 {
		t.Errorf("a part of it: %d, %s, %s", code, out, said)
	}
	if code, out, said := planned(acmeTenant, "--prune"); code != planChanges || !strings.Contains(out, "CustomField/tier") {
		t.Errorf("all of it, without the field: %d, %s, %s", code, out, said)
	}
	if code, _, said := planned(strings.Replace(tierField, "length: 20", "length: -1", 1)); code != 1 || !strings.Contains(said, "all.yaml: line 1: CustomField/tier") || !strings.Contains(said, "spec.length") {
		t.Errorf("what the API server refuses: %d, %s", code, said)
	}
	if code, _, said := planned(strings.NewReplacer("tier", "other", "object: customer", "object: custommer").Replace(tierField)); code != 1 || !strings.Contains(said, "CustomField/other: spec.object: ") {
		t.Errorf("what does not compile: %d, %s", code, said)
	}
	if code, _, said := planned(strings.Replace(acmeTenant, "name: acme", "name: globex", 1)); code != 1 || !strings.Contains(said, "metadata.name never changes") {
		t.Errorf("another tenant: %d, %s", code, said)
	}
	var many strings.Builder
	for i := range 210 {
		many.WriteString("---\n" + strings.Replace(tierField, "name: tier", fmt.Sprintf("name: tier-%d", i), 1))
	}
	if code, out, said := planned(many.String(), "-o", "json"); code != planChanges || !strings.Contains(out, `add field \"tier_209\"`) {
		t.Errorf("more changes than a status has room for: %d, %s, %s", code, out, said)
	}
	var left crmv1.ChangePlanList
	if err := p.client.List(t.Context(), &left, kube.InNamespace("acme")); err != nil {
		t.Fatal(err)
	}
	if len(left.Items) != 1 || left.Items[0].Status.Phase != crmv1.PlanApplied {
		t.Errorf("the questions are left behind: %+v", left.Items)
	}
	asked := &crmv1.ChangePlan{ObjectMeta: metav1.ObjectMeta{Namespace: "acme", Name: "many"}}
	asked.Spec.Preview = &crmv1.Preview{Manifests: many.String()}
	p.create(t, asked)
	err := wait.PollUntilContextCancel(t.Context(), 50*time.Millisecond, true, func(ctx context.Context) (bool, error) {
		return asked.Status.Phase != "", p.client.Get(ctx, kube.ObjectKeyFromObject(asked), asked)
	})
	if err != nil {
		t.Fatal(err)
	}
	if first, _ := mustKontor(t, "plan", "many", "--kubeconfig", p.Kubeconfig(), "-n", "acme"); !strings.Contains(first, "more in the tenant's database; --all shows them") {
		t.Errorf("it does not say where the rest is:\n%s", first)
	}
	if all, _ := mustKontor(t, "plan", "many", "--all", "--kubeconfig", p.Kubeconfig(), "-n", "acme"); strings.Count(all, "add field") != 210 {
		t.Errorf("all of it is\n%s", all)
	}
	if exported, _ := mustKontor(t, "export", "--kubeconfig", p.Kubeconfig(), "-n", "acme"); !strings.Contains(exported, "length: 20") {
		t.Errorf("planning changed the tenant:\n%s", exported)
	}
}
