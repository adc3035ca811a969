package expr

import "github.com/kontor-crm/kontor/internal/schema"

// node is a part of a checked expression. The nodes of this file are all that
// there are; each backend has a case for every one of them.
type node interface {
	// kind is what the value is; empty for the literal null.
	kind() schema.Kind
	// nullable says whether the value may be null.
	nullable() bool
}

type (
	// literal is a value in the text. The value of null, and of "", is nil.
	literal struct {
		of    schema.Kind
		value any
		// at is the id of the literal in the parsed text, for messages.
		at int64
	}
	// reading is the value of a field.
	reading struct{ field *schema.Field }
	// comparison is one of == != < <= > >= between two values of a kind.
	comparison struct {
		op          operator
		left, right node
	}
	// presence is whether there is a value, or whether there is none.
	presence struct {
		of     node
		absent bool
	}
	// membership is whether a value is one of the literals.
	membership struct {
		of     node
		values []any
		// null says that null is among them.
		null bool
	}
	// containment is whether a text is in a list of texts.
	containment struct{ text, list node }
	// logic is whether both terms are true, or with or whether one is. Terms are never null.
	logic struct {
		or          bool
		left, right node
	}
	// negation is the opposite of a boolean that is never null.
	negation struct{ of node }
	// certainty is a boolean in which null counts as false.
	certainty struct{ of node }
	// arithmetic is one of + - * / between two numbers.
	arithmetic struct {
		op          operator
		left, right node
	}
	// minus is the number with the other sign.
	minus struct{ of node }
	// matching is whether a text starts with, contains or ends with another.
	matching struct {
		how        matcher
		text, part node
	}
	// counting is the number of characters of a text, or of texts in a list.
	counting struct{ of node }
	// choice is one of two values of a kind. The condition is never null.
	choice struct{ condition, then, otherwise node }
)

type operator int

const (
	equal operator = iota
	notEqual
	less
	lessOrEqual
	greater
	greaterOrEqual
	plus
	subtract
	times
	divide
)

type matcher int

const (
	startsWith matcher = iota
	contains
	endsWith
)

func (n literal) kind() schema.Kind   { return n.of }
func (n reading) kind() schema.Kind   { return n.field.Kind() }
func (comparison) kind() schema.Kind  { return schema.KindBoolean }
func (presence) kind() schema.Kind    { return schema.KindBoolean }
func (membership) kind() schema.Kind  { return schema.KindBoolean }
func (containment) kind() schema.Kind { return schema.KindBoolean }
func (logic) kind() schema.Kind       { return schema.KindBoolean }
func (negation) kind() schema.Kind    { return schema.KindBoolean }
func (certainty) kind() schema.Kind   { return schema.KindBoolean }
func (arithmetic) kind() schema.Kind  { return schema.KindNumber }
func (minus) kind() schema.Kind       { return schema.KindNumber }
func (matching) kind() schema.Kind    { return schema.KindBoolean }
func (counting) kind() schema.Kind    { return schema.KindNumber }

func (n choice) kind() schema.Kind {
	if k := n.then.kind(); k != kindNull {
		return k
	}
	return n.otherwise.kind()
}

func (n literal) nullable() bool   { return n.value == nil }
func (n reading) nullable() bool   { return !AlwaysSet(n.field) }
func (comparison) nullable() bool  { return false }
func (presence) nullable() bool    { return false }
func (membership) nullable() bool  { return false }
func (containment) nullable() bool { return false }
func (logic) nullable() bool       { return false }
func (negation) nullable() bool    { return false }
func (certainty) nullable() bool   { return false }
func (n minus) nullable() bool     { return n.of.nullable() }
func (matching) nullable() bool    { return false }
func (n counting) nullable() bool  { return n.of.nullable() }
func (n choice) nullable() bool    { return n.then.nullable() || n.otherwise.nullable() }

func (n arithmetic) nullable() bool {
	return n.op == divide || n.left.nullable() || n.right.nullable()
}

// kindNull is the kind of the literal null, which fits every other one.
const kindNull schema.Kind = ""

// AlwaysSet says whether the database sees to it that the field has a value.
func AlwaysSet(f *schema.Field) bool {
	if !f.System {
		return false
	}
	switch f.Identity {
	case schema.FieldID, schema.FieldNumber, schema.FieldCreatedAt, schema.FieldUpdatedAt, schema.FieldVersion:
		return true
	}
	return false
}

// kindWords name a kind in a message.
var kindWords = map[schema.Kind]string{
	schema.KindText: "a text", schema.KindNumber: "a number", schema.KindBoolean: "a boolean", schema.KindDate: "a date",
	schema.KindTime: "a time", schema.KindTexts: "a list of texts", schema.KindReference: "the id of a record", kindNull: "null",
	schema.KindParts: "a value with parts",
}
