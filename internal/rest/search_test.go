package rest_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/kontor-crm/kontor/internal/crm"
	"github.com/kontor-crm/kontor/internal/schema"
)

// reachable gives customers a phone number, notes that are searched and a number that is not.
func reachable(s *schema.Schema) {
	s.Objects[0].Fields = append(s.Objects[0].Fields,
		field("phone", schema.TypePhone),
		field("notes", schema.TypeLongText, func(f *schema.Field) { f.Searchable = new(true) }),
		field("tax_id", schema.TypeText, unique, func(f *schema.Field) { f.Sensitivity = "sensitive" }),
		field("remark", schema.TypeText))
}

// search gives the titles of what is found, the best first.
func (u *user) search(q string, more ...string) []string {
	u.t.Helper()
	var titles []string
	for _, item := range u.get("/api/v1/search?q=" + url.QueryEscape(q) + strings.Join(more, "")).items() {
		title, _ := item["title"].(string)
		titles = append(titles, title)
	}
	return titles
}

// finds fails unless exactly those titles are found, in any order.
func (u *user) finds(q string, want ...string) {
	u.t.Helper()
	got := u.search(q)
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		u.t.Errorf("%q finds %q, want %q", q, got, want)
	}
}

func TestSearchFindsOverAllObjectsWhatWasJustWritten(t *testing.T) {
	t.Parallel()
	u := newOrganisation(t, reachable).signedIn(t)
	u.create("customer", map[string]any{"name": "中国银行", "phone": "+86 (10) 6659-6688"})
	u.create("customer", map[string]any{"name": "王明", "email": "wang.ming@acme-corp.example"})
	u.create("customer", map[string]any{"name": "Škoda Hardware", "notes": "They asked for\nvalves and Ñandú feathers."})
	u.create("opportunity", map[string]any{"name": "Valves for 王明"})
	u.create("product", map[string]any{"name": "Pump", "code": "PX-4711"})
	for q, want := range map[string][]string{
		"王明": {"王明", "Valves for 王明"}, "王": {"王明", "Valves for 王明"}, "银行": {"中国银行"}, "国银": {"中国银行"},
		"zgyh": {"中国银行"}, "gyh": {"中国银行"}, "zhongguo": {"中国银行"}, "wangming": {"王明", "Valves for 王明"}, "WM": {"王明", "Valves for 王明"},
		"66596688": {"中国银行"}, "6659-66": {"中国银行"}, "+86 10 6659 6688": {"中国银行"}, "(010) 66596688": {"中国银行"},
		"acme-corp": {"王明"}, "corp.example": {"王明"}, "ming@acme": {"王明"}, "wang.ming@acme-corp.example": {"王明"},
		"skoda": {"Škoda Hardware"}, "ardw": {"Škoda Hardware"}, "hard ŠKO": {"Škoda Hardware"}, "nandu": {"Škoda Hardware"},
		"valve": {"Škoda Hardware", "Valves for 王明"}, "for 王明": {"Valves for 王明"}, "px 47": {"Pump"}, "4711": {"Pump"},
		"skoda 王明": nil, "nobody": nil, "行银": nil,
	} {
		u.finds(q, want...)
	}
	if got := u.search("valve", "&objects=opportunity,product"); !slices.Equal(got, []string{"Valves for 王明"}) {
		t.Errorf("among opportunities and products there is %q", got)
	}
}

func TestSearchSaysWhereItFound(t *testing.T) {
	t.Parallel()
	u := newOrganisation(t, reachable).signedIn(t)
	id := u.create("customer", map[string]any{"name": "Acme", "email": "info@feather.example", "notes": strings.Repeat("word ", 50) + "feathers"})
	items := u.get("/api/v1/search?q=feather").items()
	if len(items) != 1 || items[0]["object"] != "customer" || items[0]["id"] != id || items[0]["title"] != "Acme" {
		t.Fatalf("found: %v", items)
	}
	if got := fmt.Sprint(items[0]["matched"]); !strings.HasPrefix(got, "[map[field:email snippet:info@feather.example] map[field:notes snippet:…") || !strings.Contains(got, "word feathers") {
		t.Errorf("it was found in %s", got)
	}
}

func TestSearchPutsTheBestFirst(t *testing.T) {
	t.Parallel()
	u := newOrganisation(t, reachable).signedIn(t)
	for _, name := range []string{"Acme", "New Acme", "Acme Hardware", "Blacme", "Acme Software"} {
		u.create("customer", map[string]any{"name": name})
	}
	u.create("customer", map[string]any{"name": "Other", "email": "x@acme.example"})
	want := []string{"Acme", "Acme Software", "Acme Hardware", "New Acme", "Other", "Blacme"}
	if got := u.search("acme"); !slices.Equal(got, want) {
		t.Errorf("the order is %q, want %q", got, want)
	}
	if got := u.search("acme", "&limit=2"); !slices.Equal(got, want[:2]) {
		t.Errorf("the first two are %q", got)
	}
}

func TestSearchFindsRecordsByTheirNumber(t *testing.T) {
	t.Parallel()
	u := newOrganisation(t).signedIn(t)
	u.create("customer", map[string]any{"name": "Number 2"})
	second := u.create("customer", map[string]any{"name": "The second"})
	items := u.get("/api/v1/search?objects=customer&q=%232").items()
	if len(items) != 2 || items[0]["id"] != second {
		t.Errorf("#2 finds %v", items)
	}
}

