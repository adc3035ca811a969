package expr

import (
	"fmt"
	"slices"
	"strings"

	"cel.dev/cel-go/common/ast"

	"github.com/kontor-crm/kontor/internal/schema"
)

// place is where a field is read: a record in scope, or the one behind a reference.
type place struct {
	row *row
	// reference is nil for a record in scope.
	reference node
}

// of is a value of the record at the place.
func (p place) of(value node) node {
	if p.reference == nil {
		return value
	}
	if who, ok := p.reference.(call); ok && who.of == asker && isID(value) {
		return who // user().id needs no user to be looked up
	}
	return related{reference: p.reference, row: p.row, value: value}
}

func isID(n node) bool {
	r, ok := n.(reading)
	return ok && r.field.Type == schema.TypeID
}

// variable is a name for each of the records that a list goes through.
type variable struct {
	name string
	row  *row
}

// variable is the innermost one of that name, or false.
func (c *checker) variable(name string) (variable, bool) {
	for _, v := range slices.Backward(c.variables) {
		if v.name == name {
			return v, true
		}
	}
	return variable{}, false
}

// behind is the record that a reference points to.
func (c *checker) behind(e ast.Expr, n node) (place, bool) {
	target, ok := c.target(n)
	switch {
	case !ok:
		c.refuse(e.ID(), "%s is %s and has no fields", said(e), kindWords[n.kind()])
	case c.limits&OwnRecord != 0:
		c.refuse(e.ID(), "only the fields of the record itself can be used here, not those of the %s behind %s", target.Name, said(e))
	case relations(n) >= MaxRelations:
		c.refuse(e.ID(), "a field may lie behind %d relations at most", MaxRelations)
	default:
		return place{row: &row{object: target}, reference: n}, true
	}
	return place{}, false
}

// said is how a message calls an expression.
func said(e ast.Expr) string {
	if e.Kind() == ast.IdentKind {
		return fmt.Sprintf("field %q", strings.TrimPrefix(e.AsIdent(), "."))
	}
	return "this"
}

// target is the object that a reference points to.
func (c *checker) target(n node) (*schema.Object, bool) {
	switch n := n.(type) {
	case reading:
		if n.kind() == schema.KindReference {
			return c.schema.ObjectByIdentity(n.field.Target)
		}
	case related:
		return c.target(n.value)
	case call:
		if n.of == asker {
			return c.schema.ObjectByIdentity(schema.ObjectUser)
		}
	case choice:
		then, ok := c.target(n.then)
		if !ok {
			return c.target(n.otherwise)
		}
		otherwise, also := c.target(n.otherwise)
		return then, !also || then == otherwise
	}
	return nil, false
}

// relations is the number of relations that lie before a reference, itself not counted.
func relations(n node) int {
	switch n := n.(type) {
	case related:
		return 1 + max(relations(n.reference), relations(n.value))
	case choice:
		return max(relations(n.then), relations(n.otherwise))
	}
	return 0
}

// member is a.b: a field of the record a, the list of records that point to it, or a part of the value a.
func (c *checker) member(e ast.Expr) (node, *list) {
	operand, name := e.AsSelect().Operand(), e.AsSelect().FieldName()
	if operand.Kind() == ast.IdentKind {
		if v, ok := c.variable(operand.AsIdent()); ok {
			return c.named(e.ID(), place{row: v.row}, name)
		}
	}
	n, l := c.either(operand)
	if w, ok := n.(whole); ok {
		return c.part(e.ID(), w, name), nil
	}
	if n = c.single(operand.ID(), n, l); n == nil {
		return nil, nil
	}
	p, ok := c.behind(operand, n)
	if !ok {
		return nil, nil
	}
	return c.named(e.ID(), p, name)
}

func (c *checker) part(at int64, w whole, name string) node {
	part, ok := w.field.Part(name)
	if !ok {
		return c.refuse(at, "%s has no part %q%s", w.field.Name, name, DidYouMean(name, w.field.Parts()))
	}
	c.use(w.at.row.object, part)
	return w.at.of(reading{row: w.at.row, field: part})
}

// named is what a name means at a place.
func (c *checker) named(at int64, p place, name string) (node, *list) {
	o := p.row.object
	if f, ok := c.fieldOf(o, name); ok {
		if former, ok := f.FormerName(name); ok {
			c.useFormer(FormerUse{Use: Use{Object: o, Field: f}, Name: former})
		}
		if len(f.Parts()) > 0 {
			return whole{at: p, field: f}, nil
		}
		c.use(o, f)
		if !f.Computed() {
			return p.of(reading{row: p.row, field: f}), nil
		}
		n := c.compute(at, p.row, f)
		if n == nil {
			return nil, nil
		}
		return p.of(n), nil
	}
	inverse, ok := c.inverseOf(o, name)
	if !ok {
		return c.refuse(at, "no field %q in %s%s", name, o.Name, nearest(name, names(o))), nil
	}
	if c.limits&OwnRecord != 0 {
		return c.refuse(at, "only the fields of the record itself can be used here, not its %s", name), nil
	}
	c.use(inverse.Object, inverse.Relation)
	id, _ := o.Field(schema.FieldID)
	return nil, &list{name: name, at: at, of: children{
		row: &row{object: inverse.Object}, relation: inverse.Relation, parent: p.of(reading{row: p.row, field: id}),
	}}
}

