package crm

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/kontor-crm/kontor/internal/fault"
	"github.com/kontor-crm/kontor/internal/schema"
	"github.com/kontor-crm/kontor/internal/workbook"
)

// The bounds of a preview.
const (
	previewRows    = 20
	previewSamples = 3
	// shownCell is how much of a value is shown, in characters.
	shownCell = 200
	// sniffedLine is how much of a file tells its delimiter, in bytes.
	sniffedLine = 64 << 10
)

// Preview is what an import would make of the first lines of a file.
type Preview struct {
	// Sheets are those of a workbook, Sheet the one that is read; none for CSV.
	Sheets []string
	Sheet  string
	// Columns are those of the file.
	Columns []PreviewColumn
	// Mapping is the one that was given, or the guess.
	Mapping *Mapping
	// Keys are the mapped fields that may tell the records apart.
	Keys []string
	// Missing are the required fields that the mapping does not fill.
	Missing []string
	Rows    []PreviewRow
}

// PreviewColumn is a column of a file.
type PreviewColumn struct {
	Name string
	// Samples are some of its values, Field the field that it fills, or empty.
	Samples []string
	Field   string
}

// PreviewRow is one line of a file, and what an import would make of it.
type PreviewRow struct {
	Line     int
	Cells    []string
	Outcome  Outcome
	Problems []PreviewProblem
}

// PreviewProblem is what is wrong with a line; Column and Field are empty when it is not
// one value.
type PreviewProblem struct{ Column, Field, Message string }

// PreviewImport says what an import would make of the first lines of a file, and writes
// nothing. A mapping without fields, or none, is guessed from the names of the columns.
func (r *Records) PreviewImport(ctx context.Context, object string, file *File, mapping *Mapping) (*Preview, error) {
	o, err := r.Compiler.Object(object)
	if err != nil {
		return nil, err
	}
	if err := r.Compiler.MayWrite(r.Actor.Access(), o); err != nil {
		return nil, err
	}
	if mapping == nil {
		mapping = &Mapping{}
	}
	p := &Preview{Mapping: new(*mapping)}
	header, lines, err := p.read(ctx, r, file)
	if err != nil {
		return nil, err
	}
	samples := p.describe(header, lines)
	if len(mapping.Fields) == 0 {
		p.Mapping.Object, p.Mapping.Fields = o.Name, guess(r.Compiler.Schema(), o, header.columns, samples)
	}
	for _, line := range lines {
		p.Rows = append(p.Rows, previewRow(line))
	}
	if len(p.Mapping.Fields) == 0 {
		p.Missing = r.missing(o, nil)
		return p, nil
	}
	mapped, err := p.Mapping.resolve(r.Compiler.Schema(), o, header.columns)
	if err != nil {
		return nil, err
	}
	p.Missing = r.missing(o, mapped)
	for _, src := range mapped.sources {
		if src.column >= 0 {
			p.Columns[src.column].Field = src.Field
			if src.field.Unique {
				p.Keys = append(p.Keys, src.Field)
			}
		}
	}
	return p, r.tryLines(ctx, p, mapped, lines)
}

// read reads the header and the first lines.
func (p *Preview) read(ctx context.Context, r *Records, file *File) (*ImportHeader, []*csvRecord, error) {
	content := bufio.NewReaderSize(Content(ctx, r.Runner, file.ID, 0), sniffedLine)
	start, err := content.Peek(sniffedLine)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, nil, err
	}
	switch {
	case workbook.IsOldWorkbook(start):
		return nil, nil, ErrOldWorkbook
	case workbook.IsWorkbook(start):
		return p.readSheet(ctx, r, file)
	case p.Mapping.Sheet != "":
		return nil, nil, ErrNoSheets
	}
	if p.Mapping.Delimiter == "" {
		p.Mapping.Delimiter = delimiterOf(string(start))
	}
	return p.readCSV(content, false)
}

// What is wrong with a file that is taken for a workbook, or is not.
var (
	ErrOldWorkbook = fault.New(fault.Invalid, "the file is a workbook of an old form, or one that a password protects; save it as .xlsx without a password, or as CSV")
	ErrNoSheets    = fault.At("sheet", "the file is no workbook, so it has no sheets")
)

// readSheet reads the first rows of a workbook as the CSV that an import makes of them.
func (p *Preview) readSheet(ctx context.Context, r *Records, file *File) (*ImportHeader, []*csvRecord, error) {
	book, err := openWorkbook(ctx, r.Runner, file)
	if err != nil {
		return nil, nil, err
	}
	p.Sheets = book.Sheets()
	if p.Sheet = p.Mapping.Sheet; p.Sheet == "" && len(p.Sheets) > 0 {
		p.Sheet = p.Sheets[0]
	}
	var text strings.Builder
	w, read := newSheetWriter(&text, p.Mapping), 0
	err = book.Rows(p.Mapping.Sheet, r.Zone(), func(n int, cells []string) error {
		if len(cells) > 0 {
			read++
		}
		if read > previewRows+1 {
			return errPageFull
		}
		return w.row(n, cells)
	})
	if err != nil && !errors.Is(err, errPageFull) {
		return nil, nil, err
	}
	if read == 0 {
		return nil, nil, errEmptySheet
	}
	return p.readCSV(strings.NewReader(text.String()), true)
}

