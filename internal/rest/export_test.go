package rest_test

import (
	"archive/zip"
	"bytes"
	"encoding/csv"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/kontor-crm/kontor/internal/crm"
	"github.com/kontor-crm/kontor/internal/schema"
)

// exported are the lines of an export in CSV, the header first.
func (u *user) exported(object, parameters string, headers ...string) [][]string {
	u.t.Helper()
	r := u.send("GET", "/api/v1/records/"+object+"/export?"+parameters, nil, headers...).is(http.StatusOK)
	if got := r.header.Get("Content-Type"); !strings.HasPrefix(got, "text/csv; charset=utf-8") {
		u.t.Errorf("the export is %q", got)
	}
	lines, err := csv.NewReader(bytes.NewReader(r.body)).ReadAll()
	must(u.t, err)
	return lines
}

func TestAnExportHoldsWhatAListShows(t *testing.T) {
	t.Parallel()
	u := newOrganisation(t).signedIn(t)
	customer := u.create("customer", map[string]any{"name": "上海 \"Acme\", Inc.", "employees": -0, "revenue": "-12.5"})
	for _, fields := range []map[string]any{
		{"name": "one", "amount": 5, "customer": customer, "channels": []string{"mail", "phone"}, "close_date": "2026-02-03", "hot": true, "description": "two\nlines"},
		{"name": "two", "amount": 7},
		{"name": "three"},
		{"name": "left out", "amount": 9},
	} {
		u.create("opportunity", fields)
	}
	lines := u.exported("opportunity", "sort=-amount&fields=name,customer.name,amount,channels,close_date,hot,customer,description,customer.revenue&filter="+
		url.QueryEscape(`name != "left out"`))
	want := [][]string{
		{"name", "customer.name", "amount", "channels", "close_date", "hot", "customer", "description", "customer.revenue"},
		{"two", "", "7", "", "", "", "", "", ""},
		{"one", `上海 "Acme", Inc.`, "5", "mail;phone", "2026-02-03", "true", customer, "two\nlines", "-12.50"},
		{"three", "", "", "", "", "", "", "", ""},
	}
	if fmt.Sprint(lines) != fmt.Sprint(want) {
		t.Errorf("it is\n%q, not\n%q", lines, want)
	}
	labels := u.exported("customer", "header=labels&fields=name,parent.name", "Accept-Language: zh-CN")
	if fmt.Sprint(labels[0]) != "[名称 parent / 名称]" {
		t.Errorf("the header is %q", labels[0])
	}
	r := u.get("/api/v1/records/customer/export").is(http.StatusOK)
	if got := r.header.Get("Content-Disposition"); got != "attachment; filename=customer.csv" {
		t.Errorf("the file is %q", got)
	}
	u.send("DELETE", "/api/v1/records/customer/"+customer, nil).is(http.StatusNoContent)
	if gone := u.exported("customer", "deleted=only&fields=id"); len(gone) != 2 || gone[1][0] != customer {
		t.Errorf("the deleted ones: %v", gone)
	}
	if none := u.exported("customer", "fields=id"); len(none) != 1 {
		t.Errorf("no records: %v", none)
	}
}

func TestCellsThatASpreadsheetWouldComputeAreHarmless(t *testing.T) {
	t.Parallel()
	u := newOrganisation(t).signedIn(t)
	for _, name := range []string{"=1+1", "+49 30", "-2", "@SUM(A1)", "a=b", "'=x", "＝1+1"} {
		u.create("product", map[string]any{"name": name})
	}
	u.create("customer", map[string]any{"name": "Negative", "revenue": "-5", "tags": []string{"=cmd|' /C calc'!A0"}})
	lines := u.exported("product", "fields=name")
	if got := fmt.Sprintf("%q", lines[1:]); got != `[["'=1+1"] ["'+49 30"] ["'-2"] ["'@SUM(A1)"] ["a=b"] ["''=x"] ["'＝1+1"]]` {
		t.Errorf("the cells are %s", got)
	}
	if lines := u.exported("customer", "fields=revenue,tags"); fmt.Sprintf("%q", lines[1]) != `["-5.00" "'=cmd|' /C calc'!A0"]` {
		t.Errorf("the cells are %q", lines[1])
	}
}

