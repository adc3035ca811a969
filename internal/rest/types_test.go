package rest_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"testing"

	"github.com/kontor-crm/kontor/internal/schema"
)

// withThings adds an object with a field of each of the simple types that the other objects lack.
func withThings(s *schema.Schema) {
	s.Objects = append(s.Objects, object("thing",
		field("name", schema.TypeText, required), field("notes", schema.TypeRichText),
		field("opens", schema.TypeTime, unique, func(f *schema.Field) { f.Default = new("09:00") }),
		field("took", schema.TypeDuration, custom), field("stars", schema.TypeRating, func(f *schema.Field) { f.Default = new("3") }),
		field("meta", schema.TypeJSON, func(f *schema.Field) { f.Length = 100 })))
}

func TestEachTypeKeepsItsValues(t *testing.T) {
	t.Parallel()
	o := newOrganisation(t, withThings)
	u := o.signedIn(t)
	made := u.send("POST", "/api/v1/records/thing", map[string]any{
		"name": "x", "notes": "# A\n\n<b>b</b>", "took": "1h30m", "meta": map[string]any{"zz": []any{1.50, nil, "上"}, "a": map[string]any{}},
	}).is(http.StatusCreated)
	want := map[string]any{
		"notes": "# A\n\n<b>b</b>", "opens": "09:00:00", "took": "PT1H30M", "stars": json.Number("3"),
		"meta": map[string]any{"zz": []any{json.Number("1.5"), nil, "上"}, "a": map[string]any{}},
	}
	for name, value := range want {
		if got := made.object()[name]; !reflect.DeepEqual(got, value) {
			t.Errorf("%s is %v, want %v", name, got, value)
		}
	}
	path := "/api/v1/records/thing/" + made.text("id")
	same := u.send("PATCH", path, map[string]any{
		"opens": "09:00:00.000", "took": 5400, "meta": map[string]any{"a": map[string]any{}, "zz": []any{json.Number("1.5"), nil, "上"}},
	}).is(http.StatusOK)
	if same.header.Get("ETag") != `"1"` {
		t.Error("the same values in another form make a version")
	}
	u.send("PATCH", path, map[string]any{"opens": "17:45:10.25", "took": "P1D", "stars": 5, "meta": []any{"only"}}).is(http.StatusOK)
	var history string
	o.sql(t, `SELECT changes::text FROM kontor.history WHERE version = 2 AND record_id = '`+made.text("id")+`'`, &history)
	var changes map[string]map[string]any
	must(t, json.Unmarshal([]byte(history), &changes))
	for field, want := range map[string]string{
		"opens": "map[new:17:45:10.25 old:09:00:00]", "took": "map[new:PT24H old:PT1H30M]", "stars": "map[new:5 old:3]",
		"meta": "map[new:[only] old:map[a:map[] zz:[1.5 <nil> 上]]]",
	} {
		if got := fmt.Sprint(changes[field]); got != want {
			t.Errorf("the history has %s for %s", got, field)
		}
	}
	cleared := u.send("PATCH", path, map[string]any{"opens": nil, "took": "", "stars": nil, "meta": nil, "notes": ""}).is(http.StatusOK).object()
	for name := range want {
		if cleared[name] != nil {
			t.Errorf("%s is still %v", name, cleared[name])
		}
	}
	u.create("thing", map[string]any{"name": "y", "opens": "10:00"})
	u.send("POST", "/api/v1/records/thing", map[string]any{"name": "z", "opens": "10:00:00"}).is(http.StatusConflict).names("opens", "another thing")
}

