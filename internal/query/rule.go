package query

import (
	"strings"

	"github.com/kontor-crm/kontor/internal/expr"
	"github.com/kontor-crm/kontor/internal/schema"
)

// Rule is a validation rule that can be held against records.
type Rule struct {
	*schema.ValidationRule
	Condition *expr.Expression
	// Field is where the message belongs; nil: to the whole record.
	Field *schema.Field
}

// IsOwn says whether the rule can be decided before the write, from the values
// that the record is to have: it reads nothing that the database sets, and no
// other record.
func (r Rule) IsOwn() bool {
	if r.Condition.ReadsOthers() {
		return false
	}
	for _, use := range r.Condition.Fields() {
		if use.Field.ReadOnly || use.Field.Type == schema.TypeAutoNumber {
			return false
		}
	}
	return true
}

// Concerns says whether a change of those fields may break the rule: it reads one
// of them, or none at all of the record's own.
func (r Rule) Concerns(changed Values) bool {
	own := 0
	for _, use := range r.Condition.Fields() {
		if use.Object.Identity != r.Object || use.Field.ReadOnly {
			continue
		}
		if _, ok := changed[use.Field]; ok {
			return true
		}
		own++
	}
	return own == 0
}

// Check says of a record, which a write has just left so, whether it keeps each
// of the rules: one row with a boolean for each.
func (c *Compiler) Check(o *schema.Object, id string, rules []Rule, context expr.Context) Statement {
	var args expr.Args
	verdicts := make([]string, 0, len(rules))
	for _, rule := range rules {
		verdicts = append(verdicts, rule.Condition.SQL(&args, context, record))
	}
	return Statement{
		SQL:  "SELECT " + strings.Join(verdicts, ", ") + " FROM " + o.QualifiedTable() + " AS " + record + " WHERE " + byID(&args, id),
		Args: args.Values(),
	}
}
