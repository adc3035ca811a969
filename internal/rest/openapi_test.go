package rest_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/kontor-crm/kontor/internal/schema"
)

func TestF104TheOpenAPIDescribesTheTenantsOwnObjects(t *testing.T) {
	t.Parallel()
	o := newOrganisation(t, func(s *schema.Schema) {
		fleet := object("fleet", field("name", schema.TypeText, required), relation("owner_customer", "customer"))
		fleet.Custom, fleet.Table = true, "x_fleet"
		s.Objects = append(s.Objects, fleet)
	})
	u := o.signedIn(t)
	r := u.get("/api/v1/openapi.json").is(http.StatusOK)
	d := r.object()
	if d["openapi"] != "3.1.0" {
		t.Errorf("openapi: %v", d["openapi"])
	}
	for _, path := range []string{
		"/paths/~1api~1v1~1login/post", "/paths/~1api~1v1~1records~1fleet/post", "/paths/~1api~1v1~1records~1fleet~1{id}/patch",
		"/paths/~1api~1v1~1records~1opportunity~1{id}~1move/post", "/components/schemas/record.fleet/properties/owner_customer",
		"/components/schemas/new.opportunity/properties/deal_id",
	} {
		if at(d, path) == nil {
			t.Errorf("there is no %s", path)
		}
	}
	if at(d, "/paths/~1api~1v1~1records~1fleet~1{id}~1move") != nil {
		t.Error("an object without a pipeline can be moved")
	}
	if got := at(d, "/components/schemas/new.customer/required"); fmt.Sprint(got) != "[name]" {
		t.Errorf("a new customer needs %v", got)
	}
	if got := at(d, "/components/schemas/new.customer/properties/name/maxLength"); got != json.Number("50") {
		t.Errorf("a name is at most %v long", got)
	}
	if got := at(d, "/components/schemas/record.customer/properties/id/readOnly"); got != true {
		t.Error("the id is not read-only")
	}
	checkReferences(t, d, d)
	checkSchemas(t, "", at(d, "/components/schemas"))
	checkOperations(t, d)
	again := u.send("GET", "/api/v1/openapi.json", nil, "If-None-Match: "+r.header.Get("ETag"))
	again.is(http.StatusNotModified)
}

// at follows a JSON pointer; nil when it leads nowhere.
func at(value any, pointer string) any {
	for step := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		object, ok := value.(map[string]any)
		if !ok {
			return nil
		}
		value = object[strings.NewReplacer("~1", "/", "~0", "~").Replace(step)]
	}
	return value
}

// checkReferences finds references that lead nowhere.
func checkReferences(t *testing.T, document, value any) {
	t.Helper()
	switch v := value.(type) {
	case map[string]any:
		if ref, ok := v["$ref"].(string); ok && at(document, strings.TrimPrefix(ref, "#")) == nil {
			t.Errorf("%s leads nowhere", ref)
		}
		for _, inner := range v {
			checkReferences(t, document, inner)
		}
	case []any:
		for _, inner := range v {
			checkReferences(t, document, inner)
		}
	}
}

var (
	jsonTypes     = regexp.MustCompile(`^(string|integer|number|boolean|array|object|null)$`)
	componentName = regexp.MustCompile(`^[a-zA-Z0-9._-]+$`)
)

// checkSchemas holds each schema against what JSON Schema's own schema says of the words that we use.
func checkSchemas(t *testing.T, path string, value any) {
	t.Helper()
	schemas, ok := value.(map[string]any)
	if !ok || len(schemas) == 0 {
		t.Fatalf("%s holds no schemas", path)
	}
	for name, s := range schemas {
		if path == "" && !componentName.MatchString(name) {
			t.Errorf("%q is no name of a component", name)
		}
		checkSchema(t, path+"/"+name, s)
	}
}

func checkSchema(t *testing.T, path string, value any) {
	t.Helper()
	s, ok := value.(map[string]any)
	if !ok {
		t.Errorf("%s is no schema: %v", path, value)
		return
	}
	types, isList := s["type"].([]any)
	if one, isText := s["type"].(string); isText {
		types = []any{one}
	} else if s["type"] != nil && (!isList || len(types) < 2) {
		t.Errorf("%s: type is %v", path, s["type"])
	}
	for _, one := range types {
		if text, ok := one.(string); !ok || !jsonTypes.MatchString(text) {
			t.Errorf("%s: type is %v", path, s["type"])
		}
	}
	if enum, given := s["enum"]; given {
		if values, ok := enum.([]any); !ok || len(values) == 0 {
			t.Errorf("%s: enum is %v", path, enum)
		}
	}
	for _, word := range []string{"maxLength", "minimum", "maximum"} {
		if _, isNumber := s[word].(json.Number); s[word] != nil && !isNumber {
			t.Errorf("%s: %s is %v", path, word, s[word])
		}
	}
	if s["items"] != nil {
		checkSchema(t, path+"/items", s["items"])
	}
	if s["properties"] == nil {
		return
	}
	checkSchemas(t, path+"/properties", s["properties"])
	properties := s["properties"].(map[string]any)
	names, _ := s["required"].([]any)
	for _, name := range names {
		if properties[name.(string)] == nil {
			t.Errorf("%s requires %v, which it has not", path, name)
		}
	}
}

// checkOperations sees to it that every operation has its own id, answers, and a parameter for each place in its path.
func checkOperations(t *testing.T, d map[string]any) {
	t.Helper()
	seen := map[any]bool{}
	placed := regexp.MustCompile(`\{(\w+)\}`)
	for path, methods := range d["paths"].(map[string]any) {
		for method, value := range methods.(map[string]any) {
			operation := value.(map[string]any)
			if id := operation["operationId"]; id == nil || seen[id] {
				t.Errorf("%s %s: operationId is %v", method, path, id)
			}
			seen[operation["operationId"]] = true
			if answers, _ := operation["responses"].(map[string]any); len(answers) == 0 {
				t.Errorf("%s %s has no responses", method, path)
			}
			parameters, _ := operation["parameters"].([]any)
			for _, place := range placed.FindAllStringSubmatch(path, -1) {
				found := false
				for _, p := range parameters {
					parameter := p.(map[string]any)
					found = found || parameter["name"] == place[1] && parameter["in"] == "path" && parameter["required"] == true
				}
				if !found {
					t.Errorf("%s %s lacks the parameter %s", method, path, place[1])
				}
			}
		}
	}
}
