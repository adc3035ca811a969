package query

import (
	"strings"

	"github.com/kontor-crm/kontor/internal/expr"
	"github.com/kontor-crm/kontor/internal/schema"
)

// titleOf is what people call the record of the alias, in SQL.
func titleOf(a Access, alias string, target *schema.Object) string {
	f := target.TitleField()
	if !a.maySee(target, f) {
		return "NULL::text"
	}
	var leaves []string
	for _, leaf := range f.Leaves() {
		leaves = append(leaves, column(alias, leaf)+"::text")
	}
	if len(leaves) == 1 {
		return leaves[0]
	}
	return "NULLIF(concat_ws(' ', " + strings.Join(leaves, ", ") + "), '')"
}

// Titles gives a row of id and title for each of the records with those ids; deleted
// ones are left out, unless they are wanted too. It is nil where they may not be read.
func (c *Compiler) Titles(a Access, o *schema.Object, ids []string, deleted bool) *Statement {
	if !a.mayRead(o) {
		return nil
	}
	var args expr.Args
	where := idOf(record) + " = ANY(" + args.Add(ids) + "::text[]::uuid[])"
	if !deleted {
		where += " AND " + live(record)
	}
	return &Statement{
		SQL:  "SELECT " + idOf(record) + ", " + titleOf(a, record, o) + " FROM " + o.QualifiedTable() + " AS " + record + " WHERE " + where,
		Args: args.Values(),
	}
}
