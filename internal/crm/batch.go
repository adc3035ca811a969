package crm

import (
	"context"
	"strings"

	"github.com/kontor-crm/kontor/internal/fault"
	"github.com/kontor-crm/kontor/internal/query"
	"github.com/kontor-crm/kontor/internal/schema"
)

// MaxBatch is the greatest number of operations in a batch.
const MaxBatch = 1000

// BatchRequest is many writes of one object's records.
type BatchRequest struct {
	// Object is the name of the object in the API.
	Object string
	// Atomic does all operations or none; otherwise each is done for itself.
	Atomic bool
	// Operations are done in order: a later one sees what an earlier one has done,
	// so the same record may stand in several.
	Operations []Operation
}

// Operation is one write of a batch.
type Operation struct {
	Verb Verb
	// ID is the record that is changed or deleted.
	ID string
	// Match is the versions that the write is meant for; nil is any.
	Match Match
	// External is what another system calls the record: for an update or a deletion
	// in place of ID. An upsert finds its record by it, and otherwise by Key; it and a
	// creation give it to their record. That of a deleted record is free.
	External *query.ExternalID
	// Key is the name of the unique field, among Fields, by whose value an upsert
	// finds its record.
	Key string
	// Fields are as for Create; a deletion has none.
	Fields map[string]any
}

// Done is what became of an operation.
type Done struct {
	Outcome Outcome
	// ID and Version are the record's afterwards; empty when the operation failed.
	ID      string
	Version int64
	// Problem is what refuses an operation that failed.
	Problem error
}

// Batch does many writes in one transaction and few round trips, by the same rules
// as single ones. What it returns is in the order of the operations. The fault of
// an atomic batch names all that is wrong with any of them, below "operations[0]",
// and nothing is written.
func (r *Records) Batch(ctx context.Context, request BatchRequest) ([]Done, error) {
	o, err := r.Compiler.Object(request.Object)
	if err != nil {
		return nil, err
	}
	if len(request.Operations) == 0 || len(request.Operations) > MaxBatch {
		return nil, fault.At("operations", "must be 1 to %d operations", MaxBatch)
	}
	c := newChunk(r, o)
	c.atomic = request.Atomic
	for _, operation := range request.Operations {
		c.entries = append(c.entries, operation.entry(o))
	}
	if err := r.Runner.InTransaction(ctx, c.carry); err != nil {
		return nil, err
	}
	done := make([]Done, 0, len(c.entries))
	for _, e := range c.entries {
		if e.outcome == OutcomeFailed {
			done = append(done, Done{Problem: e.fault()})
			continue
		}
		done = append(done, Done{Outcome: e.outcome, ID: e.record, Version: e.version})
	}
	return done, nil
}

// entry is the operation on its way.
func (op Operation) entry(o *schema.Object) *entry {
	e := &entry{verb: op.Verb, id: strings.ToLower(op.ID), match: op.Match, external: op.External, wish: newWish()}
	if op.External != nil {
		e.unreadable = checkExternal(*op.External)
	}
	if op.Verb == VerbDelete {
		return e
	}
	e.wish = decode(o, op.Fields)
	if op.Key != "" && e.unreadable == nil {
		e.key, e.unreadable = op.findKey(o)
	}
	return e
}

// findKey is the field that the operation's key names.
func (op Operation) findKey(o *schema.Object) (*schema.Field, error) {
	key, ok := o.Field(op.Key)
	switch {
	case !ok:
		return nil, fault.At("key", "%s has no field %q%s", o.Name, shortened(op.Key), didYouMean(op.Key, fieldNames(o)))
	case !key.Unique:
		return nil, fault.At("key", "%q is not unique, so it cannot tell the records apart", key.Name)
	case op.Fields[key.Name] == nil || op.Fields[key.Name] == "":
		return nil, fault.At("key", "%q has no value among the fields", key.Name)
	}
	return key, nil
}
