package rest_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/kontor-crm/kontor/internal/schema"
)

// withPhones adds phones and an address to customers, in an organisation in Germany.
func withPhones(s *schema.Schema) {
	s.Organisation.Country = "DE"
	s.Objects[0].Fields = append(s.Objects[0].Fields,
		field("phone", schema.TypePhone, custom, func(f *schema.Field) { f.Indexed = true }), field("fax", schema.TypePhone), field("seat", schema.TypeAddress))
}

func TestAPhoneNumberHasItsFormInE164BesideIt(t *testing.T) {
	t.Parallel()
	o := newOrganisation(t, withPhones)
	u := o.signedIn(t)
	id := u.create("customer", map[string]any{"name": "a", "phone": "030 123456", "fax": "+86 138 0013 8000"})
	path := "/api/v1/records/customer/" + id
	for _, step := range []struct {
		body       map[string]any
		phone, fax any
	}{
		{map[string]any{"name": "b"}, "+4930123456", "+8613800138000"},
		{map[string]any{"seat": map[string]any{"country": "IT"}}, "+39030123456", "+8613800138000"},
		{map[string]any{"phone": "06 12345678"}, "+390612345678", "+8613800138000"},
		{map[string]any{"phone": "110", "fax": nil}, nil, nil},
		{map[string]any{"phone": "*100#"}, nil, nil},
		{map[string]any{"phone": "06 12345678", "seat": nil}, "+49612345678", nil},
	} {
		got := u.send("PATCH", path, step.body).is(http.StatusOK).object()
		if got["phone_e164"] != step.phone || got["fax_e164"] != step.fax {
			t.Errorf("after %v: %v, %v", step.body, got["phone_e164"], got["fax_e164"])
		}
	}
	u.create("customer", map[string]any{"name": "c", "phone": "+49 (0)6 123 456 78"})
	found := u.get("/api/v1/records/customer?sort=phone_e164,name&fields=name,phone_e164&filter=" + url.QueryEscape(`phone_e164 == "+49612345678"`)).items()
	if fmt.Sprint(found) != "[map[name:b phone_e164:+49612345678] map[name:c phone_e164:+49612345678]]" {
		t.Errorf("found %v", found)
	}
	u.send("PATCH", path, map[string]any{"phone_e164": "+491"}).is(http.StatusUnprocessableEntity).names("phone_e164", "set by the system")
	var history, index string
	o.sql(t, `SELECT changes::text FROM kontor.history WHERE version = 3 AND record_id = '`+id+`'`, &history)
	if history != `{"phone.e164": {"new": "+39030123456", "old": "+4930123456"}, "seat.country": {"new": "IT", "old": null}}` {
		t.Errorf("the history has %s", history)
	}
	o.sql(t, `SELECT string_agg(indexdef, ' ') FROM pg_indexes WHERE schemaname = 'crm' AND tablename = 'customer'`, &index)
	if !strings.Contains(index, "(x_phone__e164)") || strings.Contains(index, "(fax__e164)") {
		t.Errorf("the indexes are %s", index)
	}
	d := u.get("/api/v1/openapi.json").is(http.StatusOK).object()
	if at(d, "/components/schemas/record.customer/properties/phone_e164/readOnly") != true || at(d, "/components/schemas/new.customer/properties/phone_e164") != nil {
		t.Error("the OpenAPI lets one write it")
	}
}

func TestAFileFillsTheCompanions(t *testing.T) {
	t.Parallel()
	u := newOrganisation(t, withPhones).signedIn(t)
	mapping := mappingOf("customer", "", fields{{"field": "name", "column": "n"}, {"field": "phone", "column": "p"}, {"field": "seat.country", "column": "c"}})
	if i := u.imports("customer", mapping, "n,p,c\na,030 123456,\nb,030 123456,IT\nc,,\n"); i.report == nil || i.report.Created != 3 {
		t.Fatalf("the import: %+v", i)
	}
	if got := fmt.Sprint(u.get("/api/v1/records/customer?sort=name&fields=phone_e164").items()); got != "[map[phone_e164:+4930123456] map[phone_e164:+39030123456] map[phone_e164:<nil>]]" {
		t.Errorf("the numbers are %s", got)
	}
	i := u.imports("customer", mappingOf("customer", "", fields{{"field": "name", "column": "n"}, {"field": "phone_e164", "column": "p"}}), "n,p\na,1\n")
	if !strings.Contains(string(i.problem), "is set by the system") {
		t.Errorf("a mapping sets it: %s", i.problem)
	}
}

func TestTheCaseOfAnEmailDoesNotCount(t *testing.T) {
	t.Parallel()
	o := newOrganisation(t, func(s *schema.Schema) {
		s.Objects[1].Fields = append(s.Objects[1].Fields, field("mail", schema.TypeEmail, unique), relation("boss", "department"))
	})
	u := o.signedIn(t)
	id := u.create("department", map[string]any{"name": "a", "mail": "Sales@Example.COM"})
	if got := u.get("/api/v1/records/department/" + id).text("mail"); got != "Sales@Example.COM" {
		t.Errorf("the address is kept as %s", got)
	}
	u.send("POST", "/api/v1/records/department", map[string]any{"name": "b", "mail": "sales@example.com"}).is(http.StatusConflict).names("mail", "another department")
	mapping := map[string]any{"object": "department", "key": "mail", "fields": []map[string]any{
		{"field": "name", "column": "n"}, {"field": "mail", "column": "m"}, {"field": "boss", "column": "b", "lookup": "mail"},
	}}
	i := u.imports("department", mapping, "n,m,b\nRenamed,SALES@example.com,sales@EXAMPLE.com\n")
	if i.report == nil || i.report.Updated != 1 {
		t.Fatalf("the import: %+v %s", i.report, i.reasons(2))
	}
	if got := u.get("/api/v1/records/department/" + id).object(); got["boss"] != id || got["name"] != "Renamed" {
		t.Errorf("the import made %v", got)
	}
	var plan string
	o.sql(t, `SELECT string_agg(indexdef, ' ') FROM pg_indexes WHERE schemaname = 'crm' AND tablename = 'department'`, &plan)
	if !strings.Contains(plan, "lower(mail)") {
		t.Errorf("the indexes are %s", plan)
	}
}
