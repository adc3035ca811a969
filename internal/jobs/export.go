package jobs

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"github.com/kontor-crm/kontor/internal/crm"
	"github.com/kontor-crm/kontor/internal/fault"
	"github.com/kontor-crm/kontor/internal/query"
	"github.com/kontor-crm/kontor/internal/schema"
)

// exportPlace is how far an export came.
type exportPlace struct {
	// After is the cursor of the next page; Ended says that there is none.
	After string `json:"after,omitempty"`
	Ended bool   `json:"ended,omitempty"`
	// Columns are those of the header; nil before it is written.
	Columns []string     `json:"columns,omitempty"`
	Report  exportReport `json:"report"`
}

// exportReport counts what an export wrote.
type exportReport struct {
	Records int64 `json:"records"`
}

// errEnough ends an export that is cancelled.
var errEnough = errors.New("the export is cancelled")

// doExport writes the records that a list would show into a file, a page in each transaction.
func doExport(ctx context.Context, run *Run) error {
	wish, err := run.Job.ExportWish()
	if err != nil {
		return err
	}
	e := &exporting{run: run, output: crm.Output{ID: run.Job.Output, Name: run.Job.Object + ".csv", MediaType: mediaCSV, By: run.Job.CreatedBy}}
	if err := json.Unmarshal(run.Job.Progress, &e.place); err != nil {
		return unreadable(err)
	}
	if e.place.Ended {
		return nil
	}
	e.table = crm.NewCSVTable(&e.text)
	list := wish.List(run.Job.Object)
	list.After = e.place.After
	err = crm.Export(ctx, crm.ExportRequest{
		List: list, With: run.Records, Begin: e.begin, Row: e.row, Page: func(next string) error { return e.page(ctx, next) },
	})
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}

// exporting holds one page of the file.
type exporting struct {
	run    *Run
	output crm.Output
	place  exportPlace
	table  *crm.CSVTable
	text   bytes.Buffer
}

func (e *exporting) begin(_ *schema.Schema, columns []query.Column) error {
	names := make([]string, 0, len(columns))
	for _, column := range columns {
		names = append(names, strings.Join(column.Path, "."))
	}
	if e.place.Columns == nil {
		e.place.Columns = names
		return e.table.Begin(columns, names)
	}
	if !slices.Equal(e.place.Columns, names) {
		return fault.New(fault.Conflict, "the fields have changed during the export; start again")
	}
	e.table.GoOn(columns)
	return nil
}

func (e *exporting) row(row [][]byte) error {
	e.place.Report.Records++
	return e.table.Row(row)
}

// page keeps what was written, and where to go on.
func (e *exporting) page(ctx context.Context, next string) error {
	if err := e.table.End(); err != nil {
		return err
	}
	e.place.After, e.place.Ended = next, next == ""
	err := e.run.Runner.InTransaction(ctx, func(ctx context.Context, tx crm.Tx) error {
		id, err := e.output.Append(ctx, tx, e.run.NewID, e.run.Clock(), nil, e.text.Bytes())
		if err != nil {
			return err
		}
		e.output.ID = id
		return e.run.Note(ctx, tx, Step{Progress: e.place, Report: e.place.Report, Done: e.place.Report.Records, Output: id})
	})
	if err != nil {
		return err
	}
	e.text.Reset()
	if e.run.Stopping() && !e.place.Ended {
		return errEnough
	}
	return nil
}
