package query

import (
	"fmt"

	"github.com/kontor-crm/kontor/internal/expr"
	"github.com/kontor-crm/kontor/internal/schema"
)

// Logic is what the model says in expressions of the records of an object.
type Logic struct {
	// Rules are the validation rules.
	Rules []Rule
	// Defaults compute the value of a new record that gives none.
	Defaults []FieldExpression
	// Required and ReadOnly are the conditions under which a field must have a
	// value, or keeps the one that it has.
	Required, ReadOnly []FieldExpression
	// Gates are the conditions under which a record enters a stage.
	Gates map[*schema.Stage]*expr.Expression
}

// FieldExpression is an expression over the own values of a record that concerns one field.
type FieldExpression struct {
	Field      *schema.Field
	Expression *expr.Expression
}

// Concerns says whether a change of those fields may change the value.
func (e FieldExpression) Concerns(changed Values) bool {
	for _, use := range e.Expression.Fields() {
		if _, ok := changed[use.Field]; ok {
			return true
		}
	}
	return false
}

// Logic is what the model says of an object's records. It fails when that cannot
// be read, which is a broken schema: its compiler lets nothing such through.
func (c *Compiler) Logic(o *schema.Object) (*Logic, error) {
	all, err := c.logic()
	if err != nil {
		return nil, err
	}
	if found := all[o.Identity]; found != nil {
		return found, nil
	}
	return &Logic{}, nil
}

func compileLogic(s *schema.Schema) (map[string]*Logic, error) {
	all := map[string]*Logic{}
	for _, o := range s.Objects {
		all[o.Identity] = &Logic{}
		for _, f := range o.Fields {
			if err := all[o.Identity].add(s, o, f); err != nil {
				return nil, fmt.Errorf("reading field %q of %s: %w", f.Identity, o.Identity, err)
			}
		}
	}
	for _, p := range s.Pipelines {
		o, ok := s.ObjectByIdentity(p.Object)
		if !ok {
			return nil, fmt.Errorf("the pipeline %q is on no object", p.Identity)
		}
		for i := range p.Stages {
			if err := all[o.Identity].addGate(s, o, &p.Stages[i]); err != nil {
				return nil, fmt.Errorf("reading the gate of %q in the pipeline %q: %w", p.Stages[i].Key, p.Identity, err)
			}
		}
	}
	for _, declared := range s.Rules {
		o, ok := s.ObjectByIdentity(declared.Object)
		if !ok {
			return nil, fmt.Errorf("the validation rule %q is on no object", declared.Identity)
		}
		condition, err := expr.CompileCondition(s, o, declared.Expression)
		if err != nil {
			return nil, fmt.Errorf("reading the validation rule %q: %w", declared.Identity, err)
		}
		field, _ := o.FieldByIdentity(declared.Field)
		all[o.Identity].Rules = append(all[o.Identity].Rules, Rule{ValidationRule: declared, Condition: condition, Field: field})
	}
	return all, nil
}

func (l *Logic) addGate(s *schema.Schema, o *schema.Object, stage *schema.Stage) error {
	if stage.Gate == "" {
		return nil
	}
	condition, err := expr.CompileCondition(s, o, stage.Gate, expr.OwnRecord)
	if err != nil {
		return err
	}
	if l.Gates == nil {
		l.Gates = map[*schema.Stage]*expr.Expression{}
	}
	l.Gates[stage] = condition
	return nil
}

func (l *Logic) add(s *schema.Schema, o *schema.Object, f *schema.Field) error {
	for _, part := range []struct {
		text    string
		compile func(*schema.Schema, *schema.Object, string, ...expr.Limit) (*expr.Expression, error)
		into    *[]FieldExpression
	}{
		{f.DefaultExpression, expr.Compile, &l.Defaults},
		{f.RequiredWhen, expr.CompileCondition, &l.Required},
		{f.ReadOnlyWhen, expr.CompileCondition, &l.ReadOnly},
	} {
		if part.text == "" {
			continue
		}
		compiled, err := part.compile(s, o, part.text, expr.OwnRecord)
		if err != nil {
			return err
		}
		*part.into = append(*part.into, FieldExpression{Field: f, Expression: compiled})
	}
	return nil
}
