package rest

import (
	"context"
	"net/http"

	"github.com/kontor-crm/kontor/internal/tenancy"
)

// moveRecord brings a record into the stage that the body names.
func moveRecord(ctx context.Context, c *call, model *tenancy.Model) (*answer, error) {
	var stage string
	if err := c.body.texts(map[string]*string{"stage": &stage}); err != nil {
		return nil, err
	}
	record, err := c.records(model, channelAPI).Move(ctx, c.PathValue("object"), c.PathValue("id"), stage, c.ifMatch())
	if err != nil {
		return nil, err
	}
	return oneRecord(http.StatusOK, record), nil
}
