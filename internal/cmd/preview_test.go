package cmd

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	crmv1 "github.com/kontor-crm/kontor/api/v1alpha1"
	"github.com/kontor-crm/kontor/test/env"
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
	cluster := env.Cluster(t)
	client := cluster.Client(t, newScheme())
	namespace := cluster.Namespace(t)
	applyText(t, client, namespace, acmeTenant+"---\n"+tierField)
	planned := func(text string, args ...string) (code int, out, said string) {
		folder := yamlFolder(t, map[string]string{"all.yaml": text})
		return ended(append([]string{"plan", "-f", folder, "--kubeconfig", cluster.Kubeconfig(), "-n", namespace}, args...)...)
	}
	if code, out, said := planned(tierField); code != 0 || !strings.Contains(out, "no change") || !strings.Contains(said, "not all that stands in namespace") {
		t.Errorf("what stands there already: %d, %s, %s", code, out, said)
	}
	if code, out, said := planned(strings.Replace(tierField, "20", "10", 1)); code != planChanges || !strings.Contains(out, "shrinks from 20 to 10") || !strings.Contains(out, onlyLive) {
		t.Errorf("a shorter length: %d, %s, %s", code, out, said)
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
	if exported, _ := mustKontor(t, "export", "--kubeconfig", cluster.Kubeconfig(), "-n", namespace); !strings.Contains(exported, "length: 20") {
		t.Errorf("planning changed the tenant:\n%s", exported)
	}
}
