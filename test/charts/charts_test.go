// Package charts_test holds the Helm charts and the kustomize bases to what
// they promise: what they render is looked at as files, by the API server, and
// against each other.
package charts_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/kontor-crm/kontor/test/env"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestMain(m *testing.M) {
	flag.Parse()
	env.Main(m)
}

// cases are what the charts are rendered with; values is a file in testdata.
var cases = []struct{ golden, chart, release, namespace, values string }{
	{golden: "kontor", chart: "kontor", release: "kontor", namespace: "kontor-system"},
	{golden: "kontor-full", chart: "kontor", release: "crm", namespace: "platform", values: "kontor-full.values.yaml"},
	{golden: "tenant", chart: "tenant", release: "acme", namespace: "acme"},
	{golden: "tenant-full", chart: "tenant", release: "customer-7", namespace: "acme", values: "tenant-full.values.yaml"},
}

func TestChartsRenderWhatTheyDidBefore(t *testing.T) {
	t.Parallel()
	for _, c := range cases {
		t.Run(c.golden, func(t *testing.T) {
			t.Parallel()
			got := render(t, c.chart, c.release, c.namespace, c.values)
			// The CRDs are in config/crd, and compared below.
			got = withoutCRDs(got)
			golden := filepath.Join("testdata", c.golden+".golden.yaml")
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
				return
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("the chart renders otherwise than %s says (go test ./test/charts -update writes it anew); it renders:\n%s", golden, got)
			}
		})
	}
}

func TestChartsPassLint(t *testing.T) {
	t.Parallel()
	for _, c := range cases {
		args := []string{"lint", "--strict", "--namespace", c.namespace, filepath.Join(env.Root(t), "charts", c.chart)}
		if c.values != "" {
			args = append(args, "--values", filepath.Join("testdata", c.values))
		}
		if _, err := helm(t, args...); err != nil {
			t.Error(err)
		}
	}
}

func TestTheAPIServerTakesWhatTheChartsRender(t *testing.T) {
	t.Parallel()
	cluster := env.Cluster(t)
	server := cluster.Client(t, runtime.NewScheme())
	for _, c := range cases {
		t.Run(c.golden, func(t *testing.T) {
			t.Parallel()
			namespace := cluster.Namespace(t)
			for _, object := range parse(t, render(t, c.chart, c.release, namespace, c.values)) {
				err := server.Apply(t.Context(), client.ApplyConfigurationFromUnstructured(object), client.DryRunAll, client.FieldOwner("helm"), client.ForceOwnership)
				if err != nil {
					t.Errorf("%s: %v", identity(object), err)
				}
			}
		})
	}
}

func TestTheAPIServerTakesTheKustomizeBases(t *testing.T) {
	t.Parallel()
	cluster := env.Cluster(t)
	server := cluster.Client(t, runtime.NewScheme())
	namespace := cluster.Namespace(t)
	for _, object := range bases(t) {
		if object.GetNamespace() != "" {
			object.SetNamespace(namespace) // its own is not there, as nothing was applied
		}
		err := server.Apply(t.Context(), client.ApplyConfigurationFromUnstructured(object), client.DryRunAll, client.FieldOwner("kustomize"), client.ForceOwnership)
		if err != nil {
			t.Errorf("%s: %v", identity(object), err)
		}
	}
}

// Who installs with Helm and who installs with kustomize gets the same.
func TestTheChartAndTheKustomizeBasesAgree(t *testing.T) {
	t.Parallel()
	chart := map[string]*unstructured.Unstructured{}
	for _, object := range parse(t, render(t, "kontor", "kontor", "kontor-system", "")) {
		chart[identity(object)] = bare(object)
	}
	for _, object := range bases(t) {
		if object.GetKind() == "Namespace" { // helm install --create-namespace
			continue
		}
		name := identity(object)
		if chart[name] == nil {
			t.Errorf("the chart lacks %s", name)
			continue
		}
		if got, want := text(t, chart[name]), text(t, bare(object)); got != want {
			t.Errorf("%s: the chart has\n%s\nand config has\n%s", name, got, want)
		}
		delete(chart, name)
	}
	for name := range chart {
		t.Errorf("config lacks %s", name)
	}
}

