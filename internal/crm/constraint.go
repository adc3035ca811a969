package crm

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/kontor-crm/kontor/internal/fault"
	"github.com/kontor-crm/kontor/internal/query"
	"github.com/kontor-crm/kontor/internal/schema"
)

// ConstraintKind is the kind of rule of the database that refused a write.
type ConstraintKind string

// The kinds of constraints.
const (
	ConstraintUnique  ConstraintKind = "unique"
	ConstraintForeign ConstraintKind = "foreign key"
	ConstraintCheck   ConstraintKind = "check"
	ConstraintNotNull ConstraintKind = "not null"
	// ConstraintRange is a value that the column's type cannot hold; it has no name.
	ConstraintRange ConstraintKind = "range"
)

// ConstraintError is what a Runner returns when the database's own rules refuse
// a write. Normally the model refuses first; uniqueness only the database knows.
type ConstraintError struct {
	Kind ConstraintKind
	// Name is the constraint's or the index's; Table and Column are physical names. Each may be empty.
	Name, Table, Column string
	// Cause is the database's error without the values of rows.
	Cause error
}

// Error names the constraint.
func (e *ConstraintError) Error() string {
	return fmt.Sprintf("the %s constraint %q of %q refuses the write", e.Kind, e.Name, e.Table)
}

// Unwrap is the cause.
func (e *ConstraintError) Unwrap() error { return e.Cause }

// explain turns a constraint's refusal into a fault at the field that it guards.
func (r *Records) explain(err error, writes []*write) error {
	refusal, ok := errors.AsType[*ConstraintError](err)
	if !ok {
		return err
	}
	object := writes[0].object
	for _, w := range writes {
		if w.object.Table == refusal.Table {
			object = w.object
		}
	}
	path := ""
	field := guarded(object, refusal)
	if field != nil {
		path = field.Path()
	}
	switch refusal.Kind {
	case ConstraintUnique:
		if together := r.uniqueTogether(object, refusal); together != nil {
			return &fault.Error{Kind: fault.Conflict, Reason: "Duplicate", Cause: err, Violations: together}
		}
		return &fault.Error{
			Kind: fault.Conflict, Reason: "Duplicate", Cause: err,
			Violations: []fault.Violation{{Path: path, Message: fmt.Sprintf("another %s has this value", object.Name)}},
		}
	case ConstraintForeign:
		return refuseAt(path, err, "the record that it points to is not there")
	case ConstraintNotNull:
		return refuseAt(path, err, "is required")
	case ConstraintCheck:
		if field != nil && !slices.ContainsFunc(writes, func(w *write) bool { return w.object == object && w.gives(field) }) {
			return refuseAt(path, err, "the value that the record has breaks a rule which is being introduced; give it another one with this change")
		}
		return refuseAt(path, err, "breaks a rule of the database")
	case ConstraintRange:
		return refuseAt(path, err, "does not fit into its column")
	}
	return err
}

// gives says whether the write decides the value of the field.
func (w *write) gives(field *schema.Field) bool {
	_, changed := w.changed[field]
	return changed || w.operation == query.OperationCreate
}

// uniqueTogether are the fields of the declared index that refuses a write; nil
// when it is none. Such an index is named after its table and its identity.
func (r *Records) uniqueTogether(object *schema.Object, refusal *ConstraintError) []fault.Violation {
	for _, x := range r.Compiler.Schema().IndexesOf(object) {
		if !strings.HasPrefix(refusal.Name, object.Table+"_i_"+x.Identity+"_") {
			continue
		}
		names := make([]string, 0, len(x.Fields))
		for _, field := range x.Fields {
			if f, ok := object.FieldByIdentity(field.Field); ok {
				names = append(names, f.Path())
			}
		}
		violations := make([]fault.Violation, 0, len(names))
		for _, name := range names {
			violations = append(violations, fault.Violation{
				Path: name, Message: fmt.Sprintf("another %s has the same %s", object.Name, strings.Join(names, " and ")),
			})
		}
		return violations
	}
	return nil
}

func refuseAt(path string, cause error, message string) error {
	return &fault.Error{Kind: fault.Invalid, Cause: cause, Violations: []fault.Violation{{Path: path, Message: message}}}
}

// guarded is the field that a constraint is about, or nil. Constraints are named
// after their column and indexes after table and column; then follow the kind
// and a hash. Long names are cut.
func guarded(object *schema.Object, refusal *ConstraintError) *schema.Field {
	for _, f := range object.Leaves() {
		if refusal.Column != "" && f.Column == refusal.Column {
			return f
		}
	}
	owner := refusal.Name
	for range 2 { // the hash, then the kind
		at := strings.LastIndexByte(owner, '_')
		if at < 0 {
			return nil
		}
		owner = owner[:at]
	}
	var found *schema.Field
	for _, f := range object.Leaves() {
		for _, name := range []string{f.Column, object.Table + "_" + f.Column} {
			if name == owner {
				return f
			}
			// kinds such as max_length leave a rest behind the column; the longest column wins
			if (strings.HasPrefix(owner, name+"_") || strings.HasPrefix(name, owner)) && (found == nil || len(f.Column) > len(found.Column)) {
				found = f
			}
		}
	}
	return found
}