func TestEachTypeIsFilteredAndSorted(t *testing.T) {
	t.Parallel()
	u := newOrganisation(t, withThings).signedIn(t)
	for i, c := range []map[string]any{
		{"opens": "09:30", "took": 60, "stars": 1, "meta": 1},
		{"opens": "08:00:00.5", "took": "PT2H", "stars": 5},
		{"opens": "22:00", "stars": nil, "notes": "**x**"},
		{"opens": nil, "took": "PT2H", "stars": 3, "meta": map[string]any{"a": 1}},
	} {
		c["name"] = fmt.Sprint(i)
		id := u.create("thing", c)
		for _, field := range []string{"opens", "stars"} { // which have defaults
			if c[field] == nil {
				u.send("PATCH", "/api/v1/records/thing/"+id, map[string]any{field: nil}).is(http.StatusOK)
			}
		}
	}
	for query, want := range map[string]string{
		"sort=opens":      "1 0 2 3",
		"sort=-took,name": "1 3 0 2",
		"sort=-stars":     "1 3 0 2",
		"sort=name&filter=" + url.QueryEscape(`opens < "09:30"`):                          "1",
		"sort=name&filter=" + url.QueryEscape(`opens in ["08:00:00.5", "22:00"]`):         "1 2",
		"sort=name&filter=" + url.QueryEscape(`opens == null`):                            "3",
		"sort=name&filter=" + url.QueryEscape(`took / 60 >= 2 || took == 60`):             "0 1 3",
		"sort=name&filter=" + url.QueryEscape(`stars > 2 && stars in [3, 4, 5]`):          "1 3",
		"sort=name&filter=" + url.QueryEscape(`has(meta)`):                                "0 3",
		"sort=name&filter=" + url.QueryEscape(`meta == null && notes.contains("x")`):      "2",
		"sort=name&filter=" + url.QueryEscape(`(stars > 3 ? opens : "10:00") >= "09:00"`): "0 2 3",
	} {
		var found []string
		for _, item := range u.get("/api/v1/records/thing?" + query).is(http.StatusOK).items() {
			found = append(found, item["name"].(string))
		}
		if got := strings.Join(found, " "); got != want {
			t.Errorf("%s: %s, want %s", query, got, want)
		}
	}
	// Every page of every order is there, whatever the type of its cursor.
	for _, sort := range []string{"opens", "-opens", "took", "-stars"} {
		after, seen := "", map[string]bool{}
		for range 4 {
			page := u.get("/api/v1/records/thing?limit=1&sort=" + sort + after).is(http.StatusOK)
			seen[page.items()[0]["name"].(string)] = true
			after = "&after=" + fmt.Sprint(page.object()["next"])
		}
		if len(seen) != 4 {
			t.Errorf("sorted by %s, the pages show %v", sort, seen)
		}
	}
	for query, words := range map[string]string{
		"sort=meta":  "no order",
		"sort=notes": "no order",
		"filter=" + url.QueryEscape(`meta == "x"`):   "cannot compare JSON with a text",
		"filter=" + url.QueryEscape(`opens > 9`):     "cannot compare a time of the day with a number",
		"filter=" + url.QueryEscape(`opens > "25h"`): "must be a time of the day",
		"filter=" + url.QueryEscape(`meta == meta`):  "whether it is there: has(…)",
		"filter=" + url.QueryEscape(`meta in [1]`):   "",
	} {
		path, _, _ := strings.Cut(query, "=")
		u.get("/api/v1/records/thing?"+query).is(http.StatusBadRequest).names(path, words)
	}
}

