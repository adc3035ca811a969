package rest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/kontor-crm/kontor/internal/crm"
)

// imported is what became of an import: refused at once, or a job that has ended.
type imported struct {
	status  int
	problem []byte
	id      string
	state   string
	failed  []failedLine
	report  *crm.Report
	// errors is the file of failed lines.
	errors string
}

// failedLine is a line of the file of failed lines.
type failedLine struct {
	line    int
	reasons string
}

func (i *imported) reasons(line int) string {
	for _, f := range i.failed {
		if f.line == line {
			return f.reasons
		}
	}
	return ""
}

// form is a form with a mapping and a file.
func form(t *testing.T, mapping any, file io.Reader) (contentType string, body io.Reader) {
	t.Helper()
	encoded, ok := mapping.(string)
	if !ok {
		text, err := json.Marshal(mapping)
		must(t, err)
		encoded = string(text)
	}
	reader, writer := io.Pipe()
	parts := multipart.NewWriter(writer)
	go func() {
		part, err := parts.CreateFormField("mapping")
		if err == nil {
			_, err = io.WriteString(part, encoded)
		}
		if err == nil {
			part, err = parts.CreateFormFile("file", "x.csv")
		}
		if err == nil {
			_, err = io.Copy(part, file)
		}
		if err == nil {
			err = parts.Close()
		}
		writer.CloseWithError(err)
	}()
	return parts.FormDataContentType(), reader
}

// imports sends a file and waits for the end of its job.
func (u *user) imports(object string, mapping any, file string) *imported {
	u.t.Helper()
	return u.importsWith("", object, mapping, file)
}

func (u *user) importsWith(parameters, object string, mapping any, file string) *imported {
	u.t.Helper()
	contentType, body := form(u.t, mapping, strings.NewReader(file))
	r := u.send("POST", "/api/v1/records/"+object+"/import"+parameters, body, "Content-Type: "+contentType)
	if r.status != http.StatusAccepted {
		return &imported{status: r.status, problem: r.body}
	}
	if got := r.header.Get("Location"); got != "/api/v1/jobs/"+r.text("id") {
		u.t.Errorf("the job is at %q", got)
	}
	return u.follows(r.text("id"))
}

var failedTail = regexp.MustCompile(`"line (\d+): ((?:[^"]|"")*)"\n`)

// follows waits for the end of a job and reads what failed.
func (u *user) follows(id string) *imported {
	u.t.Helper()
	i := &imported{status: http.StatusAccepted, id: id}
	var job struct {
		State  string      `json:"state"`
		Report *crm.Report `json:"report"`
		Errors string      `json:"errors"`
		Done   int64       `json:"done"`
		Total  int64       `json:"total"`
	}
	eventually(u.t, func() bool {
		r := u.get("/api/v1/jobs/" + id + "?wait=10").is(http.StatusOK)
		must(u.t, json.Unmarshal(r.body, &job))
		i.problem = r.body
		return job.State != "queued" && job.State != "running"
	})
	i.state, i.report = job.State, job.Report
	if job.State == "done" && job.Done < job.Total {
		u.t.Errorf("the job is done at %d of %d", job.Done, job.Total)
	}
	if job.Errors != "" {
		r := u.get(job.Errors).is(http.StatusOK)
		if got := r.header.Get("Content-Disposition"); !strings.HasPrefix(got, "attachment; filename=") {
			u.t.Errorf("the file of failed lines is %q", got)
		}
		i.errors = string(r.body)
		for _, found := range failedTail.FindAllStringSubmatch(i.errors, -1) {
			line, err := strconv.Atoi(found[1])
			must(u.t, err)
			i.failed = append(i.failed, failedLine{line, strings.ReplaceAll(found[2], `""`, `"`)})
		}
	}
	return i
}

func (i *imported) is(t *testing.T, want crm.Report) {
	t.Helper()
	if i.report == nil {
		t.Fatalf("no report, status %d %s", i.status, i.problem)
	}
	got := *i.report
	got.Failures = nil
	if i.state != "done" || !reflect.DeepEqual(got, want) {
		t.Fatalf("%s, report %+v, want %+v: %s; failed %+v", i.state, got, want, i.problem, i.failed)
	}
}

