package crm

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/kontor-crm/kontor/internal/query"
	"github.com/kontor-crm/kontor/internal/schema"
)

// CSVTable is CSV in UTF-8. Values have the forms of the API, so that an import
// reads them again; several texts in one value are separated by semicolons.
type CSVTable struct {
	to      io.Writer
	writer  *csv.Writer
	columns []query.Column
	cells   []string
}

// NewCSVTable writes to w.
func NewCSVTable(w io.Writer) *CSVTable { return &CSVTable{to: w, writer: csv.NewWriter(w)} }

// Begin writes the header.
func (t *CSVTable) Begin(columns []query.Column, header []string) error {
	t.GoOn(columns)
	for i, name := range header {
		t.cells[i] = defused(name)
	}
	return t.writer.Write(t.cells)
}

// GoOn goes on with a table whose header is written.
func (t *CSVTable) GoOn(columns []query.Column) {
	t.columns, t.cells = columns, make([]string, len(columns))
}

// Row writes one row.
func (t *CSVTable) Row(row [][]byte) error {
	for i, column := range t.columns {
		t.cells[i] = Cell(column.Field, row[i])
		if isFreeText(column.Field) {
			t.cells[i] = defused(t.cells[i])
		}
	}
	if len(t.cells) == 1 && t.cells[0] == "" {
		return t.emptyRow()
	}
	return t.writer.Write(t.cells)
}

// emptyRow writes the row of a single column without a value. The writer would make
// an empty line of it, which readers of CSV take for no row.
func (t *CSVTable) emptyRow() error {
	if err := t.End(); err != nil {
		return err
	}
	_, err := io.WriteString(t.to, `""`+"\n")
	return err
}

// End writes what is not written yet. More rows may follow.
func (t *CSVTable) End() error {
	t.writer.Flush()
	return t.writer.Error()
}

// Cell is the text of a value; empty for none.
func Cell(f *schema.Field, text []byte) string {
	if text == nil {
		return ""
	}
	switch f.Kind() {
	case schema.KindText, schema.KindReference, schema.KindJSON, schema.KindDate:
		return string(text)
	case schema.KindTexts:
		var texts []string
		if err := json.Unmarshal(f.AppendJSON(nil, text), &texts); err != nil { // it is our own
			return ""
		}
		return strings.Join(texts, ";")
	default:
		return string(bytes.Trim(f.AppendJSON(nil, text), `"`)) // nothing in it is escaped
	}
}

// isFreeText says whether people may have written anything into the field.
func isFreeText(f *schema.Field) bool {
	return f.Kind() == schema.KindText || f.Kind() == schema.KindTexts
}

// IsFormula says whether a spreadsheet would take a text for something to compute. Some
// take the wide signs of Chinese and Japanese for the narrow ones.
func IsFormula(text string) bool {
	first, _ := utf8.DecodeRuneInString(text)
	return text != "" && strings.ContainsRune("=+-@\t\r\n＝＋－＠", first)
}

// defused makes a text of what a spreadsheet would compute. What looks as if that
// had been done to it gets one more mark, so that fused finds each text again.
func defused(text string) string {
	if IsFormula(strings.TrimLeft(text, "'")) {
		return "'" + text
	}
	return text
}

// fused is the text that defused was given.
func fused(text string) string {
	if rest, ok := strings.CutPrefix(text, "'"); ok && IsFormula(strings.TrimLeft(rest, "'")) {
		return rest
	}
	return text
}
