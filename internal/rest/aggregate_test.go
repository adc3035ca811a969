package rest_test

import (
	"net/http"
	"testing"
)

func TestFiguresAreAskedForInABody(t *testing.T) {
	t.Parallel()
	u := newOrganisation(t).signedIn(t)
	customer := u.create("customer", map[string]any{"name": "Acme"})
	for n, stage := range []string{"won", "won", "prospecting"} {
		u.create("opportunity", map[string]any{"name": "A", "stage": stage, "amount": n + 1, "close_date": "2026-05-06", "customer": customer})
	}
	r := u.send("POST", "/api/v1/records/opportunity/aggregate", map[string]any{
		"groups": []any{"stage", map[string]any{"field": "close_date", "by": "month", "name": "month"}, "customer"},
		"values": []any{"count", map[string]any{"function": "sum", "field": "amount"}},
		"filter": "amount > 0", "having": "sum_amount >= 3", "sort": "-sum_amount", "limit": 1,
	}).is(http.StatusOK)
	want := `{"items":[{"stage":"prospecting","month":"2026-05-01","customer":{"id":"` + customer + `","title":"Acme"},"count":1,"sum_amount":"3","sum_amount_currency":"EUR"}],"truncated":true}`
	if string(r.body) != want {
		t.Errorf("it is %s, not %s", r.body, want)
	}
	if all := u.send("POST", "/api/v1/records/opportunity/aggregate", map[string]any{}).is(http.StatusOK); string(all.body) != `{"items":[{"count":3}],"truncated":false}` {
		t.Errorf("all of them: %s", all.body)
	}
	u.create("opportunity", map[string]any{"name": "A", "amount": 5, "currency": "USD"})
	u.send("POST", "/api/v1/records/opportunity/aggregate", map[string]any{"values": []any{map[string]any{"function": "sum", "field": "amount"}}}).
		is(http.StatusBadRequest).names("values[0].field", "EUR and in USD")
}

func TestAnAggregateThatCannotBeReadIs400(t *testing.T) {
	t.Parallel()
	u := newOrganisation(t).signedIn(t)
	for path, body := range map[string]map[string]any{
		"groups": {"groups": "stage"}, "groups[0]": {"groups": []any{7}}, "groups[0].field": {"groups": []any{map[string]any{"by": "day"}}},
		"groups[1].feild": {"groups": []any{"stage", map[string]any{"feild": "x"}}}, "groups[0].by": {"groups": []any{map[string]any{"field": "x", "by": 7}}},
		"values": {"values": map[string]any{}}, "values[0].function": {"values": []any{"median"}}, "values[0].field": {"values": []any{"sum"}},
		"filter": {"filter": []any{}}, "having": {"having": "1 +"}, "sort": {"sort": 7}, "limit": {"limit": 1e9}, "colour": {"colour": "red"},
	} {
		u.send("POST", "/api/v1/records/opportunity/aggregate", body).is(http.StatusBadRequest).names(path, "")
	}
	u.send("POST", "/api/v1/records/opportunity/aggregate", `[]`).is(http.StatusBadRequest)
	u.send("POST", "/api/v1/records/nothing/aggregate", map[string]any{}).is(http.StatusNotFound)
}
