package rest_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	crmv1 "github.com/kontor-crm/kontor/api/v1alpha1"
	"github.com/kontor-crm/kontor/internal/compile"
	"github.com/kontor-crm/kontor/internal/schema"
)

// standardTenant is a tenant of the standard model, with those modules.
func standardTenant(t *testing.T, modules ...string) *organisation {
	t.Helper()
	return newOrganisationOf(t, compile.Standard(modules), withModules(nil, modules...))
}

// withModules is the standard model of a tenant with those modules, over what it has by now.
func withModules(applied *schema.Schema, modules ...string) *schema.Schema {
	tenant := &crmv1.Tenant{ObjectMeta: metav1.ObjectMeta{Name: "acme"}, Spec: crmv1.TenantSpec{Currency: "EUR", Country: "DE"}}
	for _, module := range modules {
		tenant.Spec.Modules = append(tenant.Spec.Modules, crmv1.Module(module))
	}
	return compile.Compile(compile.Input{Tenant: tenant, Applied: applied}).Schema
}

func TestF87ModulesAreTurnedOnAndOffWithoutLosingRecords(t *testing.T) {
	t.Parallel()
	o := standardTenant(t)
	u := o.signedIn(t)
	u.get("/api/v1/records/case").is(http.StatusNotFound)
	customer := u.create("customer", map[string]any{"name": "上海机床"})
	activity := u.create("activity", map[string]any{"subject": "a", "customer": customer})

	for i, module := range []string{"service", "marketing", "sales"} { // each brings what points to it from the others
		o.apply(t, withModules(o.schema, []string{"service", "marketing", "sales"}[:i+1]...))
		switch module {
		case "service":
			made := u.create("case", map[string]any{"subject": "broken", "kind": "complaint", "customer": customer})
			u.send("PATCH", "/api/v1/records/activity/"+activity, map[string]any{"case": made}).is(http.StatusOK)
			u.send("PATCH", "/api/v1/records/case/"+made, map[string]any{"order": made}).is(http.StatusUnprocessableEntity).names("order", "")
		case "marketing":
			u.create("campaign_member", map[string]any{"campaign": u.create("campaign", map[string]any{"name": "c", "activity_date": "2026-01-01"}), "customer": customer})
		case "sales":
			lead := u.create("lead", map[string]any{"name": "l", "source": "web", "campaign": u.get("/api/v1/records/campaign").items()[0]["id"]})
			member := u.get("/api/v1/records/campaign_member").items()[0]["id"].(string)
			u.send("PATCH", "/api/v1/records/campaign_member/"+member, map[string]any{"lead": lead}).is(http.StatusOK)
		}
	}
	filter := url.QueryEscape(`cases.exists(c, c.kind == "complaint") && campaign_memberships.size() == 1 && activities.exists(a, a.case.subject == "broken")`)
	if items := u.get("/api/v1/records/customer?filter=" + filter).items(); len(items) != 1 {
		t.Errorf("the customers with a complaint are %v", items)
	}
	o.apply(t, withModules(o.schema)) // all of them off: what nobody needs is served no more
	u.get("/api/v1/records/case").is(http.StatusNotFound)
	o.apply(t, withModules(o.schema, "sales", "service", "marketing")) // and on again: nothing is lost
	for _, object := range []string{"case", "campaign_member", "lead"} {
		if items := u.get("/api/v1/records/" + object).items(); len(items) != 1 {
			t.Errorf("%s has the records %v", object, items)
		}
	}
	if got := u.get("/api/v1/records/activity/" + activity).object()["case"]; got == nil {
		t.Error("the activity has lost its case")
	}
}

