package expr

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/shopspring/decimal"

	"github.com/kontor-crm/kontor/internal/schema"
)

// Eval is the value of the expression for a record: nil for null, a
// decimal.Decimal for every number, and otherwise what schema.FieldType
// documents. It fails when a record holds a value of another Go type, and when
// other records cannot be had.
func (e *Expression) Eval(c Context, record Record) (any, error) {
	v := evaluation{context: c, records: map[*row]Record{e.self: record}}
	value := v.value(e.root)
	return value, v.err
}

// evaluation walks the tree and keeps the first error.
type evaluation struct {
	context Context
	records map[*row]Record
	err     error
}

func (v *evaluation) fail(err error) {
	if v.err == nil {
		v.err = err
	}
}

func (v *evaluation) value(n node) any {
	switch n := n.(type) {
	case literal:
		return n.value
	case reading:
		return v.field(n)
	case related:
		return v.related(n)
	case computed:
		v.records[n.body.self] = v.records[n.at]
		return v.value(n.body.root)
	case aggregate:
		return v.aggregate(n)
	case call:
		return v.call(n)
	case arithmetic:
		return v.arithmetic(n)
	case minus:
		if number, ok := v.value(n.of).(decimal.Decimal); ok {
			return number.Neg()
		}
		return nil
	case counting:
		return count(v.value(n.of))
	case choice:
		if v.truth(n.condition) {
			return v.value(n.then)
		}
		return v.value(n.otherwise)
	default:
		return v.truth(n)
	}
}

// truth is the value of a boolean, in which null counts as false.
func (v *evaluation) truth(n node) bool {
	switch n := n.(type) {
	case comparison:
		return v.comparison(n)
	case presence:
		return (v.value(n.of) == nil) == n.absent
	case membership:
		value := v.value(n.of)
		if value == nil {
			return n.null
		}
		return slices.ContainsFunc(n.values, func(one any) bool { return compareValues(value, one) == 0 })
	case containment:
		text, ok := v.value(n.text).(string)
		list, _ := v.value(n.list).([]string)
		return ok && slices.Contains(list, text)
	case logic:
		if n.or {
			return v.truth(n.left) || v.truth(n.right)
		}
		return v.truth(n.left) && v.truth(n.right)
	case negation:
		return !v.truth(n.of)
	case certainty:
		return v.truth(n.of)
	case matching:
		text, ok := v.value(n.text).(string)
		part, also := v.value(n.part).(string)
		return ok && also && matches(n.how, text, part)
	default:
		yes, _ := v.value(n).(bool)
		return yes
	}
}

func (v *evaluation) call(n call) any {
	operands := make([]any, len(n.operands))
	for i, operand := range n.operands {
		operands[i] = v.value(operand)
		if operands[i] == nil && !n.of.lenient {
			return nil
		}
	}
	return n.of.eval(v.context, operands)
}

func (v *evaluation) comparison(n comparison) bool {
	left, right := v.value(n.left), v.value(n.right)
	if left == nil || right == nil {
		switch n.op {
		case equal:
			return left == nil && right == nil
		case notEqual:
			return left != nil || right != nil
		default:
			return false
		}
	}
	order := compareValues(left, right)
	switch n.op {
	case equal:
		return order == 0
	case notEqual:
		return order != 0
	case less:
		return order < 0
	case lessOrEqual:
		return order <= 0
	case greater:
		return order > 0
	default:
		return order >= 0
	}
}

func (v *evaluation) arithmetic(n arithmetic) any {
	left, ok := v.value(n.left).(decimal.Decimal)
	right, also := v.value(n.right).(decimal.Decimal)
	if !ok || !also {
		return nil
	}
	switch n.op {
	case plus:
		return left.Add(right)
	case subtract:
		return left.Sub(right)
	case times:
		return left.Mul(right)
	default:
		if right.IsZero() {
			return nil
		}
		return left.DivRound(right, quotientScale)
	}
}

// related reads a value of the record behind a reference.
func (v *evaluation) related(n related) any {
	id, ok := v.value(n.reference).(string)
	if !ok || v.err != nil {
		return nil
	}
	if v.context.Related == nil {
		v.fail(errNoRelated)
		return nil
	}
	record, err := v.context.Related.Record(n.row.object, id)
	if err != nil {
		v.fail(fmt.Errorf("reading a %s: %w", n.row.object.Name, err))
		return nil
	}
	if record == nil {
		return nil
	}
	v.records[n.row] = record
	return v.value(n.value)
}

