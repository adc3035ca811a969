package rest_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/kontor-crm/kontor/internal/schema"
)

const viewsPath = "/api/v1/views"

// viewNames are the names of the views that a user sees, over all pages.
func (u *user) viewNames(parameters string) []string {
	u.t.Helper()
	var names []string
	for after := ""; ; {
		r := u.get(viewsPath + "?" + parameters + "&after=" + url.QueryEscape(after)).is(http.StatusOK)
		for _, item := range r.items() {
			names = append(names, fmt.Sprint(item["name"]))
		}
		if after = r.text("next"); after == "" {
			return names
		}
	}
}

func TestAViewIsKeptAsItWasSaved(t *testing.T) {
	t.Parallel()
	u := newOrganisation(t).signedIn(t)
	made := u.send("POST", viewsPath, map[string]any{
		"object": "opportunity", "name": " Große ", "kind": "board", "columns": []any{map[string]any{"field": "name", "width": 240}, map[string]any{"field": "customer.name"}},
		"sort": []any{"-amount", "name"}, "filter": `amount > 1000 && owner == user()`, "group": "stage",
	}).is(http.StatusCreated)
	id := made.text("id")
	if made.header.Get("Location") != viewsPath+"/"+id || made.header.Get("ETag") != `"1"` {
		t.Errorf("the headers are %v", made.header)
	}
	want := `{"columns":[{"field":"name","width":240},{"field":"customer.name"}],"sort":["-amount","name"],"filter":"amount \u003e 1000 \u0026\u0026 owner == user()","group":"stage"}`
	got := u.get(viewsPath + "/" + id).is(http.StatusOK)
	parts := fmt.Sprintf(`{"columns":%s,"sort":%s,"filter":%s,"group":%s}`, got.part("columns"), got.part("sort"), got.part("filter"), got.part("group"))
	if parts != want || got.text("name") != "Große" || got.text("object") != "opportunity" || at(got.object(), "/owner/name") != "Ann Admin" || got.object()["mayChange"] != true {
		t.Errorf("the view is %s", got.body)
	}
	changed := u.send("PATCH", viewsPath+"/"+id, map[string]any{"kind": "list", "group": nil, "columns": nil, "filter": nil}, `If-Match: "1"`).is(http.StatusOK)
	if string(changed.part("columns")) != "[]" || string(changed.part("group")) != "null" || changed.header.Get("ETag") != `"2"` || string(changed.part("sort")) != `["-amount","name"]` {
		t.Errorf("the changed view is %s", changed.body)
	}
	u.send("PATCH", viewsPath+"/"+id, map[string]any{"name": "x"}, `If-Match: "1"`).is(http.StatusPreconditionFailed)
	u.send("PATCH", viewsPath+"/"+id, map[string]any{"object": "customer"}).is(http.StatusUnprocessableEntity).names("object", "stays")
	u.send("DELETE", viewsPath+"/"+id, nil, `If-Match: "1"`).is(http.StatusPreconditionFailed)
	u.send("DELETE", viewsPath+"/"+id, nil, `If-Match: "2"`).is(http.StatusNoContent)
	u.get(viewsPath + "/" + id).is(http.StatusNotFound)
}

