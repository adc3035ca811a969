package rest_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/kontor-crm/kontor/internal/schema"
)

// withRules adds validation rules over several fields.
func withRules(s *schema.Schema) {
	rule := func(identity, object, field, expression string) {
		s.Rules = append(s.Rules, &schema.ValidationRule{
			Identity: identity, Object: object, Field: field, Expression: expression, Source: "ValidationRule " + identity,
			Message: schema.Label{"en": identity + " is broken", "zh": "违反 " + identity},
		})
	}
	rule("big-deals-are-hot", "opportunity", "hot", "amount == null || amount < 1000 || hot")
	rule("small-firms", "opportunity", "", "customer == null || customer.employees == null || amount == null || customer.employees > 10 || amount <= 500")
	rule("no-own-parent", "customer", "parent", "parent == null || parent != id")
}

// oneEach makes the customer and the date of an opportunity unique together.
func oneEach(s *schema.Schema) {
	s.Indexes = append(s.Indexes, &schema.Index{
		Identity: "one-each", Object: "opportunity", Unique: true, Source: "ObjectIndex one-each",
		Fields: []schema.IndexField{{Field: "customer"}, {Field: "close_date"}},
	})
}

func TestF78ARuleOverSeveralFieldsHoldsForEveryWrite(t *testing.T) {
	t.Parallel()
	o := newOrganisation(t, withRules)
	u := o.signedIn(t)
	deal := func(fields map[string]any) *reply {
		fields["name"] = "Deal"
		return u.send("POST", "/api/v1/records/opportunity", fields)
	}
	deal(map[string]any{"amount": 5000}).is(http.StatusUnprocessableEntity).names("hot", "big-deals-are-hot is broken")
	small := u.create("customer", map[string]any{"name": "Small", "employees": 3})
	id := deal(map[string]any{"amount": 400, "customer": small}).is(http.StatusCreated).text("id")

	path := "/api/v1/records/opportunity/" + id
	u.send("PATCH", path, map[string]any{"amount": 2000, "hot": true}).is(http.StatusUnprocessableEntity).names("", "small-firms is broken")
	chinese := u.send("PATCH", path, map[string]any{"amount": 2000}, "Accept-Language: zh-CN,en;q=0.5").is(http.StatusUnprocessableEntity)
	chinese.names("hot", "违反 big-deals-are-hot")
	if got := u.get(path).is(http.StatusOK).text("amount"); got != "400" {
		t.Errorf("a refused write leaves the amount %q", got)
	}

	u.send("PATCH", "/api/v1/records/customer/"+small, map[string]any{"parent": small}).is(http.StatusUnprocessableEntity).names("parent", "no-own-parent is broken")
	u.send("POST", "/api/v1/records/opportunity/batch", map[string]any{"operations": []any{
		map[string]any{"op": "create", "fields": map[string]any{"name": "A", "amount": 7000}},
		map[string]any{"op": "create", "fields": map[string]any{"name": "B", "amount": 900, "customer": small}},
		map[string]any{"op": "create", "fields": map[string]any{"name": "C", "amount": 7}},
	}}).is(http.StatusOK)
	var names string
	o.sql(t, "SELECT string_agg(name, ' ' ORDER BY name) FROM crm.opportunity", &names)
	if names != "C Deal" {
		t.Errorf("the records are %q", names)
	}
}

func TestARecordThatBreaksANewRuleCanStillBeChangedElsewhere(t *testing.T) {
	t.Parallel()
	o := newOrganisation(t)
	u := o.signedIn(t)
	id := u.create("opportunity", map[string]any{"name": "Deal", "amount": 5000})
	o.apply(t, testModel(t, withRules))
	path := "/api/v1/records/opportunity/" + id
	u.send("PATCH", path, map[string]any{"description": "Big"}).is(http.StatusOK)
	u.send("PATCH", path, map[string]any{"amount": 6000}).is(http.StatusUnprocessableEntity).names("hot", "is broken")
	u.send("PATCH", path, map[string]any{"amount": 6000, "hot": true}).is(http.StatusOK)
}

func TestFieldsThatAreUniqueTogetherRefuseASecondRecord(t *testing.T) {
	t.Parallel()
	o := newOrganisation(t, oneEach)
	u := o.signedIn(t)
	customer := u.create("customer", map[string]any{"name": "Acme"})
	same := map[string]any{"name": "Deal", "customer": customer, "close_date": "2026-01-31"}
	id := u.create("opportunity", same)
	refused := u.send("POST", "/api/v1/records/opportunity", same).is(http.StatusConflict)
	refused.names("customer", "another opportunity has the same customer and close_date").names("close_date", "another opportunity")
	u.create("opportunity", map[string]any{"name": "Undated", "customer": customer})
	u.create("opportunity", map[string]any{"name": "Undated too", "customer": customer})
	u.send("DELETE", "/api/v1/records/opportunity/"+id, nil).is(http.StatusNoContent)
	u.create("opportunity", same)
	u.send("POST", "/api/v1/records/opportunity/"+id+"/restore", nil).is(http.StatusConflict).names("customer", "another opportunity")
	if strings.Contains(o.log.String(), "one-each") {
		t.Error("a refusal of the database is logged as a fault of ours")
	}
}
