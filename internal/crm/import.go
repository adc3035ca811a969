package crm

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/kontor-crm/kontor/internal/fault"
	"github.com/kontor-crm/kontor/internal/schema"
)

// chunkLines is how many lines share a transaction.
const chunkLines = 2000

// Report counts what became of the lines of a file.
type Report struct {
	Created   int `json:"created"`
	Updated   int `json:"updated"`
	Unchanged int `json:"unchanged"`
	Failed    int `json:"failed"`
	// Failures are the first lines that failed, without their text.
	Failures []FailedLine `json:"failures,omitempty"`
}

// shownFailures is how many failed lines a report tells; the file of errors has all.
const shownFailures = 10

// FailedLine is a line that was not imported, and why.
type FailedLine struct {
	// Line is its number in the file; the header is line 1.
	Line int `json:"line"`
	// Reasons are "field: what is wrong", or what is wrong with the line itself.
	Reasons []string `json:"reasons"`
	// Text is the line as it stands in the file, but for formulas, see harmless.
	Text string `json:"-"`
}

// ImportPlace is how far an import came: between two lines of its file.
type ImportPlace struct {
	csvPlace
	Report Report `json:"report"`
}

// ImportStep is what one transaction of an import did.
type ImportStep struct {
	// Place is where the import goes on.
	Place ImportPlace
	// Failed are the lines of this step that failed.
	Failed []FailedLine
}

// ImportRequest is a file and what to do with it.
type ImportRequest struct {
	// Object is the name of the object in the API.
	Object  string
	Mapping *Mapping
	// DryRun decides everything and writes nothing. A line then does not see what
	// lines before it would have done that share no transaction with it.
	DryRun bool
	// Header is that of the file; Open reads the file from a byte on.
	Header *ImportHeader
	Open   func(from int64) io.Reader
	// From is where to go on; its zero value is the first line behind the header.
	From ImportPlace
	// With lends the records to f for one chunk of lines. It may give those of a newer
	// schema to the next one, and it may run f again after the schema has moved.
	With func(ctx context.Context, f func(context.Context, *Records) error) error
	// Commit keeps a step, in the transaction that writes its records.
	Commit func(ctx context.Context, tx Tx, step ImportStep) error
	// Stopping ends the import between two chunks.
	Stopping func() bool
}

// Import reads a file and makes a record of each line, or changes the one with
// the line's key. A line that fails does so alone. What is done and where to go
// on are committed together, so that an import that ended with an error goes on
// from the place of its last step, and does no line twice.
func Import(ctx context.Context, request ImportRequest) error {
	i := &importing{ImportRequest: request, place: request.From}
	if i.place.Offset == 0 {
		i.place.csvPlace = request.Header.end
	}
	ctx, stop := context.WithCancel(ctx)
	read := i.readAhead(ctx)
	defer func() {
		stop()
		for range read { // until nothing more is read
		}
	}()
	for !request.Stopping() {
		next, more := <-read
		switch {
		case !more:
			return fmt.Errorf("reading on: %w", ctx.Err()) // nothing else keeps the reader from telling how the file ends
		case next.ended:
			return nil
		case next.err != nil:
			return next.err
		}
		if err := i.importChunk(ctx, next); err != nil {
			return err
		}
	}
	return nil
}

// ImportHeader is the first record of a file.
type ImportHeader struct {
	// Text is the header as it stands in the file.
	Text      string
	columns   []string
	delimiter byte
	// end is the place behind it.
	end csvPlace
	// rows says that lines are the rows of a sheet, see CountRows.
	rows bool
	line int
}

// CountRows says that each record of the file is a row of a sheet, see WriteSheet,
// and is counted as one line however many it takes.
func (h *ImportHeader) CountRows() { h.rows, h.end.Line = true, h.line }

// maxHeader bounds what is read of a file to find its header.
const maxHeader = 4 * maxRecordBytes

