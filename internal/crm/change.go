package crm

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/kontor-crm/kontor/internal/fault"
	"github.com/kontor-crm/kontor/internal/query"
	"github.com/kontor-crm/kontor/internal/schema"
)

// Create makes a record. The body is as encoding/json gives it, numbers as
// json.Number. What the model has against it is one Invalid fault with all places.
func (r *Records) Create(ctx context.Context, object string, body map[string]any) (*Record, error) {
	o, err := r.Compiler.Object(object)
	if err != nil {
		return nil, err
	}
	id, err := r.NewID()
	if err != nil {
		return nil, fmt.Errorf("making an id: %w", err)
	}
	var created *Record
	err = r.Runner.InTransaction(ctx, func(ctx context.Context, tx Tx) error {
		w, at := decode(o, body, r.Former), r.now()
		live, err := r.liveTargets(ctx, tx, targets{}, w)
		if err != nil {
			return err
		}
		known, err := r.facts(o, at)
		if err != nil {
			return err
		}
		known.live = live
		if err := r.learnRates(ctx, tx, at, known.rates, currenciesOf(o, w.given, nil)); err != nil {
			return err
		}
		changed, err := decide(r.Compiler.Schema(), o, w, known)
		if err != nil {
			return err
		}
		if err := w.fault(); err != nil {
			return err
		}
		done := &write{object: o, id: id, operation: query.OperationCreate, changed: changed, readBack: true}
		if err := r.carryOut(ctx, tx, at, done); err != nil {
			return err
		}
		created = done.result()
		return nil
	})
	if err != nil {
		return nil, err
	}
	return created, nil
}

// Update changes the fields that the body names; null takes a value away. A
// change that changes nothing writes nothing and leaves the version.
func (r *Records) Update(ctx context.Context, object, id string, body map[string]any, match Match) (*Record, error) {
	o, err := r.Compiler.Object(object)
	if err != nil {
		return nil, err
	}
	id = strings.ToLower(id) // ids may be written in capitals
	return r.update(ctx, o, id, match, query.OperationUpdate, func() *wish { return decode(o, body, r.Former) })
}

// Move brings a record into a stage of its object's pipeline.
func (r *Records) Move(ctx context.Context, object, id, stage string, match Match) (*Record, error) {
	o, err := r.Compiler.Object(object)
	if err != nil {
		return nil, err
	}
	id = strings.ToLower(id) // ids may be written in capitals
	pipelines := r.Compiler.Schema().PipelinesOf(o)
	if len(pipelines) == 0 {
		return nil, fault.New(fault.Invalid, "%s has no pipeline to move in", o.Name)
	}
	field, ok := o.FieldByIdentity(pipelines[0].Field)
	if !ok {
		return nil, fmt.Errorf("the pipeline %q has no field", pipelines[0].Identity)
	}
	if _, ok := pipelines[0].Stage(stage); !ok {
		return nil, fault.At("stage", "the pipeline %q has no stage %q%s", pipelines[0].Identity, shortened(stage),
			didYouMean(stage, stageKeys(pipelines[0])))
	}
	return r.update(ctx, o, id, match, query.OperationMove, func() *wish {
		w := newWish()
		w.given[field] = stage
		return w
	})
}

func stageKeys(p *schema.Pipeline) []string {
	keys := make([]string, 0, len(p.Stages))
	for _, stage := range p.Choices() {
		keys = append(keys, stage.Key)
	}
	return keys
}

