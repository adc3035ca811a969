// Package expr reads CEL expressions over the records of one object. Compile
// checks a text against the schema into a typed tree, and two backends walk
// that one tree: Eval answers for a record in Go, SQL gives an expression that
// answers the same in PostgreSQL.
//
// What the language means where CEL leaves it open, in both backends:
//
//   - Every number is one exact decimal. A quotient is rounded to sixteen
//     digits behind the point, half away from zero; division by zero is null, and
//     so is the remainder %, which is of whole numbers and has the sign of the
//     dividend. round, too, rounds half away from zero.
//   - Every field may be null. A null operand makes the result of arithmetic and
//     of functions null; every comparison and test is true or false, never null.
//     == and != take null as a value of its own; to <, startsWith and the like
//     null is no match. A boolean that is null counts as false wherever a
//     condition stands: in && || ! ?: and as the whole of a condition. min and max
//     of several values leave nulls aside.
//   - An empty text is no value: "" is another way to write null. So name + null
//     is name, and a trim or replace that leaves nothing is null.
//   - Texts compare by code point; size, substring and replace count code points.
//     lowerAscii and upperAscii change the letters A to Z alone, as what lower
//     case is elsewhere depends on the database's locale. matches is not offered,
//     as Go and PostgreSQL read regular expressions differently.
//   - A text literal beside a date, a time or a reference is read as one.
//   - customer.name is the name of the record that customer points to, and null
//     when that was deleted; customer == null asks for the pointer alone.
//   - A relation's inverse is the list of live records that point to one:
//     lines.filter(x, x.free).size(), lines.map(x, x.price).sum(), also min, max,
//     avg, exists, exists_one and all. A sum of nothing is 0; min, max and avg of
//     nothing are null, and nulls are left aside.
//   - now() is the moment of the request, today() its day in the organisation's
//     time zone, date(t) the day of a time there; getFullYear, getMonth (from 0),
//     getDate, getDayOfWeek (Sunday is 0) and the others of CEL read a time there.
//   - A difference of dates is a number of days, one of times a duration; a
//     date or time is moved by one: close_date + days(3), now() - duration("36h").
//     A date moves by whole days, without the rest. Outside of the years 1 to 9999
//     the result is null. getHours, getMinutes and getSeconds count a duration.
//   - user() is the id of who asks, and user().name a field of theirs.
package expr

import (
	"time"

	"github.com/kontor-crm/kontor/internal/fault"
	"github.com/kontor-crm/kontor/internal/schema"
)

// The bounds of an expression.
const (
	// MaxLength is the longest text, in bytes.
	MaxLength = 8 << 10
	// MaxDepth is the deepest nesting.
	MaxDepth = 64
	// MaxNodes is the greatest number of literals, names and operators.
	MaxNodes = 1000
	// MaxRelations is the greatest number of relations between a record and a field: a.b.c.d.name.
	MaxRelations = 4
	// MaxSubqueries is how often other records may be looked at for each record.
	MaxSubqueries = 32
	// MaxUnfolded is the greatest number of parts when those of the computed
	// fields are counted in.
	MaxUnfolded = 5000
	// MaxNesting is how deep records may be gone through for each of other records.
	MaxNesting = 3
)

// Expression is a checked expression over the records of one object. It never
// changes and may be used by many at once.
type Expression struct {
	text   string
	self   *row
	root   node
	fields []Use
	former []FormerUse
	cost   cost
}

// Use is a field that an expression reads, of its own object or of another.
type Use struct {
	Object *schema.Object
	Field  *schema.Field
}

// FormerUse is a former name by which an expression calls a field, or an object when
// Field is nil.
type FormerUse struct {
	Use
	Name schema.FormerName
}

// Record gives the value of a field of a record: nil for null, else the Go
// value that schema.FieldType documents.
type Record func(f *schema.Field) any

// Related gives the records beside the one that an expression is about.
type Related interface {
	// Record is the live record of an object with that id; nil when there is none.
	Record(o *schema.Object, id string) (Record, error)
	// Children are the live records of an object whose relation holds the id, in any order.
	Children(o *schema.Object, relation *schema.Field, id string) ([]Record, error)
}

// Context is what an expression depends on beside the record.
type Context struct {
	// Now is the moment of the request. At the zero time SQL asks the database's
	// clock, as the definition of a view has to.
	Now time.Time
	// User is the id of who asks; empty when it is nobody.
	User string
	// Zone is the organisation's time zone; nil is UTC.
	Zone *time.Location
	// Related gives other records to Eval. SQL needs none, and neither does an
	// expression that was compiled with OwnRecord.
	Related Related
}

// Limit keeps an expression from what the place where it stands cannot give it.
type Limit int

// The limits.
const (
	// OwnRecord refuses the fields of other records.
	OwnRecord Limit = 1 << iota
	// NoAsker refuses user(): for values that are the same whoever asks.
	NoAsker
)

// Compile checks an expression of any kind against an object. What is wrong
// with the text is a fault.Malformed with one violation per problem, whose
// messages start with line:column and whose paths are empty.
func Compile(s *schema.Schema, o *schema.Object, text string, limits ...Limit) (*Expression, error) {
	return compile(s, o, text, (*checker).value, limits)
}

// CompileCondition is Compile for an expression that must be true or false. A
// null boolean counts as false: Eval always answers with a bool.
func CompileCondition(s *schema.Schema, o *schema.Object, text string, limits ...Limit) (*Expression, error) {
	return compile(s, o, text, (*checker).condition, limits)
}

func compile(s *schema.Schema, o *schema.Object, text string, check checkFunc, limits []Limit) (*Expression, error) {
	parsed, problems := parse(text)
	if len(problems) > 0 {
		return nil, malformed(problems)
	}
	c := &checker{schema: s, self: &row{object: o}, source: []rune(text), info: parsed.SourceInfo(), bodies: &bodies{done: map[*schema.Field]*body{}}}
	for _, limit := range limits {
		c.limits |= limit
	}
	root := check(c, parsed.Expr())
	if len(c.problems) > 0 {
		return nil, malformed(c.problems)
	}
	total := costOf(root)
	if problem := total.excess(); problem != "" {
		return nil, malformed([]fault.Violation{{Message: "1:1: " + problem}})
	}
	return &Expression{text: text, self: c.self, root: root, fields: c.fields, former: c.former, cost: total}, nil
}

func malformed(problems []fault.Violation) error {
	return &fault.Error{Kind: fault.Malformed, Violations: problems}
}

// Kind is the kind of the expression's value.
func (e *Expression) Kind() schema.Kind { return e.root.kind() }

// Text is the expression as it was written.
func (e *Expression) Text() string { return e.text }

// Fields are the fields that the expression reads, those of other objects
// included, each once, in the order of mention.
func (e *Expression) Fields() []Use { return e.fields }

// Former are the former names that the expression says, each once.
func (e *Expression) Former() []FormerUse { return e.former }

// ReadsOthers says whether the value depends on other records too.
func (e *Expression) ReadsOthers() bool { return e.cost.subqueries > 0 }
