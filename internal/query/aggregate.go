package query

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/kontor-crm/kontor/internal/expr"
	"github.com/kontor-crm/kontor/internal/schema"
)

// AggregateRequest asks for figures of an object's records.
type AggregateRequest struct {
	// Object is its name in the API.
	Object string
	// Filter is a condition in CEL; empty counts all records in.
	Filter string
	// Groups tell the records apart; without any there is one row of figures.
	Groups []Group
	// Values are the figures; none are the number of records.
	Values []Value
	// Having is a condition in CEL over the names of groups and values.
	Having string
	// Sort are names of groups and values, with a leading "-" for descending order.
	// What has no value comes last, and the groups decide among equals; a relation is
	// in the order of its records' titles.
	Sort []string
	// Limit is the most rows: 0 is DefaultGroups, MaxGroups the most.
	Limit int
}

// Group is what the records of a row have in common.
type Group struct {
	// Field is the name of a field, "customer.industry" of a related record.
	Field string
	// By is year, quarter, month, week or day, of a date or a time; the group is then
	// the first day of it, in the time zone of the organisation. A week begins on Monday.
	By string
	// Name is that of the group in the answer; empty is made of field and by.
	Name string
}

// Value is a figure of the records of a row.
type Value struct {
	// Function is count, count_distinct, sum, avg, min or max.
	Function string
	// Field is the name of a field as in Group; a count without one counts records.
	Field string
	// Name is that of the figure in the answer; empty is made of function and field.
	Name string
}

// The bounds of an aggregate.
const (
	DefaultGroups   = 1000
	MaxGroups       = 10_000
	maxGroupFields  = 8
	maxValues       = 30
	averageScale    = 6
	maxNameInResult = 63
)

// Aggregate is a compiled AggregateRequest.
type Aggregate struct {
	// Statement gives one row more than Limit when there are more.
	Statement Statement
	Limit     int

	outputs []output
}

// output is a value of a row.
type output struct {
	field *schema.Field
	// path is where the request asks for it.
	path string
	// inner is the value in SQL, over the records.
	inner string
	// title says that the column behind holds the title of the related record.
	title  bool
	target *schema.Object
	// currency says that the two columns behind hold the least and the greatest
	// currency of the amounts.
	currency bool
}

// width is the number of columns of the output.
func (o output) width() int {
	switch {
	case o.title:
		return 2
	case o.currency:
		return 3
	}
	return 1
}

// Aggregate compiles a request for figures into one statement. Sums of amounts in
// different currencies are no figure: Encode refuses a row that has some, unless
// the currency is one of the groups.
func (c *Compiler) Aggregate(a Access, r AggregateRequest) (*Aggregate, error) {
	o, err := c.Object(r.Object)
	if err != nil {
		return nil, err
	}
	if err := a.reading(o); err != nil {
		return nil, err
	}
	limit := r.Limit
	if limit == 0 {
		limit = DefaultGroups
	}
	if limit < 0 || limit > MaxGroups {
		return nil, malformed("limit", "must be from 1 to %d", MaxGroups)
	}
	filter, err := c.filter(a, o, r.Filter)
	if err != nil {
		return nil, err
	}
	g := &grouping{compiler: c, access: a, selected: c.selectOwn(a, o)}
	if err := g.read(r); err != nil {
		return nil, err
	}
	sql, err := g.sql(filter, r, limit)
	if err != nil {
		return nil, err
	}
	return &Aggregate{Statement: Statement{SQL: sql, Args: g.args.Values()}, Limit: limit, outputs: g.outputs}, nil
}

