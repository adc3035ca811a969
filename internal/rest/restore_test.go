package rest_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

func TestADeletedRecordIsListedApartAndRestored(t *testing.T) {
	t.Parallel()
	o := newOrganisation(t)
	u := o.signedIn(t)
	parent := u.create("customer", map[string]any{"name": "Gone", "employees": 3})
	child := u.create("customer", map[string]any{"name": "Child", "parent": parent})
	path := "/api/v1/records/customer/" + parent
	u.send("DELETE", path, nil, `If-Match: "1"`).is(http.StatusNoContent)

	gone := u.get("/api/v1/records/customer?deleted=only&count=exact").items()
	if len(gone) != 1 || gone[0]["name"] != "Gone" || gone[0]["version"] != json.Number("2") || gone[0]["updated_by"] == nil {
		t.Fatalf("the deleted records: %v", gone)
	}
	if items := u.get("/api/v1/records/customer?deleted=none").items(); len(items) != 1 || items[0]["id"] != child {
		t.Errorf("the live records: %v", items)
	}
	inBody := u.send("POST", "/api/v1/records/customer/query", map[string]any{"deleted": "only", "filter": "employees > 5"})
	if items := inBody.items(); len(items) != 0 {
		t.Errorf("the filter lets through %v", items)
	}
	u.get("/api/v1/records/customer?deleted=all").is(http.StatusBadRequest).names("deleted", "none or only")

	u.send("POST", path+"/restore", nil, `If-Match: "1"`).is(http.StatusPreconditionFailed)
	u.send("POST", path+"/restore", map[string]any{"name": "x"}).is(http.StatusUnprocessableEntity).names("name", "")
	restored := u.send("POST", path+"/restore", nil, `If-Match: "2"`).is(http.StatusOK)
	if restored.header.Get("ETag") != `"3"` || restored.object()["employees"] != json.Number("3") {
		t.Errorf("restored: %s %s", restored.header.Get("ETag"), restored.body)
	}
	if read := u.get(path).is(http.StatusOK); string(read.body) != string(restored.body) || read.header.Get("ETag") != `"3"` {
		t.Errorf("read: %s %s", read.header.Get("ETag"), read.body)
	}
	u.send("POST", path+"/restore", map[string]any{}).is(http.StatusConflict)
	u.send("POST", "/api/v1/records/customer/00000000-0000-4000-8000-000000000000/restore", nil).is(http.StatusNotFound)
	u.send("POST", "/api/v1/records/customer/nonsense/restore", nil).is(http.StatusNotFound)
	u.send("POST", "/api/v1/records/custmer/"+parent+"/restore", nil).is(http.StatusNotFound)
	var history, outbox string
	o.sql(t, `SELECT string_agg(operation || ' ' || version, ', ' ORDER BY version) FROM kontor.history WHERE record_id = '`+parent+`'`, &history)
	o.sql(t, `SELECT string_agg(operation || ' ' || version, ', ' ORDER BY id) FROM kontor.outbox WHERE record_id = '`+parent+`'`, &outbox)
	if history != "create 1, delete 2, restore 3" || outbox != history {
		t.Errorf("history: %s; outbox: %s", history, outbox)
	}
}

func TestARecordIsNotRestoredWhileAnotherHasItsUniqueValue(t *testing.T) {
	t.Parallel()
	u := newOrganisation(t).signedIn(t)
	old := u.create("product", map[string]any{"name": "Old", "code": "x1"})
	u.send("DELETE", "/api/v1/records/product/"+old, nil).is(http.StatusNoContent)
	taken := u.create("product", map[string]any{"name": "New", "code": "x1"})
	u.send("POST", "/api/v1/records/product/"+old+"/restore", nil).is(http.StatusConflict).names("code", "another product has this value")
	u.send("PATCH", "/api/v1/records/product/"+taken, map[string]any{"code": nil}).is(http.StatusOK)
	u.send("POST", "/api/v1/records/product/"+old+"/restore", nil).is(http.StatusOK)
}

func TestACursorOfLiveRecordsIsNoneOfDeletedOnes(t *testing.T) {
	t.Parallel()
	u := newOrganisation(t).signedIn(t)
	for range 2 {
		u.create("customer", map[string]any{"name": "A"})
	}
	next := u.get("/api/v1/records/customer?limit=1").is(http.StatusOK).text("next")
	u.get("/api/v1/records/customer?limit=1&deleted=only&after="+next).is(http.StatusBadRequest).names("after", "")
}

func TestAnEstimatedCountSaysThatItIsOne(t *testing.T) {
	t.Parallel()
	o := newOrganisation(t)
	u := o.signedIn(t)
	o.sql(t, `INSERT INTO crm.customer (id, name, employees, schema_revision) SELECT gen_random_uuid(), 'C', n, 1 FROM generate_series(1, 3000) AS n`)
	o.sql(t, `ANALYZE crm.customer`)
	count := func(parameters string) (number int64, estimated bool) {
		t.Helper()
		r := u.get("/api/v1/records/customer?fields=id&" + parameters).is(http.StatusOK)
		text, ok := r.object()["count"].(json.Number)
		if !ok {
			t.Fatalf("%s: no count in %s", parameters, r.body)
		}
		number, err := text.Int64()
		must(t, err)
		return number, r.object()["estimated"] == true
	}
	if n, estimated := count("count=exact"); n != 3000 || estimated {
		t.Errorf("the exact count is %d, estimated %v", n, estimated)
	}
	if n, estimated := count("count=estimate&limit=1"); n < 2500 || n > 3500 || !estimated {
		t.Errorf("the estimate is %d, estimated %v", n, estimated)
	}
	few := "count=estimate&limit=100&filter=" + url.QueryEscape("employees > 2990")
	if n, estimated := count(few); n != 10 || estimated {
		t.Errorf("a count that needs no estimate is %d, estimated %v", n, estimated)
	}
	guessed := "count=estimate&limit=1000&filter=" + url.QueryEscape(`name.endsWith("C")`)
	if n, estimated := count(guessed); n < 1001 || !estimated {
		t.Errorf("the estimate %d is less than the page shows", n)
	}
	if body := u.get("/api/v1/records/customer?limit=1&count=none").is(http.StatusOK).body; strings.Contains(string(body), "count") {
		t.Error("a count that nobody asked for")
	}
}
