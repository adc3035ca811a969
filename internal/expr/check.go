package expr

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
	"github.com/shopspring/decimal"

	"github.com/kontor-crm/kontor/internal/fault"
	"github.com/kontor-crm/kontor/internal/schema"
)

// checker turns parsed CEL into the typed tree and gathers what is wrong with
// it. A nil node is one that something was said about already.
type checker struct {
	schema *schema.Schema
	// self is the record that the expression is about.
	self *row
	// variables are the names of the records that lists go through here, the innermost last.
	variables []variable
	limits    Limit
	source    []rune
	info      *ast.SourceInfo
	fields    []Use
	former    []FormerUse
	bodies    *bodies
	// definition is the computed field that the expression belongs to, or nil.
	definition *schema.Field
	problems   []fault.Violation
}

type checkFunc func(*checker, ast.Expr) node

func (c *checker) refuse(at int64, format string, args ...any) node {
	if len(c.problems) < maxProblems {
		place := c.info.GetStartLocation(at)
		c.problems = append(c.problems, problem(max(place.Line(), 1), max(place.Column(), 0)+1, format, args...)...)
	}
	return nil
}

// value is an expression that stands alone: of any kind but null.
func (c *checker) value(e ast.Expr) node {
	n := c.check(e)
	if n != nil && n.kind() == kindNull {
		return c.refuse(e.ID(), "null alone has no kind")
	}
	return n
}

// condition is an expression that is true or false, never null.
func (c *checker) condition(e ast.Expr) node {
	n := c.check(e)
	if n == nil {
		return nil
	}
	if n.kind() != schema.KindBoolean {
		return c.refuse(e.ID(), "a condition is needed here, and this is %s", kindWords[n.kind()])
	}
	if n.nullable() {
		return certainty{of: n}
	}
	return n
}

// check gives every part of an expression its node.
func (c *checker) check(e ast.Expr) node {
	n, l := c.either(e)
	return c.single(e.ID(), n, l)
}

// single refuses what is more than one value.
func (c *checker) single(at int64, n node, l *list) node {
	if l != nil {
		return c.refuse(l.at, "%q are many records; make one value of them: %s.size(), %s.exists(x, …), %s.map(x, …).sum()", l.name, l.name, l.name, l.name)
	}
	if w, ok := n.(whole); ok {
		return c.refuse(at, "field %q has parts; ask for one of them: %s.%s", w.field.Name, w.field.Name, w.field.Parts()[0].Name)
	}
	return n
}

// either is check for an expression that may also be a list.
func (c *checker) either(e ast.Expr) (node, *list) {
	switch e.Kind() {
	case ast.LiteralKind:
		return c.literal(e), nil
	case ast.IdentKind:
		return c.ident(e)
	case ast.CallKind:
		return c.call(e)
	case ast.SelectKind:
		return c.member(e)
	case ast.ListKind:
		return c.refuse(e.ID(), "a list stands only after in: stage in [\"a\", \"b\"]"), nil
	default:
		return c.refuse(e.ID(), "only values, fields, operators and functions can be used here"), nil
	}
}

// ident is a field of the record that the expression is about, or the list of those that point to it.
func (c *checker) ident(e ast.Expr) (node, *list) {
	name := e.AsIdent()
	if v, ok := c.variable(name); ok {
		return c.refuse(e.ID(), "%q is a whole record; use one of its fields: %s.%s", name, name, v.row.object.TitleField().Name), nil
	}
	return c.named(e.ID(), place{row: c.self}, strings.TrimPrefix(name, "."))
}

// use notes that a field is read.
func (c *checker) use(o *schema.Object, f *schema.Field) {
	if use := (Use{Object: o, Field: f}); !slices.Contains(c.fields, use) {
		c.fields = append(c.fields, use)
	}
}

// useFormer notes that a former name is said.
func (c *checker) useFormer(use FormerUse) {
	if !slices.Contains(c.former, use) {
		c.former = append(c.former, use)
	}
}