func TestSearchForgetsWhatIsNoMore(t *testing.T) {
	t.Parallel()
	u := newOrganisation(t, reachable).signedIn(t)
	id := u.create("customer", map[string]any{"name": "Before", "email": "old@example.test"})
	path := "/api/v1/records/customer/" + id
	u.finds("before", "Before")
	u.send("PATCH", path, map[string]any{"name": "After", "email": nil}).is(http.StatusOK)
	u.finds("before")
	u.finds("old@example")
	u.finds("after", "After")
	u.send("PATCH", path, map[string]any{"employees": 7}).is(http.StatusOK)
	u.finds("after", "After")
	u.send("DELETE", path, nil).is(http.StatusNoContent)
	u.finds("after")
	u.send("POST", path+"/restore", nil).is(http.StatusOK)
	u.finds("after", "After")
}

func TestSearchFindsWhatBatchesAndImportsWrite(t *testing.T) {
	t.Parallel()
	u := newOrganisation(t, reachable).signedIn(t)
	u.batch("product", op{"op": "create", "fields": map[string]any{"name": "Valve", "code": "V1"}}, op{"op": "create", "fields": map[string]any{"name": "Pump", "code": "P1"}})
	u.finds("valve", "Valve")
	u.imports("product", mappingOf("product", "code", fields{{"field": "code", "column": "code"}, {"field": "name", "column": "name"}}),
		"code,name\nV1,Throttle\nC1,Crane\nV1,Governor\n").is(t, crm.Report{Created: 1, Updated: 2})
	u.finds("valve")
	u.finds("throttle") // the third line changed it once more
	u.finds("governor", "Governor")
	u.finds("crane", "Crane")
}

func TestSearchShowsNothingThatIsNotMeantForIt(t *testing.T) {
	t.Parallel()
	o := newOrganisation(t, reachable)
	u := o.signedIn(t)
	u.create("customer", map[string]any{"name": "Acme", "tax_id": "DE-123456789", "remark": "uninteresting"})
	u.finds("123456789")
	u.finds("uninteresting")
	u.finds("acme", "Acme")
	other := newOrganisation(t, reachable).signedIn(t)
	other.finds("acme")
	if r := newUser(t, o).get("/api/v1/search?q=acme"); r.status != http.StatusUnauthorized {
		t.Errorf("without a session the status is %d", r.status)
	}
}

func TestASearchThatCannotBeReadIs400(t *testing.T) {
	t.Parallel()
	u := newOrganisation(t).signedIn(t)
	for parameters, path := range map[string]string{
		"": "q", "q=": "q", "q=+++": "q", "q=%25%2A%21": "q", "q=" + url.QueryEscape("👍"): "q", "q=a%00b": "q", "q=a%ffb": "q", "q=a%0ab": "q",
		"q=" + strings.Repeat("x", 201): "q", "q=" + strings.Repeat("word+", 10_000)[:40_000]: "q", "q=a+b+c+d+e+f+g+h+i+j+k+l+m+n+o+p+q": "q",
		"q=acme&limit=0": "limit", "q=acme&limit=101": "limit", "q=acme&limit=ten": "limit", "q=acme&objects=custmer": "objects",
		"q=acme&objects=customer,": "objects", "q=acme&filter=x": "filter", "q=acme&q=b": "q",
	} {
		u.get("/api/v1/search?"+parameters).is(http.StatusBadRequest).names(path, "")
	}
	u.create("customer", map[string]any{"name": "Bobby"})
	for _, q := range []string{`'; DROP TABLE crm.customer; --`, `{bob}`, `"^bo"`, `bob' OR '1'='1`, `\`, `bob%`, `b_b`, `#99999999999999999999`, `#0`, `-5`} {
		if got := u.get("/api/v1/search?q=" + url.QueryEscape(q)); got.status != http.StatusOK && got.status != http.StatusBadRequest {
			t.Errorf("%s: status %d: %s", q, got.status, got.body)
		}
	}
	u.finds("bobby", "Bobby")
}

func TestSearchKeepsUpWithConcurrentWriters(t *testing.T) {
	t.Parallel()
	o := newOrganisation(t, reachable)
	u := o.signedIn(t)
	id := u.create("customer", map[string]any{"name": "Start"})
	var writers sync.WaitGroup
	for n := range 4 {
		writers.Go(func() {
			for round := range 5 {
				u.send("PATCH", "/api/v1/records/customer/"+id, map[string]any{"name": fmt.Sprintf("Writer%d round%d", n, round)})
				u.create("customer", map[string]any{"name": fmt.Sprintf("Made%d-%d", n, round)})
			}
		})
	}
	writers.Wait()
	name := u.get("/api/v1/records/customer/" + id).is(http.StatusOK).text("name")
	u.finds("writer", name)
	u.finds("start")
	if got := u.search("made", "&limit=100"); len(got) != 20 {
		t.Errorf("%d of 20 records are found", len(got))
	}
	var stale int
	o.sql(t, `SELECT count(*) FROM crm.customer c LEFT JOIN crm.customer__search s ON s.id = c.id AND s.version = c.version WHERE s.id IS NULL`, &stale)
	if stale != 0 {
		t.Errorf("%d records have tokens of another version", stale)
	}
}
