package rest_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"mime/multipart"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/kontor-crm/kontor/internal/crm"
	"github.com/kontor-crm/kontor/internal/schema"
	"github.com/kontor-crm/kontor/test/gen"
)

// labelled gives the test's objects labels in two languages.
func labelled(s *schema.Schema) {
	for _, f := range s.Objects[0].Fields {
		switch f.Identity {
		case "employees":
			f.Label = schema.Label{"en": "Number of employees", "zh": "员工人数"}
		case "kind":
			f.Label = schema.Label{"en": "Kind", "zh": "类别"}
			f.Options = []schema.Option{{Key: "company", Label: schema.Label{"en": "Company", "zh": "公司"}}, {Key: "person", Label: schema.Label{"en": "Person", "zh": "个人"}}}
		case "parent":
			f.Label = schema.Label{"en": "Parent company", "zh": "上级公司"}
		}
	}
}

// previews sends a file for a preview.
func (u *user) previews(object string, file []byte) *reply {
	u.t.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	part, err := form.CreateFormFile("file", "customers.csv")
	must(u.t, err)
	_, err = part.Write(file)
	must(u.t, err)
	must(u.t, form.Close())
	return u.send("POST", "/api/v1/records/"+object+"/import/preview", &body, "Content-Type: "+form.FormDataContentType())
}

// guessed are the fields of the columns, "-" for none.
func guessed(r *reply) []string {
	r.t.Helper()
	var fields []string
	for _, column := range r.is(http.StatusOK).object()["columns"].([]any) {
		field := at(column, "/field")
		if field == nil {
			field = "-"
		}
		fields = append(fields, fmt.Sprint(field))
	}
	return fields
}

func TestTheColumnsOfAFileAreMatchedByNamesAndLabelsInAnyLanguage(t *testing.T) {
	t.Parallel()
	u := newOrganisation(t, labelled, withPlaces).signedIn(t)
	for header, want := range map[string][]string{
		"name,email,employees,remark":          {"name", "email", "employees", "-"},
		"名称;E-Mail;员工人数;类别":                    {"name", "email", "employees", "kind"},
		"NAME\tNumber_of Employees\t上级公司":      {"name", "employees", "parent"},
		"Customer name|parent.name|owner|Tags": {"name", "parent", "owner", "tags"},
		"name,Name,name":                       {"-", "name", "-"},
		"id,created_at,version,":               {"-", "-", "-", "-"},
	} {
		if got := guessed(u.previews("customer", []byte("\ufeff"+header+"\n"))); !slices.Equal(got, want) {
			t.Errorf("%q is taken for %q, want %q", header, got, want)
		}
	}
}

func TestAPreviewMarksWhatIsWrongAndWritesNothing(t *testing.T) {
	t.Parallel()
	o := newOrganisation(t, labelled)
	u := o.signedIn(t)
	u.create("customer", map[string]any{"name": "Parent"})
	r := u.previews("customer", []byte("名称;email;类别;上级公司;员工人数\nA;a@b.c;公司;Parent;3\nB;nobody;狗;Nobody;-1\n;;;;\nC;c@d.e;person\nD;\"x;;;\n"))
	r.is(http.StatusOK)
	var preview struct {
		File    string       `json:"file"`
		Mapping *crm.Mapping `json:"mapping"`
		Missing []string     `json:"missing"`
		Rows    []struct {
			Line     int    `json:"line"`
			Outcome  string `json:"outcome"`
			Problems []struct {
				Column string `json:"column"`
				Field  string `json:"field"`
			} `json:"problems"`
		} `json:"rows"`
	}
	must(t, json.Unmarshal(r.body, &preview))
	var told []string
	for _, row := range preview.Rows {
		one := fmt.Sprint(row.Line, " ", row.Outcome)
		for _, p := range row.Problems {
			one += fmt.Sprintf(" %s=%s", p.Column, p.Field)
		}
		told = append(told, one)
	}
	want := []string{"2 created", "3 failed email=email 员工人数=employees 类别=kind 上级公司=parent", "4 failed 名称=name", "5 failed =", "6 failed ="}
	for i := range want {
		if i >= len(told) || !sameWords(told[i], want[i]) {
			t.Errorf("line %d: %q, want %q", i+2, told, want[i])
		}
	}
	if preview.Mapping.Delimiter != ";" || len(preview.Missing) > 0 {
		t.Errorf("the preview is %s", r.body)
	}
	if items := u.get("/api/v1/records/customer").items(); len(items) != 1 {
		t.Errorf("a preview has written %v", items)
	}
	// The mapping and the file are what the import needs.
	job := u.send("POST", "/api/v1/records/customer/import", map[string]any{"file": preview.File, "mapping": preview.Mapping}).is(http.StatusAccepted)
	u.follows(job.text("id")).is(t, crm.Report{Created: 1, Failed: 4})
	if items := u.get("/api/v1/records/customer?sort=name&fields=name,kind,parent.name").items(); fmt.Sprint(items[0]["kind"], " ", at(items[0], "/parent/name")) != "company Parent" {
		t.Errorf("imported: %v", items)
	}
}

