package rest

import (
	"archive/zip"
	"bufio"
	"encoding/xml"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"

	"github.com/kontor-crm/kontor/internal/crm"
	"github.com/kontor-crm/kontor/internal/query"
	"github.com/kontor-crm/kontor/internal/schema"
)

// The bounds of a workbook.
const (
	maxSheetRows = 1 << 20 // the header is one of them
	maxCell      = 32_767  // in units of UTF-16
	maxDigits    = 15      // of a number that a spreadsheet keeps
)

// The styles of cells, as places in xlsxStyles.
const (
	stylePlain = iota
	styleDate
	styleTime
	styleText // shown as it is, whatever it begins with
	styleHeader
)

// xlsxTable is a workbook that is written as it goes: a spreadsheet is a ZIP of XML,
// and neither needs to be known to its end. (Libraries keep it in memory or in a
// temporary file; a server has little of the one and, in a cluster, none of the
// other.) What does not fit on a sheet continues on the next one. Texts are typed as
// such, so that none is ever computed; one that is too long for a cell is cut.
type xlsxTable struct {
	archive *zip.Writer
	zone    *time.Location
	columns []query.Column
	header  []string
	letters []string

	most   int // rows of a sheet
	sheets int
	rows   int // of the sheet that is open
	sheet  io.Writer
	line   []byte
}

func newXLSXTable(w *bufio.Writer, zone string) *xlsxTable {
	location, err := time.LoadLocation(zone)
	if err != nil { // the compiler of the schema has seen to it that there is one
		location = time.UTC
	}
	return &xlsxTable{archive: zip.NewWriter(w), zone: location, most: maxSheetRows}
}

func (t *xlsxTable) Begin(columns []query.Column, header []string) error {
	t.columns, t.header = columns, header
	for i := range columns {
		t.letters = append(t.letters, columnLetters(i))
	}
	return t.openSheet()
}

// columnLetters is the name of a column: A to Z, AA, AB, …
func columnLetters(i int) string {
	letters := ""
	for ; i >= 0; i = i/26 - 1 {
		letters = string(rune('A'+i%26)) + letters
	}
	return letters
}

const (
	xmlHead   = `<?xml version="1.0" encoding="UTF-8" standalone="yes"?>` + "\n"
	xmlMain   = `xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"`
	sheetHead = xmlHead + `<worksheet ` + xmlMain + `><sheetViews><sheetView workbookViewId="0">` +
		`<pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/></sheetView></sheetViews><sheetData>`
	sheetEnd   = `</sheetData></worksheet>`
	xlsxStyles = xmlHead + `<styleSheet ` + xmlMain + `><numFmts count="2"><numFmt numFmtId="164" formatCode="yyyy\-mm\-dd"/>` +
		`<numFmt numFmtId="165" formatCode="yyyy\-mm\-dd\ hh:mm:ss"/></numFmts>` +
		`<fonts count="2"><font><sz val="11"/><name val="Calibri"/></font><font><b/><sz val="11"/><name val="Calibri"/></font></fonts>` +
		`<fills count="2"><fill><patternFill patternType="none"/></fill><fill><patternFill patternType="gray125"/></fill></fills>` +
		`<borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border></borders>` +
		`<cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs><cellXfs count="5">` +
		`<xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0"/>` +
		`<xf numFmtId="164" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>` +
		`<xf numFmtId="165" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>` +
		`<xf numFmtId="49" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1" quotePrefix="1"/>` +
		`<xf numFmtId="0" fontId="1" fillId="0" borderId="0" xfId="0" applyFont="1"/></cellXfs></styleSheet>`
	xlsxRelation = `http://schemas.openxmlformats.org/officeDocument/2006/relationships`
	xlsxType     = `application/vnd.openxmlformats-officedocument.spreadsheetml.`
)

func (t *xlsxTable) openSheet() error {
	t.sheets++
	t.rows = 0
	var err error
	if t.sheet, err = t.archive.Create("xl/worksheets/sheet" + strconv.Itoa(t.sheets) + ".xml"); err != nil {
		return err
	}
	if _, err := io.WriteString(t.sheet, sheetHead); err != nil {
		return err
	}
	t.beginRow()
	for i, name := range t.header {
		t.text(i, name, styleHeader)
	}
	return t.endRow()
}

func (t *xlsxTable) Row(row [][]byte) error {
	if t.rows == t.most {
		if _, err := io.WriteString(t.sheet, sheetEnd); err != nil {
			return err
		}
		if err := t.openSheet(); err != nil {
			return err
		}
	}
	t.beginRow()
	for i, value := range row[:len(t.columns)] { // what a row has beyond the columns is not for the user
		if value != nil {
			t.value(i, t.columns[i].Field, value)
		}
	}
	return t.endRow()
}

func (t *xlsxTable) beginRow() {
	t.rows++
	t.line = append(strconv.AppendInt(append(t.line[:0], `<row r="`...), int64(t.rows), 10), `">`...)
}

func (t *xlsxTable) endRow() error {
	t.line = append(t.line, `</row>`...)
	_, err := t.sheet.Write(t.line)
	return err
}

