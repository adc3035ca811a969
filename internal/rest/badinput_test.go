package rest_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/kontor-crm/kontor/internal/schema"
)

// bad is a call that somebody got wrong.
type bad struct {
	what         string
	method, path string
	body         any
	headers      []string
	status       int
	at           string // the path that the answer names; empty: none
}

// good is a call that works, by which what is wrong with others is told apart.
type good struct {
	route  string // as routes.go has it
	path   string
	body   map[string]any
	raw    string // a body that is no JSON
	kind   string // its type
	status int
	// wrong are values of a part of the body, or of a parameter of the address, that
	// the call refuses at that path.
	wrong map[string][]any
	// open calls need nobody who has signed in.
	open bool
}

const (
	nobody   = "01890000-0000-7000-8000-000000000000"
	injected = `x'; DROP TABLE crm.customer; --`
)

// badWorld is what the calls below are about.
type badWorld struct {
	u                                      *user
	customer, deal, gone, file, done, view string
}

func newBadWorld(t *testing.T) *badWorld {
	t.Helper()
	u := newOrganisation(t, withThings, withPlaces, withTrees).signedIn(t)
	w := &badWorld{u: u, customer: u.create("customer", map[string]any{"name": "There"}), gone: u.create("customer", map[string]any{"name": "Gone"})}
	w.deal = u.create("opportunity", map[string]any{"name": "Deal", "customer": w.customer})
	u.send("DELETE", "/api/v1/records/customer/"+w.gone, nil).is(http.StatusNoContent)
	w.file = u.send("POST", "/api/v1/files?name=p.csv", strings.NewReader("name\nA\n")).is(http.StatusCreated).text("id")
	w.view = u.send("POST", "/api/v1/views", map[string]any{"object": "customer", "name": "There"}).is(http.StatusCreated).text("id")
	w.done = u.imports("product", mappingOf("product", "", fields{{"field": "name", "column": "name"}}), "name\nA\n").id
	return w
}

// What is no condition, order, list of fields, or page: each is refused wherever one is asked for.
func wrongFilters() []any {
	return []any{
		"name ==", `colour == "red"`, `employees > "many"`, "name", injected, `name == "a" OR 1=1`, "name == '\x00'", `name.matches("a+")`,
		strings.Repeat("(", 500) + "true" + strings.Repeat(")", 500), strings.Repeat("!(", 500) + "true" + strings.Repeat(")", 500), "employees == 1e999999999", "employees > NaN",
		"name == '" + strings.Repeat("x", 20_000) + "'", `opportunities.all(a, opportunities.all(b, opportunities.all(c, opportunities.all(d, opportunities.all(e, true)))))`,
		`parent.parent.parent.parent.parent.parent.name == "x"`, `close == date("2026-02-30")`, "employees == 9223372036854775808 * 10 &&", `"` + "\xff" + `"`,
		`name == "\ud800"`, `[1, 2, 3].map(x, x).size() > 0`, `__result__ == 1`, `owner.password == "x"`,
	}
}

var (
	wrongNumbers = []any{"0", "-1", "1001", "ten", "1e3", "9999999999999999999999", "NaN", "1.5", "٣"}
	wrongSorts   = []any{"colour", `name"; DROP TABLE crm.customer; --`, "parent.", "name,,email", strings.Repeat("name,", 50) + "name", "--name", "name\x00", "tags"}
	wrongFields  = []any{"colour", `name" FROM kontor.credential; --`, "parent.colour", strings.Repeat("name,", 600) + "name", "name.x", "parent.parent.parent.parent.parent.parent.name", "\x00"}
	wrongCursors = []any{"nonsense", "AAAA", strings.Repeat("A", 20_000), "%", "\x00", "../../etc"}
	wrongTexts   = []any{7, true, []any{"x"}, map[string]any{"a": 1}}
)

