package rest_test

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// TestWhoIsSignedOutIsRefusedByTheVeryNextCall ends a session in each way, just after
// the server has seen it at work, and asks for everything there is.
func TestWhoIsSignedOutIsRefusedByTheVeryNextCall(t *testing.T) {
	t.Parallel()
	o := newOrganisation(t)
	u := o.signedIn(t)
	id := u.create("customer", map[string]any{"name": "Before"})
	deal := u.create("opportunity", map[string]any{"name": "Deal", "customer": id})
	ways := map[string]struct{ end, mend string }{
		"the session has ended":        {`UPDATE kontor.session SET expires_at = created_at`, `UPDATE kontor.session SET expires_at = now() + interval '1 hour'`},
		"the credential is disabled":   {`UPDATE kontor.credential SET disabled = true`, `UPDATE kontor.credential SET disabled = false`},
		"the user is deleted":          {`UPDATE crm."user" SET deleted_at = now()`, `UPDATE crm."user" SET deleted_at = NULL`},
		"the session is another's now": {`UPDATE kontor.session SET user_id = gen_random_uuid()`, `UPDATE kontor.session SET user_id = (SELECT user_id FROM kontor.credential)`},
	}
	customer := "/api/v1/records/customer"
	calls := []struct {
		method, path string
		body         any
	}{
		{"GET", customer + "/" + id, nil},
		{"GET", customer, nil},
		{"GET", customer + "?count=exact&limit=1", nil},
		{"POST", customer + "/query", map[string]any{"filter": "name == 'Before'"}},
		{"POST", customer + "/aggregate", map[string]any{"figures": map[string]any{"n": "count"}}},
		{"GET", "/api/v1/search?q=Before", nil},
		{"GET", customer + "/export", nil},
		{"GET", "/api/v1/schema", nil},
		{"GET", "/api/v1/openapi.json", nil},
		{"GET", "/api/v1/jobs", nil},
		{"GET", "/api/v1/records/nothing", nil},
		{"GET", customer + "/no-id", nil},
		{"POST", customer, map[string]any{"name": "Made"}},
		{"POST", customer, map[string]any{"name": 7}},
		{"POST", customer, "no JSON"},
		{"POST", "/api/v1/records/opportunity", map[string]any{"name": "Made", "customer": id}},
		{"PATCH", customer + "/" + id, map[string]any{"name": "After"}},
		{"POST", "/api/v1/records/opportunity/" + deal + "/move", map[string]any{"stage": "won"}},
		{"DELETE", customer + "/" + id, nil},
		{"POST", customer + "/" + id + "/restore", nil},
		{"POST", customer + "/batch", map[string]any{"atomic": true, "operations": []any{map[string]any{"op": "create", "fields": map[string]any{"name": "Made"}}}}},
		{"POST", customer + "/batch", map[string]any{"operations": []any{map[string]any{"op": "update", "id": id, "fields": map[string]any{"name": "After"}}}}},
		{"POST", customer + "/export", map[string]any{"format": "csv"}},
		{"POST", customer + "/import", "name\nMade\n"},
		{"POST", "/api/v1/files?name=x", "x"},
	}
	traces := func() (counts string) {
		o.sql(t, `SELECT concat_ws(' ', (SELECT string_agg(name || version || coalesce(deleted_at::text, ''), ',') FROM crm.customer),
			(SELECT string_agg(name || version, ',') FROM crm.opportunity), (SELECT count(*) FROM kontor.history), (SELECT count(*) FROM kontor.outbox),
			(SELECT count(*) FROM kontor.job), (SELECT count(*) FROM kontor.file))`, &counts)
		return counts
	}
	before := traces()
	for _, way := range slices.Sorted(maps.Keys(ways)) {
		for _, c := range calls {
			u.get("/api/v1/records/customer/" + id).is(http.StatusOK)
			o.sql(t, ways[way].end)
			if r := u.send(c.method, c.path, c.body); r.status != http.StatusUnauthorized || strings.Contains(string(r.body), "Before") {
				t.Errorf("%s, and %s %s answers %d: %s", way, c.method, c.path, r.status, r.body)
			}
			o.sql(t, ways[way].mend)
		}
	}
	if after := traces(); after != before {
		t.Errorf("something was written: %s, want %s", after, before)
	}
}

func TestRightsThatWereTakenAwayAreMissedByTheVeryNextWrite(t *testing.T) {
	t.Parallel()
	o := newOrganisation(t)
	u := o.signedIn(t)
	id := u.create("customer", map[string]any{"name": "A"})
	o.sql(t, `UPDATE kontor.credential SET administrator = false`)
	u.send("PATCH", "/api/v1/records/customer/"+id, map[string]any{"name": "B"}).is(http.StatusForbidden)
	o.sql(t, `UPDATE kontor.credential SET administrator = true`)
	if version := u.get("/api/v1/records/customer/" + id).object()["version"]; version == nil || version.(interface{ String() string }).String() != "1" {
		t.Errorf("the record has the version %v", version)
	}
}

func TestAUserIsKnownByTheNewNameAtOnce(t *testing.T) {
	t.Parallel()
	o := newOrganisation(t)
	u := o.signedIn(t)
	u.get("/api/v1/records/customer").is(http.StatusOK)
	o.sql(t, `UPDATE crm."user" SET name = 'Ann Other'`)
	u.get("/api/v1/records/customer").is(http.StatusOK)
	u.create("customer", map[string]any{"name": "A"})
}