func (c *checker) literal(e ast.Expr) node {
	switch value := e.AsLiteral().(type) {
	case types.Null:
		return literal{at: e.ID()}
	case types.Bool:
		return literal{of: schema.KindBoolean, value: bool(value), at: e.ID()}
	case types.String:
		return c.text(e.ID(), string(value))
	case types.Int:
		return c.number(e.ID(), strconv.FormatInt(int64(value), 10))
	case types.Uint:
		return c.number(e.ID(), strconv.FormatUint(uint64(value), 10))
	case types.Double:
		// The parser has rounded it to a float; the text has not.
		return c.number(e.ID(), c.numeral(e.ID()))
	default:
		return c.refuse(e.ID(), "literals are texts, numbers, true, false and null")
	}
}

func (c *checker) text(at int64, text string) node {
	if text == "" {
		return literal{at: at}
	}
	if !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
		return c.refuse(at, "a text holds no zero character and no broken UTF-8")
	}
	return literal{of: schema.KindText, value: text, at: at}
}

func (c *checker) number(at int64, numeral string) node {
	number, err := decimal.NewFromString(numeral)
	if err != nil {
		return c.refuse(at, "the number %.40q is too large or too small", numeral)
	}
	if digitsOfNumber(number).tooMany() {
		return c.refuse(at, "the number has more than %d digits before or behind its point", maxDigits)
	}
	return literal{of: schema.KindNumber, value: number, at: at}
}

var numeral = regexp.MustCompile(`^(-?)\s*(\d*\.?\d+(?:[eE][+-]?\d+)?)`)

// numeral is the text of the literal, with the sign that the parser made part of it.
func (c *checker) numeral(at int64) string {
	place, ok := c.info.GetOffsetRange(at)
	if !ok || place.Start < 0 || int(place.Start) > len(c.source) {
		return ""
	}
	// A sign may stand lines above its digits; what is read is bounded by the text's length alone.
	found := numeral.FindStringSubmatch(string(c.source[place.Start:]))
	if found == nil {
		return ""
	}
	return found[1] + found[2]
}

var comparisons = map[string]operator{
	operators.Equals: equal, operators.NotEquals: notEqual, operators.Less: less,
	operators.LessEquals: lessOrEqual, operators.Greater: greater, operators.GreaterEquals: greaterOrEqual,
}

var calculations = map[string]operator{
	operators.Add: plus, operators.Subtract: subtract, operators.Multiply: times, operators.Divide: divide,
}

var matchers = map[string]matcher{"startsWith": startsWith, "contains": contains, "endsWith": endsWith}

// call checks operators, functions and methods. Only methods may give a list.
func (c *checker) call(e ast.Expr) (node, *list) {
	call := e.AsCall()
	if !call.IsMemberFunction() {
		return c.operation(e, call.FunctionName(), call.Args()), nil
	}
	target, l := c.either(call.Target())
	if l != nil {
		return c.listMethod(e.ID(), l, call.FunctionName(), call.Args())
	}
	if target = c.single(call.Target().ID(), target, nil); target == nil {
		return nil, nil
	}
	return c.method(e, target, call.FunctionName(), call.Args()), nil
}