type fields []map[string]any

func mappingOf(object, key string, f fields) map[string]any {
	m := map[string]any{"object": object, "fields": f}
	if key != "" {
		m["key"] = key
	}
	return m
}

var dealMapping = mappingOf("opportunity", "deal_id", fields{
	{"field": "deal_id", "column": "id"},
	{"field": "name", "column": "id"},
	{"field": "product", "column": "product", "aliases": map[string]string{"GTXPro": "GTX Pro"}, "lookup": "name"},
	{"field": "customer", "column": "account", "lookup": "name"},
	{"field": "stage", "column": "stage", "aliases": map[string]string{"Prospecting": "prospecting", "Won": "won", "Lost": "lost"}},
	{"field": "close_date", "column": "closed"},
	{"field": "amount", "column": "value", "nulls": []string{"0"}},
	{"field": "currency", "value": "USD"},
})

const dealHeader = "id,product,account,stage,closed,value\n"

func TestF107AFileIsImportedAndImportedAgain(t *testing.T) {
	t.Parallel()
	o := newOrganisation(t)
	u := o.signedIn(t)
	u.create("product", map[string]any{"name": "GTX Pro"})
	u.create("customer", map[string]any{"name": "Acme, Inc."})
	file := dealHeader +
		"d1,GTXPro,\"Acme, Inc.\",Won,2017-03-01,1054\r\n" +
		"d2,GTX Pro,,Lost,2017-03-11,0\n" +
		"\n" +
		"d3,GTX Pro,,Prospecting,,\n"
	u.imports("opportunity", dealMapping, file).is(t, crm.Report{Created: 3})
	u.imports("opportunity", dealMapping, file).is(t, crm.Report{Unchanged: 3})
	items := u.get("/api/v1/records/opportunity?sort=name&fields=name,amount,currency,stage,probability,customer.name,product.name,version").items()
	if len(items) != 3 || items[0]["amount"] != "1054" || items[0]["currency"] != "USD" || items[0]["probability"] != "100" ||
		items[1]["amount"] != nil || items[1]["stage"] != "lost" || items[1]["customer"] != nil || items[2]["version"] != json.Number("1") {
		t.Errorf("imported: %v", items)
	}
	if c, _ := items[0]["customer"].(map[string]any); c["name"] != "Acme, Inc." {
		t.Errorf("the customer: %v", items[0]["customer"])
	}
	u.imports("opportunity", dealMapping, dealHeader+"d3,GTX Pro,,Won,2017-05-05,7\nd4,,,,,\n").is(t, crm.Report{Created: 1, Updated: 1})
	var history string
	o.sql(t, `SELECT string_agg(operation || ':' || channel || ':' || n, ',' ORDER BY operation) FROM
		(SELECT operation, channel, count(*) AS n FROM kontor.history WHERE object = 'opportunity' GROUP BY 1, 2) AS h`, &history)
	if history != "create:import:4,update:import:1" {
		t.Errorf("the history: %s", history)
	}
}

