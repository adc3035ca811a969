package query

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/kontor-crm/kontor/internal/expr"
	"github.com/kontor-crm/kontor/internal/fault"
	"github.com/kontor-crm/kontor/internal/schema"
)

// CountMode says whether a list counts what it does not show.
type CountMode string

// The modes of counting.
const (
	// CountNone counts nothing; so does the empty mode.
	CountNone CountMode = "none"
	// CountEstimate asks PostgreSQL's planner how many there will be, which reads no records.
	CountEstimate CountMode = "estimate"
	// CountExact counts all records that the filter lets through.
	CountExact CountMode = "exact"
)

// DeletedMode says what a list does with deleted records.
type DeletedMode string

// The modes for deleted records.
const (
	// DeletedNone leaves them out; so does the empty mode.
	DeletedNone DeletedMode = "none"
	// DeletedOnly lists nothing else. Their updated_at and updated_by say when they
	// were deleted, and by whom.
	DeletedOnly DeletedMode = "only"
)

// ListRequest asks for a page of an object's records.
type ListRequest struct {
	// Object is its name in the API.
	Object string
	// Filter is a condition in CEL; empty lets all through.
	Filter string
	// Sort are names of fields, with a leading "-" for descending order.
	// Records without a value come last in both directions; texts sort by code
	// point. The id decides among equals, in the direction of the last field.
	Sort []string
	// Fields are the names of the wanted fields, "customer.name" for a field of
	// the related record; empty is all fields of the object itself.
	Fields []string
	// Limit is the length of the page: 0 is DefaultLimit, MaxLimit the most.
	Limit int
	// After is the cursor of the page before; empty is the first page.
	After string
	// Count asks for the number of all records.
	Count CountMode
	// Deleted asks for deleted records.
	Deleted DeletedMode
}

// The bounds of a list.
const (
	DefaultLimit = 50
	MaxLimit     = 1000
	maxSort      = 8
	maxCursor    = 64 << 10
)

// List is a compiled ListRequest.
type List struct {
	// Statement gives one row more than Limit when there is a next page.
	Statement Statement
	// Count gives the number of all records in one row, which CountOf reads; nil when it was not asked for.
	Count *Statement
	// Limit is the length of the page.
	Limit int

	keys []sortKey
	seal func(plain []byte) string
}

// sortKey is one of the values that the rows are in the order of.
type sortKey struct {
	field      *schema.Field
	descending bool
	// nullable is false when every record has a value.
	nullable bool
	// column is the place of the value in a row.
	column int
}

// Next is the cursor of the page that follows the row, which is the last one
// shown: all of its columns as the statement gave them.
func (l *List) Next(last [][]byte) string {
	values := make([]*string, len(l.keys))
	for i, key := range l.keys {
		if key.column < len(last) && last[key.column] != nil {
			text := string(last[key.column])
			values[i] = &text
		}
	}
	plain, err := json.Marshal(values)
	if err != nil { // texts have no form that JSON cannot say
		return ""
	}
	return l.seal(plain)
}

