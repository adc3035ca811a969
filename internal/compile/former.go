package compile

import (
	"slices"
	"sync"
	"time"

	"github.com/kontor-crm/kontor/internal/schema"
)

// defaultRenameGrace is how long a former name is answered when the Tenant does not say.
const defaultRenameGrace = 720 * time.Hour

// maxFormer is the greatest number of former names of an object or a field.
const maxFormer = 10

// remember gives the objects and fields of a round the names that they had before:
// those that are applied with their times, and the one that goes now. A name that
// something else has today is nobody's former one.
func (c *compiler) remember(drafts []*draft) {
	if c.in.Applied == nil {
		return
	}
	objects := map[string]bool{}
	inverses := map[string][]string{}
	for _, d := range drafts {
		objects[d.object.Name] = true
		for _, f := range d.fields {
			if f.Inverse != "" {
				inverses[f.Target] = append(inverses[f.Target], f.Inverse)
			}
		}
	}
	for _, d := range drafts {
		before, ok := c.in.Applied.ObjectByIdentity(d.object.Identity)
		if !ok {
			continue
		}
		d.object.Former = c.former(before.Former, before.Name, d.object.Name, objects)
		taken := fieldNames(d, inverses[d.object.Identity])
		for _, f := range d.fields {
			f.Former = nil
			if old, ok := before.FieldByIdentity(f.Identity); ok {
				f.Former = c.former(old.Former, old.Name, f.Name, taken)
			}
		}
	}
}

// fieldNames are the names of today in an object, which no former name stands before.
func fieldNames(d *draft, inverses []string) map[string]bool {
	names := map[string]bool{}
	for _, name := range inverses {
		names[name] = true
	}
	for _, f := range d.fields {
		names[f.Name] = true
		if beside, ok := schema.CompanionName(f.Type, f.Name); ok {
			names[beside] = true
		}
	}
	return names
}

// former are the former names of something that was called before and is called
// now. What it keeps is taken for others.
func (c *compiler) former(names []schema.FormerName, before, now string, taken map[string]bool) []schema.FormerName {
	var all []schema.FormerName
	keep := func(name schema.FormerName) {
		if !taken[name.Name] {
			taken[name.Name] = true
			all = append(all, name)
		}
	}
	for _, name := range names {
		keep(name)
	}
	if grace := c.renameGrace(); before != now && grace > 0 {
		since := c.in.Now.UTC().Truncate(time.Second)
		keep(schema.FormerName{Name: before, Since: since, Until: since.Add(grace)})
	}
	return all[max(0, len(all)-maxFormer):]
}

func (c *compiler) renameGrace() time.Duration {
	if c.in.Tenant == nil || c.in.Tenant.Spec.ChangePolicy.RenameGrace == nil {
		return defaultRenameGrace
	}
	return c.in.Tenant.Spec.ChangePolicy.RenameGrace.Duration
}

// forget takes the former names away whose time is over and by which no expression
// calls anything any more: a rule does not stop to be one because time goes by.
func (c *compiler) forget(s *schema.Schema) (*schema.Schema, error) {
	over := func(name schema.FormerName) bool { return !name.Until.After(c.in.Now) }
	said := sync.OnceValue(func() map[formerUse]bool { return formerUses(s) })
	forgotten := false
	without := func(names []schema.FormerName, key fieldKey) []schema.FormerName {
		left := slices.DeleteFunc(slices.Clone(names), func(name schema.FormerName) bool { return over(name) && !said()[formerUse{key, name.Name}] })
		forgotten = forgotten || len(left) < len(names)
		return slices.Clip(left)
	}
	for _, o := range s.Objects {
		o.Former = without(o.Former, fieldKey{object: o.Identity})
		for _, f := range o.Fields {
			f.Former = without(f.Former, fieldKey{o.Identity, f.Identity})
		}
	}
	if !forgotten {
		return s, nil
	}
	return schema.Build(s)
}
