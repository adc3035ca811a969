package rest

import (
	"bufio"
	"context"
	"mime"
	"net/http"
	"slices"
	"strings"

	"github.com/kontor-crm/kontor/internal/crm"
	"github.com/kontor-crm/kontor/internal/query"
	"github.com/kontor-crm/kontor/internal/schema"
	"github.com/kontor-crm/kontor/internal/tenancy"
)

// exportParameters are those of a list that an export has too, and its own.
var exportParameters = []string{"filter", "sort", "fields", "deleted", "format", "header"}

// exportBuffer is how much is written to the client at once.
const exportBuffer = 64 << 10

// table is a file that is written row by row.
type table interface {
	// Begin writes the header.
	Begin(columns []query.Column, header []string) error
	Row(row [][]byte) error
	End() error
}

// exportRecords answers all records that a list would show, as CSV or XLSX, while
// it reads them. What is wrong before the first row is a problem with its status;
// later the connection breaks off, so that nobody takes a part for the whole.
func exportRecords(ctx context.Context, w http.ResponseWriter, c *call) error {
	client := &patient{w: w, control: http.NewResponseController(w), clock: c.options.Clock}
	e := &exportStream{w: w, call: c, buffer: bufio.NewWriterSize(client, exportBuffer)}
	request, err := e.read()
	if err != nil {
		return err
	}
	err = crm.Export(ctx, crm.ExportRequest{
		List: request,
		With: func(ctx context.Context, f func(context.Context, *crm.Records) error) error {
			client.extend()
			return c.tenant.Do(ctx, func(ctx context.Context, model *tenancy.Model) error { return f(ctx, c.records(model, channelAPI)) })
		},
		Begin: e.begin,
		Row:   func(row [][]byte) error { return e.table.Row(row) },
	})
	if err == nil {
		err = e.end()
	}
	if err == nil || e.table == nil {
		return err
	}
	notesOf(ctx).failed = err
	panic(http.ErrAbortHandler) // the one way to say it after the status
}

// exportStream writes the file.
type exportStream struct {
	w      http.ResponseWriter
	call   *call
	buffer *bufio.Writer
	format string
	labels bool
	table  table
}

// read reads the parameters.
func (e *exportStream) read() (query.ListRequest, error) {
	given, err := e.call.given()
	if err != nil {
		return query.ListRequest{}, err
	}
	own := map[string]string{"format": "csv", "header": "names"}
	for name := range given {
		if !slices.Contains(exportParameters, name) {
			return query.ListRequest{}, malformed(name, "is no parameter of an export; there are "+strings.Join(exportParameters, ", "))
		}
	}
	for name := range own {
		text := own[name]
		if err := readText(given, name, &text); err != nil {
			return query.ListRequest{}, err
		}
		own[name] = text
		delete(given, name)
	}
	if own["format"] != "csv" && own["format"] != "xlsx" {
		return query.ListRequest{}, malformed("format", "must be csv or xlsx")
	}
	if own["header"] != "names" && own["header"] != "labels" {
		return query.ListRequest{}, malformed("header", "must be names or labels")
	}
	e.format, e.labels = own["format"], own["header"] == "labels"
	return listRequest(e.call.PathValue("object"), given)
}

// begin sends the head of the answer and of the file.
func (e *exportStream) begin(s *schema.Schema, columns []query.Column) error {
	kind := "text/csv; charset=utf-8; header=present"
	e.table = crm.NewCSVTable(e.buffer)
	if e.format == "xlsx" {
		kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
		e.table = newXLSXTable(e.buffer, s.Organisation.TimeZone)
	}
	header := e.w.Header()
	header.Set("Content-Type", kind)
	header.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": e.call.PathValue("object") + "." + e.format}))
	deprecate(header, e.call.former)
	e.w.WriteHeader(http.StatusOK)
	d := e.call.describer(s)
	object, _ := s.Object(e.call.PathValue("object"))
	names := make([]string, 0, len(columns))
	for _, column := range columns {
		if e.labels {
			names = append(names, d.pathLabel(object, column.Path))
		} else {
			names = append(names, strings.Join(column.Path, "."))
		}
	}
	return e.table.Begin(columns, names)
}

// pathLabel is what people call a column: the labels along its path.
func (d describer) pathLabel(o *schema.Object, path []string) string {
	var labels []string
	name := ""
	for _, step := range path {
		name = strings.TrimPrefix(name+"."+step, ".")
		f, ok := o.Field(name)
		if !ok {
			return strings.Join(path, ".")
		}
		labels = append(labels, d.label(f.Label, f.Name))
		if target, ok := d.schema.ObjectByIdentity(f.Target); ok {
			o, name = target, ""
		}
	}
	return strings.Join(labels, " / ")
}

// end sends the rest of the file.
func (e *exportStream) end() error {
	if err := e.table.End(); err != nil {
		return err
	}
	return e.buffer.Flush()
}

// startExport makes the job that writes all records that a list would show into a file of CSV.
func startExport(ctx context.Context, c *call, model *tenancy.Model) (*answer, error) {
	given, err := c.body.JSON()
	if err != nil {
		return nil, err
	}
	for name := range given {
		if name == "limit" || name == "after" || name == "count" {
			return nil, malformed(name, "is no parameter of an export, which is of all")
		}
	}
	request, err := listRequest(c.PathValue("object"), given)
	if err != nil {
		return nil, err
	}
	if err := c.records(model, channelAPI).CheckExport(request); err != nil {
		return nil, err
	}
	job, err := c.jobs().CreateExport(ctx, request)
	if err != nil {
		return nil, err
	}
	return c.newJob(ctx, job)
}
