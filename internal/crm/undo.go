package crm

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/kontor-crm/kontor/internal/query"
	"github.com/kontor-crm/kontor/internal/schema"
)

// UndoReport counts what became of the records that a job made or changed.
type UndoReport struct {
	// Deleted were made by the job, Restored have their old values again.
	Deleted  int `json:"deleted"`
	Restored int `json:"restored"`
	// Unchanged are as they were already.
	Unchanged int `json:"unchanged"`
	// Failed were changed since, or cannot be as they were.
	Failed int `json:"failed"`
}

// Records is how many records that are.
func (r UndoReport) Records() int64 { return int64(r.Deleted + r.Restored + r.Unchanged + r.Failed) }

// UndoPlace is how far the undoing of a job came.
type UndoPlace struct {
	// Deleting says that the records that the job changed are done, and those that it made
	// are being deleted: then nothing that was there before points to them any more.
	Deleting bool `json:"deleting,omitempty"`
	// Before is the id of the last record that was looked at. Records are looked at from
	// the newest on, so that those that point to others go before them.
	Before string     `json:"before,omitempty"`
	Report UndoReport `json:"report"`
}

// FailedUndo is a record that could not be taken back.
type FailedUndo struct{ Object, ID, Reason string }

// UndoRequest is a job to undo.
type UndoRequest struct {
	// Job is its id.
	Job string
	// From is where to go on; its zero value is the beginning.
	From UndoPlace
	// With, Commit and Stopping are those of an ImportRequest.
	With     func(ctx context.Context, f func(context.Context, *Records) error) error
	Commit   func(ctx context.Context, tx Tx, place UndoPlace, failed []FailedUndo) error
	Stopping func() bool
}

// Undo deletes the records that a job made, and gives those that it changed their
// old values back. A record that somebody has changed since is left alone.
func Undo(ctx context.Context, request UndoRequest) error {
	place := request.From
	for more := true; more && !request.Stopping(); {
		var next UndoPlace
		err := request.With(ctx, func(ctx context.Context, records *Records) error {
			return records.Runner.InTransaction(ctx, func(ctx context.Context, tx Tx) error {
				u := &undoing{Records: records, at: records.now(), place: place, known: map[*schema.Object]facts{}}
				var err error
				if more, err = u.run(ctx, tx, request.Job); err != nil || !more {
					return err
				}
				next = u.place
				return request.Commit(ctx, tx, u.place, u.failed)
			})
		})
		if err != nil {
			return fmt.Errorf("undoing the records behind %q: %w", place.Before, err)
		}
		if more {
			place = next
		}
	}
	return nil
}

// undoing is one step of undoing.
type undoing struct {
	*Records
	at     time.Time
	place  UndoPlace
	failed []FailedUndo
	// known is what decisions about the records of each object need.
	known map[*schema.Object]facts
}

// undoAtOnce is how many records share a transaction.
const undoAtOnce = 500

// deed is what the job did to one record.
type deed struct {
	id, object string
	// first and last are the versions that it made, writes is how many.
	first, last, writes int64
	created             bool
	// undone is how many versions the undoing has made since, by this job or by one
	// before it that broke off; byUs says that it was this one.
	undone int64
	byUs   bool
	// old are the values before it, by identity of the field.
	old map[string]json.RawMessage
	// before is the record as it is now, write what takes the deed back.
	before *locked
	write  *write
}

// run undoes the next records; more is false when there are none.
func (u *undoing) run(ctx context.Context, tx Tx, job string) (more bool, err error) {
	deeds, err := u.deeds(ctx, tx, job)
	if err == nil && len(deeds) == 0 && !u.place.Deleting {
		u.place.Deleting, u.place.Before = true, ""
		deeds, err = u.deeds(ctx, tx, job)
	}
	if err == nil && len(deeds) == 0 {
		err = u.unbind(ctx, tx, query.UnbindUnchanged(job, JobImport))
	}
	if err != nil || len(deeds) == 0 {
		return false, err
	}
	if err := u.lockAll(ctx, tx, deeds); err != nil {
		return false, err
	}
	wishes, err := u.wishes(deeds)
	if err != nil {
		return false, err
	}
	live, err := u.liveTargets(ctx, tx, targets{}, slices.Collect(maps.Values(wishes))...)
	if err != nil {
		return false, err
	}
	var writes []*write
	for _, d := range deeds {
		if w, ok := wishes[d]; ok {
			if err := u.decide(ctx, tx, d, w, live); err != nil {
				return false, err
			}
		}
		if d.write != nil {
			writes = append(writes, d.write)
		}
	}
	err = tx.Savepoint(ctx, func(ctx context.Context) error { return u.carryOut(ctx, tx, u.at, writes...) })
	if err == nil {
		for _, d := range deeds {
			u.count(d)
		}
	} else if isRefusal(err) {
		err = u.oneByOne(ctx, tx, deeds)
	}
	if err == nil {
		err = u.unbind(ctx, tx, query.Unbind(job, u.undone(deeds)))
	}
	u.place.Before = deeds[len(deeds)-1].id
	return true, err
}

