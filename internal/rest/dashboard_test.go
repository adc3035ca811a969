package rest_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"testing"
)

// TestADashboardHasItsFigures asks the standard model for what a home page and a board show.
func TestADashboardHasItsFigures(t *testing.T) {
	t.Parallel()
	o := standardTenant(t, "sales")
	u := o.signedIn(t)
	me := fmt.Sprint(at(u.get("/api/v1/me").object(), "/user/id"))
	acme, bolt := u.create("customer", map[string]any{"name": "Acme"}), u.create("customer", map[string]any{"name": "Bolt"})
	for i, deal := range []map[string]any{
		{"stage": "prospecting", "amount": 100, "customer": acme},
		{"stage": "proposal", "amount": 200, "customer": bolt},
		{"stage": "proposal", "amount": 300, "customer": acme},
		{"stage": "won", "amount": 50, "close_date": "2026-01-31", "customer": bolt},
		{"stage": "won", "amount": 60, "close_date": "2026-02-01", "customer": bolt},
	} {
		deal["name"], deal["owner"] = fmt.Sprint("Deal ", i), me
		u.create("opportunity", deal)
	}
	sum := func(field string) map[string]any {
		return map[string]any{"function": "sum", "field": field, "name": field}
	}
	figures := func(body map[string]any) []map[string]any {
		t.Helper()
		return u.send("POST", "/api/v1/records/opportunity/aggregate", body).items()
	}
	var stages []string
	for _, row := range figures(map[string]any{"groups": []any{"stage"}, "values": []any{"count", sum("amount"), sum("weighted_amount")}, "filter": `stage != "won"`}) {
		stages = append(stages, fmt.Sprint(row["stage"], " ", row["count"], " ", row["amount"], " ", row["weighted_amount"]))
	}
	if !slices.Equal(stages, []string{"proposal 2 500 250.00", "prospecting 1 100 10.00"}) {
		t.Errorf("the pipeline is %q", stages)
	}
	var months []string
	for _, row := range figures(map[string]any{"groups": []any{map[string]any{"field": "close_date", "by": "month"}}, "values": []any{sum("amount")}, "filter": `stage == "won"`}) {
		months = append(months, fmt.Sprint(row["close_date_month"], " ", row["amount"]))
	}
	if !slices.Equal(months, []string{"2026-01-01 50", "2026-02-01 60"}) {
		t.Errorf("won per month: %q", months)
	}
	top := figures(map[string]any{"groups": []any{"customer"}, "values": []any{sum("amount")}, "sort": []any{"-amount"}, "limit": 1})
	if len(top) != 1 || at(top[0], "/customer/title") != "Acme" || top[0]["amount"] != "400" {
		t.Errorf("the top customer is %v", top)
	}
	for name, status := range map[string]string{"call": "open", "write": "in_progress", "done": "done"} {
		u.create("activity", map[string]any{"subject": name, "kind": "task", "status": status, "due_at": "2026-01-01T00:00:00Z", "owner": me})
	}
	due := url.QueryEscape(`kind == "task" && status in ["open", "in_progress"] && owner == user() && due_at < now()`)
	if tasks := u.get("/api/v1/records/activity?sort=due_at,subject&fields=subject&filter=" + due).items(); len(tasks) != 2 || tasks[0]["subject"] != "call" {
		t.Errorf("the tasks that are due: %v", tasks)
	}
	column := "/api/v1/records/opportunity?limit=1&sort=-updated_at&fields=name,customer.name,is_rotting&filter=" + url.QueryEscape(`stage == "proposal"`)
	first := u.get(column).is(http.StatusOK)
	second := u.get(column + "&after=" + url.QueryEscape(first.text("next"))).is(http.StatusOK)
	if first.items()[0]["name"] != "Deal 2" || second.items()[0]["name"] != "Deal 1" || second.text("next") != "" {
		t.Errorf("the column of the board is %s, %s", first.body, second.body)
	}
	if newest := u.get("/api/v1/records/opportunity?sort=-id&limit=1&fields=name").items(); newest[0]["name"] != "Deal 4" {
		t.Errorf("the newest is %v", newest)
	}
}