func TestF107ABadLineFailsAloneAndSaysWhy(t *testing.T) {
	t.Parallel()
	u := newOrganisation(t).signedIn(t)
	u.create("product", map[string]any{"name": "GTX Pro"})
	u.create("product", map[string]any{"name": "Twin"})
	u.create("product", map[string]any{"name": "Twin"})
	i := u.imports("opportunity", dealMapping, dealHeader+
		"d1,GTX Pro,,Prospecting,,\n"+ // 2
		"d2,GTX Max,,Prospecting,,\n"+ // 3
		"d3,Twin,,Prospecting,,\n"+ // 4
		"d4,GTX Pro,,Won,,1054\n"+ // 5
		"d5,GTX Pro,,Prospecting,yesterday,-4\n"+ // 6
		"d6,GTX Pro\n"+ // 7
		"d7,\"GTX Pro,,Prospecting,,\n"+ // 8
		"d8,GTX \"Pro\",,Prospecting,,\n"+ // 9
		"d9,GTX Pro\xff,,Prospecting,,\n"+ // 10
		",GTX Pro,,Prospecting,,\n"+ // 11
		"d10,GTX Pro,,Prospecting,,\n") // 12
	i.is(t, crm.Report{Created: 2, Failed: 9})
	for line, words := range map[int]string{
		3: `product: there is no product whose name is "GTX Max"`, 4: "product: there are several records", 5: `close_date: must have a value before the record enters the stage "won"`,
		6: "amount: must be at least 1", 7: "has 2 columns, and the header has 6", 8: "a quote is opened and never closed", 9: "a quote stands inside",
		10: "not valid UTF-8", 11: "deal_id: is the key",
	} {
		if !strings.Contains(i.reasons(line), words) {
			t.Errorf("line %d: %q, want %q", line, i.reasons(line), words)
		}
	}
	if !strings.HasPrefix(i.errors, strings.TrimSuffix(dealHeader, "\n")+",failure\nd2,GTX Max,,Prospecting,,,\"line 3: ") ||
		!strings.Contains(i.errors, "\nd6,GTX Pro,\"line 7: has 2 columns") {
		t.Errorf("the file of failed lines:\n%s", i.errors)
	}
	if len(i.report.Failures) != 9 || i.report.Failures[0].Line != 3 {
		t.Errorf("the report tells %+v", i.report.Failures)
	}
}

func TestWhatTheDatabaseRefusesFailsAloneToo(t *testing.T) {
	t.Parallel()
	u := newOrganisation(t).signedIn(t)
	u.create("product", map[string]any{"name": "taken", "code": "c3"})
	mapping := mappingOf("product", "", fields{{"field": "name", "column": "name"}, {"field": "code", "column": "code"}})
	var file strings.Builder
	file.WriteString("name,code\n")
	for n := range 700 {
		fmt.Fprintf(&file, "p%d,c%d\n", n, n%650)
	}
	i := u.imports("product", mapping, file.String())
	i.is(t, crm.Report{Created: 649, Failed: 51})
	if got := i.reasons(5); got != "code: another product has this value" {
		t.Errorf("line 5: %q", got)
	}
	if len(i.failed) != 51 || len(i.report.Failures) != 10 {
		t.Errorf("the file has %d failed lines, the report tells %d", len(i.failed), len(i.report.Failures))
	}
}

func TestTheSameKeyTwiceMakesOneRecord(t *testing.T) {
	t.Parallel()
	u := newOrganisation(t).signedIn(t)
	mapping := mappingOf("product", "code", fields{{"field": "name", "column": "name"}, {"field": "code", "column": "code"}})
	u.imports("product", mapping, "name,code\none,a\n"+strings.Repeat("second,a\n", 2)).is(t, crm.Report{Created: 1, Updated: 1, Unchanged: 1})
	items := u.get("/api/v1/records/product").items()
	if len(items) != 1 || items[0]["name"] != "second" || items[0]["version"] != json.Number("2") {
		t.Errorf("the product: %v", items)
	}
}