// update locks the record, decides and writes.
func (r *Records) update(
	ctx context.Context, o *schema.Object, id string, match Match, operation query.Operation, wished func() *wish,
) (*Record, error) {
	var updated *Record
	err := r.Runner.InTransaction(ctx, func(ctx context.Context, tx Tx) error {
		before, err := r.lock(ctx, tx, o, id)
		if err != nil {
			return err
		}
		if err := match.check(before.version); err != nil {
			return err
		}
		w, at := wished(), r.now()
		live, err := r.liveTargets(ctx, tx, targets{}, w)
		if err != nil {
			return err
		}
		known, err := r.facts(o, at)
		if err != nil {
			return err
		}
		known.before, known.live = before.values, live
		if err := r.learnRates(ctx, tx, at, known.rates, currenciesOf(o, w.given, before.values)); err != nil {
			return err
		}
		changed, err := decide(r.Compiler.Schema(), o, w, known)
		if err != nil {
			return err
		}
		if err := w.fault(); err != nil {
			return err
		}
		if len(changed) == 0 {
			r.access().Shows(o)
			updated, err = r.whole(ctx, tx, o, before.record(id))
			return err
		}
		done := &write{
			object: o, id: id, operation: operation, version: before.version, before: before.values, changed: changed, readBack: true,
		}
		if err := r.carryOut(ctx, tx, at, done); err != nil {
			return err
		}
		updated = done.result()
		return nil
	})
	if err != nil {
		return nil, err
	}
	return updated, nil
}

// Delete takes a record out of use. It stays in the database, and records that
// point to it go on doing so.
func (r *Records) Delete(ctx context.Context, object, id string, match Match) error {
	o, err := r.Compiler.Object(object)
	if err != nil {
		return err
	}
	id = strings.ToLower(id) // ids may be written in capitals
	if err := r.mayGo(o, id); err != nil {
		return err
	}
	return r.Runner.InTransaction(ctx, func(ctx context.Context, tx Tx) error {
		before, err := r.lock(ctx, tx, o, id)
		if err != nil {
			return err
		}
		if err := match.check(before.version); err != nil {
			return err
		}
		return r.carryOut(ctx, tx, r.now(), &write{
			object: o, id: id, operation: query.OperationDelete, version: before.version, before: before.values,
		})
	})
}

// whole is a record with what is computed from other records, which its own row does
// not hold.
func (r *Records) whole(ctx context.Context, tx Tx, o *schema.Object, record *Record) (*Record, error) {
	if !r.Compiler.ComputesFromOthers(o) {
		return record, nil
	}
	statement, err := r.Compiler.Get(r.access(), o, record.ID, nil)
	if err != nil {
		return nil, err
	}
	err = tx.Query(ctx, statement, func(row [][]byte) error {
		record.JSON = query.EncodeRow(nil, statement.Columns, row)
		return nil
	})
	if err != nil {
		return nil, explainRead(err)
	}
	return record, nil
}

// mayGo refuses the deletion of who asks for it.
func (r *Records) mayGo(o *schema.Object, id string) error {
	if o.Identity == schema.ObjectUser && strings.EqualFold(id, r.Actor.Principal.UserID) { // ids may be written in upper case
		return fault.New(fault.Conflict, "nobody can delete themselves")
	}
	return nil
}

// Restore brings a deleted record back as it was. It fails with Conflict when
// another record has taken a unique value meanwhile.
func (r *Records) Restore(ctx context.Context, object, id string, match Match) (*Record, error) {
	o, err := r.Compiler.Object(object)
	if err != nil {
		return nil, err
	}
	id = strings.ToLower(id) // ids may be written in capitals
	var restored *Record
	err = r.Runner.InTransaction(ctx, func(ctx context.Context, tx Tx) error {
		before, err := r.lockDeleted(ctx, tx, o, id)
		if err != nil {
			return err
		}
		if err := match.check(before.version); err != nil {
			return err
		}
		done := &write{object: o, id: id, operation: query.OperationRestore, version: before.version, before: before.values, readBack: true}
		if err := r.carryOut(ctx, tx, r.now(), done); err != nil {
			return err
		}
		restored = done.result()
		return nil
	})
	if err != nil {
		return nil, err
	}
	return restored, nil
}

// now is the time of a write, to the microsecond as PostgreSQL keeps it.
func (r *Records) now() time.Time { return r.Clock().UTC().Truncate(time.Microsecond) }
