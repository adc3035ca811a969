package crm

import (
	"context"

	"github.com/kontor-crm/kontor/internal/fault"
	"github.com/kontor-crm/kontor/internal/query"
	"github.com/kontor-crm/kontor/internal/schema"
)

// checkExternal refuses an external id that is none.
func checkExternal(id query.ExternalID) error {
	violations := id.Check()
	for n := range violations {
		violations[n].Path = "external." + violations[n].Path
	}
	return fault.Refuse(violations...)
}

// GetExternal is the live record that another system calls so, with the fields of
// those names; no names are all fields.
func (r *Records) GetExternal(ctx context.Context, object string, id query.ExternalID, fields []string) (*Record, error) {
	o, err := r.Compiler.Object(object)
	if err != nil {
		return nil, err
	}
	if len(id.Check()) > 0 { // nothing can have it
		return nil, noExternal(o, id)
	}
	statement, err := r.Compiler.GetExternal(r.access(), o, id, fields)
	if err != nil {
		return nil, err
	}
	record := &Record{}
	err = r.Runner.Query(ctx, statement, func(row [][]byte) error {
		record.JSON = query.EncodeRow(nil, statement.Columns, row)
		record.Version = versionIn(o, statement.Columns, row)
		return nil
	})
	if err == nil && record.JSON == nil {
		err = noExternal(o, id)
	}
	if err != nil {
		return nil, err
	}
	return record, nil
}

func noExternal(o *schema.Object, id query.ExternalID) error {
	return fault.New(fault.NotFound, "there is no %s that %q calls %q", o.Name, shortened(id.System), shortened(id.ID))
}

// ExternalIDs are what other systems call a live record.
func (r *Records) ExternalIDs(ctx context.Context, object, id string) ([]query.ExternalID, error) {
	o, err := r.Compiler.Object(object)
	if err != nil {
		return nil, err
	}
	statement, err := r.Compiler.ExternalIDs(r.access(), o, id)
	if err != nil {
		return nil, err
	}
	found, ids := false, []query.ExternalID{}
	err = r.Runner.Query(ctx, statement, func(row [][]byte) error {
		found = true
		if row[0] != nil {
			ids = append(ids, query.ExternalID{System: string(row[0]), ID: string(row[1])})
		}
		return nil
	})
	if err == nil && !found {
		err = notFound(o, id)
	}
	return ids, err
}

// findExternal gives the ids of the records that have the external ids, of deleted ones too.
func (r *Records) findExternal(ctx context.Context, tx Tx, o *schema.Object, ids []query.ExternalID, found func(query.ExternalID, string)) error {
	statement, err := r.Compiler.FindExternal(r.access(), o, ids)
	if err != nil {
		return err
	}
	return tx.Query(ctx, statement, func(row [][]byte) error {
		found(query.ExternalID{System: string(row[0]), ID: string(row[1])}, string(row[2]))
		return nil
	})
}

// bind gives external ids to records; it is a Conflict when another record has one
// that is not among the gone.
func (r *Records) bind(ctx context.Context, tx Tx, o *schema.Object, bindings map[query.ExternalID]string, gone []string) error {
	if len(bindings) == 0 {
		return nil
	}
	job := ""
	if r.Actor.Channel == JobImport {
		job = r.Actor.RequestID
	}
	statement, err := r.Compiler.Bind(r.access(), o, bindings, gone, job)
	if err != nil {
		return err
	}
	bound := 0
	err = tx.Query(ctx, statement, func([][]byte) error {
		bound++
		return nil
	})
	if err == nil && bound < len(bindings) {
		err = externalTaken(o)
	}
	return err
}

func externalTaken(o *schema.Object) error {
	return fault.Because(fault.Conflict, "Duplicate", "another %s has this external id", o.Name)
}