func TestALineFindsWhatTheLinesBeforeItMakeAndChange(t *testing.T) {
	t.Parallel()
	o := newOrganisation(t, trees)
	u := o.signedIn(t)
	const kind = "tree_clear"
	by := func(lookup, key string) map[string]any {
		return mappingOf(kind, key, fields{
			{"field": "code", "column": "code"}, {"field": "name", "column": "name"}, {"field": "parent", "column": "parent", "lookup": lookup},
		})
	}
	refused := func(i *imported, lines map[int]string) {
		t.Helper()
		if len(i.failed) != len(lines) {
			t.Errorf("%d lines failed, want %d: %v", len(i.failed), len(lines), i.failed)
		}
		for line, reason := range lines {
			if !strings.Contains(i.reasons(line), reason) {
				t.Errorf("line %d fails with %q, want %q", line, i.reasons(line), reason)
			}
		}
	}
	parents := func() (found string) {
		o.sql(t, "SELECT string_agg(concat_ws('<', t.code, p.code), ' ' ORDER BY t.code) FROM crm."+kind+" AS t LEFT JOIN crm."+kind+" AS p ON p.id = t.parent_id", &found)
		return found
	}

	first := u.imports(kind, by("code", "code"), "code,name,parent\nroot,Root,\na,A,root\nb,B,a\nself,Self,self\nc,C,late\nlate,Late,b\nd,D,c\na,A,b\n")
	refused(first, map[int]string{5: `no tree_clear whose code is "self"`, 6: `no tree_clear whose code is "late"`, 8: `no tree_clear whose code is "c"`})
	if got := parents(); got != "a<b b<a late<b root" {
		t.Errorf("the tree is %q", got)
	}

	// What the database refuses makes nothing that could be found.
	second := u.imports(kind, by("name", ""), "code,name,parent\nx,Once,\nx,Twice,\ny,Y,Once\nz,Z,Twice\n")
	refused(second, map[int]string{3: "", 5: `no tree_clear whose name is "Twice"`})

	third := u.imports(kind, by("name", "code"), "code,name,parent\nroot,Stem,\na,A,Stem\nb,B,Root\nt1,Twin,\nt2,Twin,\nchild,Child,Twin\nt2,Other,\nchild,Child,Twin\n")
	refused(third, map[int]string{4: `no tree_clear whose name is "Root"`, 7: `several records of tree_clear whose name is "Twin"`})
	if got := parents(); got != "a<root b<a child<t1 late<b root t1 t2 x y<x" {
		t.Errorf("the tree is %q", got)
	}
}

func TestAFileThatCannotBeReadWritesNothing(t *testing.T) {
	t.Parallel()
	u := newOrganisation(t).signedIn(t)
	good := fields{{"field": "name", "column": "name"}}
	for what, c := range map[string]struct {
		mapping any
		file    string
		status  int
		words   string
	}{
		"a missing column":        {mappingOf("product", "", fields{{"field": "name", "column": "title"}}), "name\nA\n", 422, `the file has no column \"title\"; it has name`},
		"an unknown field":        {mappingOf("product", "", fields{{"field": "anme", "column": "name"}}), "name\nA\n", 422, `did you mean \"name\"`},
		"a field of the system":   {mappingOf("product", "", fields{{"field": "version", "column": "name"}}), "name\nA\n", 422, "set by the system"},
		"a key that is not one":   {mappingOf("product", "name", good), "name\nA\n", 422, "not unique"},
		"a key that is missing":   {mappingOf("product", "code", good), "name\nA\n", 422, "not among the mapped"},
		"a lookup of no relation": {mappingOf("product", "", fields{{"field": "name", "column": "name", "lookup": "code"}}), "name\nA\n", 422, "is no relation"},
		"a lookup of texts":       {mappingOf("opportunity", "", fields{{"field": "customer", "column": "name", "lookup": "tags"}}), "name\nA\n", 422, "cannot be looked up"},
		"a column that is twice":  {mappingOf("product", "", good), "name,code,name\nA,b,C\n", 422, "two columns"},
		"a field mapped twice":    {mappingOf("product", "", fields{{"field": "name", "column": "name"}, {"field": "name", "value": "x"}}), "name\nA\n", 422, "mapped twice"},
		"another object":          {mappingOf("customer", "", good), "name\nA\n", 422, "object"},
		"no fields":               {mappingOf("product", "", nil), "name\nA\n", 422, "fields"},
		"an unknown setting":      {`{"object":"product","feilds":[]}`, "name\nA\n", 400, "feilds"},
		"a mapping in YAML":       {`object: product`, "name\nA\n", 400, "mapping"},
		"an empty file":           {mappingOf("product", "", good), "", 422, "empty"},
		"UTF-16":                  {mappingOf("product", "", good), "\xff\xfen\x00a\x00", 400, "UTF-16"},
		"a header in Latin-1":     {mappingOf("product", "", good), "n\xe4me\nA\n", 422, "UTF-8"},
		"an unknown object":       {mappingOf("prodct", "", good), "name\nA\n", 422, ""},
	} {
		object := "product"
		if what == "a lookup of texts" {
			object = "opportunity"
		}
		i := u.imports(object, c.mapping, c.file)
		if i.state != "" {
			t.Errorf("%s: a job was made", what)
		}
		if i.status != c.status || !strings.Contains(string(i.problem), c.words) {
			t.Errorf("%s: status %d: %s", what, i.status, i.problem)
		}
	}
	if items := u.get("/api/v1/records/product").items(); len(items) != 0 {
		t.Errorf("written: %v", items)
	}
	u.send("POST", "/api/v1/records/product/import", "name\nA\n", "Content-Type: text/csv").is(http.StatusUnsupportedMediaType)
	u.send("POST", "/api/v1/records/prodct/import", strings.NewReader(""), "Content-Type: multipart/form-data; boundary=x").is(http.StatusBadRequest)
}

