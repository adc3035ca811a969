package rest_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/kontor-crm/kontor/internal/schema"
)

func TestWhoSignsInIsToldWhoAndWhereTheyAre(t *testing.T) {
	t.Parallel()
	o := newOrganisation(t)
	u := o.signedIn(t)
	r := u.get("/api/v1/me").is(http.StatusOK)
	me := r.object()
	for path, want := range map[string]any{
		"/user/name": "Ann Admin", "/user/email": "admin@acme.example", "/user/administrator": true, "/organisation/displayName": "Acme",
		"/organisation/currency": "EUR", "/organisation/timeZone": "Europe/Berlin", "/settings/language": nil, "/settings/theme": nil,
	} {
		if got := at(me, path); got != want {
			t.Errorf("%s is %v, want %v", path, got, want)
		}
	}
	if got := string(r.part("revision")); got != r.header.Get("Kontor-Revision") {
		t.Errorf("the revision is %s, and the header says %s", got, r.header.Get("Kontor-Revision"))
	}
	u.send("GET", "/api/v1/me", nil, "If-None-Match: "+r.header.Get("ETag")).is(http.StatusNotModified)
}

func TestEachUserKeepsSettingsOfTheirOwn(t *testing.T) {
	t.Parallel()
	o := newOrganisation(t)
	u := o.signedIn(t)
	bob := o.join(t, "Bob", true)
	settings := func(u *user) string {
		u.t.Helper()
		return string(u.get("/api/v1/me").is(http.StatusOK).part("settings"))
	}
	nothing := settings(u)
	r := u.send("PATCH", "/api/v1/me", map[string]any{"language": "zh-CN", "theme": "dark", "page": map[string]any{"lists.customer": []any{"name", 1.5, nil}, "old": 1}})
	r.is(http.StatusOK)
	u.send("PATCH", "/api/v1/me", map[string]any{"timeZone": "Asia/Shanghai", "theme": nil, "page": map[string]any{"old": nil, "new": map[string]any{"a": "b"}}}).is(http.StatusOK)
	want := `{"language":"zh-CN","theme":null,"timeZone":"Asia/Shanghai","page":{"lists.customer":["name",1.5,null],"new":{"a":"b"}}}`
	if got := settings(u); got != want {
		t.Errorf("the settings are %s, want %s", got, want)
	}
	if got := settings(bob); got != nothing {
		t.Errorf("another user is told %s", got)
	}
	u.send("PATCH", "/api/v1/me", map[string]any{"theme": "pink", "page": map[string]any{"big": strings.Repeat("x", 65<<10)}}).is(http.StatusUnprocessableEntity).
		names("theme", "light").names("page", "65536")
	if got := settings(u); got != want {
		t.Errorf("after a refusal the settings are %s", got)
	}
	u.send("PATCH", "/api/v1/me", map[string]any{"language": nil, "timeZone": nil, "page": nil}).is(http.StatusOK)
	if got := settings(u); got != nothing {
		t.Errorf("with all taken away the settings are %s", got)
	}
}

func TestEveryAnswerSaysWhichRevisionIsServed(t *testing.T) {
	t.Parallel()
	o := newOrganisation(t)
	u := o.signedIn(t)
	schemaBefore := u.get("/api/v1/schema").is(http.StatusOK)
	tag, revision := schemaBefore.header.Get("ETag"), schemaBefore.header.Get("Kontor-Revision")
	if revision == "" || revision != string(schemaBefore.part("revision")) {
		t.Fatalf("the header says %q, the schema %s", revision, schemaBefore.part("revision"))
	}
	for _, path := range []string{"/api/v1/records/customer", "/api/v1/records/nothing", "/api/v1/records/customer/export", "/api/v1/search"} {
		if got := u.get(path).header.Get("Kontor-Revision"); got != revision {
			t.Errorf("%s says %q, want %s", path, got, revision)
		}
	}
	if r := u.send("GET", "/api/v1/schema", nil, "If-None-Match: "+tag).is(http.StatusNotModified); len(r.body) > 0 || r.header.Get("ETag") != tag {
		t.Errorf("what is known already is answered with %d bytes and the tag %q", len(r.body), r.header.Get("ETag"))
	}
	u.send("GET", "/api/v1/schema", nil, "If-None-Match: "+tag, "Accept-Language: zh").is(http.StatusOK)
	o.apply(t, testModel(t, func(s *schema.Schema) {
		s.Objects[0].Fields = append(s.Objects[0].Fields, field("tier", schema.TypeText, custom))
	}))
	eventually(t, func() bool { return u.get("/api/v1/records/customer").header.Get("Kontor-Revision") != revision })
	if r := u.send("GET", "/api/v1/schema", nil, "If-None-Match: "+tag).is(http.StatusOK); !strings.Contains(string(r.body), `"tier"`) {
		t.Error("the new schema has no field tier")
	}
}
