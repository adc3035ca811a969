package crm

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/kontor-crm/kontor/internal/query"
	"github.com/kontor-crm/kontor/internal/schema"
)

// lookup is the wish that a relation points to the one live record of its target
// whose field by has the value.
type lookup struct {
	relation *schema.Field
	target   *schema.Object
	by       *schema.Field
	value    any
}

func (l lookup) key() keyValue { return keyValue{l.by, keyText(l.by, l.value)} }

// namesakes are the live records that share a value of a field.
type namesakes struct {
	ids []string
	// more says that the database has more of them than are told.
	more bool
}

func (n namesakes) with(id string) namesakes {
	if !slices.Contains(n.ids, id) {
		n.ids = append(slices.Clip(n.ids), id)
	}
	return n
}

func (n namesakes) without(id string) namesakes {
	n.ids = slices.DeleteFunc(slices.Clone(n.ids), func(other string) bool { return other == id })
	return n
}

// lookUp asks the database once for each field that the entries look records up by,
// and notes the records that it has.
func (c *chunk) lookUp(ctx context.Context, tx Tx, k *knowledge) error {
	targetOf := map[*schema.Field]*schema.Object{}
	values := map[*schema.Field]map[string]any{}
	var order []*schema.Field
	for _, e := range c.entries {
		for _, l := range e.lookups {
			if values[l.by] == nil {
				values[l.by], targetOf[l.by] = map[string]any{}, l.target
				order = append(order, l.by)
			}
			values[l.by][l.key().text] = l.value
		}
	}
	for _, by := range order {
		target := targetOf[by]
		if target == c.object {
			k.lookedUpBy = append(k.lookedUpBy, by)
		}
		statement, err := c.Compiler.FindTwo(c.access(), target, by, slices.Collect(maps.Values(values[by])))
		if err != nil {
			return err
		}
		err = tx.Query(ctx, statement, func(row [][]byte) error {
			decoded, err := query.DecodeRow(statement.Columns, row)
			if err != nil {
				return err
			}
			key, id := keyValue{by, keyText(by, decoded[by])}, string(row[0])
			found := k.named[key].with(id)
			found.more = len(found.ids) > 1
			k.named[key] = found
			return nil
		})
		if err != nil {
			return fmt.Errorf("looking up %s by %s: %w", target.Name, by.Name, err)
		}
	}
	return nil
}

// settle lets the relations of an entry point to the records that are looked up, among
// them those of the entries before it; left are the lookups that do not mean one record.
func (k *knowledge) settle(e *entry) (left []lookup) {
	for _, l := range e.lookups {
		if found := k.named[l.key()]; len(found.ids) == 1 && !found.more {
			e.wish.given[l.relation] = found.ids[0]
			continue
		}
		delete(e.wish.given, l.relation)
		left = append(left, l)
	}
	return left
}

// forgetGone takes out of what is looked up the records that were deleted before they
// could be locked: the entries find none then.
func (k *knowledge) forgetGone(entries []*entry) {
	for _, e := range entries {
		for _, l := range e.lookups {
			found := k.named[l.key()]
			if len(found.ids) == 1 && !found.more && !k.live[targetKey(l.target.Identity, found.ids[0])] {
				k.named[l.key()] = found.without(found.ids[0])
			}
		}
	}
}

// refuseLookups says of lookups that they do not mean one record.
func (k *knowledge) refuseLookups(left []lookup, w *wish) {
	for _, l := range left {
		if found := k.named[l.key()]; len(found.ids) == 0 && !found.more {
			w.refusef(l.relation, "there is no %s whose %s is %q", l.target.Name, l.by.Name, shortened(canonical(l.value)))
			continue
		}
		w.refusef(l.relation, "there are several records of %s whose %s is %q", l.target.Name, l.by.Name, shortened(canonical(l.value)))
	}
}
