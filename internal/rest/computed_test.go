package rest_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/kontor-crm/kontor/internal/schema"
)

func formula(name string, returns schema.TypeName, expression string) *schema.Field {
	return field(name, schema.TypeFormula, func(f *schema.Field) { f.Formula = &schema.Formula{Expression: expression, Returns: returns} })
}

func rollup(name string, r schema.Rollup) *schema.Field {
	return field(name, schema.TypeRollup, func(f *schema.Field) { f.Rollup = &r })
}

// computing adds computed fields to customers and opportunities.
func computing(s *schema.Schema) {
	for _, o := range s.Objects {
		switch o.Name {
		case "customer":
			o.Fields = append(o.Fields,
				rollup("won_total", schema.Rollup{Inverse: "opportunities", Function: schema.RollupSum, Field: "amount", Filter: `stage == "won"`}),
				rollup("deals", schema.Rollup{Inverse: "opportunities", Function: schema.RollupCount}),
				rollup("last_close", schema.Rollup{Inverse: "opportunities", Function: schema.RollupMax, Field: "close_date"}),
				formula("heading", schema.TypeText, `name + " (" + kind + ")"`))
		case "opportunity":
			o.Fields = append(o.Fields,
				formula("weighted_amount", schema.TypeMoney, `amount * probability / 100`),
				formula("share", schema.TypePercent, `amount / customer.opportunities.map(o, o.amount).sum() * 100`))
		}
	}
}

func TestF79ComputedFieldsAreRightAfterEveryWrite(t *testing.T) {
	t.Parallel()
	u := newOrganisation(t, computing).signedIn(t)
	customer := u.create("customer", map[string]any{"name": "上海"})
	is := func(want string) {
		t.Helper()
		got := u.get("/api/v1/records/customer/" + customer).is(http.StatusOK).object()
		if shown := fmt.Sprint(got["won_total"], " ", got["deals"], " ", got["last_close"], " ", got["heading"], " ", got["version"]); shown != want {
			t.Errorf("the customer is %s, not %s", shown, want)
		}
	}
	is("0 0 <nil> 上海 (company) 1")
	first := u.send("POST", "/api/v1/records/opportunity", map[string]any{
		"name": "a", "customer": customer, "amount": 300, "probability": "33.3333", "stage": "engaging", "close_date": "2026-02-01",
	}).is(http.StatusCreated).object()
	if got := fmt.Sprint(first["weighted_amount"], " ", first["share"]); got != "99.9999 100" {
		t.Errorf("the new opportunity has %s", got)
	}
	is("0 1 2026-02-01 上海 (company) 1")
	id := fmt.Sprint(first["id"])
	u.create("opportunity", map[string]any{"name": "b", "customer": customer, "amount": 100, "stage": "won", "close_date": "2026-03-01"})
	is("100 2 2026-03-01 上海 (company) 1")
	changed := u.send("PATCH", "/api/v1/records/opportunity/"+id, map[string]any{"amount": 900}).is(http.StatusOK).object()
	if got := fmt.Sprint(changed["weighted_amount"], " ", changed["share"]); got != "299.9997 90" {
		t.Errorf("the changed opportunity has %s", got)
	}
	same := u.send("PATCH", "/api/v1/records/opportunity/"+id, map[string]any{"amount": 900}).is(http.StatusOK).object()
	if got := fmt.Sprint(same["weighted_amount"], " ", same["share"], " ", same["version"]); got != "299.9997 90 2" {
		t.Errorf("the opportunity that was changed to what it is has %s", got)
	}
	u.send("POST", "/api/v1/records/opportunity/"+id+"/move", map[string]any{"stage": "won"}).is(http.StatusOK)
	is("1000 2 2026-03-01 上海 (company) 1")
	u.send("DELETE", "/api/v1/records/opportunity/"+id, nil).is(http.StatusNoContent)
	is("100 1 2026-03-01 上海 (company) 1")
	restored := u.send("POST", "/api/v1/records/opportunity/"+id+"/restore", nil).is(http.StatusOK).object()
	if got := fmt.Sprint(restored["share"]); got != "90" {
		t.Errorf("the restored opportunity has %s", got)
	}
	is("1000 2 2026-03-01 上海 (company) 1")
}

