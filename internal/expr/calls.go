package expr

import (
	"cmp"
	"slices"
	"strings"

	"cel.dev/cel-go/common/ast"
	"github.com/shopspring/decimal"

	"github.com/kontor-crm/kontor/internal/schema"
)

// functionNames are the functions that stand before their operands.
var functionNames = []string{
	"abs", "ceil", "date", "days", "duration", "floor", "has", "hours", "max", "min", "minutes", "now", "round", "seconds", "size", "string",
	"timestamp", "today", "user",
}

// textMethods, dateMethods and durationMethods are the functions that stand behind their first operand.
var (
	textMethods     = []string{"contains", "endsWith", "lowerAscii", "replace", "size", "startsWith", "substring", "trim", "upperAscii"}
	durationMethods = []string{"getHours", "getMinutes", "getSeconds"}
)

// units are the functions that make a duration of a number, with their seconds.
var units = map[string]int64{"days": secondsOfDay, "hours": 60 * 60, "minutes": 60, "seconds": 1}

// function checks a call that stands before its operands.
func (c *checker) function(e ast.Expr, name string, args []ast.Expr) node {
	at := e.ID()
	if !slices.Contains(functionNames, name) {
		if slices.Contains(textMethods, name) || name == "matches" {
			return c.refuse(at, "%s is written behind its text: name.%s(…)", name, name)
		}
		return c.refuse(at, "there is no function %q; the functions are %s", name, strings.Join(functionNames, ", "))
	}
	switch name {
	case "date", "timestamp", "duration":
		return c.moment(e, name, args)
	case "now", "today", "user":
		return c.fromContext(at, name, args)
	case "min", "max":
		return c.extreme(at, name, args)
	}
	if len(args) != 1 && (name != "round" || len(args) != 2) {
		return c.refuse(at, "%s takes one value", name)
	}
	switch name {
	case "size":
		return c.size(at, args[0])
	case "has":
		if of := c.value(args[0]); of != nil {
			return presence{of: of}
		}
		return nil
	case "string":
		return c.asString(args[0])
	}
	of := c.operand(args[0], name+" takes a number")
	if of == nil {
		return nil
	}
	if unit, ok := units[name]; ok {
		return c.bounded(at, arithmetic{op: times, of: kindDuration, left: of, right: literal{of: schema.KindNumber, value: decimal.NewFromInt(unit)}})
	}
	return c.rounding(at, name, of, args[1:])
}

// fromContext checks the functions that tell when, and who asks.
func (c *checker) fromContext(at int64, name string, args []ast.Expr) node {
	if len(args) > 0 {
		return c.refuse(at, "%s takes nothing: %s()", name, name)
	}
	switch name {
	case "now":
		return call{of: now}
	case "today":
		return call{of: today}
	}
	if c.limits&NoAsker != 0 {
		return c.refuse(at, "user() cannot be used here: the value is the same whoever asks")
	}
	return call{of: asker}
}

func (c *checker) rounding(at int64, name string, of node, scale []ast.Expr) node {
	switch name {
	case "abs":
		return call{of: absolute, operands: []node{of}}
	case "floor":
		return c.bounded(at, call{of: floor, operands: []node{of}})
	case "ceil":
		return c.bounded(at, call{of: ceil, operands: []node{of}})
	}
	digits := 0
	if len(scale) == 1 {
		var ok bool
		if digits, ok = c.wholeNumber(scale[0], quotientScale); !ok {
			return c.refuse(scale[0].ID(), "round takes the number of digits behind the point, from 0 to %d", quotientScale)
		}
	}
	return c.bounded(at, call{of: rounded(digits), operands: []node{of}})
}

// bounded refuses a number that may get too long.
func (c *checker) bounded(at int64, n node) node {
	if digitsOf(n).tooMany() {
		return c.refuse(at, "the result may have more than %d digits before or behind its point", maxDigits)
	}
	return n
}

// brief refuses a text that may get too long.
func (c *checker) brief(at int64, n node) node {
	if lengthOf(n) > maxTextLength {
		return c.refuse(at, "the result may have more than %d characters", maxTextLength)
	}
	return n
}

// wholeNumber reads a literal from 0 on.
func (c *checker) wholeNumber(e ast.Expr, most int64) (int, bool) {
	if e.Kind() != ast.LiteralKind {
		return 0, false
	}
	n, ok := c.literal(e).(literal)
	if !ok {
		return 0, false
	}
	number, ok := n.value.(decimal.Decimal)
	if !ok || !number.IsInteger() || number.IsNegative() || number.GreaterThan(decimal.NewFromInt(most)) {
		return 0, false
	}
	return int(number.IntPart()), true
}

