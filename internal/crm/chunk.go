package crm

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/kontor-crm/kontor/internal/fault"
	"github.com/kontor-crm/kontor/internal/query"
	"github.com/kontor-crm/kontor/internal/schema"
)

// Verb is what one of many wishes asks for.
type Verb string

// The verbs.
const (
	VerbCreate Verb = "create"
	VerbUpdate Verb = "update"
	// VerbUpsert changes the record that has the key, or makes one.
	VerbUpsert Verb = "upsert"
	VerbDelete Verb = "delete"
)

// Outcome is what became of one of many wishes.
type Outcome int

// The outcomes.
const (
	OutcomeFailed Outcome = iota
	OutcomeCreated
	OutcomeUpdated
	// OutcomeUnchanged is an update that changes nothing and has written nothing.
	OutcomeUnchanged
	OutcomeDeleted
)

// entry is one of the wishes that are carried out together.
type entry struct {
	verb Verb
	// id is the record that is changed or deleted, in lower case.
	id    string
	match Match
	// key is the unique field by whose value an upsert finds its record, or nil.
	key *schema.Field
	// external is what another system calls the record, or nil.
	external *query.ExternalID
	wish     *wish
	// lookups are relations whose records are not known before the entries ahead of this
	// one are done.
	lookups []lookup
	// unreadable says why the entry cannot even be decided, or is nil.
	unreadable error

	// What becomes of it; decided anew when the first attempt fails.
	outcome Outcome
	problem error
	write   *write
	// binds says that the external id becomes the record's; gone is the deleted record
	// that had it, or empty.
	binds bool
	gone  string
	// record and version are the record's afterwards.
	record  string
	version int64
}

// fault is what keeps the entry from being done, or nil.
func (e *entry) fault() error {
	if e.unreadable != nil {
		return e.unreadable
	}
	return e.problem
}

// keyValue is the value of one unique field.
type keyValue struct {
	field *schema.Field
	text  string // see keyText
}

// keyValue is the value that an upsert finds its record by; false when it has none.
func (e *entry) keyValue() (keyValue, bool) {
	if e.key == nil || e.wish.given[e.key] == nil {
		return keyValue{}, false
	}
	return keyValue{e.key, keyText(e.key, e.wish.given[e.key])}, true
}

// chunk is some entries that share a transaction: the lines of a file, or a batch.
// They are done in order, and a later one sees what an earlier one has done.
type chunk struct {
	*Records
	object  *schema.Object
	entries []*entry
	// atomic chunks are done as a whole or not at all.
	atomic bool
	// fromFile says that they are lines of a file.
	fromFile bool
}

func newChunk(records *Records, object *schema.Object) *chunk {
	return &chunk{Records: records, object: object}
}

// carry does the entries: all at once, or apart when one of them makes the
// database refuse. The error of an atomic chunk is its refusal.
func (c *chunk) carry(ctx context.Context, tx Tx) error {
	known, err := c.gather(ctx, tx)
	if err != nil {
		return err
	}
	if c.isEntwined() {
		err = c.oneByOne(ctx, tx, known, c.entries)
	} else {
		err = c.atOnce(ctx, tx, known, c.entries)
	}
	if err == nil && c.atomic {
		err = c.refusal()
	}
	return err
}

// fewLines are so few lines that they are done one by one as soon as the database refuses one of them.
const fewLines = 30

// atOnce does entries in one round trip. When the database refuses one of them, those of
// a batch are done one by one, and those of a file in two halves: most of its lines are
// good, and one that is not shall not slow down thousands.
func (c *chunk) atOnce(ctx context.Context, tx Tx, known *knowledge, entries []*entry) error {
	attempt := known.clone()
	err := tx.Savepoint(ctx, func(ctx context.Context) error { return c.together(ctx, tx, attempt, entries) })
	switch {
	case err == nil:
		*known = *attempt
		return nil
	case !isRefusal(err):
		return err
	case !c.fromFile || len(entries) <= fewLines:
		return c.oneByOne(ctx, tx, known, entries)
	}
	half := len(entries) / 2
	if err := c.atOnce(ctx, tx, known, entries[:half]); err != nil {
		return err
	}
	return c.atOnce(ctx, tx, known, entries[half:])
}

// isEntwined says whether an entry may change or delete records of other entries,
// because it deletes one to which they may point.
func (c *chunk) isEntwined() bool {
	deletes := slices.ContainsFunc(c.entries, func(e *entry) bool { return e.verb == VerbDelete })
	return deletes && concernsItself(c.Compiler.Schema(), c.object)
}

// isRefusal says whether the database refused one of the entries, as opposed to failing.
func isRefusal(err error) bool {
	return fault.Is(err, fault.Conflict) || fault.Is(err, fault.Invalid)
}

