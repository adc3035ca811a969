package v1alpha1_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"

	crmv1 "github.com/kontor-crm/kontor/api/v1alpha1"
)

const basesFolder = "../../config/crd/bases"

// shortNames are the kinds and what one types for them.
var shortNames = map[string]string{
	"DatabaseServer": "dbs",
	"Tenant":         "tn",
	"CustomObject":   "co",
	"CustomField":    "cf",
	"Pipeline":       "pl",
	"ValidationRule": "vr",
	"ObjectIndex":    "oi",
	"ChangePlan":     "cplan",
}

func readCRDs(t *testing.T) map[string]*apiextensionsv1.CustomResourceDefinition {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(basesFolder, "*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	crds := map[string]*apiextensionsv1.CustomResourceDefinition{}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var crd apiextensionsv1.CustomResourceDefinition
		if err := yaml.UnmarshalStrict(content, &crd); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		crds[crd.Spec.Names.Kind] = &crd
	}
	return crds
}

// walk visits every property below a schema with its path.
func walk(path string, schema *apiextensionsv1.JSONSchemaProps, visit func(path string, schema *apiextensionsv1.JSONSchemaProps)) {
	visit(path, schema)
	for name := range schema.Properties {
		property := schema.Properties[name]
		walk(path+"."+name, &property, visit)
	}
	if schema.Items != nil && schema.Items.Schema != nil {
		walk(path+"[]", schema.Items.Schema, visit)
	}
}

func TestEveryKindHasACRDWithItsShortNameInTheCategory(t *testing.T) {
	t.Parallel()
	crds := readCRDs(t)
	if len(crds) != len(shortNames) {
		t.Errorf("there are %d CRDs for %d kinds", len(crds), len(shortNames))
	}
	for kind, shortName := range shortNames {
		crd := crds[kind]
		if crd == nil {
			t.Errorf("%s has no CRD", kind)
			continue
		}
		if !slices.Equal(crd.Spec.Names.ShortNames, []string{shortName}) {
			t.Errorf("%s has the short names %v, want %s", kind, crd.Spec.Names.ShortNames, shortName)
		}
		if !slices.Contains(crd.Spec.Names.Categories, "crm") {
			t.Errorf("%s is not in the category crm", kind)
		}
		wantScope := apiextensionsv1.NamespaceScoped
		if kind == "DatabaseServer" {
			wantScope = apiextensionsv1.ClusterScoped
		}
		if crd.Spec.Scope != wantScope {
			t.Errorf("%s has the scope %s, want %s", kind, crd.Spec.Scope, wantScope)
		}
		if crd.Spec.Versions[0].Subresources == nil || crd.Spec.Versions[0].Subresources.Status == nil {
			t.Errorf("%s has no status subresource", kind)
		}
	}
}

func TestEveryTableOfKubectlBeginsWithReadyAndReasonAndEndsWithAge(t *testing.T) {
	t.Parallel()
	for kind, crd := range readCRDs(t) {
		columns := crd.Spec.Versions[0].AdditionalPrinterColumns
		names := make([]string, 0, len(columns))
		shown := 0
		for _, column := range columns {
			names = append(names, column.Name)
			if column.Priority == 0 {
				shown++
			}
		}
		if len(names) < 5 || names[0] != "Ready" || names[1] != "Reason" || names[len(names)-1] != "Age" {
			t.Errorf("%s shows %v", kind, names)
		}
		if shown > 6 {
			t.Errorf("%s shows %d columns; six fit a terminal", kind, shown)
		}
	}
}

func TestEveryFieldIsExplained(t *testing.T) {
	t.Parallel()
	for kind, crd := range readCRDs(t) {
		walk(kind, crd.Spec.Versions[0].Schema.OpenAPIV3Schema, func(path string, schema *apiextensionsv1.JSONSchemaProps) {
			isMetadata := path == kind+".metadata" // kubectl explain knows it
			isScalarItem := strings.HasSuffix(path, "[]") && schema.Type != "object"
			if schema.Description == "" && !isMetadata && !isScalarItem {
				t.Errorf("%s is not explained", path)
			}
		})
	}
}

