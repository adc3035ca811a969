package schema

import (
	"slices"
	"strings"
	"time"
)

// FormerName is a name that something had in the API before it was renamed. For a
// while it is answered beside the new one.
type FormerName struct {
	Name string `json:"name"`
	// Since is when the name was given up, and Until when it stops being answered.
	Since time.Time `json:"since"`
	Until time.Time `json:"until"`
}

// FormerNames are those of an object, or of a field of it, that still lead to it:
// no other has taken the name.
func (o *Object) FormerNames(f *Field) []FormerName {
	return slices.DeleteFunc(slices.Clone(f.Former), func(former FormerName) bool { return o.byName[former.Name] != f })
}

// FormerName is the former name by which a request has called the field, whose path
// it gave; false when it used the names of today.
func (f *Field) FormerName(path string) (FormerName, bool) {
	if path == f.Path() {
		return FormerName{}, false
	}
	if f.Parent != nil {
		path, _, _ = strings.Cut(path, ".")
		return f.Parent.FormerName(path)
	}
	return formerName(f.Former, path)
}

// FormerName is the former name by which a request has called the object; false
// when it used the name of today.
func (o *Object) FormerName(name string) (FormerName, bool) { return formerName(o.Former, name) }

func formerName(all []FormerName, name string) (FormerName, bool) {
	at := slices.IndexFunc(all, func(former FormerName) bool { return former.Name == name })
	if at < 0 {
		return FormerName{}, false
	}
	return all[at], true
}

// indexFormer makes the former names of the fields lead to them, where no name of
// today does.
func (o *Object) indexFormer(inverses []string) {
	for _, f := range o.AllFields() {
		for _, former := range f.Former {
			if o.byName[former.Name] != nil || slices.Contains(inverses, former.Name) {
				continue
			}
			o.byName[former.Name] = f
			for _, part := range f.parts {
				o.byName[former.Name+"."+part.Name] = part
			}
		}
	}
}

// indexFormer makes the former names of the objects lead to them, where no name of
// today does.
func (s *Schema) indexFormer() {
	for _, o := range s.Objects {
		for _, former := range o.Former {
			if s.byName[former.Name] == nil {
				s.byName[former.Name] = o
			}
		}
	}
}

// companions are the former names of the field beside one that had those.
func companions(former []FormerName, added string) []FormerName {
	beside := slices.Clone(former)
	for i := range beside {
		beside[i].Name += "_" + added
	}
	return beside
}

// timeless are the objects without the times of what happened to them: when a rename or
// another type comes into play, or an option was taken out, is no part of what a schema says.
func timeless(objects []*Object) []*Object {
	all := slices.Clone(objects)
	for i, o := range all {
		if len(o.Former) == 0 && !slices.ContainsFunc(o.Fields, hasTimes) {
			continue
		}
		c := *o
		c.Former, c.Fields = namesAlone(o.Former), slices.Clone(o.Fields)
		for j, f := range c.Fields {
			c.Fields[j] = timelessField(f)
		}
		all[i] = &c
	}
	return all
}

func hasTimes(f *Field) bool {
	return len(f.Former)+len(f.Previous) > 0 || slices.ContainsFunc(f.Options, func(option Option) bool { return !option.Since.IsZero() })
}

func timelessField(f *Field) *Field {
	if !hasTimes(f) {
		return f
	}
	c := *f
	c.Former, c.Previous, c.Options = namesAlone(f.Former), lasting(f.Previous), slices.Clone(f.Options)
	for i := range c.Options {
		c.Options[i].Since = time.Time{}
	}
	return &c
}

func timelessStages(pipelines []*Pipeline) []*Pipeline {
	all := slices.Clone(pipelines)
	for i, p := range all {
		if !slices.ContainsFunc(p.Stages, func(stage Stage) bool { return !stage.Since.IsZero() }) {
			continue
		}
		c := *p
		c.Stages = slices.Clone(p.Stages)
		for j := range c.Stages {
			c.Stages[j].Since = time.Time{}
		}
		all[i] = &c
	}
	return all
}

func namesAlone(former []FormerName) []FormerName {
	names := slices.Clone(former)
	for i := range names {
		names[i] = FormerName{Name: names[i].Name}
	}
	return names
}

// Deprecation gathers the former names that a request has used or was shown.
type Deprecation struct {
	// Since is when the first of them was given up, Until when the first of them stops
	// being answered; both are zero when there are none.
	Since, Until time.Time
}

// Add takes note of a former name. A nil Deprecation takes none.
func (d *Deprecation) Add(former FormerName) {
	if d == nil {
		return
	}
	if d.Since.IsZero() || former.Since.Before(d.Since) {
		d.Since = former.Since
	}
	if d.Until.IsZero() || former.Until.Before(d.Until) {
		d.Until = former.Until
	}
}

// Field takes note of a field that was called so, if that was a former name.
func (d *Deprecation) Field(f *Field, path string) {
	if former, ok := f.FormerName(path); ok {
		d.Add(former)
	}
}

// Object takes note of an object that was called so, if that was a former name.
func (d *Deprecation) Object(o *Object, name string) {
	if former, ok := o.FormerName(name); ok {
		d.Add(former)
	}
}
