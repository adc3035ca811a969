package query

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/shopspring/decimal"

	"github.com/kontor-crm/kontor/internal/expr"
	"github.com/kontor-crm/kontor/internal/fault"
	"github.com/kontor-crm/kontor/internal/schema"
)

// Get is one live record, with the fields of those names as in a ListRequest.
// An id that is none is fault.NotFound.
func (c *Compiler) Get(a Access, object *schema.Object, id string, fields []string) (Statement, error) {
	if err := a.reading(object); err != nil {
		return Statement{}, err
	}
	if err := checkID(object, id); err != nil {
		return Statement{}, err
	}
	if len(fields) == 0 && a.everything {
		a.Shows(object)
		return c.getWhole(a, object, id)
	}
	return c.get(a, object, id, fields)
}

func (c *Compiler) get(a Access, object *schema.Object, id string, fields []string) (Statement, error) {
	selected, err := c.selectFields(a, object, fields)
	if err != nil {
		return Statement{}, err
	}
	var args expr.Args
	return Statement{
		SQL:     "SELECT " + selected.list(&args) + selected.from() + " WHERE " + byID(&args, id) + " AND " + live(record),
		Args:    args.Values(),
		Columns: selected.columns,
	}, nil
}

// GetMany is Get for several records; those that are not live give no row. Behind the
// columns of the statement each row has the record's id.
func (c *Compiler) GetMany(a Access, object *schema.Object, ids, fields []string) (Statement, error) {
	if err := a.reading(object); err != nil {
		return Statement{}, err
	}
	selected, err := c.selectFields(a, object, fields)
	if err != nil {
		return Statement{}, err
	}
	var args expr.Args
	return Statement{
		SQL: "SELECT " + selected.list(&args) + ", " + idOf(record) + selected.from() + " WHERE " + idOf(record) + " = ANY(" + args.Add(ids) +
			"::text[]::uuid[]) AND " + live(record),
		Args:    args.Values(),
		Columns: selected.columns,
	}, nil
}

// whole is the statement of getWhole for an object. The last of its arguments is the id.
type whole struct {
	Statement
	// now, today and user are the arguments that are who asks and when.
	now, today, user []int
}

// getWhole is Get with all fields for who may see everything: what is asked for most
// is compiled once for each object. Who asks and when are other arguments each time.
func (c *Compiler) getWhole(a Access, object *schema.Object, id string) (Statement, error) {
	if a.user == "" || a.at.IsZero() { // then they are no arguments
		return c.get(a, object, id, nil)
	}
	kept, ok := c.wholes.Load(object)
	if !ok {
		fresh, err := c.compileWhole(a, object, id)
		if err != nil {
			return Statement{}, err
		}
		c.wholes.Store(object, fresh)
		kept = fresh
	}
	w, _ := kept.(*whole)
	if w == nil {
		return c.get(a, object, id, nil)
	}
	statement := w.Statement
	statement.Args = slices.Clone(w.Args)
	now, today, user := c.Context(a).Arguments()
	set := func(places []int, value any) {
		for _, i := range places {
			statement.Args[i] = value
		}
	}
	set(w.now, now)
	set(w.today, today)
	set(w.user, user)
	statement.Args[len(statement.Args)-1] = id
	return statement, nil
}

// compileWhole compiles the statement for two askers at two moments: what differs is
// who asks and when. It is nil when something else does.
func (c *Compiler) compileWhole(a Access, object *schema.Object, id string) (*whole, error) {
	b := a.Asking(uuid.NewString(), a.at.AddDate(1, 1, 1))
	first, err := c.get(a, object, id, nil)
	if err != nil {
		return nil, err
	}
	second, err := c.get(b, object, id, nil)
	if err != nil {
		return nil, err
	}
	if first.SQL != second.SQL || len(first.Args) != len(second.Args) {
		return nil, nil //nolint:nilnil // there is none
	}
	w := &whole{Statement: first}
	now, today, user := c.Context(a).Arguments()
	later, thatDay, other := c.Context(b).Arguments()
	for i := range first.Args {
		switch one, two := first.Args[i], second.Args[i]; {
		case reflect.DeepEqual(one, two):
		case one == now && two == later:
			w.now = append(w.now, i)
		case one == today && two == thatDay:
			w.today = append(w.today, i)
		case one == user && two == other:
			w.user = append(w.user, i)
		default:
			return nil, nil //nolint:nilnil // there is none
		}
	}
	return w, nil
}

