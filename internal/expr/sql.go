package expr

import (
	"slices"
	"strconv"
	"time"

	"github.com/shopspring/decimal"

	"github.com/kontor-crm/kontor/internal/schema"
)

// SQL is the expression in SQL, safe to stand beside any operator. Values are
// added to args; columns are those of the table that goes by the alias. Other
// records are read in subqueries, whose tables go by q1, q2, …
func (e *Expression) SQL(args *Args, c Context, alias string) string {
	w := writer{args: args, context: c, aliases: map[*row]string{e.self: schema.QuoteIdent(alias)}}
	return w.value(e.root)
}

// Definition is the expression in SQL without arguments, for the definition of a
// view: it asks the database's clock, and nobody is who asks.
func (e *Expression) Definition(zone *time.Location, alias string) string {
	return e.SQL(&Args{literal: true}, Context{Zone: zone}, alias)
}

// writer walks the tree and writes SQL. What it writes is parenthesised, a
// column, a call, or a cast argument.
type writer struct {
	args    *Args
	context Context
	aliases map[*row]string
	// tables is the number of aliases that were made.
	tables int
}

func (w *writer) value(n node) string {
	switch n := inColumn(n).(type) {
	case literal:
		return w.literal(n.of, n.value)
	case reading:
		return w.column(n)
	case related:
		return "(SELECT " + w.related(n.row, n.reference, func() string { return w.number(n.value) }) + ")"
	case computed:
		w.aliases[n.body.self] = w.aliases[n.at]
		return w.number(n.body.root)
	case aggregate:
		return w.aggregate(n)
	case comparison:
		return w.comparison(n)
	case presence:
		if n.absent {
			return "(" + w.value(n.of) + " IS NULL)"
		}
		return "(" + w.value(n.of) + " IS NOT NULL)"
	case membership:
		return w.membership(n)
	case containment:
		return w.containment(n)
	case logic:
		if n.or {
			return "(" + w.value(n.left) + " OR " + w.value(n.right) + ")"
		}
		return "(" + w.value(n.left) + " AND " + w.value(n.right) + ")"
	case negation:
		return "(NOT " + w.value(n.of) + ")"
	case certainty:
		return "(" + w.value(n.of) + " IS TRUE)"
	case call:
		return w.call(n)
	case arithmetic:
		return w.arithmetic(n)
	case minus:
		return "(- " + w.number(n.of) + ")"
	case matching:
		return w.matching(n)
	case counting:
		if n.of.kind() == schema.KindTexts {
			return "cardinality(" + w.value(n.of) + ")"
		}
		return "char_length(" + w.value(n.of) + ")"
	case choice:
		return "(CASE WHEN " + w.value(n.condition) + " THEN " + w.branch(n.then, n.kind()) + " ELSE " + w.branch(n.otherwise, n.kind()) + " END)"
	}
	return "NULL" // there is no other node
}

// inColumn is the column in which a computed field is kept, where it is; else the node itself.
func inColumn(n node) node {
	if c, ok := n.(computed); ok && c.field.Kept() {
		return reading{row: c.at, field: c.field}
	}
	return n
}

func (w *writer) column(n reading) string { return w.columnOf(n.row, n.field.Column) }

func (w *writer) columnOf(r *row, column string) string {
	return w.aliases[r] + "." + schema.QuoteIdent(column)
}

// name gives a record an alias in a subquery.
func (w *writer) name(r *row) string {
	w.tables++
	w.aliases[r] = "q" + strconv.Itoa(w.tables)
	return w.aliases[r]
}

// related is a subquery without its SELECT: what is asked of the live record behind a reference.
func (w *writer) related(r *row, reference node, asked func() string) string {
	of := w.value(reference)
	alias := w.name(r)
	what := asked()
	return what + " FROM " + r.object.QualifiedTable() + " AS " + alias + " WHERE " +
		w.columnOf(r, schema.FieldID) + " = " + of + " AND " + w.columnOf(r, schema.ColumnDeletedAt) + " IS NULL"
}

// aggregate takes the values in a table of their own: PostgreSQL would take an
// aggregate of nothing but an outer record's columns for one of the outer query.
func (w *writer) aggregate(n aggregate) string {
	r, parent := n.of.row, w.value(n.of.parent)
	alias := w.name(r)
	what := ""
	if n.value != nil {
		what = " " + w.number(n.value) + " AS v"
	}
	from := " FROM " + r.object.QualifiedTable() + " AS " + alias + " WHERE " +
		w.columnOf(r, n.of.relation.Column) + " = " + parent + " AND " + w.columnOf(r, schema.ColumnDeletedAt) + " IS NULL"
	if n.of.condition != nil {
		from += " AND " + w.value(n.of.condition)
	}
	switch n.how {
	case howMany:
		return "(SELECT count(*)::numeric" + from + ")"
	case whetherAny:
		return "EXISTS (SELECT" + from + ")"
	default:
		return "(SELECT " + reduced(n) + " FROM (SELECT" + what + from + ") AS v)"
	}
}

