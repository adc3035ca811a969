package plan

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"github.com/kontor-crm/kontor/internal/expr"
	"github.com/kontor-crm/kontor/internal/schema"
)

// shape is what the database has to hold for one object: a table and its views.
type shape struct {
	object  *schema.Object
	columns []column
	// indexes are those over several fields.
	indexes []index
	views   []view
}

// index is a declared index of an object.
type index struct {
	part
	declared *schema.Index
}

// column is what the database has to hold for one field.
type column struct {
	field   *schema.Field
	name    string
	storage schema.Storage
	primary bool
	notNull bool
	// initial is the SQL of the default; empty when there is none or when numbered.
	initial string
	// sequence is the name of the sequence that numbers the column, or empty.
	sequence string
	// previous is set for a column that held the field's values before its type changed.
	previous *schema.Previous
	// around is the SQL that stands before the next number of the sequence where the
	// column holds a text around it, in the form in which PostgreSQL prints it back.
	around  string
	checks  []part
	foreign *part
	indexes []part
}

// view is a view in the schema bi.
type view struct {
	name, query, comment string
	// reads are the identities of the other objects that it reads.
	reads []string
}

// hiddenFields are the columns that the API does not show.
var hiddenFields = []*schema.Field{
	{Identity: schema.ColumnDeletedAt, Name: schema.ColumnDeletedAt, Column: schema.ColumnDeletedAt, Type: schema.TypeDateTime, System: true, Source: "system"},
	{Identity: schema.ColumnSchemaRevision, Name: schema.ColumnSchemaRevision, Column: schema.ColumnSchemaRevision, Type: schema.TypeAutoNumber, System: true, Source: "system"},
}

func shapeOf(s *schema.Schema, o *schema.Object) *shape {
	sh := &shape{object: o, views: viewsOf(s, o)}
	for _, f := range o.Leaves() {
		sh.columns = append(sh.columns, columnOf(s, o, f))
	}
	for _, f := range o.Fields {
		sh.columns = append(sh.columns, previousColumns(s, f)...)
	}
	for _, f := range hiddenFields {
		sh.columns = append(sh.columns, column{field: f, name: f.Column, storage: f.Storage()})
	}
	for _, declared := range s.IndexesOf(o) {
		sh.indexes = append(sh.indexes, indexOf(o, declared))
	}
	return sh
}

// indexOf is a declared index. One that is not unique ends with the id, as every
// sort does, so that a page is read from it as it stands.
func indexOf(o *schema.Object, declared *schema.Index) index {
	kind := kindIndex
	keys := make([]string, 0, len(declared.Fields)+1)
	descending := false
	for _, field := range declared.Fields {
		f, _ := o.FieldByIdentity(field.Field)
		descending = field.Descending
		keys = append(keys, indexKey(f, descending))
	}
	if declared.Unique {
		kind = kindUnique
	} else if id, ok := o.FieldByIdentity(schema.FieldID); ok {
		keys = append(keys, indexKey(id, descending))
	}
	definition := o.QualifiedTable() + " (" + strings.Join(keys, ", ") + ") WHERE " + schema.QuoteIdent(schema.ColumnDeletedAt) + " IS NULL"
	return index{part: newPart(o.Table+"_i_"+declared.Identity, kind, definition, "indexed"), declared: declared}
}

// indexKey is one column of an index. Records without a value stand where PostgreSQL
// puts them: a list asks for those apart, and reads the index in either direction.
func indexKey(f *schema.Field, descending bool) string {
	key := schema.QuoteIdent(f.Column)
	if descending {
		key += " DESC"
	}
	return key
}

