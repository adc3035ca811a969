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
func (c *consequences) follow(ctx context.Context, tx Tx, dependent schema.Dependent, ids []string) error {
	most := maxConsequences + 1
	if dependent.Relation.OnDelete == schema.OnDeleteRefuse {
		most = 1 + len(c.known)
	}
	statement, err := c.Compiler.LockReferring(c.access(), dependent.Object, dependent.Relation, ids, most)
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
	switch {
	case c.known[key]: // it goes itself
		return nil
	case dependent.Relation.OnDelete == schema.OnDeleteRefuse:
		return fault.New(fault.Conflict, "it cannot be deleted: records of %s point to it by %q", dependent.Object.Name, dependent.Relation.Name)
	case len(c.writes) == maxConsequences:
		return fault.New(fault.Conflict, "it cannot be deleted: more than %d other records would have to change with it", maxConsequences)
	}
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

func idsOf(object *schema.Object, writes []*write) []string {
	var ids []string
	for _, w := range writes {
		if w.object == object {
			ids = append(ids, w.id)
		}
	}
	return ids
}

// concernsItself says whether deleting a record of the object may change or delete
// others of the object.
func concernsItself(s *schema.Schema, object *schema.Object) bool {
	seen := map[string]bool{}
	open := []*schema.Object{object}
	for len(open) > 0 {
		next := open[0]
		open = open[1:]
		for _, dependent := range s.Dependents(next) {
			if dependent.Object == object {
				return true
			}
			if !seen[dependent.Object.Identity] {
				seen[dependent.Object.Identity] = true
				open = append(open, dependent.Object)
			}
		}
	}
	return false
}