func TestEachTypeRefusesBadValuesAtTheirPath(t *testing.T) {
	t.Parallel()
	u := newOrganisation(t, withThings).signedIn(t)
	deep := any("x")
	for range 18 {
		deep = []any{deep}
	}
	for _, c := range []struct {
		field string
		value any
		words string
	}{
		{"notes", 7, "must be a text"},
		{"notes", "\u0007", "control characters"},
		{"notes", strings.Repeat("x", 32001), "longer than 32000"},
		{"opens", "24:00", "15:04"},
		{"opens", "9:00", "15:04"},
		{"opens", 9, "15:04"},
		{"opens", "09:00+02:00", "15:04"},
		{"opens", []any{}, "15:04"},
		{"took", "P1M", "PT1H30M"},
		{"took", -1, "from 0 seconds"},
		{"took", "NaN", "PT1H30M"},
		{"took", json.Number("1e99"), "PT1H30M"},
		{"took", "9999999h9999999h", "PT1H30M"},
		{"took", true, "PT1H30M"},
		{"took", strings.Repeat("9", 70), "PT1H30M"},
		{"stars", 6, "at most 5"},
		{"stars", 0, "at least 1"},
		{"stars", "many", "whole number"},
		{"stars", json.Number("1e9"), "whole number"},
		{"meta", deep, "more than 16 deep"},
		{"meta", strings.Repeat("x", 99), "longer than 100"},
		{"meta", "a\u0000", "control characters"},
		{"meta", []any{json.Number("1e400000000")}, "60 digits"},
	} {
		u.send("POST", "/api/v1/records/thing", map[string]any{"name": "x", c.field: c.value}).is(http.StatusUnprocessableEntity).names(c.field, c.words)
	}
	u.send("POST", "/api/v1/records/thing", "{\"name\":\"x\",\"meta\":\"\xff\"}", "Content-Type: application/json").is(http.StatusBadRequest)
}

func TestAFileFillsEachType(t *testing.T) {
	t.Parallel()
	u := newOrganisation(t, withThings).signedIn(t)
	mapping := map[string]any{"object": "thing", "key": "opens", "fields": []map[string]any{
		{"field": "name", "column": "n"},
		{"field": "opens", "column": "o"},
		{"field": "took", "column": "t"},
		{"field": "stars", "column": "s"},
		{"field": "meta", "column": "m"},
	}}
	file := "n,o,t,s,m\none,08:00,1h,4,\"{\"\"b\"\":1,\"\"a\"\":2}\"\ntwo,08:15,2h,6,\nthree,08:30,x,,\nfour,08:45,,,{\n"
	i := u.imports("thing", mapping, file)
	if i.report == nil || i.report.Created != 1 || i.report.Failed != 3 {
		t.Fatalf("the import: %+v", i.report)
	}
	for line, words := range map[int]string{3: "stars: must be at most 5", 4: "took: must be a duration", 5: "meta: must be JSON"} {
		if got := i.reasons(line); !strings.Contains(got, words) {
			t.Errorf("line %d: %s", line, got)
		}
	}
	if i := u.imports("thing", mapping, file); i.report == nil || i.report.Unchanged != 1 {
		t.Errorf("the same file again: %+v", i.report)
	}
}

func TestTheOpenAPIDescribesEachType(t *testing.T) {
	t.Parallel()
	o := newOrganisation(t, withThings)
	d := o.signedIn(t).get("/api/v1/openapi.json").is(http.StatusOK).object()
	checkSchemas(t, "", at(d, "/components/schemas"))
	for pointer, want := range map[string]string{
		"opens/format": "time-local", "took/format": "duration", "took/type": "[string integer null]", "stars/maximum": "5", "stars/minimum": "1",
		"notes/format": "commonmark", "notes/maxLength": "32000", "meta/type": "<nil>",
	} {
		if got := fmt.Sprint(at(d, "/components/schemas/new.thing/properties/"+pointer)); got != want {
			t.Errorf("%s is %s, want %s", pointer, got, want)
		}
	}
	var types, rule string
	o.sql(t, `SELECT string_agg(format_type(atttypid, atttypmod), ', ' ORDER BY attnum) FROM pg_attribute WHERE attrelid = 'crm.thing'::regclass AND attname IN ('notes', 'opens', 'x_took', 'stars', 'meta')`, &types)
	if types != "text, time without time zone, bigint, integer, jsonb" {
		t.Errorf("the columns are %s", types)
	}
	o.sql(t, `SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 'crm.thing'::regclass AND conname LIKE 'meta_max%'`, &rule)
	if rule != "CHECK ((char_length((meta)::text) <= 100))" {
		t.Errorf("the rule of the length is %s", rule)
	}
}
