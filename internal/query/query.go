// Package query turns requests about records into SQL: one statement with
// arguments for each. It knows the schema and what the asker may see, and
// nothing of connections. Statements run in a session with DateStyle ISO and
// TimeZone UTC, and their rows are read in PostgreSQL's text form.
package query

import (
	"fmt"
	"sync"
	"time"

	"github.com/kontor-crm/kontor/internal/expr"
	"github.com/kontor-crm/kontor/internal/fault"
	"github.com/kontor-crm/kontor/internal/schema"
	"github.com/kontor-crm/kontor/internal/secret"
)

// Compiler makes statements for the records of one tenant at one revision of
// its schema. It never changes and may be used by many at once.
type Compiler struct {
	schema  *schema.Schema
	cursors *secret.Sealer
	tenant  string
	zone    *time.Location
	// logic is what the model says in expressions, by object; it is read when it is needed first.
	logic func() (map[string]*Logic, error)
	// computed are the expressions of the computed fields, read when they are needed first.
	computed func() map[*schema.Field]*expr.Expression
	// wholes are the statements of getWhole, by object; nil where each request has its own.
	wholes sync.Map
}

// New is a compiler for a schema. The sealer makes cursors, which are bound to
// the tenant ("namespace/name").
func New(s *schema.Schema, cursors *secret.Sealer, tenant string) *Compiler {
	zone, err := time.LoadLocation(s.Organisation.TimeZone)
	if err != nil { // the compiler of the schema has seen to it that there is one
		zone = time.UTC
	}
	return &Compiler{
		schema: s, cursors: cursors, tenant: tenant, zone: zone,
		computed: sync.OnceValue(func() map[*schema.Field]*expr.Expression { return compileComputed(s) }),
		logic:    sync.OnceValues(func() (map[string]*Logic, error) { return compileLogic(s) }),
	}
}

// Context is what the expressions of a statement depend on.
func (c *Compiler) Context(a Access) expr.Context {
	return expr.Context{Now: a.at, User: a.user, Zone: c.zone}
}

// Statement is one SQL statement with the values of its placeholders.
type Statement struct {
	SQL  string
	Args []any
	// Columns say what the first columns of a row are; a row may have more,
	// which are not for the user.
	Columns []Column
}

// Column is one value of a row.
type Column struct {
	// Path leads to the value in the JSON of the record: one name, with those of
	// relations before it for a field of a related record, and that of the
	// whole for a part.
	Path []string
	// Field is the last of the path.
	Field *schema.Field
}

// own says whether the value is the record's, and not a related one's.
func (c Column) own() bool {
	return len(c.Path) == 1 || len(c.Path) == 2 && c.Field.Parent != nil
}

// Values are the values of some fields of a record, nil for null. Of a field
// with parts they hold the parts.
type Values map[*schema.Field]any

// Schema is the schema that the compiler was made for.
func (c *Compiler) Schema() *schema.Schema { return c.schema }

// Object is the object that the API calls so; a fault.NotFound when there is none.
func (c *Compiler) Object(name string) (*schema.Object, error) {
	object, ok := c.schema.Object(name)
	if !ok {
		return nil, fault.New(fault.NotFound, "there is no object %.60q", name)
	}
	return object, nil
}

// malformed is a request that cannot be read, at one of its parts.
func malformed(path, format string, args ...any) error {
	return &fault.Error{Kind: fault.Malformed, Violations: []fault.Violation{{Path: path, Message: fmt.Sprintf(format, args...)}}}
}