// List compiles a request for a page of records. It fails with fault.NotFound
// for an unknown object, fault.Forbidden when it may not be read, and
// fault.Malformed with the path filter, sort, fields, limit, count or after.
func (c *Compiler) List(a Access, r ListRequest) (*List, error) {
	o, err := c.Object(r.Object)
	if err != nil {
		return nil, err
	}
	if err := a.reading(o); err != nil {
		return nil, err
	}
	limit, err := limitOf(r.Limit)
	if err != nil {
		return nil, err
	}
	if !slices.Contains([]CountMode{"", CountNone, CountEstimate, CountExact}, r.Count) {
		return nil, malformed("count", "%.60q is not a way to count: none, estimate or exact", string(r.Count))
	}
	if !slices.Contains([]DeletedMode{"", DeletedNone, DeletedOnly}, r.Deleted) {
		return nil, malformed("deleted", "%.60q is no choice: none or only", string(r.Deleted))
	}
	filter, err := c.filter(a, o, r.Filter)
	if err != nil {
		return nil, err
	}
	selected, err := c.selectFields(a, o, r.Fields)
	if err != nil {
		return nil, err
	}
	shown := len(selected.columns)
	keys, err := sortKeys(a, o, r.Sort, selected)
	if err != nil {
		return nil, err
	}
	list := &List{Limit: limit, keys: keys}
	context := c.cursorContext(o, r, keys)
	list.seal = func(plain []byte) string {
		return base64.RawURLEncoding.EncodeToString(c.cursors.Seal(plain, context))
	}

	var args expr.Args
	where := live(record)
	if r.Deleted == DeletedOnly {
		where = gone(record)
	}
	if filter != nil {
		where += " AND " + filter.SQL(&args, c.Context(a), record)
	}
	all := " FROM " + o.QualifiedTable() + " AS " + record + " WHERE " + where
	switch r.Count {
	case CountExact:
		list.Count = &Statement{SQL: "SELECT count(*)" + all, Args: slices.Clone(args.Values())}
	case CountEstimate:
		list.Count = &Statement{SQL: "EXPLAIN (FORMAT JSON) SELECT" + all, Args: slices.Clone(args.Values())}
	case CountNone:
	}
	if r.After != "" {
		values, err := c.openCursor(r.After, context, keys)
		if err != nil {
			return nil, err
		}
		where += " AND " + after(keys, values, &args)
	}
	list.Statement = Statement{
		SQL: "SELECT " + strings.Join(selected.expressions, ", ") + selected.from(o) + " WHERE " + where +
			" ORDER BY " + order(keys) + " LIMIT " + strconv.Itoa(limit+1),
		Args:    args.Values(),
		Columns: selected.columns[:shown:shown],
	}
	return list, nil
}

// CountOf reads the row of a List's Count.
func CountOf(mode CountMode, row [][]byte) (int64, error) {
	if mode != CountEstimate {
		return strconv.ParseInt(string(row[0]), 10, 64)
	}
	var explained []struct {
		Plan struct {
			Rows float64 `json:"Plan Rows"`
		} `json:"Plan"`
	}
	if err := json.Unmarshal(row[0], &explained); err != nil || len(explained) != 1 {
		return 0, fmt.Errorf("reading the planner's estimate: %w", err)
	}
	return int64(explained[0].Plan.Rows), nil
}

func limitOf(limit int) (int, error) {
	switch {
	case limit == 0:
		return DefaultLimit, nil
	case limit < 0 || limit > MaxLimit:
		return 0, malformed("limit", "must be from 1 to %d", MaxLimit)
	}
	return limit, nil
}

// filter compiles a filter; nil when there is none. What is wrong with it stands at the path "filter".
func (c *Compiler) filter(a Access, o *schema.Object, text string) (*expr.Expression, error) {
	if strings.TrimSpace(text) == "" {
		return nil, nil //nolint:nilnil // no filter is no error
	}
	filter, err := expr.CompileCondition(c.schema, o, text)
	if err != nil {
		if f, ok := errors.AsType[*fault.Error](err); ok {
			placed := *f
			placed.Violations = slices.Clone(f.Violations)
			for i := range placed.Violations {
				placed.Violations[i].Path = "filter"
			}
			return nil, &placed
		}
		return nil, fmt.Errorf("compiling a filter: %w", err)
	}
	for _, use := range filter.Fields() {
		if err := a.reading(use.Object); err != nil {
			return nil, err
		}
		if _, err := a.field(use.Object, use.Field.Path(), "filter"); err != nil {
			return nil, err
		}
	}
	return filter, nil
}

