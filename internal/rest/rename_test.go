package rest_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kontor-crm/kontor/internal/crm"
	"github.com/kontor-crm/kontor/internal/schema"
)

var renamedSince = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// wasCalled is the former name of something that goes by the new one.
func wasCalled(name string) []schema.FormerName {
	return []schema.FormerName{{Name: name, Since: renamedSince, Until: renamedSince.Add(720 * time.Hour)}}
}

// renamed calls the deals of the test model otherwise: the object, a relation, an amount and a text.
func renamed(s *schema.Schema) {
	deal := s.Objects[2]
	deal.Name, deal.Former = "deal", wasCalled("opportunity")
	for name, now := range map[string]string{"customer": "buyer", "amount": "worth", "name": "title", "deal_id": "code"} {
		f := deal.Fields[slices.IndexFunc(deal.Fields, func(f *schema.Field) bool { return f.Identity == name })]
		f.Name, f.Former = now, wasCalled(name)
	}
}

func TestARenamedFieldIsAnsweredByBothNames(t *testing.T) {
	t.Parallel()
	o := newOrganisation(t, renamed)
	u := o.signedIn(t)
	customer := u.create("customer", map[string]any{"name": "Initech"})
	made := u.send("POST", "/api/v1/records/opportunity", map[string]any{"name": "a", "customer": customer, "worth": "5", "deal_id": "1"}).is(http.StatusCreated)
	made.deprecated(t, true)
	path := "/api/v1/records/deal/" + made.text("id")
	for reply, names := range map[*reply][]string{
		made:        {"name", "title", "customer", "buyer", "amount", "worth", "amount_base", "worth_base"},
		u.get(path): {"name", "title", "customer", "buyer", "amount", "worth"},
		u.send("PATCH", path, map[string]any{"amount": "6"}): {"name", "title", "amount", "worth"},
		u.send("PATCH", path, map[string]any{"worth": "6"}):  {"name", "title"},
	} {
		reply.is(reply.status).deprecated(t, true)
		for i := 0; i < len(names); i += 2 {
			former, now := reply.object()[names[i]], reply.object()[names[i+1]]
			if now == nil || fmt.Sprint(former) != fmt.Sprint(now) {
				t.Errorf("%s is %v, and %s is %v", names[i], former, names[i+1], now)
			}
		}
	}
	u.send("DELETE", path, nil).is(http.StatusNoContent).deprecated(t, false)
}

func TestOneFieldHasOneValueWhateverItIsCalled(t *testing.T) {
	t.Parallel()
	o := newOrganisation(t, renamed)
	u := o.signedIn(t)
	u.send("POST", "/api/v1/records/deal", map[string]any{"title": "a", "name": "b"}).is(http.StatusUnprocessableEntity).
		names("title", `is called "title" and "name" in the same body, with different values`)
	id := u.create("deal", map[string]any{"title": "a", "name": "a", "worth": "5", "amount": "5"})
	// What was read is written back as it came.
	whole := u.get("/api/v1/records/deal/" + id).object()
	for _, name := range []string{"title", "name", "worth", "amount", "code", "deal_id"} {
		u.send("PATCH", "/api/v1/records/deal/"+id, map[string]any{name: whole[name]}).is(http.StatusOK)
	}
	batch := u.send("POST", "/api/v1/records/deal/batch", map[string]any{"operations": []any{
		map[string]any{"op": "upsert", "key": "deal_id", "fields": map[string]any{"name": "c", "deal_id": "7"}},
		map[string]any{"op": "upsert", "key": "code", "fields": map[string]any{"amount": "9", "deal_id": "7"}},
	}}).is(http.StatusOK)
	batch.deprecated(t, true)
	if items := u.get("/api/v1/records/deal?fields=title,worth&filter=" + url.QueryEscape(`code == "7"`)).items(); fmt.Sprint(items) != "[map[title:c worth:9]]" {
		t.Errorf("the batch made %v", items)
	}
}

