package query

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/kontor-crm/kontor/internal/expr"
	"github.com/kontor-crm/kontor/internal/fault"
	"github.com/kontor-crm/kontor/internal/schema"
)

// The bounds of a timeline.
const (
	DefaultTimelineLimit = 50
	MaxTimelineLimit     = 200
)

// KindChanges are the changes of the record itself, among the kinds of a timeline.
const KindChanges = "changes"

// told are the identities of the standard objects whose records stand on the timelines
// of those that they point to.
var told = []string{"activity", "call", "document", "email_message"}

// moments are the identities of the fields that say when something happened, where it
// is not when the record was made.
var moments = []string{"started_at", "sent_at"}

// TimelineRequest asks for what happened to a record, the newest first.
type TimelineRequest struct {
	// Object is the name of the record's object in the API, ID the record's id. It may be deleted.
	Object, ID string
	// Kinds are KindChanges and names of objects whose records tell of others; none are all.
	Kinds []string
	// Limit is the length of the page: 0 is DefaultTimelineLimit, MaxTimelineLimit the most.
	Limit int
	// After is the cursor of the page before; empty is the first page.
	After string
}

// Timeline is a compiled TimelineRequest.
type Timeline struct {
	// Exists gives a row when there is such a record.
	Exists Statement
	// Statement gives one row more than Limit when there are more; ReadMoment reads them.
	Statement Statement
	// Object is the record's.
	Object *schema.Object
	Limit  int

	access Access
	// told are the objects that tell of the record, by identity.
	told map[string]*schema.Object
	seal func(plain []byte) string
	// retired is what nobody is shown.
	retired schema.Retired
}

// Moment is one row of a timeline: a change of the record, or a record that tells of it.
type Moment struct {
	// At is when it happened, in JSON.
	At json.RawMessage
	// Object and ID are those of the record that tells of it; nil for a change.
	Object *schema.Object
	ID     string
	// Version is the one that the change made.
	Version   int64
	Operation Operation
	// Actor is the id of the user who did it, or empty.
	Actor   string
	Channel string
	Changes []FieldChange
}

// FieldChange is what became of one value. Old and New are in JSON, as they were
// written: of a field that had another type then they are of that type.
type FieldChange struct {
	// Field is nil when the schema has it no more; Name is its path then and now.
	Field    *schema.Field
	Name     string
	Old, New json.RawMessage
}

// stream is one source of a timeline. Streams go by a name, by which they stand among
// what happened in the same moment.
type stream struct {
	name string
	sql  func(args *expr.Args, last []*string) string
}

// Timeline compiles a request for what happened to a record. It fails with
// fault.NotFound for an unknown object or an id that is none, fault.Forbidden when the
// object may not be read, and fault.Malformed with the path kinds, limit or after.
func (c *Compiler) Timeline(a Access, r TimelineRequest) (*Timeline, error) {
	o, err := c.Object(r.Object)
	if err != nil {
		return nil, err
	}
	if err := a.reading(o); err != nil {
		return nil, err
	}
	if err := checkID(o, r.ID); err != nil {
		return nil, err
	}
	t := &Timeline{Object: o, Limit: cmp.Or(r.Limit, DefaultTimelineLimit), access: a, told: map[string]*schema.Object{}, retired: c.schema.Retired}
	if t.Limit < 0 || t.Limit > MaxTimelineLimit {
		return nil, malformed("limit", "must be from 1 to %d", MaxTimelineLimit)
	}
	streams, err := c.streams(t, r)
	if err != nil {
		return nil, err
	}
	names := make([]string, 0, len(streams))
	for _, s := range streams {
		names = append(names, s.name)
	}
	context, err := json.Marshal([]string{"timeline", c.tenant, o.Identity, strings.ToLower(r.ID), strings.Join(names, " ")})
	if err != nil {
		return nil, err
	}
	t.seal = func(plain []byte) string { return c.sealCursor(plain, string(context)) }
	var last []*string
	if r.After != "" {
		if last, err = c.openCursor(r.After, string(context)); err != nil {
			return nil, err
		}
		if len(last) != 3 || slices.Contains(last, nil) {
			return nil, malformed("after", "this is not a cursor of the same list; start at its first page")
		}
	}
	var args expr.Args
	parts := make([]string, 0, len(streams))
	for _, s := range streams {
		parts = append(parts, "("+s.sql(&args, last)+")")
	}
	t.Statement = Statement{
		SQL:  "SELECT * FROM (" + strings.Join(parts, " UNION ALL ") + ") AS t ORDER BY at DESC, stream DESC, version DESC, id DESC LIMIT " + strconv.Itoa(t.Limit+1),
		Args: args.Values(),
	}
	var exists expr.Args
	t.Exists = Statement{SQL: "SELECT 1 FROM " + o.QualifiedTable() + " AS " + record + " WHERE " + byID(&exists, r.ID), Args: exists.Values()}
	return t, nil
}

