package expr

import (
	"slices"
	"strconv"
)

// Args are the arguments of one SQL statement, in the order of their numbers.
// The zero value has none; what is added first is $1.
type Args struct{ values []any }

// Add adds a value and returns its placeholder ("$3"), to be followed by a cast.
func (a *Args) Add(value any) string {
	a.values = append(a.values, value)
	return "$" + strconv.Itoa(len(a.values))
}

// Values are the arguments so far.
func (a *Args) Values() []any { return a.values }

// Clone are the same arguments, to which others can be added.
func (a *Args) Clone() Args { return Args{values: slices.Clone(a.values)} }