func TestF80RollupsAreRightUnderConcurrentWriters(t *testing.T) {
	t.Parallel()
	o := newOrganisation(t, computing)
	u := o.signedIn(t)
	customer := u.create("customer", map[string]any{"name": "Busy"})
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 5 {
				u.send("POST", "/api/v1/records/opportunity", map[string]any{
					"name": "x", "customer": customer, "amount": 10, "stage": "won", "close_date": "2026-02-01",
				}).is(http.StatusCreated)
			}
		})
	}
	group.Wait()
	got := u.get("/api/v1/records/customer/" + customer + "?fields=won_total,deals,version").is(http.StatusOK).object()
	if fmt.Sprint(got["won_total"], " ", got["deals"], " ", got["version"]) != "400 40 1" {
		t.Errorf("the customer is %v", got)
	}
}

func TestListsShowFilterSortAndPageByComputedFields(t *testing.T) {
	t.Parallel()
	u := newOrganisation(t, computing).signedIn(t)
	for i, name := range []string{"d", "a", "上海", "c", "b"} {
		customer := u.create("customer", map[string]any{"name": name})
		for range i {
			u.create("opportunity", map[string]any{"name": "of " + name, "customer": customer, "amount": 7, "stage": "won", "close_date": "2026-02-01"})
		}
	}
	for want, parameters := range map[string][]string{
		"b c 上海 a d": {"sort=-won_total"},
		"a b c d 上海": {"sort=heading"},
		"d a 上海 c b": {"sort=deals,-heading"},
		"a 上海 c b d": {"sort=last_close,won_total"},
		"c b":        {"filter=won_total > 14.5 && heading.startsWith(\"c\") || deals == 4", "sort=won_total"},
		"上海":         {`filter=heading == "上海 (company)" && last_close < today()`},
	} {
		if got := u.listed("customer", parameters...); got != want {
			t.Errorf("%v lists %q, not %q", parameters, got, want)
		}
	}
	items := u.get("/api/v1/records/opportunity?fields=name,customer.won_total,customer.heading,share&filter=customer.won_total%3E20&sort=-customer.won_total,name&limit=1").items()
	if got := fmt.Sprint(items); !strings.Contains(got, "heading:b (company)") || !strings.Contains(got, "won_total:28") || !strings.Contains(got, "share:25") {
		t.Errorf("it lists %s", got)
	}
	var seen []string
	next := ""
	for range 5 {
		page := u.get("/api/v1/records/customer?sort=-deals,last_close&limit=1&after=" + next)
		for _, item := range page.items() {
			seen = append(seen, fmt.Sprint(item["name"]))
		}
		next = page.text("next")
		if next == "" {
			break
		}
	}
	if got := strings.Join(seen, " "); got != "b c 上海 a d" {
		t.Errorf("the pages show %q", got)
	}
}

