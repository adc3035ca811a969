package crm

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/kontor-crm/kontor/internal/fault"
	"github.com/kontor-crm/kontor/internal/query"
	"github.com/kontor-crm/kontor/internal/schema"
)

// write is one decided write and, when it is done, its result.
type write struct {
	object    *schema.Object
	id        string
	operation query.Operation
	// version is the one that the write changes; 0 for a new record.
	version int64
	before  query.Values
	changed query.Values
	// fromFile says that it is one of the many of a file, see copyIn.
	fromFile bool
	// readBack asks for the whole record afterwards, with what is computed from others.
	readBack bool
	// row is the record afterwards, by columns.
	row     [][]byte
	columns []query.Column
	// whole is the record that was read back, as JSON.
	whole []byte
}

// result is the record as the write left it.
func (w *write) result() *Record {
	record := &Record{ID: w.id, Version: w.version + 1, JSON: w.whole}
	if record.JSON == nil {
		record.JSON = query.EncodeRow(nil, w.columns, w.row)
	}
	return record
}

// carryOut does the writes, with their history, their outbox and what search finds
// them by, in one round trip. Every write of records goes through here.
func (r *Records) carryOut(ctx context.Context, tx Tx, at time.Time, writes ...*write) error {
	if len(writes) == 0 {
		return nil
	}
	more, err := r.consequences(ctx, tx, writes)
	if err != nil {
		return err
	}
	writes = append(slices.Clip(writes), more...)
	copied, others := toCopy(writes)
	if err := r.copyIn(ctx, tx, at, copied); err != nil {
		return r.explain(err, copied)
	}
	statements := make([]query.Statement, 0, len(others)+2)
	changes := make([]query.Change, 0, len(others))
	checks := map[int][]query.Rule{} // by statement
	var done []map[string]*write     // by statement, by the record's id
	for rest := others; len(rest) > 0; {
		together := rest[:alike(rest)]
		rest = rest[len(together):]
		statement, err := r.statement(together, at)
		if err != nil {
			return err
		}
		statements = append(statements, statement)
		byID := make(map[string]*write, len(together))
		for _, w := range together {
			w.columns = statement.Columns
			byID[strings.ToLower(w.id)] = w
			changes = append(changes, r.change(w, at))
		}
		done = append(done, byID)
	}
	if len(changes) > 0 {
		statements = append(statements, r.Compiler.History(changes...), r.Compiler.Outbox(changes...))
	}
	statements = append(statements, r.findable(others)...)
	for _, w := range writes {
		rules, err := r.later(w)
		if err != nil {
			return err
		}
		if len(rules) > 0 {
			checks[len(statements)] = rules
			statements = append(statements, r.Compiler.Check(w.object, w.id, rules, r.context(at)))
		}
	}
	wholes := map[int]*write{} // by statement
	for _, w := range writes {
		if w.readBack {
			r.access().Shows(w.object)
		}
		if !w.readBack || !r.Compiler.ComputesFromOthers(w.object) {
			continue
		}
		statement, err := r.Compiler.Get(r.access(), w.object, w.id, nil)
		if err != nil {
			return err
		}
		wholes[len(statements)] = w
		statements = append(statements, statement)
	}
	var broken []fault.Violation
	err = tx.Batch(ctx, statements, func(i int, row [][]byte) error {
		if w := wholes[i]; w != nil {
			w.whole = query.EncodeRow(nil, statements[i].Columns, row)
			return nil
		}
		if i < len(done) {
			done[i][string(row[0])].row = cloneRow(row) // the id is the first of all fields
		}
		broken = append(broken, judge(checks[i], row, r.languages())...)
		return nil
	})
	if err != nil {
		return r.explain(err, writes)
	}
	for _, w := range others {
		if w.row == nil {
			return fault.New(fault.Conflict, "the %s %q was changed by somebody else at the same time; try again", w.object.Name, w.id)
		}
	}
	return fault.Refuse(broken...)
}

// alike is the number of writes, from the first on, that one statement does.
func alike(writes []*write) int {
	first, n := writes[0], 1
	if first.operation != query.OperationCreate && first.operation != query.OperationDelete {
		return n
	}
	for n < len(writes) && writes[n].operation == first.operation && writes[n].object == first.object {
		n++
	}
	return n
}

// statement does writes that are alike.
func (r *Records) statement(writes []*write, at time.Time) (query.Statement, error) {
	access, by := r.access(), r.Actor.Principal.UserID
	if len(writes) > 1 && writes[0].operation == query.OperationDelete {
		records := make([]query.OldRecord, 0, len(writes))
		for _, w := range writes {
			records = append(records, query.OldRecord{ID: w.id, Version: w.version})
		}
		return r.Compiler.DeleteMany(access, writes[0].object, records, by, at)
	}
	if len(writes) > 1 {
		records := make([]query.NewRecord, 0, len(writes))
		for _, w := range writes {
			records = append(records, query.NewRecord{ID: w.id, Values: w.changed})
		}
		return r.Compiler.InsertMany(access, writes[0].object, records, by, at)
	}
	w := writes[0]
	switch w.operation {
	case query.OperationCreate:
		return r.Compiler.Insert(access, w.object, w.id, w.changed, by, at)
	case query.OperationUpdate, query.OperationMove:
		return r.Compiler.Update(access, w.object, w.id, w.version, w.changed, by, at)
	case query.OperationDelete:
		return r.Compiler.Delete(access, w.object, w.id, w.version, by, at)
	case query.OperationRestore:
		return r.Compiler.Restore(access, w.object, w.id, w.version, by, at)
	}
	return query.Statement{}, fmt.Errorf("there is no write %q", w.operation)
}