func (w *badWorld) calls() []good {
	filters := wrongFilters()
	lists := map[string][]any{
		"filter": filters, "sort": wrongSorts, "fields": wrongFields, "limit": wrongNumbers, "after": wrongCursors, "count": {"all", "EXACT", "\x00"}, "deleted": {"all", "true"},
	}
	exports := map[string][]any{
		"filter": filters, "sort": wrongSorts, "fields": wrongFields, "format": {"pdf", ""}, "header": {"rows"}, "limit": {"5"}, "after": {"x"}, "count": {"exact"},
	}
	// As in an address, and with what only a body can get wrong.
	inBody := func(wrong map[string][]any, without ...string) map[string][]any {
		all := map[string][]any{}
		for name, values := range wrong {
			if !slices.Contains(without, name) {
				all[name] = append(slices.DeleteFunc(slices.Clone(values), func(v any) bool { return strings.ContainsRune(fmt.Sprint(v), 0xfffd) }), wrongTexts[3])
			}
		}
		return all
	}
	customer := map[string][]any{
		"name":  {nil, "", 7, true, []any{}, map[string]any{}, strings.Repeat("长", 51), "a\x00b", "a\x1bb", strings.Repeat("x", 200_000)},
		"email": {"nobody", "a@", "@b.c", 7, "a@b.c\n", strings.Repeat("x", 300) + "@b.c", injected}, "employees": {-1, "1.5", 1.5, "many", "NaN", "Infinity", "99999999999999999999", "1e400", []any{1}},
		"revenue": {"1.234", "NaN", "-Infinity", strings.Repeat("9", 100), "1e1000", true, map[string]any{"a": 1}}, "parent": {nobody, "x", 7, w.gone, injected, map[string]any{"id": w.customer}, strings.Repeat("a", 5000)},
		"kind": {"other", 7, "COMPANY", []any{"company"}}, "colour": {"red", nil}, "version": {1}, "id": {nobody}, "number": {1}, "created_at": {"2026-01-01T00:00:00Z"},
		"tags": {"x", []any{1}, []any{nil}, []any{strings.Repeat("长", 101)}, manyTexts(5000)}, "owner": {nobody, w.customer},
	}
	wrongView := map[string][]any{
		"object": {7, "nothing", injected}, "name": {nil, "", " ", 7, strings.Repeat("长", 101), "a\x00b", []any{}}, "kind": {nil, "calendar", 7}, "shared": {nil, "yes", 1},
		"filter": inBody(lists)["filter"], "sort": {"name", 7, []any{"colour"}, []any{injected}}, "sort[0]": {[]any{7}, []any{strings.Repeat("x", 300)}}, "columns": {"name", 7, map[string]any{}, manyTexts(101)},
		"columns[0]": {[]any{7}, []any{"name"}}, "columns[0].field": {[]any{op{}}, []any{op{"field": 7}}, []any{op{"field": "colour"}}, []any{op{"field": injected}}},
		"columns[0].width": {[]any{op{"field": "name", "width": 1}}, []any{op{"field": "name", "width": "20"}}, []any{op{"field": "name", "width": json.Number("1e99")}}},
		"columns[0].x":     {[]any{op{"field": "name", "x": 1}}}, "group": {7, "colour", "name", injected}, "colour": {"red"},
	}
	record := "/api/v1/records/customer/" + w.customer
	deal := "/api/v1/records/opportunity/" + w.deal
	mapping := mappingOf("product", "", fields{{"field": "name", "column": "name"}})
	return []good{
		{route: "POST /api/v1/login", path: "/api/v1/login", open: true, status: 200, body: map[string]any{"email": "admin@acme.example", "password": adminPassword}, wrong: map[string][]any{
			"email": wrongTexts, "password": wrongTexts, "otp": {"1"},
		}},
		{route: "POST /api/v1/logout", path: "/api/v1/logout", open: true, status: 204},
		{route: "GET /api/v1/me", path: "/api/v1/me", status: 200, wrong: map[string][]any{"colour": {"red"}}},
		{route: "PATCH /api/v1/me", path: "/api/v1/me", status: 200, body: map[string]any{"theme": "dark"}, wrong: map[string][]any{
			"theme": {"pink", 7, []any{}, injected}, "language": {"", 7, "x y", strings.Repeat("a-", 100), injected}, "timeZone": {"", "Mars", "Local", "../../etc/passwd", 7, injected},
			"page":   {7, "x", []any{}, map[string]any{"": 1}, map[string]any{strings.Repeat("k", 101): 1}, map[string]any{"a\x00": 1}, map[string]any{"a": strings.Repeat("x", 70_000)}},
			"page.a": {map[string]any{"a": "\x00"}, map[string]any{"a": json.Number("1e999999999")}}, "colour": {1},
		}},
		{route: "GET /api/v1/schema", path: "/api/v1/schema", status: 200},
		{route: "GET /api/v1/openapi.json", path: "/api/v1/openapi.json", status: 200},
		{route: "GET /api/v1/configuration", path: "/api/v1/configuration", status: 200, wrong: map[string][]any{"colour": {"red"}}},
		{route: "GET /api/v1/configuration/{object}", path: "/api/v1/configuration/customer", status: 200, wrong: map[string][]any{"colour": {"red"}}},
		{route: "GET /api/v1/search", path: "/api/v1/search?q=There", status: 200, wrong: map[string][]any{
			"q": {"", " ", "\x00", strings.Repeat("x", 5000), "-", strings.Repeat("a ", 300)}, "limit": {"0", "101", "x", "1e9"}, "objects": {"nothing", injected, "customer,,product"}, "colour": {"red"},
		}},
		{route: "GET /api/v1/records/{object}", path: "/api/v1/records/customer", status: 200, wrong: lists},
		{route: "POST /api/v1/records/{object}/query", path: "/api/v1/records/customer/query", status: 200, body: map[string]any{"limit": 1}, wrong: inBody(lists)},
		{route: "POST /api/v1/records/{object}/aggregate", path: "/api/v1/records/customer/aggregate", status: 200, body: map[string]any{"values": []any{"count"}}, wrong: map[string][]any{
			"filter": inBody(lists)["filter"], "having": {"count >", "name == 'x'", 7, "count == 'x'", injected}, "limit": {0, -1, "x", 1e9}, "sort": {7, "colour", injected}, "colour": {1},
			"groups": {"kind", map[string]any{}, 7}, "groups[0]": {[]any{7}, []any{nil}}, "groups[0].field": {[]any{"colour"}, []any{injected}, []any{"tags"}, []any{""}}, "groups[0].by": {[]any{map[string]any{"field": "created_at", "by": "eon"}}},
			"values[0].function": {[]any{"median"}, []any{"sum; --"}}, "values[0].field": {[]any{map[string]any{"function": "sum", "field": "name"}}, []any{map[string]any{"function": "sum", "field": "x"}}},
		}},
		{route: "POST /api/v1/records/{object}", path: "/api/v1/records/customer", status: 201, body: map[string]any{"name": "New"}, wrong: customer},
		{route: "GET /api/v1/records/{object}/{id}", path: record, status: 200, wrong: map[string][]any{"fields": wrongFields, "colour": {"red"}}},
		{route: "GET /api/v1/records/{object}/{id}/history", path: record + "/history", status: 200, wrong: map[string][]any{
			"limit": {"0", "201", "x", "-1", "1e9"}, "after": wrongCursors, "kinds": {"changes"},
		}},
		{route: "GET /api/v1/records/{object}/{id}/timeline", path: record + "/timeline", status: 200, wrong: map[string][]any{
			"limit": {"0", "201", "x", "-1", "1e9"}, "after": wrongCursors, "kinds": {"nothing", "customer", injected, "changes,,"}, "colour": {"red"},
		}},
		{route: "GET /api/v1/records/{object}/{id}/external", path: record + "/external", status: 200},
		{route: "GET /api/v1/records/{object}/external/{system}/{external}", path: "/api/v1/records/customer/external/sap/x", status: 404},
		{route: "PATCH /api/v1/records/{object}/{id}", path: record, status: 200, body: map[string]any{"name": "There"}, wrong: customer},
		{route: "POST /api/v1/records/{object}/{id}/move", path: deal + "/move", status: 200, body: map[string]any{"stage": "engaging"}, wrong: map[string][]any{
			"stage": {7, nil, "", "imagined", injected, []any{}}, "colour": {"x"},
		}},
		{route: "POST /api/v1/records/{object}/batch", path: "/api/v1/records/customer/batch", status: 200, body: map[string]any{"operations": []any{op{"op": "create", "fields": op{"name": "B"}}}}, wrong: map[string][]any{
			"operations": {[]any{}, 7, map[string]any{}, nil}, "operations[0]": {[]any{7}, []any{nil}}, "operations[0].op": {[]any{op{"op": "truncate"}}, []any{op{}}}, "atomic": {"yes", 1}, "colour": {1},
			"operations[0].id": {[]any{op{"op": "delete"}}, []any{op{"op": "delete", "id": 7}}}, "operations[0].version": {[]any{op{"op": "delete", "id": w.customer, "version": -1}}, []any{op{"op": "delete", "id": w.customer, "version": 1.5}}},
		}},
		{route: "GET /api/v1/records/{object}/export", path: "/api/v1/records/customer/export", status: 200, wrong: exports},
		{route: "POST /api/v1/records/{object}/export", path: "/api/v1/records/customer/export", status: 202, body: map[string]any{}, wrong: inBody(exports, "format", "header")},
		{route: "POST /api/v1/records/{object}/import", path: "/api/v1/records/product/import", status: 202, body: map[string]any{"file": w.file, "mapping": mapping, "dryRun": true}, wrong: map[string][]any{
			"file": {nil, 7, "x", nobody, []any{}, injected}, "mapping": {nil, 7, "x", []any{}}, "dryRun": {"yes", 1}, "colour": {"x"},
		}},
		{route: "POST /api/v1/records/{object}/import/preview", path: "/api/v1/records/product/import/preview", status: 200, body: map[string]any{"file": w.file}, wrong: map[string][]any{
			"file": {nil, 7, "x", nobody, []any{}, injected}, "mapping": {7, "x", []any{}}, "colour": {"x"},
		}},
		{route: "GET /api/v1/views", path: "/api/v1/views", status: 200, wrong: map[string][]any{
			"object": {"nothing", injected, "\x00"}, "limit": {"0", "201", "x", "1e9"}, "after": wrongCursors, "colour": {"red"},
		}},
		{route: "POST /api/v1/views", path: "/api/v1/views", status: 201, body: map[string]any{"object": "customer", "name": "All"}, wrong: wrongView},
		{route: "GET /api/v1/views/{id}", path: "/api/v1/views/" + w.view, status: 200},
		{route: "PATCH /api/v1/views/{id}", path: "/api/v1/views/" + w.view, status: 200, body: map[string]any{"name": "There"}, wrong: wrongView},
		{route: "DELETE /api/v1/views/{id}", path: "/api/v1/views/" + w.view, status: 204},
		{route: "GET /api/v1/jobs", path: "/api/v1/jobs", status: 200, wrong: map[string][]any{"limit": {"0", "201", "x", "1e9"}, "after": {"x", "\x00", injected}, "kind": {"import"}}},
		{route: "GET /api/v1/jobs/{id}", path: "/api/v1/jobs/" + w.done, status: 200, wrong: map[string][]any{"wait": {"-1", "31", "x"}, "colour": {"x"}}},
		{route: "POST /api/v1/jobs/{id}/cancel", path: "/api/v1/jobs/" + w.done + "/cancel", status: 409},
		{route: "GET /api/v1/jobs/{id}/errors", path: "/api/v1/jobs/" + w.done + "/errors", status: 404},
		{route: "GET /api/v1/jobs/{id}/result", path: "/api/v1/jobs/" + w.done + "/result", status: 404},
		{route: "POST /api/v1/jobs/{id}/undo", path: "/api/v1/jobs/" + w.done + "/undo", status: 202},
		{route: "POST /api/v1/files", path: "/api/v1/files?name=x", status: 201, raw: "bytes", kind: "application/octet-stream", wrong: map[string][]any{"colour": {"x"}}},
		{route: "GET /api/v1/files/{id}", path: "/api/v1/files/" + w.file, status: 200},
		{route: "DELETE /api/v1/records/{object}/{id}", path: deal, status: 204},
		{route: "POST /api/v1/records/{object}/{id}/restore", path: deal + "/restore", status: 200},
	}
}

