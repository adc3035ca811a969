package rest_test

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/shopspring/decimal"
)

// The naive model of a tenant: two objects, their records in a slice, and loops.
// Nothing here is quick or clever, so that it is right.

// naiveField is a field of the naive model. The kinds are text, number, boolean,
// date, moment, pick and relation.
type naiveField struct {
	name, kind string
	document   string // what declares it, behind its key
	values     []any  // what records have, nil among them
	target     *naiveObject
	inverse    string // what the target calls those that point to it
}

type naiveObject struct {
	name     string
	fields   []*naiveField // the first is the title
	inverses []naiveInverse
	records  []*naiveRecord
}

// naiveInverse are those records that point to one by a relation.
type naiveInverse struct {
	of *naiveObject
	by *naiveField
}

// naiveRecord has values in one form a kind: string, decimal.Decimal, bool, or the
// id of a record for a relation. Dates and moments are texts, which sort as they do.
type naiveRecord struct {
	id      string
	values  map[string]any
	deleted bool
}

// chance makes all that is random.
type chance struct{ *rand.Rand }

func oneOf[T any](c chance, values ...T) T { return values[c.IntN(len(values))] }

func (o *naiveObject) field(name string) *naiveField {
	for _, f := range o.fields {
		if f.name == name {
			return f
		}
	}
	return nil
}

func (o *naiveObject) record(id any) *naiveRecord {
	for _, r := range o.records {
		if r.id == id && !r.deleted {
			return r
		}
	}
	return nil
}

// live are the records that are not deleted, or those that are.
func (o *naiveObject) live(deleted bool) []*naiveRecord {
	return slices.DeleteFunc(slices.Clone(o.records), func(r *naiveRecord) bool { return r.deleted != deleted })
}

// at is the value at a path through relations; nothing leads through a deleted record.
func (o *naiveObject) at(r *naiveRecord, path string) (any, *naiveField) {
	name, rest, through := strings.Cut(path, ".")
	f := o.field(name)
	if !through {
		return r.values[name], f
	}
	related := f.target.record(r.values[name])
	if related == nil {
		related = &naiveRecord{values: map[string]any{}}
	}
	return f.target.at(related, rest)
}

// newNaive declares two objects with random fields.
func newNaive(c chance) []*naiveObject {
	// Texts that look like formulas are for other tests: an export writes them as what they are not.
	texts := []any{nil, "alpha", "Alpha", "beta gamma", "上海", "上海有限公司", "é", "😀", `q"uote, x`, "a_b%c", "it's"}
	var numbers []any
	for _, n := range []string{"0", "-1", "7", "7.5", "-0.25", "100"} {
		numbers = append(numbers, decimal.RequireFromString(n))
	}
	days := []any{nil, "2024-02-29", "2026-01-01", "2026-01-31", "2026-12-28", "2027-01-03"}
	moments := []any{nil, "2026-01-31T23:30:00Z", "2026-02-01T00:00:00Z", "2025-12-31T23:59:59Z"}
	integers := slices.DeleteFunc(slices.Clone(numbers), func(n any) bool { return !n.(decimal.Decimal).IsInteger() }) //nolint:forcetypeassert // all are
	kinds := []naiveField{
		{kind: "text", document: "type: text", values: texts},
		{kind: "text", document: "type: text, length: 40, indexed: true", values: texts},
		{kind: "text", document: "type: long_text", values: texts},
		{kind: "number", document: "type: integer", values: append(integers, nil)},
		{kind: "number", document: "type: decimal, precision: 9, scale: 3", values: append(slices.Clone(numbers), nil)},
		{kind: "number", document: "type: percent", values: append(slices.Clone(numbers), nil)},
		{kind: "number", document: "type: decimal, indexed: true", values: append(slices.Clone(numbers), nil)},
		{kind: "boolean", document: "type: boolean", values: []any{nil, true, false}},
		{kind: "date", document: "type: date", values: days},
		{kind: "moment", document: "type: datetime", values: moments},
		{kind: "pick", document: "type: picklist, options: [{key: won}, {key: lost}, {key: open}]", values: []any{nil, "won", "lost", "open"}},
	}
	parent, child := &naiveObject{name: "plot"}, &naiveObject{name: "tree"}
	for n, o := range []*naiveObject{parent, child} {
		o.fields = append(o.fields, &naiveField{name: "title", kind: "text", document: "type: text, required: true", values: texts[1:]})
		for i := range 3 + c.IntN(5) {
			f := oneOf(c, kinds...)
			f.name = fmt.Sprintf("%s_%c", f.kind, 'a'+i)
			o.fields = append(o.fields, &f)
		}
		o.points("up", o, "below")
		if n == 1 {
			o.points("place", parent, "trees")
		}
	}
	return []*naiveObject{parent, child}
}

