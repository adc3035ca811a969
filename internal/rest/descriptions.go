package rest

import (
	"crypto/sha256"
	"sync"

	"github.com/kontor-crm/kontor/internal/schema"
)

// maxDescriptions bounds the memory for descriptions.
const maxDescriptions = 64

// descriptions keeps what was made of the tenants' schemas: it is long, asked for often,
// and another one only when the schema is.
type descriptions struct {
	mu   sync.Mutex
	kept map[string]*description
}

// description is a text that was made of a schema, and its sum.
type description struct {
	schema *schema.Schema
	text   []byte
	sum    [sha256.Size]byte
}

func newDescriptions() *descriptions { return &descriptions{kept: map[string]*description{}} }

// of is the description of that key, which is made when there is none of this schema.
func (d *descriptions) of(key string, s *schema.Schema, write func() ([]byte, error)) (*description, error) {
	d.mu.Lock()
	known := d.kept[key]
	d.mu.Unlock()
	if known != nil && known.schema == s {
		return known, nil
	}
	text, err := write()
	if err != nil {
		return nil, err
	}
	known = &description{schema: s, text: text, sum: sha256.Sum256(text)}
	d.mu.Lock()
	defer d.mu.Unlock()
	for other := range d.kept {
		if len(d.kept) < maxDescriptions {
			break
		}
		delete(d.kept, other)
	}
	d.kept[key] = known
	return known, nil
}
