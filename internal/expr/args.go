package expr

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/kontor-crm/kontor/internal/schema"
)

// Args are the arguments of one SQL statement, in the order of their numbers.
// The zero value has none; what is added first is $1.
type Args struct {
	values []any
	// literal says that values are written into the SQL.
	literal bool
}

// Add adds a value and returns its placeholder ("$3"), to be followed by a cast.
func (a *Args) Add(value any) string {
	if a.literal {
		return literalOf(value)
	}
	a.values = append(a.values, value)
	return "$" + strconv.Itoa(len(a.values))
}

// Values are the arguments so far.
func (a *Args) Values() []any { return a.values }

// Clone are the same arguments, to which others can be added.
func (a *Args) Clone() Args { return Args{values: slices.Clone(a.values), literal: a.literal} }

// literalOf writes a value into SQL, for definitions, which take no arguments.
func literalOf(value any) string {
	texts, ok := value.([]string)
	if !ok {
		return strings.TrimSpace(schema.QuoteLiteral(fmt.Sprint(value)))
	}
	quoted := make([]string, len(texts))
	for i, text := range texts {
		quoted[i] = literalOf(text)
	}
	return "ARRAY[" + strings.Join(quoted, ", ") + "]"
}