func TestAnExportIsImportedAgain(t *testing.T) {
	t.Parallel()
	u := newOrganisation(t).signedIn(t)
	u.create("opportunity", map[string]any{
		"name": "上海 \"x\"", "deal_id": "d1", "amount": 5, "channels": []string{"mail", "phone"}, "close_date": "2026-02-03", "hot": false, "description": "two\nlines",
	})
	names := []string{"name", "deal_id", "amount", "channels", "close_date", "hot", "description", "entered_stage_at", "probability"}
	r := u.get("/api/v1/records/opportunity/export?fields=" + strings.Join(names, ",")).is(http.StatusOK)
	var mapped fields
	for _, name := range names {
		mapped = append(mapped, map[string]any{"field": name, "column": name})
	}
	u.imports("opportunity", mappingOf("opportunity", "deal_id", mapped), string(r.body)).is(t, crm.Report{Unchanged: 1})
}

func TestTextsThatASpreadsheetWouldComputeAreImportedAsTheyWere(t *testing.T) {
	t.Parallel()
	o := newOrganisation(t, func(s *schema.Schema) {
		s.Objects = append(s.Objects, object("contactable", field("code", schema.TypeText, func(f *schema.Field) { f.Unique = true }),
			field("name", schema.TypeText), field("phone", schema.TypePhone)))
	})
	u := o.signedIn(t)
	texts := []string{"=1+1", "+1", "-1", "@a", "'=1", "''@", "＝1", "'＋1", "'plain", "'", "plain"}
	for _, text := range texts {
		u.create("contactable", map[string]any{"code": text, "name": text, "phone": "+49 30 123456"})
	}
	file := string(u.get("/api/v1/records/contactable/export?fields=code,name,phone").is(http.StatusOK).body)
	if !strings.Contains(file, "'=1+1,'=1+1,'+49") {
		t.Errorf("a spreadsheet computes %s", file)
	}
	u.imports("contactable", mappingOf("contactable", "code", fields{
		{"field": "code", "column": "code"}, {"field": "name", "column": "name"}, {"field": "phone", "column": "phone"},
	}), file).is(t, crm.Report{Unchanged: len(texts)})
}

func TestFailedLinesAreHarmlessAndMeanTheSameWhenTheyAreImportedAgain(t *testing.T) {
	t.Parallel()
	u := newOrganisation(t).signedIn(t)
	mapping := mappingOf("product", "", fields{{"field": "name", "column": "name"}, {"field": "code", "column": "code"}})
	mapping["delimiter"] = ";"
	taken := []string{"=1+1", "'=1", "＠a", "-2", "a;b", "say \"hi\""}
	for _, code := range taken {
		u.create("product", map[string]any{"name": code, "code": code})
	}
	failed := u.imports("product", mapping, "name;code\n=HYPERLINK(1);=1+1\n'=kept;''=1\n\t=2;＠a\n plain;-2\n\"=a;b\";\"a;b\"\n\"=say \"\"hi\"\"\";\"say \"\"hi\"\"\"\n=broken \"quote;x\n")
	failed.is(t, crm.Report{Failed: 7})
	for _, line := range strings.Split(failed.errors, "\n")[1:] {
		if first := strings.TrimLeft(line, `"`); strings.HasPrefix(first, "=") || strings.Contains(line, ";=") {
			t.Errorf("a spreadsheet computes %s", line)
		}
	}
	for _, item := range u.get("/api/v1/records/product?fields=id").items() {
		u.send("DELETE", "/api/v1/records/product/"+item["id"].(string), nil).is(http.StatusNoContent)
	}
	u.imports("product", mapping, failed.errors).is(t, crm.Report{Created: 6, Failed: 1})
	var names []string
	for _, item := range u.get("/api/v1/records/product?sort=number&fields=name,code").items() {
		names = append(names, fmt.Sprint(item["name"], " ", item["code"]))
	}
	want := []string{"=HYPERLINK(1) =1+1", "=kept '=1", "=2 ＠a", "plain -2", "=a;b a;b", `=say "hi" say "hi"`}
	if !slices.Equal(names, want) {
		t.Errorf("imported again: %q, want %q", names, want)
	}
}

func TestAnExportOfManyPagesHoldsEachRecordOnce(t *testing.T) {
	t.Parallel()
	o := newOrganisation(t)
	u := o.signedIn(t)
	o.sql(t, `INSERT INTO crm.customer (id, name, employees, schema_revision) SELECT gen_random_uuid(), 'C' || n, CASE WHEN n % 3 > 0 THEN n % 50 END, 1 FROM generate_series(1, 12000) AS n`)
	for _, sort := range []string{"", "-employees", "employees", "-parent.name", "name,-employees"} {
		lines := u.exported("customer", "fields=name,employees&sort="+sort)[1:]
		names := map[string]bool{}
		for _, line := range lines {
			names[line[0]] = true
		}
		if len(lines) != 12000 || len(names) != 12000 {
			t.Errorf("sorted by %q it has %d lines of %d records", sort, len(lines), len(names))
		}
		if sort == "-employees" && (lines[0][1] != "49" || lines[11999][1] != "") {
			t.Errorf("it is not sorted: from %v to %v", lines[0], lines[11999])
		}
	}
}

