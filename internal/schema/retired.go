package schema

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Retired is what was deleted and whose data is kept for a while: in the same tables
// and columns, out of everybody's sight. Put back under the same identity, it brings
// all of its values with it.
type Retired struct {
	// Objects have the fields that they declared themselves. They are ordered by identity.
	Objects []RetiredObject `json:"objects,omitempty"`
	// Fields are those of other resources, and those of objects that stay. They are ordered
	// by object, then identity.
	Fields []RetiredField `json:"fields,omitempty"`
}

// RetiredObject is an object that was deleted.
type RetiredObject struct {
	// Form is its last form, without what is computed.
	Form *Object `json:"form"`
	// Since is when it was deleted.
	Since time.Time `json:"since,omitzero"`
}

// RetiredField is a field that was deleted.
type RetiredField struct {
	// Object is the identity of its object, which may be retired too.
	Object string `json:"object"`
	// Form is its last form.
	Form *Field `json:"form"`
	// Since is when it was deleted.
	Since time.Time `json:"since,omitzero"`
}

// Leaves are the fields that have a column each: its parts, or itself and what stands
// beside it, then those of the forms that it had before. An amount of money has its
// currency in a field of all of the record's, which others may have use for too.
func (r RetiredField) Leaves() []*Field {
	leaves := slices.Clone(r.Form.Leaves())
	if beside := r.Form.Companion(); beside != nil {
		leaves = append(leaves, beside.Leaves()...)
	}
	for _, previous := range r.Form.Previous {
		leaves = append(leaves, previous.Leaves()...)
	}
	if r.Form.Type == TypeMoney {
		leaves = append(leaves, currencyField())
	}
	return leaves
}

// IsEmpty says that nothing is retired.
func (r Retired) IsEmpty() bool { return len(r.Objects)+len(r.Fields) == 0 }

// Object is the retired object of that identity, or false.
func (r Retired) Object(identity string) (RetiredObject, bool) {
	at := slices.IndexFunc(r.Objects, func(o RetiredObject) bool { return o.Form.Identity == identity })
	if at < 0 {
		return RetiredObject{}, false
	}
	return r.Objects[at], true
}

// FieldsOf are the retired fields of an object, those that went with it apart.
func (r Retired) FieldsOf(object string) []RetiredField {
	return slices.DeleteFunc(slices.Clone(r.Fields), func(f RetiredField) bool { return f.Object != object })
}

// Field is the retired field of that identity in an object, whether it was deleted
// alone or went with the object; false when there is none.
func (r Retired) Field(object, identity string) (RetiredField, bool) {
	for _, f := range r.Fields {
		if f.Object == object && f.Form.Identity == identity {
			return f, true
		}
	}
	if o, ok := r.Object(object); ok {
		for _, f := range o.Form.Fields {
			if f.Identity == identity {
				return RetiredField{Object: object, Form: f, Since: o.Since}, true
			}
		}
	}
	return RetiredField{}, false
}

// Sort puts everything in its order.
func (r Retired) Sort() {
	slices.SortFunc(r.Objects, func(a, b RetiredObject) int { return strings.Compare(a.Form.Identity, b.Form.Identity) })
	slices.SortFunc(r.Fields, func(a, b RetiredField) int {
		return cmp.Or(strings.Compare(a.Object, b.Object), strings.Compare(a.Form.Identity, b.Form.Identity))
	})
}

// build gives the retired forms their parts. They point to nothing: what they pointed
// to may be gone.
func (r Retired) build() error {
	for _, o := range r.Objects {
		if err := o.Form.index(nil); err != nil {
			return fmt.Errorf("retired object %q: %w", o.Form.Identity, err)
		}
	}
	for _, f := range r.Fields {
		if _, ok := TypeOf(f.Form.Type); !ok {
			return fmt.Errorf("retired field %q of %q has the unknown type %q", f.Form.Identity, f.Object, f.Form.Type)
		}
		f.Form.makeParts()
		f.Form.makeCompanion(func(string) bool { return false })
	}
	return nil
}

// timeless is the same without times: when something was deleted is no part of what a
// schema says.
func (r Retired) timeless() Retired {
	r.Objects, r.Fields = slices.Clone(r.Objects), slices.Clone(r.Fields)
	for i := range r.Objects {
		r.Objects[i].Since = time.Time{}
		r.Objects[i].Form = timeless([]*Object{r.Objects[i].Form})[0]
	}
	for i := range r.Fields {
		r.Fields[i].Since = time.Time{}
		r.Fields[i].Form = timelessField(r.Fields[i].Form)
	}
	return r
}
