package workbook_test

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kontor-crm/kontor/internal/fault"
	"github.com/kontor-crm/kontor/internal/workbook"
)

// parts are those of a workbook of one sheet, by name.
type parts map[string]string

const (
	packages    = "http://schemas.openxmlformats.org/package/2006/relationships"
	office      = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
	spreadsheet = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
)

// sheetOf is a workbook whose sheet has these rows.
func sheetOf(rows string) parts {
	return parts{
		"_rels/.rels": `<Relationships xmlns="` + packages + `"><Relationship Id="r1" Type="` + office + `/officeDocument" Target="xl/workbook.xml"/></Relationships>`,
		"xl/_rels/workbook.xml.rels": `<Relationships xmlns="` + packages + `"><Relationship Id="r1" Type="` + office + `/worksheet" Target="worksheets/sheet1.xml"/>` +
			`<Relationship Id="r2" Type="` + office + `/worksheet" Target="/xl/worksheets/sheet2.xml"/><Relationship Id="r3" Type="` + office + `/sharedStrings" Target="sharedStrings.xml"/>` +
			`<Relationship Id="r4" Type="` + office + `/styles" Target="styles.xml"/><Relationship Id="r5" Type="` + office + `/chartsheet" Target="chart.xml"/></Relationships>`,
		"xl/workbook.xml": `<workbook xmlns="` + spreadsheet + `" xmlns:r="` + office + `"><workbookPr/><sheets><sheet name="Chart" sheetId="9" r:id="r5"/>` +
			`<sheet name="Secret" sheetId="2" state="hidden" r:id="r2"/><sheet name="Deals" sheetId="1" r:id="r1"/></sheets></workbook>`,
		"xl/worksheets/sheet1.xml": `<?xml version="1.0" encoding="UTF-8"?><worksheet xmlns="` + spreadsheet + `"><sheetData>` + rows + `</sheetData><mergeCells/></worksheet>`,
		"xl/worksheets/sheet2.xml": `<worksheet><sheetData><row><c t="inlineStr"><is><t>secret</t></is></c></row></sheetData></worksheet>`,
		"xl/sharedStrings.xml": `<sst><si><t>name</t></si><si><r><t xml:space="preserve">two </t></r><r><rPr/><t>runs</t></r><rPh><t>sound</t></rPh></si>` +
			`<si><t>line_x000D_
end &amp; 上海</t></si><si/></sst>`,
		"xl/styles.xml": `<styleSheet><numFmts><numFmt numFmtId="164" formatCode="yyyy\-mm\-dd hh:mm"/><numFmt numFmtId="165" formatCode="[Red]0.00&quot; days&quot;"/>` +
			`<numFmt numFmtId="166" formatCode="[h]:mm"/><numFmt numFmtId="167" formatCode="mmmm"/></numFmts><cellStyleXfs><xf numFmtId="9"/></cellStyleXfs>` +
			`<cellXfs><xf numFmtId="0"/><xf numFmtId="14"/><xf numFmtId="164"/><xf numFmtId="20"/><xf numFmtId="9"/><xf numFmtId="165"/><xf numFmtId="166"/><xf numFmtId="167"/></cellXfs></styleSheet>`,
	}
}

// with is the workbook with another part.
func (p parts) with(name, content string) parts {
	p[name] = content
	return p
}

