package query

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/kontor-crm/kontor/internal/expr"
	"github.com/kontor-crm/kontor/internal/schema"
)

// sortKey is one of the values that the rows are in the order of.
type sortKey struct {
	at         *place
	field      *schema.Field
	descending bool
	// nullable is false when every row has a value.
	nullable bool
	// column is the place of the value in a row.
	column int
	// from has the value in SQL.
	from *selection
}

// sortKeys reads the wanted order, ends it with the id, and selects the values
// that are not selected yet.
func (s *selection) sortKeys(names []string) ([]sortKey, error) {
	if len(names) > maxSort {
		return nil, malformed("sort", "at most %d fields can be sorted by", maxSort)
	}
	id, _ := s.root.object.Field(schema.FieldID)
	keys := make([]sortKey, 0, len(names)+1)
	descending := false
	for _, name := range names {
		var bare string
		bare, descending = strings.CutPrefix(name, "-")
		at, f, _, err := s.resolve(bare, "sort")
		if err != nil {
			return nil, err
		}
		if len(f.Parts()) > 0 {
			return nil, malformed("sort", "%q has parts; sort by one of them: %s", bare, f.Parts()[0].Path())
		}
		if !f.Sortable() {
			return nil, malformed("sort", "%q is %s and has no order", bare, f.Type)
		}
		if slices.ContainsFunc(keys, func(k sortKey) bool { return k.at == at && k.field == f }) {
			return nil, malformed("sort", "%q stands twice", bare)
		}
		keys = append(keys, sortKey{
			at: at, field: f, descending: descending, nullable: at != s.root || !expr.AlwaysSet(f), column: s.place(at, f), from: s,
		})
	}
	// Nothing is equal in its id: what stands behind it decides nothing.
	if i := slices.IndexFunc(keys, func(k sortKey) bool { return k.at == s.root && k.field == id }); i >= 0 {
		return keys[:i+1], nil
	}
	// In the direction of the field before, so that one index serves both, read forwards or backwards.
	return append(keys, sortKey{at: s.root, field: id, descending: descending, column: s.place(s.root, id), from: s}), nil
}

// sorted is the value by which rows are ordered. A tenant's database compares
// texts by code point.
func (k sortKey) sorted(args *expr.Args) string { return k.from.value(k.at, k.field, args) }

// value is a value of the key as an argument.
func (k sortKey) value(text string, args *expr.Args) string {
	return args.Add(text) + "::" + string(k.field.Storage())
}

// later is the operator between the key and a value that it comes after.
func (k sortKey) later() string {
	if k.descending {
		return " < "
	}
	return " > "
}

func order(keys []sortKey) string {
	parts := make([]string, 0, len(keys))
	for _, key := range keys {
		var part string
		if key.field.Computed() && !key.field.Kept() { // not once more than for the row
			part = strconv.Itoa(key.column + 1)
		} else {
			part = key.sorted(nil)
		}
		if key.descending {
			part += " DESC"
			if key.nullable {
				part += " NULLS LAST"
			}
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, ", ")
}

// part is some of the rows of a list, which one statement gives in order.
type part struct {
	// condition tells the rows from those of the other part; empty when there is no other.
	condition string
	keys      []sortKey
	// last are the values of the keys that the rows come after, or nil.
	last []*string
}

// split says which statements give the rows that come after the last ones, or all
// when there are none. An index is in the order of its values with the nulls at one
// end, and serves a range of values. So where the first field may be null, the rows
// with a value and those without are two statements: the first reads an index in
// either direction and from any value on, and mostly it fills the page. Ascending
// and from the start one statement does as well. Related records have no index in
// the order of ours, and what is computed has none.
func split(keys []sortKey, last []*string) []part {
	first := keys[0]
	if !first.nullable || first.at.alias != record || first.field.Computed() && !first.field.Kept() || last == nil && !first.descending {
		return []part{{keys: keys, last: last}}
	}
	nulls := part{condition: first.sorted(nil) + " IS NULL", keys: keys[1:]}
	if len(last) > 0 && last[0] == nil {
		nulls.last = last[1:]
		return []part{nulls}
	}
	values := part{condition: first.sorted(nil) + " IS NOT NULL", keys: slices.Clone(keys), last: last}
	values.keys[0].nullable = false
	return []part{values, nulls}
}

// where is the rest of a condition that lets the rows of the part through.
func (p part) where(args *expr.Args) string {
	where := ""
	if p.condition != "" {
		where = " AND " + p.condition
	}
	if p.last == nil {
		return where
	}
	return where + " AND " + after(p.keys, p.last, args)
}

// after lets the rows through that follow the one with those values of its keys:
//
//	a > $1 OR a IS NULL                         what comes later by the first key,
//	OR a = $1 AND (b > $2 OR b IS NULL)         or is equal in it and later by the second,
//	OR a = $1 AND b = $2 AND id > $3            …
//
// Nulls come last: nothing follows one by its own key.
func after(keys []sortKey, values []*string, args *expr.Args) string {
	if row, ok := afterRow(keys, values, args); ok {
		return row
	}
	var ways []string
	equal, bound := "", ""
	for i, key := range keys {
		sorted := key.sorted(args)
		if values[i] != nil {
			value := key.value(*values[i], args)
			later := sorted + key.later() + value
			if key.nullable {
				later = "(" + later + " OR " + sorted + " IS NULL)"
			} else if i == 0 {
				// It follows from the rest, and is what an index understands.
				bound = sorted + strings.TrimRight(key.later(), " ") + "= " + value + " AND "
			}
			ways = append(ways, "("+equal+later+")")
			equal += sorted + " = " + value + " AND "
			continue
		}
		equal += sorted + " IS NULL AND "
	}
	return bound + "(" + strings.Join(ways, " OR ") + ")"
}

// afterRow is the comparison of whole rows, which an index serves best. It
// needs keys of one direction that are never null.
func afterRow(keys []sortKey, values []*string, args *expr.Args) (string, bool) {
	for i, key := range keys {
		if key.nullable || values[i] == nil || key.descending != keys[0].descending {
			return "", false
		}
	}
	columns, placeholders := make([]string, len(keys)), make([]string, len(keys))
	for i, key := range keys {
		columns[i], placeholders[i] = key.sorted(args), key.value(*values[i], args)
	}
	return "(" + strings.Join(columns, ", ") + ")" + keys[0].later() + "(" + strings.Join(placeholders, ", ") + ")", true
}

// cursorContext is what a cursor is bound to.
func (c *Compiler) cursorContext(o *schema.Object, r ListRequest, keys []sortKey) string {
	parts := []string{c.tenant, o.Identity, r.Filter, string(r.Deleted)}
	for _, key := range keys {
		parts = append(parts, key.at.identity(key.field), string(key.field.Storage()), strconv.FormatBool(key.descending))
	}
	context, err := json.Marshal(parts)
	if err != nil { // texts have no form that JSON cannot say
		return ""
	}
	return string(context)
}

// lastOf reads the values of the last row of the page before.
func (c *Compiler) lastOf(cursor, context string, keys []sortKey) ([]*string, error) {
	values, err := c.openCursor(cursor, context)
	if err == nil && (len(values) != len(keys) || values[len(keys)-1] == nil) {
		err = malformed("after", "this is not a cursor of the same list; start at its first page")
	}
	return values, err
}
