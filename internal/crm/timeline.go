package crm

import (
	"context"
	"encoding/json"

	"github.com/google/uuid"

	"github.com/kontor-crm/kontor/internal/query"
	"github.com/kontor-crm/kontor/internal/schema"
)

// Happened is a part of what happened to a record, the newest first.
type Happened struct {
	Moments []*query.Moment
	// Records are those that tell of it, as JSON, by id; a record that was deleted
	// meanwhile has none.
	Records map[string]json.RawMessage
	// Titles are what people call those who acted, and the records that changed
	// relations point to, by id.
	Titles map[string]string
	// Next is the cursor of the next part; empty on the last one.
	Next string
}

// Timeline is what happened to a record: its changes, and the records that tell of it.
// It may be shorter than the limit when the changes are long.
func (r *Records) Timeline(ctx context.Context, request query.TimelineRequest) (*Happened, error) {
	t, err := r.Compiler.Timeline(r.access(), request)
	if err != nil {
		return nil, err
	}
	var happened *Happened
	err = r.Runner.InTransaction(ctx, func(ctx context.Context, tx Tx) error {
		happened = &Happened{Records: map[string]json.RawMessage{}, Titles: map[string]string{}}
		exists, err := happened.read(ctx, tx, t)
		if err != nil {
			return err
		}
		if !exists {
			return notFound(t.Object, request.ID)
		}
		return r.tell(ctx, tx, happened)
	})
	if err != nil {
		return nil, err
	}
	return happened, nil
}

// read reads the moments themselves.
func (h *Happened) read(ctx context.Context, tx Tx, t *query.Timeline) (exists bool, err error) {
	var last [][]byte
	size := 0
	err = tx.Batch(ctx, []query.Statement{t.Exists, t.Statement}, func(statement int, row [][]byte) error {
		switch {
		case statement == 0:
			exists = true
			return nil
		case last != nil: // the page was full before this one
			h.Next = t.Next(last)
			return nil
		}
		moment, err := t.ReadMoment(row)
		if err != nil {
			return err
		}
		h.Moments = append(h.Moments, moment)
		for _, value := range row {
			size += len(value)
		}
		if len(h.Moments) == t.Limit || size >= maxPageBytes {
			last = cloneRow(row)
		}
		return nil
	})
	return exists, err
}

// tell reads the records that tell, and what others are called.
func (r *Records) tell(ctx context.Context, tx Tx, h *Happened) error {
	telling := map[*schema.Object][]string{}
	named := map[*schema.Object][]string{}
	var actors []string
	name := func(object, id string) {
		if o, ok := r.Compiler.Schema().ObjectByIdentity(object); ok {
			named[o] = append(named[o], id)
		}
	}
	for _, m := range h.Moments {
		if m.Object != nil {
			telling[m.Object] = append(telling[m.Object], m.ID)
			continue
		}
		if m.Actor != "" {
			actors = append(actors, m.Actor)
		}
		for _, change := range m.Changes {
			if change.Field == nil || change.Field.Type != schema.TypeRelation {
				continue
			}
			for _, value := range []json.RawMessage{change.Old, change.New} {
				if id := idIn(value); id != "" {
					name(change.Field.Target, id)
				}
			}
		}
	}
	var statements []query.Statement
	objects := map[int]*schema.Object{} // of the records, by statement
	for o, ids := range telling {
		statement, err := r.Compiler.GetMany(r.access(), o, ids, nil)
		if err != nil {
			return err
		}
		objects[len(statements)] = o
		statements = append(statements, statement)
	}
	title := func(o *schema.Object, ids []string, deleted bool) {
		if statement := r.Compiler.Titles(r.access(), o, ids, deleted); statement != nil {
			statements = append(statements, *statement)
		}
	}
	if users, ok := r.Compiler.Schema().ObjectByIdentity(schema.ObjectUser); ok && len(actors) > 0 {
		title(users, actors, true) // who is gone has acted all the same
	}
	for o, ids := range named {
		title(o, ids, false)
	}
	if len(statements) == 0 {
		return nil
	}
	return tx.Batch(ctx, statements, func(statement int, row [][]byte) error {
		if objects[statement] == nil {
			h.Titles[string(row[0])] = string(row[1])
			return nil
		}
		columns := statements[statement].Columns
		h.Records[string(row[len(columns)])] = query.EncodeRow(nil, columns, row)
		return nil
	})
}

// idIn is the id that a value of a relation holds; empty when it holds none.
func idIn(value json.RawMessage) string {
	var text string
	if err := json.Unmarshal(value, &text); err != nil {
		return ""
	}
	id, err := uuid.Parse(text)
	if err != nil {
		return ""
	}
	return id.String()
}
