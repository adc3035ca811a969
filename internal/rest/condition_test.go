package rest_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"testing"

	"github.com/kontor-crm/kontor/internal/schema"
)

// withConditions adds an object whose fields depend on each other.
func withConditions(s *schema.Schema) {
	options := func(options ...schema.Option) func(*schema.Field) {
		return func(f *schema.Field) { f.Options = options }
	}
	s.Objects = append(s.Objects, object("ticket",
		field("name", schema.TypeText, required),
		field("country", schema.TypePicklist, options(schema.Option{Key: "de"}, schema.Option{Key: "cn"})),
		field("city", schema.TypePicklist, options(
			schema.Option{Key: "berlin", When: []string{"de"}}, schema.Option{Key: "shanghai", When: []string{"cn"}}, schema.Option{Key: "elsewhere"},
		), func(f *schema.Field) { f.DependsOn = "country" }),
		field("state", schema.TypePicklist, options(schema.Option{Key: "open"}, schema.Option{Key: "closed"}), func(f *schema.Field) { f.Default = new("open") }),
		field("cause", schema.TypeText, func(f *schema.Field) { f.RequiredWhen = "state == 'closed'" }),
		field("effort", schema.TypeInteger, func(f *schema.Field) { f.ReadOnlyWhen = "state == 'closed'" }),
		field("due", schema.TypeDate, func(f *schema.Field) { f.DefaultExpression = "today()" }),
		field("limit", schema.TypeInteger, func(f *schema.Field) { f.DefaultExpression = "effort * 2" }),
		field("assignee", schema.TypeText, func(f *schema.Field) { f.VisibleWhen = "country != null" }),
	))
}

func TestF82AnOptionGoesOnlyWithThoseOfTheFieldOnWhichItDepends(t *testing.T) {
	t.Parallel()
	u := newOrganisation(t, withConditions).signedIn(t)
	send := func(fields map[string]any) *reply {
		fields["name"] = "T"
		return u.send("POST", "/api/v1/records/ticket", fields)
	}
	send(map[string]any{"country": "de", "city": "shanghai"}).is(http.StatusUnprocessableEntity).names("city", `"shanghai" does not go with "de", the value of "country"`)
	send(map[string]any{"city": "berlin"}).is(http.StatusUnprocessableEntity).names("city", `"berlin" needs a value of "country"`)
	send(map[string]any{"city": "elsewhere"}).is(http.StatusCreated)
	path := "/api/v1/records/ticket/" + send(map[string]any{"country": "de", "city": "berlin"}).is(http.StatusCreated).text("id")
	u.send("PATCH", path, map[string]any{"country": "cn"}).is(http.StatusUnprocessableEntity).names("city", "does not go with")
	u.send("PATCH", path, map[string]any{"country": "cn", "city": "shanghai"}).is(http.StatusOK)
}

func TestF83AFieldIsRequiredOrReadOnlyInAState(t *testing.T) {
	t.Parallel()
	u := newOrganisation(t, withConditions).signedIn(t)
	path := "/api/v1/records/ticket/" + u.create("ticket", map[string]any{"name": "T", "effort": 3})
	u.send("PATCH", path, map[string]any{"state": "closed"}).is(http.StatusUnprocessableEntity).names("cause", "is required when state == 'closed'")
	u.send("PATCH", path, map[string]any{"state": "closed", "cause": "done", "effort": 4}).is(http.StatusOK)
	u.send("PATCH", path, map[string]any{"effort": 5}).is(http.StatusUnprocessableEntity).names("effort", "cannot be changed when state == 'closed'")
	u.send("PATCH", path, map[string]any{"effort": 4, "name": "Same"}).is(http.StatusOK)
	u.send("PATCH", path, map[string]any{"cause": nil}).is(http.StatusUnprocessableEntity).names("cause", "is required")
}

