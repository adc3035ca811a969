package rest_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

func TestF103ARecordIsMadeReadChangedAndDeleted(t *testing.T) {
	t.Parallel()
	o := newOrganisation(t)
	u := o.signedIn(t)
	made := u.send("POST", "/api/v1/records/customer", map[string]any{"name": "Käse & Söhne", "employees": 12, "revenue": "10.50"}).is(http.StatusCreated)
	id := made.text("id")
	if got := made.header.Get("Location"); got != "/api/v1/records/customer/"+id {
		t.Errorf("Location is %q", got)
	}
	if made.header.Get("ETag") != `"1"` {
		t.Errorf("ETag of a new record is %s", made.header.Get("ETag"))
	}
	read := u.get("/api/v1/records/customer/" + id).is(http.StatusOK)
	if string(read.body) != string(made.body) {
		t.Errorf("made:\n%s\nread:\n%s", made.body, read.body)
	}
	record := read.object()
	for name, want := range map[string]any{
		"name": "Käse & Söhne", "employees": json.Number("12"), "revenue": "10.50", "kind": "company", "version": json.Number("1"), "email": nil,
	} {
		if record[name] != want {
			t.Errorf("%s is %v, want %v", name, record[name], want)
		}
	}
	changed := u.send("PATCH", "/api/v1/records/customer/"+id, map[string]any{"employees": nil, "email": "post@kaese.example"}, `If-Match: "1"`).is(http.StatusOK)
	if changed.header.Get("ETag") != `"2"` || changed.object()["employees"] != nil || changed.object()["email"] != "post@kaese.example" {
		t.Errorf("changed: %s %s", changed.header.Get("ETag"), changed.body)
	}
	u.send("DELETE", "/api/v1/records/customer/"+id, nil).is(http.StatusNoContent)
	u.get("/api/v1/records/customer/" + id).is(http.StatusNotFound)
	u.send("DELETE", "/api/v1/records/customer/"+id, nil).is(http.StatusNotFound)
	if items := u.get("/api/v1/records/customer").items(); len(items) != 0 {
		t.Errorf("a deleted record is listed: %v", items)
	}
	var kept bool
	o.sql(t, `SELECT deleted_at IS NOT NULL FROM crm.customer WHERE id = '`+id+`'`, &kept)
	if !kept {
		t.Error("the row is not kept")
	}
}

func TestEachWriteLeavesHistoryAndOutbox(t *testing.T) {
	t.Parallel()
	o := newOrganisation(t)
	u := o.signedIn(t)
	id := u.create("opportunity", map[string]any{"name": "Cheese", "amount": 100})
	path := "/api/v1/records/opportunity/" + id
	u.send("PATCH", path, map[string]any{"amount": 200}, "X-Request-Id: my-request").is(http.StatusOK)
	u.send("POST", path+"/move", map[string]any{"stage": "engaging"}).is(http.StatusOK)
	u.send("DELETE", path, nil).is(http.StatusNoContent)

	var history, outbox, channel, request, changes string
	o.sql(t, `SELECT string_agg(operation || ' ' || version, ', ' ORDER BY version) FROM kontor.history WHERE record_id = '`+id+`'`, &history)
	if history != "create 1, update 2, move 3, delete 4" {
		t.Errorf("history: %s", history)
	}
	o.sql(t, `SELECT string_agg(operation || ' ' || version, ', ' ORDER BY id) FROM kontor.outbox WHERE record_id = '`+id+`'`, &outbox)
	if outbox != history {
		t.Errorf("outbox: %s", outbox)
	}
	o.sql(t, `SELECT channel, request_id, changes::text FROM kontor.history WHERE operation = 'update' AND record_id = '`+id+`'`, &channel, &request, &changes)
	if channel != "api" || request != "my-request" || changes != `{"amount": {"new": "200", "old": "100"}}` {
		t.Errorf("the update is kept as %s, %s, %s", channel, request, changes)
	}
	var actors int
	o.sql(t, `SELECT count(*) FROM kontor.history h JOIN crm."user" u ON u.id = h.actor WHERE u.email = 'admin@acme.example' AND record_id = '`+id+`'`, &actors)
	if actors != 4 {
		t.Errorf("%d of 4 changes name who did them", actors)
	}
}

func TestAChangeThatChangesNothingWritesNothing(t *testing.T) {
	t.Parallel()
	o := newOrganisation(t)
	u := o.signedIn(t)
	id := u.create("opportunity", map[string]any{"name": "Cheese", "amount": "100", "channels": []string{"mail"}, "close_date": "2026-02-03"})
	r := u.send("PATCH", "/api/v1/records/opportunity/"+id, map[string]any{
		"name": "Cheese", "amount": 100.0, "channels": []string{"mail"}, "close_date": "2026-02-03", "stage": "prospecting",
	}).is(http.StatusOK)
	if r.header.Get("ETag") != `"1"` {
		t.Errorf("the version is %s", r.header.Get("ETag"))
	}
	var rows int
	o.sql(t, `SELECT count(*) FROM kontor.history WHERE record_id = '`+id+`'`, &rows)
	if rows != 1 {
		t.Errorf("the history has %d rows", rows)
	}
}