func TestCRDsAreUpgradedWithTheChartAndOutliveIt(t *testing.T) {
	t.Parallel()
	found := 0
	for _, object := range parse(t, render(t, "kontor", "kontor", "kontor-system", "")) {
		if object.GetKind() != "CustomResourceDefinition" {
			continue
		}
		found++
		if object.GetAnnotations()["helm.sh/resource-policy"] != "keep" {
			t.Errorf("%s goes when the chart goes", object.GetName())
		}
	}
	files, err := filepath.Glob(filepath.Join(env.Root(t), "config", "crd", "bases", "*.yaml"))
	if err != nil || found != len(files) {
		t.Errorf("the chart has %d of %d CRDs: run hack/charts.sh (%v)", found, len(files), err)
	}
}

// The chart's example is the sample tenant, said in values.
func TestTheTenantChartMakesTheSampleTenant(t *testing.T) {
	t.Parallel()
	rendered, err := helm(t, "template", "acme", filepath.Join(env.Root(t), "charts", "tenant"), "--namespace", "acme",
		"--values", filepath.Join(env.Root(t), "charts", "tenant", "examples", "acme.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	made := map[string]*unstructured.Unstructured{}
	for _, object := range parse(t, rendered) {
		made[identity(object)] = bare(object)
	}
	files, err := filepath.Glob(filepath.Join(env.Root(t), "config", "samples", "acme", "*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("there is no sample (%v)", err)
	}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, object := range parse(t, string(content)) {
			name := identity(object)
			if made[name] == nil {
				t.Errorf("the chart does not make %s: run hack/charts.sh", name)
				continue
			}
			if got, want := text(t, made[name]), text(t, bare(object)); got != want {
				t.Errorf("%s: the chart makes\n%s\nand the sample is\n%s\nrun hack/charts.sh", name, got, want)
			}
			delete(made, name)
		}
	}
	for name := range made {
		if !strings.HasPrefix(name, "Namespace ") {
			t.Errorf("the sample has no %s: run hack/charts.sh", name)
		}
	}
}

// What a reader copies from the chart's page works.
func TestTheValuesInTheReadmeOfTheTenantChartRender(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile(filepath.Join(env.Root(t), "charts", "tenant", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, values, found := strings.Cut(string(readme), "```yaml\n")
	values, _, ended := strings.Cut(values, "```\n")
	if !found || !ended {
		t.Fatal("the page has no values")
	}
	file := filepath.Join(t.TempDir(), "values.yaml")
	if err := os.WriteFile(file, []byte(values), 0o600); err != nil {
		t.Fatal(err)
	}
	rendered, err := helm(t, "template", "acme", filepath.Join(env.Root(t), "charts", "tenant"), "--namespace", "acme", "--values", file)
	if err != nil {
		t.Fatal(err)
	}
	if objects := parse(t, rendered); len(objects) != 3 {
		t.Errorf("the page's values make %d resources, want a Tenant, a CustomField and a Pipeline", len(objects))
	}
}

func TestASlipInTheValuesIsToldBeforeAnythingIsApplied(t *testing.T) {
	t.Parallel()
	for sentence, c := range map[string]struct{ chart, set, want string }{
		"an unknown value of the platform":  {"kontor", "servers.replicas=3", "servers"},
		"a pull policy that does not exist": {"kontor", "image.pullPolicy=Sometimes", "pullPolicy"},
		"a sealing key that is none":        {"kontor", "sealingKey.value=secret", "value"},
		"an unknown field of a tenant":      {"tenant", "tenant.spec.colour=red", "colour"},
		"a currency that is none":           {"tenant", "tenant.spec.currency=euro", "currency"},
		"a field of an unknown type":        {"tenant", "customFields.tier.object=customer,customFields.tier.type=varchar", "type"},
		"a probability of 140":              {"tenant", "pipelines.sales.stages[0].key=a,pipelines.sales.stages[0].probability=140", "probability"},
		"an identity that is none":          {"tenant", "customObjects.A_b.name=x", "A_b"},
	} {
		t.Run(sentence, func(t *testing.T) {
			t.Parallel()
			_, err := helm(t, "template", "x", filepath.Join(env.Root(t), "charts", c.chart), "--set", c.set)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("want a refusal that names %q, got: %v", c.want, err)
			}
		})
	}
}

// helm runs the pinned Helm; the error holds what it said.
func helm(t *testing.T, args ...string) (string, error) {
	t.Helper()
	return run(t.Context(), t, "go", append([]string{"tool", "-modfile=" + filepath.Join("hack", "tools", "go.mod"), "helm"}, absolute(t, args)...)...)
}

// absolute makes paths into testdata good from the root, where the tools are pinned.
func absolute(t *testing.T, args []string) []string {
	t.Helper()
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	result := make([]string, 0, len(args))
	for _, arg := range args {
		if strings.HasPrefix(arg, "testdata") {
			arg = filepath.Join(here, arg)
		}
		result = append(result, arg)
	}
	return result
}

type failure struct {
	err    error
	output string
}

func (f *failure) Error() string { return f.err.Error() + ": " + f.output }

func run(ctx context.Context, t *testing.T, program string, args ...string) (string, error) {
	t.Helper()
	command := exec.CommandContext(ctx, program, args...)
	command.Dir = env.Root(t)
	command.Env = append(os.Environ(), "HELM_CACHE_HOME="+t.TempDir(), "HELM_CONFIG_HOME="+t.TempDir(), "HELM_DATA_HOME="+t.TempDir())
	var stdout, stderr bytes.Buffer
	command.Stdout, command.Stderr = &stdout, &stderr
	if err := command.Run(); err != nil {
		return "", &failure{err: err, output: stdout.String() + stderr.String()}
	}
	return stdout.String(), nil
}

func render(t *testing.T, chart, release, namespace, values string) string {
	t.Helper()
	args := []string{"template", release, filepath.Join(env.Root(t), "charts", chart), "--namespace", namespace}
	if values != "" {
		args = append(args, "--values", filepath.Join("testdata", values))
	}
	output, err := helm(t, args...)
	if err != nil {
		t.Fatal(err)
	}
	return output
}

// bases is what an installation with kustomize applies.
func bases(t *testing.T) []*unstructured.Unstructured {
	t.Helper()
	output, err := run(t.Context(), t, filepath.Join("bin", "kube"), "kubectl", "kustomize", filepath.Join("config", "default"))
	if err != nil {
		t.Fatal(err)
	}
	return parse(t, output)
}

func withoutCRDs(rendered string) string {
	var kept []string
	for document := range strings.SplitSeq(rendered, "\n---\n") {
		if !strings.Contains(document, "\nkind: CustomResourceDefinition\n") {
			kept = append(kept, document)
		}
	}
	return strings.Join(kept, "\n---\n")
}

func parse(t *testing.T, rendered string) []*unstructured.Unstructured {
	t.Helper()
	var objects []*unstructured.Unstructured
	for document := range strings.SplitSeq("\n"+rendered, "\n---\n") {
		object := &unstructured.Unstructured{}
		if err := yaml.Unmarshal([]byte(document), &object.Object); err != nil {
			t.Fatalf("%v in:\n%s", err, document)
		}
		if len(object.Object) > 0 {
			objects = append(objects, object)
		}
	}
	if len(objects) == 0 {
		t.Fatal("nothing was rendered")
	}
	return objects
}

func identity(object *unstructured.Unstructured) string {
	return object.GetKind() + " " + object.GetNamespace() + "/" + object.GetName()
}

// bare is an object without what may differ between the ways of installing:
// Helm's labels and annotations, and the image.
func bare(object *unstructured.Unstructured) *unstructured.Unstructured {
	object = object.DeepCopy()
	labels := object.GetLabels()
	maps.DeleteFunc(labels, func(name, _ string) bool { return !strings.HasPrefix(name, "rbac.authorization.k8s.io/") })
	if len(labels) == 0 {
		labels = nil
	}
	object.SetLabels(labels)
	object.SetAnnotations(nil)
	containers, found, _ := unstructured.NestedSlice(object.Object, "spec", "template", "spec", "containers")
	if found {
		for _, container := range containers {
			delete(container.(map[string]any), "image")
		}
		_ = unstructured.SetNestedSlice(object.Object, containers, "spec", "template", "spec", "containers")
	}
	return object
}

func text(t *testing.T, object *unstructured.Unstructured) string {
	t.Helper()
	content, err := json.MarshalIndent(object.Object, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}
