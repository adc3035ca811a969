package crm

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/kontor-crm/kontor/internal/fault"
	"github.com/kontor-crm/kontor/internal/query"
	"github.com/kontor-crm/kontor/internal/schema"
)

// maxConsequences is how many other records a deletion may change or delete: it is one transaction.
const maxConsequences = 1000

// consequences are the writes that deletions bring with them, by what the
// relations to the deleted records say.
func (r *Records) consequences(ctx context.Context, tx Tx, writes []*write) ([]*write, error) {
	c := &consequences{Records: r, known: map[string]bool{}, byRecord: map[string]*write{}}
	for _, w := range writes {
		if w.operation == query.OperationDelete {
			c.known[targetKey(w.object.Identity, w.id)] = true
			c.open = append(c.open, w)
		}
	}
	for len(c.open) > 0 {
		deleted := c.open
		c.open = nil
		for _, object := range objectsOf(deleted) {
			for _, dependent := range r.Compiler.Schema().Dependents(object) {
				if err := c.follow(ctx, tx, dependent, idsOf(object, deleted)); err != nil {
					return nil, err
				}
			}
		}
	}
	return c.writes, nil
}

// consequences gathers what follows from deletions.
type consequences struct {
	*Records
	// known are the records that are deleted already.
	known    map[string]bool
	open     []*write // deletions whose own consequences are not known yet
	byRecord map[string]*write
	writes   []*write
}

// follow adds what becomes of the records of one relation.
func (c *consequences) follow(ctx context.Context, tx Tx, dependent schema.Dependent, ids []any) error {
	var children []string
	err := c.findBy(ctx, tx, dependent.Object, dependent.Relation, ids, func(id string, _ any) {
		if !c.known[targetKey(dependent.Object.Identity, id)] {
			children = append(children, id)
		}
	})
	if err != nil || len(children) == 0 {
		return err
	}
	if dependent.Relation.OnDelete == schema.OnDeleteRefuse {
		return fault.New(fault.Conflict, "it cannot be deleted: %d records of %s point to it by %q", len(children), dependent.Object.Name, dependent.Relation.Name)
	}
	if len(children)+len(c.writes) > maxConsequences {
		return fault.New(fault.Conflict, "it cannot be deleted: more than %d other records would have to change with it", maxConsequences)
	}
	statement, err := c.Compiler.LockMany(c.access(), dependent.Object, children)
	if err != nil {
		return err
	}
	return tx.Query(ctx, statement, func(row [][]byte) error {
		found, err := readLocked(dependent.Object, statement.Columns, row)
		if err != nil {
			return err
		}
		return c.add(dependent, found)
	})
}

// add notes what becomes of one record.
func (c *consequences) add(dependent schema.Dependent, found *locked) error {
	idField, _ := dependent.Object.Field(schema.FieldID)
	id, _ := found.values[idField].(string)
	key := targetKey(dependent.Object.Identity, id)
	w := c.byRecord[key]
	if w == nil {
		w = &write{object: dependent.Object, id: id, operation: query.OperationUpdate, version: found.version, before: found.values, changed: query.Values{}}
		c.byRecord[key] = w
		c.writes = append(c.writes, w)
	}
	if dependent.Relation.OnDelete == schema.OnDeleteClear {
		if w.operation == query.OperationUpdate {
			w.changed[dependent.Relation] = nil
		}
		return nil
	}
	if err := c.mayGo(dependent.Object, id); err != nil {
		return fmt.Errorf("deleting a %s with it: %w", dependent.Object.Name, err)
	}
	w.operation, w.changed = query.OperationDelete, nil
	c.known[key] = true
	c.open = append(c.open, w)
	return nil
}

// objectsOf are the objects of the writes, in one order.
func objectsOf(writes []*write) []*schema.Object {
	objects := map[string]*schema.Object{}
	for _, w := range writes {
		objects[w.object.Identity] = w.object
	}
	found := make([]*schema.Object, 0, len(objects))
	for _, identity := range slices.Sorted(maps.Keys(objects)) {
		found = append(found, objects[identity])
	}
	return found
}

func idsOf(object *schema.Object, writes []*write) []any {
	var ids []any
	for _, w := range writes {
		if w.object == object {
			ids = append(ids, w.id)
		}
	}
	return ids
}