// reduced is what an aggregate makes of the column v.v.
func reduced(n aggregate) string {
	switch n.how {
	case sum:
		return "COALESCE(sum(v.v), 0)"
	case least:
		return "min(v.v)"
	case greatest:
		return "max(v.v)"
	default:
		return quotient("sum(v.v)", "count(v.v)::numeric", digitsOf(aggregate{how: sum, of: n.of, value: n.value}), digits{before: manyRecords})
	}
}

// quotient is a number divided by another; null when that is 0. PostgreSQL
// rounds a quotient to at least as many digits as its dividend shows.
func quotient(left, right string, ofLeft, ofRight digits) string {
	scale := strconv.Itoa(dividendScale(ofLeft, ofRight))
	return "round(round(" + left + ", " + scale + ") / NULLIF(" + right + ", 0), " + strconv.Itoa(quotientScale) + ")"
}

// casts are the SQL types of literals, by kind.
var casts = map[schema.Kind]string{
	schema.KindText: "text", schema.KindNumber: "numeric", schema.KindBoolean: "boolean",
	schema.KindDate: "date", schema.KindTime: "timestamptz", schema.KindReference: "uuid", schema.KindTexts: "text[]",
	schema.KindClock: "time", schema.KindJSON: "jsonb", schema.KindObjectName: "text",
	kindDuration: "numeric",
}

func (w *writer) literal(kind schema.Kind, value any) string {
	if value == nil {
		return "NULL"
	}
	if yes, ok := value.(bool); ok {
		return strconv.FormatBool(yes)
	}
	return w.args.Add(written(kind, value)) + "::" + casts[kind]
}

// written is a value in the text form that its cast reads.
func written(kind schema.Kind, value any) string {
	switch value := value.(type) {
	case decimal.Decimal:
		return value.String()
	case time.Time:
		if kind == schema.KindDate {
			return value.Format(time.DateOnly)
		}
		return value.UTC().Format(time.RFC3339Nano)
	case string:
		return value
	}
	return ""
}

// branch is one of the values between which a choice is made; its null needs a type.
func (w *writer) branch(n node, kind schema.Kind) string {
	if n.kind() == kindNull {
		return "NULL::" + casts[kind]
	}
	if kind == schema.KindNumber {
		return w.number(n)
	}
	return w.value(n)
}

// number is a number to calculate with: bigint would overflow, and divide without a remainder.
func (w *writer) number(n node) string {
	if n.kind() != schema.KindNumber {
		return w.value(n)
	}
	switch n := n.(type) {
	case reading:
		if isWhole(n) {
			return w.column(n) + "::numeric"
		}
	case counting:
		return w.value(n) + "::numeric"
	}
	return w.value(n)
}

func (w *writer) call(n call) string {
	operands := make([]string, len(n.operands))
	for i, operand := range n.operands {
		operands[i] = w.branch(operand, operand.kind())
	}
	return n.of.sql(w, operands)
}

func (w *writer) arithmetic(n arithmetic) string {
	left, right := w.number(n.left), w.number(n.right)
	switch n.op {
	case plus:
		return "(" + left + " + " + right + ")"
	case subtract:
		return "(" + left + " - " + right + ")"
	case times:
		return "(" + left + " * " + right + ")"
	default:
		return quotient(left, right, digitsOf(n.left), digitsOf(n.right))
	}
}

var signs = map[operator]string{
	equal: " = ", notEqual: " <> ", less: " < ", lessOrEqual: " <= ", greater: " > ", greaterOrEqual: " >= ",
}

// comparison writes the form that an index serves where there is one: it is a
// plain operator on a column, and what makes it two-valued stands beside it.
func (w *writer) comparison(n comparison) string {
	if n.op != notEqual {
		if text, ok := w.through(n.left, n.right, func(inner node) node { return comparison{op: n.op, left: inner, right: n.right} }); ok {
			return text
		}
		if text, ok := w.through(n.right, n.left, func(inner node) node { return comparison{op: n.op, left: n.left, right: inner} }); ok {
			return text
		}
	}
	left, right := w.operands(n)
	nulls := n.left.nullable() || n.right.nullable()
	if n.op == notEqual && nulls {
		return "(" + left + " IS DISTINCT FROM " + right + ")"
	}
	if n.op == equal && n.left.nullable() && n.right.nullable() {
		return "(" + left + " IS NOT DISTINCT FROM " + right + ")"
	}
	// Texts are ordered by the collation of the tenant's database, which is C: by code point.
	plain := left + signs[n.op] + right
	if !nulls {
		return "(" + plain + ")"
	}
	present, simple := w.present(n.left, n.right)
	if !simple {
		return "COALESCE(" + plain + ", false)"
	}
	return "(" + plain + present + ")"
}

// through writes a test of a related value against a literal as a test of the
// related record, if it is one: so the database may look for those records
// first. The test must be false for null.
func (w *writer) through(n, against node, test func(inner node) node) (string, bool) {
	r, isRelated := n.(related)
	other, isLiteral := against.(literal)
	if !isRelated || !isLiteral || other.value == nil {
		return "", false
	}
	from := w.related(r.row, r.reference, func() string { return "" })
	return "EXISTS (SELECT" + from + " AND " + w.value(test(r.value)) + ")", true
}

