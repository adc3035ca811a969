package crm

import (
	"context"
	"errors"
	"slices"
	"strconv"

	"github.com/kontor-crm/kontor/internal/fault"
	"github.com/kontor-crm/kontor/internal/query"
	"github.com/kontor-crm/kontor/internal/schema"
)

// Page is a part of a list.
type Page struct {
	// Items is a JSON array of records.
	Items []byte
	// Next is the cursor of the next page; empty on the last one.
	Next string
	// Count is the number of all records, nil when it was not asked for; Estimated
	// says that it is a guess.
	Count     *int64
	Estimated bool
}

// maxPageBytes ends a page before its limit: a thousand long records would fill the
// memory of the server, and the client's.
const maxPageBytes = 8 << 20

// errPageFull ends the reading of rows.
var errPageFull = errors.New("the page is full")

// List is a page of an object's records. It may be shorter than the limit when the
// records are long; Next tells whether there are more.
func (r *Records) List(ctx context.Context, request query.ListRequest) (*Page, error) {
	list, err := r.Compiler.List(r.access(), request)
	if err != nil {
		return nil, err
	}
	page := &Page{Items: []byte{'['}}
	var last [][]byte
	rows := 0
	each := func(row [][]byte) error {
		if last != nil { // the page was full before this one
			page.Next = list.Next(last)
			return errPageFull
		}
		rows++
		if rows > 1 {
			page.Items = append(page.Items, ',')
		}
		page.Items = query.EncodeRow(page.Items, list.Statement.Columns, row)
		if rows == list.Limit || len(page.Items) >= maxPageBytes {
			last = cloneRow(row)
		}
		return nil
	}
	err = r.Runner.Query(ctx, list.Statement, each)
	if err == nil && list.Rest != nil {
		err = r.Runner.Query(ctx, *list.Rest, each)
	}
	if err != nil && !errors.Is(err, errPageFull) {
		return nil, explainRead(err)
	}
	page.Items = append(page.Items, ']')
	if list.Count == nil {
		return page, nil
	}
	return page, r.count(ctx, request, list, page, int64(rows))
}

// count counts what the list lets through. An estimate never contradicts the
// page: what is all on it needs no guess, and where more follows there is more.
func (r *Records) count(ctx context.Context, request query.ListRequest, list *query.List, page *Page, shown int64) error {
	page.Count = &shown
	if request.Count == query.CountEstimate && request.After == "" && page.Next == "" {
		return nil
	}
	var count int64
	err := r.Runner.Query(ctx, *list.Count, func(row [][]byte) error {
		var err error
		count, err = query.CountOf(request.Count, row)
		return err
	})
	if err != nil {
		return explainRead(err)
	}
	if page.Estimated = request.Count == query.CountEstimate; page.Estimated {
		if page.Next != "" {
			shown++
		}
		count = max(count, shown)
	}
	page.Count = &count
	return nil
}

// explainRead puts down to the filter what the database could not compute: a
// division by zero, a number that is too great. The records themselves are sound.
func explainRead(err error) error {
	if refusal, ok := errors.AsType[*ConstraintError](err); ok && refusal.Kind == ConstraintRange {
		return &fault.Error{Kind: fault.Malformed, Cause: err, Violations: []fault.Violation{
			{Path: "filter", Message: "cannot be computed for some of the records: a division by zero, or a number that is too great"},
		}}
	}
	return err
}

// Get is one live record with the fields of those names; no names are all fields.
func (r *Records) Get(ctx context.Context, object, id string, fields []string) (*Record, error) {
	o, err := r.Compiler.Object(object)
	if err != nil {
		return nil, err
	}
	statement, err := r.Compiler.Get(r.access(), o, id, fields)
	if err != nil {
		return nil, err
	}
	record := &Record{ID: id, Moves: slices.ContainsFunc(o.Fields, (*schema.Field).Computed)}
	err = r.Runner.Query(ctx, statement, func(row [][]byte) error {
		record.JSON = query.EncodeRow(nil, statement.Columns, row)
		record.Version = versionIn(o, statement.Columns, row)
		return nil
	})
	if err != nil {
		return nil, err
	}
	if record.JSON == nil {
		return nil, notFound(o, id)
	}
	return record, nil
}

func notFound(object *schema.Object, id string) error {
	return fault.New(fault.NotFound, "there is no %s with the id %q", object.Name, shortened(id))
}

// versionIn is the record's version in the row, 0 when the row has none.
func versionIn(object *schema.Object, columns []query.Column, row [][]byte) int64 {
	field, _ := object.Field(schema.FieldVersion)
	for i, column := range columns {
		if column.Field == field && len(column.Path) == 1 {
			version, _ := strconv.ParseInt(string(row[i]), 10, 64) // PostgreSQL's own integer
			return version
		}
	}
	return 0
}

func cloneRow(row [][]byte) [][]byte {
	clone := make([][]byte, len(row))
	for i, value := range row {
		clone[i] = slices.Clone(value)
	}
	return clone
}