func columnOf(s *schema.Schema, o *schema.Object, f *schema.Field) column {
	c := column{field: f, name: f.Column, storage: f.Storage(), checks: checksOf(f), indexes: indexesOf(s, o, f)}
	switch {
	case f.Type == schema.TypeID:
		c.primary = true
	case f.Type == schema.TypeAutoNumber:
		c.sequence = sequenceName(o.Table, f.Column)
		if f.Pattern != "" {
			c.around = fmt.Sprintf("kontor.numbered(%s::text, %s::text, ",
				quoted(f.Pattern), quoted(s.Organisation.TimeZone))
		}
		c.notNull = f.System
	case f.Type == schema.TypeRelation:
		// A system field points to user and department, which a schema of few modules may lack.
		if target := formOf(s, f.Target); target != nil {
			definition := "FOREIGN KEY (" + schema.QuoteIdent(f.Column) + ") REFERENCES " + target.QualifiedTable() + " (" + schema.QuoteIdent(schema.FieldID) + ")"
			foreign := newPart(f.Column, kindForeign, definition, fmt.Sprintf("points to %s", target.Name))
			c.foreign = &foreign
		}
	case f.Type.IsFile():
		definition := "FOREIGN KEY (" + schema.QuoteIdent(f.Column) + ") REFERENCES " + schema.QuoteIdent(schema.PlatformSchema) + "." +
			schema.QuoteIdent("file") + " (" + schema.QuoteIdent(schema.FieldID) + ")"
		foreign := newPart(f.Column, kindForeign, definition, "points to a file")
		c.foreign = &foreign
	case f.System && (f.Identity == schema.FieldCreatedAt || f.Identity == schema.FieldUpdatedAt):
		c.notNull, c.initial = true, "now()"
	case f.System && f.Identity == schema.FieldVersion:
		c.notNull, c.initial = true, "1"
	case f.Default != nil:
		c.initial = literal(f, *f.Default)
	}
	return c
}

func checksOf(f *schema.Field) []part {
	var checks []part
	if f.Required && !f.System {
		checks = append(checks, newPart(f.Column, kindRequired, schema.QuoteIdent(f.Column)+" IS NOT NULL", "required"))
	}
	if f.System && f.Type != schema.TypeCurrency {
		return checks // the service alone writes them, and each check costs time in every write
	}
	if f.Beside != nil {
		return checks // so are these
	}
	for _, rule := range f.Rules() {
		if !storageImplies(f.Storage(), rule) {
			checks = append(checks, newPart(f.Column, string(rule.Kind), condition(f, rule), describeRule(rule)))
		}
	}
	return append(checks, checksOfWhole(f)...)
}

// checksOfWhole are the rules of a value that has parts, at its last part: then
// the columns of all the others are there.
func checksOfWhole(f *schema.Field) []part {
	if !endsWhole(f) {
		return nil
	}
	var checks []part
	if f.Parent.Required {
		checks = append(checks, newPart(f.Column, kindRequired, "num_nonnulls("+columnList(f.Parent.Parts())+") > 0", "required"))
	}
	for _, set := range f.Parent.Together() {
		definition := fmt.Sprintf("num_nonnulls(%s) IN (0, %d)", columnList(set), len(set))
		checks = append(checks, newPart(f.Column, kindTogether, definition, "all or none of "+pathList(set)))
	}
	return checks
}

// endsWhole says whether the field is the last part of another.
func endsWhole(f *schema.Field) bool {
	if f.Parent == nil {
		return false
	}
	parts := f.Parent.Parts()
	return parts[len(parts)-1] == f
}

// isRequired says whether the column has a rule that its value, or that of the whole whose last part it is, is there.
func isRequired(f *schema.Field) bool {
	return f.Required || endsWhole(f) && f.Parent.Required
}

func columnList(fields []*schema.Field) string {
	names := make([]string, 0, len(fields))
	for _, f := range fields {
		names = append(names, schema.QuoteIdent(f.Column))
	}
	return strings.Join(names, ", ")
}

func pathList(fields []*schema.Field) string {
	paths := make([]string, 0, len(fields))
	for _, f := range fields {
		paths = append(paths, f.Path())
	}
	return strings.Join(paths, " and ")
}

// storageImplies says whether the column's type allows no value that breaks the
// rule: then a check would only cost time.
func storageImplies(storage schema.Storage, rule schema.Rule) bool {
	precision, scale, ok := storage.Digits()
	if !ok {
		return false
	}
	limit := decimal.New(1, int32(precision-scale)).Sub(decimal.New(1, int32(-scale))) //nolint:gosec // at most 40 digits
	switch rule.Kind {
	case schema.RuleScale:
		return rule.Length >= scale
	case schema.RuleMin:
		return rule.Number.LessThanOrEqual(limit.Neg())
	case schema.RuleMax:
		return rule.Number.GreaterThanOrEqual(limit)
	default:
		return false
	}
}

// condition is the rule in SQL. A null passes every CHECK.
func condition(f *schema.Field, rule schema.Rule) string {
	return conditionOf(schema.QuoteIdent(f.Column), f, rule)
}

