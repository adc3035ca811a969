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

// withActivities adds activities, which tell of customers and of products, and calls.
func withActivities(s *schema.Schema) {
	s.Objects = append(s.Objects,
		object("activity", field("name", schema.TypeText, required), relation("customer", "customer"), field("started_at", schema.TypeDateTime),
			field("related", schema.TypeRelation, func(f *schema.Field) { f.Targets = []string{"product", "customer"} })),
		object("call", field("name", schema.TypeText), relation("customer", "customer"), relation("parent", "customer")))
}

// changesOf are the changes of a record as "version operation field: old -> new, …".
func (u *user) changesOf(object, id string) []string {
	u.t.Helper()
	var told []string
	for _, item := range u.get("/api/v1/records/" + object + "/" + id + "/history").items() {
		told = append(told, toldChange(item))
	}
	return told
}

func toldChange(item map[string]any) string {
	told := fmt.Sprint(item["version"], " ", item["operation"])
	changes, _ := item["changes"].([]any)
	for _, change := range changes {
		if at(change, "/type") == "datetime" {
			continue // another one each time
		}
		told += fmt.Sprintf(" %v: %v -> %v", at(change, "/field"), at(change, "/old"), at(change, "/new"))
	}
	return told
}

func TestTheHistoryOfARecordTellsWhoChangedWhatNewestFirst(t *testing.T) {
	t.Parallel()
	o := newOrganisation(t, withPlaces)
	u := o.signedIn(t)
	bob := o.join(t, "Bob", true)
	acme := u.create("customer", map[string]any{"name": "Acme"})
	deal := u.create("opportunity", map[string]any{"name": "Deal"})
	path := "/api/v1/records/opportunity/" + deal
	bob.send("PATCH", path, map[string]any{"amount": "5", "customer": acme}).is(http.StatusOK)
	u.send("POST", path+"/move", map[string]any{"stage": "engaging"}).is(http.StatusOK)
	u.send("PATCH", path, map[string]any{"amount": nil}).is(http.StatusOK)
	u.send("DELETE", path, nil).is(http.StatusNoContent)
	want := []string{
		"5 delete", "4 update amount: 5 -> <nil>", "3 move stage: prospecting -> engaging probability: 10 -> 40", "2 update customer: <nil> -> " + acme + " amount: <nil> -> 5",
		"1 create name: <nil> -> Deal stage: <nil> -> prospecting probability: <nil> -> 10 currency: <nil> -> EUR",
	}
	if got := u.changesOf("opportunity", deal); !slices.Equal(got, want) {
		t.Errorf("the history is\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	r := u.get(path + "/history?limit=2&after=" + url.QueryEscape(u.get(path+"/history?limit=3").text("next"))).is(http.StatusOK)
	second := r.items()[0]
	if at(second, "/actor/name") != "Bob" || at(r.object(), "/titles/"+acme) != "Acme" || second["channel"] != "api" {
		t.Errorf("the second version: %s", r.body)
	}
	if len(r.items()) != 2 || r.text("next") != "" {
		t.Errorf("the last page: %s", r.body)
	}
	in := u.send("GET", "/api/v1/records/customer/"+acme+"/history", nil, "Accept-Language: zh").is(http.StatusOK)
	if label := at(in.items()[0]["changes"].([]any)[0], "/label"); label != "名称" {
		t.Errorf("the label is %v", label)
	}
}

func TestTheHistoryToleratesFieldsThatAreGoneOrAreOfAnotherType(t *testing.T) {
	t.Parallel()
	o := newOrganisation(t)
	u := o.signedIn(t)
	id := u.create("customer", map[string]any{"name": "Acme"})
	o.sql(t, `INSERT INTO kontor.history (at, object, record_id, version, operation, channel, schema_revision, changes) VALUES
		(now() + interval '1 minute', 'customer', '`+id+`', 2, 'update', 'import', 1,
			'{"employees": {"old": "many", "new": ["a", 1]}, "fax": {"old": null, "new": {"a": 1}}, "parent": {"old": "nobody", "new": 7}}')`)
	want := []string{"2 update parent: nobody -> 7 employees: many -> [a 1] fax: <nil> -> map[a:1]", "1 create name: <nil> -> Acme kind: <nil> -> company"}
	if got := u.changesOf("customer", id); !slices.Equal(got, want) {
		t.Errorf("the history is %q, want %q", got, want)
	}
	changes := u.get("/api/v1/records/customer/" + id + "/history").items()[0]["changes"].([]any)
	if at(changes[2], "/gone") != true || at(changes[2], "/label") != nil || at(changes[1], "/gone") != nil || at(changes[1], "/type") != "integer" {
		t.Errorf("the changes are %v", changes)
	}
}

func TestTheHistoryDoesNotTellOfRetiredFields(t *testing.T) {
	t.Parallel()
	o := newOrganisation(t, func(s *schema.Schema) {
		s.Retired.Fields = append(s.Retired.Fields, schema.RetiredField{
			Object: "customer", Form: &schema.Field{Identity: "seat", Name: "seat", Column: "x_seat", Type: schema.TypeAddress, Custom: true, Source: "CustomField seat"},
		})
	})
	u := o.signedIn(t)
	id := u.create("customer", map[string]any{"name": "Acme"})
	o.sql(t, `INSERT INTO kontor.history (at, object, record_id, version, operation, channel, schema_revision, changes) VALUES
		(now() + interval '1 minute', 'customer', '`+id+`', 2, 'update', 'api', 1, '{"seat.city": {"old": null, "new": "Rome"}}')`)
	if got := u.changesOf("customer", id); !slices.Equal(got, []string{"2 update", "1 create name: <nil> -> Acme kind: <nil> -> company"}) {
		t.Errorf("the history is %q", got)
	}
}

func TestWhoMayNotReadARecordIsToldNothingOfItsHistory(t *testing.T) {
	t.Parallel()
	o := newOrganisation(t, withActivities)
	u := o.signedIn(t)
	id := u.create("customer", map[string]any{"name": "A"})
	bob := o.join(t, "Bob", false)
	bob.get("/api/v1/records/customer/" + id + "/history").is(http.StatusForbidden)
	bob.get("/api/v1/records/customer/" + id + "/timeline").is(http.StatusForbidden)
	u.get("/api/v1/records/product/" + id + "/history").is(http.StatusNotFound)
}

func TestATimelineMergesChangesWithWhatOtherRecordsTell(t *testing.T) {
	t.Parallel()
	o := newOrganisation(t, withActivities)
	u := o.signedIn(t)
	id := u.create("customer", map[string]any{"name": "A"})
	other := u.create("customer", map[string]any{"name": "Other"})
	u.create("activity", map[string]any{"name": "visit", "customer": id, "started_at": "2020-01-01T00:00:00Z"})
	u.create("activity", map[string]any{"name": "note", "related": map[string]any{"object": "customer", "id": id}})
	u.create("call", map[string]any{"name": "rang", "customer": id, "parent": id})
	u.create("activity", map[string]any{"name": "not of it", "customer": other})
	deleted := u.create("activity", map[string]any{"name": "deleted", "customer": id})
	u.send("DELETE", "/api/v1/records/activity/"+deleted, nil).is(http.StatusNoContent)
	u.send("PATCH", "/api/v1/records/customer/"+id, map[string]any{"employees": 3}).is(http.StatusOK)
	path := "/api/v1/records/customer/" + id + "/timeline?"
	whole := []string{"2 update employees: <nil> -> 3", "call rang", "activity note", "1 create name: <nil> -> A kind: <nil> -> company", "activity visit"}
	for query, want := range map[string][]string{
		"": whole, "limit=1": whole, "limit=2": whole, "limit=4": whole,
		"kinds=changes": {whole[0], whole[3]}, "limit=1&kinds=activity": {whole[2], whole[4]}, "kinds=call,activity": {whole[1], whole[2], whole[4]},
	} {
		if got := u.timeline(path + query); !slices.Equal(got, want) {
			t.Errorf("%q gives\n%s\nwant\n%s", query, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
	next := u.get(path + "limit=1").is(http.StatusOK).text("next")
	u.get(path+"kinds=call&after="+url.QueryEscape(next)).is(http.StatusBadRequest).names("after", "")
	u.get("/api/v1/records/customer/"+other+"/timeline?after="+url.QueryEscape(next)).is(http.StatusBadRequest).names("after", "")
}

// timeline are all pages of a timeline as texts.
func (u *user) timeline(path string) []string {
	u.t.Helper()
	var told []string
	for after := ""; ; {
		r := u.get(path + "&after=" + url.QueryEscape(after)).is(http.StatusOK)
		for _, item := range r.items() {
			if change, ok := item["change"].(map[string]any); ok {
				told = append(told, toldChange(change))
			} else {
				told = append(told, fmt.Sprint(item["object"], " ", at(item, "/record/name")))
			}
		}
		if after = r.text("next"); after == "" {
			return told
		}
	}
}

func TestWhatHappensInOneMomentStandsOnceOnATimeline(t *testing.T) {
	t.Parallel()
	o := newOrganisation(t, withActivities)
	u := o.signedIn(t)
	id := u.create("customer", map[string]any{"name": "A"})
	for n := range 3 {
		u.create("activity", map[string]any{"name": fmt.Sprint(n), "customer": id})
		u.create("call", map[string]any{"name": fmt.Sprint(n), "customer": id})
		u.send("PATCH", "/api/v1/records/customer/"+id, map[string]any{"employees": n}).is(http.StatusOK)
	}
	o.sql(t, `UPDATE kontor.history SET at = '2026-01-01Z'`)
	o.sql(t, `UPDATE crm.activity SET created_at = '2026-01-01Z'`)
	o.sql(t, `UPDATE crm.call SET created_at = '2026-01-01Z'`)
	want := u.timeline("/api/v1/records/customer/" + id + "/timeline?limit=200")
	if len(want) != 10 {
		t.Fatalf("the timeline is %q", want)
	}
	for limit := 1; limit < 10; limit++ {
		if got := u.timeline(fmt.Sprintf("/api/v1/records/customer/%s/timeline?limit=%d", id, limit)); !slices.Equal(got, want) {
			t.Errorf("in pages of %d it is %q, want %q", limit, got, want)
		}
	}
}
