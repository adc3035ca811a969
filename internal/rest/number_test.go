package rest_test

import (
	"net/http"
	"net/url"
	"regexp"
	"testing"

	"github.com/kontor-crm/kontor/internal/schema"
)

func TestF86ANumberHasAPatternAroundIt(t *testing.T) {
	t.Parallel()
	withBills := func(pattern string) func(*schema.Schema) {
		return func(s *schema.Schema) {
			s.Objects = append(s.Objects, object("bill", field("name", schema.TypeText),
				field("code", schema.TypeAutoNumber, unique, func(f *schema.Field) { f.Pattern = pattern })))
		}
	}
	o := newOrganisation(t, withBills("Bill's {year}-{number:5}"))
	u := o.signedIn(t)
	first := u.send("POST", "/api/v1/records/bill", map[string]any{"name": "A"}).is(http.StatusCreated)
	if !regexp.MustCompile(`^Bill's 20\d\d-00001$`).MatchString(first.text("code")) {
		t.Errorf("the first bill is %q", first.text("code"))
	}
	u.create("bill", map[string]any{"name": "B"})
	u.send("PATCH", "/api/v1/records/bill/"+first.text("id"), map[string]any{"code": "X"}).is(http.StatusUnprocessableEntity).names("code", "set")
	found := u.get("/api/v1/records/bill?sort=-code&filter=" + url.QueryEscape("code.endsWith('00002')")).is(http.StatusOK).items()
	if len(found) != 1 || found[0]["name"] != "B" {
		t.Errorf("found %v", found)
	}
	o.apply(t, testModel(t, withBills("{number:3}/B")))
	if code := u.send("POST", "/api/v1/records/bill", map[string]any{}).is(http.StatusCreated).text("code"); code != "003/B" {
		t.Errorf("with another pattern the third bill is %q", code)
	}
	o.sql(t, `SELECT setval('crm.bill_code_seq', 12345)`)
	if code := u.send("POST", "/api/v1/records/bill", map[string]any{}).is(http.StatusCreated).text("code"); code != "12346/B" {
		t.Errorf("a number over its digits is %q", code)
	}
}