// sortKeys reads the wanted order, ends it with the id, and selects the values
// that are not selected yet.
func sortKeys(a Access, o *schema.Object, names []string, selected *selection) ([]sortKey, error) {
	if len(names) > maxSort {
		return nil, malformed("sort", "at most %d fields can be sorted by", maxSort)
	}
	id, _ := o.Field(schema.FieldID)
	keys := make([]sortKey, 0, len(names)+1)
	descending := false
	for _, name := range names {
		var bare string
		bare, descending = strings.CutPrefix(name, "-")
		if _, isPart := o.Field(bare); strings.Contains(bare, ".") && !isPart {
			return nil, malformed("sort", "%.60q is a field of another object; sort by the fields of %s", bare, o.Name)
		}
		f, err := a.field(o, bare, "sort")
		if err != nil {
			return nil, err
		}
		if len(f.Parts()) > 0 {
			return nil, malformed("sort", "%q has parts; sort by one of them: %s", f.Name, f.Parts()[0].Path())
		}
		if !f.Sortable() {
			return nil, malformed("sort", "%q is %s and has no order", f.Path(), f.Type)
		}
		if slices.ContainsFunc(keys, func(k sortKey) bool { return k.field == f }) {
			return nil, malformed("sort", "%q stands twice", f.Path())
		}
		keys = append(keys, sortKey{field: f, descending: descending, nullable: !expr.AlwaysSet(f), column: selected.place(f)})
	}
	// Nothing is equal in its id: what stands behind it decides nothing.
	if i := slices.IndexFunc(keys, func(k sortKey) bool { return k.field == id }); i >= 0 {
		return keys[:i+1], nil
	}
	// In the direction of the field before, so that one index serves both, read forwards or backwards.
	return append(keys, sortKey{field: id, descending: descending, column: selected.place(id)}), nil
}

// place is the column of an own field, which is selected if need be.
func (s *selection) place(f *schema.Field) int {
	for i, selected := range s.columns {
		if selected.Field == f && selected.own() {
			return i
		}
	}
	return s.add(f)
}

// sorted is the value by which rows are ordered.
func (k sortKey) sorted() string {
	if k.field.Storage() == schema.StorageText {
		return column(record, k.field) + ` COLLATE "C"`
	}
	return column(record, k.field)
}

func order(keys []sortKey) string {
	parts := make([]string, 0, len(keys))
	for _, key := range keys {
		part := key.sorted()
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
	equal := ""
	for i, key := range keys {
		if values[i] != nil {
			value := args.Add(*values[i]) + "::" + string(key.field.Storage())
			later := key.sorted() + key.later() + value
			if key.nullable {
				later = "(" + later + " OR " + column(record, key.field) + " IS NULL)"
			}
			ways = append(ways, "("+equal+later+")")
			equal += column(record, key.field) + " = " + value + " AND "
			continue
		}
		equal += column(record, key.field) + " IS NULL AND "
	}
	return "(" + strings.Join(ways, " OR ") + ")"
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
		columns[i], placeholders[i] = column(record, key.field), args.Add(*values[i])+"::"+string(key.field.Storage())
	}
	return "(" + strings.Join(columns, ", ") + ")" + keys[0].later() + "(" + strings.Join(placeholders, ", ") + ")", true
}

func (k sortKey) later() string {
	if k.descending {
		return " < "
	}
	return " > "
}

// cursorContext is what a cursor is bound to.
func (c *Compiler) cursorContext(o *schema.Object, r ListRequest, keys []sortKey) string {
	parts := []string{c.tenant, o.Identity, r.Filter, string(r.Deleted)}
	for _, key := range keys {
		parts = append(parts, key.field.Identity, string(key.field.Storage()), strconv.FormatBool(key.descending))
	}
	context, err := json.Marshal(parts)
	if err != nil { // texts have no form that JSON cannot say
		return ""
	}
	return string(context)
}

// openCursor reads the values of the last row of the page before.
func (c *Compiler) openCursor(cursor, context string, keys []sortKey) ([]*string, error) {
	foreign := malformed("after", "this is not a cursor of the same list; start at its first page")
	if len(cursor) > maxCursor {
		return nil, foreign
	}
	sealed, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil {
		return nil, foreign
	}
	plain, err := c.cursors.Open(sealed, context)
	if err != nil {
		return nil, foreign
	}
	var values []*string
	if err := json.Unmarshal(plain, &values); err != nil || len(values) != len(keys) || values[len(keys)-1] == nil {
		return nil, foreign
	}
	return values, nil
}