// Lock is one live record with all its fields, locked against other writers
// until the transaction ends. An id that is none is fault.NotFound.
func (c *Compiler) Lock(a Access, object *schema.Object, id string) (Statement, error) {
	if err := checkID(object, id); err != nil {
		return Statement{}, err
	}
	return c.LockMany(a, object, []string{id})
}

// LockMany is Lock for several records, locked in the order of their ids. Ids
// that are none, or are not found, give no row.
func (c *Compiler) LockMany(a Access, object *schema.Object, ids []string) (Statement, error) {
	return c.lock(a, object, ids, live(record))
}

// LockDeleted is Lock for a record that is deleted.
func (c *Compiler) LockDeleted(a Access, object *schema.Object, id string) (Statement, error) {
	if err := checkID(object, id); err != nil {
		return Statement{}, err
	}
	return c.lock(a, object, []string{id}, gone(record))
}

// LockReferring is LockMany for at most so many live records whose relation points
// to one of the records with those ids. Who points elsewhere by the time that it is
// locked is not among them.
func (c *Compiler) LockReferring(a Access, object *schema.Object, relation *schema.Field, ids []string, most int) (Statement, error) {
	if err := a.writing(object); err != nil {
		return Statement{}, err
	}
	id, _ := object.Field(schema.FieldID)
	selected := c.selectWritten(a, object)
	var args expr.Args
	return Statement{
		SQL: "SELECT " + selected.list(&args) + selected.from() + " WHERE " + column(record, relation) + " = ANY(" + args.Add(ids) +
			"::text[]::uuid[]) AND " + live(record) + " ORDER BY " + column(record, id) + " LIMIT " + strconv.Itoa(most) + " FOR NO KEY UPDATE",
		Args:    args.Values(),
		Columns: selected.columns,
	}, nil
}

// LiveOf is the ids of those live records among the given ones. Where it matters
// what becomes of records that point to a deleted one, they cannot be deleted until
// the transaction ends. Where values of theirs are kept right by the writes of those
// records, they are locked as those writes will: in one order, and not first for less.
func (c *Compiler) LiveOf(a Access, object *schema.Object, ids []string) (Statement, error) {
	if err := a.reading(object); err != nil {
		return Statement{}, err
	}
	id, _ := object.Field(schema.FieldID)
	var args expr.Args
	sql := "SELECT " + column(record, id) + " FROM " + object.QualifiedTable() + " AS " + record + " WHERE " + column(record, id) + " = ANY(" + args.Add(ids) +
		"::text[]::uuid[]) AND " + live(record) + " ORDER BY " + column(record, id)
	switch {
	case c.keepsFromOthers(object):
		sql += " FOR NO KEY UPDATE"
	case len(c.schema.Dependents(object)) > 0:
		sql += " FOR SHARE"
	}
	return Statement{SQL: sql, Args: args.Values()}, nil
}

func (c *Compiler) lock(a Access, object *schema.Object, ids []string, state string) (Statement, error) {
	if err := a.writing(object); err != nil {
		return Statement{}, err
	}
	ids = slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return checkID(object, id) != nil })
	id, _ := object.Field(schema.FieldID)
	selected := c.selectWritten(a, object)
	var args expr.Args
	return Statement{
		// A record's key never changes, so records that point to it may be written meanwhile.
		SQL: "SELECT " + selected.list(&args) + selected.from() + " WHERE " + column(record, id) + " = ANY(" + args.Add(ids) +
			"::text[]::uuid[]) AND " + state + " ORDER BY " + column(record, id) + " FOR NO KEY UPDATE",
		Args:    args.Values(),
		Columns: selected.columns,
	}, nil
}

