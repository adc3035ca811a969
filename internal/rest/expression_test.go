package rest_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// listed are the names of the listed records, in order.
func (u *user) listed(object string, parameters ...string) string {
	u.t.Helper()
	values := url.Values{}
	for _, parameter := range parameters {
		name, value, _ := strings.Cut(parameter, "=")
		values.Set(name, value)
	}
	var names []string
	for _, item := range u.get("/api/v1/records/" + object + "?" + values.Encode()).items() {
		names = append(names, fmt.Sprint(item["name"]))
	}
	return strings.Join(names, " ")
}

func TestAFilterReachesRelatedRecords(t *testing.T) {
	t.Parallel()
	o := newOrganisation(t)
	u := o.signedIn(t)
	shanghai := u.create("customer", map[string]any{"name": "上海", "kind": "company"})
	branch := u.create("customer", map[string]any{"name": "浦东", "kind": "person", "parent": shanghai})
	u.create("customer", map[string]any{"name": "Idle"})
	deal := func(name, customer, stage string, amount int) string {
		body := map[string]any{"name": name, "customer": customer, "stage": stage, "amount": amount, "close_date": "2026-01-31"}
		return u.create("opportunity", body)
	}
	deal("a", shanghai, "won", 10)
	deal("b", shanghai, "won", 20)
	deal("c", shanghai, "prospecting", 40)
	gone := deal("d", branch, "won", 1)
	deal("e", branch, "engaging", 100)
	u.send("DELETE", "/api/v1/records/opportunity/"+gone, nil).is(http.StatusNoContent)
	for filter, want := range map[string]string{
		`customer.kind == 'company' && customer.opportunities.filter(o, o.stage=='won').size() >= 2`: "a b c",
		`customer.parent.name == "上海"`:                                                       "e",
		`customer.name.startsWith("上")`:                                                      "a b c",
		`customer.name in ["浦东", "Idle"]`:                                                    "e",
		`amount == customer.opportunities.map(o, o.amount).max()`:                            "c e",
		`amount > customer.opportunities.filter(o, o.stage == 'won').map(o, o.amount).avg()`: "b c",
		`customer.parent.opportunities.exists(o, o.amount == 40 && o.name != name)`:          "e",
		`customer.name == "' OR true --"`:                                                    "",
		`customer.created_by == user() && created_at <= now()`:                               "a b c e",
		`close_date < today()`:                                                               "a b c e",
	} {
		if got := u.listed("opportunity", "filter="+filter, "sort=name"); got != want {
			t.Errorf("%s lists %q, not %q", filter, got, want)
		}
	}
	for filter, want := range map[string]string{
		`opportunities.size() == 0`:                               "Idle",
		`opportunities.filter(o, o.stage == 'won').size() == 0`:   "Idle 浦东",
		`opportunities.all(o, o.amount < 50)`:                     "Idle 上海",
		`opportunities.map(o, o.amount).sum() == 70`:              "上海",
		`opportunities.exists(o, o.customer.parent.name == "上海")`: "浦东",
	} {
		if got := u.listed("customer", "filter="+filter, "sort=name", "count=exact"); got != want {
			t.Errorf("%s lists %q, not %q", filter, got, want)
		}
	}
	u.send("DELETE", "/api/v1/records/customer/"+branch, nil).is(http.StatusNoContent)
	if got := u.listed("opportunity", `filter=customer.name == null`); got != "e" {
		t.Errorf("without their customer are %q", got)
	}
	if got := u.listed("opportunity", `filter=customer == null`); got != "" {
		t.Errorf("with no customer at all are %q", got)
	}
}

func TestAFilterThatAsksTooMuchIsRefused(t *testing.T) {
	t.Parallel()
	u := newOrganisation(t).signedIn(t)
	for filter, want := range map[string]string{
		`customer.nam == "x"`:                                                `1:9: no field "nam" in customer; did you mean "name"?`,
		`customer.parent.parent.parent.parent.name == "x"`:                   "a field may lie behind 4 relations at most",
		`customer.opportunities`:                                             `"opportunities" are many records`,
		`customer.opportunities.exists(o, o.amount > "1"; DROP TABLE x)`:     "1:",
		`customer.opportunities.filter(o, (SELECT 1))`:                       "1:",
		`customer.password_hash == "x"`:                                      `no field "password_hash"`,
		strings.TrimSuffix(strings.Repeat(`has(customer.name)&&`, 40), "&&"): "looks at other records 40 times, and may 32 times",
		`customer.opportunities.exists(a, a.customer.opportunities.exists(b, b.customer.opportunities.exists(c, c.customer.opportunities.exists(d, d.hot))))`: "deeper than 3 levels",
		strings.Repeat("(", 100) + "hot" + strings.Repeat(")", 100):          "nested deeper than 64 levels",
		`name == "` + strings.Repeat("x", 9000) + `"`:                        "longer than 8192 bytes",
		`description.replace("a", "` + strings.Repeat("长", 500) + `") == ""`: "may have more than 1048576 characters",
		"name == \"\xff\"": "UTF-8",
	} {
		u.get("/api/v1/records/opportunity?filter="+url.QueryEscape(filter)).is(http.StatusBadRequest).names("filter", want)
	}
}
