package compile

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/kontor-crm/kontor/internal/expr"
	"github.com/kontor-crm/kontor/internal/schema"
)

// Dependency is something in a schema that cannot be without a field or an object.
type Dependency struct {
	// By is the resource that needs it, as the Source of a schema's parts says it
	// ("ValidationRule tier-when-won"), or "standard".
	By string
	// How says what it is needed for: `gate of the stage "won"`.
	How string
	// Object and Field are the identities of what is needed; Field is empty for the
	// object itself.
	Object, Field string
	// On is the resource that declares what is needed, or "standard".
	On string
	// Former is the former name by which it is called; empty for a name of today.
	Former string

	// by is the field that needs it; zero when no single field does.
	by fieldKey
}

// Name is what the API calls what is needed: customer.tier, or fleet for an object.
func (d Dependency) Name(s *schema.Schema) string {
	o, ok := s.ObjectByIdentity(d.Object)
	if !ok {
		return d.Object
	}
	if f, ok := o.FieldByIdentity(d.Field); ok {
		return o.Name + "." + f.Name
	}
	return o.Name
}

// Dependencies are all of a schema, each once, in the order of By, How and what is
// needed. What a part of a resource needs of the same part is none.
func Dependencies(s *schema.Schema) []Dependency {
	d := &dependencies{schema: s}
	for _, o := range s.Objects {
		d.ofObject(o)
		for _, f := range o.Fields {
			d.ofField(o, f)
		}
	}
	for _, p := range s.Pipelines {
		d.ofPipeline(p)
	}
	for _, r := range s.Rules {
		if o, ok := d.on(r.Source, "validation rule", r.Object); ok {
			d.field(r.Source, "place of the message", o, r.Field)
			d.expression(r.Source, "expression", func() (*expr.Expression, error) { return expr.CompileCondition(s, o, r.Expression) })
		}
	}
	for _, x := range s.Indexes {
		if o, ok := d.on(x.Source, "index", x.Object); ok {
			for _, f := range x.Fields {
				d.field(x.Source, "index", o, f.Field)
			}
		}
	}
	slices.SortFunc(d.found, func(a, b Dependency) int {
		return cmp.Or(cmp.Compare(a.By, b.By), cmp.Compare(a.How, b.How), cmp.Compare(a.Object, b.Object), cmp.Compare(a.Field, b.Field), cmp.Compare(a.Former, b.Former))
	})
	return slices.Compact(d.found)
}

// dependencies gathers what a schema's parts need.
type dependencies struct {
	schema *schema.Schema
	// of is the field whose needs are gathered; zero when it is no field.
	of    fieldKey
	found []Dependency
}

func (d *dependencies) add(found Dependency) {
	found.by = d.of
	d.found = append(d.found, found)
}

// on notes that something is about an object, and gives the object.
func (d *dependencies) on(by, how, identity string) (*schema.Object, bool) {
	o, ok := d.schema.ObjectByIdentity(identity)
	if ok && o.Source != by {
		d.add(Dependency{By: by, How: how, Object: o.Identity, On: o.Source})
	}
	return o, ok
}

// field notes that something needs the field of that identity, or the one that it is a part of.
func (d *dependencies) field(by, how string, o *schema.Object, identity string) {
	if f, ok := o.FieldByIdentity(identity); ok {
		d.use(by, how, expr.Use{Object: o, Field: f}, "")
	}
}

func (d *dependencies) use(by, how string, use expr.Use, former string) {
	f := use.Field.Declared()
	if f.System {
		return
	}
	d.add(Dependency{By: by, How: how, Object: use.Object.Identity, Field: f.Identity, On: f.Source, Former: former})
}

// expression notes what an expression reads. One that cannot be read reads nothing;
// the compiler lets none through.
func (d *dependencies) expression(by, how string, compile func() (*expr.Expression, error)) {
	e, err := compile()
	if err != nil {
		return
	}
	formerly := map[expr.Use]bool{}
	for _, said := range e.Former() {
		if said.Field == nil {
			d.add(Dependency{By: by, How: how, Object: said.Object.Identity, On: said.Object.Source, Former: said.Name.Name})
			continue
		}
		declared := expr.Use{Object: said.Object, Field: said.Field.Declared()}
		formerly[declared] = true
		d.use(by, how, declared, said.Name.Name)
	}
	for _, use := range e.Fields() {
		if !formerly[expr.Use{Object: use.Object, Field: use.Field.Declared()}] {
			d.use(by, how, use, "")
		}
	}
}

func (d *dependencies) ofObject(o *schema.Object) {
	if f, ok := o.FieldByIdentity(o.Title); ok && f.Source != o.Source {
		d.field(o.Source, "title", o, o.Title)
	}
}

func (d *dependencies) ofField(o *schema.Object, f *schema.Field) {
	d.of = fieldKey{o.Identity, f.Identity}
	defer func() { d.of = fieldKey{} }()
	name := fmt.Sprintf("%q of %s", f.Name, o.Name)
	d.on(f.Source, "field "+name, o.Identity)
	for _, target := range append(slices.Clone(f.Targets), f.Target) {
		d.on(f.Source, "relation "+name, target)
	}
	if f.OptionsFrom != nil {
		if from, ok := d.schema.ObjectByIdentity(f.OptionsFrom.Object); ok {
			d.field(f.Source, "optionsFrom of "+name, from, f.OptionsFrom.Field)
		}
	}
	d.field(f.Source, "dependsOn of "+name, o, f.DependsOn)
	for _, x := range expressionsOf(f) {
		if x.text != "" {
			d.expression(f.Source, x.name+" of "+name, func() (*expr.Expression, error) { return x.compile(d.schema, o) })
		}
	}
	if f.Computed() {
		d.expression(f.Source, string(f.Type)+" "+name, func() (*expr.Expression, error) { return expr.CompileComputed(d.schema, o, f) })
	}
}

func (d *dependencies) ofPipeline(p *schema.Pipeline) {
	o, ok := d.on(p.Source, "pipeline", p.Object)
	if !ok {
		return
	}
	d.field(p.Source, "stages", o, p.Field)
	for i := range p.Stages {
		stage := &p.Stages[i]
		for _, required := range stage.Required {
			d.field(p.Source, fmt.Sprintf("required of the stage %q", stage.Key), o, required)
		}
		if stage.Gate != "" {
			d.expression(p.Source, fmt.Sprintf("gate of the stage %q", stage.Key), func() (*expr.Expression, error) {
				return expr.CompileCondition(d.schema, o, stage.Gate, expr.OwnRecord)
			})
		}
	}
}

// formerUse is a former name that some expression says.
type formerUse struct {
	fieldKey
	name string
}

// formerUses are those of all expressions of a schema.
func formerUses(s *schema.Schema) map[formerUse]bool {
	said := map[formerUse]bool{}
	for _, d := range Dependencies(s) {
		if d.Former != "" {
			said[formerUse{fieldKey{d.Object, d.Field}, d.Former}] = true
		}
	}
	return said
}
