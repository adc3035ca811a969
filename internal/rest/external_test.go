package rest_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/kontor-crm/kontor/internal/crm"
)

func sap(id string) op { return op{"system": "sap-erp", "id": id} }

func TestF105ARecordIsFoundByWhatAnotherSystemCallsIt(t *testing.T) {
	t.Parallel()
	o := newOrganisation(t)
	u := o.signedIn(t)
	b := u.batch("product",
		op{"op": "create", "external": sap("A/1 ü"), "fields": op{"name": "A", "code": "a"}},
		op{"op": "create", "external": sap("A/1 ü"), "fields": op{"name": "Again"}},
		op{"op": "upsert", "external": sap("A/1 ü"), "fields": op{"name": "A2"}},
		op{"op": "upsert", "external": sap("B"), "fields": op{"name": "B"}},
		op{"op": "upsert", "external": sap("B"), "fields": op{"name": "B"}},
		op{"op": "upsert", "external": op{"system": "other", "id": "B"}, "fields": op{"name": "B of another system"}},
		op{"op": "update", "external": sap("B"), "version": 1, "fields": op{"name": "B2"}},
		op{"op": "update", "external": sap("C"), "fields": op{"name": "Nobody"}},
		op{"op": "delete", "external": op{"system": "other", "id": "B"}},
	)
	if got := b.statuses(); got != "201 409 200 201 200 201 200 404 204" {
		t.Errorf("the statuses are %s: %s", got, b.says(1))
	}
	path := "/api/v1/records/product/external/sap-erp/" + url.PathEscape("A/1 ü")
	r := u.get(path + "?fields=name,version").is(http.StatusOK)
	if r.text("name") != "A2" || r.header.Get("ETag") != `"2"` {
		t.Errorf("found: %s %s", r.header.Get("ETag"), r.body)
	}
	u.get("/api/v1/records/product/external/sap-erp/C").is(http.StatusNotFound)
	u.get("/api/v1/records/product/external/other/B").is(http.StatusNotFound)
	u.get("/api/v1/records/customer/external/sap-erp/B").is(http.StatusNotFound)
	u.get("/api/v1/records/product/external/SAP%00/B").is(http.StatusNotFound)
	u.get("/api/v1/records/product/external/sap-erp/" + url.PathEscape("' OR true --")).is(http.StatusNotFound)
	u.get("/api/v1/records/product/external/sap-erp/" + strings.Repeat("x", 300)).is(http.StatusNotFound)
	u.get(path+"?fields=colour").is(http.StatusBadRequest).names("fields", "")
	ids := u.get("/api/v1/records/product/" + b.Items[0].ID + "/external").items()
	if fmt.Sprint(ids) != "[map[id:A/1 ü system:sap-erp]]" {
		t.Errorf("its external ids: %v", ids)
	}
	u.get("/api/v1/records/product/" + b.Items[5].ID + "/external").is(http.StatusNotFound)
}

func TestAnExternalIDIsGivenToTheRecordThatTheKeyFinds(t *testing.T) {
	t.Parallel()
	o := newOrganisation(t)
	u := o.signedIn(t)
	id := u.create("product", map[string]any{"name": "A", "code": "a"})
	b := u.batch("product",
		op{"op": "upsert", "key": "code", "external": sap("1"), "fields": op{"name": "A", "code": "a"}},
		op{"op": "upsert", "key": "code", "external": sap("1"), "fields": op{"name": "A2", "code": "b"}},
		op{"op": "upsert", "key": "code", "external": sap("2"), "fields": op{"name": "A3", "code": "b"}},
	)
	if got := b.statuses(); got != "200 200 200" || b.Items[0].ID != id || b.Items[1].ID != id || b.Items[2].ID != id {
		t.Errorf("%s: %+v", got, b)
	}
	if ids := u.get("/api/v1/records/product/" + id + "/external").items(); len(ids) != 2 {
		t.Errorf("its external ids: %v", ids)
	}
	if n := u.get("/api/v1/records/product/" + id).object()["version"]; n != json.Number("3") {
		t.Errorf("its version is %v", n)
	}
}

func TestTheExternalIDOfADeletedRecordIsFree(t *testing.T) {
	t.Parallel()
	u := newOrganisation(t).signedIn(t)
	first := u.batch("product", op{"op": "upsert", "external": sap("1"), "fields": op{"name": "Old"}}).Items[0].ID
	u.send("DELETE", "/api/v1/records/product/"+first, nil).is(http.StatusNoContent)
	b := u.batch("product",
		op{"op": "upsert", "external": sap("1"), "fields": op{"name": "New"}},
		op{"op": "delete", "external": sap("1")},
		op{"op": "upsert", "external": sap("1"), "fields": op{"name": "Newer"}})
	if got := b.statuses(); got != "201 204 201" {
		t.Fatalf("the statuses are %s: %s", got, b.says(0))
	}
	if got := u.get("/api/v1/records/product/external/sap-erp/1").is(http.StatusOK).text("name"); got != "Newer" {
		t.Errorf("it is %q", got)
	}
	u.send("POST", "/api/v1/records/product/"+first+"/restore", nil).is(http.StatusOK)
	if ids := u.get("/api/v1/records/product/" + first + "/external").items(); len(ids) != 0 {
		t.Errorf("the restored record has taken its id back: %v", ids)
	}
}