// conditionOf is the rule over an expression that has the type of the field's column.
func conditionOf(expression string, f *schema.Field, rule schema.Rule) string {
	if f.Storage() == schema.StorageJSON && rule.Kind == schema.RuleMaxLength {
		expression += "::text"
	}
	return conditionOn(expression, rule)
}

// conditionOn is the rule of a value, in SQL.
func conditionOn(name string, rule schema.Rule) string {
	switch rule.Kind {
	case schema.RuleMaxLength:
		return fmt.Sprintf("char_length(%s) <= %d", name, rule.Length)
	case schema.RuleMin:
		return fmt.Sprintf("%s >= %s", name, rule.Number)
	case schema.RuleMax:
		return fmt.Sprintf("%s <= %s", name, rule.Number)
	case schema.RuleScale:
		return fmt.Sprintf("%s = trunc(%s, %d)", name, name, rule.Length)
	case schema.RuleOneOf:
		return fmt.Sprintf("%s = ANY (%s)", name, textArray(rule.Values))
	case schema.RuleEachOneOf:
		return fmt.Sprintf("%s <@ %s", name, textArray(rule.Values))
	case schema.RulePattern:
		return fmt.Sprintf("%s ~ %s", name, quoted(rule.Pattern))
	}
	return "true"
}

// textArray is a list of texts in one order, whatever order people give to the options.
func textArray(values []string) string {
	literals := make([]string, 0, len(values))
	for _, value := range values {
		literals = append(literals, quoted(value))
	}
	slices.Sort(literals)
	return "ARRAY[" + strings.Join(literals, ", ") + "]::text[]"
}

func indexesOf(s *schema.Schema, o *schema.Object, f *schema.Field) []part {
	_, staged := s.PipelineOf(o, f) // boards and lists ask for the records of a stage
	name, owner := schema.QuoteIdent(f.Column), o.Table+"_"+f.Column
	switch {
	case f.System && f.Identity == schema.FieldNumber:
		return []part{newPart(owner, kindUnique, o.QualifiedTable()+" ("+name+")", "unique")}
	case f.System && f.Identity != schema.FieldOwner:
		return nil // they are seldom asked for, and each index costs time in every write
	case f.Unique:
		key := uniqueKey(f)
		indexes := []part{newPart(owner, kindUnique, o.QualifiedTable()+" ("+key+") WHERE "+schema.QuoteIdent(schema.ColumnDeletedAt)+" IS NULL", "unique")}
		if f.Indexed && key != name { // filters and orders are by the value itself
			indexes = append(indexes, newPart(owner, kindIndex, o.QualifiedTable()+" ("+name+")", "indexed"))
		}
		return indexes
	case f.Storage() == schema.StorageTexts && f.Indexed:
		// With a pending list a search right after writes reads all of the list.
		return []part{newPart(owner, kindIndex, o.QualifiedTable()+" USING gin ("+name+") WITH (fastupdate=off)", "indexed")}
	case f.Indexed || staged || f.Type == schema.TypeRelation || f.Type == schema.TypeRecordID || f.Type.IsFile(): // the removal of what is pointed to looks for it
		return []part{newPart(owner, kindIndex, o.QualifiedTable()+" ("+name+")", "indexed")}
	}
	return nil
}

// uniqueKey is what no two records have the same of, in SQL.
func uniqueKey(f *schema.Field) string {
	if f.IgnoresCase() {
		return "lower(" + schema.QuoteIdent(f.Column) + ")"
	}
	return schema.QuoteIdent(f.Column)
}

// literal is the SQL of a default, in the form in which PostgreSQL prints it back.
func literal(f *schema.Field, text string) string {
	value, err := f.Parse(text)
	if err != nil || value == nil {
		return "" // the compiler has refused it
	}
	switch v := value.(type) {
	case string:
		return quoted(v) + "::" + string(f.Storage())
	case int64:
		return fmt.Sprintf("'%d'::bigint", v)
	case decimal.Decimal:
		return "'" + v.String() + "'::numeric"
	case bool:
		return fmt.Sprintf("%t", v)
	case []string:
		return quoted("{"+strings.Join(v, ",")+"}") + "::text[]"
	case time.Time:
		if f.Type == schema.TypeDate {
			return "'" + v.Format(time.DateOnly) + "'::date"
		}
		return "'" + v.Format("2006-01-02 15:04:05.999999") + "+00'::timestamp with time zone"
	}
	return ""
}