func manyTexts(n int) []any {
	texts := make([]any, n)
	for i := range texts {
		texts[i] = fmt.Sprint(i)
	}
	return texts
}

// bads are the ways to get a call wrong that make sense for it.
func (g good) bads() []bad {
	method, pattern, _ := strings.Cut(g.route, " ")
	base := bad{method: method, path: g.path}
	if g.body != nil {
		base.body = g.body
	}
	var all []bad
	add := func(what string, status int, edit func(*bad)) {
		b := base
		b.what, b.status = what, status
		edit(&b)
		all = append(all, b)
	}
	for name, values := range g.wrong {
		for i, value := range values {
			what := fmt.Sprintf("%s %d: %.60q", name, i, fmt.Sprint(value))
			if g.body == nil {
				add(what, http.StatusBadRequest, func(b *bad) {
					address, _ := url.Parse(g.path)
					q := address.Query()
					q.Set(name, fmt.Sprint(value))
					b.path, b.at = address.Path+"?"+q.Encode(), name
				})
				continue
			}
			add(what, 0, func(b *bad) { // malformed or refused: which of them the call decides
				field := name[:strings.IndexAny(name+"[", "[.")]
				body := map[string]any{field: value}
				for other, given := range g.body {
					if other != field {
						body[other] = given
					}
				}
				b.body, b.at = body, name
			})
		}
	}
	for what, place := range map[string]string{
		"no such thing": "nothing", "an id of nobody": nobody, "SQL": url.PathEscape(injected), "NUL": "%00", "no UTF-8": "%ff", "a long name": strings.Repeat("x", 3000), "dots": "%2e%2e%2f",
	} {
		parts, names := strings.Split(g.path, "/"), strings.Split(pattern, "/")
		for i, name := range names {
			if !strings.HasPrefix(name, "{") {
				continue
			}
			rest := ""
			changed := slices.Clone(parts)
			if i == len(parts)-1 {
				_, rest, _ = strings.Cut(parts[i], "?")
			}
			changed[i] = place
			add(what+" for "+name, http.StatusNotFound, func(b *bad) { b.path = strings.TrimSuffix(strings.Join(changed, "/")+"?"+rest, "?") })
		}
	}
	if g.body != nil {
		deep := strings.Repeat(`{"a":`, 2000) + "1" + strings.Repeat("}", 2000)
		for what, text := range map[string]string{
			"an empty body": "", "a list": "[]", "null": "null", "a text": `"x"`, "no JSON": "{", "NaN": `{"a":NaN}`, "two values": "{}{}", "a name twice": `{"a":1,"a":2}`,
			"no UTF-8": "{\"a\":\"\xff\"}", "deep nesting": deep, "a control character": "{\"a\":\"\x01\"}", "a number that breaks off": `{"a":1e}`, "half a surrogate": `{"\ud800`, "YAML": "a: 1",
		} {
			add(what, http.StatusBadRequest, func(b *bad) { b.body = text })
		}
		add("another type", http.StatusUnsupportedMediaType, func(b *bad) { b.headers = []string{"Content-Type: text/plain"} })
		add("a long body", http.StatusRequestEntityTooLarge, func(b *bad) { b.body = `{"a":"` + strings.Repeat("x", 9<<20) + `"}` })
	}
	add("another method", http.StatusMethodNotAllowed, func(b *bad) { b.method, b.body = "PUT", nil })
	if !g.open {
		add("a token that was guessed", http.StatusUnauthorized, func(b *bad) { b.headers = []string{"Authorization: Bearer guessed"} })
		add("no token", http.StatusUnauthorized, func(b *bad) { b.headers = []string{"Authorization: "} })
		add("a long token", http.StatusUnauthorized, func(b *bad) { b.headers = []string{"Authorization: Bearer " + strings.Repeat("x", 10_000)} })
	}
	if strings.Contains(pattern, "{id}") && method != "GET" && !strings.Contains(pattern, "jobs") {
		add("a version that is none", http.StatusPreconditionFailed, func(b *bad) { b.headers = []string{`If-Match: "99"`} })
		add("a version that is a text", http.StatusPreconditionFailed, func(b *bad) { b.headers = []string{`If-Match: x' OR 1=1`} })
	}
	return all
}