// streams are the sources of the kinds that are asked for.
func (c *Compiler) streams(t *Timeline, r TimelineRequest) ([]stream, error) {
	possible := map[string]*schema.Object{}
	for _, identity := range told {
		o, ok := c.schema.ObjectByIdentity(identity)
		if ok && !o.Custom && t.access.mayRead(o) && len(pointing(t.access, o, t.Object)) > 0 {
			possible[o.Name] = o
		}
	}
	kinds := slices.Compact(slices.Sorted(slices.Values(r.Kinds)))
	if len(kinds) == 0 {
		kinds = append(slices.Sorted(maps.Keys(possible)), KindChanges)
	}
	var streams []stream
	for _, kind := range kinds {
		o := possible[kind]
		switch {
		case kind == KindChanges:
			streams = append(streams, stream{sql: func(args *expr.Args, last []*string) string { return t.changes(r.ID, args, last) }})
			continue
		case o == nil:
			return nil, malformed("kinds", "%.60q is not one of %s", kind, strings.Join(append(slices.Sorted(maps.Keys(possible)), KindChanges), ", "))
		}
		t.told[o.Identity] = o
		streams = append(streams, stream{name: o.Identity, sql: func(args *expr.Args, last []*string) string { return t.records(o, r.ID, args, last) }})
	}
	return streams, nil
}

// pointing are the fields of an object that point to records of another one.
func pointing(a Access, from, to *schema.Object) []*schema.Field {
	var fields []*schema.Field
	for _, f := range from.AllFields() {
		if f.System || f.Type != schema.TypeRelation || !a.maySee(from, f) {
			continue
		}
		if f.Target == to.Identity || slices.Contains(f.Targets, to.Identity) {
			fields = append(fields, f)
		}
	}
	return fields
}

// changes are the rows of the history.
func (t *Timeline) changes(id string, args *expr.Args, last []*string) string {
	return "SELECT h.at, '' AS stream, h.version, NULL::uuid AS id, h.operation, h.actor, h.channel, h.changes::text FROM " +
		qualifiedJournal(historyTable) + " AS h WHERE h.record_id = " + args.Add(id) + "::uuid AND h.object = " + args.Add(t.Object.Identity) + "::text" +
		earlier("", "h.at", "h.version", "integer", args, last) + " ORDER BY h.at DESC, h.version DESC LIMIT " + strconv.Itoa(t.Limit+1)
}

