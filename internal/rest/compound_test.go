package rest_test

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/kontor-crm/kontor/internal/schema"
)

// withPlaces adds an object whose records have values with parts.
func withPlaces(s *schema.Schema) {
	place := object("place",
		field("name", schema.TypeText, required), field("address", schema.TypeAddress, custom), field("point", schema.TypeGeo),
		field("person", schema.TypePersonName), field("code", schema.TypeText, unique))
	s.Objects = append(s.Objects, place)
	s.Objects[0].Fields = append(s.Objects[0].Fields, field("address", schema.TypeAddress))
	place.Fields = append(place.Fields, relation("customer", "customer"))
}

func TestAValueWithPartsIsOneObjectInJSON(t *testing.T) {
	t.Parallel()
	o := newOrganisation(t, withPlaces)
	u := o.signedIn(t)
	made := u.send("POST", "/api/v1/records/place", map[string]any{
		"name":    "Office",
		"address": map[string]any{"city": "上海", "country": "cn", "latitude": 31.23, "longitude": "121.47"},
		"point":   map[string]any{"latitude": "52.5", "longitude": 13.4},
	}).is(http.StatusCreated)
	path := "/api/v1/records/place/" + made.text("id")
	address := made.object()["address"].(map[string]any)
	if address["city"] != "上海" || address["country"] != "CN" || address["line"] != nil || address["latitude"] != "31.230000" {
		t.Errorf("the address is %v", address)
	}
	if made.object()["person"] != nil {
		t.Errorf("a name of which nothing is known is %v", made.object()["person"])
	}
	changed := u.send("PATCH", path, map[string]any{"address": map[string]any{"city": nil, "street": "Nanjing Road 1"}}).is(http.StatusOK)
	address = changed.object()["address"].(map[string]any)
	if address["city"] != nil || address["street"] != "Nanjing Road 1" || address["country"] != "CN" {
		t.Errorf("the address is not merged but %v", address)
	}
	changed = u.send("PATCH", path, map[string]any{"address": nil, "point": nil, "person": map[string]any{"family": "王", "given": "芳"}}).is(http.StatusOK)
	if changed.object()["address"] != nil || changed.object()["point"] != nil {
		t.Errorf("null leaves %s", changed.body)
	}
	changed = u.send("PATCH", path, map[string]any{"address": "1 High Street, London"}).is(http.StatusOK)
	if got := changed.object()["address"].(map[string]any)["line"]; got != "1 High Street, London" {
		t.Errorf("a text for an address makes the line %v", got)
	}
	if again := u.send("PATCH", path, map[string]any{"person": map[string]any{"given": "芳"}}).is(http.StatusOK); again.header.Get("ETag") != changed.header.Get("ETag") {
		t.Error("a change that changes nothing makes a version")
	}
	var history string
	o.sql(t, `SELECT changes::text FROM kontor.history WHERE version = 2 AND record_id = '`+made.text("id")+`'`, &history)
	if history != `{"address.city": {"new": null, "old": "上海"}, "address.street": {"new": "Nanjing Road 1", "old": null}}` {
		t.Errorf("the history has %s", history)
	}
}