// sameDefault says whether PostgreSQL's print of a default is that literal. It
// leaves out quotes and casts where it can.
func sameDefault(live, wanted string) bool {
	if escaped, ok := strings.CutPrefix(wanted, "E"); ok {
		wanted = strings.ReplaceAll(escaped, `\\`, `\`) // PostgreSQL prints no escapes
	}
	return live == wanted || live != "" && wanted != "" && bare(live) == bare(wanted)
}

func bare(expression string) string {
	if at := strings.LastIndex(expression, "::"); at >= 0 && !strings.Contains(expression[at:], "'") {
		expression = expression[:at]
	}
	return strings.Trim(expression, "()'")
}

// viewsOf are the views of an object: one by the name that it has, and one by each
// that it had before and that is still answered.
func viewsOf(s *schema.Schema, o *schema.Object) []view {
	views := []view{viewOf(s, o)}
	for _, former := range o.Former {
		also := views[0]
		also.name = former.Name
		views = append(views, also)
	}
	return views
}

// viewOf is the view of an object: its columns by their API names, and what is
// computed from them; behind them those of former names. A computed field of which
// its expression cannot be read is left out; the compiler of the schema lets none
// through.
func viewOf(s *schema.Schema, o *schema.Object) view {
	names := newViewNames(o)
	var columns, formerly []string
	for _, f := range o.Leaves() {
		columns = append(columns, schema.QuoteIdent(f.Column)+" AS "+schema.QuoteIdent(names.of(f, topName(f))))
	}
	for _, f := range o.Leaves() {
		top := f
		if f.Parent != nil {
			top = f.Parent
		}
		for _, former := range o.FormerNames(top) {
			formerly = append(formerly, schema.QuoteIdent(f.Column)+" AS "+schema.QuoteIdent(names.of(f, former.Name)))
		}
	}
	from, reads := o.QualifiedTable(), map[string]bool{}
	for _, f := range o.Fields {
		if !f.Computed() || f.Kept() {
			continue
		}
		if e, err := expr.CompileComputed(s, o, f); err == nil {
			from = o.QualifiedTable() + " AS r"
			value := e.Definition(zoneOf(s), "r")
			columns = append(columns, value+" AS "+schema.QuoteIdent(f.Name))
			for _, former := range o.FormerNames(f) {
				formerly = append(formerly, value+" AS "+schema.QuoteIdent(former.Name))
			}
			for _, use := range e.Fields() {
				reads[use.Object.Identity] = true
			}
		}
	}
	columns = append(columns, formerly[:min(len(formerly), max(0, maxColumns-len(columns)))]...)
	query := "SELECT " + strings.Join(columns, ", ") + " FROM " + from + " WHERE " + schema.QuoteIdent(schema.ColumnDeletedAt) + " IS NULL"
	return view{name: o.Name, query: query, comment: viewMark + shortHash(query), reads: slices.Sorted(maps.Keys(reads))}
}

// topName is the name of a field in its record: of a part that of the whole.
func topName(f *schema.Field) string {
	if f.Parent != nil {
		return f.Parent.Name
	}
	return f.Name
}

// maxColumns is the greatest number of columns of a view.
const maxColumns = 1600

// viewNames are the names of a view's columns.
type viewNames struct{ taken map[string]bool }

func newViewNames(o *schema.Object) viewNames {
	names := viewNames{taken: map[string]bool{}}
	for _, f := range o.AllFields() {
		names.taken[f.Name] = true
		for _, former := range o.FormerNames(f) {
			names.taken[former.Name] = true
		}
	}
	return names
}

// of is the name of the column that holds a field which is called so in its record:
// address_city for a part, customer_id for a relation, and with one more _ where a
// field has that name.
func (v viewNames) of(f *schema.Field, called string) string {
	name := called
	if f.Parent != nil {
		name += "_" + f.Name
		for v.taken[name] {
			name += "_"
		}
		v.taken[name] = true
	}
	if f.Type == schema.TypeRelation && strings.HasSuffix(f.Column, "_id") && !v.taken[name+"_id"] {
		name += "_id"
		v.taken[name] = true
	}
	return name
}

// zoneOf is the organisation's time zone.
func zoneOf(s *schema.Schema) *time.Location {
	zone, err := time.LoadLocation(s.Organisation.TimeZone)
	if err != nil { // the compiler has refused it
		return time.UTC
	}
	return zone
}

// viewMark starts the comments of the views that plans made.
const viewMark = "kontor:"