// together decides entries and writes them in one round trip.
func (c *chunk) together(ctx context.Context, tx Tx, known *knowledge, entries []*entry) error {
	for _, e := range entries {
		if err := c.decide(e, known); err != nil {
			return err
		}
		known.remember(e)
	}
	if c.atomic && c.refusal() != nil {
		return nil //nolint:nilerr // it is the entry's, and told with it
	}
	return c.write(ctx, tx, known.now, entries...)
}

// write writes what was decided.
func (c *chunk) write(ctx context.Context, tx Tx, at time.Time, entries ...*entry) error {
	var writes []*write
	var gone []string
	bindings := map[query.ExternalID]string{}
	for _, e := range entries {
		if e.write != nil {
			writes = append(writes, e.write)
		}
		if e.binds {
			bindings[*e.external] = e.record
			gone = append(gone, e.gone)
		}
	}
	if err := c.carryOut(ctx, tx, at, writes...); err != nil {
		return err
	}
	return c.bind(ctx, tx, c.object, bindings, slices.DeleteFunc(gone, func(id string) bool { return id == "" }))
}

// oneByOne writes each entry for itself, so that only those fail that the database refuses.
func (c *chunk) oneByOne(ctx context.Context, tx Tx, known *knowledge, entries []*entry) error {
	for _, e := range entries {
		again, err := c.attempt(ctx, tx, e, known)
		if err == nil && again {
			_, err = c.attempt(ctx, tx, e, known)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// attempt decides and writes one entry. It is worth another one when an upsert
// wanted to make a record that somebody else has made meanwhile, and when what an
// earlier entry brought about has changed the record.
func (c *chunk) attempt(ctx context.Context, tx Tx, e *entry, known *knowledge) (again bool, err error) {
	if err := c.decide(e, known); err != nil || e.write == nil && !e.binds {
		return false, err
	}
	made := e.outcome == OutcomeCreated
	err = tx.Savepoint(ctx, func(ctx context.Context) error { return c.write(ctx, tx, known.now, e) })
	if err == nil && e.verb == VerbDelete && concernsItself(c.Compiler.Schema(), c.object) {
		again, err := c.gather(ctx, tx)
		if err != nil {
			return false, err
		}
		*known = *again // the deletion may have changed the records of other entries
		return false, nil
	}
	if err == nil {
		known.remember(e)
		return false, nil
	}
	if !isRefusal(err) {
		return false, err
	}
	e.outcome, e.problem = OutcomeFailed, err
	if !fault.Is(err, fault.Conflict) || made && e.verb != VerbUpsert {
		return false, nil
	}
	before := known.find(e)
	if err := c.find(ctx, tx, known, e); err != nil {
		return false, err
	}
	after := known.find(e)
	return after != nil && (made || before.version != after.version), nil
}

// decide says what becomes of an entry; its write is nil when there is nothing to write.
func (c *chunk) decide(e *entry, known *knowledge) error {
	e.outcome, e.problem, e.write, e.binds = OutcomeFailed, nil, nil, false
	if e.unreadable != nil {
		return nil //nolint:nilerr // it is the entry's, and told with it
	}
	left := known.settle(e)
	record := known.find(e)
	if e.problem = c.admit(e, record); e.problem != nil {
		return nil //nolint:nilerr // it is the entry's, and told with it
	}
	binds := e.external != nil && (record == nil || known.external[*e.external] != record.id)
	w := &write{object: c.object, operation: query.OperationCreate, fromFile: c.fromFile}
	f := known.facts
	if record != nil {
		w.id, w.version, w.before, w.operation = record.id, record.version, record.values, query.OperationUpdate
		f.before = record.values
	}
	if e.verb == VerbDelete {
		w.operation = query.OperationDelete
		e.done(OutcomeDeleted, w)
		return nil
	}
	asked := &wish{given: e.wish.given, refused: maps.Clone(e.wish.refused), violations: slices.Clone(e.wish.violations)}
	known.refuseLookups(left, asked)
	var err error
	if w.changed, err = decide(c.Compiler.Schema(), c.object, asked, f); err != nil {
		return err
	}
	if e.problem = asked.fault(); e.problem != nil {
		return nil //nolint:nilerr // it is the entry's, and told with it
	}
	switch {
	case record == nil:
		id, err := c.NewID()
		if err != nil {
			return fmt.Errorf("making an id: %w", err)
		}
		w.id = id
		e.done(OutcomeCreated, w)
	case len(w.changed) == 0:
		e.record, e.version, e.outcome = record.id, record.version, OutcomeUnchanged
	default:
		e.done(OutcomeUpdated, w)
	}
	if e.binds = binds; binds {
		e.gone = known.external[*e.external]
	}
	return nil
}

// done is an entry that is decided; whether it is done shows when it is written.
func (e *entry) done(outcome Outcome, w *write) {
	e.outcome, e.write, e.record, e.version = outcome, w, w.id, w.version+1
}

// admit refuses an entry whose record is not there, has another version or may not go.
func (c *chunk) admit(e *entry, record *knownRecord) error {
	switch {
	case record != nil && e.verb == VerbCreate:
		return externalTaken(c.object)
	case record != nil:
		if err := e.match.check(record.version); err != nil {
			return err
		}
	case e.external != nil && (e.verb == VerbUpdate || e.verb == VerbDelete):
		return noExternal(c.object, *e.external)
	case e.verb == VerbUpdate || e.verb == VerbDelete:
		return notFound(c.object, e.id)
	case e.match != nil:
		return fault.New(fault.Stale, "there is no record that could have this version")
	}
	if e.verb == VerbDelete {
		return c.mayGo(c.object, record.id)
	}
	return nil
}

// refusal is what an atomic chunk is refused with: all that is wrong with any of
// its entries; nil when nothing is.
func (c *chunk) refusal() error {
	var violations []fault.Violation
	var first *fault.Error
	failed := 0
	for n, e := range c.entries {
		if e.outcome != OutcomeFailed {
			continue
		}
		failed++
		f := asFault(e.fault())
		if first == nil {
			first = f
		}
		path := fmt.Sprintf("operations[%d]", n)
		if e.unreadable == nil && len(f.Violations) > 0 {
			path += ".fields"
		}
		violations = append(violations, placed(f, path)...)
	}
	if failed == 0 {
		return nil
	}
	return &fault.Error{
		Kind: first.Kind, Reason: first.Reason, Cause: first.Cause, Violations: violations,
		Message: fmt.Sprintf("nothing was written: %d of %d operations are refused", failed, len(c.entries)),
	}
}

// asFault is the fault that an error is; what is none is one of our own.
func asFault(err error) *fault.Error {
	if f, ok := errors.AsType[*fault.Error](err); ok {
		return f
	}
	return fault.Wrap(fault.Internal, err, "the operation failed")
}

// placed are the violations of a fault below a path.
func placed(f *fault.Error, path string) []fault.Violation {
	if len(f.Violations) == 0 {
		return []fault.Violation{{Path: path, Message: f.Message}}
	}
	found := make([]fault.Violation, 0, len(f.Violations))
	for _, v := range f.Violations {
		v.Path = strings.TrimSuffix(path+"."+v.Path, ".")
		found = append(found, v)
	}
	return found
}

// knowledge is what the entries of a chunk need to know of the database.
type knowledge struct {
	facts
	// records are those that an entry may change, by id.
	records map[string]*knownRecord
	// keys are their ids by the values of the fields that entries find them by.
	keys   map[keyValue]string
	fields []*schema.Field
	// external are the ids of records by what other systems call them, of deleted ones too.
	external map[query.ExternalID]string
	// named are the records that entries look up; of the chunk's own object by lookedUpBy.
	named      map[keyValue]namesakes
	lookedUpBy []*schema.Field
}

type knownRecord struct {
	id      string
	version int64
	values  query.Values
}

func (k *knowledge) clone() *knowledge {
	c := *k
	c.live, c.records, c.keys, c.external = maps.Clone(k.live), maps.Clone(k.records), maps.Clone(k.keys), maps.Clone(k.external)
	c.named = maps.Clone(k.named)
	return &c
}

// find is the record that an entry changes, or nil.
func (k *knowledge) find(e *entry) *knownRecord {
	if e.external != nil {
		if r := k.records[k.external[*e.external]]; r != nil {
			return r
		}
	}
	if key, ok := e.keyValue(); ok {
		return k.records[k.keys[key]]
	}
	if e.verb == VerbUpdate || e.verb == VerbDelete {
		return k.records[e.id]
	}
	return nil
}

// learn notes a record.
func (k *knowledge) learn(r *knownRecord) {
	k.records[r.id] = r
	for _, f := range k.fields {
		if value := r.values[f]; value != nil {
			k.keys[keyValue{f, keyText(f, value)}] = r.id
		}
	}
	for _, f := range k.lookedUpBy {
		if value := r.values[f]; value != nil {
			key := keyValue{f, keyText(f, value)}
			k.named[key] = k.named[key].with(r.id)
		}
	}
}

// forget is the opposite of learn.
func (k *knowledge) forget(id string) {
	r := k.records[id]
	if r == nil {
		return
	}
	delete(k.records, id)
	for _, f := range k.fields {
		delete(k.keys, keyValue{f, keyText(f, r.values[f])})
	}
	for _, f := range k.lookedUpBy {
		if value := r.values[f]; value != nil {
			key := keyValue{f, keyText(f, value)}
			k.named[key] = k.named[key].without(id)
		}
	}
}

// remember notes what an entry leaves behind, for those that follow.
func (k *knowledge) remember(e *entry) {
	if e.binds {
		k.external[*e.external] = e.record
	}
	w := e.write
	if w == nil {
		return
	}
	k.forget(w.id)
	if w.operation == query.OperationDelete {
		delete(k.live, targetKey(w.object.Identity, w.id))
		return
	}
	values := maps.Clone(w.before)
	if values == nil {
		values = query.Values{}
	}
	maps.Copy(values, w.changed)
	k.live[targetKey(w.object.Identity, w.id)] = true
	k.learn(&knownRecord{id: w.id, version: w.version + 1, values: values})
}

// gather asks the database once for each object that relations point to, once
// for each field that is a key, and once for the records.
func (c *chunk) gather(ctx context.Context, tx Tx) (*knowledge, error) {
	common, err := c.facts(c.object, c.now())
	if err != nil {
		return nil, err
	}
	common.live = targets{}
	k := &knowledge{
		facts: common, records: map[string]*knownRecord{}, keys: map[keyValue]string{},
		external: map[query.ExternalID]string{}, named: map[keyValue]namesakes{},
	}
	if err := c.lookUp(ctx, tx, k); err != nil {
		return nil, err
	}
	wishes := make([]*wish, 0, len(c.entries))
	for _, e := range c.entries {
		if e.unreadable == nil {
			k.settle(e)
			wishes = append(wishes, e.wish)
		}
		if e.key != nil && !slices.Contains(k.fields, e.key) {
			k.fields = append(k.fields, e.key)
		}
	}
	if k.live, err = c.liveTargets(ctx, tx, k.live, wishes...); err != nil {
		return nil, err
	}
	k.forgetGone(c.entries)
	return k, c.find(ctx, tx, k, c.entries...)
}

// find finds and locks the records that the entries name, all in one order, and
// what else is needed to change them.
func (c *chunk) find(ctx context.Context, tx Tx, k *knowledge, entries ...*entry) error {
	var ids []string
	var external []query.ExternalID
	values := map[*schema.Field]map[string]any{}
	for _, e := range entries {
		if e.unreadable != nil {
			continue
		}
		if e.external != nil {
			external = append(external, *e.external)
		}
		if key, ok := e.keyValue(); ok {
			if values[e.key] == nil {
				values[e.key] = map[string]any{}
			}
			values[e.key][key.text] = e.wish.given[e.key]
			continue
		}
		if e.external == nil && (e.verb == VerbUpdate || e.verb == VerbDelete) {
			ids = append(ids, e.id)
		}
	}
	if len(external) > 0 {
		err := c.findExternal(ctx, tx, c.object, external, func(name query.ExternalID, id string) {
			k.external[name], ids = id, append(ids, id)
		})
		if err != nil {
			return err
		}
	}
	for _, f := range k.fields {
		if len(values[f]) == 0 {
			continue
		}
		err := c.findBy(ctx, tx, c.object, f, slices.Collect(maps.Values(values[f])), func(id string, _ any) { ids = append(ids, id) })
		if err != nil {
			return err
		}
	}
	if len(ids) > 0 {
		if err := c.lockMany(ctx, tx, k, ids); err != nil {
			return err
		}
	}
	return c.convert(ctx, tx, k, entries)
}

// convert looks up the rates that the entries' amounts may need.
func (c *chunk) convert(ctx context.Context, tx Tx, k *knowledge, entries []*entry) error {
	var currencies []string
	for _, e := range entries {
		var before query.Values
		if record := k.find(e); record != nil {
			before = record.values
		}
		currencies = append(currencies, currenciesOf(c.object, e.wish.given, before)...)
	}
	return c.learnRates(ctx, tx, k.now, k.rates, currencies)
}

func (c *chunk) lockMany(ctx context.Context, tx Tx, k *knowledge, ids []string) error {
	slices.Sort(ids)
	statement, err := c.Compiler.LockMany(c.access(), c.object, slices.Compact(ids))
	if err != nil {
		return err
	}
	idField, _ := c.object.Field(schema.FieldID)
	return tx.Query(ctx, statement, func(row [][]byte) error {
		values, err := query.DecodeRow(statement.Columns, row)
		if err != nil {
			return err
		}
		id, _ := values[idField].(string)
		k.live[targetKey(c.object.Identity, id)] = true
		k.learn(&knownRecord{id: id, version: versionIn(c.object, statement.Columns, row), values: values})
		return nil
	})
}
