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
	"github.com/kontor-crm/kontor/internal/query"
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
	var c *chunk
	err := i.With(ctx, func(ctx context.Context, records *Records) error {
		mapped, err := i.resolve(records)
		if err != nil {
			return err
		}
		c = newChunk(records, mapped, lines, len(i.header))
		return c.run(ctx)
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

func (i *importing) tell(line *importLine) error {
	switch line.outcome {
	case outcomeCreated:
		i.report.Created++
	case outcomeUpdated:
		i.report.Updated++
	case outcomeUnchanged:
		i.report.Unchanged++
	case outcomeFailed:
		i.report.Failed++
		return i.Failed(FailedLine{Line: line.record.Line, Reasons: line.reasons(), Text: line.record.Text})
	}
	return nil
}

type outcome int

const (
	outcomeFailed outcome = iota
	outcomeCreated
	outcomeUpdated
	outcomeUnchanged
)

// importLine is one line on its way.
type importLine struct {
	record *csvRecord
	wish   *wish
	// key is the canonical text of the key's value; empty without a key.
	key string
	// lookups are the texts that relations are looked up by, until they are found.
	lookups map[*source]any
	outcome outcome
	problem error
	write   *write
}

// fails says whether the line is lost already.
func (l *importLine) fails() bool { return l.problem != nil || len(l.wish.violations) > 0 }

func (l *importLine) reasons() []string {
	if len(l.wish.violations) > 0 {
		reasons := make([]string, 0, len(l.wish.violations))
		for _, v := range l.wish.violations {
			reasons = append(reasons, v.String())
		}
		return reasons
	}
	if f, ok := errors.AsType[*fault.Error](l.problem); ok && len(f.Violations) > 0 {
		reasons := make([]string, 0, len(f.Violations))
		for _, v := range f.Violations {
			reasons = append(reasons, v.String())
		}
		return reasons
	}
	if l.problem != nil {
		return []string{l.problem.Error()}
	}
	return nil
}

// chunk is some lines that are imported together.
type chunk struct {
	*Records
	mapped *resolved
	lines  []*importLine
}

func newChunk(records *Records, mapped *resolved, lines []*csvRecord, columns int) *chunk {
	c := &chunk{Records: records, mapped: mapped}
	for _, record := range lines {
		line := &importLine{record: record, wish: newWish(), lookups: map[*source]any{}}
		switch {
		case record.Problem != "":
			line.problem = fault.New(fault.Invalid, "%s", record.Problem)
		case len(record.Columns) != columns:
			line.problem = fault.New(fault.Invalid, "has %d columns, and the header has %d", len(record.Columns), columns)
		default:
			c.read(line)
		}
		c.lines = append(c.lines, line)
	}
	return c
}

// read turns the columns of a line into a wish.
func (c *chunk) read(line *importLine) {
	for n := range c.mapped.sources {
		src := &c.mapped.sources[n]
		text, ok := src.text(line.record.Columns)
		if !ok {
			if !c.hasOwnValue(src.field) {
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
		case src.by != nil:
			line.lookups[src] = value
		default:
			line.wish.given[src.field] = value
		}
	}
	if c.mapped.key == nil {
		return
	}
	value := line.wish.given[c.mapped.key]
	if value == nil && !line.wish.refused[c.mapped.key] {
		line.wish.refusef(c.mapped.key, "is the key, and has no value in this line")
	}
	line.key = canonical(value)
}

// hasOwnValue says whether the model gives the field a value when a line has
// none: a default, the currency, the first stage. Then the line leaves it alone.
func (c *chunk) hasOwnValue(f *schema.Field) bool {
	if f.Default != nil || f.Type == schema.TypeCurrency {
		return true
	}
	_, isStage := c.Compiler.Schema().PipelineOf(c.mapped.object, f)
	return isStage
}

// run imports the lines: all at once, or one by one when a line makes the database refuse.
func (c *chunk) run(ctx context.Context) error {
	return c.Runner.InTransaction(ctx, func(ctx context.Context, tx Tx) error {
		known, err := c.gather(ctx, tx)
		if err != nil {
			return err
		}
		err = tx.Savepoint(ctx, func(ctx context.Context) error { return c.together(ctx, tx, known.clone()) })
		if !isRefusal(err) {
			return err
		}
		return c.oneByOne(ctx, tx, known)
	})
}

// isRefusal says whether the database refused one of the lines, as opposed to failing.
func isRefusal(err error) bool {
	return fault.Is(err, fault.Conflict) || fault.Is(err, fault.Invalid)
}

// together decides all lines and writes them in one round trip.
func (c *chunk) together(ctx context.Context, tx Tx, known *knowledge) error {
	var writes []*write
	for _, line := range c.lines {
		if err := c.decide(line, known); err != nil {
			return err
		}
		if line.write != nil {
			writes = append(writes, line.write)
			known.remember(line)
		}
	}
	return c.carryOut(ctx, tx, known.now, writes...)
}

// oneByOne writes each line for itself, so that only those fail that the database refuses.
func (c *chunk) oneByOne(ctx context.Context, tx Tx, known *knowledge) error {
	for _, line := range c.lines {
		if err := c.decide(line, known); err != nil {
			return err
		}
		if line.write == nil {
			continue
		}
		err := tx.Savepoint(ctx, func(ctx context.Context) error { return c.carryOut(ctx, tx, known.now, line.write) })
		if isRefusal(err) {
			line.outcome, line.problem = outcomeFailed, err
			continue
		}
		if err != nil {
			return err
		}
		known.remember(line)
	}
	return nil
}

// decide says what becomes of a line; line.write is nil when there is nothing to write.
func (c *chunk) decide(line *importLine, known *knowledge) error {
	line.write, line.outcome = nil, outcomeFailed
	if line.fails() {
		return nil
	}
	record := known.records[line.key]
	asked := &wish{given: line.wish.given, refused: map[*schema.Field]bool{}}
	f := facts{live: known.live, now: known.now}
	w := &write{object: c.mapped.object, operation: query.OperationCreate}
	if record != nil {
		w.id, w.version, w.before, w.operation = record.id, record.version, record.values, query.OperationUpdate
		f.before = record.values
	}
	w.changed = decide(c.Compiler.Schema(), c.mapped.object, asked, f)
	switch {
	case len(asked.violations) > 0:
		line.problem = asked.fault()
		return nil
	case record == nil:
		id, err := c.NewID()
		if err != nil {
			return fmt.Errorf("making an id: %w", err)
		}
		w.id, line.outcome, line.write = id, outcomeCreated, w
	case len(w.changed) == 0:
		line.outcome = outcomeUnchanged
	default:
		line.outcome, line.write = outcomeUpdated, w
	}
	return nil
}

// sortedSources are the sources that are looked up, in their order.
func (c *chunk) lookupSources() []*source {
	var found []*source
	for n := range c.mapped.sources {
		if c.mapped.sources[n].by != nil {
			found = append(found, &c.mapped.sources[n])
		}
	}
	return found
}

// knowledge is what the lines of a chunk need to know of the database.
type knowledge struct {
	facts
	// records are those that have one of the lines' keys, by the canonical text of the key.
	records map[string]*knownRecord
}

type knownRecord struct {
	id      string
	version int64
	values  query.Values
}

func (k *knowledge) clone() *knowledge {
	return &knowledge{facts: k.facts, records: maps.Clone(k.records)}
}

// remember notes what a line left behind, for a later line with the same key.
func (k *knowledge) remember(line *importLine) {
	if line.key == "" {
		return
	}
	values := maps.Clone(line.write.before)
	if values == nil {
		values = query.Values{}
	}
	maps.Copy(values, line.write.changed)
	k.records[line.key] = &knownRecord{id: line.write.id, version: line.write.version + 1, values: values}
}

// gather asks the database once for each field that is looked up, and once for the lines' records.
func (c *chunk) gather(ctx context.Context, tx Tx) (*knowledge, error) {
	k := &knowledge{facts: facts{now: c.now()}, records: map[string]*knownRecord{}}
	wishes := make([]*wish, 0, len(c.lines))
	for _, line := range c.lines {
		if line.problem == nil {
			wishes = append(wishes, line.wish)
		}
	}
	var err error
	if k.live, err = c.liveTargets(ctx, tx, wishes...); err != nil {
		return nil, err
	}
	for _, src := range c.lookupSources() {
		if err := c.lookUp(ctx, tx, src, k); err != nil {
			return nil, err
		}
	}
	if c.mapped.key == nil {
		return k, nil
	}
	return k, c.findRecords(ctx, tx, k)
}

// lookUp finds the records that a relation's texts mean.
func (c *chunk) lookUp(ctx context.Context, tx Tx, src *source, k *knowledge) error {
	values := map[string]any{}
	for _, line := range c.lines {
		if value, ok := line.lookups[src]; ok {
			values[canonical(value)] = value
		}
	}
	if len(values) == 0 {
		return nil
	}
	found := map[string][]string{}
	err := c.findBy(ctx, tx, src.target, src.by, slices.Collect(maps.Values(values)), func(id string, value any) {
		found[canonical(value)] = append(found[canonical(value)], id)
	})
	if err != nil {
		return fmt.Errorf("looking up %s by %s: %w", src.target.Name, src.by.Name, err)
	}
	for _, line := range c.lines {
		value, ok := line.lookups[src]
		if !ok {
			continue
		}
		ids := found[canonical(value)]
		switch len(ids) {
		case 0:
			line.wish.refusef(src.field, "there is no %s whose %s is %q", src.target.Name, src.by.Name, shortened(canonical(value)))
		case 1:
			line.wish.given[src.field] = ids[0]
			k.live[targetKey(src.target.Identity, ids[0])] = true
		default:
			line.wish.refusef(src.field, "there are %d records of %s whose %s is %q", len(ids), src.target.Name, src.by.Name, shortened(canonical(value)))
		}
	}
	return nil
}

// findRecords locks the records that have the lines' keys.
func (c *chunk) findRecords(ctx context.Context, tx Tx, k *knowledge) error {
	keys := map[string]any{}
	for _, line := range c.lines {
		if line.key != "" {
			keys[line.key] = line.wish.given[c.mapped.key]
		}
	}
	if len(keys) == 0 {
		return nil
	}
	var ids []string
	err := c.findBy(ctx, tx, c.mapped.object, c.mapped.key, slices.Collect(maps.Values(keys)), func(id string, _ any) {
		ids = append(ids, id)
	})
	if err != nil || len(ids) == 0 {
		return err
	}
	statement, err := c.Compiler.LockMany(c.Actor.Access(), c.mapped.object, ids)
	if err != nil {
		return err
	}
	idField, _ := c.mapped.object.Field(schema.FieldID)
	return tx.Query(ctx, statement, func(row [][]byte) error {
		values, err := query.DecodeRow(statement.Columns, row)
		if err != nil {
			return err
		}
		id, _ := values[idField].(string)
		k.records[canonical(values[c.mapped.key])] = &knownRecord{
			id: id, version: versionIn(c.mapped.object, statement.Columns, row), values: values,
		}
		return nil
	})
}
