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
	if history != `{"seat.country": {"new": "IT", "old": null}}` {
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

// withRates adds the standard object of rates of exchange to an organisation whose currency is the euro.
func withRates(s *schema.Schema) {
	s.Objects = append(s.Objects, object("exchange_rate",
		field("currency_code", schema.TypeCurrency, required), field("rate", schema.TypeDecimal, required, func(f *schema.Field) { f.Scale = new(10) }),
		field("valid_from", schema.TypeDate, required)))
	s.Objects[2].Fields = append(s.Objects[2].Fields, field("budget", schema.TypeMoney, custom))
}

func TestAnAmountHasItsWorthInTheOrganisationsCurrencyBesideIt(t *testing.T) {
	t.Parallel()
	u := newOrganisation(t, withRates).signedIn(t)
	for _, rate := range []map[string]any{
		{"currency_code": "USD", "rate": "0.8", "valid_from": "2020-01-01"},
		{"currency_code": "USD", "rate": "0.9", "valid_from": "2020-06-01"},
		{"currency_code": "USD", "rate": "0.1", "valid_from": "9999-01-01"},
		{"currency_code": "JPY", "rate": "0.0062513", "valid_from": "2020-01-01"},
		{"currency_code": "BTC", "rate": "9999999999", "valid_from": "2020-01-01"},
	} {
		u.create("exchange_rate", rate)
	}
	id := u.create("opportunity", map[string]any{"name": "a", "amount": 100})
	path := "/api/v1/records/opportunity/" + id
	for _, step := range []struct {
		body         map[string]any
		amount, base any
	}{
		{map[string]any{"name": "b"}, "100", "100.00"},
		{map[string]any{"currency": "USD"}, "100", "90.00"},
		{map[string]any{"amount": 200}, "200", "180.00"},
		{map[string]any{"currency": "JPY", "amount": 12345}, "12345", "77.1723"},
		{map[string]any{"currency": "CHF"}, "12345", nil},
		{map[string]any{"currency": nil}, "12345", "12345.00"},
		{map[string]any{"amount": nil}, nil, nil},
	} {
		got := u.send("PATCH", path, step.body).is(http.StatusOK).object()
		if got["amount"] != step.amount || got["amount_base"] != step.base {
			t.Errorf("after %v: %v is %v", step.body, got["amount"], got["amount_base"])
		}
	}
	u.send("POST", "/api/v1/records/opportunity", map[string]any{"name": "c", "currency": "BTC", "amount": "9999999999"}).
		is(http.StatusUnprocessableEntity).names("amount", "too large in EUR")
	u.send("POST", "/api/v1/records/opportunity", map[string]any{"name": "c", "amount_base": "1"}).
		is(http.StatusUnprocessableEntity).names("amount_base", "set by the system")
	u.send("POST", "/api/v1/records/exchange_rate", map[string]any{"currency_code": "usd", "rate": "1", "valid_from": "2020-01-01"}).
		is(http.StatusUnprocessableEntity).names("currency_code", "ISO 4217")

	mapping := mappingOf("opportunity", "deal_id", fields{
		{"field": "name", "column": "n"}, {"field": "deal_id", "column": "n"}, {"field": "amount", "column": "a"}, {"field": "currency", "column": "c"}, {"field": "budget", "column": "a"},
	})
	if i := u.imports("opportunity", mapping, "n,a,c\nd,10,USD\ne,10,\nf,10,GBP\n"); i.report == nil || i.report.Created != 3 {
		t.Fatalf("the import: %+v", i)
	}
	items := u.get("/api/v1/records/opportunity?fields=name,amount_base,budget_base&sort=-amount_base&filter=" + url.QueryEscape(`amount_base < 10.5 || amount == 10`)).items()
	if got := fmt.Sprint(items); got != "[map[amount_base:10.00 budget_base:10.00 name:e] map[amount_base:9.00 budget_base:9.00 name:d] map[amount_base:<nil> budget_base:<nil> name:f]]" {
		t.Errorf("the list is %s", got)
	}
	sum := u.send("POST", "/api/v1/records/opportunity/aggregate", map[string]any{"values": []any{map[string]any{"function": "sum", "field": "amount_base"}}}).is(http.StatusOK)
	if got := fmt.Sprint(sum.items()); !strings.Contains(got, "sum_amount_base:19.00") || !strings.Contains(got, "sum_amount_base_currency:EUR") {
		t.Errorf("the sum over all currencies is %s", got)
	}
	// A file that changes the amounts alone converts them from the records' own currency.
	mapping = mappingOf("opportunity", "deal_id", fields{{"field": "deal_id", "column": "n"}, {"field": "amount", "column": "a"}})
	if i := u.imports("opportunity", mapping, "n,a\nd,20\n"); i.report == nil || i.report.Updated != 1 {
		t.Fatalf("the second import: %+v", i)
	}
	if got := u.get("/api/v1/records/opportunity?filter=" + url.QueryEscape(`amount_base == 18`)).items(); len(got) != 1 || got[0]["name"] != "d" {
		t.Errorf("the amount of the file is %v", got)
	}
}