func (p parts) file(tb testing.TB) []byte {
	tb.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, name := range slices.Sorted(func(yield func(string) bool) {
		for name := range p {
			if !yield(name) {
				return
			}
		}
	}) {
		part, err := w.Create(name)
		if err == nil {
			_, err = io.WriteString(part, p[name])
		}
		if err != nil {
			tb.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

func berlin(tb testing.TB) *time.Location {
	tb.Helper()
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		tb.Fatal(err)
	}
	return zone
}

// read gives "row: cell|cell" of each row, and the header before them.
func read(tb testing.TB, file []byte, sheet string) ([]string, error) {
	tb.Helper()
	book, err := workbook.Open(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		return nil, err
	}
	n, cells, err := book.Header(sheet, berlin(tb))
	if err != nil {
		return nil, err
	}
	found := []string{fmt.Sprintf("%d: %s", n, strings.Join(cells, "|"))}
	err = book.Rows(sheet, berlin(tb), func(n int, cells []string) error {
		found = append(found, fmt.Sprintf("%d: %s", n, strings.Join(cells, "|")))
		return nil
	})
	return found, err
}

func TestASheetIsReadAsItIsShown(t *testing.T) {
	t.Parallel()
	for what, test := range map[string]struct{ row, want string }{
		"a shared text":                  {`<c t="s"><v>0</v></c>`, "name"},
		"a text of several runs":         {`<c t="s"><v>1</v></c>`, "two runs"},
		"escaped characters":             {`<c t="s"><v>2</v></c>`, "line\nend & 上海"},
		"a text in the cell":             {`<c t="inlineStr"><is><t>in</t></is></c><c t="inlineStr"><is><r><t>a</t></r><r><t>b</t></r></is></c>`, "in|ab"},
		"what a formula came to":         {`<c t="str"><f>A1&amp;B1</f><v>sum</v></c><c><f>1+1</f><v>2</v></c>`, "sum|2"},
		"truth":                          {`<c t="b"><v>1</v></c><c t="b"><v>0</v></c>`, "true|false"},
		"an error":                       {`<c t="e"><v>#N/A</v></c>`, "#N/A"},
		"numbers":                        {`<c><v>1</v></c><c><v>0.1</v></c><c><v>1.1000000000000001</v></c><c><v>1E-3</v></c><c><v>1.5E10</v></c><c><v>-12</v></c>`, "1|0.1|1.1|0.001|15000000000|-12"},
		"a long number as it is written": {`<c><v>12345678901234567890</v></c>`, "12345678901234567890"},
		"percents":                       {`<c s="4"><v>0.25</v></c><c s="4"><v>1</v></c>`, "25|100"},
		"days":                           {`<c s="1"><v>45688</v></c><c s="1"><v>1</v></c><c s="1"><v>59</v></c><c s="1"><v>61</v></c><c s="7"><v>45688</v></c>`, "2025-01-31|1900-01-01|1900-02-28|1900-03-01|2025-01-31"},
		"a day that there was not":       {`<c s="1"><v>60</v></c><c s="1"><v>-1</v></c><c s="1"><v>2958466</v></c>`, "60|-1|2958466"},
		"a day as a text":                {`<c t="d"><v>2025-01-31</v></c>`, "2025-01-31"},
		"moments in the zone":            {`<c s="2"><v>45688.5</v></c><c s="2"><v>45853.5</v></c><c s="2"><v>45688.0000115741</v></c>`, "2025-01-31T12:00:00+01:00|2025-07-15T12:00:00+02:00|2025-01-31T00:00:01+01:00"},
		"times":                          {`<c s="3"><v>0.75</v></c><c s="3"><v>0.999988425925926</v></c>`, "18:00:00|23:59:59"},
		"durations":                      {`<c s="6"><v>1.5</v></c>`, "PT129600S"},
		"a number with a unit":           {`<c s="5"><v>3.50</v></c>`, "3.5"},
		"cells that are left out":        {`<c r="B1"><v>1</v></c><c r="D1"><v>2</v></c><c r="E1"/><c r="F1" s="1"/>`, "|1||2"},
		"an empty text":                  {`<c><v>1</v></c><c t="s"><v>3</v></c>`, "1"},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			rows, err := read(t, sheetOf(`<row r="1">`+test.row+`</row>`).file(t), "")
			if err != nil || len(rows) != 2 || rows[0] != "1: "+test.want || rows[1] != "1: "+test.want {
				t.Errorf("read %q (%v), want %q", rows, err, test.want)
			}
		})
	}
}

func TestRowsKeepTheirNumbers(t *testing.T) {
	t.Parallel()
	rows, err := read(t, sheetOf(`<row r="3"><c><v>1</v></c></row><row/><row r="9"><c><v>2</v></c></row>`).file(t), "Deals")
	if err != nil || strings.Join(rows, " ") != "3: 1 3: 1 4:  9: 2" {
		t.Errorf("read %q (%v)", rows, err)
	}
}