func TestEveryValueIsBounded(t *testing.T) {
	t.Parallel()
	for kind, crd := range readCRDs(t) {
		walk(kind, crd.Spec.Versions[0].Schema.OpenAPIV3Schema, func(path string, schema *apiextensionsv1.JSONSchemaProps) {
			if path == kind+".apiVersion" || path == kind+".kind" || strings.Contains(path, ".conditions[]") || path == kind+".status.service.hosts[]" {
				return // Kubernetes bounds its own, and the spec bounds what the status repeats
			}
			switch schema.Type {
			case "string":
				if schema.MaxLength == nil && len(schema.Enum) == 0 && schema.Format == "" {
					t.Errorf("%s: a text without a greatest length", path)
				}
			case "integer":
				if schema.Minimum == nil {
					t.Errorf("%s: a number without a smallest value", path)
				}
			case "array":
				if schema.MaxItems == nil {
					t.Errorf("%s: a list without a greatest length", path)
				}
				if schema.XListType == nil {
					t.Errorf("%s: a list that does not say how it merges", path)
				}
			case "object":
				if schema.AdditionalProperties != nil && schema.MaxProperties == nil {
					t.Errorf("%s: a map without a greatest size", path)
				}
			}
		})
	}
}

// Server-side apply of two managers merges a list of objects only by a key.
func TestEveryListOfObjectsInASpecHasAKey(t *testing.T) {
	t.Parallel()
	for kind, crd := range readCRDs(t) {
		walk(kind, crd.Spec.Versions[0].Schema.OpenAPIV3Schema, func(path string, schema *apiextensionsv1.JSONSchemaProps) {
			if schema.Type == "array" && schema.Items.Schema.Type == "object" && strings.HasPrefix(path, kind+".spec") && len(schema.XListMapKeys) == 0 {
				t.Errorf("%s has no key", path)
			}
		})
	}
}

func TestEveryKindHasTheCommonSpecAndStatus(t *testing.T) {
	t.Parallel()
	for kind, crd := range readCRDs(t) {
		root := crd.Spec.Versions[0].Schema.OpenAPIV3Schema
		for part, names := range map[string][]string{"spec": {"suspend", "interval"}, "status": {"observedGeneration", "conditions", "lastHandledReconcileAt"}} {
			for _, name := range names {
				if _, ok := root.Properties[part].Properties[name]; !ok {
					t.Errorf("%s.%s has no %s", kind, part, name)
				}
			}
		}
	}
}

// example is the YAML in the description of a kind, "" when it has none.
func example(crd *apiextensionsv1.CustomResourceDefinition) string {
	var lines []string
	for line := range strings.SplitSeq(crd.Spec.Versions[0].Schema.OpenAPIV3Schema.Description, "\n") {
		if code, ok := strings.CutPrefix(line, "\t"); ok {
			lines = append(lines, code)
		}
	}
	return strings.Join(lines, "\n")
}

func TestTheManualBeginsWithYAMLThatCanBeRead(t *testing.T) {
	t.Parallel()
	scheme := runtime.NewScheme()
	if err := crmv1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	for kind, crd := range readCRDs(t) {
		text := example(crd)
		if kind == "ChangePlan" { // nobody writes one
			continue
		}
		object, err := scheme.New(crmv1.GroupVersion.WithKind(kind))
		if err != nil {
			t.Fatal(err)
		}
		if text == "" {
			t.Errorf("%s has no example", kind)
			continue
		}
		if err := yaml.UnmarshalStrict([]byte(text), object); err != nil {
			t.Errorf("the example of %s: %v", kind, err)
		}
		if got := object.GetObjectKind().GroupVersionKind(); got != crmv1.GroupVersion.WithKind(kind) {
			t.Errorf("the example of %s is a %s", kind, got)
		}
	}
}

func TestEveryKindIsAnObject(t *testing.T) {
	t.Parallel()
	for _, object := range []crmv1.Object{
		&crmv1.DatabaseServer{}, &crmv1.Tenant{}, &crmv1.CustomObject{}, &crmv1.CustomField{}, &crmv1.Pipeline{}, &crmv1.ChangePlan{},
	} {
		object.GetCommonSpec().Suspend = true
		object.GetCommonStatus().ObservedGeneration = 7
		clone, ok := object.DeepCopyObject().(crmv1.Object)
		if !ok || !clone.GetCommonSpec().Suspend || clone.GetCommonStatus().ObservedGeneration != 7 {
			t.Errorf("%s: what is set through the common parts is not in the object", fmt.Sprintf("%T", object))
		}
	}
}
