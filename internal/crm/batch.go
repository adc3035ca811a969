package crm

import (
	"context"
	"fmt"
	"maps"
	"slices"
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
	// Records asks for the records as they are afterwards, with Fields as in a list.
	Records bool
	Fields  []string
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
	// Record is the live record as it is after the whole batch, as JSON, when it is asked for.
	Record []byte
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
		c.entries = append(c.entries, operation.entry(o, r.Former))
	}
	if request.Records { // what cannot be read need not be written
		if _, err := r.Compiler.GetMany(r.access(), o, nil, request.Fields); err != nil {
			return nil, err
		}
	}
	var records map[string][]byte
	err = r.Runner.InTransaction(ctx, func(ctx context.Context, tx Tx) error {
		err := c.carry(ctx, tx)
		if err == nil && request.Records {
			records, err = c.afterwards(ctx, tx, request.Fields)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	done := make([]Done, 0, len(c.entries))
	for _, e := range c.entries {
		if e.outcome == OutcomeFailed {
			done = append(done, Done{Problem: e.fault()})
			continue
		}
		done = append(done, Done{Outcome: e.outcome, ID: e.record, Version: e.version, Record: records[e.record]})
	}
	return done, nil
}

// afterwards reads the records of the entries that are still there, as JSON by their
// ids, in one statement.
func (c *chunk) afterwards(ctx context.Context, tx Tx, fields []string) (map[string][]byte, error) {
	times := map[string]int{}
	for _, e := range c.entries {
		if e.outcome != OutcomeFailed {
			times[e.record]++
		}
	}
	records := make(map[string][]byte, len(times))
	if len(times) == 0 {
		return records, nil
	}
	statement, err := c.Compiler.GetMany(c.access(), c.object, slices.Sorted(maps.Keys(times)), fields)
	if err != nil {
		return nil, err
	}
	size := 0
	err = tx.Query(ctx, statement, func(row [][]byte) error {
		id := string(row[len(row)-1])
		records[id] = query.EncodeRow(nil, statement.Columns, row)
		if size += len(records[id]) * times[id]; size > maxPageBytes {
			return recordsTooLong()
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading the records afterwards: %w", err)
	}
	return records, nil
}

func recordsTooLong() error {
	message := fmt.Sprintf("the records are longer than %d bytes together; ask for fewer fields, or send fewer operations", maxPageBytes)
	return &fault.Error{Kind: fault.Malformed, Violations: []fault.Violation{{Path: "fields", Message: message}}}
}

// entry is the operation on its way.
func (op Operation) entry(o *schema.Object, former *schema.Deprecation) *entry {
	e := &entry{verb: op.Verb, id: strings.ToLower(op.ID), match: op.Match, external: op.External, wish: newWish()}
	if op.External != nil {
		e.unreadable = checkExternal(*op.External)
	}
	if op.Verb == VerbDelete {
		return e
	}
	e.wish = decode(o, op.Fields, former)
	if op.Key != "" && e.unreadable == nil {
		if e.key, e.unreadable = op.findKey(o); e.key != nil {
			former.Field(e.key, op.Key)
		}
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
	case !slices.ContainsFunc(namesOf(key), func(name string) bool { return op.Fields[name] != nil && op.Fields[name] != "" }):
		return nil, fault.At("key", "%q has no value among the fields", key.Name)
	}
	return key, nil
}
