package rest

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"strings"

	"github.com/kontor-crm/kontor/internal/query"
	"github.com/kontor-crm/kontor/internal/schema"
)

// csvTable is CSV in UTF-8. Values have the forms of the API, so that an import
// reads them again; several texts in one value are separated by semicolons.
type csvTable struct {
	writer  *csv.Writer
	columns []query.Column
	cells   []string
}

func newCSVTable(w *bufio.Writer) *csvTable { return &csvTable{writer: csv.NewWriter(w)} }

func (t *csvTable) begin(columns []query.Column, header []string) error {
	t.columns, t.cells = columns, make([]string, len(columns))
	for i, name := range header {
		t.cells[i] = defused(name)
	}
	return t.writer.Write(t.cells)
}

func (t *csvTable) row(row [][]byte) error {
	for i, column := range t.columns {
		t.cells[i] = cell(column.Field, row[i])
		if isFreeText(column.Field) {
			t.cells[i] = defused(t.cells[i])
		}
	}
	return t.writer.Write(t.cells)
}

func (t *csvTable) end() error {
	t.writer.Flush()
	return t.writer.Error()
}

// cell is the text of a value; empty for none.
func cell(f *schema.Field, text []byte) string {
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

// isFormula says whether a spreadsheet would take a text for something to compute.
func isFormula(text string) bool {
	return text != "" && strings.ContainsRune("=+-@\t\r\n", rune(text[0]))
}

// defused makes a text of what a spreadsheet would compute.
func defused(text string) string {
	if isFormula(text) {
		return "'" + text
	}
	return text
}
