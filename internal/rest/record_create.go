package rest

import (
	"context"
	"net/http"
	"net/url"

	"github.com/kontor-crm/kontor/internal/tenancy"
)

// createRecord makes a record from the fields in the body.
func createRecord(ctx context.Context, c *call, model *tenancy.Model) (*answer, error) {
	fields, err := c.body.JSON()
	if err != nil {
		return nil, err
	}
	record, err := c.records(model, channelAPI).Create(ctx, c.PathValue("object"), fields)
	if err != nil {
		return nil, err
	}
	a := oneRecord(http.StatusCreated, record)
	a.header.Set("Location", "/api/v1/records/"+url.PathEscape(c.PathValue("object"))+"/"+record.ID)
	return a, nil
}