func TestAnExternalIDThatIsNoneIsRefused(t *testing.T) {
	t.Parallel()
	u := newOrganisation(t).signedIn(t)
	for n, external := range []op{
		{"system": "SAP", "id": "1"}, {"system": "sap", "id": strings.Repeat("长", 256)}, {"system": "sap", "id": "a\u0000b"}, {"system": strings.Repeat("s", 64), "id": "1"},
	} {
		b := u.batch("product", op{"op": "upsert", "external": external, "fields": op{"name": "A"}})
		if b.Items[0].Status != http.StatusUnprocessableEntity || !strings.Contains(b.says(0), "external.") {
			t.Errorf("%d: %+v %s", n, b.Items[0], b.says(0))
		}
	}
	u.atomic(op{"op": "upsert", "external": op{"system": "SAP", "id": "1"}, "fields": op{"name": "A"}}).
		is(http.StatusUnprocessableEntity).names("operations[0].external.system", "small letters")
	for path, operation := range map[string]op{
		"operations[0].external":        {"op": "upsert", "external": op{"system": "sap"}, "fields": op{}},
		"operations[0].external.system": {"op": "upsert", "external": op{"system": 7, "id": "x"}, "fields": op{}},
		"operations[0].id":              {"op": "delete", "id": "x", "external": sap("1")},
		"operations[0].key":             {"op": "upsert", "fields": op{}},
	} {
		u.atomic(operation).is(http.StatusBadRequest).names(path, "")
	}
	u.batch("product", op{"op": "upsert", "external": sap(strings.Repeat("长", 255)), "fields": op{"name": "A"}})
}

func TestUpsertsOfTheSameExternalIDAtOnceMakeOneRecord(t *testing.T) {
	t.Parallel()
	o := newOrganisation(t)
	u := o.signedIn(t)
	var wait sync.WaitGroup
	replies := make([]*reply, 4)
	for w := range replies {
		wait.Go(func() {
			replies[w] = u.send("POST", "/api/v1/records/product/batch", map[string]any{"operations": []op{
				{"op": "upsert", "external": sap("1"), "fields": op{"name": fmt.Sprint(w)}},
				{"op": "upsert", "external": sap("2"), "fields": op{"name": fmt.Sprint(w)}},
			}})
		})
	}
	wait.Wait()
	for _, r := range replies {
		if r.is(http.StatusOK).object()["failed"] != json.Number("0") {
			t.Errorf("an upsert fails beside another: %s", r.body)
		}
	}
	if items := u.get("/api/v1/records/product").items(); len(items) != 2 {
		t.Errorf("there are %d records", len(items))
	}
}

func TestAFileMayHoldExternalIDs(t *testing.T) {
	t.Parallel()
	u := newOrganisation(t).signedIn(t)
	mapping := mappingOf("product", "", fields{{"field": "name", "column": "name"}})
	mapping["external"] = map[string]any{"system": "sap", "column": "id"}
	u.imports("product", mapping, "id,name\n1,One\n2,Two\n1,First\n,Nobody\n").is(t, crm.Report{Created: 2, Updated: 1, Failed: 1})
	u.imports("product", mapping, "id,name\n1,First\n2,Second\n").is(t, crm.Report{Unchanged: 1, Updated: 1})
	mapping["external"] = map[string]any{"system": "SAP", "column": "number"}
	if i := u.imports("product", mapping, "id,name\n1,One\n"); i.status != 422 || !strings.Contains(string(i.problem), "external.column") {
		t.Errorf("%d %s", i.status, i.problem)
	}
}

func TestAnUndoneImportTakesItsExternalIDsBack(t *testing.T) {
	t.Parallel()
	o := newOrganisation(t)
	u := o.signedIn(t)
	for code, external := range map[string]op{"own": sap("own"), "same": nil, "changed": nil} {
		operation := op{"op": "create", "fields": op{"name": "Old", "code": code}}
		if external != nil {
			operation["external"] = external
		}
		u.batch("product", operation)
	}
	mapping := mappingOf("product", "code", fields{{"field": "name", "column": "name"}, {"field": "code", "column": "code"}})
	mapping["external"] = map[string]any{"system": "sap-erp", "column": "id"}
	i := u.imports("product", mapping, "id,name,code\nown,New,own\ns,Old,same\nc,New,changed\nm,Made,made\nt,Made,touched\n")
	i.is(t, crm.Report{Created: 2, Updated: 2, Unchanged: 1})
	touched := u.get("/api/v1/records/product/external/sap-erp/t").is(http.StatusOK).text("id")
	u.send("PATCH", "/api/v1/records/product/"+touched, map[string]any{"name": "Kept"}).is(http.StatusOK)
	u.follows(u.send("POST", "/api/v1/jobs/"+i.id+"/undo", nil).is(http.StatusAccepted).text("id"))
	// What was there before the import stays, and what somebody has changed since keeps all that it has.
	var left string
	o.sql(t, `SELECT string_agg(external_id, ' ' ORDER BY external_id) FROM kontor.external_id`, &left)
	if left != "own t" {
		t.Errorf("the external ids %q are left", left)
	}
}
