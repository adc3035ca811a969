package schema

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// Previous is a column that held the values of a field before its type became another.
// For a while the database keeps it beside the new one: what is written to either
// reaches the other, in so far as it converts, so that servers that hold an older schema
// go on, and going back finds each value that nobody has changed since just as it was.
type Previous struct {
	// Form is the field as it was, with its column.
	Form *Field `json:"form"`
	// With is the column of the form whose values it is kept together with: the field's
	// own, or that of another previous form between the two.
	With string `json:"with"`
	// Conversion is how the one become the other, and back; nil: as the API does.
	Conversion *Conversion `json:"conversion,omitempty"`
	// Cleared says that values which did not convert became none; they are still in
	// this column. Otherwise no such value was, or is, let in.
	Cleared bool `json:"cleared,omitempty"`
	// Revision is that of the schema with the other type, and Since when it came. Both are no
	// part of what a schema says.
	Revision int64     `json:"revision"`
	Since    time.Time `json:"since"`
}

// columnMark stands between the first column of a field and the number of a later one.
// No identity holds it.
const columnMark = "$"

// OwnColumn is the first column of a field whose column that is.
func OwnColumn(column string) string {
	own, number, found := strings.Cut(column, columnMark)
	if _, err := strconv.Atoi(number); !found || err != nil {
		return column
	}
	return own
}

// IsNext says whether the column is one that a field got after its first, or one beside
// or in such a column.
func IsNext(column string) bool {
	own, _, _ := strings.Cut(column, partSeparator)
	return OwnColumn(own) != own
}

// FormOf is the form of the field that has the column: the field itself or one before; or nil.
func (f *Field) FormOf(column string) *Field {
	if f.Column == column {
		return f
	}
	for _, p := range f.Previous {
		if p.Form.Column == column {
			return p.Form
		}
	}
	return nil
}

// GoingBack are the previous columns of a field that goes back from its form to the one
// that has the column: each is kept together with the same one as before, seen from the
// other end. It is false when there is no such column, or the way to it is broken.
func (f *Field) GoingBack(column string, form Previous) ([]Previous, bool) {
	rest := slices.Clone(f.Previous)
	place := func(column string) int {
		return slices.IndexFunc(rest, func(p Previous) bool { return p.Form.Column == column })
	}
	at := place(column)
	if at < 0 {
		return nil, false
	}
	how, cleared, next, before := rest[at].Conversion, rest[at].Cleared, rest[at].With, column
	rest = slices.Delete(rest, at, at+1)
	for next != f.Column {
		if at = place(next); at < 0 {
			return nil, false
		}
		p := &rest[at]
		how, p.Conversion = p.Conversion, how
		cleared, p.Cleared = p.Cleared, cleared
		before, next, p.With = p.Form.Column, p.With, before
	}
	form.Conversion, form.Cleared, form.With = how, cleared, before
	return slices.Insert(rest, 0, form), true
}

// NextColumn is the name of the column for a form of the field that none of its columns
// can hold.
func (f *Field) NextColumn() string {
	taken := []string{f.Column}
	for _, p := range f.Previous {
		taken = append(taken, p.Form.Column)
	}
	own := OwnColumn(f.Column)
	for n := 2; ; n++ {
		if name := own + columnMark + strconv.Itoa(n); !slices.Contains(taken, name) {
			return name
		}
	}
}

// Leaves are the fields that held the value: the form itself, and the one beside it.
func (p Previous) Leaves() []*Field {
	f := *p.Form
	f.makeParts()
	f.makeCompanion(func(string) bool { return false })
	leaves := f.Leaves()
	if f.companion != nil {
		leaves = append(leaves, f.companion)
	}
	return leaves
}

// PreviousColumns are the names of all columns of earlier forms, those beside them included.
func (f *Field) PreviousColumns() []string {
	var columns []string
	for _, p := range f.Previous {
		columns = append(columns, p.Form.Columns()...)
	}
	return columns
}

// lasting are the previous columns without the times at which they became so.
func lasting(previous []Previous) []Previous {
	all := slices.Clone(previous)
	for i := range all {
		all[i].Revision, all[i].Since = 0, time.Time{}
	}
	return all
}