// ReadImportHeader reads the first record of a file. The rest gives the whole file, from its first byte on.
func ReadImportHeader(mapping *Mapping, file io.Reader) (header *ImportHeader, rest io.Reader, err error) {
	header = &ImportHeader{delimiter: ','}
	if mapping.Delimiter != "" {
		if len(mapping.Delimiter) != 1 || strings.ContainsAny(mapping.Delimiter, "\"\r\n") {
			return nil, nil, fault.At("delimiter", "must be one character, such as ; or a tab")
		}
		header.delimiter = mapping.Delimiter[0]
	}
	var read bytes.Buffer
	reader, err := newCSVReader(io.TeeReader(io.LimitReader(file, maxHeader), &read), header.delimiter)
	if err != nil {
		return nil, nil, err
	}
	first, err := reader.next()
	if errors.Is(err, io.EOF) {
		return nil, nil, fault.New(fault.Invalid, "the file is empty; its first line must name the columns")
	}
	if err != nil {
		return nil, nil, err
	}
	if first.Problem != "" {
		return nil, nil, fault.New(fault.Invalid, "line %d: %s", first.Line, first.Problem)
	}
	for _, name := range first.Columns {
		header.columns = append(header.columns, strings.TrimSpace(name))
	}
	header.Text, header.line, header.end = first.Text, first.Line, reader.place()
	return header, io.MultiReader(&read, file), nil
}

// CheckImport says what is wrong with an import before its first line is read.
func (r *Records) CheckImport(object string, mapping *Mapping, header *ImportHeader) error {
	o, err := r.Compiler.Object(object)
	if err != nil {
		return err
	}
	if err := r.Compiler.MayWrite(r.Actor.Access(), o); err != nil {
		return err
	}
	mapped, err := mapping.resolve(r.Compiler.Schema(), o, header.columns)
	if err != nil {
		return err
	}
	r.Former.Object(o, mapping.Object)
	for _, src := range mapped.sources {
		r.Former.Field(src.field, src.Field)
		if src.by != nil {
			r.Former.Field(src.by, src.Lookup)
		}
	}
	if mapped.key != nil {
		r.Former.Field(mapped.key, mapping.Key)
	}
	return nil
}

type importing struct {
	ImportRequest
	place ImportPlace
}

// linesRead are the lines of one transaction, or why there are none.
type linesRead struct {
	lines []*csvRecord
	// end is the place behind them.
	end csvPlace
	// ended says that the file has no more lines.
	ended bool
	// err kept them from being read.
	err error
}

// readAhead reads the next lines while those before are written. The last that it gives
// is the end of the file or an error; ctx may end it before. The channel is closed then.
func (i *importing) readAhead(ctx context.Context) <-chan linesRead {
	read := make(chan linesRead)
	reader := continueCSV(i.Open(i.place.Offset), i.Header.delimiter, i.place.csvPlace)
	reader.rows = i.Header.rows
	go func() {
		defer close(read)
		for {
			lines, err := readChunk(reader)
			next := linesRead{lines: lines, end: reader.place(), ended: err == nil && len(lines) == 0, err: err}
			select {
			case read <- next:
			case <-ctx.Done():
				return
			}
			if next.ended || next.err != nil {
				return
			}
		}
	}()
	return read
}

func (i *importing) resolve(records *Records) (*resolved, error) {
	object, err := records.Compiler.Object(i.Object)
	if err != nil {
		return nil, err
	}
	return i.Mapping.resolve(records.Compiler.Schema(), object, i.Header.columns)
}

func readChunk(reader *csvReader) ([]*csvRecord, error) {
	var lines []*csvRecord
	for size := 0; len(lines) < chunkLines && size < 4*maxRecordBytes; {
		line, err := reader.next()
		if errors.Is(err, io.EOF) {
			return lines, nil
		}
		if err != nil {
			return nil, err
		}
		size += len(line.Text)
		lines = append(lines, line)
	}
	return lines, nil
}

// importChunk imports some lines in one transaction, which also keeps where to go on.
func (i *importing) importChunk(ctx context.Context, read linesRead) error {
	var step ImportStep
	err := i.With(ctx, func(ctx context.Context, records *Records) error {
		mapped, err := i.resolve(records)
		if err != nil {
			return err
		}
		c := newFileChunk(records, mapped, read.lines, len(i.Header.columns))
		return records.Runner.InTransaction(ctx, func(ctx context.Context, tx Tx) error {
			if err := i.write(ctx, tx, c); err != nil {
				return err
			}
			step = i.step(c, read.end)
			return i.Commit(ctx, tx, step)
		})
	})
	if err != nil {
		return fmt.Errorf("importing line %d and the following: %w", read.lines[0].Line, err)
	}
	i.place = step.Place
	return nil
}

// errDryRun takes back what a dry run wrote.
var errDryRun = errors.New("it is a dry run")

