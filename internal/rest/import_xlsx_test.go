package rest_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/kontor-crm/kontor/internal/crm"
	"github.com/kontor-crm/kontor/test/gen"
)

var productMapping = mappingOf("product", "code", fields{{"field": "code", "column": "code"}, {"field": "name", "column": "name"}})

func TestF107AWorkbookIsImportedAndUndone(t *testing.T) {
	t.Parallel()
	u := newOrganisation(t).signedIn(t)
	file := string(gen.Workbook(
		[]string{"code", "name", "remark"},
		[]string{"a", "上海"},
		nil,
		[]string{"b", "two\nlines", "a\n\nb"},
		[]string{"c", ""},
		[]string{"d", "=1+1, \"quoted\""},
		[]string{"e", "E", "", "too much"},
	))
	u.importsWith("?dryRun=true", "product", productMapping, file).is(t, crm.Report{Created: 2, Failed: 3})
	done := u.imports("product", productMapping, file)
	done.is(t, crm.Report{Created: 2, Failed: 3})
	if done.failed[0].line != 4 || !strings.Contains(done.reasons(5), "name: is required") || !strings.Contains(done.reasons(7), "has 4 columns, and the header has 3") {
		t.Errorf("the rows that failed: %+v", done.failed)
	}
	if !strings.HasPrefix(done.errors, "code,name,remark,failure\n") {
		t.Errorf("the file of failed rows: %s", done.errors)
	}
	items := u.get("/api/v1/records/product?sort=code&fields=code,name").items()
	if len(items) != 2 || items[0]["name"] != "上海" || items[1]["name"] != "=1+1, \"quoted\"" {
		t.Errorf("imported: %v", items)
	}
	// The file of failed rows is one of CSV, and is mended and imported as such.
	undo := u.send("POST", "/api/v1/jobs/"+done.id+"/undo", nil).is(http.StatusAccepted)
	u.follows(undo.text("id"))
	if items := u.get("/api/v1/records/product").items(); len(items) != 0 {
		t.Errorf("left over: %v", items)
	}
}

func TestAnExportedWorkbookIsImportedAgain(t *testing.T) {
	t.Parallel()
	o := newOrganisation(t)
	u := o.signedIn(t)
	id := u.create("opportunity", map[string]any{
		"name": "=Deal", "deal_id": "0012", "amount": 1054, "hot": true, "close_date": "2026-02-03", "probability": "12.5",
		"entered_stage_at": "2026-07-01T10:00:00.5Z", "description": "two\nlines",
	})
	names := []string{"deal_id", "name", "amount", "hot", "close_date", "probability", "entered_stage_at", "description"}
	file := u.get("/api/v1/records/opportunity/export?format=xlsx&fields=" + strings.Join(names, ",")).is(http.StatusOK).body
	var mapped fields
	for _, name := range names {
		mapped = append(mapped, map[string]any{"field": name, "column": name})
	}
	u.imports("opportunity", mappingOf("opportunity", "deal_id", mapped), string(file)).is(t, crm.Report{Unchanged: 1})
	u.send("PATCH", "/api/v1/records/opportunity/"+id, map[string]any{"hot": false, "close_date": nil, "entered_stage_at": nil}).is(http.StatusOK)
	u.imports("opportunity", mappingOf("opportunity", "deal_id", mapped), string(file)).is(t, crm.Report{Updated: 1})
	if record := u.get("/api/v1/records/opportunity/" + id).object(); record["entered_stage_at"] != "2026-07-01T10:00:00.5Z" || record["close_date"] != "2026-02-03" || record["hot"] != true {
		t.Errorf("the record: %v", record)
	}
}

func TestAWorkbookThatDoesNotFitIsRefusedAtOnce(t *testing.T) {
	t.Parallel()
	o := newOrganisation(t)
	u := o.signedIn(t)
	good := string(gen.Workbook([]string{"code", "name"}, []string{"a", "A"}))
	sheet := func(name string) map[string]any {
		m := mappingOf("product", "code", fields{{"field": "code", "column": "code"}, {"field": "name", "column": "name"}})
		m["sheet"] = name
		return m
	}
	for what, c := range map[string]struct {
		file    string
		mapping any
		status  int
		words   string
	}{
		"a broken workbook":       {good[:len(good)/2], productMapping, http.StatusBadRequest, "no complete ZIP archive"},
		"an empty sheet":          {string(gen.Workbook()), productMapping, http.StatusUnprocessableEntity, "the sheet is empty"},
		"a column that is not":    {string(gen.Workbook([]string{"code"})), productMapping, http.StatusUnprocessableEntity, "fields[1].column"},
		"a sheet that is not":     {good, sheet("Deals"), http.StatusUnprocessableEntity, "Sheet1"},
		"an old workbook":         {"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + good, productMapping, http.StatusUnprocessableEntity, "save it as .xlsx"},
		"CSV that has no sheets":  {"code,name\na,A\n", sheet("Sheet1"), http.StatusUnprocessableEntity, "no workbook"},
		"an archive of documents": {"PK\x03\x04" + strings.Repeat("x", 100), productMapping, http.StatusBadRequest, "no complete ZIP archive"},
	} {
		if i := u.imports("product", c.mapping, c.file); i.status != c.status || !strings.Contains(string(i.problem), c.words) {
			t.Errorf("%s: status %d: %s", what, i.status, i.problem)
		}
	}
	var files int
	o.sql(t, `SELECT count(*) FROM kontor.file`, &files)
	if files != 0 {
		t.Errorf("%d files are left of imports that never began", files)
	}
	u.imports("product", sheet("Sheet1"), good).is(t, crm.Report{Created: 1})
}