// Insert makes a record with version 1 and returns its row with all fields.
// Values hold the fields that are set, without read-only ones. by is the id of
// the user, or empty.
func (c *Compiler) Insert(a Access, object *schema.Object, id string, values Values, by string, at time.Time) (Statement, error) {
	if err := a.writing(object); err != nil {
		return Statement{}, err
	}
	var args expr.Args
	columns, places, err := assignments(object, values, &args)
	if err != nil {
		return Statement{}, err
	}
	for _, f := range object.Fields {
		if _, given := values[f]; !given && hasInitial(f) {
			columns, places = append(columns, schema.QuoteIdent(f.Column)), append(places, "NULL")
		}
	}
	columns, places = append(columns, schema.QuoteIdent(schema.FieldID)), append(places, args.Add(id)+"::uuid")
	columns, places = c.beginnings(columns, places, by, at, &args)
	return c.returning(a, object, "INSERT INTO "+object.QualifiedTable()+" AS "+record+" ("+strings.Join(columns, ", ")+") VALUES ("+
		strings.Join(places, ", ")+")", &args), nil
}

// hasInitial says whether the database gives a new record a value of its own where
// a statement names none. Whether a record gets its default is decided before.
func hasInitial(f *schema.Field) bool { return f.Default != nil && f.Type != schema.TypeAutoNumber }

// beginning is what the system sets of a new record, but for its id; an empty text is null.
func (c *Compiler) beginning(by string, at time.Time) []systemValue {
	return []systemValue{
		{schema.FieldCreatedAt, moment(at), schema.StorageTimestamp},
		{schema.FieldUpdatedAt, moment(at), schema.StorageTimestamp},
		{schema.FieldCreatedBy, by, schema.StorageUUID},
		{schema.FieldUpdatedBy, by, schema.StorageUUID},
		{schema.ColumnSchemaRevision, strconv.FormatInt(c.schema.Revision, 10), schema.StorageBigInt},
		{schema.FieldVersion, "1", schema.StorageInteger},
	}
}

// systemValue is a value in PostgreSQL's text form that the system sets.
type systemValue struct {
	column, text string
	storage      schema.Storage
}

// beginnings adds beginning to the columns and places of a statement.
func (c *Compiler) beginnings(columns, places []string, by string, at time.Time, args *expr.Args) (allColumns, allPlaces []string) {
	for _, set := range c.beginning(by, at) {
		columns = append(columns, schema.QuoteIdent(set.column))
		places = append(places, args.Add(orNull(set.text))+"::"+string(set.storage))
	}
	return columns, places
}

// NewRecord is one of the records that InsertMany makes.
type NewRecord struct {
	ID     string
	Values Values
}

// InsertMany is Insert for many records, in one statement and in their order: an
// array for each field, whatever their number. It returns a row for each record.
func (c *Compiler) InsertMany(a Access, object *schema.Object, records []NewRecord, by string, at time.Time) (Statement, error) {
	if err := a.writing(object); err != nil {
		return Statement{}, err
	}
	var args expr.Args
	ids := make([]string, 0, len(records))
	unread := 0
	for _, r := range records {
		ids = append(ids, r.ID)
		unread += len(r.Values)
	}
	columns, places := []string{schema.QuoteIdent(schema.FieldID)}, []string{"u.id::uuid"}
	names, arrays := []string{"id"}, []string{args.Add(ids) + "::text[]"}
	for _, f := range object.Leaves() {
		texts, found, err := textsOf(object, f, records)
		if err != nil {
			return Statement{}, err
		}
		if found == 0 && !hasInitial(f) {
			continue
		}
		unread -= found
		name := "c" + strconv.Itoa(len(names))
		columns, places = append(columns, schema.QuoteIdent(f.Column)), append(places, "u."+name+"::"+castOf(f))
		names, arrays = append(names, name), append(arrays, args.Add(texts)+"::text[]")
	}
	if unread != 0 {
		return Statement{}, fmt.Errorf("some of the values belong to no field of %s", object.Name)
	}
	columns, places = c.beginnings(columns, places, by, at, &args)
	return c.returning(a, object, "INSERT INTO "+object.QualifiedTable()+" AS "+record+" ("+strings.Join(columns, ", ")+") SELECT "+
		strings.Join(places, ", ")+" FROM unnest("+strings.Join(arrays, ", ")+") WITH ORDINALITY AS u ("+strings.Join(names, ", ")+
		", place) ORDER BY u.place", &args), nil
}

