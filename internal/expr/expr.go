// Package expr reads CEL expressions over the records of one object. Compile
// checks a text against the schema into a typed tree, and two backends walk
// that one tree: Eval answers for a record in Go, SQL gives an expression that
// answers the same in PostgreSQL.
package expr

import (
	"github.com/kontor-crm/kontor/internal/fault"
	"github.com/kontor-crm/kontor/internal/schema"
)

// Expression is a checked expression over the records of one object. It never
// changes and may be used by many at once.
type Expression struct {
	text   string
	root   node
	fields []*schema.Field
}

// Record gives the value of a field of a record: nil for null, else the Go
// value that schema.FieldType documents.
type Record func(f *schema.Field) any

// Compile checks an expression of any kind against an object. What is wrong
// with the text is a fault.Malformed with one violation per problem, whose
// messages start with line:column and whose paths are empty.
func Compile(s *schema.Schema, o *schema.Object, text string) (*Expression, error) {
	return nil, fault.New(fault.Malformed, "not yet")
}

// CompileCondition is Compile for an expression that must be true or false. A
// null boolean counts as false: Eval always answers with a bool.
func CompileCondition(s *schema.Schema, o *schema.Object, text string) (*Expression, error) {
	return Compile(s, o, text)
}

// Kind is the kind of the expression's value.
func (e *Expression) Kind() schema.Kind { return schema.KindBoolean }

// Text is the expression as it was written.
func (e *Expression) Text() string { return e.text }

// Fields are the fields that the expression mentions, each once, in the order of mention.
func (e *Expression) Fields() []*schema.Field { return e.fields }

// Eval is the value of the expression for a record: nil for null, a
// decimal.Decimal for every number, and otherwise what schema.FieldType
// documents. It fails only when the record holds a value of another Go type.
func (e *Expression) Eval(record Record) (any, error) { return nil, nil }

// SQL is the expression in SQL. Values are added to args; columns are those of
// the table that goes by the alias. The result is parenthesised where needed.
func (e *Expression) SQL(args *Args, alias string) string { return "" }

type node interface{}
