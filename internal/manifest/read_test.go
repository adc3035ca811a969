package manifest_test

import (
	"strings"
	"testing"

	crmv1 "github.com/kontor-crm/kontor/api/v1alpha1"
	"github.com/kontor-crm/kontor/internal/manifest"
)

func TestEachResourceOfAFileIsFoundWithItsLine(t *testing.T) {
	t.Parallel()
	documents, err := manifest.ReadDocuments([]byte(`# A file of several.
---
# nothing but words
---

kind: CustomField
metadata: {name: a}
--- # another
kind: List
apiVersion: v1
items:
  - {kind: CustomField, apiVersion: v1, metadata: {name: b}}
  - {kind: CustomField, apiVersion: v1, metadata: {name: c}}
--- {kind: CustomField, metadata: {name: d}}
`))
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]int{}
	for _, document := range documents {
		found[document.Object.GetName()] = document.Line
	}
	if len(documents) != 4 || found["a"] != 6 || found["b"] != 9 || found["c"] != 9 || found["d"] != 14 {
		t.Error(found)
	}
}

func TestAnErrorNamesTheLineOfTheFile(t *testing.T) {
	t.Parallel()
	for _, broken := range []struct{ text, line string }{
		{"kind: A\n---\nkind: B\nmetadata: {name: b\nspec: {}\n", "line 4: "},
		{"kind: A\n---\n# said\nkind: B\nspec: a: b\n", "line 5: "},
		{"kind: A\nkind: B\n", "line 2: "},
		{"kind: A\n---\n\njust text\n", "line 4: "},
		{"kind: A\n---\n- kind: A\n", "line 3: "},
	} {
		if _, err := manifest.Read([]byte(broken.text)); err == nil || !strings.HasPrefix(err.Error(), broken.line) {
			t.Errorf("%q is refused with %v, and not with %s", broken.text, err, broken.line)
		}
	}
}

func TestAResourceIsWhatItsKindKnows(t *testing.T) {
	t.Parallel()
	for text, part := range map[string]string{
		"apiVersion: crm.kontor.dev/v1alpha1\nkind: CustomField\nmetadata: {name: a}\nspec: {object: customer, size: 3, lable: {}}\n": `unknown field "spec.lable"`,
		"apiVersion: crm.kontor.dev/v1alpha1\nkind: CustomField\nmetadata: {name: a}\nspec: {object: customer, length: long}\n":       "of type int32",
		"apiVersion: crm.kontor.dev/v1alpha1\nkind: CustomFeild\nmetadata: {name: a}\n":                                               "CustomFeild",
		"apiVersion: crm.kontor.dev/v1\nkind: CustomField\nmetadata: {name: a}\n":                                                     "crm.kontor.dev/v1 ",
	} {
		objects, err := manifest.Read([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := manifest.Decode(objects[0]); err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%q is refused with %v, and not with %s", text, err, part)
		}
	}
	for _, kind := range manifest.Kinds() {
		objects, err := manifest.Read([]byte("apiVersion: crm.kontor.dev/v1alpha1\nkind: " + kind.Kind + "\nmetadata: {name: a}\n"))
		if err != nil {
			t.Fatal(err)
		}
		resource, err := manifest.Decode(objects[0])
		if err != nil || resource.GetName() != "a" || resource.GetObjectKind().GroupVersionKind() != crmv1.GroupVersion.WithKind(kind.Kind) {
			t.Errorf("%s becomes %T: %v", kind.Kind, resource, err)
		}
	}
}
