package rest

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/kontor-crm/kontor/internal/query"
	"github.com/kontor-crm/kontor/internal/tenancy"
)

// getExternal answers the record that another system calls so.
func getExternal(ctx context.Context, c *call, model *tenancy.Model) (*answer, error) {
	fields, err := c.fields()
	if err != nil {
		return nil, err
	}
	id := query.ExternalID{System: c.PathValue("system"), ID: c.PathValue("external")}
	record, err := c.records(model, channelAPI).GetExternal(ctx, c.PathValue("object"), id, fields)
	if err != nil {
		return nil, err
	}
	return oneRecord(http.StatusOK, record), nil
}

// listExternal answers what other systems call a record.
func listExternal(ctx context.Context, c *call, model *tenancy.Model) (*answer, error) {
	ids, err := c.records(model, channelAPI).ExternalIDs(ctx, c.PathValue("object"), c.PathValue("id"))
	if err != nil {
		return nil, err
	}
	type externalID struct {
		System string `json:"system"`
		ID     string `json:"id"`
	}
	items := make([]externalID, 0, len(ids))
	for _, id := range ids {
		items = append(items, externalID(id))
	}
	encoded, err := json.Marshal(map[string]any{"items": items})
	if err != nil {
		return nil, err
	}
	return ok(encoded), nil
}
