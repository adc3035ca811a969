package rest

import (
	"context"
	"encoding/json"

	"github.com/kontor-crm/kontor/internal/tenancy"
)

// readOpenAPI answers the description of this tenant's API, custom objects and fields included.
func readOpenAPI(made *descriptions) handler {
	return func(_ context.Context, c *call, model *tenancy.Model) (*answer, error) {
		known, err := made.of(c.tenant.Key, model.Schema, func() ([]byte, error) { return json.Marshal(describeAPI(model.Schema)) })
		if err != nil {
			return nil, err
		}
		return cachedAs(c, known.sum[:], func() []byte { return known.text }), nil
	}
}
