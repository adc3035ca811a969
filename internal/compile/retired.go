package compile

import (
	"slices"
	"time"

	"github.com/kontor-crm/kontor/internal/schema"
)

// Retired names something that was deleted and whose data is kept: an object, a field,
// or an option or stage of it, by identities.
type Retired struct{ Object, Field, Option string }

// Keeping is what is kept of something that was deleted, and since when.
type Keeping struct {
	Retired
	// Source is the resource that declared it ("CustomField tier"), or "standard".
	Source string
	// Name is what the API called it: customer.tier, or customer.tier: gold.
	Name  string
	Since time.Time
}

// retired are the objects and fields that are not in the schema any more, and whose
// data is kept: those that were applied, and those that were retired before.
func (c *compiler) retired(s *schema.Schema) schema.Retired {
	var all schema.Retired
	if c.in.Applied == nil {
		return all
	}
	keepField := func(object string, f *schema.Field, since time.Time) {
		o, live := s.ObjectByIdentity(object)
		if live {
			_, live = o.FieldByIdentity(f.Identity)
		}
		if !live && !f.Computed() && !c.in.Purge[Retired{Object: object, Field: f.Identity}] {
			form := *f
			form.Former = nil
			all.Fields = append(all.Fields, schema.RetiredField{Object: object, Form: &form, Since: since})
		}
	}
	keepObject := func(o *schema.Object, since time.Time) {
		if _, live := s.ObjectByIdentity(o.Identity); live {
			for _, f := range o.Fields {
				keepField(o.Identity, f, since)
			}
			return
		}
		if !c.in.Purge[Retired{Object: o.Identity}] {
			all.Objects = append(all.Objects, schema.RetiredObject{Form: retiredForm(o), Since: since})
		}
	}
	before := c.in.Applied
	for _, o := range before.Objects {
		keepObject(o, c.now())
		if _, live := s.ObjectByIdentity(o.Identity); !live {
			for _, f := range o.Fields {
				if f.Source != o.Source {
					keepField(o.Identity, f, c.now())
				}
			}
		}
	}
	for _, retired := range before.Retired.Objects {
		keepObject(retired.Form, retired.Since)
	}
	for _, retired := range before.Retired.Fields {
		if !c.in.Purge[Retired{Object: retired.Object}] {
			keepField(retired.Object, retired.Form, retired.Since)
		}
	}
	all.Sort()
	return all
}

// retiredForm is an object with the fields of its own that hold data.
func retiredForm(o *schema.Object) *schema.Object {
	form := copyObject(o)
	form.Former, form.Fields = nil, nil
	for _, f := range o.Fields {
		if f.Source == o.Source && !f.Computed() {
			kept := *f
			kept.Former = nil
			form.Fields = append(form.Fields, &kept)
		}
	}
	return form
}

// formerly is the form of a field that goes on in this one: the applied one of the same
// resource, or that of one which was deleted; nil when there is none.
func (c *compiler) formerly(object string, f *schema.Field) *schema.Field {
	before := c.before.field(object, f)
	if before == nil || before.Source == f.Source || c.left[before.Source] || c.left[before.Source+"."+f.Identity] {
		return before
	}
	if retired, ok := c.in.Applied.Retired.Field(object, f.Identity); ok && retired.Form == before {
		return before
	}
	return nil
}

// retiredStandard are the identities of the retired standard objects, whose module may
// be turned on again at any time.
func (c *compiler) retiredStandard(drafts []*draft) []string {
	var identities []string
	for identity, o := range c.before.standardObjects() {
		if !slices.ContainsFunc(drafts, func(d *draft) bool { return d.unit == nil && d.object.Identity == identity }) {
			identities = append(identities, o.Identity)
		}
	}
	return identities
}

// retiredIn are the retired fields of an object in a round: they still have their columns.
func (c *compiler) retiredIn(d *draft) []schema.RetiredField {
	if c.in.Applied == nil {
		return nil
	}
	fields := c.in.Applied.Retired.FieldsOf(d.object.Identity)
	if o, ok := c.in.Applied.Retired.Object(d.object.Identity); ok {
		for _, f := range o.Form.Fields {
			fields = append(fields, schema.RetiredField{Object: d.object.Identity, Form: f})
		}
	}
	return slices.DeleteFunc(fields, func(retired schema.RetiredField) bool {
		return slices.ContainsFunc(d.fields, func(f drafted) bool { return f.Identity == retired.Form.Identity && f.Custom == retired.Form.Custom })
	})
}

// Kept is all that is kept of what was deleted: objects, fields, options and stages.
func Kept(s *schema.Schema) []Keeping {
	var all []Keeping
	for _, o := range s.Retired.Objects {
		all = append(all, Keeping{Retired{Object: o.Form.Identity}, o.Form.Source, o.Form.Name, o.Since})
	}
	for _, f := range s.Retired.Fields {
		name := f.Object
		if o, ok := s.ObjectByIdentity(f.Object); ok {
			name = o.Name
		}
		all = append(all, Keeping{Retired{Object: f.Object, Field: f.Form.Identity}, f.Form.Source, name + "." + f.Form.Name, f.Since})
	}
	for _, o := range s.Objects {
		for _, f := range o.Fields {
			for _, option := range f.Options {
				if option.Retired == schema.RetiredByRemoval && !borrows(s, f, option.Key) {
					all = append(all, Keeping{Retired{o.Identity, f.Identity, option.Key}, sourceOf(s, o, f), o.Name + "." + f.Name + ": " + option.Key, option.Since})
				}
			}
		}
	}
	return all
}

// borrows says whether a field has an option because another, whose options it has, has it.
func borrows(s *schema.Schema, f *schema.Field, option string) bool {
	if f.OptionsFrom == nil {
		return false
	}
	o, ok := s.ObjectByIdentity(f.OptionsFrom.Object)
	if !ok {
		return false
	}
	from, ok := o.FieldByIdentity(f.OptionsFrom.Field)
	return ok && slices.ContainsFunc(from.Options, func(o schema.Option) bool { return o.Key == option })
}

// sourceOf is the resource that declares the options of a field.
func sourceOf(s *schema.Schema, o *schema.Object, f *schema.Field) string {
	if p, ok := s.PipelineOf(o, f); ok {
		return p.Source
	}
	return f.Source
}