func (i *importing) write(ctx context.Context, tx Tx, c *fileChunk) error {
	if !i.DryRun {
		return c.carry(ctx, tx)
	}
	err := tx.Savepoint(ctx, func(ctx context.Context) error {
		if err := c.carry(ctx, tx); err != nil {
			return err
		}
		return errDryRun
	})
	if errors.Is(err, errDryRun) {
		return nil
	}
	return err
}

// step counts what became of a chunk's lines.
func (i *importing) step(c *fileChunk, end csvPlace) ImportStep {
	step := ImportStep{Place: i.place}
	step.Place.csvPlace = end
	report := &step.Place.Report
	report.Failures = slices.Clone(report.Failures)
	for _, line := range c.lines {
		switch line.outcome {
		case OutcomeCreated:
			report.Created++
		case OutcomeUpdated:
			report.Updated++
		case OutcomeUnchanged:
			report.Unchanged++
		default:
			report.Failed++
			failed := FailedLine{Line: line.record.Line, Reasons: line.reasons(), Text: line.record.harmless(i.Header.delimiter)}
			step.Failed = append(step.Failed, failed)
			if len(report.Failures) < shownFailures {
				failed.Text = ""
				report.Failures = append(report.Failures, failed)
			}
		}
	}
	return step
}

// fileLine is one line on its way.
type fileLine struct {
	entry
	record *csvRecord
}

// reasons are what is wrong with a line that failed.
func (l *fileLine) reasons() []string {
	err := l.fault()
	if f, ok := errors.AsType[*fault.Error](err); ok && len(f.Violations) > 0 {
		reasons := make([]string, 0, len(f.Violations))
		for _, v := range f.Violations {
			reasons = append(reasons, v.String())
		}
		return reasons
	}
	return []string{err.Error()}
}

// fileChunk is some lines that are imported together.
type fileChunk struct {
	*chunk
	mapped *resolved
	lines  []*fileLine
}

func newFileChunk(records *Records, mapped *resolved, lines []*csvRecord, columns int) *fileChunk {
	c := &fileChunk{chunk: newChunk(records, mapped.object), mapped: mapped}
	c.fromFile = true
	for _, record := range lines {
		line := &fileLine{record: record, entry: entry{verb: VerbCreate, wish: newWish()}}
		if mapped.key != nil || mapped.external >= 0 {
			line.verb, line.key = VerbUpsert, mapped.key
		}
		switch {
		case record.Problem != "":
			line.unreadable = fault.New(fault.Invalid, "%s", record.Problem)
		case len(record.Columns) != columns:
			line.unreadable = fault.New(fault.Invalid, "has %d columns, and the header has %d", len(record.Columns), columns)
		default:
			c.read(line)
			line.external, line.unreadable = mapped.externalID(record.Columns)
		}
		c.lines = append(c.lines, line)
		c.entries = append(c.entries, &line.entry)
	}
	return c
}

const noKey = "is the key, and has no value in this line"

// read turns the columns of a line into a wish.
func (c *fileChunk) read(line *fileLine) {
	for n := range c.mapped.sources {
		src := &c.mapped.sources[n]
		text, ok := src.text(line.record.Columns)
		if !ok {
			if n == c.mapped.keySource {
				line.wish.refusef(src.field, noKey)
			} else if !c.hasOwnValue(src.field) {
				line.wish.given[src.field] = nil
			}
			continue
		}
		by := src.field
		if src.by != nil {
			by = src.by
		}
		value, err := by.Parse(text)
		switch {
		case err != nil:
			line.wish.refusef(src.field, "%s (the file has %q)", err, shortened(text))
		case value == nil && n == c.mapped.keySource:
			line.wish.refusef(src.field, noKey)
		case src.by != nil:
			line.lookups = append(line.lookups, lookup{relation: src.field, target: src.target, by: src.by, value: value})
		default:
			line.wish.given[src.field] = value
		}
	}
}

// hasOwnValue says whether the model gives the field a value when a line has
// none: a default, the currency, the first stage. Then the line leaves it alone.
func (c *fileChunk) hasOwnValue(f *schema.Field) bool {
	if f.Default != nil || f.System && f.Type == schema.TypeCurrency {
		return true
	}
	_, isStage := c.Compiler.Schema().PipelineOf(c.object, f)
	return isStage
}