// containment writes the form that a GIN index serves.
func (w *writer) containment(n containment) string {
	plain := w.value(n.list) + " @> ARRAY[" + w.value(n.text) + "]"
	if present, simple := w.present(n.list, n.text); simple {
		return "(" + plain + present + ")"
	}
	return "COALESCE(" + plain + ", false)"
}

// present asks that the columns among the nodes have values. It is not simple
// when something else may be null, which should not be computed twice.
func (w *writer) present(nodes ...node) (condition string, simple bool) {
	for _, n := range nodes {
		if !n.nullable() {
			continue
		}
		column, ok := inColumn(n).(reading)
		if !ok {
			return "", false
		}
		condition += " AND " + w.column(column) + " IS NOT NULL"
	}
	return condition, true
}

// operands writes the two sides of a comparison. Beside a whole number's column
// a whole literal is one too, or no index would serve.
func (w *writer) operands(n comparison) (left, right string) {
	if isWhole(n.left) {
		if value, ok := asWhole(n.right); ok {
			left = w.value(n.left)
			return left, w.args.Add(value) + "::bigint"
		}
	}
	if isWhole(n.right) {
		if value, ok := asWhole(n.left); ok {
			left = w.args.Add(value) + "::bigint"
			return left, w.value(n.right)
		}
	}
	left = w.value(n.left)
	return left, w.value(n.right)
}

// isWhole says whether a node is a column of whole numbers.
func isWhole(n node) bool {
	column, ok := n.(reading)
	return ok && (column.field.Storage() == schema.StorageBigInt || column.field.Storage() == schema.StorageInteger)
}

// asWhole is the text of a literal that is a whole number and fits a bigint.
func asWhole(n node) (string, bool) {
	one, ok := n.(literal)
	if !ok {
		return "", false
	}
	return wholeText(one.value)
}

func wholeText(value any) (string, bool) {
	number, ok := value.(decimal.Decimal)
	if !ok || !number.IsInteger() || digitsOfNumber(number).before > 18 {
		return "", false
	}
	return number.String(), true
}

func (w *writer) membership(n membership) string {
	if n.of.kind() == schema.KindBoolean && len(n.values) > 0 {
		return w.membershipOfBooleans(n)
	}
	if len(n.values) == 0 {
		if !n.null {
			return "false"
		}
		return "(" + w.value(n.of) + " IS NULL)"
	}
	if !n.null {
		if text, ok := w.through(n.of, literal{value: n.values[0]}, func(inner node) node { return membership{of: inner, values: n.values} }); ok {
			return text
		}
	}
	kind, cast := n.of.kind(), casts[n.of.kind()]
	if isWhole(n.of) && allWhole(n.values) {
		cast = "bigint"
	}
	texts := make([]string, len(n.values))
	for i, value := range n.values {
		texts[i] = written(kind, value)
	}
	of := w.value(n.of)
	plain := of + " = ANY(" + w.args.Add(texts) + "::text[]"
	if cast != "text" {
		plain += "::" + cast + "[]"
	}
	plain += ")"
	switch present, simple := w.present(n.of); {
	case !n.of.nullable():
		return "(" + plain + ")"
	case n.null:
		return "COALESCE(" + plain + ", true)"
	case simple:
		return "(" + plain + present + ")"
	default:
		return "COALESCE(" + plain + ", false)"
	}
}

// ofBooleans are the tests that say whether a boolean is one of false, true and
// null, by what of these is wanted.
var ofBooleans = map[[3]bool]string{
	{true, false, false}: " IS FALSE", {false, true, false}: " IS TRUE", {false, false, true}: " IS NULL",
	{true, true, false}: " IS NOT NULL", {true, false, true}: " IS NOT TRUE", {false, true, true}: " IS NOT FALSE",
}

// membershipOfBooleans writes x in [true, false, null].
func (w *writer) membershipOfBooleans(n membership) string {
	test, ok := ofBooleans[[3]bool{slices.Contains(n.values, any(false)), slices.Contains(n.values, any(true)), n.null}]
	if !ok {
		return "true"
	}
	return "(" + w.value(n.of) + test + ")"
}

func allWhole(values []any) bool {
	for _, value := range values {
		if _, ok := wholeText(value); !ok {
			return false
		}
	}
	return true
}

func (w *writer) matching(n matching) string {
	if text, ok := w.through(n.text, n.part, func(inner node) node { return matching{how: n.how, text: inner, part: n.part} }); ok {
		return text
	}
	text, part := w.value(n.text), w.value(n.part)
	var plain string
	switch n.how {
	case startsWith:
		plain = "starts_with(" + text + ", " + part + ")"
	case contains:
		plain = "(strpos(" + text + ", " + part + ") > 0)"
	default:
		plain = "starts_with(reverse(" + text + "), reverse(" + part + "))"
	}
	if !n.text.nullable() && !n.part.nullable() {
		return plain
	}
	return "COALESCE(" + plain + ", false)"
}