// textsOf are the values that new records have of a field, in PostgreSQL's text
// form; found is how many records name the field.
func textsOf(object *schema.Object, f *schema.Field, records []NewRecord) (texts []*string, found int, err error) {
	texts = make([]*string, len(records))
	for i, r := range records {
		value, ok := r.Values[f]
		if !ok {
			continue
		}
		found++
		if err := settable(object, f); err != nil {
			return nil, 0, err
		}
		written, err := argument(f, value)
		if err != nil {
			return nil, 0, err
		}
		switch v := written.(type) {
		case nil:
		case string:
			texts[i] = &v
		case []string:
			texts[i] = new(arrayText(v))
		default: // a whole number, true or false
			texts[i] = new(fmt.Sprint(v))
		}
	}
	return texts, found, nil
}

// arrayText is a list of texts as PostgreSQL writes it.
func arrayText(texts []string) string {
	quoted := make([]string, 0, len(texts))
	for _, text := range texts {
		quoted = append(quoted, `"`+strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(text)+`"`)
	}
	return "{" + strings.Join(quoted, ",") + "}"
}

// settable refuses what a write may not set.
func settable(object *schema.Object, f *schema.Field) error {
	if f.ReadOnly && f.Beside == nil || f.Type == schema.TypeAutoNumber || f.Computed() {
		return fmt.Errorf("field %q of %s is set by the system", f.Path(), object.Name)
	}
	return nil
}

// Update changes some fields of the live record that has this version and
// returns its row with all fields; no row says that there is no such record in
// that version.
func (c *Compiler) Update(a Access, object *schema.Object, id string, version int64, changed Values, by string, at time.Time) (Statement, error) {
	if err := a.writing(object); err != nil {
		return Statement{}, err
	}
	var args expr.Args
	columns, places, err := assignments(object, changed, &args)
	if err != nil {
		return Statement{}, err
	}
	sets := make([]string, 0, len(columns))
	for i := range columns {
		sets = append(sets, columns[i]+" = "+places[i])
	}
	return c.change(a, object, id, version, live(record), sets, by, at, &args)
}

// Delete marks the live record that has this version as deleted and returns its row; no row as for Update.
func (c *Compiler) Delete(a Access, object *schema.Object, id string, version int64, by string, at time.Time) (Statement, error) {
	if err := a.writing(object); err != nil {
		return Statement{}, err
	}
	var args expr.Args
	return c.change(a, object, id, version, live(record), []string{deletion(at, &args)}, by, at, &args)
}

// OldRecord is one of the records that DeleteMany marks: the one with that id, if it has that version.
type OldRecord struct {
	ID      string
	Version int64
}

// DeleteMany is Delete for many records, in one statement. It returns a row for each
// record that it marks, in no order.
func (c *Compiler) DeleteMany(a Access, object *schema.Object, records []OldRecord, by string, at time.Time) (Statement, error) {
	if err := a.writing(object); err != nil {
		return Statement{}, err
	}
	ids, versions := make([]string, 0, len(records)), make([]string, 0, len(records))
	for _, r := range records {
		if err := checkID(object, r.ID); err != nil {
			return Statement{}, err
		}
		ids, versions = append(ids, r.ID), append(versions, strconv.FormatInt(r.Version, 10))
	}
	var args expr.Args
	from := " FROM unnest(" + args.Add(ids) + "::text[], " + args.Add(versions) + "::text[]) AS u (id, version)"
	sets := append([]string{deletion(at, &args)}, c.nextVersion(by, at, &args)...)
	return c.returning(a, object, "UPDATE "+object.QualifiedTable()+" AS "+record+" SET "+strings.Join(sets, ", ")+from+" WHERE "+
		record+"."+schema.QuoteIdent(schema.FieldID)+" = u.id::uuid AND "+record+"."+schema.QuoteIdent(schema.FieldVersion)+
		" = u.version::bigint AND "+live(record), &args), nil
}