// sameWords says whether two texts hold the same words, in any order.
func sameWords(a, b string) bool {
	one, two := strings.Fields(a), strings.Fields(b)
	slices.Sort(one)
	slices.Sort(two)
	return slices.Equal(one, two)
}

func TestAPreviewSaysWhichFieldsAreMissingAndWhichTellRecordsApart(t *testing.T) {
	t.Parallel()
	u := newOrganisation(t).signedIn(t)
	r := u.previews("product", []byte("code,colour\na,red\n")).is(http.StatusOK)
	if fmt.Sprint(r.object()["missing"]) != "[name]" || fmt.Sprint(r.object()["keys"]) != "[code]" {
		t.Errorf("the preview is %s", r.body)
	}
	file := r.text("file")
	again := u.send("POST", "/api/v1/records/product/import/preview", map[string]any{
		"file": file, "mapping": mappingOf("product", "code", fields{{"field": "code", "column": "code"}, {"field": "name", "column": "colour"}}),
	}).is(http.StatusOK)
	if fmt.Sprint(again.object()["missing"]) != "[]" || at(again.object()["rows"].([]any)[0], "/outcome") != "created" {
		t.Errorf("with a mapping it is %s", again.body)
	}
	u.send("POST", "/api/v1/records/product/import/preview", map[string]any{
		"file": file, "mapping": mappingOf("product", "", fields{{"field": "name", "column": "nothing"}}),
	}).is(http.StatusUnprocessableEntity).names("fields[0].column", "code, colour")
	nothing := u.previews("product", []byte("a,b\n1,2\n")).is(http.StatusOK)
	if row := nothing.object()["rows"].([]any)[0]; at(row, "/outcome") != nil || fmt.Sprint(at(row, "/cells")) != "[1 2]" {
		t.Errorf("without a mapping it is %s", nothing.body)
	}
}

func TestAWorkbookIsPreviewedAsItIsImported(t *testing.T) {
	t.Parallel()
	u := newOrganisation(t).signedIn(t)
	rows := [][]string{{"code", "name"}, nil}
	for n := range 50 {
		rows = append(rows, []string{fmt.Sprint("c", n), strings.Repeat("长", n)})
	}
	r := u.previews("product", gen.Workbook(rows...)).is(http.StatusOK)
	preview := r.object()
	shown := preview["rows"].([]any)
	if preview["format"] != "xlsx" || preview["sheet"] != "Sheet1" || fmt.Sprint(preview["sheets"]) != "[Sheet1]" || len(shown) != 20 {
		t.Fatalf("the preview is %.1000s", r.body)
	}
	if fmt.Sprint(at(shown[0], "/line")) != "3" || at(shown[0], "/outcome") != "failed" || at(shown[1], "/outcome") != "created" {
		t.Errorf("the first rows are %v", shown[:2])
	}
	job := u.send("POST", "/api/v1/records/product/import", map[string]any{"file": r.text("file"), "mapping": preview["mapping"]}).is(http.StatusAccepted)
	u.follows(job.text("id")).is(t, crm.Report{Created: 49, Failed: 1})
	u.previews("product", []byte("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")).is(http.StatusUnprocessableEntity)
	u.previews("product", []byte("")).is(http.StatusUnprocessableEntity)
	u.previews("nothing", []byte("a\n")).is(http.StatusNotFound)
}
