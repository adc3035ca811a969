package crm

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/kontor-crm/kontor/internal/query"
	"github.com/kontor-crm/kontor/internal/schema"
)

// toCopy are the writes that copyIn does, and the others. A few are not worth its
// round trips, and are findable at once.
func toCopy(writes []*write) (copied, others []*write) {
	for _, w := range writes {
		if w.fromFile && w.operation == query.OperationCreate {
			copied = append(copied, w)
		} else {
			others = append(others, w)
		}
	}
	if len(copied) <= fewLines {
		return nil, writes
	}
	return copied, others
}

// copyIn makes the new records of a file, all of one object, with their history and
// their outbox. Search finds them a little later: a worker sees to that when no job is
// waiting, and what search finds is said to be incomplete until then.
func (r *Records) copyIn(ctx context.Context, tx Tx, at time.Time, writes []*write) error {
	if len(writes) == 0 {
		return nil
	}
	object := writes[0].object
	records := make([]query.NewRecord, 0, len(writes))
	first := writes[0].id
	for _, w := range writes {
		records = append(records, query.NewRecord{ID: w.id, Values: w.changed})
		first = min(first, w.id)
	}
	rows, err := r.Compiler.CopyRecords(r.access(), object, records, r.Actor.Principal.UserID, at)
	if err != nil {
		return err
	}
	for _, c := range []query.Copy{
		rows,
		r.Compiler.CopyHistory(len(writes), func(n int) query.Change { return r.change(writes[n], at) }),
		r.Compiler.CopyOutbox(len(writes), func(n int) query.Change { return r.event(writes[n], at) }),
	} {
		if err := tx.Copy(ctx, c); err != nil {
			return err
		}
	}
	return r.findLater(ctx, tx, object, first)
}

// findLater leaves it to a worker to make the new records of the object findable, from
// the one with that id on.
func (r *Records) findLater(ctx context.Context, tx Tx, object *schema.Object, first string) error {
	if !object.IsSearched() {
		return nil
	}
	before, err := idBefore(first)
	if err != nil {
		return err
	}
	return tx.Query(ctx, r.Compiler.NewBehind(object, before), nothing)
}

// idBefore is the id next before another one; that of the first one is itself.
func idBefore(text string) (string, error) {
	id, err := uuid.Parse(text)
	if err != nil {
		return "", fmt.Errorf("reading an id: %w", err)
	}
	if id == uuid.Nil {
		return text, nil
	}
	for i := len(id) - 1; ; i-- {
		id[i]--
		if id[i] != 0xff {
			return id.String(), nil
		}
	}
}