// inside are words that only the inside knows.
var inside = regexp.MustCompile(`SQLSTATE|pgx|pgconn|\bSELECT\b|crm\.|goroutine|\.go:\d|panic|\bx_[a-z]`)

func TestEveryCallRefusesWhatIsWrongWithItAndThenStillWorks(t *testing.T) {
	t.Parallel()
	w := newBadWorld(t)
	tested := map[string]bool{}
	for _, g := range w.calls() {
		tested[g.route] = true
		before := w.state(t)
		for _, b := range g.bads() {
			if problem := b.problem(w.u); problem != "" {
				t.Errorf("%s: %s: %s", g.route, b.what, problem)
			}
		}
		if after := w.state(t); after != before {
			t.Errorf("%s: what is refused changes %s to %s", g.route, before, after)
		}
		method, _, _ := strings.Cut(g.route, " ")
		var body any
		headers := []string{}
		switch {
		case g.body != nil:
			body = g.body
		case g.raw != "":
			body, headers = g.raw, append(headers, "Content-Type: "+g.kind)
		}
		u := *w.u
		if g.open {
			u.token = ""
		}
		if r := u.send(method, g.path, body, headers...); r.status != g.status {
			t.Errorf("%s: a good call answers %d, want %d: %.300s", g.route, r.status, g.status, r.body)
		} else if r.status == http.StatusAccepted {
			u.follows(r.text("id"))
		}
	}
	text, err := os.ReadFile("routes.go")
	must(t, err)
	for _, route := range regexp.MustCompile(`mux\.Handle\("([^"]+)"`).FindAllStringSubmatch(string(text), -1) {
		if !tested[route[1]] {
			t.Errorf("nobody gets %s wrong", route[1])
		}
	}
}

