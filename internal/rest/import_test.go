package rest_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kontor-crm/kontor/internal/crm"
)

// imported is what an import answered.
type imported struct {
	status   int
	problem  []byte
	progress int
	failed   []crm.FailedLine
	report   *crm.Report
	err      *struct {
		Status int    `json:"status"`
		Detail string `json:"detail"`
	}
}

func (i *imported) reasons(line int) string {
	for _, f := range i.failed {
		if f.Line == line {
			return strings.Join(f.Reasons, "; ")
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

func (u *user) imports(object string, mapping any, file string) *imported {
	u.t.Helper()
	contentType, body := form(u.t, mapping, strings.NewReader(file))
	r := u.send("POST", "/api/v1/records/"+object+"/import", body, "Content-Type: "+contentType)
	i := &imported{status: r.status}
	if r.status != http.StatusOK {
		i.problem = r.body
		return i
	}
	if got := r.header.Get("Content-Type"); got != "application/x-ndjson" {
		u.t.Errorf("the answer is %q", got)
	}
	for line := range bytes.Lines(r.body) {
		var event struct {
			Progress *crm.Report     `json:"progress"`
			Report   *crm.Report     `json:"report"`
			Failed   *crm.FailedLine `json:"failed"`
			Error    *struct {
				Status int    `json:"status"`
				Detail string `json:"detail"`
			} `json:"error"`
		}
		if err := json.Unmarshal(line, &event); err != nil {
			u.t.Fatalf("%v in %s", err, line)
		}
		switch {
		case event.Progress != nil:
			i.progress++
		case event.Failed != nil:
			i.failed = append(i.failed, *event.Failed)
		default:
			i.report, i.err = event.Report, event.Error
		}
	}
	return i
}

func (i *imported) is(t *testing.T, want crm.Report) {
	t.Helper()
	if i.report == nil || *i.report != want {
		t.Fatalf("report %+v, want %+v; status %d %s %+v; failed %+v", i.report, want, i.status, i.problem, i.err, i.failed)
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

func TestAFileIsImportedAndImportedAgain(t *testing.T) {
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

func TestABadLineFailsAloneAndSaysWhy(t *testing.T) {
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
		3: `product: there is no product whose name is "GTX Max"`, 4: "product: there are 2 records", 5: `close_date: must have a value before the record enters the stage "won"`,
		6: "amount: must be at least 1", 7: "has 2 columns, and the header has 6", 8: "a quote is opened and never closed", 9: "a quote stands inside",
		10: "not valid UTF-8", 11: "deal_id: is the key",
	} {
		if !strings.Contains(i.reasons(line), words) {
			t.Errorf("line %d: %q, want %q", line, i.reasons(line), words)
		}
	}
	if !slices.ContainsFunc(i.failed, func(f crm.FailedLine) bool { return f.Line == 7 && f.Text == "d6,GTX Pro" }) {
		t.Errorf("the text of a failed line is lost: %+v", i.failed)
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
	if i.progress != 2 {
		t.Errorf("%d times progress for two chunks", i.progress)
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
		if i.status != c.status || !strings.Contains(string(i.problem), c.words) {
			t.Errorf("%s: status %d: %s", what, i.status, i.problem)
		}
	}
	if items := u.get("/api/v1/records/product").items(); len(items) != 0 {
		t.Errorf("written: %v", items)
	}
	u.send("POST", "/api/v1/records/product/import", `{}`).is(http.StatusUnsupportedMediaType)
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

func TestThousandsOfLinesTakeSecondsAndStreamTheirProgress(t *testing.T) {
	t.Parallel()
	u := newOrganisation(t).signedIn(t)
	u.create("product", map[string]any{"name": "GTX Pro"})
	const lines = 8800
	// The file is sent only as far as progress comes back: neither side waits for the whole of the other.
	reader, writer := io.Pipe()
	progressed := make(chan struct{}, 100)
	go func() {
		_, _ = io.WriteString(writer, dealHeader)
		for n := range lines {
			if n == 2000 {
				<-progressed
			}
			fmt.Fprintf(writer, "d%d,GTXPro,,Prospecting,,%d\n", n, n%50)
		}
		_ = writer.Close()
	}()
	contentType, body := form(t, dealMapping, reader)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, u.o.api.URL+"/api/v1/records/opportunity/import", body)
	must(t, err)
	request.Host = u.o.host
	request.Header.Set("Content-Type", contentType)
	request.Header.Set("Authorization", "Bearer "+u.token)
	began := now()
	response, err := http.DefaultClient.Do(request)
	must(t, err)
	defer response.Body.Close()
	decoder := json.NewDecoder(response.Body)
	for {
		var event struct {
			Progress *crm.Report `json:"progress"`
			Report   *crm.Report `json:"report"`
		}
		must(t, decoder.Decode(&event))
		if event.Progress != nil {
			select {
			case progressed <- struct{}{}:
			default:
			}
		}
		if event.Report != nil {
			if event.Report.Created != lines {
				t.Errorf("report: %+v", event.Report)
			}
			break
		}
	}
	t.Logf("%d lines in %s", lines, now().Sub(began))
	if took := now().Sub(began); took > time.Minute {
		t.Errorf("%d lines took %s", lines, took)
	}
}