func TestAFileMayBeginWithAMarkAndUseAnotherDelimiter(t *testing.T) {
	t.Parallel()
	u := newOrganisation(t).signedIn(t)
	mapping := mappingOf("product", "", fields{{"field": "name", "column": "name"}, {"field": "code", "column": "code"}})
	mapping["delimiter"] = ";"
	u.imports("product", mapping, "\xef\xbb\xbfname;code\n\"Zwei\nZeilen; \"\"so\"\"\";x\n").is(t, crm.Report{Failed: 1})
	u.imports("product", mapping, "\xef\xbb\xbfname;code\n\"Kommt; \"\"so\"\"\";x\n").is(t, crm.Report{Created: 1})
	if got := u.get("/api/v1/records/product").items()[0]["name"]; got != `Kommt; "so"` {
		t.Errorf("the name is %q", got)
	}
}

func TestF107ADryRunDecidesEverythingAndWritesNothing(t *testing.T) {
	t.Parallel()
	o := newOrganisation(t)
	u := o.signedIn(t)
	u.create("product", map[string]any{"name": "old", "code": "a"})
	u.create("product", map[string]any{"name": "same", "code": "b"})
	mapping := mappingOf("product", "code", fields{{"field": "name", "column": "name"}, {"field": "code", "column": "code"}})
	file := "name,code\nnew,a\nsame,b\nfresh,c\n,d\n"
	dry := u.importsWith("?dryRun=true", "product", mapping, file)
	dry.is(t, crm.Report{Created: 1, Updated: 1, Unchanged: 1, Failed: 1})
	if !strings.Contains(dry.errors, ",d,\"line 5: name: is required\"") {
		t.Errorf("the failed lines of the dry run:\n%s", dry.errors)
	}
	var names, history string
	o.sql(t, `SELECT string_agg(name || ':' || version, ',' ORDER BY code) FROM crm.product`, &names)
	o.sql(t, `SELECT count(*)::text FROM kontor.history WHERE channel = 'import'`, &history)
	if names != "old:1,same:1" || history != "0" {
		t.Errorf("the dry run wrote %s, history %s", names, history)
	}
	if r := u.get("/api/v1/jobs/" + dry.id); r.object()["dryRun"] != true {
		t.Errorf("the job: %s", r.body)
	}
	u.send("POST", "/api/v1/jobs/"+dry.id+"/undo", nil).is(http.StatusConflict)
	u.imports("product", mapping, file).is(t, crm.Report{Created: 1, Updated: 1, Unchanged: 1, Failed: 1})
}