func TestAPrivateViewIsItsOwnersAloneAndASharedOneIsSeenByAll(t *testing.T) {
	t.Parallel()
	o := newOrganisation(t)
	ann, carol := o.signedIn(t), o.join(t, "Carol", true)
	private := carol.send("POST", viewsPath, map[string]any{"object": "customer", "name": "private"}).is(http.StatusCreated).text("id")
	shared := carol.send("POST", viewsPath, map[string]any{"object": "customer", "name": "shared", "shared": true}).is(http.StatusCreated).text("id")
	ann.send("POST", viewsPath, map[string]any{"object": "opportunity", "name": "deals"}).is(http.StatusCreated)
	for parameters, want := range map[string][]string{"": {"deals", "shared"}, "limit=1": {"deals", "shared"}, "object=customer": {"shared"}, "object=product": nil} {
		if got := ann.viewNames(parameters); !slices.Equal(got, want) {
			t.Errorf("with %q Ann sees %q, want %q", parameters, got, want)
		}
	}
	if got := carol.viewNames(""); !slices.Equal(got, []string{"private", "shared"}) {
		t.Errorf("Carol sees %q", got)
	}
	ann.get(viewsPath + "/" + private).is(http.StatusNotFound)
	ann.send("PATCH", viewsPath+"/"+private, map[string]any{"name": "x"}).is(http.StatusNotFound)
	ann.send("DELETE", viewsPath+"/"+private, nil).is(http.StatusNotFound)
	r := ann.send("PATCH", viewsPath+"/"+shared, map[string]any{"name": "for all"}).is(http.StatusOK) // she is an administrator
	if at(r.object(), "/owner/name") != "Carol" {
		t.Errorf("the owner is %s", r.part("owner"))
	}
	o.sql(t, `UPDATE kontor.credential SET administrator = false WHERE email = 'admin@acme.example'`)
	// Without a role she may read no object, and so sees none of its views.
	if got := ann.viewNames(""); len(got) > 0 {
		t.Errorf("who may read nothing sees %q", got)
	}
	ann.send("DELETE", viewsPath+"/"+shared, nil).is(http.StatusNotFound)
	ann.send("POST", viewsPath, map[string]any{"object": "customer", "name": "mine"}).is(http.StatusForbidden)
}

func TestAViewSaysWhatTheSchemaHasAgainstItByNow(t *testing.T) {
	t.Parallel()
	o := newOrganisation(t)
	u := o.signedIn(t)
	id := u.send("POST", viewsPath, map[string]any{
		"object": "customer", "name": "Large", "columns": []any{map[string]any{"field": "name"}, map[string]any{"field": "revenue"}}, "filter": "revenue > 5", "sort": []any{"revenue"},
	}).is(http.StatusCreated).text("id")
	o.apply(t, testModel(t, func(s *schema.Schema) {
		s.Objects[0].Fields = slices.DeleteFunc(s.Objects[0].Fields, func(f *schema.Field) bool { return f.Identity == "revenue" })
	}))
	eventually(t, func() bool { return strings.Contains(string(u.get(viewsPath+"/"+id).body), "problems") })
	var paths []string
	for _, problem := range u.get(viewsPath).items()[0]["problems"].([]any) {
		paths = append(paths, fmt.Sprint(at(problem, "/path")))
	}
	if !slices.Equal(paths, []string{"columns[1].field", "sort", "filter"}) {
		t.Errorf("the problems are at %q", paths)
	}
	u.send("PATCH", viewsPath+"/"+id, map[string]any{"name": "Small"}).is(http.StatusUnprocessableEntity).names("filter", "revenue")
	u.send("PATCH", viewsPath+"/"+id, map[string]any{"columns": []any{}, "sort": []any{}, "filter": ""}).is(http.StatusOK)
}

func TestNobodyKeepsViewsWithoutEnd(t *testing.T) {
	t.Parallel()
	o := newOrganisation(t)
	u := o.signedIn(t)
	me := fmt.Sprint(at(u.get("/api/v1/me").object(), "/user/id"))
	o.sql(t, `INSERT INTO kontor.saved_view (id, owner, object, name, kind, created_at, updated_at)
		SELECT gen_random_uuid(), '`+me+`', 'customer', n, 'list', now(), now() FROM generate_series(1, 499) AS n`)
	id := u.send("POST", viewsPath, map[string]any{"object": "customer", "name": "last"}).is(http.StatusCreated).text("id")
	u.send("POST", viewsPath, map[string]any{"object": "customer", "name": "one more"}).is(http.StatusUnprocessableEntity)
	u.send("PATCH", viewsPath+"/"+id, map[string]any{"name": "renamed"}).is(http.StatusOK)
	o.sql(t, `UPDATE kontor.saved_view SET owner = gen_random_uuid(), shared = true WHERE id <> '`+id+`'`)
	o.sql(t, `INSERT INTO kontor.saved_view (id, owner, object, name, kind, shared, created_at, updated_at) VALUES (gen_random_uuid(), gen_random_uuid(), 'customer', 'a', 'list', true, now(), now())`)
	u.send("PATCH", viewsPath+"/"+id, map[string]any{"shared": true}).is(http.StatusUnprocessableEntity)
	u.send("PATCH", viewsPath+"/"+id, map[string]any{"name": "again"}).is(http.StatusOK)
}
