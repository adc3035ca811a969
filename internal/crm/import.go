package crm

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/kontor-crm/kontor/internal/fault"
	"github.com/kontor-crm/kontor/internal/schema"
)

// chunkLines is how many lines share a transaction.
const chunkLines = 500

// Report counts what became of the lines of a file.
type Report struct {
	Created   int `json:"created"`
	Updated   int `json:"updated"`
	Unchanged int `json:"unchanged"`
	Failed    int `json:"failed"`
}

// FailedLine is a line that was not imported, and why.
type FailedLine struct {
	// Line is its number in the file; the header is line 1.
	Line int `json:"line"`
	// Reasons are "field: what is wrong", or what is wrong with the line itself.
	Reasons []string `json:"reasons"`
	// Text is the line as it stands in the file.
	Text string `json:"text"`
}

// ImportRequest is a file and what to do with it.
type ImportRequest struct {
	// Object is the name of the object in the API.
	Object  string
	Mapping *Mapping
	File    io.Reader
	// With lends the records to f for one chunk of lines. It may give those of a newer
	// schema to the next one, and it may run f again after the schema has moved.
	With func(ctx context.Context, f func(context.Context, *Records) error) error
	// Failed is told each failed line, Progress the counts after each chunk. An error ends the import.
	Failed   func(FailedLine) error
	Progress func(Report) error
}

// Import reads a file and makes a record of each line, or changes the one with
// the line's key. A line that fails does so alone. An error means that the import
// ended early, and what the report counts is done; before the first line it
// means that nothing was written.
func Import(ctx context.Context, request ImportRequest) (Report, error) {
	i := &importing{ImportRequest: request}
	if err := i.begin(ctx); err != nil {
		return i.report, err
	}
	for {
		lines, err := i.readChunk()
		if err != nil {
			return i.report, err
		}
		if len(lines) == 0 {
			return i.report, nil
		}
		if err := i.importChunk(ctx, lines); err != nil {
			return i.report, err
		}
	}
}

type importing struct {
	ImportRequest
	reader *csvReader
	header []string
	report Report
}

// begin reads the header and holds the mapping against it.
func (i *importing) begin(ctx context.Context) error {
	delimiter := byte(',')
	if i.Mapping.Delimiter != "" {
		if len(i.Mapping.Delimiter) != 1 || strings.ContainsAny(i.Mapping.Delimiter, "\"\r\n") {
			return fault.At("delimiter", "must be one character, such as ; or a tab")
		}
		delimiter = i.Mapping.Delimiter[0]
	}
	var err error
	if i.reader, err = newCSVReader(i.File, delimiter); err != nil {
		return err
	}
	first, err := i.reader.next()
	if errors.Is(err, io.EOF) {
		return fault.New(fault.Invalid, "the file is empty; its first line must name the columns")
	}
	if err != nil {
		return err
	}
	if first.Problem != "" {
		return fault.New(fault.Invalid, "line %d: %s", first.Line, first.Problem)
	}
	for _, name := range first.Columns {
		i.header = append(i.header, strings.TrimSpace(name))
	}
	return i.With(ctx, func(_ context.Context, records *Records) error {
		_, err := i.resolve(records)
		return err
	})
}

func (i *importing) resolve(records *Records) (*resolved, error) {
	object, err := records.Compiler.Object(i.Object)
	if err != nil {
		return nil, err
	}
	return i.Mapping.resolve(records.Compiler.Schema(), object, i.header)
}

func (i *importing) readChunk() ([]*csvRecord, error) {
	var lines []*csvRecord
	for size := 0; len(lines) < chunkLines && size < 4*maxRecordBytes; {
		line, err := i.reader.next()
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

// importChunk imports some lines in one transaction, and tells what became of them.
func (i *importing) importChunk(ctx context.Context, lines []*csvRecord) error {
	var c *fileChunk
	err := i.With(ctx, func(ctx context.Context, records *Records) error {
		mapped, err := i.resolve(records)
		if err != nil {
			return err
		}
		c = newFileChunk(records, mapped, lines, len(i.header))
		return records.Runner.InTransaction(ctx, c.run)
	})
	if err != nil {
		return fmt.Errorf("importing line %d and the following: %w", lines[0].Line, err)
	}
	for _, line := range c.lines {
		if err := i.tell(line); err != nil {
			return err
		}
	}
	return i.Progress(i.report)
}

func (i *importing) tell(line *fileLine) error {
	switch line.outcome {
	case OutcomeCreated:
		i.report.Created++
	case OutcomeUpdated:
		i.report.Updated++
	case OutcomeUnchanged:
		i.report.Unchanged++
	default:
		i.report.Failed++
		return i.Failed(FailedLine{Line: line.record.Line, Reasons: line.reasons(), Text: line.record.Text})
	}
	return nil
}

// fileLine is one line on its way.
type fileLine struct {
	entry
	record *csvRecord
	// lookups are the texts that relations are looked up by, until they are found.
	lookups map[*source]any
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
	for _, record := range lines {
		line := &fileLine{record: record, lookups: map[*source]any{}, entry: entry{verb: VerbCreate, wish: newWish()}}
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
			line.lookups[src] = value
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

// run finds what relations are looked up by, and imports the lines.
func (c *fileChunk) run(ctx context.Context, tx Tx) error {
	for n := range c.mapped.sources {
		if c.mapped.sources[n].by == nil {
			continue
		}
		if err := c.lookUp(ctx, tx, &c.mapped.sources[n]); err != nil {
			return err
		}
	}
	return c.carry(ctx, tx)
}

// lookUp finds the records that a relation's texts mean.
func (c *fileChunk) lookUp(ctx context.Context, tx Tx, src *source) error {
	values := map[string]any{}
	for _, line := range c.lines {
		if value, ok := line.lookups[src]; ok {
			values[keyText(src.by, value)] = value
		}
	}
	if len(values) == 0 {
		return nil
	}
	found := map[string][]string{}
	err := c.findBy(ctx, tx, src.target, src.by, slices.Collect(maps.Values(values)), func(id string, value any) {
		found[keyText(src.by, value)] = append(found[keyText(src.by, value)], id)
	})
	if err != nil {
		return fmt.Errorf("looking up %s by %s: %w", src.target.Name, src.by.Name, err)
	}
	for _, line := range c.lines {
		value, ok := line.lookups[src]
		if !ok {
			continue
		}
		ids := found[keyText(src.by, value)]
		switch len(ids) {
		case 0:
			line.wish.refusef(src.field, "there is no %s whose %s is %q", src.target.Name, src.by.Name, shortened(canonical(value)))
		case 1:
			line.wish.given[src.field] = ids[0]
			c.live[targetKey(src.target.Identity, ids[0])] = true
		default:
			line.wish.refusef(src.field, "there are %d records of %s whose %s is %q", len(ids), src.target.Name, src.by.Name, shortened(canonical(value)))
		}
	}
	return nil
}