// TestEachObjectOfTheStandardModelIsServed makes a record of every object, with a
// value in every field, and finds it by each of them.
func TestEachObjectOfTheStandardModelIsServed(t *testing.T) {
	t.Parallel()
	o := standardTenant(t, compile.Modules...)
	u := o.signedIn(t)
	ids := makeOneOfEach(t, u)
	for _, object := range o.schema.Objects {
		path := "/api/v1/records/" + object.Name
		got := u.get(path + "/" + ids[object.Identity]).is(http.StatusOK).object()
		for _, f := range object.AllFields() {
			if value, ok := got[f.Name]; !ok || value == nil && !mayBeEmpty(object, f) {
				t.Errorf("%s.%s is %v", object.Name, f.Name, value)
			}
		}
		if happened := u.get(path + "/" + ids[object.Identity] + "/timeline").items(); len(happened) < 1 {
			t.Errorf("nothing happened to %s", object.Name)
		}
		for filters := range slices.Chunk(filtersOf(object, got), 8) {
			filter := strings.Join(filters, " && ")
			r := u.get(path + "?fields=id&filter=" + url.QueryEscape(filter))
			if r.status != http.StatusOK || !slices.ContainsFunc(r.items(), func(item map[string]any) bool { return item["id"] == got["id"] }) {
				t.Errorf("%s with %s: %d %s", object.Name, filter, r.status, r.body)
			}
		}
		var names []string
		for _, f := range sortable(object) {
			names = append(names, f.Path())
		}
		for keys := range slices.Chunk(names, 8) {
			for _, sort := range []string{strings.Join(keys, ","), "-" + strings.Join(keys, ",-")} {
				r := u.get(path + "?fields=id&limit=1&count=exact&sort=" + url.QueryEscape(sort))
				if r.status != http.StatusOK || len(r.items()) == 0 {
					t.Errorf("%s by %s: %d %s", object.Name, sort, r.status, r.body)
				}
			}
		}
		related := url.QueryEscape(strings.Join(relatedNames(o.schema, object), ","))
		if r := u.get(path + "?fields=" + related); r.status != http.StatusOK {
			t.Errorf("%s with what it points to: %s", object.Name, r.body)
		}
		if lines := u.exported(object.Name, "filter="+url.QueryEscape(fmt.Sprintf("id == %q", got["id"]))); len(lines) != 2 || len(lines[1]) < len(object.Fields) {
			t.Errorf("the export of %s is %q", object.Name, lines)
		}
	}
	for _, f := range []string{"/api/v1/schema", "/api/v1/openapi.json"} {
		if r := u.get(f).is(http.StatusOK); len(r.body) > 3<<20 {
			t.Errorf("%s has %d bytes", f, len(r.body))
		} else {
			t.Logf("%s has %d bytes", f, len(r.body))
		}
	}
}

// makeOneOfEach makes a record of every object, those that others need first, and
// lets them point to each other. It returns their ids by object.
func makeOneOfEach(t *testing.T, u *user) map[string]string {
	t.Helper()
	s, ids := u.o.schema, map[string]string{}
	picture := u.send("POST", "/api/v1/files?name=a.png", strings.NewReader(aPicture)).is(http.StatusCreated).text("id")
	for len(ids) < len(s.Objects) {
		before := len(ids)
		for _, o := range s.Objects {
			body, ready := bodyOf(s, o, ids, picture)
			if ids[o.Identity] == "" && ready {
				ids[o.Identity] = u.create(o.Name, body)
			}
		}
		if len(ids) == before {
			t.Fatalf("%d objects need each other", len(s.Objects)-before)
		}
	}
	for _, o := range s.Objects {
		body := map[string]any{"owner": ids["user"], "department": ids["department"], "tags": []string{"a"}}
		for _, f := range o.Fields {
			switch {
			case len(f.Targets) > 0:
				body[f.Name] = map[string]any{"object": f.TargetNames()[0], "id": ids[f.Targets[0]]}
			case f.Type == schema.TypeRelation && !f.Required && f.Target != o.Identity:
				body[f.Name] = ids[f.Target]
			}
		}
		u.send("PATCH", "/api/v1/records/"+o.Name+"/"+ids[o.Identity], body).is(http.StatusOK)
	}
	return ids
}

// bodyOf is a new record with a value in each field that points to nothing; it is
// not ready while a record is missing that it has to point to. Its files are the picture.
func bodyOf(s *schema.Schema, o *schema.Object, ids map[string]string, picture string) (map[string]any, bool) {
	body := map[string]any{}
	for _, f := range o.Fields {
		_, staged := s.PipelineOf(o, f)
		switch {
		case f.Type == schema.TypeRelation && f.Required && ids[f.Target] == "":
			return nil, false
		case f.Type == schema.TypeRelation && f.Required:
			body[f.Name] = ids[f.Target]
		case f.Type == schema.TypeRelation, staged, f.SetBySystem():
		case f.Type.IsFile():
			body[f.Name] = picture
		default:
			body[f.Name] = someValue(o, f)
		}
	}
	return body, true
}

