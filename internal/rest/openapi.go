package rest

import (
	"context"
	"encoding/json"
	"sync"

	"github.com/kontor-crm/kontor/internal/schema"
	"github.com/kontor-crm/kontor/internal/tenancy"
)

// readOpenAPI answers the description of this tenant's API, custom objects and fields included.
func readOpenAPI(made *documents) handler {
	return func(_ context.Context, c *call, model *tenancy.Model) (*answer, error) {
		document, err := made.of(c.tenant.Key, model.Schema)
		if err != nil {
			return nil, err
		}
		return cached(c, document), nil
	}
}

// maxDocuments bounds the memory for descriptions.
const maxDocuments = 64

// documents keeps the descriptions that were made, by tenant.
type documents struct {
	mu   sync.Mutex
	kept map[string]keptDocument
}

type keptDocument struct {
	schema *schema.Schema
	text   []byte
}

func newDocuments() *documents { return &documents{kept: map[string]keptDocument{}} }

func (d *documents) of(tenant string, s *schema.Schema) ([]byte, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if kept, ok := d.kept[tenant]; ok && kept.schema == s {
		return kept.text, nil
	}
	text, err := json.Marshal(describeAPI(s))
	if err != nil {
		return nil, err
	}
	for other := range d.kept {
		if len(d.kept) < maxDocuments {
			break
		}
		delete(d.kept, other)
	}
	d.kept[tenant] = keptDocument{schema: s, text: text}
	return text, nil
}