var errEmptySheet = fault.New(fault.Invalid, "the sheet is empty; its first row must name the columns")

func (p *Preview) readCSV(content io.Reader, rows bool) (*ImportHeader, []*csvRecord, error) {
	header, content, err := ReadImportHeader(p.Mapping, content)
	if err != nil {
		return nil, nil, err
	}
	if rows {
		header.CountRows()
	}
	if _, err := io.CopyN(io.Discard, content, header.end.Offset); err != nil {
		return nil, nil, fmt.Errorf("reading on behind the header: %w", err)
	}
	reader := continueCSV(content, header.delimiter, header.end)
	reader.rows = rows
	var lines []*csvRecord
	for size := 0; len(lines) < previewRows && size < 4*maxRecordBytes; {
		line, err := reader.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, nil, err
		}
		size += len(line.Text)
		lines = append(lines, line)
	}
	return header, lines, nil
}

// delimiterOf is the sign that stands most often in the first line, outside of quotes.
func delimiterOf(start string) string {
	start = strings.TrimLeft(start, "\ufeff\r\n")
	best, most := ",", 0
	for _, delimiter := range []string{",", ";", "\t", "|"} {
		count, quoted := 0, false
		for _, c := range start {
			if c == '"' {
				quoted = !quoted
			}
			if !quoted && (c == '\n' || c == '\r') {
				break
			}
			if !quoted && string(c) == delimiter {
				count++
			}
		}
		if count > most {
			best, most = delimiter, count
		}
	}
	return best
}

// describe notes what the columns hold, and gives the values of each.
func (p *Preview) describe(header *ImportHeader, lines []*csvRecord) (values [][]string) {
	values = make([][]string, len(header.columns))
	for at, name := range header.columns {
		column := PreviewColumn{Name: name, Samples: []string{}}
		for _, line := range lines {
			if at >= len(line.Columns) || line.Columns[at] == "" {
				continue
			}
			values[at] = append(values[at], line.Columns[at])
			if shown := shownPart(line.Columns[at]); len(column.Samples) < previewSamples && !slices.Contains(column.Samples, shown) {
				column.Samples = append(column.Samples, shown)
			}
		}
		p.Columns = append(p.Columns, column)
	}
	return values
}

func shownPart(text string) string {
	runes := []rune(text)
	if len(runes) <= shownCell {
		return text
	}
	return string(runes[:shownCell]) + "…"
}

// missing are the required fields that a mapping does not fill, and the model neither.
func (r *Records) missing(o *schema.Object, mapped *resolved) []string {
	c := &fileChunk{chunk: newChunk(r, o)}
	names := []string{}
	for _, f := range o.Fields {
		filled := mapped != nil && slices.ContainsFunc(mapped.sources, func(src source) bool { return src.field == f || src.field.Parent == f })
		if f.Required && !filled && !f.SetBySystem() && !c.hasOwnValue(f) {
			names = append(names, f.Name)
		}
	}
	return names
}

// tryLines decides the lines, and takes back what that writes.
func (r *Records) tryLines(ctx context.Context, p *Preview, mapped *resolved, lines []*csvRecord) error {
	if len(lines) == 0 {
		return nil
	}
	c := newFileChunk(r, mapped, lines, len(p.Columns))
	try := &importing{ImportRequest: ImportRequest{DryRun: true}}
	err := r.Runner.InTransaction(ctx, func(ctx context.Context, tx Tx) error { return try.write(ctx, tx, c) })
	if err != nil {
		return fmt.Errorf("trying the first lines: %w", err)
	}
	for i, line := range c.lines {
		p.Rows[i].Outcome = line.outcome
		if line.outcome == OutcomeFailed {
			p.Rows[i].Problems = line.problems(mapped)
		}
	}
	return nil
}

// previewRow is a line as it stands in the file.
func previewRow(line *csvRecord) PreviewRow {
	row := PreviewRow{Line: line.Line, Cells: []string{}}
	for _, cell := range line.Columns {
		row.Cells = append(row.Cells, shownPart(cell))
	}
	if line.Columns == nil { // it is broken
		row.Cells = append(row.Cells, shownPart(line.Text))
	}
	return row
}

// problems are what is wrong with a line that failed, at the columns where it is wrong.
func (l *fileLine) problems(mapped *resolved) []PreviewProblem {
	err := l.fault()
	f, ok := errors.AsType[*fault.Error](err)
	if !ok || len(f.Violations) == 0 {
		return []PreviewProblem{{Message: err.Error()}}
	}
	var problems []PreviewProblem
	for _, v := range f.Violations {
		problem := PreviewProblem{Field: v.Path, Message: v.Message}
		for _, src := range mapped.sources {
			if src.column >= 0 && (src.field.Path() == v.Path || src.Field == v.Path) {
				problem.Column = src.Column
			}
		}
		problems = append(problems, problem)
	}
	return problems
}