// points adds a relation to records of the target.
func (o *naiveObject) points(name string, target *naiveObject, inverse string) {
	f := &naiveField{name: name, kind: "relation", target: target, inverse: inverse}
	o.fields = append(o.fields, f)
	target.inverses = append(target.inverses, naiveInverse{o, f})
}

// documents declare the objects, as a user would.
func documents(objects []*naiveObject) string {
	var all []string
	for _, o := range objects {
		text := "kind: CustomObject\nmetadata: {name: " + o.name + "}\nspec:\n  titleField: title\n  fields:\n"
		for _, f := range o.fields {
			document := f.document
			if f.target != nil {
				document = "type: relation, target: " + f.target.name + ", inverse: " + f.inverse
			}
			text += "    - {key: " + f.name + ", " + document + "}\n"
		}
		all = append(all, text)
	}
	return strings.Join(all, "---\n")
}

// condition is one that both CEL and Go can say.
type condition struct {
	text  string
	holds func(r *naiveRecord) bool
}

// literal is the value in CEL.
func (f *naiveField) literal(value any) string {
	switch v := value.(type) {
	case string:
		switch f.kind {
		case "date":
			return fmt.Sprintf("date(%q)", v)
		case "moment":
			return fmt.Sprintf("timestamp(%q)", v)
		}
		return fmt.Sprintf("%q", v)
	case nil:
		return "null"
	}
	return fmt.Sprint(value)
}

// compareValues orders two values of one kind, neither of them nil.
func compareValues(a, b any) int {
	switch a := a.(type) {
	case decimal.Decimal:
		return a.Cmp(b.(decimal.Decimal)) //nolint:forcetypeassert // of one kind
	case bool:
		return cmp.Compare(fmt.Sprint(a), fmt.Sprint(b)) // "false" < "true"
	}
	return cmp.Compare(fmt.Sprint(a), fmt.Sprint(b))
}

func sameValue(a, b any) bool {
	if a == nil || b == nil {
		return a == b
	}
	return compareValues(a, b) == 0
}

// paths are ways to fields that are no relations, through at most two of them.
func (o *naiveObject) paths(c chance) string {
	f := oneOf(c, o.fields...)
	if f.target == nil {
		return f.name
	}
	for {
		if g := oneOf(c, f.target.fields...); g.target == nil {
			return f.name + "." + g.name
		} else if c.IntN(2) == 0 {
			return f.name + "." + g.name + "." + g.target.fields[0].name
		}
	}
}

// condition makes a random condition over records that CEL calls by the prefix.
func (o *naiveObject) condition(c chance, prefix string, depth int) condition {
	if depth > 0 && c.IntN(2) == 0 {
		return o.compound(c, prefix, depth-1)
	}
	path := o.paths(c)
	_, f := o.at(&naiveRecord{values: map[string]any{}}, path)
	get := func(r *naiveRecord) any { value, _ := o.at(r, path); return value }
	name, value := prefix+path, oneOf(c, f.values...)
	if value == nil || c.IntN(4) == 0 {
		want := c.IntN(2) == 0
		equals := map[bool]string{true: " == ", false: " != "}[want]
		return condition{name + equals + f.literal(value), func(r *naiveRecord) bool { return sameValue(get(r), value) == want }}
	}
	switch {
	case f.kind == "boolean":
		return condition{name, func(r *naiveRecord) bool { return get(r) == true }}
	case f.kind == "text" && c.IntN(2) == 0:
		text := []rune(fmt.Sprint(value))
		from := c.IntN(len(text))
		part := string(text[from : from+1+c.IntN(len(text)-from)])
		call := oneOf(c, "contains", "startsWith", "endsWith")
		says := map[string]func(string, string) bool{"contains": strings.Contains, "startsWith": strings.HasPrefix, "endsWith": strings.HasSuffix}[call]
		return condition{fmt.Sprintf("%s.%s(%q)", name, call, part), func(r *naiveRecord) bool {
			text, ok := get(r).(string)
			return ok && says(text, part)
		}}
	case f.kind == "pick" || f.kind == "text" && c.IntN(3) == 0:
		second := f.values[len(f.values)-1]
		return condition{fmt.Sprintf("%s in [%s, %s]", name, f.literal(value), f.literal(second)), func(r *naiveRecord) bool {
			return sameValue(get(r), value) || sameValue(get(r), second)
		}}
	}
	operator := oneOf(c, "<", "<=", ">", ">=")
	return condition{name + " " + operator + " " + f.literal(value), func(r *naiveRecord) bool {
		if get(r) == nil {
			return false
		}
		order := compareValues(get(r), value)
		return order < 0 && operator[0] == '<' || order > 0 && operator[0] == '>' || order == 0 && len(operator) == 2
	}}
}

