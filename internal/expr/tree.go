package expr

import (
	"slices"

	"github.com/kontor-crm/kontor/internal/schema"
)

// row is a record that an expression reads: the one that it is about, the one
// behind a relation, or each of several that point to one.
type row struct{ object *schema.Object }

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
	// reading is the value of a field of a record.
	reading struct {
		row   *row
		field *schema.Field
	}
	// related is a value of the live record that a reference points to; null when there is none.
	related struct {
		reference node
		row       *row
		value     node
	}
	// computed is the value of a computed field of a record.
	computed struct {
		field *schema.Field
		at    *row
		body  *body
	}
	// aggregate is what some records that point to one come to together. The
	// value is what is taken of each; nil for those that only count.
	aggregate struct {
		how   reduction
		of    children
		value node
	}
	// whole is a field with parts while it waits for the name of one; no checked tree holds it.
	whole struct {
		at    place
		field *schema.Field
	}
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
	// call is a function of some values.
	call struct {
		of       *function
		operands []node
	}
	// arithmetic is one of + - * / between two numbers or durations.
	arithmetic struct {
		op          operator
		of          schema.Kind
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

// children are the live records whose relation points to a parent, and for
// which the condition is true; nil lets all through.
type children struct {
	row       *row
	relation  *schema.Field
	parent    node
	condition node
}

type reduction int

const (
	// howMany is the number of records.
	howMany reduction = iota
	// whetherAny is whether there is one.
	whetherAny
	// sum is 0 for no values; the other three are null.
	sum
	least
	greatest
	average
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

func (n literal) kind() schema.Kind    { return n.of }
func (n reading) kind() schema.Kind    { return n.field.Kind() }
func (n related) kind() schema.Kind    { return n.value.kind() }
func (n computed) kind() schema.Kind   { return n.body.root.kind() }
func (whole) kind() schema.Kind        { return schema.KindParts }
func (comparison) kind() schema.Kind   { return schema.KindBoolean }
func (presence) kind() schema.Kind     { return schema.KindBoolean }
func (membership) kind() schema.Kind   { return schema.KindBoolean }
func (containment) kind() schema.Kind  { return schema.KindBoolean }
func (logic) kind() schema.Kind        { return schema.KindBoolean }
func (negation) kind() schema.Kind     { return schema.KindBoolean }
func (certainty) kind() schema.Kind    { return schema.KindBoolean }
func (n call) kind() schema.Kind       { return n.of.result }
func (n arithmetic) kind() schema.Kind { return n.of }
func (n minus) kind() schema.Kind      { return n.of.kind() }
func (matching) kind() schema.Kind     { return schema.KindBoolean }
func (counting) kind() schema.Kind     { return schema.KindNumber }

func (n aggregate) kind() schema.Kind {
	switch n.how {
	case howMany:
		return schema.KindNumber
	case whetherAny:
		return schema.KindBoolean
	default:
		return n.value.kind()
	}
}

func (n choice) kind() schema.Kind {
	if k := n.then.kind(); k != kindNull {
		return k
	}
	return n.otherwise.kind()
}

func (n literal) nullable() bool   { return n.value == nil }
func (n reading) nullable() bool   { return !AlwaysSet(n.field) }
func (related) nullable() bool     { return true }
func (n computed) nullable() bool  { return n.body.nullable }
func (whole) nullable() bool       { return true }
func (n aggregate) nullable() bool { return n.how >= least }
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

func (n call) nullable() bool {
	if n.of.mayBeNull {
		return true
	}
	some := slices.ContainsFunc(n.operands, node.nullable)
	if n.of.lenient {
		return !slices.ContainsFunc(n.operands, func(operand node) bool { return !operand.nullable() })
	}
	return some
}

func (n arithmetic) nullable() bool {
	return n.op == divide || n.left.nullable() || n.right.nullable()
}

// parts are the nodes that a node is made of.
func parts(n node) []node {
	switch n := n.(type) {
	case related:
		return []node{n.reference, n.value}
	case aggregate:
		found := []node{n.of.parent}
		for _, part := range []node{n.of.condition, n.value} {
			if part != nil {
				found = append(found, part)
			}
		}
		return found
	case comparison:
		return []node{n.left, n.right}
	case presence:
		return []node{n.of}
	case membership:
		return []node{n.of}
	case containment:
		return []node{n.text, n.list}
	case logic:
		return []node{n.left, n.right}
	case negation:
		return []node{n.of}
	case certainty:
		return []node{n.of}
	case arithmetic:
		return []node{n.left, n.right}
	case call:
		return n.operands
	case minus:
		return []node{n.of}
	case matching:
		return []node{n.text, n.part}
	case counting:
		return []node{n.of}
	case choice:
		return []node{n.condition, n.then, n.otherwise}
	}
	return nil
}

// kindNull is the kind of the literal null, which fits every other one.
const kindNull schema.Kind = ""

// kindDuration is a length of time, in seconds.
const kindDuration schema.Kind = "duration"

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
	schema.KindParts: "a value with parts", schema.KindClock: "a time of the day", schema.KindJSON: "JSON",
	schema.KindObjectName: "an object", kindDuration: "a duration",
}