// deletion marks a record as deleted.
func deletion(at time.Time, args *expr.Args) string {
	return schema.QuoteIdent(schema.ColumnDeletedAt) + " = " + args.Add(moment(at)) + "::timestamptz"
}

// nextVersion is what each change of a record sets.
func (c *Compiler) nextVersion(by string, at time.Time, args *expr.Args) []string {
	current := schema.QuoteIdent(schema.FieldVersion)
	return []string{
		current + " = " + record + "." + current + " + 1",
		schema.QuoteIdent(schema.FieldUpdatedAt) + " = " + args.Add(moment(at)) + "::timestamptz",
		schema.QuoteIdent(schema.FieldUpdatedBy) + " = " + args.Add(orNull(by)) + "::uuid",
		schema.QuoteIdent(schema.ColumnSchemaRevision) + " = " + args.Add(c.schema.Revision) + "::bigint",
	}
}

// Restore brings the deleted record that has this version back and returns its
// row with all fields; no row as for Update.
func (c *Compiler) Restore(a Access, object *schema.Object, id string, version int64, by string, at time.Time) (Statement, error) {
	if err := a.writing(object); err != nil {
		return Statement{}, err
	}
	var args expr.Args
	return c.change(a, object, id, version, gone(record), []string{schema.QuoteIdent(schema.ColumnDeletedAt) + " = NULL"}, by, at, &args)
}

// change is an UPDATE of one version of a record to the next.
func (c *Compiler) change(
	a Access, object *schema.Object, id string, version int64, state string, sets []string, by string, at time.Time, args *expr.Args,
) (Statement, error) {
	if err := checkID(object, id); err != nil {
		return Statement{}, err
	}
	sets = append(sets, c.nextVersion(by, at, args)...)
	return c.returning(a, object, "UPDATE "+object.QualifiedTable()+" AS "+record+" SET "+strings.Join(sets, ", ")+" WHERE "+byID(args, id)+
		" AND "+record+"."+schema.QuoteIdent(schema.FieldVersion)+" = "+args.Add(version)+"::bigint AND "+state, args), nil
}

// FindBy is the id and the field's value of the live records whose field has
// one of the values, ordered by id; the case of letters does not count where the
// field ignores it. Values are as schema.FieldType documents;
// nil ones find nothing.
func (c *Compiler) FindBy(a Access, object *schema.Object, field *schema.Field, values []any) (Statement, error) {
	return c.findBy(a, object, field, values, false)
}

// FindTwo is FindBy for values that are to mean one record each: it gives at most two
// records of a value, which tells that there is not one alone.
func (c *Compiler) FindTwo(a Access, object *schema.Object, field *schema.Field, values []any) (Statement, error) {
	return c.findBy(a, object, field, values, true)
}