func TestPartsAreFilteredSortedAndChosen(t *testing.T) {
	t.Parallel()
	u := newOrganisation(t, withPlaces).signedIn(t)
	customer := u.create("customer", map[string]any{"name": "C", "address": map[string]any{"city": "Oslo", "country": "NO"}})
	for i, city := range []string{"Berlin", "Aachen", "", "Celle", "Berlin"} {
		body := map[string]any{"name": fmt.Sprint("P", i), "customer": customer}
		if city != "" {
			body["address"] = map[string]any{"city": city, "latitude": i, "longitude": i}
		}
		u.create("place", body)
	}
	names := func(query string) string {
		t.Helper()
		var found []string
		for _, item := range u.get("/api/v1/records/place?" + query).items() {
			found = append(found, item["name"].(string))
		}
		return strings.Join(found, " ")
	}
	for query, want := range map[string]string{
		"sort=address.city,name":   "P1 P0 P4 P3 P2",
		"sort=-address.city,-name": "P3 P4 P0 P1 P2",
		"sort=name&filter=" + url.QueryEscape(`address.city == "Berlin"`):                      "P0 P4",
		"sort=name&filter=" + url.QueryEscape(`address.latitude >= 1 && !has(point.latitude)`): "P1 P3 P4",
		"sort=name&filter=" + url.QueryEscape(`!has(address.city)`):                            "P2",
	} {
		if got := names(query); got != want {
			t.Errorf("%s: %s, want %s", query, got, want)
		}
	}
	// Pages go on across a part that some records lack.
	after, found := "", ""
	for range 5 {
		page := u.get("/api/v1/records/place?sort=address.city&limit=1&fields=name" + after).is(http.StatusOK)
		found += " " + page.items()[0]["name"].(string)
		if len(page.items()[0]) != 1 {
			t.Errorf("the key of the order is shown: %s", page.body)
		}
		after = "&after=" + fmt.Sprint(page.object()["next"])
	}
	if !strings.HasSuffix(found, "P3 P2") {
		t.Errorf("the pages are%s", found)
	}
	for fields, want := range map[string]string{
		"name,address.city":                      `{"name":"P0","address":{"city":"Berlin"}}`,
		"address.city,name,address.latitude":     `{"address":{"city":"Berlin","latitude":"0.000000"},"name":"P0"}`,
		"point,name":                             `{"point":null,"name":"P0"}`,
		"customer.address.city,customer.name":    `{"customer":{"id":"` + customer + `","address":{"city":"Oslo"},"name":"C"}}`,
		"customer.name,customer.address.country": `{"customer":{"id":"` + customer + `","name":"C","address":{"country":"NO"}}}`,
	} {
		got := string(u.get("/api/v1/records/place?sort=name&limit=1&fields=" + fields).is(http.StatusOK).body)
		if !strings.HasPrefix(got, `{"items":[`+want+`]`) {
			t.Errorf("fields=%s: %s", fields, got)
		}
	}
	for query, path := range map[string]string{
		"sort=address": "sort", "sort=address.town": "sort", "fields=address.town": "fields", "fields=customer.address.town": "fields",
		"fields=customer.parent.address.town":         "fields",
		"filter=" + url.QueryEscape(`address == "x"`): "filter", "filter=" + url.QueryEscape(`address.town == "x"`): "filter",
	} {
		u.get("/api/v1/records/place?"+query).is(http.StatusBadRequest).names(path, "")
	}
}

func TestWhatIsWrongWithAPartStandsAtIt(t *testing.T) {
	t.Parallel()
	u := newOrganisation(t, withPlaces, func(s *schema.Schema) {
		place := s.Objects[len(s.Objects)-1]
		place.Fields[3].Required = true
	}).signedIn(t)
	for name, c := range map[string]struct {
		body  map[string]any
		path  string
		words string
	}{
		"a number for an address":         {map[string]any{"address": 7}, "address", "object with the parts line, country"},
		"a text for a point":              {map[string]any{"point": "52,13"}, "point", "object with the parts latitude, longitude"},
		"a list for an address":           {map[string]any{"address": []any{}}, "address", "object with the parts"},
		"a part that there is not":        {map[string]any{"address": map[string]any{"town": "X"}}, "address.town", "no such part"},
		"a line that is too long":         {map[string]any{"address": map[string]any{"line": strings.Repeat("路", 201)}}, "address.line", "longer than 200 characters"},
		"a line with a line break":        {map[string]any{"address": "a\nb"}, "address.line", "control characters"},
		"a country in words":              {map[string]any{"address": map[string]any{"country": "Germany"}}, "address.country", "two letters"},
		"a tier that there is not":        {map[string]any{"address": map[string]any{"city_tier": "best"}}, "address.city_tier", "not one of the options"},
		"a latitude beyond the pole":      {map[string]any{"point": map[string]any{"latitude": 90.1, "longitude": 0}}, "point.latitude", "at most 90"},
		"a latitude of NaN":               {map[string]any{"point": map[string]any{"latitude": "NaN", "longitude": 0}}, "point.latitude", "decimal notation"},
		"a latitude of seven digits":      {map[string]any{"point": map[string]any{"latitude": "1.0000001", "longitude": 0}}, "point.latitude", "6 digits"},
		"a latitude alone":                {map[string]any{"point": map[string]any{"latitude": 1}}, "point.latitude", "nothing without point.longitude"},
		"a longitude alone in an address": {map[string]any{"address": map[string]any{"longitude": 1}}, "address.longitude", "nothing without address.latitude"},
		"no part of a required name":      {map[string]any{"person": map[string]any{"given": nil}}, "person", "is required"},
		"a part outside of its field":     {map[string]any{"address.city": "X"}, "address.city", "no such field"},
	} {
		body := map[string]any{"name": "x", "person": map[string]any{"family": "f"}}
		maps.Copy(body, c.body)
		t.Run(name, func(t *testing.T) {
			u := *u
			u.t = t
			u.send("POST", "/api/v1/records/place", body).is(http.StatusUnprocessableEntity).names(c.path, c.words)
		})
	}
	id := u.create("place", map[string]any{"name": "x", "person": map[string]any{"family": "f"}, "point": map[string]any{"latitude": 1, "longitude": 1}})
	u.send("PATCH", "/api/v1/records/place/"+id, map[string]any{"point": map[string]any{"longitude": nil}}).
		is(http.StatusUnprocessableEntity).names("point.latitude", "nothing without")
	u.send("PATCH", "/api/v1/records/place/"+id, map[string]any{"person": nil}).is(http.StatusUnprocessableEntity).names("person", "is required")
}

