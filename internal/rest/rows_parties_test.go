package rest_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

func TestF1ACustomerHasItsFieldsAndTheirLengthsHoldInTheAPIAndTheDatabase(t *testing.T) {
	t.Parallel()
	o := standardTenant(t)
	u := o.signedIn(t)
	mail := strings.Repeat("m", 64) + "@" + strings.Repeat("d", 31) + ".org"
	customer := map[string]any{
		"name": strings.Repeat("长", 50), "primary_contact_name": strings.Repeat("联", 50), "phone": "+" + strings.Repeat("1", 19),
		"email": mail, "address": map[string]any{"line": strings.Repeat("址", 200)},
	}
	id := u.create("customer", customer)
	got := u.get("/api/v1/records/customer/" + id).object()
	if got["name"] != customer["name"] || got["primary_contact_name"] != customer["primary_contact_name"] || got["email"] != mail {
		t.Errorf("the customer is %v", got)
	}
	for path, c := range map[string]struct {
		value  any
		column string
		length int
	}{
		"name":                 {strings.Repeat("长", 51), "name", 50},
		"primary_contact_name": {strings.Repeat("联", 51), "primary_contact_name", 50},
		"phone":                {"+" + strings.Repeat("1", 20), "phone", 20},
		"email":                {"m" + mail, "email", 100},
		"address.line":         {strings.Repeat("址", 201), "address__line", 200},
	} {
		body := map[string]any{"name": "A"}
		if field, part, ok := strings.Cut(path, "."); ok {
			body[field] = map[string]any{part: c.value}
		} else {
			body[path] = c.value
		}
		u.send("POST", "/api/v1/records/customer", body).is(http.StatusUnprocessableEntity).names(path, fmt.Sprintf("longer than %d", c.length))
		u.send("PATCH", "/api/v1/records/customer/"+id, body).is(http.StatusUnprocessableEntity).names(path, fmt.Sprintf("longer than %d", c.length))
		o.refuses(t, fmt.Sprintf(`UPDATE crm.customer SET %s = repeat('长', %d)`, c.column, c.length+1), "23514")
		if property := at(u.get("/api/v1/openapi.json").object(), "/components/schemas/new.customer/properties/"+path); !strings.Contains(path, ".") &&
			at(property, "/maxLength") != json.Number(fmt.Sprint(c.length)) {
			t.Errorf("OpenAPI tells of %s %v", path, property)
		}
	}
}

func TestF2ACustomerAndAPartnerHaveManyContacts(t *testing.T) {
	t.Parallel()
	o := standardTenant(t)
	u := o.signedIn(t)
	customer := u.create("customer", map[string]any{"name": "上海机床", "kind": "company"})
	partner := u.create("customer", map[string]any{"name": "Reseller", "kind": "partner"})
	people := map[string]string{"王芳": customer, "Bob": customer, "Carla": partner, "Dirk": partner}
	for name, of := range people {
		contact := u.create("contact", map[string]any{
			"name": name, "position": "采购经理", "phone": "+49 30 901820", "email": strings.ToLower(fmt.Sprintf("p%d@example.org", len(name))),
		})
		u.create("customer_contact", map[string]any{"customer": of, "contact": contact})
	}
	for kind, want := range map[string]string{"company": "Bob 王芳", "partner": "Carla Dirk"} {
		filter := fmt.Sprintf(`customer_links.exists(l, l.customer.kind == %q)`, kind)
		if got := u.listed("contact", "filter="+filter, "sort=name"); got != want {
			t.Errorf("the contacts of a %s are %q, want %q", kind, got, want)
		}
	}
	bob := u.get("/api/v1/records/contact?fields=position,phone,email&filter=" + url.QueryEscape(`name == "Bob"`)).items()[0]
	if bob["position"] != "采购经理" || bob["phone"] != "+49 30 901820" || bob["email"] != "p3@example.org" {
		t.Errorf("a contact is %v", bob)
	}
	var linked int
	o.sql(t, `SELECT count(*) FROM bi.customer_contact l JOIN bi.contact p ON p.id = l.contact_id JOIN bi.customer c ON c.id = l.customer_id WHERE c.kind = 'partner'`, &linked)
	if linked != 2 {
		t.Errorf("the views show %d contacts of partners", linked)
	}
}

