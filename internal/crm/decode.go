package crm

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kontor-crm/kontor/internal/fault"
	"github.com/kontor-crm/kontor/internal/query"
	"github.com/kontor-crm/kontor/internal/schema"
)

// wish is what a request or a line asks for: values of fields, nil for null.
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
	w.violations = append(w.violations, fault.Violation{Path: f.Name, Message: fmt.Sprintf(format, args...)})
}

// fault is an Invalid fault with all that is wrong, in the order of the paths; nil when nothing is.
func (w *wish) fault() error {
	slices.SortStableFunc(w.violations, func(a, b fault.Violation) int { return strings.Compare(a.Path, b.Path) })
	return fault.Refuse(w.violations...)
}

// decode reads the body of a request, as encoding/json gives it with numbers as json.Number.
func decode(object *schema.Object, body map[string]any) *wish {
	w := newWish()
	for name, value := range body {
		f, ok := object.Field(name)
		switch {
		case !ok:
			w.violations = append(w.violations, fault.Violation{
				Path: shortened(name), Message: fmt.Sprintf("%s has no such field%s", object.Name, didYouMean(name, fieldNames(object))),
			})
		case f.ReadOnly || f.Type == schema.TypeAutoNumber:
			w.refusef(f, "is set by the system")
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

func fieldNames(object *schema.Object) []string {
	fields := object.AllFields()
	names := make([]string, 0, len(fields))
	for _, f := range fields {
		names = append(names, f.Name)
	}
	return names
}