func TestListsAndFiguresTakeBothNamesAndShowWhatWasAskedFor(t *testing.T) {
	t.Parallel()
	o := newOrganisation(t, renamed)
	u := o.signedIn(t)
	customer := u.create("customer", map[string]any{"name": "Initech"})
	u.create("deal", map[string]any{"title": "a", "buyer": customer, "worth": "5"})
	u.create("deal", map[string]any{"title": "b", "buyer": customer, "worth": "7"})
	for query, want := range map[string]string{
		"fields=title,worth&sort=-worth":                                    "[map[title:b worth:7] map[title:a worth:5]]",
		"fields=name,amount&sort=-amount":                                   "[map[amount:7 name:b] map[amount:5 name:a]]",
		"fields=title,name&filter=" + url.QueryEscape(`amount > 6`):         "[map[name:b title:b]]",
		"fields=title&filter=" + url.QueryEscape(`customer.name == "x"`):    "[]",
		"fields=customer.name,buyer.name&limit=1&sort=customer.name,-title": "[map[buyer:map[id:" + customer + " name:Initech] customer:map[id:" + customer + " name:Initech]]]",
		"fields=amount_base&limit=1&sort=amount_base":                       "[map[amount_base:5.00]]",
	} {
		r := u.get("/api/v1/records/deal?" + query).is(http.StatusOK)
		if got := fmt.Sprint(r.items()); got != want {
			t.Errorf("%s gives %s", query, got)
		}
		r.deprecated(t, query != "fields=title,worth&sort=-worth")
	}
	figures := func(group, of string) *reply {
		return u.send("POST", "/api/v1/records/deal/aggregate", map[string]any{
			"groups": []any{map[string]any{"field": group}}, "values": []any{map[string]any{"function": "sum", "field": of}},
		}).is(http.StatusOK)
	}
	before, now := figures("customer.name", "amount"), figures("buyer.name", "worth")
	if before.items()[0]["sum_amount"] != "12" || now.items()[0]["sum_worth"] != "12" {
		t.Errorf("the figures are %s and %s", before.body, now.body)
	}
	before.deprecated(t, true)
	now.deprecated(t, false)
	u.get("/api/v1/records/opportunity?fields=title").is(http.StatusOK).deprecated(t, true)
	u.get("/api/v1/records/customer").is(http.StatusOK).deprecated(t, false)
}

func TestTheDescriptionsTellTheFormerNames(t *testing.T) {
	t.Parallel()
	o := newOrganisation(t, renamed)
	u := o.signedIn(t)
	told := string(u.get("/api/v1/schema").is(http.StatusOK).body)
	for _, want := range []string{
		`"name":"deal","former":[{"name":"opportunity","until":"2026-03-31T12:00:00Z"}]`,
		`"name":"worth_base","former":[{"name":"amount_base","until":"2026-03-31T12:00:00Z"}]`,
	} {
		if !strings.Contains(told, want) {
			t.Errorf("the schema lacks %s", want)
		}
	}
	type part struct {
		Deprecated bool `json:"deprecated"`
	}
	type record struct {
		Required   []string        `json:"required"`
		Properties map[string]part `json:"properties"`
	}
	var document struct {
		Paths      map[string]map[string]part `json:"paths"`
		Components struct {
			Schemas map[string]record `json:"schemas"`
		} `json:"components"`
	}
	must(t, json.Unmarshal(u.get("/api/v1/openapi.json").is(http.StatusOK).body, &document))
	if !document.Paths["/api/v1/records/opportunity"]["get"].Deprecated || document.Paths["/api/v1/records/deal"]["get"].Deprecated {
		t.Error("the calls by the former name are not told from the others")
	}
	made := document.Components.Schemas["new.deal"]
	if !made.Properties["name"].Deprecated || made.Properties["title"].Deprecated || slices.Contains(made.Required, "title") {
		t.Errorf("a new record is %+v", made)
	}
}

func TestAnImportGoesOnByTheNamesThatItBeganWith(t *testing.T) {
	t.Parallel()
	o := newOrganisation(t)
	u := o.signedIn(t)
	u.create("customer", map[string]any{"name": "Initech"})
	mapping := mappingOf("opportunity", "deal_id", fields{
		{"field": "name", "column": "name"}, {"field": "deal_id", "column": "id"}, {"field": "customer", "column": "customer", "lookup": "name"},
	})
	o.apply(t, testModel(t, renamed))
	contentType, file := form(t, mapping, strings.NewReader("name,id,customer\na,1,Initech\n"))
	r := u.send("POST", "/api/v1/records/opportunity/import", file, "Content-Type: "+contentType).is(http.StatusAccepted)
	r.deprecated(t, true)
	u.follows(r.text("id")).is(t, crm.Report{Created: 1})
}

func TestAListGoesOnAtItsCursorAfterTheRename(t *testing.T) {
	t.Parallel()
	o := newOrganisation(t)
	u := o.signedIn(t)
	for _, name := range []string{"a", "b", "c"} {
		u.create("opportunity", map[string]any{"name": name, "amount": "5"})
	}
	list := "/api/v1/records/opportunity?limit=1&fields=name&sort=amount,customer.name,name&filter=" + url.QueryEscape(`amount > 1`)
	next := u.get(list).is(http.StatusOK).text("next")
	o.apply(t, testModel(t, renamed))
	if items := u.get(list + "&after=" + next).is(http.StatusOK).items(); fmt.Sprint(items) != "[map[name:b]]" {
		t.Errorf("the next page has %v", items)
	}
}

