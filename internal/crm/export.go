package crm

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/kontor-crm/kontor/internal/fault"
	"github.com/kontor-crm/kontor/internal/query"
	"github.com/kontor-crm/kontor/internal/schema"
)

// exportLength is how many records a statement of an export gives, unless they are long.
const exportLength = 5000

// ExportRequest asks for all records that a list would show, as a table.
type ExportRequest struct {
	// List says which records and fields, in which order, and with its cursor where an
	// export goes on. Its limit and count are nobody's.
	List query.ListRequest
	// With lends the records to f for one page of them. It may give those of a newer
	// schema to the next one, and it may run f again after the schema has moved.
	With func(ctx context.Context, f func(context.Context, *Records) error) error
	// Begin is told the columns, before the first row and after all that can be wrong
	// with the request; Row each row. An error ends the export.
	Begin func(s *schema.Schema, columns []query.Column) error
	Row   func(row [][]byte) error
	// Page is told where the export goes on after each page, empty after the last; nil tells nobody.
	Page func(next string) error
}

// Export reads records page by page, however many there are: no statement lasts, and
// no connection is held while the client takes the rows. A record that moves in the
// order of the list meanwhile may be missed or come twice; by id, the order of an
// export that names none, nothing moves.
func Export(ctx context.Context, request ExportRequest) error {
	e := &exporting{ExportRequest: request}
	for {
		if err := request.With(ctx, e.read); err != nil {
			return err
		}
		if e.columns == nil {
			e.columns = e.page.columns
			if err := request.Begin(e.page.schema, e.columns); err != nil {
				return err
			}
		}
		if !slices.EqualFunc(e.columns, e.page.columns, sameColumn) {
			return fault.New(fault.Conflict, "the fields have changed during the export; start again")
		}
		for _, row := range e.page.rows {
			if err := request.Row(row); err != nil {
				return err
			}
		}
		e.List.After = e.page.next
		if request.Page != nil {
			if err := request.Page(e.List.After); err != nil {
				return err
			}
		}
		if e.List.After == "" {
			return nil
		}
	}
}

type exporting struct {
	ExportRequest
	columns []query.Column
	page    exportPage
}

type exportPage struct {
	schema  *schema.Schema
	columns []query.Column
	rows    [][][]byte
	next    string
}

func sameColumn(a, b query.Column) bool {
	return slices.Equal(a.Path, b.Path) && a.Field.Identity == b.Field.Identity && a.Field.Type == b.Field.Type
}

// read reads one page.
func (e *exporting) read(ctx context.Context, records *Records) error {
	request := e.List
	if e.columns != nil { // what a newer schema has beside them comes too late
		request.Fields = nil
		for _, column := range e.columns {
			request.Fields = append(request.Fields, strings.Join(column.Path, "."))
		}
	}
	list, err := records.Compiler.Export(records.access(), request, exportLength)
	if err != nil {
		return err
	}
	e.page = exportPage{schema: records.Compiler.Schema(), columns: list.Statement.Columns}
	size := 0
	var last [][]byte
	each := func(row [][]byte) error {
		if last != nil {
			e.page.next = list.Next(last)
			return errPageFull
		}
		row = cloneRow(row)
		e.page.rows = append(e.page.rows, row)
		for _, value := range row {
			size += len(value)
		}
		if len(e.page.rows) == list.Limit || size >= maxPageBytes {
			last = row
		}
		return nil
	}
	err = records.Runner.Query(ctx, list.Statement, each)
	if err == nil && list.Rest != nil {
		err = records.Runner.Query(ctx, *list.Rest, each)
	}
	if err != nil && !errors.Is(err, errPageFull) {
		return explainRead(err)
	}
	return nil
}
