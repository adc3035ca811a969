// Package query turns requests about records into SQL: one statement with
// arguments for each. It knows the schema and what the asker may see, and
// nothing of connections. Statements run in a session with DateStyle ISO and
// TimeZone UTC, and their rows are read in PostgreSQL's text form.
package query

import (
	"time"

	"github.com/kontor-crm/kontor/internal/schema"
	"github.com/kontor-crm/kontor/internal/secret"
)

// Compiler makes statements for the records of one tenant at one revision of
// its schema. It never changes and may be used by many at once.
type Compiler struct {
	schema  *schema.Schema
	cursors *secret.Sealer
	tenant  string
}

// New is a compiler for a schema. The sealer makes cursors, which are bound to
// the tenant ("namespace/name").
func New(s *schema.Schema, cursors *secret.Sealer, tenant string) *Compiler {
	return &Compiler{schema: s, cursors: cursors, tenant: tenant}
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
	// Path leads to the value in the JSON of the record: one name, or two for
	// a field of a related record.
	Path []string
	// Field is the last of the path.
	Field *schema.Field
}

// Values are the values of some fields of a record, nil for null.
type Values map[*schema.Field]any

// Schema is the schema that the compiler was made for.
func (c *Compiler) Schema() *schema.Schema { return c.schema }

// Object is the object that the API calls so; a fault.NotFound when there is none.
func (c *Compiler) Object(name string) (*schema.Object, error) { return nil, nil }

// CountMode says whether a list counts what it does not show.
type CountMode string

// The modes of counting.
const (
	// CountNone counts nothing; so does the empty mode.
	CountNone CountMode = "none"
	// CountExact counts all records that the filter lets through.
	CountExact CountMode = "exact"
)

// ListRequest asks for a page of an object's records.
type ListRequest struct {
	// Object is its name in the API.
	Object string
	// Filter is a condition in CEL; empty lets all through.
	Filter string
	// Sort are names of fields, with a leading "-" for descending order.
	// Records without a value come last in both directions; texts sort by code
	// point. The id decides among equals.
	Sort []string
	// Fields are the names of the wanted fields, "customer.name" for a field of
	// the related record; empty is all fields of the object itself.
	Fields []string
	// Limit is the length of the page: 0 is DefaultLimit, MaxLimit the most.
	Limit int
	// After is the cursor of the page before; empty is the first page.
	After string
	// Count asks for the number of all records.
	Count CountMode
}

// The lengths of a page.
const (
	DefaultLimit = 50
	MaxLimit     = 1000
)

// List is a compiled ListRequest.
type List struct {
	// Statement gives one row more than Limit when there is a next page.
	Statement Statement
	// Count gives the number of all records in one row of one column; nil when it was not asked for.
	Count *Statement
	// Limit is the length of the page.
	Limit int
}

// Next is the cursor of the page that follows the row, which is the last one
// shown: all of its columns as the statement gave them.
func (l *List) Next(last [][]byte) string { return "" }

// List compiles a request for a page of records. It fails with fault.NotFound
// for an unknown object, fault.Forbidden when it may not be read, and
// fault.Malformed with the path filter, sort, fields, limit, count or after.
func (c *Compiler) List(a Access, r ListRequest) (*List, error) { return nil, nil }

// Get is one live record, with the fields of that name as in a ListRequest. An id that is none is fault.NotFound.
func (c *Compiler) Get(a Access, object *schema.Object, id string, fields []string) (Statement, error) {
	return Statement{}, nil
}

// Lock is one live record with all its fields, locked against other writers until the transaction ends.
func (c *Compiler) Lock(a Access, object *schema.Object, id string) (Statement, error) {
	return Statement{}, nil
}

// LockMany is Lock for several records, locked in the order of their ids. Ids that are not found give no row.
func (c *Compiler) LockMany(a Access, object *schema.Object, ids []string) (Statement, error) {
	return Statement{}, nil
}

// Insert makes a record with version 1 and returns its row with all fields.
// Values hold the fields that are set; read-only ones are refused. by is the id
// of the user, or empty.
func (c *Compiler) Insert(a Access, object *schema.Object, id string, values Values, by string, at time.Time) (Statement, error) {
	return Statement{}, nil
}

// Update changes some fields of the live record that has this version and
// returns its row with all fields; no row says that the record or the version
// is another.
func (c *Compiler) Update(a Access, object *schema.Object, id string, version int64, changed Values, by string, at time.Time) (Statement, error) {
	return Statement{}, nil
}

// Delete marks the live record that has this version as deleted and returns its row; no row as for Update.
func (c *Compiler) Delete(a Access, object *schema.Object, id string, version int64, by string, at time.Time) (Statement, error) {
	return Statement{}, nil
}

// FindBy is the id and the field's value of the live records whose field has
// one of the values, ordered by id. Values are as schema.FieldType documents;
// nil ones find nothing.
func (c *Compiler) FindBy(a Access, object *schema.Object, field *schema.Field, values []any) (Statement, error) {
	return Statement{}, nil
}

// EncodeRow appends a row as one JSON object, with an object for each related
// record that the fields expand, or null where there is none.
func EncodeRow(dst []byte, columns []Column, row [][]byte) []byte { return dst }

// DecodeRow reads the fields of the object itself into Go values, as schema.FieldType documents them.
func DecodeRow(columns []Column, row [][]byte) (Values, error) { return nil, nil }
