package rest

import (
	"context"
	"net/http"

	"github.com/kontor-crm/kontor/internal/tenancy"
)

// patchRecord changes the fields that the body names: a JSON merge patch, in which null takes a value away.
func patchRecord(ctx context.Context, c *call, model *tenancy.Model) (*answer, error) {
	fields, err := c.body.JSON()
	if err != nil {
		return nil, err
	}
	record, err := c.records(model, channelAPI).Update(ctx, c.PathValue("object"), c.PathValue("id"), fields, c.ifMatch())
	if err != nil {
		return nil, err
	}
	return oneRecord(http.StatusOK, record), nil
}