func (c *Compiler) findBy(a Access, object *schema.Object, field *schema.Field, values []any, two bool) (Statement, error) {
	if err := a.reading(object); err != nil {
		return Statement{}, err
	}
	if own, ok := object.FieldByIdentity(field.Identity); !ok || own != field || !a.maySee(object, field) || !isFindable(field) {
		return Statement{}, fmt.Errorf("records of %s cannot be found by %q", object.Name, field.Path())
	}
	texts := make([]string, 0, len(values))
	for _, value := range values {
		written, err := argument(field, value)
		if err != nil {
			return Statement{}, err
		}
		if written != nil {
			texts = append(texts, fmt.Sprint(written))
		}
	}
	id, _ := object.Field(schema.FieldID)
	selected := c.selectOwn(a, object, id, field)
	var args expr.Args
	compared := column(record, field)
	if field.IgnoresCase() {
		compared = "lower(" + compared + ")" // as the unique index has it
		for i := range texts {
			texts[i] = strings.ToLower(texts[i])
		}
	}
	list := args.Add(texts) + "::text[]"
	if cast := castOf(field); cast != string(schema.StorageText) {
		list += "::" + cast + "[]"
	}
	if two {
		return Statement{
			SQL: "SELECT two.* FROM (SELECT DISTINCT unnest(" + list + ") AS value) AS wanted CROSS JOIN LATERAL (SELECT " + selected.list(&args) + selected.from() +
				" WHERE " + compared + " = wanted.value AND " + live(record) + " ORDER BY " + column(record, id) + " LIMIT 2) AS two",
			Args:    args.Values(),
			Columns: selected.columns,
		}, nil
	}
	return Statement{
		SQL: "SELECT " + selected.list(&args) + selected.from() + " WHERE " + compared + " = ANY(" + list +
			") AND " + live(record) + " ORDER BY " + column(record, id),
		Args:    args.Values(),
		Columns: selected.columns,
	}, nil
}

// isFindable says whether records are found by the field's value: one that has parts, or is a list, is no key.
func isFindable(f *schema.Field) bool {
	switch f.Kind() {
	case schema.KindTexts, schema.KindParts, schema.KindJSON:
		return false
	default:
		return true
	}
}

// assignments are the columns of some fields with the places of their values, in the order of the object.
func assignments(object *schema.Object, values Values, args *expr.Args) (columns, places []string, err error) {
	for _, f := range object.Leaves() {
		value, ok := values[f]
		if !ok {
			continue
		}
		if err := settable(object, f); err != nil {
			return nil, nil, err
		}
		written, err := argument(f, value)
		if err != nil {
			return nil, nil, err
		}
		columns = append(columns, schema.QuoteIdent(f.Column))
		places = append(places, args.Add(written)+"::"+castOf(f))
	}
	if len(columns) != len(values) {
		return nil, nil, fmt.Errorf("some of the values belong to no field of %s", object.Name)
	}
	return columns, places, nil
}

// castOf is the type that an argument of the field is cast to. Numbers keep
// their digits: it is the column that rounds them.
func castOf(f *schema.Field) string {
	if storage := string(f.Storage()); !strings.HasPrefix(storage, "numeric") {
		return storage
	}
	return "numeric"
}

// argument is a value in a form that PostgreSQL reads for the field; nil is null.
func argument(f *schema.Field, value any) (any, error) {
	switch value := value.(type) {
	case nil:
		return nil, nil //nolint:nilnil // null is a value here
	case string, int64, bool, []string:
		return value, nil
	case decimal.Decimal:
		return value.String(), nil
	case time.Time:
		if f.Kind() == schema.KindDate {
			return value.Format(time.DateOnly), nil
		}
		return moment(value), nil
	}
	return nil, fmt.Errorf("field %q cannot hold a %T", f.Path(), value)
}

func moment(at time.Time) string { return at.UTC().Format(time.RFC3339Nano) }

// orNull is the text as an argument; an empty one is null.
func orNull(text string) any {
	if text == "" {
		return nil
	}
	return text
}

func byID(args *expr.Args, id string) string {
	return record + "." + schema.QuoteIdent(schema.FieldID) + " = " + args.Add(id) + "::uuid"
}

func checkID(object *schema.Object, id string) error {
	if _, err := uuid.Parse(id); err != nil || len(id) != 36 {
		return fault.New(fault.NotFound, "there is no %s with the id %s", object.Name, strconv.Quote(id[:min(len(id), 40)]))
	}
	return nil
}

// returning makes a write that gives the record as it is after it, but for what
// is computed from other records: the write does not see what it does to those.
func (c *Compiler) returning(a Access, object *schema.Object, sql string, args *expr.Args) Statement {
	selected := c.selectWritten(a, object)
	list := selected.list(args)
	return Statement{SQL: sql + " RETURNING " + list, Args: args.Values(), Columns: selected.columns}
}