// operation checks operators and functions.
func (c *checker) operation(e ast.Expr, name string, args []ast.Expr) node {
	if op, ok := comparisons[name]; ok && len(args) == 2 {
		return c.comparison(e.ID(), op, args[0], args[1])
	}
	if op, ok := calculations[name]; ok && len(args) == 2 {
		return c.calculation(e.ID(), op, args[0], args[1])
	}
	switch {
	case name == operators.In && len(args) == 2:
		return c.in(e.ID(), args[0], args[1])
	case (name == operators.LogicalAnd || name == operators.LogicalOr) && len(args) == 2:
		left, right := c.condition(args[0]), c.condition(args[1])
		if left == nil || right == nil {
			return nil
		}
		return logic{or: name == operators.LogicalOr, left: left, right: right}
	case name == operators.LogicalNot && len(args) == 1:
		if of := c.condition(args[0]); of != nil {
			return negation{of: of}
		}
		return nil
	case name == operators.Negate && len(args) == 1:
		of := c.check(args[0])
		if of == nil {
			return nil
		}
		if k := of.kind(); k != schema.KindNumber && k != kindDuration {
			return c.refuse(args[0].ID(), "the sign - stands before numbers and durations, and this is %s", kindWords[k])
		}
		return minus{of: of}
	case name == operators.Conditional && len(args) == 3:
		return c.choice(e.ID(), args)
	case name == operators.Modulo && len(args) == 2:
		return c.remainder(e.ID(), args[0], args[1])
	case name == operators.Index, name == operators.OptIndex:
		return c.refuse(e.ID(), "values cannot be indexed with []")
	}
	return c.function(e, name, args)
}

// asText is a text that is not the literal null.
func (c *checker) asText(at int64, n node, function string) node {
	switch {
	case n == nil:
		return nil
	case n.kind() == schema.KindText:
		return n
	case n.kind() == kindNull:
		return c.refuse(at, "%s needs a text, and an empty one is none", function)
	case n.kind() == schema.KindTexts && function == "contains":
		return c.refuse(at, "%s is for texts; of a list ask \"…\" in it", function)
	}
	return c.refuse(at, "%s is for texts, and this is %s", function, kindWords[n.kind()])
}

func (c *checker) size(at int64, arg ast.Expr) node {
	if arg.Kind() == ast.ListKind {
		return c.number(at, strconv.Itoa(arg.AsList().Size()))
	}
	n, l := c.either(arg)
	if l != nil {
		return aggregate{how: howMany, of: l.of}
	}
	if n = c.single(arg.ID(), n, nil); n == nil {
		return nil
	}
	return c.count(at, n)
}

func (c *checker) count(at int64, n node) node {
	if k := n.kind(); k != schema.KindText && k != schema.KindTexts {
		return c.refuse(at, "size is for texts and lists, and this is %s", kindWords[k])
	}
	return counting{of: n}
}

// moment reads date("…"), timestamp("…") and duration("…"), and takes the day of a time.
func (c *checker) moment(e ast.Expr, name string, args []ast.Expr) node {
	usage := map[string]string{
		"date": `"2026-01-31"`, "timestamp": `"2026-01-31T00:00:00Z"`, "duration": `"1h30m"`,
	}[name]
	if len(args) != 1 {
		return c.refuse(e.ID(), "%s takes one value: %s(%s)", name, name, usage)
	}
	if args[0].Kind() != ast.LiteralKind {
		return c.dayOf(e.ID(), name, usage, args[0])
	}
	n, ok := c.literal(args[0]).(literal)
	if !ok {
		return nil
	}
	switch {
	case n.of != schema.KindText:
		return c.refuse(args[0].ID(), "%s takes a text: %s(%s)", name, name, usage)
	case name == "date":
		return c.adapt(n, schema.KindDate)
	case name == "timestamp":
		return c.adapt(n, schema.KindTime)
	}
	text, _ := n.value.(string)
	seconds, ok := parseDuration(text)
	if !ok {
		return c.refuse(args[0].ID(), "%.60q must be a duration in hours, minutes and seconds, written 1h30m", text)
	}
	return literal{of: kindDuration, value: seconds, at: n.at}
}