func TestASheetIsChosenByItsName(t *testing.T) {
	t.Parallel()
	rows, err := read(t, sheetOf(``).file(t), "Secret")
	if err != nil || len(rows) != 2 || rows[0] != "1: secret" {
		t.Errorf("read %q (%v)", rows, err)
	}
	_, err = read(t, sheetOf(``).file(t), "Nope")
	if !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), `"Deals"`) {
		t.Errorf("a sheet that is not there: %v", err)
	}
	rows, err = read(t, sheetOf(``).file(t), "")
	if err != nil || len(rows) != 1 || rows[0] != "0: " {
		t.Errorf("an empty sheet: %q (%v)", rows, err)
	}
}

func TestDaysMayBeCountedFrom1904(t *testing.T) {
	t.Parallel()
	p := sheetOf(`<row><c s="1"><v>0</v></c><c s="1"><v>44226</v></c></row>`)
	p["xl/workbook.xml"] = strings.Replace(p["xl/workbook.xml"], "<workbookPr/>", `<workbookPr date1904="1"/>`, 1)
	rows, err := read(t, p.file(t), "")
	if err != nil || rows[0] != "1: 1904-01-01|2025-01-31" {
		t.Errorf("read %q (%v)", rows, err)
	}
}

func TestAWorkbookThatIsBrokenOrABombIsRefused(t *testing.T) {
	t.Parallel()
	const cell = `<row><c t="s"><v>0</v></c></row>`
	sheet := func(content string) parts { return sheetOf("").with("xl/worksheets/sheet1.xml", content) }
	without := func(name string) parts {
		p := sheetOf(cell)
		delete(p, name)
		return p
	}
	many := sheetOf(cell)
	for n := range 60_000 {
		many[fmt.Sprintf("xl/a-part-with-a-long-name-that-nobody-needs-%d.xml", n)] = ""
	}
	good := sheetOf(cell).file(t)
	for what, test := range map[string]struct {
		file  []byte
		words string
	}{
		"nothing":                       {nil, "no complete ZIP"},
		"no archive":                    {[]byte("a,b\n1,2\n"), "no complete ZIP"},
		"an archive that breaks off":    {good[:len(good)-30], "no complete ZIP"},
		"an archive of something else":  {parts{"word/document.xml": ""}.file(t), "missing"},
		"far too many parts":            {many.file(t), "far more parts"},
		"no sheet":                      {without("xl/worksheets/sheet1.xml").file(t), "missing"},
		"no shared texts":               {without("xl/sharedStrings.xml").file(t), "missing"},
		"broken XML":                    {sheet(`<worksheet><sheetData><row`).file(t), "broken"},
		"an element that never ends":    {sheet(`<worksheet><sheetData>`).file(t), "broken"},
		"tags that do not fit":          {sheet(`<worksheet></sheetData>`).file(t), "has not begun"},
		"another encoding":              {sheet(`<?xml version="1.0" encoding="UTF-16"?><worksheet/>`).file(t), "broken"},
		"a document type":               {sheet(`<!DOCTYPE x [<!ENTITY a "b">]><worksheet/>`).file(t), "document type"},
		"an entity":                     {sheet(`<worksheet><sheetData><row><c><v>&a;</v></c></row></sheetData></worksheet>`).file(t), "broken"},
		"deep nesting":                  {sheet(strings.Repeat("<a>", 100_000)).file(t), "64 deep"},
		"an endless text":               {sheet(`<worksheet>` + strings.Repeat("x", 2<<20)).file(t), "more than 1048576 bytes"},
		"an endless attribute":          {sheet(`<worksheet a="` + strings.Repeat("x", 2<<20)).file(t), "more than 1048576 bytes"},
		"a bomb":                        {sheet(`<worksheet><sheetData>` + strings.Repeat("<a/>", 6<<20)).file(t), "far longer unpacked"},
		"a text that is not there":      {sheetOf(`<row><c t="s"><v>7</v></c></row>`).file(t), "which there is not"},
		"no number of a text":           {sheetOf(`<row><c t="s"><v>x</v></c></row>`).file(t), "which there is not"},
		"rows that go back":             {sheetOf(`<row r="5"/><row r="4"/>`).file(t), "follows the row 5"},
		"a row that is far away":        {sheetOf(`<row r="1048577"/>`).file(t), "more than 1048576 rows"},
		"a column that is far away":     {sheetOf(`<row><c r="ZZZZZZZZ1"/></row>`).file(t), "more than 16384 columns"},
		"a cell at no place":            {sheetOf(`<row><c r="7"/></row>`).file(t), "wrong place"},
		"cells that go back":            {sheetOf(`<row><c r="B1"/><c r="A1"/></row>`).file(t), "wrong place"},
		"a text in many small pieces":   {sheetOf(`<row><c><v>` + strings.Repeat("x<!-- -->", 2<<20) + `</v></c></row>`).file(t), "bytes"},
		"an unknown way of compression": {strangelyPacked(t), "packed in an unknown way"},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			rows, err := read(t, test.file, "")
			if !fault.Is(err, fault.Malformed) || !strings.Contains(err.Error(), test.words) {
				t.Errorf("%.200q, %v; want words %q", rows, err, test.words)
			}
		})
	}
}

