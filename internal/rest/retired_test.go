package rest_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/kontor-crm/kontor/internal/crm"
)

// graded has picklists of each kind, one that shares its options, and a pipeline. The
// places are of the option gold and of the stage parked.
const graded = `
kind: CustomField
metadata: {name: grade}
spec: {object: customer, name: grade, type: picklist, label: {en: Grade}, options: [{key: iron}%[1]s]}
---
kind: CustomField
metadata: {name: marks}
spec: {object: customer, name: marks, type: multi_picklist, options: [{key: iron}%[1]s]}
---
kind: CustomField
metadata: {name: grade-of-deal}
spec: {object: opportunity, name: grade, type: picklist, optionsFrom: {object: customer, field: grade}}
---
kind: CustomField
metadata: {name: deal-id}
spec: {object: opportunity, type: text, unique: true}
---
kind: Pipeline
metadata: {name: deals}
spec:
  stages: [{key: begun}%[2]s, {key: won, kind: won}, {key: lost, kind: lost}]
`

const goldAndParked, chosen = ", {key: gold, label: {en: Gold}}", ", {key: parked, label: {en: Parked}, probability: 30}"

func TestF82AnOptionThatIsRetiredStaysInTheRecordsAndIsNotChosen(t *testing.T) {
	t.Parallel()
	for how, places := range map[string][]any{
		"declared":  {", {key: gold, label: {en: Gold}, retired: true}", ", {key: parked, label: {en: Parked}, probability: 30, retired: true}"},
		"taken out": {"", ""},
	} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			o := declared(t, fmt.Sprintf(graded, goldAndParked, chosen))
			u := o.signedIn(t)
			had := u.create("customer", map[string]any{"name": "Had", "grade": "gold", "marks": []string{"gold"}})
			other := u.create("customer", map[string]any{"name": "Other", "grade": "iron", "marks": []string{"iron"}})
			deleted := u.create("customer", map[string]any{"name": "Deleted", "grade": "gold"})
			u.send("DELETE", "/api/v1/records/customer/"+deleted, nil).is(http.StatusNoContent)
			deal := u.create("opportunity", map[string]any{"name": "Deal", "deal_id": "d", "grade": "gold", "stage": "parked"})
			moved := u.create("opportunity", map[string]any{"name": "Moved", "deal_id": "m", "grade": "gold", "stage": "parked"})
			columns := mappingOf("opportunity", "deal_id", fields{
				{"field": "deal_id", "column": "id"}, {"field": "name", "column": "name"}, {"field": "grade", "column": "grade"}, {"field": "stage", "column": "stage"},
			})
			job := u.imports("opportunity", columns, "id,name,grade,stage\nm,Moved,iron,begun\n")
			job.is(t, crm.Report{Updated: 1})
			o.apply(t, compiled(t, o.schema, fmt.Sprintf(graded, places...)))

			const words = `"gold" is retired`
			customer := "/api/v1/records/customer/"
			u.send("POST", "/api/v1/records/customer", map[string]any{"name": "New", "grade": "gold"}).is(http.StatusUnprocessableEntity).names("grade", words)
			u.send("POST", "/api/v1/records/customer", map[string]any{"name": "New", "marks": []string{"iron", "gold"}}).is(http.StatusUnprocessableEntity).names("marks", words)
			u.send("PATCH", customer+other, map[string]any{"grade": "gold"}).is(http.StatusUnprocessableEntity).names("grade", words)
			u.send("PATCH", customer+other, map[string]any{"marks": []string{"iron", "gold"}}).is(http.StatusUnprocessableEntity).names("marks", words)
			batch := u.batch("customer", op{"op": "create", "fields": map[string]any{"name": "New", "grade": "gold"}},
				op{"op": "update", "id": other, "fields": map[string]any{"grade": "gold"}},
				op{"op": "update", "id": had, "fields": map[string]any{"grade": "gold", "name": "Has"}})
			if got := batch.statuses(); got != "422 422 200" || !strings.Contains(batch.says(0)+batch.says(1), words) {
				t.Errorf("a batch answers %s: %s, %s", got, batch.says(0), batch.says(1))
			}
			u.send("PATCH", customer+had, map[string]any{"marks": []string{"iron", "gold"}}).is(http.StatusOK)
			u.send("PATCH", customer+had, map[string]any{"name": "Had"}).is(http.StatusOK)
			u.send("POST", customer+deleted+"/restore", nil).is(http.StatusOK)

			opportunity := "/api/v1/records/opportunity/"
			u.send("POST", "/api/v1/records/opportunity", map[string]any{"name": "New", "grade": "gold", "stage": "parked"}).is(http.StatusUnprocessableEntity).
				names("grade", words).names("stage", `"parked" is retired`)
			u.send("POST", opportunity+moved+"/move", map[string]any{"stage": "parked"}).is(http.StatusUnprocessableEntity).names("stage", `"parked" is retired`)
			u.send("POST", opportunity+deal+"/move", map[string]any{"stage": "parked"}).is(http.StatusOK)
			imported := u.imports("opportunity", columns, "id,name,grade,stage\nx,New,gold,begun\nd,The deal,gold,parked\nm,Moved,iron,parked\n")
			imported.is(t, crm.Report{Updated: 1, Failed: 2})
			if !strings.Contains(imported.reasons(2), words) || !strings.Contains(imported.reasons(4), `"parked" is retired`) {
				t.Errorf("the lines fail for %q and %q", imported.reasons(2), imported.reasons(4))
			}
			u.follows(u.send("POST", "/api/v1/jobs/"+job.id+"/undo", nil).is(http.StatusAccepted).text("id"))

			var inDatabase string
			o.sql(t, `SELECT string_agg(concat_ws('/', name, x_grade, array_to_string(x_marks, '+')), ', ' ORDER BY name) FROM crm.customer`, &inDatabase)
			if want := "Deleted/gold, Had/gold/iron+gold, Other/iron/iron"; inDatabase != want {
				t.Errorf("the customers are %s", inDatabase)
			}
			o.sql(t, `SELECT string_agg(concat_ws(' ', name, "x_grade-of-deal", stage), ', ' ORDER BY name) FROM crm.opportunity`, &inDatabase)
			if want := "Moved gold parked, The deal gold parked"; inDatabase != want {
				t.Errorf("the opportunities are %s", inDatabase)
			}
			o.refuses(t, `UPDATE crm.customer SET x_grade = 'lead'`, "23514")
			o.sql(t, `UPDATE crm.customer SET x_grade = 'gold' WHERE name = 'Other'`)

			if got := u.listed("customer", "filter=grade=='gold'", "sort=-grade,name"); got != "Deleted Had Other" {
				t.Errorf("those that are gold are %s", got)
			}
			figures := u.send("POST", "/api/v1/records/opportunity/aggregate", map[string]any{"groups": []any{"stage"}, "values": []any{map[string]any{"function": "count"}}})
			if got := string(figures.is(http.StatusOK).part("items")); !strings.Contains(got, `"parked"`) {
				t.Errorf("the figures are %s", got)
			}
			retirementIsTold(t, u)

			o.apply(t, compiled(t, o.schema, fmt.Sprintf(graded, goldAndParked, chosen)))
			u.send("POST", "/api/v1/records/opportunity", map[string]any{"name": "Again", "grade": "gold", "stage": "parked"}).is(http.StatusCreated)
			u.send("PATCH", customer+other, map[string]any{"grade": "gold", "marks": []string{"gold"}}).is(http.StatusOK)
		})
	}
}

