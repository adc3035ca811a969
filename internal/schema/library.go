package schema

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"sync"
	"weak"
)

// Library reads stored schemas, and holds once what several of them say alike: most
// tenants have the same model, and the settings of their organisation are all that
// differs. It keeps nothing alive that no schema uses any more. The zero value is ready.
type Library struct {
	mu     sync.Mutex
	models map[[sha256.Size]byte]weak.Pointer[Schema]
}

// stored is the stored form of a schema: what is a tenant's own, and the model unread.
type stored struct {
	Format       int             `json:"format"`
	Revision     int64           `json:"revision"`
	Organisation Organisation    `json:"organisation"`
	Objects      json.RawMessage `json:"objects"`
	Pipelines    json.RawMessage `json:"pipelines"`
	Rules        json.RawMessage `json:"rules"`
	Indexes      json.RawMessage `json:"indexes"`
	Retired      json.RawMessage `json:"retired"`
}

// Load is as the function Load.
func (l *Library) Load(document []byte) (*Schema, error) {
	var own stored
	if err := json.Unmarshal(document, &own); err != nil {
		return nil, fmt.Errorf("reading the schema: %w", err)
	}
	key := own.modelDigest()
	model := l.model(key)
	if model == nil {
		// Two that come at the same time both read it, and the later one stays.
		read, err := Load(document)
		if err != nil {
			return nil, err
		}
		l.keep(key, read)
		model = read
	}
	s := *model
	s.Revision, s.Organisation, s.model = own.Revision, own.Organisation, model
	return &s, nil
}

// modelDigest is the same for schemas that differ in nothing but what is the tenant's own.
func (s *stored) modelDigest() (digest [sha256.Size]byte) {
	hash := sha256.New()
	for _, part := range []json.RawMessage{s.Objects, s.Pipelines, s.Rules, s.Indexes, s.Retired} {
		_, _ = fmt.Fprintf(hash, "%d %d ", s.Format, len(part)) // a hash takes everything
		_, _ = hash.Write(part)
	}
	hash.Sum(digest[:0])
	return digest
}

func (l *Library) model(digest [sha256.Size]byte) *Schema {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.models[digest].Value()
}

func (l *Library) keep(digest [sha256.Size]byte, model *Schema) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.models == nil {
		l.models = map[[sha256.Size]byte]weak.Pointer[Schema]{}
	}
	for other, model := range l.models {
		if model.Value() == nil {
			delete(l.models, other)
		}
	}
	l.models[digest] = weak.Make(model)
}