func (c *checker) asString(arg ast.Expr) node {
	of := c.value(arg)
	if of == nil {
		return nil
	}
	switch of.kind() {
	case schema.KindText:
		return of
	case schema.KindNumber:
		return call{of: numberAsText, operands: []node{of}}
	case schema.KindBoolean:
		return call{of: booleanAsText, operands: []node{of}}
	case schema.KindDate:
		return call{of: dateAsText, operands: []node{of}}
	case schema.KindReference:
		return call{of: idAsText, operands: []node{of}}
	case schema.KindTime:
		return c.refuse(arg.ID(), "a time is not written as a text; string(date(…)) writes its day")
	default:
		return c.refuse(arg.ID(), "%s is not written as a text", kindWords[of.kind()])
	}
}

// extreme checks min and max, of two values or more.
func (c *checker) extreme(at int64, name string, args []ast.Expr) node {
	if len(args) < 2 {
		return c.refuse(at, "%s takes two values or more; of a list it is written behind it: lines.map(x, x.amount).%s()", name, name)
	}
	operands := make([]node, 0, len(args))
	for _, arg := range args {
		operand := c.value(arg)
		if operand == nil {
			return nil
		}
		if len(operands) > 0 {
			var ok bool
			if operands[0], operand, ok = c.pair(arg.ID(), operands[0], operand, "compare"); !ok {
				return nil
			}
		}
		operands = append(operands, operand)
	}
	switch kind := operands[0].kind(); kind {
	case schema.KindNumber, schema.KindDate, schema.KindTime, kindDuration:
		return call{of: extreme(kind, name == "max"), operands: operands}
	default:
		return c.refuse(at, "there is no %s of values of which each is %s", name, kindWords[kind])
	}
}

// method checks a call that stands behind its first operand.
func (c *checker) method(e ast.Expr, target node, name string, args []ast.Expr) node {
	at := e.ID()
	if p, ok := momentParts[name]; ok {
		return c.partOf(at, target, name, p, args)
	}
	if !slices.Contains(textMethods, name) {
		if name == "matches" {
			return c.refuse(at, "matches is not offered, because the database reads regular expressions in another way; use startsWith, endsWith or contains")
		}
		return c.refuse(at, "there is no method %q; the methods of a text are %s", name, strings.Join(textMethods, ", "))
	}
	if name == "size" && len(args) == 0 {
		return c.count(at, target)
	}
	text := c.asText(e.AsCall().Target().ID(), target, name)
	if text == nil {
		return nil
	}
	if of, ok := map[string]*function{"lowerAscii": lowerASCII, "upperAscii": upperASCII, "trim": trimmed}[name]; ok {
		if len(args) > 0 {
			return c.refuse(at, "%s takes nothing: name.%s()", name, name)
		}
		return call{of: of, operands: []node{text}}
	}
	switch {
	case name == "substring":
		return c.substring(at, text, args)
	case name == "replace":
		return c.replace(at, text, args)
	case len(args) != 1 || name == "size":
		return c.refuse(at, "%s takes %s", name, map[bool]string{true: "nothing", false: "one text"}[name == "size"])
	}
	part := c.asText(args[0].ID(), c.check(args[0]), name)
	if part == nil {
		return nil
	}
	return matching{how: matchers[name], text: text, part: part}
}

func (c *checker) substring(at int64, text node, args []ast.Expr) node {
	const usage = "substring takes whole numbers, which character to begin with (the first is 0) and perhaps which to end before: name.substring(0, 3)"
	if len(args) != 1 && len(args) != 2 {
		return c.refuse(at, usage)
	}
	start, ok := c.wholeNumber(args[0], maxTextLength)
	if !ok {
		return c.refuse(args[0].ID(), usage)
	}
	end := -1
	if len(args) == 2 {
		if end, ok = c.wholeNumber(args[1], maxTextLength); !ok || end < start {
			return c.refuse(args[1].ID(), usage)
		}
	}
	return call{of: substring(start, end), operands: []node{text}}
}