func (r *Records) change(w *write, at time.Time) query.Change {
	change := r.event(w, at)
	if w.changed != nil { // deleting and restoring change no field
		change.Changes = appendChanges(nil, w.object, w.before, w.changed)
	}
	return change
}

// event is the change without the values.
func (r *Records) event(w *write, at time.Time) query.Change {
	return query.Change{
		At: at, Object: w.object, ID: w.id, Version: w.version + 1, Operation: w.operation,
		Actor: r.Actor.Principal.UserID, Channel: r.Actor.Channel, RequestID: r.Actor.RequestID,
	}
}

// locked is a record that nobody else can change until the transaction ends.
type locked struct {
	values  query.Values
	version int64
	row     [][]byte
	columns []query.Column
}

func (l *locked) record(id string) *Record {
	return &Record{ID: id, Version: l.version, JSON: query.EncodeRow(nil, l.columns, l.row)}
}

// lock reads the record and keeps it from changing; without it the fault is NotFound.
func (r *Records) lock(ctx context.Context, tx Tx, object *schema.Object, id string) (*locked, error) {
	statement, err := r.Compiler.Lock(r.access(), object, id)
	if err != nil {
		return nil, err
	}
	found, err := r.readLocked(ctx, tx, object, statement)
	if err == nil && found == nil {
		return nil, notFound(object, id)
	}
	return found, err
}

// lockDeleted is lock for a record that is deleted; one that is not is a Conflict.
func (r *Records) lockDeleted(ctx context.Context, tx Tx, object *schema.Object, id string) (*locked, error) {
	statement, err := r.Compiler.LockDeleted(r.access(), object, id)
	if err != nil {
		return nil, err
	}
	found, err := r.readLocked(ctx, tx, object, statement)
	if err != nil || found != nil {
		return found, err
	}
	if _, err := r.lock(ctx, tx, object, id); err != nil {
		return nil, err
	}
	return nil, fault.New(fault.Conflict, "the %s is not deleted", object.Name)
}

// readLocked is the record that the statement locks, or nil.
func (r *Records) readLocked(ctx context.Context, tx Tx, object *schema.Object, statement query.Statement) (found *locked, err error) {
	err = tx.Query(ctx, statement, func(row [][]byte) error {
		found, err = readLocked(object, statement.Columns, row)
		return err
	})
	return found, err
}

func readLocked(object *schema.Object, columns []query.Column, row [][]byte) (*locked, error) {
	values, err := query.DecodeRow(columns, row)
	if err != nil {
		return nil, fmt.Errorf("reading a %s: %w", object.Name, err)
	}
	return &locked{values: values, version: versionIn(object, columns, row), row: cloneRow(row), columns: columns}, nil
}

// liveTargets looks up the records that the wishes' relations point to, a query
// for each object, and adds them to those that are known to be there.
func (r *Records) liveTargets(ctx context.Context, tx Tx, known targets, wishes ...*wish) (targets, error) {
	live := maps.Clone(known)
	found := relationsOf(known, wishes...)
	for _, identity := range slices.Sorted(maps.Keys(found)) { // what it locks, all lock in one order
		ids := found[identity]
		if strings.HasSuffix(identity, fileTarget) {
			if err := r.liveFiles(ctx, tx, live, identity, ids); err != nil {
				return nil, err
			}
			continue
		}
		target, ok := r.Compiler.Schema().ObjectByIdentity(identity)
		if !ok {
			continue
		}
		statement, err := r.Compiler.LiveOf(r.access(), target, textsOf(ids))
		if err != nil {
			return nil, err
		}
		err = tx.Query(ctx, statement, func(row [][]byte) error {
			live[targetKey(identity, string(row[0]))] = true
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("looking up %s: %w", target.Name, err)
		}
	}
	return live, nil
}

// liveFiles adds the files that are there, may be used by the actor, and are of the wanted type.
func (r *Records) liveFiles(ctx context.Context, tx Tx, live targets, identity string, ids []any) error {
	owner := r.Actor.Principal.UserID
	if r.Actor.Principal.Administrator {
		owner = ""
	}
	texts := make([]string, 0, len(ids))
	for _, id := range ids {
		if text, ok := id.(string); ok {
			texts = append(texts, text)
		}
	}
	err := tx.Query(ctx, query.UsableFiles(texts, owner), func(row [][]byte) error {
		var file File
		if err := json.Unmarshal(row[0], &file); err != nil {
			return err
		}
		if identity != string(schema.TypeImage)+fileTarget || schema.IsImage(file.MediaType, file.Size) {
			live[targetKey(identity, file.ID)] = true
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("looking up files: %w", err)
	}
	return nil
}

// textsOf are values that are texts.
func textsOf(values []any) []string {
	texts := make([]string, 0, len(values))
	for _, value := range values {
		if text, ok := value.(string); ok {
			texts = append(texts, text)
		}
	}
	return texts
}

// findBy gives the ids of the records whose field has one of the values.
func (r *Records) findBy(
	ctx context.Context, tx Tx, object *schema.Object, field *schema.Field, values []any, found func(id string, value any),
) error {
	statement, err := r.Compiler.FindBy(r.access(), object, field, values)
	if err != nil {
		return err
	}
	return tx.Query(ctx, statement, func(row [][]byte) error {
		decoded, err := query.DecodeRow(statement.Columns, row)
		if err != nil {
			return err
		}
		found(string(row[0]), decoded[field])
		return nil
	})
}