// retirementIsTold expects that the schema and the OpenAPI document tell what is retired.
func retirementIsTold(t *testing.T, u *user) {
	t.Helper()
	if got := string(u.get("/api/v1/schema").body); strings.Count(got, `{"key":"gold","label":"Gold","retired":true}`) != 3 || !strings.Contains(got, `"key":"parked","label":"Parked","kind":"open","probability":30`) {
		t.Errorf("the schema does not tell what is retired: %s", got)
	}
	var document any
	must(t, json.Unmarshal(u.get("/api/v1/openapi.json").is(http.StatusOK).body, &document))
	for place, want := range map[string]string{
		"/components/schemas/record.customer/properties/grade/enum":       "[iron gold <nil>]",
		"/components/schemas/change.customer/properties/grade/enum":       "[iron <nil>]",
		"/components/schemas/new.customer/properties/marks/items/enum":    "[iron]",
		"/components/schemas/record.customer/properties/marks/items/enum": "[iron gold]",
		"/components/schemas/new.opportunity/properties/grade/enum":       "[iron <nil>]",
		"/components/schemas/record.opportunity/properties/grade/enum":    "[iron gold <nil>]",
	} {
		if got := fmt.Sprint(at(document, place)); got != want {
			t.Errorf("%s is %s", place, got)
		}
	}
}

func TestF82ARecordStartsInTheFirstStageThatIsNotRetired(t *testing.T) {
	t.Parallel()
	u := declared(t, `
kind: Pipeline
metadata: {name: deals}
spec: {stages: [{key: old, retired: true}, {key: begun}, {key: won, kind: won}, {key: lost, kind: lost}]}
`).signedIn(t)
	made := u.send("POST", "/api/v1/records/opportunity", map[string]any{"name": "A"}).is(http.StatusCreated)
	if got := made.text("stage"); got != "begun" {
		t.Errorf("it starts in %q", got)
	}
}