func TestF110AStaleWriteIsRefused(t *testing.T) {
	t.Parallel()
	u := newOrganisation(t).signedIn(t)
	id := u.create("customer", map[string]any{"name": "One"})
	path := "/api/v1/records/customer/" + id
	u.send("PATCH", path, map[string]any{"name": "Two"}, `If-Match: "1"`).is(http.StatusOK)
	u.send("PATCH", path, map[string]any{"name": "Three"}, `If-Match: "1"`).is(http.StatusPreconditionFailed)
	u.send("PATCH", path, map[string]any{"name": "Three"}, `If-Match: W/"2"`).is(http.StatusPreconditionFailed)
	u.send("DELETE", path, nil, `If-Match: "1"`).is(http.StatusPreconditionFailed)
	u.send("PATCH", path, map[string]any{"name": "Three"}, `If-Match: *`).is(http.StatusOK)
	if got := u.get(path).text("name"); got != "Three" {
		t.Errorf("the name is %q", got)
	}
}

func TestF103AllThatIsWrongWithABodyIsToldAtOnce(t *testing.T) {
	t.Parallel()
	u := newOrganisation(t).signedIn(t)
	r := u.send("POST", "/api/v1/records/opportunity", map[string]any{
		"amount": "0.5", "close_date": "03.02.2026", "stage": "negotiating", "customer": "00000000-0000-4000-8000-000000000000", "anme": "x",
		"version": 7, "channels": []string{"mail", "pigeon"}, "hot": "yes", "number": 3,
	}).is(http.StatusUnprocessableEntity)
	r.names("name", "is required").names("amount", "whole number").names("close_date", "YYYY-MM-DD").names("stage", `"negotiating"`)
	r.names("customer", "there is no customer").names("anme", `did you mean "name"`).names("version", "set by the system")
	r.names("channels", "pigeon").names("hot", "true or false").names("number", "set by the system")
}

func TestAUniqueValueIsTakenOnce(t *testing.T) {
	t.Parallel()
	u := newOrganisation(t).signedIn(t)
	id := u.create("product", map[string]any{"name": "A", "code": "x1"})
	u.send("POST", "/api/v1/records/product", map[string]any{"name": "B", "code": "x1"}).is(http.StatusConflict).names("code", "another product")
	u.send("DELETE", "/api/v1/records/product/"+id, nil).is(http.StatusNoContent)
	u.create("product", map[string]any{"name": "B", "code": "x1"})
	u.create("opportunity", map[string]any{"name": "A", "deal_id": "d1"})
	u.send("POST", "/api/v1/records/opportunity", map[string]any{"name": "B", "deal_id": "d1"}).is(http.StatusConflict).names("deal_id", "another opportunity")
}

func TestARelationToADeletedRecordIsRefused(t *testing.T) {
	t.Parallel()
	u := newOrganisation(t).signedIn(t)
	id := u.create("customer", map[string]any{"name": "Gone"})
	child := u.create("customer", map[string]any{"name": "Child", "parent": id})
	u.send("DELETE", "/api/v1/records/customer/"+id, nil).is(http.StatusNoContent)
	u.send("POST", "/api/v1/records/customer", map[string]any{"name": "New", "parent": id}).is(http.StatusUnprocessableEntity).names("parent", "there is no customer")
	u.send("PATCH", "/api/v1/records/customer/"+child, map[string]any{"name": "Still editable", "parent": id}).is(http.StatusOK)
}

func TestTheCurrencyIsTheOrganisationsUnlessGiven(t *testing.T) {
	t.Parallel()
	u := newOrganisation(t).signedIn(t)
	if got := u.get("/api/v1/records/opportunity/" + u.create("opportunity", map[string]any{"name": "A", "amount": 5})).text("currency"); got != "EUR" {
		t.Errorf("the currency is %q", got)
	}
	if got := u.get("/api/v1/records/opportunity/" + u.create("opportunity", map[string]any{"name": "A", "amount": 5, "currency": "USD"})).text("currency"); got != "USD" {
		t.Errorf("the currency is %q", got)
	}
	u.send("POST", "/api/v1/records/opportunity", map[string]any{"name": "A", "currency": "dollars"}).is(http.StatusUnprocessableEntity).names("currency", "ISO 4217")
}