func TestTheDatabaseHoldsTheRulesOfParts(t *testing.T) {
	t.Parallel()
	o := newOrganisation(t, withPlaces, func(s *schema.Schema) { s.Objects[len(s.Objects)-1].Fields[3].Required = true })
	var rules string
	o.sql(t, `SELECT string_agg(pg_get_constraintdef(oid), E'\n') FROM pg_constraint WHERE conrelid = 'crm.place'::regclass`, &rules)
	for _, want := range []string{
		"num_nonnulls(point__latitude, point__longitude) = ANY (ARRAY[0, 2])", "num_nonnulls(person__salutation, person__given, person__middle, person__family) > 0",
		"char_length(x_address__line) <= 200", "x_address__country ~ '^[A-Z]{2}$'",
	} {
		if !strings.Contains(rules, want) {
			t.Errorf("there is no rule %s among\n%s", want, rules)
		}
	}
	var columns string
	o.sql(t, `SELECT string_agg(column_name::text, ' ' ORDER BY ordinal_position) FROM information_schema.columns WHERE table_schema = 'bi' AND table_name = 'place'`, &columns)
	if !strings.Contains(columns, "address_line address_country") || !strings.Contains(columns, "point_latitude") {
		t.Errorf("the view has %s", columns)
	}
}

func TestAFileFillsParts(t *testing.T) {
	t.Parallel()
	u := newOrganisation(t, withPlaces).signedIn(t)
	mapping := map[string]any{"object": "place", "key": "code", "fields": []map[string]any{
		{"field": "name", "column": "n"},
		{"field": "code", "column": "c"},
		{"field": "address", "column": "a"},
		{"field": "address.city", "column": "city"},
		{"field": "person.family", "column": "f"},
	}}
	i := u.imports("place", mapping, "n,c,a,city,f\nOne,1,\"1 Road, X\",Xanten,Fox\nTwo,2,,"+strings.Repeat("x", 51)+",\n")
	if i.report == nil || i.report.Created != 1 || !strings.Contains(i.reasons(3), "address.city: is longer than 50") {
		t.Fatalf("the import: %+v %s", i.report, i.reasons(3))
	}
	i = u.imports("place", mapping, "n,c,a,city,f\nOne,1,\"1 Road, X\",Ypern,Fox\n")
	if i.report == nil || i.report.Updated != 1 {
		t.Fatalf("the second import: %+v", i.report)
	}
	item := u.get("/api/v1/records/place?fields=address.line,address.city,person").items()[0]
	if got := fmt.Sprint(item["address"]); got != "map[city:Ypern line:1 Road, X]" {
		t.Errorf("the address is %s", got)
	}
	for field, words := range map[string]string{"person": "map them by themselves: person.salutation", "address.town": "no field"} {
		i := u.imports("place", map[string]any{"object": "place", "fields": []map[string]any{{"field": field, "column": "n"}}}, "n\nx\n")
		if !strings.Contains(string(i.problem), words) {
			t.Errorf("%s: %s", field, i.problem)
		}
	}
}

func TestTheSchemaAndTheOpenAPIDescribeParts(t *testing.T) {
	t.Parallel()
	u := newOrganisation(t, withPlaces).signedIn(t)
	d := u.get("/api/v1/openapi.json").is(http.StatusOK).object()
	if got := fmt.Sprint(at(d, "/components/schemas/new.place/properties/address/type")); got != "[object string null]" {
		t.Errorf("a new address is %s", got)
	}
	if got := fmt.Sprint(at(d, "/components/schemas/record.place/properties/address/properties/line/maxLength")); got != "200" {
		t.Errorf("the line is at most %s long", got)
	}
	checkSchemas(t, "", at(d, "/components/schemas"))
	text := string(u.get("/api/v1/schema").is(http.StatusOK).body)
	if !strings.Contains(text, `"parts":[{"name":"latitude","type":"decimal"`) {
		t.Error("the schema does not tell the parts of a point")
	}
}