// Encode appends a row as a JSON object. An amount has its currency beside it.
func (a *Aggregate) Encode(dst []byte, row [][]byte) ([]byte, error) {
	dst = append(dst, '{')
	for i, o := range a.outputs {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendKey(dst, o.field.Name)
		switch value := row[0]; {
		case o.title && value != nil:
			dst = appendKey(append(dst, '{'), "id")
			dst = o.field.AppendJSON(dst, value)
			dst = appendTitle(appendKey(append(dst, ','), "title"), row[1])
			dst = append(dst, '}')
		default:
			dst = o.field.AppendJSON(dst, value)
		}
		if o.currency {
			if string(row[1]) != string(row[2]) {
				return nil, malformed(o.path, "the amounts are in %s and in %s; add the currency to the groups, or filter by it", row[1], row[2])
			}
			dst = appendTitle(appendKey(append(dst, ','), o.field.Name+currencySuffix), row[1])
		}
		row = row[o.width():]
	}
	return append(dst, '}'), nil
}

const currencySuffix = "_currency"

func appendTitle(dst, text []byte) []byte {
	if text == nil {
		return append(dst, "null"...)
	}
	return schema.AppendString(dst, text)
}

// grouping is an Aggregate on its way.
type grouping struct {
	compiler *Compiler
	access   Access
	selected *selection
	args     expr.Args
	outputs  []output
	groups   int
	// currencies are the places whose currency is a group.
	currencies []*place
}

func (g *grouping) read(r AggregateRequest) error {
	if len(r.Groups) > maxGroupFields {
		return malformed("groups", "at most %d fields can be grouped by", maxGroupFields)
	}
	if len(r.Values) > maxValues {
		return malformed("values", "at most %d values can be asked for", maxValues)
	}
	for i, group := range r.Groups {
		if err := g.group(group, fmt.Sprintf("groups[%d]", i)); err != nil {
			return err
		}
	}
	g.groups = len(g.outputs)
	values := r.Values
	if len(values) == 0 {
		values = []Value{{Function: "count"}}
	}
	for i, value := range values {
		if err := g.value(value, fmt.Sprintf("values[%d]", i)); err != nil {
			return err
		}
	}
	return nil
}

var dateParts = []string{"year", "quarter", "month", "week", "day"}

func (g *grouping) group(group Group, path string) error {
	at, f, _, err := g.selected.resolve(group.Field, path+".field")
	if err != nil {
		return err
	}
	if !f.Sortable() {
		return malformed(path+".field", "%q is %s and cannot be grouped by", group.Field, f.Type)
	}
	inner, shown := g.selected.value(at, f, &g.args), f.Result()
	name := strings.ReplaceAll(group.Field, ".", "_")
	if group.By != "" {
		if !slices.Contains(dateParts, group.By) {
			return malformed(path+".by", "%.60q is not one of %s", group.By, strings.Join(dateParts, ", "))
		}
		switch f.Kind() {
		case schema.KindDate:
			inner += "::timestamp"
		case schema.KindTime:
			inner = "(" + inner + " AT TIME ZONE " + g.args.Add(g.compiler.zone.String()) + "::text)"
		default:
			return malformed(path+".by", "%q is %s and has no %s", group.Field, f.Type, group.By)
		}
		inner = "date_trunc('" + group.By + "', " + inner + ")::date"
		shown = &schema.Field{Type: schema.TypeDate}
		name += "_" + group.By
	}
	if f.Type == schema.TypeCurrency {
		g.currencies = append(g.currencies, at)
	}
	o := output{inner: inner, path: path + ".field"}
	if target, ok := g.compiler.schema.ObjectByIdentity(f.Target); ok && f.Kind() == schema.KindReference {
		o.title, o.target = g.access.mayRead(target), target
	}
	return g.add(o, shown, group.Name, name, path)
}