func TestAnExportOfOneColumnHasARowForARecordWithoutAValue(t *testing.T) {
	t.Parallel()
	u := newOrganisation(t).signedIn(t)
	for name, email := range map[string]any{"A": nil, "B": "b@example.org", "C": nil} {
		u.create("customer", map[string]any{"name": name, "email": email})
	}
	if got := string(u.get("/api/v1/records/customer/export?fields=email&sort=name").is(http.StatusOK).body); got != "email\n\"\"\nb@example.org\n\"\"\n" {
		t.Errorf("the file is %q", got)
	}
}

func TestAnExportThatCannotBeReadIsAProblem(t *testing.T) {
	t.Parallel()
	u := newOrganisation(t).signedIn(t)
	for parameters, path := range map[string]string{
		"format=pdf": "format", "header=none": "header", "fields=colour": "fields", "fields=parent.colour": "fields", "sort=colour": "sort", "limit=5": "limit",
		"filter=" + url.QueryEscape("name =="): "filter", "deleted=all": "deleted", "colour=red": "colour", "fields=name&fields=id": "fields",
		"fields=" + url.QueryEscape(`name" FROM kontor.credential; --`): "fields", "fields=" + strings.Repeat("name,", 600) + "name": "fields",
	} {
		u.get("/api/v1/records/customer/export?"+parameters).is(http.StatusBadRequest).names(path, "")
	}
	u.get("/api/v1/records/custmer/export").is(http.StatusNotFound)
	u.send("PUT", "/api/v1/records/customer/export", map[string]any{}).is(http.StatusMethodNotAllowed)
	(&user{t: t, o: u.o}).get("/api/v1/records/customer/export").is(http.StatusUnauthorized)
}

// longRecords gives a tenant more than fits between server and client.
func longRecords(t *testing.T) *user {
	t.Helper()
	o := newOrganisation(t)
	o.sql(t, `INSERT INTO crm.opportunity (id, name, stage, description)
		SELECT gen_random_uuid(), 'Long', 'prospecting', repeat('x', 32000) FROM generate_series(1, 2500)`)
	return o.signedIn(t)
}

// begun is an export whose first bytes have come.
func (u *user) begun(id string) *http.Response {
	u.t.Helper()
	request, err := http.NewRequestWithContext(u.t.Context(), http.MethodGet, u.o.api.URL+"/api/v1/records/opportunity/export?fields=description", http.NoBody)
	must(u.t, err)
	request.Host = u.o.host
	request.Header.Set("Authorization", "Bearer "+u.token)
	request.Header.Set("X-Request-Id", id)
	response, err := http.DefaultClient.Do(request)
	must(u.t, err)
	_, err = io.ReadFull(response.Body, make([]byte, 1000))
	must(u.t, err)
	return response
}

func TestAnExportThatFailsMidwayBreaksOff(t *testing.T) {
	t.Parallel()
	u := longRecords(t)
	response := u.begun("export-that-fails")
	defer response.Body.Close()
	u.o.sql(t, `ALTER TABLE crm.opportunity RENAME COLUMN description TO something`)
	_, err := io.Copy(io.Discard, response.Body)
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("the client reads to the end: %v", err)
	}
	eventually(t, func() bool {
		return slices.ContainsFunc(strings.Split(u.o.log.String(), "\n"), func(line string) bool {
			return strings.Contains(line, "export-that-fails") && strings.Contains(line, "level=ERROR") && strings.Contains(line, "42703")
		})
	})
}

func TestAnExportEndsWhenTheClientIsGone(t *testing.T) {
	t.Parallel()
	u := longRecords(t)
	must(t, u.begun("export-that-nobody-reads").Body.Close())
	eventually(t, func() bool { return strings.Contains(u.o.log.String(), "export-that-nobody-reads") })
}

// sheet is a sheet of a workbook, as its XML has it.
type sheet struct {
	Rows []struct {
		Cells []struct {
			At    string `xml:"r,attr"`
			Type  string `xml:"t,attr"`
			Style string `xml:"s,attr"`
			Value string `xml:"v"`
			Text  string `xml:"is>t"`
		} `xml:"c"`
	} `xml:"sheetData>row"`
}