func TestFiguresAreOfComputedFieldsToo(t *testing.T) {
	t.Parallel()
	u := newOrganisation(t, computing).signedIn(t)
	for i, name := range []string{"a", "b", "c"} {
		customer := u.create("customer", map[string]any{"name": name, "kind": []string{"company", "person"}[i%2]})
		u.create("opportunity", map[string]any{"name": name, "customer": customer, "amount": 100 * (i + 1), "probability": 50, "stage": "won", "close_date": "2026-02-01"})
	}
	got := u.send("POST", "/api/v1/records/opportunity/aggregate", map[string]any{
		"groups": []any{map[string]any{"field": "customer.heading"}}, "values": []any{map[string]any{"function": "sum", "field": "weighted_amount"}},
		"having": "sum_weighted_amount > 50", "sort": []any{"-sum_weighted_amount"},
	}).items()
	if fmt.Sprint(got) != "[map[customer_heading:c (company) sum_weighted_amount:150.00 sum_weighted_amount_currency:EUR]"+
		" map[customer_heading:b (person) sum_weighted_amount:100.00 sum_weighted_amount_currency:EUR]]" {
		t.Errorf("the figures are %v", got)
	}
	got = u.send("POST", "/api/v1/records/customer/aggregate", map[string]any{
		"groups": []any{map[string]any{"field": "last_close", "by": "month"}}, "values": []any{map[string]any{"function": "max", "field": "won_total"}, map[string]any{"function": "sum", "field": "deals"}},
	}).items()
	if fmt.Sprint(got) != "[map[last_close_month:2026-02-01 max_won_total:300 sum_deals:3]]" {
		t.Errorf("the figures are %v", got)
	}
}

func TestNobodySetsAComputedField(t *testing.T) {
	t.Parallel()
	u := newOrganisation(t, computing).signedIn(t)
	for _, value := range []any{1, nil, "x"} {
		u.send("POST", "/api/v1/records/customer", map[string]any{"name": "x", "won_total": value}).is(http.StatusUnprocessableEntity).
			names("won_total", "is computed and cannot be set")
	}
	id := u.create("customer", map[string]any{"name": "x"})
	u.send("PATCH", "/api/v1/records/customer/"+id, map[string]any{"heading": "y"}).is(http.StatusUnprocessableEntity).names("heading", "is computed")
	u.get("/api/v1/records/customer?sort=won_totl").is(http.StatusBadRequest).names("sort", `did you mean "won_total"?`)
	objects, _ := u.get("/api/v1/openapi.json").is(http.StatusOK).object()["components"].(map[string]any)["schemas"].(map[string]any)
	read := fmt.Sprint(objects["record.customer"].(map[string]any)["properties"].(map[string]any)["won_total"])
	if !strings.Contains(read, "readOnly:true") || !strings.Contains(read, "format:decimal") || strings.Contains(fmt.Sprint(objects["new.customer"]), "won_total") {
		t.Errorf("OpenAPI has it as %s", read)
	}
	if described := string(u.get("/api/v1/schema").is(http.StatusOK).body); !strings.Contains(described, `"name":"won_total","type":"rollup","returns":"money"`) {
		t.Errorf("the schema is %s", described)
	}
}

func TestReportsShowComputedFieldsAsTheAPIDoes(t *testing.T) {
	t.Parallel()
	o := newOrganisation(t, computing)
	u := o.signedIn(t)
	customer := u.create("customer", map[string]any{"name": "O'Neill"})
	u.create("opportunity", map[string]any{"name": "a", "customer": customer, "amount": 40, "probability": 50, "stage": "won", "close_date": "2026-02-01"})
	var shown string
	o.sql(t, `SELECT concat_ws(' ', c.won_total, c.deals, c.last_close, c.heading, r.weighted_amount, r.share) FROM bi.customer c, bi.opportunity r`, &shown)
	if shown != "40 1 2026-02-01 O'Neill (company) 20.0000 100.0000" {
		t.Errorf("the views show %s", shown)
	}
	o.apply(t, testModel(t, computing, func(s *schema.Schema) {
		for _, object := range s.Objects {
			for _, f := range object.Fields {
				if f.Name == "heading" {
					f.Formula = &schema.Formula{Expression: `name.upperAscii() + "'"`, Returns: schema.TypeText}
				}
			}
		}
	}))
	o.sql(t, `SELECT heading FROM bi.customer`, &shown)
	if shown != "O'NEILL'" {
		t.Errorf("after the change the view shows %s", shown)
	}
	if got := u.get("/api/v1/records/customer/" + customer).is(http.StatusOK).text("heading"); got != "O'NEILL'" {
		t.Errorf("after the change the API shows %s", got)
	}
}