func TestF107AnImportIsUndoneButForWhatWasChangedSince(t *testing.T) {
	t.Parallel()
	o := newOrganisation(t)
	u := o.signedIn(t)
	customer := u.create("customer", map[string]any{"name": "Acme"})
	kept := u.create("opportunity", map[string]any{"name": "kept", "deal_id": "k", "stage": "engaging", "amount": 5, "customer": customer})
	touched := u.create("opportunity", map[string]any{"name": "touched", "deal_id": "t"})
	mapping := mappingOf("opportunity", "deal_id", fields{
		{"field": "deal_id", "column": "id"},
		{"field": "name", "column": "name"},
		{"field": "stage", "column": "stage"},
		{"field": "amount", "column": "amount"},
		{"field": "close_date", "column": "closed"},
		{"field": "customer", "column": "customer"},
	})
	done := u.imports("opportunity", mapping, "id,name,stage,amount,closed,customer\n"+
		"k,other,won,7,2026-01-02,\nk,third,won,8,2026-01-02,\nt,touched too,prospecting,,,\nn1,new,prospecting,,,\nn2,new too,prospecting,,,\n")
	done.is(t, crm.Report{Created: 2, Updated: 3})
	u.send("PATCH", "/api/v1/records/opportunity/"+touched, map[string]any{"hot": true}).is(http.StatusOK)
	again := u.get("/api/v1/records/opportunity?filter=deal_id=='n2'").items()[0]
	u.send("DELETE", "/api/v1/records/opportunity/"+again["id"].(string), nil).is(http.StatusNoContent)
	r := u.send("POST", "/api/v1/jobs/"+done.id+"/undo", nil).is(http.StatusAccepted)
	undo := u.follows(r.text("id"))
	var report crm.UndoReport
	must(t, json.Unmarshal(u.get("/api/v1/jobs/"+undo.id).part("report"), &report))
	if undo.state != "done" || report != (crm.UndoReport{Deleted: 1, Restored: 1, Failed: 2}) {
		t.Fatalf("undone: %+v %s", report, undo.problem)
	}
	for _, words := range []string{"object,id,failure\n", "opportunity," + touched + `,"was changed since"`, "opportunity," + again["id"].(string) + `,"was deleted since"`} {
		if !strings.Contains(undo.errors, words) {
			t.Errorf("what could not be undone:\n%s\nwant %s", undo.errors, words)
		}
	}
	record := u.get("/api/v1/records/opportunity/" + kept).object()
	if record["name"] != "kept" || record["stage"] != "engaging" || record["amount"] != "5" || record["close_date"] != nil || record["customer"] != customer || record["probability"] != "40" {
		t.Errorf("the changed record is now %v", record)
	}
	if items := u.get("/api/v1/records/opportunity?sort=name").items(); len(items) != 2 {
		t.Errorf("left: %v", items)
	}
	u.send("POST", "/api/v1/jobs/"+done.id+"/undo", nil).is(http.StatusConflict)
	u.send("POST", "/api/v1/jobs/"+undo.id+"/undo", nil).is(http.StatusConflict)
	var history string
	o.sql(t, `SELECT string_agg(operation || n, ',' ORDER BY operation) FROM (SELECT operation, count(*) AS n FROM kontor.history WHERE channel = 'undo' GROUP BY 1) AS h`, &history)
	if history != "delete1,update1" {
		t.Errorf("the history of the undoing: %s", history)
	}
}

func TestAnImportMayNameAFileThatIsThereAlready(t *testing.T) {
	t.Parallel()
	u := newOrganisation(t).signedIn(t)
	mapping := mappingOf("product", "code", fields{{"field": "name", "column": "name"}, {"field": "code", "column": "code"}})
	file := u.send("POST", "/api/v1/files?name=p.csv", strings.NewReader("name,code\nA,a\n")).is(http.StatusCreated).text("id")
	for range 2 {
		r := u.send("POST", "/api/v1/records/product/import", map[string]any{"file": file, "mapping": mapping, "dryRun": true}).is(http.StatusAccepted)
		u.follows(r.text("id")).is(t, crm.Report{Created: 1})
	}
	r := u.send("POST", "/api/v1/records/product/import", map[string]any{"file": file, "mapping": mapping}).is(http.StatusAccepted)
	u.follows(r.text("id")).is(t, crm.Report{Created: 1})
	for what, c := range map[string]struct {
		body   any
		status int
		path   string
	}{
		"no file":              {map[string]any{"mapping": mapping}, 422, "file"},
		"no mapping":           {map[string]any{"file": file}, 422, "mapping"},
		"a file that is gone":  {map[string]any{"file": "01890000-0000-7000-8000-000000000000", "mapping": mapping}, 422, "file"},
		"a file that is none":  {map[string]any{"file": "x", "mapping": mapping}, 422, "file"},
		"a number for a file":  {map[string]any{"file": 7, "mapping": mapping}, 422, "file"},
		"a text for a mapping": {map[string]any{"file": file, "mapping": "x"}, 422, "mapping"},
		"a text for a truth":   {map[string]any{"file": file, "mapping": mapping, "dryRun": "yes"}, 422, "dryRun"},
		"a slip of the pen":    {map[string]any{"file": file, "mapping": mapping, "dryrun": true}, 422, "dryrun"},
	} {
		if r := u.send("POST", "/api/v1/records/product/import", c.body); r.status != c.status || !strings.Contains(string(r.body), `"path":"`+c.path+`"`) {
			t.Errorf("%s: status %d: %s", what, r.status, r.body)
		}
	}
}

func TestAnUploadThatBreaksOffLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	o := newOrganisation(t)
	u := o.signedIn(t)
	for path, contentType := range map[string]string{
		"/api/v1/files?name=x": "application/octet-stream", "/api/v1/records/product/import": "",
	} {
		reader, writer := io.Pipe()
		body, kind := io.Reader(reader), contentType
		if kind == "" {
			kind, body = form(t, mappingOf("product", "", fields{{"field": "name", "column": "name"}}), reader)
		}
		ctx, cancel := context.WithCancel(t.Context())
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, u.o.api.URL+path, body)
		must(t, err)
		request.Host = u.o.host
		request.Header.Set("Content-Type", kind)
		request.Header.Set("Authorization", "Bearer "+u.token)
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			if response, err := http.DefaultClient.Do(request); err == nil {
				t.Errorf("%s: answered %s", path, response.Status)
				_ = response.Body.Close()
			}
		}()
		_, err = io.WriteString(writer, "name\n"+strings.Repeat("a product\n", 100_000))
		must(t, err)
		var files int
		eventually(t, func() bool { o.sql(t, `SELECT count(*) FROM kontor.file_chunk`, &files); return files > 0 })
		cancel()
		_ = writer.CloseWithError(context.Canceled)
		<-ended
		eventually(t, func() bool { o.sql(t, `SELECT count(*) FROM kontor.file`, &files); return files == 0 })
		o.sql(t, `SELECT count(*) FROM kontor.job`, &files)
		if files != 0 {
			t.Errorf("%s: %d jobs", path, files)
		}
	}
}

func TestJobsAreListedAPageAtATime(t *testing.T) {
	t.Parallel()
	u := newOrganisation(t).signedIn(t)
	mapping := mappingOf("product", "", fields{{"field": "name", "column": "name"}})
	ids := []string{}
	for range 3 {
		ids = append(ids, u.imports("product", mapping, "name\nA\n").id)
	}
	first := u.get("/api/v1/jobs?limit=2")
	if items := first.items(); len(items) != 2 || items[0]["id"] != ids[2] || items[1]["id"] != ids[1] {
		t.Errorf("the first page: %s", first.body)
	}
	if rest := u.get("/api/v1/jobs?limit=2&after=" + first.text("next")); len(rest.items()) != 1 || rest.text("next") != "" {
		t.Errorf("the second page: %s", rest.body)
	}
	u.get("/api/v1/jobs/" + ids[0] + "/errors").is(http.StatusNotFound)
	u.send("POST", "/api/v1/jobs/"+ids[0]+"/cancel", nil).is(http.StatusConflict)
	for _, path := range []string{"/api/v1/jobs?limit=0", "/api/v1/jobs?limit=201", "/api/v1/jobs?limit=x", "/api/v1/jobs?after=x", "/api/v1/jobs?kind=import", "/api/v1/jobs/" + ids[0] + "?wait=31", "/api/v1/jobs/" + ids[0] + "?wait=1&wait=2"} {
		u.get(path).is(http.StatusBadRequest)
	}
	for _, path := range []string{"/api/v1/jobs/x", "/api/v1/jobs/01890000-0000-7000-8000-000000000000", "/api/v1/jobs/%ff", "/api/v1/jobs/x/errors"} {
		u.get(path).is(http.StatusNotFound)
	}
	newUser(t, u.o).get("/api/v1/jobs").is(http.StatusUnauthorized)
}