func (c *checker) fieldOf(o *schema.Object, name string) (*schema.Field, bool) {
	if c.definition != nil {
		return o.FieldIn(c.definition, name)
	}
	return o.Field(name)
}

func (c *checker) inverseOf(o *schema.Object, name string) (schema.Inverse, bool) {
	if c.definition != nil {
		return o.InverseIn(c.definition, name)
	}
	return o.Inverse(name)
}

// names are those of an object's fields and of the lists of records that point to it.
func names(o *schema.Object) []string {
	var all []string
	for _, f := range o.AllFields() {
		all = append(all, f.Name)
	}
	for _, inverse := range o.Inverses() {
		all = append(all, inverse.Name)
	}
	return all
}

// list is records that point to one, or a value of each, until a function
// makes one value of them.
type list struct {
	name string
	at   int64
	of   children
	// value is what map took of each record; nil before.
	value node
}

// reductions make one value of the values of a list.
var reductions = map[string]reduction{"sum": sum, "min": least, "max": greatest, "avg": average}

// listMethod checks a function behind a list: one that narrows the list, or one that ends it.
func (c *checker) listMethod(at int64, l *list, name string, args []ast.Expr) (node, *list) {
	how, reduces := reductions[name]
	switch {
	case name == "size" && len(args) == 0:
		return aggregate{how: howMany, of: l.of}, nil
	case reduces && len(args) == 0:
		return c.reduce(at, l, name, how), nil
	case reduces || name == "size":
		return c.refuse(at, "%s takes nothing: %s.%s()", name, l.name, name), nil
	case !slices.Contains([]string{"filter", "map", "exists", "all", "exists_one"}, name):
		return c.refuse(at, "there is no method %q of a list; there are filter, map, size, exists, exists_one, all, sum, min, max and avg", name), nil
	case l.value != nil:
		return c.refuse(at, "%s comes before map: behind it stand sum, min, max, avg and size", name), nil
	}
	return c.each(at, l, name, args)
}

// each checks a function that looks at each record of a list by a name.
func (c *checker) each(at int64, l *list, name string, args []ast.Expr) (node, *list) {
	if len(args) != 2 || args[0].Kind() != ast.IdentKind || strings.HasPrefix(args[0].AsIdent(), ".") {
		return c.refuse(at, "%s takes a name for each record, and an expression of it: %s.%s(x, x.%s …)", name, l.name, name, schema.FieldNumber), nil
	}
	c.variables = append(c.variables, variable{name: args[0].AsIdent(), row: l.of.row})
	defer func() { c.variables = c.variables[:len(c.variables)-1] }()
	if name == "map" {
		value := c.value(args[1])
		if value == nil {
			return nil, nil
		}
		mapped := *l
		mapped.value = value
		return nil, &mapped
	}
	condition := c.condition(args[1])
	if condition == nil {
		return nil, nil
	}
	if name == "all" {
		condition = negation{of: condition}
	}
	of := l.of
	if of.condition != nil {
		condition = logic{left: of.condition, right: condition}
	}
	of.condition = condition
	switch name {
	case "exists":
		return aggregate{how: whetherAny, of: of}, nil
	case "all":
		return negation{of: aggregate{how: whetherAny, of: of}}, nil
	case "exists_one":
		one, _ := c.number(at, "1").(literal)
		return comparison{op: equal, left: aggregate{how: howMany, of: of}, right: one}, nil
	default:
		narrowed := *l
		narrowed.of = of
		return nil, &narrowed
	}
}

// reduce ends a list in one value.
func (c *checker) reduce(at int64, l *list, name string, how reduction) node {
	if l.value == nil {
		return c.refuse(at, "%s needs the values: %s.map(x, x.amount).%s()", name, l.name, name)
	}
	kind := l.value.kind()
	ordered := kind == schema.KindNumber || kind == kindDuration || (how == least || how == greatest) && (kind == schema.KindDate || kind == schema.KindTime)
	if !ordered {
		return c.refuse(at, "there is no %s of values of which each is %s", name, kindWords[kind])
	}
	n := aggregate{how: how, of: l.of, value: l.value}
	if digitsOf(n).tooMany() {
		return c.refuse(at, "the result may have more than %d digits before or behind its point", maxDigits)
	}
	return n
}