func TestF3AContactStandsForSeveralCustomersEachLinkWithARoleAndAnActiveFlag(t *testing.T) {
	t.Parallel()
	o := standardTenant(t)
	u := o.signedIn(t)
	contact := u.create("contact", map[string]any{"name": "王芳"})
	first, second := u.create("customer", map[string]any{"name": "First"}), u.create("customer", map[string]any{"name": "Second"})
	link := u.send("POST", "/api/v1/records/customer_contact", map[string]any{"customer": first, "contact": contact, "role": "buyer"}).is(http.StatusCreated)
	if link.object()["is_active"] != true {
		t.Errorf("a new link is %s", link.body)
	}
	u.create("customer_contact", map[string]any{"customer": second, "contact": contact, "role": "adviser", "is_active": false})
	u.send("POST", "/api/v1/records/customer_contact", map[string]any{"customer": first, "contact": contact, "role": "again"}).is(http.StatusConflict)
	links := func(filter string) string {
		t.Helper()
		var shown []string
		for _, l := range u.get("/api/v1/records/customer_contact?sort=customer.name&fields=customer.name,role,is_active&filter=" + url.QueryEscape(filter)).items() {
			shown = append(shown, fmt.Sprint(l["customer"].(map[string]any)["name"], " ", l["role"], " ", l["is_active"]))
		}
		return strings.Join(shown, ", ")
	}
	if got := links(fmt.Sprintf("contact == %q", contact)); got != "First buyer true, Second adviser false" {
		t.Errorf("the contact stands for %s", got)
	}
	if got := u.listed("customer", fmt.Sprintf("filter=contact_links.exists(l, l.is_active && l.contact == %q)", contact)); got != "First" {
		t.Errorf("the contact stands actively for %q", got)
	}
	u.send("PATCH", "/api/v1/records/customer_contact/"+link.text("id"), map[string]any{"is_active": false, "role": "former buyer"}).is(http.StatusOK)
	if got := links(fmt.Sprintf("contact == %q && !is_active", contact)); got != "First former buyer false, Second adviser false" {
		t.Errorf("the contact stood for %s", got)
	}
	var roles string
	o.sql(t, `SELECT string_agg(role || ' ' || is_active, ', ' ORDER BY role) FROM bi.customer_contact`, &roles)
	if roles != "adviser false, former buyer false" {
		t.Errorf("the view shows %s", roles)
	}
}

func TestF4TheRevenueOfAGroupOfCustomersIsRolledUp(t *testing.T) {
	t.Parallel()
	o := standardTenant(t)
	u := o.signedIn(t)
	customer := func(name, parent string, revenue any) string {
		t.Helper()
		fields := map[string]any{"name": name, "annual_revenue": revenue}
		if parent != "" {
			fields["parent"] = parent
		}
		return u.create("customer", fields)
	}
	is := func(want string) {
		t.Helper()
		var shown []string
		for _, c := range u.get("/api/v1/records/customer?sort=-group_revenue,name&fields=name,group_revenue,subsidiary_count").items() {
			shown = append(shown, fmt.Sprint(c["name"], " ", c["group_revenue"], " ", c["subsidiary_count"]))
		}
		if got := strings.Join(shown, ", "); got != want {
			t.Errorf("the groups are %s, not %s", got, want)
		}
	}
	holding := customer("Holding", "", 100)
	north := customer("North", holding, 20)
	customer("South", holding, nil)
	harbour := customer("Harbour", north, "3.5")
	customer("Other", "", 50)
	is("Holding 123.50 2, Other 50.00 0, North 23.50 1, Harbour 3.50 0, South 0 0")
	u.send("PATCH", "/api/v1/records/customer/"+harbour, map[string]any{"annual_revenue": 10}).is(http.StatusOK)
	is("Holding 130.00 2, Other 50.00 0, North 30.00 1, Harbour 10.00 0, South 0 0")
	u.send("DELETE", "/api/v1/records/customer/"+harbour, nil).is(http.StatusNoContent)
	is("Holding 120.00 2, Other 50.00 0, North 20.00 0, South 0 0")
	if got := u.listed("customer", `filter=parent.parent == null && parent != null && group_revenue > 10`); got != "North" {
		t.Errorf("the subsidiaries with revenue are %q", got)
	}
	var total string
	o.sql(t, `SELECT trim_scale(group_revenue)::text FROM bi.customer WHERE name = 'Holding'`, &total)
	if total != "120" {
		t.Errorf("the view shows %s", total)
	}
}
