package rest_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/kontor-crm/kontor/internal/schema"
)

// withNotes adds an object whose records point to customers or products, and renames the products.
func withNotes(s *schema.Schema) {
	s.Objects[3].Name = "article"
	s.Objects = append(s.Objects, object("note", field("name", schema.TypeText, required),
		field("about", schema.TypeRelation, custom, func(f *schema.Field) { f.Targets = []string{"customer", "product"} })))
}

func TestF81ARelationMayPointToRecordsOfSeveralObjects(t *testing.T) {
	t.Parallel()
	o := newOrganisation(t, withNotes)
	u := o.signedIn(t)
	customer, product := u.create("customer", map[string]any{"name": "c"}), u.create("article", map[string]any{"name": "p"})
	to := func(object, id string) map[string]any { return map[string]any{"object": object, "id": id} }
	made := u.send("POST", "/api/v1/records/note", map[string]any{"name": "a", "about": to("customer", strings.ToUpper(customer))}).is(http.StatusCreated)
	if got := fmt.Sprint(made.object()["about"]); got != fmt.Sprint(to("customer", customer)) {
		t.Errorf("it points to %s", got)
	}
	path := "/api/v1/records/note/" + made.text("id")
	changed := u.send("PATCH", path, map[string]any{"about": to("article", product)}).is(http.StatusOK)
	if got := fmt.Sprint(changed.object()["about"]); got != fmt.Sprint(to("article", product)) {
		t.Errorf("it points to %s", got)
	}
	var stored, history, index string
	o.sql(t, `SELECT x_about__object FROM crm.note`, &stored)
	if stored != "product" {
		t.Errorf("the object is stored as %s", stored)
	}
	o.sql(t, `SELECT changes->'about.object'->>'new' FROM kontor.history WHERE version = 2 AND record_id = '`+made.text("id")+`'`, &history)
	if history != "article" {
		t.Errorf("the history has %s", history)
	}
	o.sql(t, `SELECT string_agg(indexdef, ' ') FROM pg_indexes WHERE schemaname = 'crm' AND tablename = 'note'`, &index)
	if !strings.Contains(index, "(x_about__id)") {
		t.Errorf("the indexes are %s", index)
	}
	u.create("note", map[string]any{"name": "b", "about": to("customer", customer)})
	u.create("note", map[string]any{"name": "c"})
	for filter, want := range map[string]string{
		`about.object == "article"`:               "a",
		`about.object != "article"`:               "b c",
		`about.object in ["customer", "article"]`: "a b",
		`about.id == "` + customer + `"`:          "b",
		`about.object == null && !has(about.id)`:  "c",
	} {
		var found []string
		for _, item := range u.get("/api/v1/records/note?sort=name&filter=" + url.QueryEscape(filter)).is(http.StatusOK).items() {
			found = append(found, item["name"].(string))
		}
		if got := strings.Join(found, " "); got != want {
			t.Errorf("%s: %s, want %s", filter, got, want)
		}
	}
	// A record that is gone is still named, and need not be there to be named again.
	u.send("DELETE", "/api/v1/records/article/"+product, nil).is(http.StatusNoContent)
	left := u.send("PATCH", path, map[string]any{"name": "A", "about": to("article", product)}).is(http.StatusOK)
	if got := fmt.Sprint(left.object()["about"]); got != fmt.Sprint(to("article", product)) {
		t.Errorf("it points to %s", got)
	}
	if got := u.send("PATCH", path, map[string]any{"about": nil}).is(http.StatusOK).object()["about"]; got != nil {
		t.Errorf("null leaves %v", got)
	}
	u.send("PATCH", path, map[string]any{"about": to("article", product)}).is(http.StatusUnprocessableEntity).names("about.id", "there is no article with the id")
}

func TestWhatIsWrongWithARelationToSeveralObjectsStandsAtIt(t *testing.T) {
	t.Parallel()
	u := newOrganisation(t, withNotes).signedIn(t)
	customer := u.create("customer", map[string]any{"name": "c"})
	for _, c := range []struct {
		value       any
		path, words string
	}{
		{customer, "about", "object with the parts object, id"},
		{map[string]any{"id": customer}, "about", "needs object and id"},
		{map[string]any{"object": "customer"}, "about", "needs object and id"},
		{map[string]any{"object": nil, "id": customer}, "about.id", "nothing without about.object"},
		{map[string]any{"object": "user", "id": customer}, "about.object", "not one of the objects: customer, article"},
		{map[string]any{"object": "product", "id": customer}, "about.object", "not one of the objects"},
		{map[string]any{"object": 7, "id": customer}, "about.object", "name of an object"},
		{map[string]any{"object": "article", "id": customer}, "about.id", "there is no article with the id"},
		{map[string]any{"object": "customer", "id": "x"}, "about.id", "UUID"},
	} {
		u.send("POST", "/api/v1/records/note", map[string]any{"name": "a", "about": c.value}).is(http.StatusUnprocessableEntity).names(c.path, c.words)
	}
	for query, words := range map[string]string{
		"fields=about.name": "no field", "sort=about": "has parts",
		"filter=" + url.QueryEscape(`about.object == "product"`): "there is no object",
		"filter=" + url.QueryEscape(`about.name == "x"`):         "no part",
	} {
		param, _, _ := strings.Cut(query, "=")
		u.get("/api/v1/records/note?"+query).is(http.StatusBadRequest).names(param, words)
	}
	mapping := mappingOf("note", "", fields{{"field": "name", "column": "n"}, {"field": "about.object", "column": "o"}, {"field": "about.id", "column": "i"}})
	i := u.imports("note", mapping, "n,o,i\nx,customer,"+customer+"\ny,article,"+customer+"\nz,,\n")
	if i.report == nil || i.report.Created != 2 || !strings.Contains(i.reasons(3), "about.id: there is no article") {
		t.Errorf("the import: %+v %s", i.report, i.reasons(3))
	}
	mapping = mappingOf("note", "", fields{{"field": "name", "column": "n"}, {"field": "about.id", "column": "i"}})
	if i := u.imports("note", mapping, "n,i\nx,"+customer+"\n"); !strings.Contains(i.reasons(2), "needs object and id") {
		t.Errorf("the import: %+v %s", i.report, i.reasons(2))
	}
	d := u.get("/api/v1/openapi.json").is(http.StatusOK).object()
	checkSchemas(t, "", at(d, "/components/schemas"))
	if got := fmt.Sprint(at(d, "/components/schemas/new.note/properties/about/properties/object/enum")); got != "[customer article <nil>]" {
		t.Errorf("the objects are %s", got)
	}
	if text := string(u.get("/api/v1/schema").body); !strings.Contains(text, `"targets":["customer","article"]`) {
		t.Error("the schema does not tell the targets")
	}
}
