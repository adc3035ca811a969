package expr

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kontor-crm/kontor/internal/fault"
	"github.com/kontor-crm/kontor/internal/schema"
)

// body is what a computed field comes to for the record that it is asked of.
type body struct {
	self *row
	root node
	uses []Use
	// former are the former names that its definition says.
	former []FormerUse
	cost   cost
	// What is asked of the root time and again.
	nullable bool
	digits   digits
	length   int
}

// bodies are the computed fields that a compilation has come across.
type bodies struct {
	done map[*schema.Field]*body
	// path are those that are being worked on, each used by the one before.
	path []Use
}

// CompileComputed checks the expression of a computed field. Every violation has
// the path of its place below the field: formula.expression, rollup.filter, …
func CompileComputed(s *schema.Schema, o *schema.Object, f *schema.Field) (*Expression, error) {
	c := &checker{schema: s, self: &row{object: o}, bodies: &bodies{done: map[*schema.Field]*body{}}}
	b, problems := c.body(o, f)
	if len(problems) > 0 {
		return nil, malformed(problems)
	}
	return &Expression{text: f.Name, self: b.self, root: b.root, fields: b.uses, former: b.former, cost: b.cost}, nil
}

// compute is the value of a computed field of a record.
func (c *checker) compute(at int64, r *row, f *schema.Field) node {
	b, problems := c.body(r.object, f)
	if len(problems) > 0 {
		if start := strings.Index(problems[0].Message, inACircle); start >= 0 {
			return c.refuse(at, "%s", problems[0].Message[start:])
		}
		return c.refuse(at, "%q of %s cannot be computed: %s", f.Name, r.object.Name, problems[0])
	}
	if c.limits&OwnRecord != 0 && b.cost.subqueries > 0 {
		return c.refuse(at, "only the fields of the record itself can be used here, and %q is computed from others", f.Name)
	}
	for _, use := range b.uses {
		c.use(use.Object, use.Field)
	}
	return computed{field: f, at: r, body: b}
}

// body compiles a computed field once, and refuses those that go round in a circle.
func (c *checker) body(o *schema.Object, f *schema.Field) (*body, []fault.Violation) {
	if b, ok := c.bodies.done[f]; ok {
		return b, nil
	}
	this := Use{Object: o, Field: f}
	if start := slices.Index(c.bodies.path, this); start >= 0 {
		return nil, []fault.Violation{{Path: placeOf(f), Message: circle(c.bodies.path[start:])}}
	}
	c.bodies.path = append(c.bodies.path, this)
	defer func() { c.bodies.path = c.bodies.path[:len(c.bodies.path)-1] }()

	sub := &checker{schema: c.schema, self: &row{object: o}, limits: NoAsker, bodies: c.bodies, definition: f}
	var root node
	var problems []fault.Violation
	if f.Type == schema.TypeFormula && f.Formula != nil {
		root, problems = sub.formula(f)
	} else if f.Rollup != nil {
		root, problems = sub.rollup(o, f)
	}
	if len(problems) == 0 && root == nil {
		problems = []fault.Violation{{Path: "type", Message: "nothing says how the field is computed"}}
	}
	if len(problems) > 0 {
		return nil, problems
	}
	b := &body{
		self: sub.self, root: root, uses: sub.fields, former: sub.former, cost: costOf(root), nullable: root.nullable(), digits: digitsOf(root), length: lengthOf(root),
	}
	if problem := b.cost.excess(); problem != "" {
		return nil, []fault.Violation{{Path: placeOf(f), Message: problem}}
	}
	c.bodies.done[f] = b
	return b, nil
}

const inACircle = "the computed fields go round in a circle: "

func circle(path []Use) string {
	names := make([]string, 0, len(path)+1)
	for _, use := range append(slices.Clone(path), path[0]) {
		names = append(names, use.Object.Name+"."+use.Field.Name)
	}
	return inACircle + strings.Join(names, ", ")
}

// placeOf is where the definition of a computed field says what it is computed from.
func placeOf(f *schema.Field) string {
	if f.Type == schema.TypeFormula {
		return "formula.expression"
	}
	return "rollup"
}

// read is parse for a part of a definition.
func (c *checker) read(text, path string, check checkFunc) (node, []fault.Violation) {
	parsed, problems := parse(text)
	if len(problems) == 0 {
		c.source, c.info, c.problems = []rune(text), parsed.SourceInfo(), nil
		root := check(c, parsed.Expr())
		if problems = c.problems; len(problems) == 0 {
			return root, nil
		}
	}
	for i := range problems {
		problems[i].Path = path
	}
	return nil, problems
}

// formula checks a formula's expression, and that its values are what it says it returns.
func (c *checker) formula(f *schema.Field) (node, []fault.Violation) {
	root, problems := c.read(f.Formula.Expression, "formula.expression", (*checker).value)
	if len(problems) > 0 {
		return nil, problems
	}
	if root.kind() != f.Kind() {
		return nil, []fault.Violation{{
			Path:    "formula.returns",
			Message: fmt.Sprintf("the formula returns %s, which is %s, but the expression is %s", f.Formula.Returns, kindWords[f.Kind()], kindWords[root.kind()]),
		}}
	}
	return inScale(root, f), nil
}

// inScale rounds numbers to the digits that the values of the field have.
func inScale(n node, f *schema.Field) node {
	if n.kind() != schema.KindNumber || digitsOf(n).behind <= f.ResultScale() {
		return n
	}
	return call{of: rounded(f.ResultScale()), operands: []node{n}}
}

// rollup checks what a roll-up takes from the records that point to one.
func (c *checker) rollup(o *schema.Object, f *schema.Field) (node, []fault.Violation) {
	r := f.Rollup
	inverse, ok := o.InverseIn(f, r.Inverse)
	if !ok {
		var known []string
		for _, inverse := range o.Inverses() {
			known = append(known, inverse.Name)
		}
		return nil, []fault.Violation{{Path: "rollup.inverse", Message: fmt.Sprintf("no relation to %s has the inverse %q%s", o.Name, r.Inverse, nearest(r.Inverse, known))}}
	}
	c.use(inverse.Object, inverse.Relation)
	id, _ := o.Field(schema.FieldID)
	of := children{row: &row{object: inverse.Object}, relation: inverse.Relation, parent: reading{row: c.self, field: id}}
	each := &checker{schema: c.schema, self: of.row, limits: c.limits, bodies: c.bodies, definition: f}
	defer func() {
		for _, use := range each.fields {
			c.use(use.Object, use.Field)
		}
		for _, use := range each.former {
			c.useFormer(use)
		}
	}()
	if strings.TrimSpace(r.Filter) != "" {
		var problems []fault.Violation
		if of.condition, problems = each.read(r.Filter, "rollup.filter", (*checker).condition); len(problems) > 0 {
			return nil, problems
		}
	}
	if r.Function == schema.RollupCount {
		return aggregate{how: howMany, of: of}, nil
	}
	value, problems := each.read(r.Field, "rollup.field", (*checker).value)
	if len(problems) > 0 {
		return nil, problems
	}
	n := each.reduce(0, &list{name: r.Inverse, of: of, value: value}, string(r.Function), reductions[string(r.Function)])
	if n == nil {
		return nil, []fault.Violation{{Path: "rollup.field", Message: fmt.Sprintf("there is no %s of values of which each is %s", r.Function, kindWords[value.kind()])}}
	}
	return inScale(n, f), nil
}