func (c *checker) replace(at int64, text node, args []ast.Expr) node {
	if len(args) != 2 {
		return c.refuse(at, "replace takes the text to look for and the one to put there: name.replace(\"-\", \" \")")
	}
	part, with := c.asText(args[0].ID(), c.check(args[0]), "replace"), c.check(args[1])
	if part == nil || with == nil {
		return nil
	}
	switch with.kind() {
	case kindNull:
		with = literal{of: schema.KindText}
	case schema.KindText:
	default:
		return c.refuse(args[1].ID(), "replace is for texts, and this is %s", kindWords[with.kind()])
	}
	shortest := 1
	if one, ok := part.(literal); ok {
		shortest = lengthOf(one)
	}
	return c.brief(at, call{of: replaced(shortest), operands: []node{text, part, with}})
}

// partOf checks the methods of dates, times and durations.
func (c *checker) partOf(at int64, target node, name string, p part, args []ast.Expr) node {
	kind := target.kind()
	switch {
	case len(args) > 0:
		return c.refuse(at, "%s takes nothing: a time is read in the organisation's time zone", name)
	case kind == kindDuration && slices.Contains(durationMethods, name):
		return call{of: countOf(durationUnits[name]), operands: []node{target}}
	case kind == schema.KindTime, kind == schema.KindDate && !p.clock:
		return call{of: partOf(p, kind), operands: []node{target}}
	}
	return c.refuse(at, "%s has no %s", cmp.Or(kindWords[kind], "it"), name)
}

// calculation checks + - * / between numbers, texts, dates, times and durations.
func (c *checker) calculation(at int64, op operator, first, second ast.Expr) node {
	left, right := c.check(first), c.check(second)
	if left == nil || right == nil {
		return nil
	}
	if op == plus && (left.kind() == schema.KindText || right.kind() == schema.KindText) {
		return c.join(at, left, right)
	}
	if op == subtract {
		left, right = c.adapt(left, right.kind()), c.adapt(right, left.kind())
		if left == nil || right == nil {
			return nil
		}
	}
	l, r := left.kind(), right.kind()
	moment := func(k schema.Kind) bool { return k == schema.KindDate || k == schema.KindTime }
	result := func(k schema.Kind) node {
		return c.bounded(at, arithmetic{op: op, of: k, left: left, right: right})
	}
	switch {
	case l == schema.KindNumber && r == schema.KindNumber:
		return result(schema.KindNumber)
	case moment(l) && l == r && op == subtract:
		if l == schema.KindDate {
			return call{of: daysBetween, operands: []node{left, right}}
		}
		return call{of: timeBetween, operands: []node{left, right}}
	case moment(l) && r == kindDuration && (op == plus || op == subtract):
		return call{of: moved(l, op), operands: []node{left, right}}
	case l == kindDuration && moment(r) && op == plus:
		return call{of: moved(r, op), operands: []node{right, left}}
	case l == kindDuration && r == kindDuration && op == divide:
		return result(schema.KindNumber)
	case l == kindDuration && r == kindDuration && op != times, l == kindDuration && r == schema.KindNumber && (op == times || op == divide),
		l == schema.KindNumber && r == kindDuration && op == times:
		return result(kindDuration)
	case moment(l) && r == schema.KindNumber, moment(r) && l == schema.KindNumber:
		return c.refuse(at, "a date or a time moves by a duration: + days(3), - hours(2)")
	case l == kindDuration || r == kindDuration || moment(l) || moment(r):
		return c.refuse(at, "cannot calculate so with %s and %s", kindWords[l], kindWords[r])
	}
	wrong, kind := first, l
	if l == schema.KindNumber {
		wrong, kind = second, r
	}
	return c.refuse(wrong.ID(), "one calculates with numbers, and this is %s", kindWords[kind])
}

// join puts two texts together.
func (c *checker) join(at int64, left, right node) node {
	for i, n := range []node{left, right} {
		switch n.kind() {
		case schema.KindText:
		case kindNull:
			return []node{right, left}[i]
		default:
			return c.refuse(at, "a text is joined with texts, and this is %s; write string(…)", kindWords[n.kind()])
		}
	}
	return c.brief(at, call{of: joined, operands: []node{left, right}})
}

// remainder checks %, which is of whole numbers.
func (c *checker) remainder(at int64, first, second ast.Expr) node {
	const rule = "the remainder % is of whole numbers"
	left, right := c.operand(first, rule), c.operand(second, rule)
	if left == nil || right == nil {
		return nil
	}
	if digitsOf(left).behind > 0 || digitsOf(right).behind > 0 {
		return c.refuse(at, "%s; round or floor makes them so", rule)
	}
	return call{of: remainder, operands: []node{left, right}}
}
