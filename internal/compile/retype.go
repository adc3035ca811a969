package compile

import (
	"slices"
	"time"

	crmv1 "github.com/kontor-crm/kontor/api/v1alpha1"
	"github.com/kontor-crm/kontor/internal/schema"
)

// takeOver gives a field the columns that are recorded. Where its values become others
// they get a column of their own, and the one from before is kept beside it; where they
// had such a column already, they go back to it. A field that was retired comes back as
// it was: the values that it brings are not in force yet.
func (c *compiler) takeOver(object string, f, applied *schema.Field) {
	f.Column, f.Previous = applied.Column, c.kept(applied.Previous)
	if _, retired := c.in.Applied.Retired.Field(object, f.Identity); retired || f.Computed() || applied.Computed() {
		return
	}
	if at := slices.IndexFunc(f.Previous, func(p schema.Previous) bool { return isBackTo(f, applied, p) }); at >= 0 {
		from := *applied
		from.Previous = f.Previous
		if previous, ok := from.GoingBack(f.Previous[at].Form.Column, c.previous(applied, nil)); ok {
			f.Column, f.Previous = f.Previous[at].Form.Column, previous
			return
		}
	}
	if schema.WayOf(applied, f, f.Conversion).Converts() {
		f.Column = applied.NextColumn()
		before := c.previous(applied, f.Conversion)
		before.With, before.Cleared = f.Column, f.OnViolation == schema.OnViolationClear
		f.Previous = slices.Insert(slices.Clone(f.Previous), 0, before)
	}
}

// isBackTo says whether a field becomes what it was before.
func isBackTo(f, applied *schema.Field, p schema.Previous) bool {
	return p.Form.Type == f.Type && schema.WayOf(p.Form, f, nil).InPlace() &&
		(applied.Type != f.Type || !schema.WayOf(applied, f, nil).InPlace())
}

// previous is the column of a form that gives way now.
func (c *compiler) previous(applied *schema.Field, how *schema.Conversion) schema.Previous {
	form := &schema.Field{
		Identity: applied.Identity, Name: applied.Name, Column: applied.Column, Type: applied.Type, Custom: applied.Custom, Source: applied.Source,
		Length: applied.Length, Precision: applied.Precision, Scale: applied.Scale, Min: applied.Min, Max: applied.Max, Options: applied.Options,
	}
	if how != nil {
		how = new(*how)
	}
	return schema.Previous{Form: form, Conversion: how, Revision: c.in.Applied.Revision + 1, Since: c.in.Now.UTC().Truncate(time.Second)}
}

// kept are the previous columns whose time is not over, or that a server may still
// read, and those that one of them is kept together with.
func (c *compiler) kept(previous []schema.Previous) []schema.Previous {
	needed := map[string]bool{}
	var kept []schema.Previous
	for before := -1; before < len(kept); { // each round finds those that are needed by the ones found before
		before, kept = len(kept), nil
		for _, p := range previous {
			leased := c.in.Leased > 0 && c.in.Leased < p.Revision
			if leased || needed[p.Form.Column] || p.Since.Add(c.retention()).After(c.in.Now) {
				kept = append(kept, p)
				needed[p.With] = true
			}
		}
	}
	return kept
}

// retention is how long values are kept that are out of use.
func (c *compiler) retention() time.Duration {
	if c.in.Tenant == nil {
		return crmv1.ChangePolicy{}.RetentionTime()
	}
	return c.in.Tenant.Spec.ChangePolicy.RetentionTime()
}
