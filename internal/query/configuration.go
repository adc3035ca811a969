package query

import (
	"time"

	"github.com/kontor-crm/kontor/internal/expr"
	"github.com/kontor-crm/kontor/internal/schema"
)

// KeptResource is a resource that declares a part of the schema, as the operator saw it last.
type KeptResource struct {
	Kind string `json:"kind"`
	Name string `json:"name"`
	// Object is the identity of the object that it is about; there may be none.
	Object     string `json:"object"`
	Generation int64  `json:"generation"`
	// Ready says that this form of it is in force; Reason and Message say why, or why not.
	Ready     bool      `json:"ready"`
	Reason    string    `json:"reason"`
	Message   string    `json:"message"`
	YAML      string    `json:"yaml"`
	UpdatedAt time.Time `json:"updated_at"`
}

// Configuration gives a row of JSON for each resource that is about the object, with its
// YAML; or without an object for all resources, without YAML. What is about no object
// that the schema has is for who sees everything.
func (c *Compiler) Configuration(a Access, o *schema.Object) (Statement, error) {
	var args expr.Args
	if o != nil {
		if err := a.reading(o); err != nil {
			return Statement{}, err
		}
		return Statement{
			SQL:  `SELECT to_jsonb(r)::text FROM kontor.resource AS r WHERE r.object = ` + args.Add(o.Identity) + `::text ORDER BY r.kind, r.name`,
			Args: args.Values(),
		}, nil
	}
	where := `true`
	if !a.everything {
		readable := []string{}
		for _, o := range c.schema.Objects {
			if a.mayRead(o) {
				readable = append(readable, o.Identity)
			}
		}
		where = `r.object = ANY (` + args.Add(readable) + `::text[])`
	}
	return Statement{SQL: `SELECT (to_jsonb(r) - 'yaml')::text FROM kontor.resource AS r WHERE ` + where + ` ORDER BY r.kind, r.name`, Args: args.Values()}, nil
}
