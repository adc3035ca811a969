package compile

import (
	"cmp"
	"fmt"
	"slices"

	crmv1 "github.com/kontor-crm/kontor/api/v1alpha1"
	"github.com/kontor-crm/kontor/internal/schema"
)

// The bounds of declared indexes: each costs time with every write.
const (
	// MaxIndexes is the greatest number of declared indexes of one object.
	MaxIndexes = 20
	// MaxIndexFields is the greatest number of fields of an index.
	MaxIndexFields = 8
)

// readIndexes makes a unit of each ObjectIndex that is given, by name. One that
// was deleted leaves nothing behind. Its fields are found by settleIndexes.
func (c *compiler) readIndexes(applied appliedIndex) []*unit[schema.Index] {
	units := map[Ref]*unit[schema.Index]{}
	for _, given := range c.in.Indexes {
		ref := Ref{KindIndex, given.Name}
		wanted := &schema.Index{Identity: given.Name, Object: given.Spec.Object, Unique: given.Spec.Unique, Source: ref.String()}
		for _, f := range given.Spec.Fields {
			wanted.Fields = append(wanted.Fields, schema.IndexField{Field: f.Field, Descending: f.Order == crmv1.IndexDescending})
		}
		units[ref] = &unit[schema.Index]{resource: c.resource(ref, given), applied: applied.indexes[ref.String()], wanted: wanted}
	}
	return sorted(units)
}

// settleIndexes decides which indexes are in play, by object and identity.
func (c *compiler) settleIndexes(s *schema.Schema) []*schema.Index {
	indexes := settleAdditions(c.indexes, addition[schema.Index]{
		kind: KindIndex, most: MaxIndexes, path: "spec.fields", content: content,
		object: func(x *schema.Index) string { return x.Object },
		judge:  func(x *schema.Index, isNew bool) (string, []Problem) { return c.judgeIndex(s, x, isNew) },
	})
	own, same := map[string]bool{}, map[string]bool{}
	for _, x := range indexes {
		own[x.Identity], same[content(x)] = true, true
	}
	for _, document := range c.additions.indexes {
		if x := c.standardIndex(document); x != nil && !same[content(x)] {
			x.Identity = freeName(x.Identity, own)
			indexes = append(indexes, x)
		}
	}
	slices.SortFunc(indexes, func(a, b *schema.Index) int {
		return cmp.Or(cmp.Compare(a.Object, b.Object), cmp.Compare(a.Identity, b.Identity))
	})
	return indexes
}

// standardIndex reads a standard index under the identities of this tenant; nil
// when one of its fields is not there.
func (c *compiler) standardIndex(document *crmv1.ObjectIndex) *schema.Index {
	o, fields := c.standardObject(document.Spec.Object)
	if o == nil {
		return nil
	}
	x := &schema.Index{Identity: document.Name, Object: o.Identity, Unique: document.Spec.Unique, Source: sourceStandard}
	for _, f := range document.Spec.Fields {
		identity, ok := recordedIdentity(f.Field, fields)
		if !ok {
			return nil
		}
		x.Fields = append(x.Fields, schema.IndexField{Field: identity, Descending: f.Order == crmv1.IndexDescending})
	}
	return x
}

// content is the same for indexes that do the same.
func content(x *schema.Index) string {
	return fmt.Sprint(x.Object, x.Unique, x.Fields)
}

// judgeIndex finds what is wrong with an index, and puts identities in the place of names.
func (c *compiler) judgeIndex(s *schema.Schema, x *schema.Index, isNew bool) (reason string, problems []Problem) {
	problems = checkNames(x.Identity, "anything", schema.CheckObjectName)
	o, ok := s.ObjectByIdentity(x.Object)
	if !ok {
		return crmv1.ReasonObjectNotFound, append(problems, Problem{Path: "spec.object", Message: c.noObject(x.Object, c.liveObjects())})
	}
	if len(x.Fields) == 0 || len(x.Fields) > MaxIndexFields {
		problems = append(problems, Problem{Path: "spec.fields", Message: fmt.Sprintf("an index has 1 to %d fields", MaxIndexFields)})
	}
	seen := map[string]bool{}
	for i := range x.Fields {
		at := fmt.Sprintf("spec.fields[%d].field", i)
		f, ok := named(o, x.Fields[i].Field, isNew)
		switch {
		case !ok:
			problems = append(problems, Problem{Path: at, Message: noField(o, x.Fields[i].Field)})
		case seen[f.Identity]:
			problems = append(problems, Problem{Path: at, Message: fmt.Sprintf("%q stands twice", f.Name)})
		case f.Computed() && !f.Kept():
			problems = append(problems, Problem{Path: at, Message: fmt.Sprintf("%q is computed whenever it is asked for, and has no column; one with indexed: true has", f.Name)})
		case f.Computed() && x.Unique:
			problems = append(problems, Problem{Path: at, Message: fmt.Sprintf("%q is computed, and nobody could say which write makes it the same twice", f.Name)})
		case !f.Sortable():
			problems = append(problems, Problem{Path: at, Message: fmt.Sprintf("%q is of the type %s, which has no order", f.Name, f.Type)})
		default:
			seen[f.Identity], x.Fields[i].Field = true, f.Identity
		}
	}
	return crmv1.ReasonInvalid, problems
}