// dayOf is date of what is no literal.
func (c *checker) dayOf(at int64, name, usage string, arg ast.Expr) node {
	of := c.check(arg)
	switch {
	case of == nil:
		return nil
	case name == "timestamp" && of.kind() == schema.KindDate:
		return c.refuse(at, "a date does not become a time, as not every day of every time zone begins at the same hour; compare date(…) of the time with it")
	case name != "date":
		return c.refuse(at, "%s takes one text literal: %s(%s)", name, name, usage)
	case of.kind() == schema.KindTime:
		return call{of: dayIn, operands: []node{of}}
	case of.kind() == schema.KindDate:
		return of
	}
	return c.refuse(at, "date takes a time or a text literal, and this is %s", kindWords[of.kind()])
}

// adapters read a text literal as a value of the kind that stands beside it.
var adapters = map[schema.Kind]schema.TypeName{
	schema.KindDate: schema.TypeDate, schema.KindTime: schema.TypeDateTime, schema.KindReference: schema.TypeRelation,
	schema.KindClock: schema.TypeTime, schema.KindObjectName: schema.TypeObjectName,
}

// adapt makes a text literal a value of a kind that is written as a text. Other nodes stay as they are.
func (c *checker) adapt(n node, kind schema.Kind) node {
	text, isLiteral := n.(literal)
	name, isWritten := adapters[kind]
	if !isLiteral || !isWritten || text.of != schema.KindText {
		return n
	}
	if kind == schema.KindObjectName {
		return c.objectName(text)
	}
	t, _ := schema.TypeOf(name)
	value, err := t.Decode(nil, text.value)
	if err != nil {
		return c.refuse(text.at, "%.60q %s", text.value, err)
	}
	return literal{of: kind, value: value, at: text.at}
}

// objectName is the object that a text names.
func (c *checker) objectName(text literal) node {
	name, _ := text.value.(string)
	o, ok := c.schema.Object(name)
	if !ok {
		return c.refuse(text.at, "there is no object %.60q", name)
	}
	if former, ok := o.FormerName(name); ok {
		c.useFormer(FormerUse{Use: Use{Object: o}, Name: former})
	}
	return literal{of: schema.KindObjectName, value: o.Identity, at: text.at}
}

// pair makes two values one kind, or says that they are not.
func (c *checker) pair(at int64, left, right node, verb string) (node, node, bool) {
	if left == nil || right == nil {
		return nil, nil, false
	}
	left, right = c.adapt(left, right.kind()), c.adapt(right, left.kind())
	if left == nil || right == nil {
		return nil, nil, false
	}
	l, r := left.kind(), right.kind()
	if l == schema.KindDate && r == schema.KindTime || l == schema.KindTime && r == schema.KindDate {
		c.refuse(at, "cannot %s %s with %s; date(…) is the day of a time", verb, kindWords[l], kindWords[r])
		return nil, nil, false
	}
	if l != r && l != kindNull && r != kindNull {
		c.refuse(at, "cannot %s %s with %s", verb, kindWords[l], kindWords[r])
		return nil, nil, false
	}
	return left, right, true
}

func (c *checker) comparison(at int64, op operator, first, second ast.Expr) node {
	if first.Kind() == ast.ListKind || second.Kind() == ast.ListKind {
		return c.refuse(at, "lists are not compared; ask with in")
	}
	left, right, ok := c.pair(at, c.check(first), c.check(second), "compare")
	if !ok {
		return nil
	}
	if left.kind() == kindNull || right.kind() == kindNull {
		return c.comparisonWithNull(at, op, left, right)
	}
	ordered := op != equal && op != notEqual
	switch {
	case left.kind() == schema.KindJSON:
		return c.refuse(at, "of a JSON value one asks only whether it is there: has(…)")
	case left.kind() == schema.KindTexts:
		return c.refuse(at, "lists are not compared; ask \"…\" in the list")
	case left.kind() == schema.KindBoolean && ordered:
		return c.refuse(at, "booleans have no order")
	}
	return comparison{op: op, left: left, right: right}
}

func (c *checker) comparisonWithNull(at int64, op operator, left, right node) node {
	if op != equal && op != notEqual {
		return c.refuse(at, "null and the empty text have no order; compare with == or !=")
	}
	of := left
	if of.kind() == kindNull {
		of = right
	}
	return presence{of: of, absent: op == equal}
}