func TestAWorkbookHoldsTypedValues(t *testing.T) {
	t.Parallel()
	u := newOrganisation(t).signedIn(t)
	u.create("opportunity", map[string]any{
		"name": "=1+1 <上海> & \"x\"", "amount": 5, "hot": true, "close_date": "2026-02-03", "entered_stage_at": "2026-01-01T11:00:00Z", "deal_id": "12345678901234567890",
	})
	r := u.get("/api/v1/records/opportunity/export?format=xlsx&fields=name,amount,hot,close_date,entered_stage_at,deal_id,description").is(http.StatusOK)
	if got := r.header.Get("Content-Type"); got != "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet" {
		t.Errorf("it is %q", got)
	}
	archive, err := zip.NewReader(bytes.NewReader(r.body), int64(len(r.body)))
	must(t, err)
	var names []string
	for _, file := range archive.File {
		names = append(names, file.Name)
		content, err := file.Open()
		must(t, err)
		must(t, xml.NewDecoder(content).Decode(new(struct{})))
	}
	slices.Sort(names)
	if got := strings.Join(names, " "); got != "[Content_Types].xml _rels/.rels xl/_rels/workbook.xml.rels xl/styles.xml xl/workbook.xml xl/worksheets/sheet1.xml" {
		t.Errorf("it holds %s", got)
	}
	content, err := archive.Open("xl/worksheets/sheet1.xml")
	must(t, err)
	var read sheet
	must(t, xml.NewDecoder(content).Decode(&read))
	var cells []string
	for _, c := range read.Rows[1].Cells {
		cells = append(cells, strings.Join([]string{c.At, c.Type, c.Style, c.Value + c.Text}, "|"))
	}
	// Noon in Berlin is half a day; the currency's amount is a number, the long number a text.
	want := []string{`A2|inlineStr|3|=1+1 <上海> & "x"`, "B2|||5", "C2|b||1", "D2||1|46056", "E2||2|46023.5", "F2|inlineStr||12345678901234567890"}
	if len(read.Rows) != 2 || !slices.Equal(cells, want) {
		t.Errorf("the cells are\n%q, not\n%q", cells, want)
	}
}

func TestF108AnExportInTheBackgroundWritesTheFileThatAStreamedOneSends(t *testing.T) {
	t.Parallel()
	o := newOrganisation(t)
	u := o.signedIn(t)
	mapping := mappingOf("product", "code", fields{{"field": "name", "column": "name"}, {"field": "code", "column": "code"}})
	var file strings.Builder
	file.WriteString("name,code\n")
	for n := range 600 {
		fmt.Fprintf(&file, "=Product %d,c%03d\n", n, n)
	}
	u.imports("product", mapping, file.String()).is(t, crm.Report{Created: 600})
	r := u.send("POST", "/api/v1/records/product/export", map[string]any{"filter": "code < 'c500'", "sort": []string{"-code"}, "fields": []string{"code", "name"}}).is(http.StatusAccepted)
	job := u.follows(r.text("id"))
	if job.state != "done" {
		t.Fatalf("the job: %s", job.problem)
	}
	done := u.get("/api/v1/jobs/" + job.id)
	if got := string(done.part("report")); got != `{"records":500}` && got != `{"records": 500}` {
		t.Errorf("report %s", got)
	}
	result := u.get(done.text("result")).is(http.StatusOK)
	streamed := u.get("/api/v1/records/product/export?filter=" + url.QueryEscape("code < 'c500'") + "&sort=-code&fields=code,name").is(http.StatusOK)
	if string(result.body) != string(streamed.body) || !strings.HasPrefix(string(result.body), "code,name\nc499,'=Product 499\n") {
		t.Errorf("the job wrote\n%.200s\nand the stream is\n%.200s", result.body, streamed.body)
	}
	if got := result.header.Get("Content-Disposition"); got != "attachment; filename=product.csv" {
		t.Errorf("the file is %q", got)
	}
	u.get("/api/v1/jobs/" + job.id + "/errors").is(http.StatusNotFound)
	u.send("POST", "/api/v1/jobs/"+job.id+"/undo", nil).is(http.StatusConflict)
	for path, body := range map[string]any{
		"filter": map[string]any{"filter": "nme == 'x'"}, "limit": map[string]any{"limit": 5}, "sort": map[string]any{"sort": []string{"nme"}},
		"fields": map[string]any{"fields": []string{"nme"}}, "format": map[string]any{"format": "xlsx"},
	} {
		u.send("POST", "/api/v1/records/product/export", body).is(http.StatusBadRequest).names(path, "")
	}
	u.send("POST", "/api/v1/records/prodct/export", map[string]any{}).is(http.StatusNotFound)
}