// problem is what is wrong with the answer to a bad call; empty when it is as it should be.
func (b bad) problem(u *user) string {
	r := u.send(b.method, b.path, b.body, b.headers...)
	wanted := []int{b.status}
	if b.status == 0 {
		wanted = []int{http.StatusBadRequest, http.StatusUnprocessableEntity, http.StatusNotFound}
	}
	if !slices.Contains(wanted, r.status) {
		return fmt.Sprintf("status %d, want %v: %.300s", r.status, wanted, r.body)
	}
	if got := r.header.Get("Content-Type"); got != "application/problem+json" {
		return fmt.Sprintf("the answer is %q: %.300s", got, r.body)
	}
	object := r.object()
	if fmt.Sprint(object["status"]) != fmt.Sprint(r.status) || object["title"] == "" || len(fmt.Sprint(object["detail"])) > 2000 {
		return fmt.Sprintf("the problem is %.300s", r.body)
	}
	if words := inside.FindString(strings.ReplaceAll(string(r.body), strings.ReplaceAll(injected, `"`, `\"`), "")); words != "" && !strings.Contains(fmt.Sprint(b.path, b.body), words) {
		return fmt.Sprintf("it tells %q: %.300s", words, r.body)
	}
	if b.at == "" {
		return ""
	}
	violations, _ := object["errors"].([]any)
	for _, v := range violations {
		if at(v, "/path") == b.at && at(v, "/message") != "" {
			return ""
		}
	}
	return fmt.Sprintf("nothing stands at %q: %.300s", b.at, r.body)
}

