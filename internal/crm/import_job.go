package crm

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/kontor-crm/kontor/internal/fault"
	"github.com/kontor-crm/kontor/internal/query"
)

// The kinds of jobs. They are also the channels of what the jobs write, for the history.
const (
	JobImport = "import"
	JobUndo   = "undo"
	JobExport = "export"
)

// ImportWish is the request of an import's job.
type ImportWish struct {
	Mapping *Mapping `json:"mapping"`
	DryRun  bool     `json:"dryRun,omitempty"`
	// Workbook says that the file is a workbook, or was one: the job's first step
	// puts a file of CSV in its place.
	Workbook bool `json:"workbook,omitempty"`
}

// ImportWish is the request of a job that imports.
func (j *Job) ImportWish() (wish ImportWish, err error) {
	if err := json.Unmarshal(j.Request, &wish); err != nil {
		return wish, fmt.Errorf("reading the job's request: %w", err)
	}
	return wish, nil
}

// CreateImport makes the job that imports a file.
func (j *Jobs) CreateImport(ctx context.Context, object string, wish ImportWish, file *File) (*Job, error) {
	request, err := json.Marshal(wish)
	if err != nil {
		return nil, fmt.Errorf("noting the request: %w", err)
	}
	return j.Create(ctx, query.NewJob{Kind: JobImport, Object: object, Request: request, Input: file.ID, Total: file.Size})
}

// CreateUndo makes the job that takes an import back.
func (j *Jobs) CreateUndo(ctx context.Context, id string) (*Job, error) {
	job, err := j.Get(ctx, id)
	if err != nil {
		return nil, err
	}
	if job.Kind != JobImport {
		return nil, fault.New(fault.Conflict, "only an import can be undone, and this is another kind of job: %s", job.Kind)
	}
	wish, err := job.ImportWish()
	if err != nil {
		return nil, err
	}
	switch {
	case wish.DryRun:
		return nil, fault.New(fault.Conflict, "a dry run wrote nothing that could be undone")
	case !job.State.Ended():
		return nil, fault.New(fault.Conflict, "the import has not ended yet; cancel it first")
	}
	var report Report
	if err := json.Unmarshal(job.Report, &report); err != nil {
		return nil, fmt.Errorf("reading the job's report: %w", err)
	}
	undo, err := j.Create(ctx, query.NewJob{
		Kind: JobUndo, Object: job.Object, Request: json.RawMessage(`{}`), Undoes: job.ID, Total: int64(report.Created + report.Updated),
	})
	if refusal, ok := errors.AsType[*ConstraintError](err); ok && refusal.Kind == ConstraintUnique {
		return nil, fault.Wrap(fault.Conflict, err, "the import has been undone, or is being undone")
	}
	return undo, err
}

// Failures are the file of an import's failed lines: the header of the imported
// file with a column more, then each line as it stood, with its reasons.
type Failures struct{ header, delimiter string }

// NewFailures are those of a file with this header.
func NewFailures(mapping *Mapping, header *ImportHeader) Failures {
	return Failures{header: header.Text, delimiter: cmp.Or(mapping.Delimiter, ",")}
}

// Begin is the first line of the file.
func (f Failures) Begin() []byte { return []byte(f.header + f.delimiter + "failure\n") }

// Lines are failed lines as they stand in the file.
func (f Failures) Lines(failed []FailedLine) []byte {
	var text bytes.Buffer
	for _, line := range failed {
		text.WriteString(line.Text + f.delimiter + quoteCSV("line "+strconv.Itoa(line.Line)+": "+strings.Join(line.Reasons, "; ")) + "\n")
	}
	return text.Bytes()
}

// BeginUndoFailures is the first line of the file of records that an undo leaves alone.
func BeginUndoFailures() []byte { return []byte("object,id,failure\n") }

// UndoFailures are lines of that file.
func UndoFailures(failed []FailedUndo) []byte {
	var text bytes.Buffer
	for _, record := range failed {
		text.WriteString(record.Object + "," + record.ID + "," + quoteCSV(record.Reason) + "\n")
	}
	return text.Bytes()
}

// quoteCSV is a value with quotes, which mean the same beside every delimiter.
func quoteCSV(text string) string { return `"` + strings.ReplaceAll(text, `"`, `""`) + `"` }

// outputKeep is how long a file that a job writes stays when the job is forgotten.
const outputKeep = 24 * time.Hour

// Output is a file that a job writes, a part in each of its transactions.
type Output struct {
	// ID is the file's; empty until there is something to write.
	ID string
	// Name and MediaType are for who downloads it, By is whose it is.
	Name, MediaType, By string
}

// Append writes behind what is there, within a transaction; begin is what a new file begins with.
func (o *Output) Append(
	ctx context.Context, tx Tx, newID func() (string, error), at time.Time, begin, text []byte,
) (id string, err error) {
	if len(text) == 0 {
		return o.ID, nil
	}
	if id = o.ID; id == "" {
		if id, err = newID(); err != nil {
			return "", fmt.Errorf("making an id: %w", err)
		}
		if err := tx.Query(ctx, query.InsertFile(id, fileName(o.Name), o.MediaType, o.By, at, outputKeep), nothing); err != nil {
			return "", fmt.Errorf("beginning a file: %w", err)
		}
		text = append(begin, text...)
	}
	for len(text) > 0 {
		n := min(len(text), pieceBytes)
		if err := tx.Query(ctx, query.AppendFile(id, text[:n]), nothing); err != nil {
			return "", fmt.Errorf("writing a file: %w", err)
		}
		text = text[n:]
	}
	return id, nil
}