// someValue is a value that the field may have.
func someValue(o *schema.Object, f *schema.Field) any {
	switch f.Type { //nolint:exhaustive // what is left are texts
	case schema.TypeInteger, schema.TypeRating, schema.TypeDecimal, schema.TypePercent:
		return 3
	case schema.TypeMoney:
		return "12"
	case schema.TypeBoolean:
		return true
	case schema.TypeDate:
		return "2026-03-31"
	case schema.TypeDateTime:
		return "2026-03-31T08:30:00Z"
	case schema.TypeTime:
		return "08:30"
	case schema.TypeDuration:
		return "PT1H30M"
	case schema.TypePicklist:
		return f.Options[0].Key
	case schema.TypeMultiPicklist:
		return []string{f.Options[0].Key}
	case schema.TypeEmail:
		return o.Name + "@example.org"
	case schema.TypePhone:
		return "+49 30 901820"
	case schema.TypeURL:
		return "https://example.org/" + o.Name
	case schema.TypeCurrency:
		return "USD"
	case schema.TypeJSON:
		return map[string]any{"key": "值"}
	case schema.TypeAddress, schema.TypeGeo, schema.TypePersonName:
		parts := map[string]any{}
		for _, part := range f.Parts() {
			parts[part.Name] = someValue(o, part)
		}
		return parts
	case schema.TypeCountry:
		return "DE"
	}
	text := []rune(strings.Repeat("上海 text ", 1+f.Length/8))
	if f.Length > 0 {
		text = text[:f.Length] // the longest that there may be
	}
	return strings.TrimSpace(string(text))
}

// mayBeEmpty says whether the record that makeOneOfEach makes may lack the value.
func mayBeEmpty(o *schema.Object, f *schema.Field) bool {
	return f.Target == o.Identity || f.Identity == "entered_stage_at" || f.Beside != nil
}

// filtersOf are conditions that the record meets, one for each field.
func filtersOf(o *schema.Object, record map[string]any) []string {
	var filters []string
	for _, f := range o.AllFields() {
		value := record[f.Name]
		switch kind := f.Kind(); {
		case value == nil:
			filters = append(filters, f.Name+" == null")
		case kind == schema.KindParts:
			for _, part := range f.Parts() {
				if of := reflect.ValueOf(value).MapIndex(reflect.ValueOf(part.Name)); of.IsValid() && !of.IsNil() {
					filters = append(filters, part.Path()+" == "+literal(part, of.Interface()))
				}
			}
		case kind == schema.KindJSON:
			filters = append(filters, "has("+f.Name+")")
		case kind == schema.KindTexts:
			filters = append(filters, fmt.Sprintf("%q in %s", value.([]any)[0], f.Name))
		case f.Type == schema.TypeDuration:
			filters = append(filters, f.Name+" == 5400")
		default:
			filters = append(filters, f.Name+" == "+literal(f, value))
		}
	}
	return slices.DeleteFunc(filters, func(filter string) bool { return len(filter) > 1000 })
}

func literal(f *schema.Field, value any) string {
	if f.Kind() == schema.KindNumber || f.Kind() == schema.KindBoolean {
		return fmt.Sprint(value)
	}
	text, _ := json.Marshal(value) //nolint:errchkjson // it was JSON
	return string(text)
}

// sortable are the fields by which a list can be sorted.
func sortable(o *schema.Object) []*schema.Field {
	var fields []*schema.Field
	for _, f := range o.AllFields() {
		for _, leaf := range append([]*schema.Field{f}, f.Parts()...) {
			if leaf.Sortable() {
				fields = append(fields, leaf)
			}
		}
	}
	return fields
}

// relatedNames are the titles of what a record points to.
func relatedNames(s *schema.Schema, o *schema.Object) []string {
	names := []string{"id"}
	for _, f := range o.Fields {
		if target, ok := s.ObjectByIdentity(f.Target); ok {
			names = append(names, f.Name+"."+target.TitleField().Name)
		}
	}
	return names
}
