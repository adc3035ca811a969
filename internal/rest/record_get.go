package rest

import (
	"context"
	"net/http"
	"net/url"

	"github.com/kontor-crm/kontor/internal/fault"
	"github.com/kontor-crm/kontor/internal/tenancy"
)

// getRecord answers one record, with the fields that the parameter "fields" names.
func getRecord(ctx context.Context, c *call, model *tenancy.Model) (*answer, error) {
	fields, err := c.fields()
	if err != nil {
		return nil, err
	}
	record, err := c.records(model, channelAPI).Get(ctx, c.PathValue("object"), c.PathValue("id"), fields)
	if err != nil {
		return nil, err
	}
	if tag := etag(record.Version); record.Version > 0 && !record.Moves && len(fields) == 0 && c.Header.Get("If-None-Match") == tag {
		return &answer{status: http.StatusNotModified, header: http.Header{"Etag": {tag}}}, nil
	}
	return oneRecord(http.StatusOK, record), nil
}

// fields are those that the parameter of that name asks for, the only one that a record has.
func (c *call) fields() ([]string, error) {
	values, err := url.ParseQuery(c.URL.RawQuery)
	if err != nil {
		return nil, fault.Wrap(fault.Malformed, err, "the query string cannot be read")
	}
	for name, texts := range values {
		switch {
		case name != "fields":
			return nil, malformed(name, "is no parameter of a record; there is fields")
		case len(texts) > 1:
			return nil, malformed(name, "stands twice")
		}
	}
	var fields []string
	if err := readNames(map[string]any{"fields": values.Get("fields")}, "fields", &fields); err != nil {
		return nil, err
	}
	return fields, nil
}
