package query

import (
	"slices"

	"github.com/kontor-crm/kontor/internal/expr"
	"github.com/kontor-crm/kontor/internal/schema"
)

// compileComputed reads the expressions of the computed fields. One that cannot
// be read has none, and no value: the compiler of the schema lets none through.
func compileComputed(s *schema.Schema) map[*schema.Field]*expr.Expression {
	expressions := map[*schema.Field]*expr.Expression{}
	for _, o := range s.Objects {
		for _, f := range o.Fields {
			if !f.Computed() {
				continue
			}
			if e, err := expr.CompileComputed(s, o, f); err == nil {
				expressions[f] = e
			}
		}
	}
	return expressions
}

// mayCompute says whether a field that is computed can be, from what may be
// seen. It is true of all others.
func (c *Compiler) mayCompute(a Access, f *schema.Field) bool {
	if !f.Computed() {
		return true
	}
	e := c.computed()[f]
	return e != nil && !slices.ContainsFunc(e.Fields(), func(use expr.Use) bool {
		return !a.mayRead(use.Object) || !a.maySee(use.Object, use.Field)
	})
}

// ComputesFromOthers says whether records of the object have a field that is
// computed from other records. What a write gives back lacks it: the record is
// to be read after it.
func (c *Compiler) ComputesFromOthers(o *schema.Object) bool {
	return slices.ContainsFunc(o.Fields, func(f *schema.Field) bool {
		e := c.computed()[f]
		return e != nil && e.ReadsOthers()
	})
}

// keepsFromOthers says whether other records' writes change values of the object's.
func (c *Compiler) keepsFromOthers(o *schema.Object) bool {
	return slices.ContainsFunc(o.Fields, func(f *schema.Field) bool {
		e := c.computed()[f]
		return e != nil && f.Kept() && e.ReadsOthers()
	})
}
