package crm

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/kontor-crm/kontor/internal/fault"
	"github.com/kontor-crm/kontor/internal/query"
	"github.com/kontor-crm/kontor/internal/schema"
)

// wish is what a request or a line asks for: values of fields, nil for null. Of
// a field with parts it holds the parts.
type wish struct {
	given query.Values
	// refused are the fields whose value could not be read: what else a rule may
	// have against them is not worth telling.
	refused    map[*schema.Field]bool
	violations []fault.Violation
}

func newWish() *wish {
	return &wish{given: query.Values{}, refused: map[*schema.Field]bool{}}
}

// refusef notes what is wrong with the value of a field.
func (w *wish) refusef(f *schema.Field, format string, args ...any) {
	w.refused[f] = true
	w.violations = append(w.violations, fault.Violation{Path: f.Path(), Message: fmt.Sprintf(format, args...)})
}

// fault is an Invalid fault with all that is wrong, in the order of the paths; nil when nothing is.
func (w *wish) fault() error {
	slices.SortStableFunc(w.violations, func(a, b fault.Violation) int { return strings.Compare(a.Path, b.Path) })
	return fault.Refuse(w.violations...)
}

// decode reads the body of a request, as encoding/json gives it with numbers as
// json.Number, and takes note of former names.
func decode(object *schema.Object, body map[string]any, former *schema.Deprecation) *wish {
	w := newWish()
	for name, value := range body {
		f, ok := object.Field(name)
		if ok && name != f.Path() {
			former.Field(f, name)
		}
		switch {
		case !ok || f.Parent != nil: // a part stands inside of its field
			w.violations = append(w.violations, fault.Violation{
				Path: shortened(name), Message: fmt.Sprintf("%s has no such field%s", object.Name, didYouMean(name, fieldNames(object))),
			})
		case name != f.Name && w.repeats(f, name, body):
		case f.Computed():
			w.refusef(f, "is computed and cannot be set")
		case f.SetBySystem():
			w.refusef(f, "is set by the system")
		case len(f.Parts()) > 0:
			w.decodeParts(f, value)
		default:
			decoded, err := f.Decode(value)
			if err != nil {
				w.refusef(f, "%s", err)
				continue
			}
			w.given[f] = decoded
		}
	}
	return w
}

// repeats says whether the body has the field by another name too, which goes before
// the given one. Then both have to say the same.
func (w *wish) repeats(f *schema.Field, name string, body map[string]any) bool {
	for _, other := range namesOf(f) {
		if other == name {
			return false
		}
		if value, ok := body[other]; ok {
			if !reflect.DeepEqual(value, body[name]) {
				w.refusef(f, "is called %q and %q in the same body, with different values", other, name)
			}
			return true
		}
	}
	return false
}

// namesOf are the names that a field has and had.
func namesOf(f *schema.Field) []string {
	names := []string{f.Path()}
	for _, former := range f.Former {
		names = append(names, former.Name)
	}
	return names
}

// decodeParts reads the value of a field with parts: those that it names are changed, null takes all away.
func (w *wish) decodeParts(f *schema.Field, value any) {
	decoded, problems := f.DecodeParts(value)
	maps.Copy(w.given, decoded)
	for _, problem := range problems {
		if part, ok := f.Part(problem.Path); ok {
			w.refusef(part, "%s", problem.Message)
			continue
		}
		if problem.Path == "" {
			w.refusef(f, "%s", problem.Message)
			for _, part := range f.Parts() {
				w.refused[part] = true
			}
			continue
		}
		w.violations = append(w.violations, fault.Violation{Path: f.Name + "." + shortened(problem.Path), Message: problem.Message})
	}
}

func fieldNames(object *schema.Object) []string {
	fields := object.AllFields()
	names := make([]string, 0, len(fields))
	for _, f := range fields {
		names = append(names, f.Name)
	}
	return names
}
