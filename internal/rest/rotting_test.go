package rest_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/kontor-crm/kontor/internal/compile"
)

func TestF30ARecordRotsThatStaysInItsStage(t *testing.T) {
	t.Parallel()
	o := standardTenant(t, compile.ModuleSales)
	u := o.signedIn(t)
	ids := map[string]string{}
	for name, deal := range map[string]struct {
		days  int
		stage string
	}{"young": {29, "proposal"}, "old": {31, "proposal"}, "older": {90, "negotiation"}, "won": {90, "won"}, "lost": {90, "lost"}} {
		ids[name] = u.create("opportunity", map[string]any{"name": name, "stage": deal.stage, "amount": 5, "close_date": "2026-05-06"})
		o.sql(t, fmt.Sprintf("UPDATE crm.opportunity SET entered_stage_at = now() - interval '%d days' WHERE id = '%s'", deal.days, ids[name]))
	}
	never := u.create("opportunity", map[string]any{"name": "never", "entered_stage_at": nil})
	for want, parameters := range map[string][]string{
		"old older":                      {"filter=is_rotting", "sort=name"},
		"lost never won young":           {"filter=!is_rotting", "sort=name"},
		"lost never won young old older": {"sort=is_rotting,name"},
		"older old young won never lost": {"sort=-is_rotting,-name"},
		"old":                            {`filter=is_rotting && stage == "proposal"`},
	} {
		if got := u.listed("opportunity", parameters...); got != want {
			t.Errorf("%v lists %q, not %q", parameters, got, want)
		}
	}
	if record := u.get("/api/v1/records/opportunity/" + never).object(); record["is_rotting"] != false {
		t.Errorf("a record that never entered a stage: %v", record["is_rotting"])
	}
	if got := fmt.Sprint(u.exported("opportunity", "fields=name,is_rotting&filter=amount%20%3D%3D%205&sort=name")); got != "[[name is_rotting] [lost false] [old true] [older true] [won false] [young false]]" {
		t.Errorf("the export is %s", got)
	}
	figures := u.send("POST", "/api/v1/records/opportunity/aggregate", map[string]any{
		"groups": []any{map[string]any{"field": "is_rotting"}}, "values": []any{map[string]any{"function": "sum", "field": "amount"}}, "sort": []any{"is_rotting"},
	}).items()
	if got := fmt.Sprint(figures); got != "[map[is_rotting:false sum_amount:15 sum_amount_currency:EUR] map[is_rotting:true sum_amount:10 sum_amount_currency:EUR]]" {
		t.Errorf("the figures are %s", got)
	}
	u.send("PATCH", "/api/v1/records/opportunity/"+ids["old"], map[string]any{"is_rotting": false}).is(http.StatusUnprocessableEntity).names("is_rotting", "is computed")
	moved := u.send("POST", "/api/v1/records/opportunity/"+ids["old"]+"/move", map[string]any{"stage": "negotiation"}).is(http.StatusOK).object()
	if moved["is_rotting"] != false {
		t.Errorf("it moved a moment ago, and is %v", moved["is_rotting"])
	}
}