func (g *grouping) value(value Value, path string) error {
	if value.Field == "" {
		if value.Function != "count" {
			return g.unknown(value, path)
		}
		return g.add(output{inner: "count(*)", path: path}, &schema.Field{Type: schema.TypeInteger}, value.Name, "count", path)
	}
	at, f, _, err := g.selected.resolve(value.Field, path+".field")
	if err != nil {
		return err
	}
	refuse := func() error {
		return malformed(path+".field", "%q is %s and has no %s", value.Field, f.Type, value.Function)
	}
	if !f.Sortable() && value.Function != "count" || len(f.Parts()) > 0 {
		return refuse()
	}
	one := g.selected.value(at, f, &g.args)
	of := one
	shown := f.Result()
	switch value.Function {
	case "count":
		of, shown = "count("+of+")", &schema.Field{Type: schema.TypeInteger}
	case "count_distinct":
		of, shown = "count(DISTINCT "+of+")", &schema.Field{Type: schema.TypeInteger}
	case "min", "max":
		if k := f.Kind(); k == schema.KindBoolean || k == schema.KindReference {
			return refuse()
		}
		of = value.Function + "(" + of + ")"
	case "sum", "avg":
		if f.Kind() != schema.KindNumber {
			return refuse()
		}
		of, shown = sumOrAverage(value.Function, of, shown)
	default:
		return g.unknown(value, path)
	}
	o := output{inner: of, path: path + ".field"}
	// An amount means nothing without its currency.
	isAmount := f.Result().Type == schema.TypeMoney && f.Type != schema.TypeRollup
	if isAmount && !strings.HasPrefix(value.Function, "count") && !slices.Contains(g.currencies, at) {
		if f.Beside != nil { // it is in the organisation's currency whatever the record's is
			o.currency = true
			own := g.args.Add(g.compiler.schema.Organisation.Currency) + "::text"
			o.inner += ", " + own + ", " + own
		} else if currency, ok := at.object.Field(schema.FieldCurrency); ok {
			if _, err := g.access.field(at.object, currency.Name, path+".field"); err != nil {
				return err
			}
			o.currency = true
			o.inner += ", " + currencyOf("min", at, one, currency) + ", " + currencyOf("max", at, one, currency)
		}
	}
	return g.add(o, shown, value.Name, value.Function+"_"+strings.ReplaceAll(value.Field, ".", "_"), path)
}

func currencyOf(function string, at *place, amount string, currency *schema.Field) string {
	return function + "(" + column(at.alias, currency) + ") FILTER (WHERE " + amount + " IS NOT NULL)"
}

// sumOrAverage is the figure in SQL and the field that it is shown as: exact, a text in JSON.
func sumOrAverage(function, of string, f *schema.Field) (string, *schema.Field) {
	of = function + "(" + of + ")"
	switch {
	case f.Type == schema.TypeDuration:
		return "round(" + of + ")::bigint", f
	case function == "avg":
		return "round(" + of + ", " + strconv.Itoa(averageScale) + ")", &schema.Field{Type: schema.TypeDecimal}
	case f.FieldType().Form().Format == "decimal":
		return of, f
	}
	return of, &schema.Field{Type: schema.TypeDecimal}
}

func (g *grouping) unknown(value Value, path string) error {
	functions := []string{"count", "count_distinct", "sum", "avg", "min", "max"}
	if slices.Contains(functions, value.Function) {
		return malformed(path+".field", "is required: the field of which the %s is asked for", value.Function)
	}
	return malformed(path+".function", "%.60q is not one of %s", value.Function, strings.Join(functions, ", "))
}

var nameInResult = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

// add names an output and gives it its column.
func (g *grouping) add(o output, shown *schema.Field, name, byDefault, path string) error {
	if name == "" {
		name = byDefault[:min(len(byDefault), maxNameInResult)]
	}
	if !nameInResult.MatchString(name) || len(name) > maxNameInResult {
		return malformed(path+".name", "must be 1 to %d small letters, digits and _, and begin with a letter", maxNameInResult)
	}
	taken := func(other output) bool {
		return other.field.Name == name || other.currency && other.field.Name+currencySuffix == name || o.currency && name+currencySuffix == other.field.Name
	}
	if slices.ContainsFunc(g.outputs, taken) {
		return malformed(path+".name", "%q stands twice; give one of them another name", name)
	}
	o.field = shown.As(name, "c"+strconv.Itoa(len(g.outputs)))
	g.outputs = append(g.outputs, o)
	return nil
}