// records are the live records of an object that point to the one with that id.
func (t *Timeline) records(o *schema.Object, id string, args *expr.Args, last []*string) string {
	var ways []string
	for _, f := range pointing(t.access, o, t.Object) {
		if len(f.Targets) == 0 {
			ways = append(ways, column(record, f)+" = "+args.Add(id)+"::uuid")
			continue
		}
		object, _ := f.Part(schema.PartObject)
		pointer, _ := f.Part(schema.PartID)
		ways = append(ways, "("+column(record, pointer)+" = "+args.Add(id)+"::uuid AND "+column(record, object)+" = "+args.Add(t.Object.Identity)+"::text)")
	}
	var happened []string
	for _, identity := range append(slices.Clone(moments), schema.FieldCreatedAt) {
		if f, ok := o.FieldByIdentity(identity); ok && f.Type == schema.TypeDateTime && t.access.maySee(o, f) {
			happened = append(happened, column(record, f))
		}
	}
	at := "coalesce(" + strings.Join(happened, ", ") + ")"
	return "SELECT " + at + " AS at, " + args.Add(o.Identity) + "::text AS stream, NULL::integer AS version, " + idOf(record) +
		" AS id, NULL::text, NULL::uuid, NULL::text, NULL::text FROM " + o.QualifiedTable() + " AS " + record + " WHERE " + live(record) +
		" AND (" + strings.Join(ways, " OR ") + ")" + earlier(o.Identity, at, idOf(record), "uuid", args, last) +
		" ORDER BY 1 DESC, 4 DESC LIMIT " + strconv.Itoa(t.Limit+1)
}

// earlier lets the rows of a stream through that come after the last ones of the page
// before. What happened in the same moment is in the falling order of the streams.
func earlier(stream, at, key, storage string, args *expr.Args, last []*string) string {
	if last == nil {
		return ""
	}
	moment := args.Add(*last[0]) + "::timestamptz"
	switch strings.Compare(stream, *last[1]) {
	case 0:
		return " AND (" + at + ", " + key + ") < (" + moment + ", " + args.Add(*last[2]) + "::" + storage + ")"
	case 1:
		return " AND " + at + " < " + moment
	}
	return " AND " + at + " <= " + moment
}

// Next is the cursor of the page that follows the row, which is the last one shown.
func (t *Timeline) Next(last [][]byte) string {
	key := string(last[2])
	if last[2] == nil {
		key = string(last[3])
	}
	plain, err := json.Marshal([]string{string(last[0]), string(last[1]), key})
	if err != nil { // texts have no form that JSON cannot say
		return ""
	}
	return t.seal(plain)
}

// ReadMoment reads a row of the timeline.
func (t *Timeline) ReadMoment(row [][]byte) (*Moment, error) {
	m := &Moment{At: (&schema.Field{Type: schema.TypeDateTime}).AppendJSON(nil, row[0])}
	if len(row[1]) > 0 {
		m.Object, m.ID = t.told[string(row[1])], string(row[3])
		return m, nil
	}
	var err error
	if m.Version, err = strconv.ParseInt(string(row[2]), 10, 64); err != nil {
		return nil, err
	}
	m.Operation, m.Actor, m.Channel = Operation(row[4]), string(row[5]), string(row[6])
	m.Changes, err = t.fieldChanges(row[7])
	return m, err
}

// fieldChanges reads what the history keeps of the values, in the order of the fields;
// what is not one of them any more comes last, and only who sees everything sees it,
// unless it is retired.
func (t *Timeline) fieldChanges(text []byte) ([]FieldChange, error) {
	if text == nil {
		return nil, nil
	}
	var kept map[string]struct {
		Old json.RawMessage `json:"old"`
		New json.RawMessage `json:"new"`
	}
	if err := json.Unmarshal(text, &kept); err != nil {
		return nil, fault.Wrap(fault.Internal, err, "reading the history")
	}
	var changes []FieldChange
	for _, f := range t.Object.Leaves() {
		change, ok := kept[f.Identity]
		delete(kept, f.Identity)
		if ok && t.access.maySee(t.Object, f) {
			changes = append(changes, FieldChange{Field: f, Name: f.Path(), Old: change.Old, New: change.New})
		}
	}
	for _, identity := range slices.Sorted(maps.Keys(kept)) {
		top, _, _ := strings.Cut(identity, ".")
		if _, retired := t.retired.Field(t.Object.Identity, top); t.access.everything && !retired {
			changes = append(changes, FieldChange{Name: identity, Old: kept[identity].Old, New: kept[identity].New})
		}
	}
	return changes, nil
}
