package query

import (
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
	// Sort are names of fields, with a leading "-" for descending order;
	// "customer.name" is a field of the related record. Records without a value come
	// last in both directions; texts sort by code point. The id decides among equals,
	// in the direction of the last field.
	Sort []string
	// Fields are the names of the wanted fields, "customer.parent.name" for a field of
	// a related record, through at most four relations; empty is all fields of the
	// object itself. A related record that is deleted is none.
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
	// Statement gives one row more than Limit when it alone fills the page and more follow.
	Statement Statement
	// Rest gives the rows that follow those of Statement, in the same columns, when
	// these are not more than Limit; nil when none do.
	Rest *Statement
	// Count gives the number of all records in one row, which CountOf reads; nil when it was not asked for.
	Count *Statement
	// Limit is the length of the page.
	Limit int

	keys []sortKey
	seal func(plain []byte) string
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
	selected, err := c.selectFields(a, o, r.Fields)
	if err != nil {
		return nil, err
	}
	return c.page(a, o, r, limit, selected)
}

// Export is List for pages of any length, and for a table: its columns are the named
// fields in their order, and nothing else.
func (c *Compiler) Export(a Access, r ListRequest, length int) (*List, error) {
	o, err := c.Object(r.Object)
	if err != nil {
		return nil, err
	}
	if err := a.reading(o); err != nil {
		return nil, err
	}
	selected, err := c.selectTable(a, o, r.Fields)
	if err != nil {
		return nil, err
	}
	return c.page(a, o, r, length, selected)
}

// page compiles what a list and an export have in common.
func (c *Compiler) page(a Access, o *schema.Object, r ListRequest, limit int, selected *selection) (*List, error) {
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
	shown := len(selected.columns)
	keys, err := selected.sortKeys(r.Sort)
	if err != nil {
		return nil, err
	}
	list := &List{Limit: limit, keys: keys}
	context := c.cursorContext(o, r, keys)
	list.seal = func(plain []byte) string { return c.sealCursor(plain, context) }

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
	var last []*string
	if r.After != "" {
		if last, err = c.lastOf(r.After, context, keys); err != nil {
			return nil, err
		}
	}
	columns := selected.list(&args)
	for n, part := range split(keys, last) {
		args := args.Clone()
		statement := Statement{
			SQL: "SELECT " + columns + selected.from() + " WHERE " + where + part.where(&args) +
				" ORDER BY " + order(part.keys) + " LIMIT " + strconv.Itoa(limit+1),
			Columns: selected.columns[:shown:shown],
		}
		statement.Args = args.Values()
		if n > 0 {
			list.Rest = &statement
		} else {
			list.Statement = statement
		}
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

// placed is what is wrong with an expression that stands at the path.
func placed(path string, err error) error {
	f, ok := errors.AsType[*fault.Error](err)
	if !ok {
		return fmt.Errorf("compiling the %s: %w", path, err)
	}
	at := *f
	at.Violations = slices.Clone(f.Violations)
	for i := range at.Violations {
		at.Violations[i].Path = path
	}
	return &at
}

// filter compiles a filter; nil when there is none. What is wrong with it stands at the path "filter".
func (c *Compiler) filter(a Access, o *schema.Object, text string) (*expr.Expression, error) {
	if strings.TrimSpace(text) == "" {
		return nil, nil //nolint:nilnil // no filter is no error
	}
	filter, err := expr.CompileCondition(c.schema, o, text)
	if err != nil {
		return nil, placed("filter", err)
	}
	for _, use := range filter.Former() {
		a.former.Add(use.Name)
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