// sql puts the statement together:
//
//	SELECT the values, the titles of related records
//	FROM (SELECT the groups and figures FROM the records GROUP BY the groups) AS g
//	LEFT JOIN the related records WHERE having ORDER BY … LIMIT …
func (g *grouping) sql(filter *expr.Expression, r AggregateRequest, limit int) (string, error) {
	var inner, names, outer []string
	var joins strings.Builder
	for i, o := range g.outputs {
		column := "g." + schema.QuoteIdent(o.field.Column)
		inner, names, outer = append(inner, o.inner), append(names, o.field.Column), append(outer, column)
		switch {
		case o.title:
			alias := "t" + strconv.Itoa(i)
			outer = append(outer, titleOf(g.access, alias, o.target))
			joins.WriteString(" LEFT JOIN " + o.target.QualifiedTable() + " AS " + alias + " ON " + idOf(alias) + " = " + column + " AND " + live(alias))
		case o.currency:
			names = append(names, o.field.Column+"_least", o.field.Column+"_most")
			outer = append(outer, column[:len(column)-1]+`_least"`, column[:len(column)-1]+`_most"`)
		}
	}
	for i := range names {
		names[i] = schema.QuoteIdent(names[i])
	}
	where := live(record)
	if filter != nil {
		where += " AND " + filter.SQL(&g.args, g.compiler.Context(g.access), record)
	}
	groups := make([]string, g.groups)
	for i := range groups {
		groups[i] = strconv.Itoa(i + 1)
	}
	groupBy := ""
	if g.groups > 0 {
		groupBy = " GROUP BY " + strings.Join(groups, ", ")
	}
	having, err := g.having(r.Having)
	if err != nil {
		return "", err
	}
	order, err := g.order(r.Sort)
	if err != nil {
		return "", err
	}
	return "SELECT " + strings.Join(outer, ", ") + " FROM (SELECT " + strings.Join(inner, ", ") + g.selected.from() + " WHERE " + where + groupBy +
		") AS g (" + strings.Join(names, ", ") + ")" + joins.String() + having + order + " LIMIT " + strconv.Itoa(limit+1), nil
}

// having is the condition on rows.
func (g *grouping) having(text string) (string, error) {
	if strings.TrimSpace(text) == "" {
		return "", nil
	}
	fields := make([]*schema.Field, 0, len(g.outputs))
	for _, o := range g.outputs {
		fields = append(fields, o.field)
	}
	condition, err := expr.CompileCondition(g.compiler.schema, schema.View("the result", fields), text)
	if err != nil {
		return "", placed("having", err)
	}
	for _, use := range condition.Fields() {
		if !slices.Contains(fields, use.Field) {
			return "", malformed("having", "%q is of another record; only groups and values can be named", use.Field.Path())
		}
	}
	return " WHERE " + condition.SQL(&g.args, g.compiler.Context(g.access), "g"), nil
}

func (g *grouping) order(sort []string) (string, error) {
	if len(sort) > maxSort {
		return "", malformed("sort", "at most %d names can be sorted by", maxSort)
	}
	var keys []string
	add := func(i int, direction string) {
		column := "g." + schema.QuoteIdent(g.outputs[i].field.Column)
		if g.outputs[i].title {
			keys = append(keys, titleOf(g.access, "t"+strconv.Itoa(i), g.outputs[i].target)+direction)
		}
		keys = append(keys, column+direction)
	}
	done := map[int]bool{}
	for _, name := range sort {
		bare, descending := strings.CutPrefix(name, "-")
		i := slices.IndexFunc(g.outputs, func(o output) bool { return o.field.Name == bare })
		switch {
		case i < 0:
			return "", malformed("sort", "%.60q is neither a group nor a value", bare)
		case done[i]:
			return "", malformed("sort", "%q stands twice", bare)
		}
		done[i] = true
		direction := ""
		if descending {
			direction = " DESC NULLS LAST"
		}
		add(i, direction)
	}
	for i := range g.groups {
		if !done[i] {
			add(i, "")
		}
	}
	if len(keys) == 0 {
		return "", nil
	}
	return " ORDER BY " + strings.Join(keys, ", "), nil
}
