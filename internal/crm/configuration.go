package crm

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/kontor-crm/kontor/internal/query"
	"github.com/kontor-crm/kontor/internal/schema"
)

// Configuration are the resources that declare an object, or all of them without their
// YAML when it is nil, as the operator saw them last.
func (r *Records) Configuration(ctx context.Context, o *schema.Object) ([]query.KeptResource, error) {
	statement, err := r.Compiler.Configuration(r.access(), o)
	if err != nil {
		return nil, err
	}
	found := []query.KeptResource{}
	err = r.Runner.Query(ctx, statement, func(row [][]byte) error {
		var one query.KeptResource
		err := json.Unmarshal(row[0], &one)
		found = append(found, one)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading the configuration: %w", err)
	}
	return found, nil
}
