package manifest

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/json"
	strict "sigs.k8s.io/json"
	"sigs.k8s.io/yaml"

	crmv1 "github.com/kontor-crm/kontor/api/v1alpha1"
)

// Document is a resource of a YAML file, and the line on which its document begins.
type Document struct {
	Line   int
	Object *unstructured.Unstructured
}

// Read reads the resources of a YAML file; empty documents are none.
func Read(text []byte) ([]*unstructured.Unstructured, error) {
	documents, err := ReadDocuments(text)
	if err != nil {
		return nil, err
	}
	objects := make([]*unstructured.Unstructured, 0, len(documents))
	for _, document := range documents {
		objects = append(objects, document.Object)
	}
	return objects, nil
}

// ReadDocuments is Read that says where each resource stands. The resources of a list
// stand where the list does. Errors name the line of the file.
func ReadDocuments(text []byte) ([]Document, error) {
	var documents []Document
	for _, p := range parts(string(text)) {
		content := map[string]any{}
		// The empty lines before it make the parser count the lines of the whole file.
		document, err := yaml.YAMLToJSONStrict([]byte(strings.Repeat("\n", p.line-1) + p.text))
		if err != nil {
			return nil, syntaxError(err, p.line)
		}
		if string(document) == "null" {
			continue
		}
		if err := json.Unmarshal(document, &content); err != nil {
			return nil, fmt.Errorf("line %d: the document is no resource: apiVersion, kind, metadata and spec", p.line)
		}
		if len(content) == 0 {
			continue
		}
		object := &unstructured.Unstructured{Object: content}
		if !object.IsList() {
			documents = append(documents, Document{p.line, object})
			continue
		}
		err = object.EachListItem(func(item runtime.Object) error {
			one, ok := item.(*unstructured.Unstructured)
			if !ok {
				return errors.New("the list holds what is no resource")
			}
			documents = append(documents, Document{p.line, one})
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", p.line, err)
		}
	}
	return documents, nil
}

// documentText is the text of one document, and its first line in the file.
type documentText struct {
	line int
	text string
}

// parts takes the documents of a file apart. Each begins with the first of its lines
// that says something.
func parts(text string) []documentText {
	var found []documentText
	text = strings.TrimPrefix(text, "\ufeff")
	begins, line := 0, 0 // where the document that is read begins; no line when it has not begun
	end := func(at int) {
		if line > 0 {
			found = append(found, documentText{line, text[begins:at]})
		}
		line = 0
	}
	number, at := 0, 0
	for whole := range strings.Lines(text) {
		number++
		says, isSeparator := strings.CutPrefix(whole, "---")
		if isSeparator = isSeparator && (says == "" || strings.ContainsAny(says[:1], " \t\r\n")); isSeparator {
			end(at)
		} else {
			says = whole
		}
		if trimmed := strings.TrimSpace(says); line == 0 && trimmed != "" && !strings.HasPrefix(trimmed, "#") {
			begins, line = at+len(whole)-len(says), number // it may begin on the line of the separator
		}
		at += len(whole)
	}
	end(at)
	return found
}

// atLine is how the parser says where an error is.
var atLine = regexp.MustCompile(`(?s)^.*?line (\d+): (.*)$`)

// syntaxError says an error of the parser without the parser's own words.
func syntaxError(err error, line int) error {
	message := err.Error()
	if found := atLine.FindStringSubmatch(message); found != nil {
		line, _ = strconv.Atoi(found[1])
		message = found[2]
	}
	return fmt.Errorf("line %d: %s", line, strings.TrimPrefix(message, "error converting YAML to JSON: yaml: "))
}

// Decode is the resource as its kind has it. It refuses what the kind does not know,
// all of it at once.
func Decode(object *unstructured.Unstructured) (crmv1.Object, error) {
	var resource crmv1.Object
	switch kind := object.GetKind(); {
	case !slices.Contains(kinds, kind) || object.GroupVersionKind().GroupVersion() != crmv1.GroupVersion:
		return nil, fmt.Errorf("%s %q is no kind that describes a tenant: those are %s of %s",
			object.GetAPIVersion(), kind, strings.Join(kinds, ", "), crmv1.GroupVersion)
	case kind == "Tenant":
		resource = &crmv1.Tenant{}
	case kind == "CustomField":
		resource = &crmv1.CustomField{}
	case kind == "CustomObject":
		resource = &crmv1.CustomObject{}
	case kind == "ObjectIndex":
		resource = &crmv1.ObjectIndex{}
	case kind == "Pipeline":
		resource = &crmv1.Pipeline{}
	case kind == "ValidationRule":
		resource = &crmv1.ValidationRule{}
	}
	text, err := json.Marshal(object.Object)
	if err != nil {
		return nil, err
	}
	unknown, err := strict.UnmarshalStrict(text, resource)
	if err := errors.Join(append(unknown, err)...); err != nil {
		return nil, err
	}
	return resource, nil
}