func TestAGateIsAConditionOverTheRecord(t *testing.T) {
	t.Parallel()
	u := newOrganisation(t, func(s *schema.Schema) {
		s.Pipelines[0].Stages[1].Gate, s.Pipelines[0].Stages[1].GateMessage = "amount >= 1000", schema.Label{"en": "Too small", "zh": "金额太小"}
		s.Pipelines[0].Stages[3].Gate = "description != null"
	}).signedIn(t)
	path := "/api/v1/records/opportunity/" + u.create("opportunity", map[string]any{"name": "Deal", "amount": 10})
	u.send("POST", path+"/move", map[string]any{"stage": "engaging"}).is(http.StatusUnprocessableEntity).names("stage", "Too small")
	u.send("POST", path+"/move", map[string]any{"stage": "engaging"}, "Accept-Language: zh").is(http.StatusUnprocessableEntity).names("stage", "金额太小")
	u.send("PATCH", path, map[string]any{"stage": "engaging", "amount": 1000}).is(http.StatusOK)
	u.send("PATCH", path, map[string]any{"amount": 5}).is(http.StatusOK)
	u.send("PATCH", path, map[string]any{"stage": "lost", "close_date": "2026-01-31"}).is(http.StatusUnprocessableEntity).
		names("stage", `a record enters the stage "lost" only when description != null`)
	u.send("POST", "/api/v1/records/opportunity", map[string]any{"name": "Small", "stage": "engaging", "amount": 5}).is(http.StatusUnprocessableEntity).names("stage", "Too small")
}

func TestADefaultIsComputedFromTheOtherValues(t *testing.T) {
	t.Parallel()
	u := newOrganisation(t, withConditions).signedIn(t)
	made := u.send("POST", "/api/v1/records/ticket", map[string]any{"name": "T", "effort": 3}).is(http.StatusCreated).object()
	if fmt.Sprint(made["limit"]) != "6" || made["due"] == nil {
		t.Errorf("the record is %v", made)
	}
	made = u.send("POST", "/api/v1/records/ticket", map[string]any{"name": "T", "limit": 1, "due": nil}).is(http.StatusCreated).object()
	if fmt.Sprint(made["limit"]) != "1" || made["due"] != nil {
		t.Errorf("what the request says is overridden: %v", made)
	}
}

func TestF83TheSchemaTellsWhatDependsOnWhat(t *testing.T) {
	t.Parallel()
	u := newOrganisation(t, withConditions, withRules).signedIn(t)
	var answer struct {
		Objects []struct {
			Name   string `json:"name"`
			Fields []struct {
				Name              string `json:"name"`
				DependsOn         string `json:"dependsOn"`
				RequiredWhen      string `json:"requiredWhen"`
				ReadOnlyWhen      string `json:"readOnlyWhen"`
				VisibleWhen       string `json:"visibleWhen"`
				DefaultExpression string `json:"defaultExpression"`
				Options           []struct {
					When []string `json:"when"`
				} `json:"options"`
			} `json:"fields"`
			Rules []struct {
				Expression string `json:"expression"`
				Field      string `json:"field"`
				Message    string `json:"message"`
			} `json:"rules"`
		} `json:"objects"`
	}
	r := u.send("GET", "/api/v1/schema", nil, "Accept-Language: zh").is(http.StatusOK)
	if err := json.Unmarshal(r.body, &answer); err != nil {
		t.Fatal(err)
	}
	told := map[string]string{}
	for _, o := range answer.Objects {
		for _, f := range o.Fields {
			if o.Name == "ticket" {
				told[f.Name] = f.DependsOn + f.RequiredWhen + f.ReadOnlyWhen + f.VisibleWhen + f.DefaultExpression
			}
			if f.Name == "city" && o.Name == "ticket" && !slices.Equal(f.Options[0].When, []string{"de"}) {
				t.Errorf("the options of city are %v", f.Options)
			}
		}
		if o.Name == "opportunity" && (len(o.Rules) != 2 || o.Rules[0].Message != "违反 big-deals-are-hot" || o.Rules[0].Field != "hot") {
			t.Errorf("the rules are %+v", o.Rules)
		}
	}
	for name, want := range map[string]string{
		"city": "country", "cause": "state == 'closed'", "effort": "state == 'closed'", "assignee": "country != null", "due": "today()",
	} {
		if told[name] != want {
			t.Errorf("of %s the schema tells %q", name, told[name])
		}
	}
}
