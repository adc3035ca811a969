package crm

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/kontor-crm/kontor/internal/fault"
	"github.com/kontor-crm/kontor/internal/query"
)

// ExportWish is the request of a job that exports: the parameters of a list.
type ExportWish struct {
	Filter  string            `json:"filter,omitempty"`
	Sort    []string          `json:"sort,omitempty"`
	Fields  []string          `json:"fields,omitempty"`
	Deleted query.DeletedMode `json:"deleted,omitempty"`
}

// List is the list of that object's records.
func (w ExportWish) List(object string) query.ListRequest {
	return query.ListRequest{Object: object, Filter: w.Filter, Sort: w.Sort, Fields: w.Fields, Deleted: w.Deleted}
}

// ExportWish is the request of a job that exports.
func (j *Job) ExportWish() (wish ExportWish, err error) {
	if err := json.Unmarshal(j.Request, &wish); err != nil {
		return wish, fault.Wrap(fault.Malformed, err, "the job's request cannot be read")
	}
	return wish, nil
}

// CheckExport says what is wrong with an export before its first row is read.
func (r *Records) CheckExport(request query.ListRequest) error {
	_, err := r.Compiler.Export(r.access(), request, exportLength)
	return err
}

// CreateExport makes the job that writes all records that a list would show into a file.
func (j *Jobs) CreateExport(ctx context.Context, list query.ListRequest) (*Job, error) {
	request, err := json.Marshal(ExportWish{Filter: list.Filter, Sort: list.Sort, Fields: list.Fields, Deleted: list.Deleted})
	if err != nil {
		return nil, fmt.Errorf("noting the request: %w", err)
	}
	return j.Create(ctx, query.NewJob{Kind: JobExport, Object: list.Object, Request: request})
}