// value writes a value in the type that a spreadsheet has for it.
func (t *xlsxTable) value(i int, f *schema.Field, text []byte) {
	shown := crm.Cell(f, text)
	switch f.Kind() {
	case schema.KindBoolean:
		t.cell(i, ` t="b"`, stylePlain)
		t.line = append(t.line, `<v>`...)
		t.line = append(t.line, map[bool]byte{false: '0', true: '1'}[shown == "true"])
		t.line = append(t.line, `</v></c>`...)
		return
	case schema.KindNumber:
		if isNumber(shown) {
			t.number(i, shown, stylePlain)
			return
		}
	case schema.KindDate:
		if at, err := time.Parse(time.DateOnly, shown); err == nil && at.Year() >= firstYear {
			t.number(i, serial(at), styleDate)
			return
		}
	case schema.KindTime:
		if at, err := time.Parse(time.RFC3339Nano, shown); err == nil && at.Year() > firstYear {
			t.number(i, serial(at.In(t.zone)), styleTime)
			return
		}
	default:
	}
	style := stylePlain
	if crm.IsFormula(shown) {
		style = styleText
	}
	t.text(i, shown, style)
}

// isNumber says whether a spreadsheet can hold the number with all its digits.
func isNumber(text string) bool {
	digits := 0
	for i, c := range text {
		switch {
		case c >= '0' && c <= '9':
			digits++
		case c != '.' && (c != '-' || i > 0):
			return false
		}
	}
	return digits > 0 && digits <= maxDigits
}

// firstYear is the first one whose days spreadsheets number without a mistake: they
// take 1900 for a leap year.
const firstYear = 1901

// serial is the number of days since the end of 1899, as spreadsheets count time.
func serial(at time.Time) string {
	civil := time.Date(at.Year(), at.Month(), at.Day(), at.Hour(), at.Minute(), at.Second(), at.Nanosecond(), time.UTC)
	seconds := float64(civil.Unix()-time.Date(1899, 12, 30, 0, 0, 0, 0, time.UTC).Unix()) + float64(civil.Nanosecond())/1e9
	return strconv.FormatFloat(seconds/(24*60*60), 'f', -1, 64)
}

func (t *xlsxTable) cell(i int, kind string, style int) {
	t.line = append(append(t.line, `<c r="`...), t.letters[i]...)
	t.line = append(append(strconv.AppendInt(t.line, int64(t.rows), 10), '"'), kind...)
	if style != stylePlain {
		t.line = append(strconv.AppendInt(append(t.line, ` s="`...), int64(style), 10), '"')
	}
	t.line = append(t.line, '>')
}

func (t *xlsxTable) number(i int, number string, style int) {
	t.cell(i, "", style)
	t.line = append(append(append(t.line, `<v>`...), number...), `</v></c>`...)
}

func (t *xlsxTable) text(i int, text string, style int) {
	t.cell(i, ` t="inlineStr"`, style)
	t.line = append(t.line, `<is><t xml:space="preserve">`...)
	var escaped strings.Builder
	_ = xml.EscapeText(&escaped, []byte(cut(text))) // a builder takes all
	t.line = append(append(t.line, escaped.String()...), `</t></is></c>`...)
}

// cut shortens a text to what fits into a cell.
func cut(text string) string {
	if len(text) <= maxCell {
		return text
	}
	units := 0
	for at, r := range text {
		if units += utf16.RuneLen(r); units > maxCell {
			return text[:at]
		}
	}
	return text
}

// end writes what says which sheets there are.
func (t *xlsxTable) End() error {
	if _, err := io.WriteString(t.sheet, sheetEnd); err != nil {
		return err
	}
	var sheets, relations, types strings.Builder
	for n := range t.sheets {
		number := strconv.Itoa(n + 1)
		sheets.WriteString(`<sheet name="Sheet` + number + `" sheetId="` + number + `" r:id="rId` + number + `"/>`)
		relations.WriteString(`<Relationship Id="rId` + number + `" Type="` + xlsxRelation + `/worksheet" Target="worksheets/sheet` + number + `.xml"/>`)
		types.WriteString(`<Override PartName="/xl/worksheets/sheet` + number + `.xml" ContentType="` + xlsxType + `worksheet+xml"/>`)
	}
	const relationships = `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">`
	styles := strconv.Itoa(t.sheets + 1)
	for _, part := range []struct{ name, content string }{
		{"xl/styles.xml", xlsxStyles},
		{"xl/workbook.xml", xmlHead + `<workbook ` + xmlMain + ` xmlns:r="` + xlsxRelation + `"><sheets>` + sheets.String() + `</sheets></workbook>`},
		{"xl/_rels/workbook.xml.rels", xmlHead + relationships + relations.String() + `<Relationship Id="rId` + styles + `" Type="` + xlsxRelation +
			`/styles" Target="styles.xml"/></Relationships>`},
		{"_rels/.rels", xmlHead + relationships + `<Relationship Id="rId1" Type="` + xlsxRelation + `/officeDocument" Target="xl/workbook.xml"/></Relationships>`},
		{"[Content_Types].xml", xmlHead + `<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">` +
			`<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType="application/xml"/>` +
			`<Override PartName="/xl/workbook.xml" ContentType="` + xlsxType + `sheet.main+xml"/><Override PartName="/xl/styles.xml" ContentType="` +
			xlsxType + `styles+xml"/>` + types.String() + `</Types>`},
	} {
		w, err := t.archive.Create(part.name)
		if err != nil {
			return err
		}
		if _, err := io.WriteString(w, part.content); err != nil {
			return err
		}
	}
	return t.archive.Close()
}