// strangelyPacked is a workbook whose parts are packed by no known method.
func strangelyPacked(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	_, err := w.CreateRaw(&zip.FileHeader{Name: "_rels/.rels", Method: 99})
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

type failing struct {
	*bytes.Reader
	from int64
}

var errDisk = errors.New("the disk is gone")

func (f failing) ReadAt(p []byte, at int64) (int, error) {
	if at < f.from {
		return 0, errDisk
	}
	return f.Reader.ReadAt(p, at)
}

func TestWhatTheFileFailsWithIsNotPutDownToTheWorkbook(t *testing.T) {
	t.Parallel()
	file := sheetOf(`<row><c t="s"><v>0</v></c></row>`).file(t)
	for _, from := range []int64{int64(len(file)), int64(len(file)) / 2} {
		book, err := workbook.Open(failing{bytes.NewReader(file), from}, int64(len(file)))
		if err == nil {
			err = book.Rows("", time.UTC, func(int, []string) error { return nil })
		}
		if !errors.Is(err, errDisk) || fault.Is(err, fault.Malformed) {
			t.Errorf("from %d on: %v", from, err)
		}
	}
}

func FuzzAWorkbookNeverHarmsItsReader(f *testing.F) {
	f.Add(`<row r="1"><c r="A1" t="s"><v>0</v></c><c s="2"><v>45688.5</v></c></row>`, `<sst><si><t>a_x000D_</t></si></sst>`, "yyyy-mm")
	f.Add(`<row><c t="inlineStr"><is><r><t>x</t></r></is></c><c t="b"><v>1</v></c></row>`, "", `[h]:mm;"`)
	f.Add(`<row r="1048576"><c r="XFD1048576"><v>1e308</v></c></row>`, "<sst/>", `\`)
	f.Fuzz(func(t *testing.T, rows, shared, format string) {
		p := sheetOf(rows).with("xl/sharedStrings.xml", shared)
		p["xl/styles.xml"] = strings.Replace(p["xl/styles.xml"], "mmmm", format, 1)
		found, err := read(t, p.file(t), "")
		if err != nil && !fault.Is(err, fault.Malformed) {
			t.Fatalf("%q: %v", rows, err)
		}
		if err == nil && len(found) > 1 && !strings.HasPrefix(found[0], "0: ") && !slices.Contains(found[1:], found[0]) {
			t.Errorf("the header %q is none of the rows %q", found[0], found[1:])
		}
	})
}

func FuzzAnArchiveNeverHarmsItsReader(f *testing.F) {
	f.Add(sheetOf(`<row><c t="s"><v>0</v></c></row>`).file(f))
	f.Fuzz(func(t *testing.T, file []byte) {
		if _, err := read(t, file, ""); err != nil && !fault.Is(err, fault.Malformed) {
			t.Fatal(err)
		}
	})
}