var errNoRelated = errors.New("the expression reads other records, and there are none to be had here")

// each calls do for each of the children that the condition lets through, until it says that it is enough.
func (v *evaluation) each(of children, do func() bool) {
	id, ok := v.value(of.parent).(string)
	if !ok || v.err != nil {
		return
	}
	if v.context.Related == nil {
		v.fail(errNoRelated)
		return
	}
	records, err := v.context.Related.Children(of.row.object, of.relation, id)
	if err != nil {
		v.fail(fmt.Errorf("reading the %s records of one: %w", of.row.object.Name, err))
		return
	}
	for _, record := range records {
		v.records[of.row] = record
		if of.condition != nil && !v.truth(of.condition) {
			continue
		}
		if !do() || v.err != nil {
			return
		}
	}
}

func (v *evaluation) aggregate(n aggregate) any {
	switch n.how {
	case howMany:
		count := int64(0)
		v.each(n.of, func() bool { count++; return true })
		return decimal.NewFromInt(count)
	case whetherAny:
		found := false
		v.each(n.of, func() bool { found = true; return false })
		return found
	default:
		return v.reduce(n)
	}
}

// reduce makes one value of those that are not null.
func (v *evaluation) reduce(n aggregate) any {
	var values []any
	v.each(n.of, func() bool {
		if value := v.value(n.value); value != nil {
			values = append(values, value)
		}
		return true
	})
	if n.how == sum || n.how == average {
		return sumUp(values, n.how == average)
	}
	if len(values) == 0 {
		return nil
	}
	if n.how == least {
		return slices.MinFunc(values, compareValues)
	}
	return slices.MaxFunc(values, compareValues)
}

// sumUp is the sum of numbers, or their average, which is null for none.
func sumUp(values []any, divided bool) any {
	total := decimal.Zero
	for _, value := range values {
		if number, ok := value.(decimal.Decimal); ok {
			total = total.Add(number)
		}
	}
	if !divided {
		return total
	}
	if len(values) == 0 {
		return nil
	}
	return total.DivRound(decimal.NewFromInt(int64(len(values))), quotientScale)
}

// field reads a field and sees to it that its value is of the kind that the tree was checked for.
func (v *evaluation) field(n reading) any {
	f, value := n.field, v.records[n.row](n.field)
	switch f.Kind() {
	case schema.KindNumber:
		switch number := value.(type) {
		case int64:
			return decimal.NewFromInt(number)
		case decimal.Decimal:
			return number
		}
	case schema.KindText, schema.KindReference, schema.KindClock, schema.KindJSON, schema.KindObjectName:
		if text, ok := value.(string); ok {
			if text == "" {
				return nil
			}
			return text
		}
	case schema.KindBoolean:
		if yes, ok := value.(bool); ok {
			return yes
		}
	case schema.KindDate, schema.KindTime:
		if moment, ok := value.(time.Time); ok {
			return moment
		}
	case schema.KindTexts:
		if texts, ok := value.([]string); ok {
			if len(texts) == 0 {
				return nil
			}
			return texts
		}
	case schema.KindParts: // its parts have values
	}
	if value != nil {
		v.fail(fmt.Errorf("field %q holds a %T, which is not %s", f.Path(), value, kindWords[f.Kind()]))
	}
	return nil
}

func count(value any) any {
	switch value := value.(type) {
	case string:
		return decimal.NewFromInt(int64(utf8.RuneCountInString(value)))
	case []string:
		return decimal.NewFromInt(int64(len(value)))
	}
	return nil
}

func matches(how matcher, text, part string) bool {
	switch how {
	case startsWith:
		return strings.HasPrefix(text, part)
	case contains:
		return strings.Contains(text, part)
	default:
		return strings.HasSuffix(text, part)
	}
}

// compareValues orders two values of the same kind. The bytes of UTF-8 are in the order of code points.
func compareValues(left, right any) int {
	switch left := left.(type) {
	case decimal.Decimal:
		if right, ok := right.(decimal.Decimal); ok {
			return left.Cmp(right)
		}
	case string:
		if right, ok := right.(string); ok {
			return cmp.Compare(left, right)
		}
	case time.Time:
		if right, ok := right.(time.Time); ok {
			return left.Compare(right)
		}
	case bool:
		if right, ok := right.(bool); ok && left == right {
			return 0
		}
	}
	return 1 // booleans, which have no order
}