func TestF103AListIsFilteredSortedCountedAndPaged(t *testing.T) {
	t.Parallel()
	u := newOrganisation(t).signedIn(t)
	customer := u.create("customer", map[string]any{"name": "Acme"})
	for i, name := range []string{"a", "b", "c", "d", "e"} {
		fields := map[string]any{"name": name, "customer": customer}
		if i%2 == 0 {
			fields["amount"] = 10 * (i + 1)
		}
		u.create("opportunity", fields)
	}
	var names []string
	next := ""
	for range 5 {
		r := u.get("/api/v1/records/opportunity?sort=-amount,name&limit=2&fields=name,amount,customer.name&count=exact&filter=" +
			url.QueryEscape(`name != "e"`) + "&after=" + url.QueryEscape(next)).is(http.StatusOK)
		if r.object()["count"] != json.Number("4") {
			t.Errorf("the count is %v", r.object()["count"])
		}
		for _, item := range r.items() {
			names = append(names, item["name"].(string))
			if related, _ := item["customer"].(map[string]any); related["name"] != "Acme" {
				t.Errorf("the customer is %v", item["customer"])
			}
		}
		if next = r.text("next"); next == "" {
			break
		}
	}
	if got := strings.Join(names, ""); got != "cabd" {
		t.Errorf("the order over all pages is %s", got)
	}
	r := u.send("POST", "/api/v1/records/opportunity/query", map[string]any{"filter": "amount > 10", "sort": []string{"name"}, "fields": "name", "limit": 1})
	if items := r.items(); len(items) != 1 || items[0]["name"] != "c" || r.text("next") == "" {
		t.Errorf("asked for in a body: %s", r.body)
	}
}

func TestAListThatCannotBeReadIs400(t *testing.T) {
	t.Parallel()
	o := newOrganisation(t)
	u := o.signedIn(t)
	id := u.create("customer", map[string]any{"name": "Bobby"})
	for parameters, path := range map[string]string{
		"filter=" + url.QueryEscape("name =="):                                  "filter",
		"filter=" + url.QueryEscape(`colour == "red"`):                          "filter",
		"filter=" + url.QueryEscape(`employees > "many"`):                       "filter",
		"filter=" + url.QueryEscape(`name == 'x'; DROP TABLE crm.customer; --`): "filter",
		"filter=" + url.QueryEscape(`name`):                                     "filter",
		"sort=" + url.QueryEscape(`name"; DROP TABLE crm.customer; --`):         "sort",
		"fields=" + url.QueryEscape(`name"; DROP TABLE crm.customer; --`):       "fields",
		"sort=colour": "sort", "fields=colour": "fields", "limit=0": "limit", "limit=1001": "limit", "limit=ten": "limit",
		"count=all": "count", "after=nonsense": "after", "flter=x": "flter", "limit=1&limit=2": "limit",
	} {
		u.get("/api/v1/records/customer?"+parameters).is(http.StatusBadRequest).names(path, "")
	}
	injected := url.QueryEscape(`name == "'; DROP TABLE crm.customer; --" || name == "Bobby\" OR 1=1"`)
	if items := u.get("/api/v1/records/customer?filter=" + injected).items(); len(items) != 0 {
		t.Errorf("an injected text finds %v", items)
	}
	u.get("/api/v1/records/customer/" + id).is(http.StatusOK)
	u.get("/api/v1/records/" + url.PathEscape(`customer"; DROP TABLE crm.customer; --`)).is(http.StatusNotFound)
	u.get("/api/v1/records/customer/" + url.PathEscape("' OR 1=1 --")).is(http.StatusNotFound)
	u.get("/api/v1/records/custmer").is(http.StatusNotFound)
	if got := u.get("/api/v1/records/customer?filter=" + url.QueryEscape("name ==")).text("detail"); strings.Contains(got, "SELECT") {
		t.Errorf("the answer shows SQL: %s", got)
	}
}

func TestACursorOfOneTenantIsNoneAtAnother(t *testing.T) {
	t.Parallel()
	one, other := newOrganisation(t).signedIn(t), newOrganisation(t).signedIn(t)
	for range 2 {
		one.create("customer", map[string]any{"name": "A"})
	}
	next := one.get("/api/v1/records/customer?limit=1").is(http.StatusOK).text("next")
	if next == "" {
		t.Fatal("there is no next page")
	}
	other.get("/api/v1/records/customer?limit=1&after="+next).is(http.StatusBadRequest).names("after", "")
}

func TestAFilterThatCannotBeComputedIs400(t *testing.T) {
	t.Parallel()
	u := newOrganisation(t).signedIn(t)
	u.create("customer", map[string]any{"name": "A", "employees": 0, "revenue": "999999"})
	for _, filter := range []string{`1 / employees > 1`, `employees % employees == 0`} {
		r := u.get("/api/v1/records/customer?count=exact&filter=" + url.QueryEscape(filter))
		if r.status != http.StatusOK && r.status != http.StatusBadRequest {
			t.Errorf("%s: status %d: %s", filter, r.status, r.body)
		}
	}
}

func TestAPageOfLongRecordsIsShort(t *testing.T) {
	t.Parallel()
	o := newOrganisation(t)
	u := o.signedIn(t)
	o.sql(t, `INSERT INTO crm.opportunity (id, name, stage, description)
		SELECT gen_random_uuid(), 'Long', 'prospecting', repeat('x', 32000) FROM generate_series(1, 600)`)
	seen, after := 0, ""
	for page := 1; page == 1 || after != ""; page++ {
		r := u.get("/api/v1/records/opportunity?limit=1000&after=" + after).is(http.StatusOK)
		if len(r.body) > 9<<20 || page > 3 {
			t.Fatalf("page %d has %d bytes", page, len(r.body))
		}
		seen += len(r.items())
		after = r.text("next")
	}
	if seen != 600 {
		t.Errorf("%d of 600 records were on the pages", seen)
	}
}