// state is what a refused call must not change.
func (w *badWorld) state(t *testing.T) string {
	t.Helper()
	var state string
	w.u.o.sql(t, `SELECT concat_ws(' ', (SELECT count(*) FROM kontor.history), (SELECT count(*) FROM kontor.outbox), (SELECT count(*) FROM kontor.job),
		(SELECT count(*) FROM kontor.file), (SELECT count(*) FROM kontor.saved_view), (SELECT max(settings::text) FROM kontor.preference), (SELECT sum(version) FROM crm.customer), (SELECT sum(version) FROM crm.opportunity), (SELECT count(*) FROM crm.product))`, &state)
	return state
}

func TestEveryTypeRefusesWhatIsNoneOfItsValues(t *testing.T) {
	t.Parallel()
	w := newBadWorld(t)
	before := w.state(t)
	for kind, values := range map[schema.TypeName][]any{
		schema.TypeDate:     {"2026-02-30", "2025-02-29", "2026-13-01", "2026-1-1", "0000-00-00", "99999-01-01", "20260101", 20260101, "2026-01-01T00:00:00Z", "-infinity", "today", true},
		schema.TypeDateTime: {"2026-02-30T00:00:00Z", "2026-01-01", "2026-01-01T25:00:00Z", "2026-01-01T00:00:00", "2026-01-01T00:00:00+99:00", "infinity", 1767225600},
		schema.TypeMoney:    {"NaN", "0", "1.5", "1e100", "1,000", "$5", " 5", "0x10", "99999999999999999999999", map[string]any{"amount": 1}},
		schema.TypePercent:  {"NaN", "1e9", "5%", true}, schema.TypeBoolean: {"yes", 1, "true ", []any{true}}, schema.TypeMultiPicklist: {[]any{"pigeon"}, "mail,pigeon", []any{[]any{"mail"}}, manyTexts(300)},
	} {
		name := map[schema.TypeName]string{
			schema.TypeDate: "close_date", schema.TypeDateTime: "entered_stage_at", schema.TypeMoney: "amount", schema.TypePercent: "probability", schema.TypeBoolean: "hot", schema.TypeMultiPicklist: "channels",
		}[kind]
		for i, value := range values {
			for _, call := range []bad{
				{method: "POST", path: "/api/v1/records/opportunity", body: map[string]any{"name": "x", name: value}, at: name},
				{method: "PATCH", path: "/api/v1/records/opportunity/" + w.deal, body: map[string]any{name: value}, at: name},
				{method: "POST", path: "/api/v1/records/opportunity/batch", body: map[string]any{"atomic": true, "operations": []any{op{"op": "update", "id": w.deal, "fields": op{name: value}}}}, at: "operations[0].fields." + name},
			} {
				if problem := call.problem(w.u); problem != "" {
					t.Errorf("%s %d (%.40q) by %s %s: %s", kind, i, fmt.Sprint(value), call.method, call.path, problem)
				}
			}
		}
	}
	if after := w.state(t); after != before {
		t.Errorf("what is refused changes %s to %s", before, after)
	}
	w.u.send("PATCH", "/api/v1/records/opportunity/"+w.deal, map[string]any{"close_date": "2028-02-29", "amount": "5"}).is(http.StatusOK)
}