// compound combines conditions, or asks those that point to the record.
func (o *naiveObject) compound(c chance, prefix string, depth int) condition {
	switch c.IntN(5) {
	case 0:
		a := o.condition(c, prefix, depth)
		return condition{"!(" + a.text + ")", func(r *naiveRecord) bool { return !a.holds(r) }}
	case 1:
		a, b := o.condition(c, prefix, depth), o.condition(c, prefix, depth)
		return condition{"(" + a.text + " && " + b.text + ")", func(r *naiveRecord) bool { return a.holds(r) && b.holds(r) }}
	case 2:
		a, b := o.condition(c, prefix, depth), o.condition(c, prefix, depth)
		return condition{"(" + a.text + " || " + b.text + ")", func(r *naiveRecord) bool { return a.holds(r) || b.holds(r) }}
	}
	inverse := oneOf(c, o.inverses...)
	children := func(r *naiveRecord) []*naiveRecord {
		return slices.DeleteFunc(inverse.of.live(false), func(child *naiveRecord) bool { return child.values[inverse.by.name] != r.id })
	}
	if c.IntN(2) == 0 {
		least := c.IntN(3)
		return condition{fmt.Sprintf("%s%s.size() > %d", prefix, inverse.by.inverse, least), func(r *naiveRecord) bool { return len(children(r)) > least }}
	}
	variable := fmt.Sprintf("v%d", depth)
	inner := inverse.of.condition(c, variable+".", min(depth, 1))
	call := oneOf(c, "exists", "all", "filter")
	text := fmt.Sprintf("%s%s.%s(%s, %s)", prefix, inverse.by.inverse, call, variable, inner.text)
	if call == "filter" {
		text += ".size() == 1"
	}
	return condition{text, func(r *naiveRecord) bool {
		all := children(r)
		holding := len(slices.DeleteFunc(slices.Clone(all), func(child *naiveRecord) bool { return !inner.holds(child) }))
		switch call {
		case "exists":
			return holding > 0
		case "all":
			return holding == len(all)
		}
		return holding == 1
	}}
}

// sorted are the records in the order of the keys; what has no value comes last, and the id decides.
func (o *naiveObject) sorted(records []*naiveRecord, keys []string) []*naiveRecord {
	sorted := slices.Clone(records)
	slices.SortFunc(sorted, func(a, b *naiveRecord) int {
		descending := false
		for _, key := range keys {
			var path string
			path, descending = strings.CutPrefix(key, "-")
			left, _ := o.at(a, path)
			right, _ := o.at(b, path)
			switch {
			case left == nil && right == nil:
				continue
			case left == nil:
				return 1
			case right == nil:
				return -1
			}
			if order := compareValues(left, right); order != 0 && descending {
				return -order
			} else if order != 0 {
				return order
			}
		}
		if descending {
			return cmp.Compare(b.id, a.id)
		}
		return cmp.Compare(a.id, b.id)
	})
	return sorted
}

// begins is the first day of the part of a year in which a date lies.
func begins(part, day string) string {
	at, _ := time.Parse(time.DateOnly, day)
	switch part {
	case "year":
		return at.Format("2006") + "-01-01"
	case "quarter":
		return time.Date(at.Year(), (at.Month()-1)/3*3+1, 1, 0, 0, 0, 0, time.UTC).Format(time.DateOnly)
	case "month":
		return at.Format("2006-01") + "-01"
	case "week":
		return at.AddDate(0, 0, -(int(at.Weekday())+6)%7).Format(time.DateOnly)
	}
	return day
}