func TestReportsReadBothNames(t *testing.T) {
	t.Parallel()
	o := newOrganisation(t, renamed)
	u := o.signedIn(t)
	u.create("deal", map[string]any{"title": "a", "worth": "5"})
	var before, now string
	o.sql(t, `SELECT name || ' ' || amount || ' ' || coalesce(customer_id::text, '-') FROM bi.opportunity`, &before)
	o.sql(t, `SELECT title || ' ' || worth || ' ' || coalesce(buyer_id::text, '-') FROM bi.deal`, &now)
	if before != now || before != "a 5.0000 -" {
		t.Errorf("reports read %q and %q", before, now)
	}
	o.apply(t, testModel(t, renamed, func(s *schema.Schema) {
		s.Objects[2].Former = nil
		for _, f := range s.Objects[2].Fields {
			f.Former = nil
		}
	}))
	var views, columns int
	o.sql(t, `SELECT count(*) FROM pg_views WHERE schemaname = 'bi' AND viewname = 'opportunity'`, &views)
	o.sql(t, `SELECT count(*) FROM information_schema.columns WHERE table_schema = 'bi' AND table_name = 'deal' AND column_name = 'amount'`, &columns)
	if views+columns > 0 {
		t.Error("the former names stay when their time is over")
	}
	u.get("/api/v1/records/opportunity").is(http.StatusNotFound)
	u.get("/api/v1/records/deal?sort=amount").is(http.StatusBadRequest)
}

// deprecated checks the headers of an answer that has used or shown a former name, or has not.
func (r *reply) deprecated(t *testing.T, want bool) {
	t.Helper()
	since, until := "", ""
	if want {
		since, until = "@1772366400", "Tue, 31 Mar 2026 12:00:00 GMT"
	}
	if r.header.Get("Deprecation") != since || r.header.Get("Sunset") != until {
		t.Errorf("Deprecation is %q, Sunset is %q", r.header.Get("Deprecation"), r.header.Get("Sunset"))
	}
}

// turn is what one of the users under load does, time and again, by the names of before or of now.
func turn(t *testing.T, u *user, object, title, worth string, round int) {
	t.Helper()
	made := u.send("POST", "/api/v1/records/"+object, map[string]any{title: "x", worth: fmt.Sprint(round + 1)}).is(http.StatusCreated)
	path := "/api/v1/records/" + object + "/" + made.text("id")
	u.send("PATCH", path, map[string]any{worth: fmt.Sprint(round + 2)}).is(http.StatusOK)
	if got := u.get(path).is(http.StatusOK).object()[worth]; got != fmt.Sprint(round+2) {
		t.Errorf("%s is %v", worth, got)
	}
	filter := url.QueryEscape(fmt.Sprintf("%s > %d", worth, round))
	first := u.get("/api/v1/records/" + object + "?limit=1&sort=-" + worth + "&fields=" + title + "," + worth + "&filter=" + filter).is(http.StatusOK)
	if next := first.object()["next"]; next != nil {
		u.get("/api/v1/records/" + object + "?limit=1&sort=-" + worth + "&fields=" + title + "," + worth + "&filter=" + filter + "&after=" + fmt.Sprint(next)).is(http.StatusOK)
	}
	u.send("POST", "/api/v1/records/"+object+"/aggregate", map[string]any{"values": []any{map[string]any{"function": "sum", "field": worth}}}).is(http.StatusOK)
}

func TestARenameUnderLoadLosesNoRequest(t *testing.T) {
	t.Parallel()
	o := newOrganisation(t)
	var applied atomic.Bool
	var warm, users sync.WaitGroup
	for range 6 {
		u := o.signedIn(t)
		warm.Add(1)
		isWarm := sync.OnceFunc(warm.Done)
		users.Go(func() {
			defer isWarm()
			for round, last := 0, false; !last; round++ {
				last = applied.Load() && round > 2
				turn(t, u, "opportunity", "name", "amount", round)
				if round == 2 {
					isWarm()
				}
			}
		})
	}
	warm.Wait()
	o.apply(t, testModel(t, renamed))
	applied.Store(true)
	users.Wait()
	turn(t, o.signedIn(t), "deal", "title", "worth", 0)
}
