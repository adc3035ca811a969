package rest

import (
	"context"
	"net/http"

	"github.com/kontor-crm/kontor/internal/tenancy"
)

// restoreRecord brings a deleted record back. It needs no
// body; an empty object is one too.
func restoreRecord(ctx context.Context, c *call, model *tenancy.Model) (*answer, error) {
	if c.ContentLength != 0 {
		if err := c.body.texts(nil); err != nil {
			return nil, err
		}
	}
	record, err := c.records(model, channelAPI).Restore(ctx, c.PathValue("object"), c.PathValue("id"), c.ifMatch())
	if err != nil {
		return nil, err
	}
	return oneRecord(http.StatusOK, record), nil
}
