package rest

import (
	"context"
	"net/http"

	"github.com/kontor-crm/kontor/internal/tenancy"
)

// deleteRecord takes a record out of use.
func deleteRecord(ctx context.Context, c *call, model *tenancy.Model) (*answer, error) {
	if err := c.records(model, channelAPI).Delete(ctx, c.PathValue("object"), c.PathValue("id"), c.ifMatch()); err != nil {
		return nil, err
	}
	return &answer{status: http.StatusNoContent}, nil
}
