package rest_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/kontor-crm/kontor/internal/crm"
	"github.com/kontor-crm/kontor/internal/schema"
	"github.com/kontor-crm/kontor/internal/search"
)

// reachable gives customers a phone number, notes that are searched and a number that is not.
func reachable(s *schema.Schema) {
	s.Organisation.Country = "DE"
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

func TestF109SearchFindsOverAllObjectsWhatWasJustWritten(t *testing.T) {
	t.Parallel()
	u := newOrganisation(t, reachable).signedIn(t)
	u.create("customer", map[string]any{"name": "中国银行", "phone": "+86 (10) 6659-6688"})
	u.create("customer", map[string]any{"name": "王明", "email": "wang.ming@acme-corp.example"})
	u.create("customer", map[string]any{"name": "Škoda Hardware", "notes": "They asked for\nvalves and Ñandú feathers."})
	u.create("opportunity", map[string]any{"name": "Valves for 王明"})
	u.create("product", map[string]any{"name": "Pump", "code": "PX-4711"})
	u.create("customer", map[string]any{"name": "Berlin", "phone": "030/123456"})
	for q, want := range map[string][]string{
		"王明": {"王明", "Valves for 王明"}, "王": {"王明", "Valves for 王明"}, "银行": {"中国银行"}, "国银": {"中国银行"},
		"zgyh": {"中国银行"}, "gyh": {"中国银行"}, "zhongguo": {"中国银行"}, "wangming": {"王明", "Valves for 王明"}, "WM": {"王明", "Valves for 王明"},
		"66596688": {"中国银行"}, "6659-66": {"中国银行"}, "+86 10 6659 6688": {"中国银行"}, "(010) 66596688": {"中国银行"},
		"+49 30 123456": {"Berlin"}, "030 12 34 56": {"Berlin"}, "(0049) 30 123": {"Berlin"},
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

func TestSearchFindsWhatManyOthersHaveInPieces(t *testing.T) {
	t.Parallel()
	u := newOrganisation(t, reachable).signedIn(t)
	u.create("customer", map[string]any{"name": "The one", "phone": "+49 30 8111111"})
	var others []op
	for n := range 100 {
		// 811 and 111 stand in each of them, but not 8111111.
		others = append(others, op{"op": "create", "fields": map[string]any{"name": fmt.Sprintf("Other %d", n), "phone": fmt.Sprintf("+49 30 811%02d0111", n)}})
	}
	u.batch("customer", others...)
	u.finds("8111111", "The one")
}

func TestSearchPutsARareTitleFirstAmongManyOthers(t *testing.T) {
	t.Parallel()
	u := newOrganisation(t, reachable).signedIn(t)
	u.create("customer", map[string]any{"name": "Falcon"})
	u.create("customer", map[string]any{"name": "Falcon Hardware"})
	var others []op
	for n := range 100 {
		others = append(others, op{"op": "create", "fields": map[string]any{"name": fmt.Sprintf("Customer %d of Falcon", n)}})
	}
	u.batch("customer", others...)
	for _, limit := range []string{"2", "20", "100"} {
		if got := u.search("falcon", "&limit="+limit)[:2]; !slices.Equal(got, []string{"Falcon", "Falcon Hardware"}) {
			t.Errorf("of %s the first are %q", limit, got)
		}
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

// searched is a record that the test below makes, with its searchable values.
type searched struct {
	object *schema.Object
	title  string
	values []search.Value
}

func TestSearchFindsWhatAScanOfAllRecordsFinds(t *testing.T) {
	t.Parallel()
	o := newOrganisation(t, reachable)
	u := o.signedIn(t)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	words := strings.Fields("Škoda Hardware steel 12 4711 x GmbH 中国 银行 王明 重庆 上海有限公司 Ñandú ＡＢＣ a1b2 ﬁle Ångström 行 café")
	text := func() string {
		parts := make([]string, 1+r.IntN(3))
		for i := range parts {
			parts[i] = words[r.IntN(len(words))]
		}
		return strings.Join(parts, []string{" ", "-", ", "}[r.IntN(3)])
	}
	var records []searched
	for n := range 60 {
		object, fields := "customer", map[string]any{"notes": text(), "phone": fmt.Sprintf("+49 (30) %d-%d", r.IntN(1000), r.IntN(1000))}
		if n%3 == 0 {
			object, fields = "product", map[string]any{"code": fmt.Sprintf("P%d-%d", r.IntN(100), n)}
		}
		fields["name"] = text() + fmt.Sprintf(" #%d", n)
		u.create(object, fields)
		made := searched{title: fields["name"].(string)} //nolint:forcetypeassert // a line above
		made.object, _ = o.schema.Object(object)
		for name, value := range fields {
			f, _ := made.object.Field(name)
			made.values = append(made.values, search.Value{Field: f, Text: value.(string)}) //nolint:forcetypeassert // all are texts
		}
		records = append(records, made)
	}
	for range 150 {
		parts := make([]string, 1+r.IntN(2))
		for i := range parts {
			of := []rune(records[r.IntN(len(records))].values[0].Text)
			from := r.IntN(len(of))
			parts[i] = string(of[from:min(len(of), from+1+r.IntN(6))])
		}
		typed := strings.Join(parts, " ")
		q, err := search.Parse(typed)
		if err != nil || q.Number() > 0 {
			continue
		}
		var want []string
		for _, record := range records {
			terms := uint32(0)
			for _, v := range record.values {
				m, _ := q.Match(v.Field, v.Text)
				terms |= m.Terms
			}
			if terms == q.All() {
				want = append(want, record.title)
			}
		}
		got := u.search(typed, "&limit=100&objects=customer,product")
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%q finds %q, and a scan %q", typed, got, want)
		}
	}
}