func TestACursorServesOnlyTheListThatGaveItOut(t *testing.T) {
	t.Parallel()
	u := newOrganisation(t).signedIn(t)
	for n := range 3 {
		u.create("customer", map[string]any{"name": fmt.Sprint(n)})
		u.create("product", map[string]any{"name": fmt.Sprint(n)})
	}
	next := u.get("/api/v1/records/customer?limit=1&sort=name&filter=" + url.QueryEscape("name != 'x'")).is(http.StatusOK).text("next")
	u.get("/api/v1/records/customer?limit=2&fields=id&sort=name&filter=" + url.QueryEscape("name != 'x'") + "&after=" + next).is(http.StatusOK)
	for what, path := range map[string]string{
		"another filter":      "customer?sort=name&filter=" + url.QueryEscape("name != 'y'"),
		"no filter":           "customer?sort=name",
		"another order":       "customer?sort=-name&filter=" + url.QueryEscape("name != 'x'"),
		"another object":      "product?sort=name&filter=" + url.QueryEscape("name != 'x'"),
		"the deleted records": "customer?deleted=only&sort=name&filter=" + url.QueryEscape("name != 'x'"),
	} {
		if problem := (bad{method: "GET", path: "/api/v1/records/" + path + "&after=" + next, status: http.StatusBadRequest, at: "after"}).problem(u); problem != "" {
			t.Errorf("%s: %s", what, problem)
		}
	}
	flipped := []byte(next)
	flipped[len(flipped)/2] ^= 1
	for _, broken := range []string{next[1:], next[:len(next)-2], next + "A", string(flipped)} {
		path := "/api/v1/records/customer?sort=name&filter=" + url.QueryEscape("name != 'x'") + "&after=" + url.QueryEscape(broken)
		if problem := (bad{method: "GET", path: path, status: http.StatusBadRequest, at: "after"}).problem(u); problem != "" {
			t.Errorf("a broken cursor: %s", problem)
		}
	}
}