// undone are the records that are as they were before the job, or gone.
func (u *undoing) undone(deeds []*deed) []string {
	failed := map[string]bool{}
	for _, f := range u.failed {
		failed[f.ID] = true
	}
	var ids []string
	for _, d := range deeds {
		if !failed[d.id] {
			ids = append(ids, d.id)
		}
	}
	return ids
}

// unbind takes external ids back; those that were there before the job stay.
func (u *undoing) unbind(ctx context.Context, tx Tx, statement query.Statement) error {
	if err := tx.Query(ctx, statement, func([][]byte) error { return nil }); err != nil {
		return fmt.Errorf("taking back external ids: %w", err)
	}
	return nil
}

// oneByOne writes each record for itself, so that only those fail that the database refuses.
func (u *undoing) oneByOne(ctx context.Context, tx Tx, deeds []*deed) error {
	for _, d := range deeds {
		if d.write == nil {
			continue
		}
		if d.created { // the deletion of one before may have changed it, or taken it along
			d.before = nil
			if err := u.lockAll(ctx, tx, []*deed{d}); err != nil {
				return err
			}
			if d.before == nil {
				u.count(d)
				continue
			}
			d.write.version, d.write.before = d.before.version, d.before.values
		}
		err := tx.Savepoint(ctx, func(ctx context.Context) error { return u.carryOut(ctx, tx, u.at, d.write) })
		switch {
		case isRefusal(err):
			u.failf(d, "%s", err)
		case err != nil:
			return err
		default:
			u.count(d)
		}
	}
	return nil
}

func (u *undoing) count(d *deed) {
	switch {
	case d.write == nil:
	case d.created:
		u.place.Report.Deleted++
	default:
		u.place.Report.Restored++
	}
}

func (u *undoing) failf(d *deed, format string, args ...any) {
	d.write = nil
	u.place.Report.Failed++
	u.failed = append(u.failed, FailedUndo{Object: d.object, ID: d.id, Reason: fmt.Sprintf(format, args...)})
}

// deeds are what the job did to the next records, the newest first.
func (u *undoing) deeds(ctx context.Context, tx Tx, job string) ([]*deed, error) {
	var deeds []*deed
	err := tx.Query(ctx, query.JobDeeds(query.JobDeedsRequest{
		Job: job, Channel: JobImport, Undo: u.Actor.RequestID, UndoChannel: JobUndo,
		Created: u.place.Deleting, Before: u.place.Before, Records: undoAtOnce,
	}), func(row [][]byte) error {
		if len(deeds) == 0 || deeds[len(deeds)-1].id != string(row[0]) {
			deeds = append(deeds, &deed{id: string(row[0]), object: string(row[1]), old: map[string]json.RawMessage{}})
		}
		return deeds[len(deeds)-1].add(row)
	})
	if err != nil {
		return nil, fmt.Errorf("reading what the job did: %w", err)
	}
	return deeds, nil
}

// add takes in one change of the record, in the order of the versions.
func (d *deed) add(row [][]byte) error {
	version, err := strconv.ParseInt(string(row[2]), 10, 64)
	if err != nil {
		return err
	}
	if d.writes == 0 {
		d.first = version
	}
	d.last, d.writes = version, d.writes+1
	d.created = d.created || string(row[3]) == string(query.OperationCreate)
	if d.undone, err = strconv.ParseInt(string(row[5]), 10, 64); err != nil {
		return err
	}
	d.byUs = string(row[6]) == "t"
	if row[4] == nil {
		return nil
	}
	var changes map[string]struct {
		Old json.RawMessage `json:"old"`
	}
	if err := json.Unmarshal(row[4], &changes); err != nil {
		return fmt.Errorf("reading the history of %s: %w", d.id, err)
	}
	for identity, change := range changes {
		if _, ok := d.old[identity]; !ok {
			d.old[identity] = change.Old
		}
	}
	return nil
}