// operand is a number that is not the literal null.
func (c *checker) operand(e ast.Expr, rule string) node {
	n := c.check(e)
	if n == nil {
		return nil
	}
	if n.kind() != schema.KindNumber {
		return c.refuse(e.ID(), "%s, and this is %s", rule, kindWords[n.kind()])
	}
	return n
}

func (c *checker) choice(at int64, args []ast.Expr) node {
	condition := c.condition(args[0])
	then, otherwise, ok := c.pair(at, c.check(args[1]), c.check(args[2]), "choose between")
	if !ok || condition == nil {
		return nil
	}
	n := choice{condition: condition, then: then, otherwise: otherwise}
	if n.kind() == kindNull {
		return c.refuse(at, "null alone has no kind")
	}
	return n
}

// in checks "value in [literals]" and "text in list".
func (c *checker) in(at int64, first, second ast.Expr) node {
	of := c.check(first)
	if second.Kind() == ast.ListKind {
		return c.membership(at, of, second.AsList().Elements())
	}
	list := c.check(second)
	if of == nil || list == nil {
		return nil
	}
	if list.kind() != schema.KindTexts {
		return c.refuse(second.ID(), "in needs a list, and this is %s", kindWords[list.kind()])
	}
	if of.kind() != schema.KindText {
		return c.refuse(first.ID(), "a list of texts holds texts, and this is %s", kindWords[of.kind()])
	}
	return containment{text: of, list: list}
}

func (c *checker) membership(at int64, of node, elements []ast.Expr) node {
	n := membership{of: of}
	sound := of != nil
	for _, element := range elements {
		if !isLiteral(element) {
			c.refuse(element.ID(), "a list after in holds literals only")
			sound = false
			continue
		}
		one, ok := c.check(element).(literal)
		if !ok || of == nil {
			sound = false
			continue
		}
		switch adapted, _ := c.adapt(one, of.kind()).(literal); {
		case adapted.value != nil && adapted.of == of.kind():
			n.values = append(n.values, adapted.value)
		case one.value == nil:
			n.null = true
		case adapted.value != nil: // nil: adapt has said what is wrong
			c.refuse(element.ID(), "cannot compare %s with %s", kindWords[of.kind()], kindWords[one.of])
		}
	}
	if !sound {
		return nil
	}
	if k := of.kind(); k == kindNull || k == schema.KindTexts {
		return c.refuse(at, "in looks for a value in a list, and this is %s", kindWords[k])
	}
	return n
}

// isLiteral says whether an element of a list is a literal, or one of the functions that only take one.
func isLiteral(e ast.Expr) bool {
	if e.Kind() == ast.CallKind {
		name := e.AsCall().FunctionName()
		return !e.AsCall().IsMemberFunction() && (name == "date" || name == "timestamp" || name == "duration")
	}
	return e.Kind() == ast.LiteralKind
}

// DidYouMean is the end of a message about an unknown name: the field whose
// name is nearest (`; did you mean "stage"?`), or nothing.
func DidYouMean(name string, fields []*schema.Field) string {
	all := make([]string, 0, len(fields))
	for _, f := range fields {
		all = append(all, f.Name)
	}
	return nearest(name, all)
}

func nearest(name string, names []string) string {
	best, least := "", max(len(name)/3, 1)+1
	for _, other := range names {
		if d := distance(name, other, least); d < least {
			best, least = other, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf("; did you mean %q?", best)
}

// distance is the number of single-character changes between two names; limit or more is limit.
func distance(a, b string, limit int) int {
	if len(a)-len(b) >= limit || len(b)-len(a) >= limit {
		return limit
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(diagonal+cost, row[j]+1, row[j+1]+1)
		}
	}
	return min(row[len(b)], limit)
}
