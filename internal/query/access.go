package query

import (
	"time"

	"github.com/kontor-crm/kontor/internal/expr"
	"github.com/kontor-crm/kontor/internal/fault"
	"github.com/kontor-crm/kontor/internal/schema"
)

// Access is what the asker may see and do. Every statement needs one; its zero
// value denies everything.
type Access struct {
	everything bool
	user       string
	at         time.Time
	former     *schema.Deprecation
}

// Everything is the access of a tenant's administrator.
func Everything() Access { return Access{everything: true} }

// Asking is the access with who asks (the id of a user, or empty) and when: what
// user() and now() are in the expressions of the statement.
func (a Access) Asking(user string, at time.Time) Access {
	a.user, a.at = user, at
	return a
}

// Noting is the access with who takes note of the former names that the request says
// or is shown.
func (a Access) Noting(former *schema.Deprecation) Access {
	a.former = former
	return a
}

// Shows takes note of an object whose records are shown with all fields, and so
// under their former names too.
func (a Access) Shows(o *schema.Object) {
	if a.former == nil {
		return
	}
	for _, f := range a.visible(o) {
		for _, former := range o.FormerNames(f) {
			a.former.Add(former)
		}
	}
}

func (a Access) mayRead(*schema.Object) bool { return a.everything }

func (a Access) mayWrite(*schema.Object) bool { return a.everything }

// maySee says whether the values of a field are shown, and may be searched and sorted by.
func (a Access) maySee(*schema.Object, *schema.Field) bool { return a.everything }

// reading refuses the statement when the object's records may not be read.
func (a Access) reading(o *schema.Object) error {
	if !a.mayRead(o) {
		return fault.New(fault.Forbidden, "you may not read %s", o.Name)
	}
	return nil
}

// writing refuses the statement when the object's records may not be written.
func (a Access) writing(o *schema.Object) error {
	if !a.mayWrite(o) {
		return fault.New(fault.Forbidden, "you may not write %s", o.Name)
	}
	return nil
}

// MayWrite refuses, with fault.Forbidden, when the object's records may not be written.
func (c *Compiler) MayWrite(a Access, o *schema.Object) error { return a.writing(o) }

// visible are the fields of an object that are shown.
func (a Access) visible(o *schema.Object) []*schema.Field {
	var visible []*schema.Field
	for _, f := range o.AllFields() {
		if a.maySee(o, f) {
			visible = append(visible, f)
		}
	}
	return visible
}

// field is the field of that name, or the part of that path; one that may not be seen is no field. path is where the request names it.
func (a Access) field(o *schema.Object, name, path string) (*schema.Field, error) {
	f, ok := o.Field(name)
	if !ok || !a.maySee(o, f) {
		return nil, malformed(path, "no field %.60q in %s%s", name, o.Name, expr.DidYouMean(name, a.visible(o)))
	}
	a.former.Field(f, name)
	return f, nil
}