// lockAll reads the records as they are now, and keeps them from changing.
func (u *undoing) lockAll(ctx context.Context, tx Tx, deeds []*deed) error {
	byObject := map[string]map[string]*deed{}
	for _, d := range deeds {
		if byObject[d.object] == nil {
			byObject[d.object] = map[string]*deed{}
		}
		byObject[d.object][d.id] = d
	}
	for _, identity := range slices.Sorted(maps.Keys(byObject)) {
		object, ok := u.Compiler.Schema().ObjectByIdentity(identity)
		if !ok {
			continue // its records are told as gone
		}
		of := byObject[identity]
		statement, err := u.Compiler.LockMany(u.access(), object, slices.Sorted(maps.Keys(of)))
		if err != nil {
			return err
		}
		id, _ := object.Field(schema.FieldID)
		err = tx.Query(ctx, statement, func(row [][]byte) error {
			values, err := query.DecodeRow(statement.Columns, row)
			if err != nil {
				return fmt.Errorf("reading a %s: %w", object.Name, err)
			}
			key, _ := values[id].(string)
			if d := of[key]; d != nil {
				d.before = &locked{values: values, version: versionIn(object, statement.Columns, row)}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// wishes decides which records are to be deleted, and asks for the old values of the others.
func (u *undoing) wishes(deeds []*deed) (map[*deed]*wish, error) {
	wishes := map[*deed]*wish{}
	for _, d := range deeds {
		object, _ := u.Compiler.Schema().ObjectByIdentity(d.object)
		switch {
		case d.before == nil && d.created && d.byUs: // together with another one
			u.place.Report.Deleted++
		case d.before == nil && d.created && d.undone > 0:
			u.place.Report.Unchanged++
		case d.before == nil:
			u.failf(d, "was deleted since")
		case d.before.version != d.last+d.undone || d.writes != d.last-d.first+1:
			u.failf(d, "was changed since")
		case d.created && u.mayGo(object, d.id) != nil:
			u.failf(d, "nobody can delete themselves")
		case d.created:
			d.write = &write{object: object, id: d.id, operation: query.OperationDelete, version: d.before.version, before: d.before.values}
		default:
			w, err := d.oldValues(object)
			if err != nil {
				return nil, err
			}
			wishes[d] = w
			d.write = &write{object: object, id: d.id, operation: query.OperationUpdate, version: d.before.version, before: d.before.values}
		}
	}
	return wishes, nil
}

// oldValues asks for the values before the job. Fields that are gone since are left out.
func (d *deed) oldValues(object *schema.Object) (*wish, error) {
	w := newWish()
	for identity, old := range d.old {
		f, ok := object.FieldByIdentity(identity)
		if !ok || f.ReadOnly || f.Type == schema.TypeAutoNumber {
			continue
		}
		decoder := json.NewDecoder(bytes.NewReader(old))
		decoder.UseNumber()
		var value any
		if err := decoder.Decode(&value); err != nil {
			return nil, fmt.Errorf("reading the history of %s: %w", d.id, err)
		}
		decoded, err := f.Decode(value)
		if err != nil {
			w.refusef(f, "%s", err)
			continue
		}
		w.given[f] = decoded
	}
	d.completePointers(object, w)
	return w, nil
}

// completePointers gives each relation to several objects both of its parts,
// where the job has changed one of them: the other is as it was.
func (d *deed) completePointers(object *schema.Object, w *wish) {
	for _, f := range object.Fields {
		if f.Type != schema.TypeRelation || len(f.Parts()) == 0 || !slices.ContainsFunc(f.Parts(), func(part *schema.Field) bool {
			_, ok := w.given[part]
			return ok
		}) {
			continue
		}
		for _, part := range f.Parts() {
			if _, ok := w.given[part]; !ok {
				w.given[part] = d.before.values[part]
			}
		}
	}
}

// decide holds the old values against the model as it is now.
func (u *undoing) decide(ctx context.Context, tx Tx, d *deed, w *wish, live targets) error {
	object := d.write.object
	known, ok := u.known[object]
	if !ok {
		var err error
		if known, err = u.facts(object, u.at); err != nil {
			return err
		}
		u.known[object] = known
	}
	if err := u.learnRates(ctx, tx, u.at, known.rates, currenciesOf(object, w.given, d.before.values)); err != nil {
		return err
	}
	known.before, known.live, known.back = d.before.values, live, true
	changed, err := decide(u.Compiler.Schema(), object, w, known)
	if err != nil {
		return err
	}
	d.write.changed = changed
	switch err := w.fault(); {
	case err != nil:
		u.failf(d, "%s", err)
	case len(changed) == 0:
		d.write = nil
		u.place.Report.Unchanged++
	}
	return nil
}
