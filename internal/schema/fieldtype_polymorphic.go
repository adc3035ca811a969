package schema

import (
	"fmt"
	"slices"
	"strings"
)

// The parts of a relation to records of several objects.
const (
	PartObject = "object"
	PartID     = "id"
)

// polymorphicType is a relation with several targets: it points to one record of
// one of them. No foreign key holds it, so a record that is gone is still
// pointed to; it must be there when the relation is written.
type polymorphicType struct{ compound }

func (polymorphicType) Name() TypeName       { return TypeRelation }
func (polymorphicType) Together() [][]string { return [][]string{{PartObject, PartID}} }

// MaxTargets is the greatest number of objects that a relation points to.
const MaxTargets = 20

func (polymorphicType) Check(f *Field) []Problem {
	problems := checkCompound(f, "a relation with several targets")
	if f.Target != "" {
		problems = append(problems, Problem{Path: "targets", Message: "a relation has a target or targets, not both"})
	}
	if f.Inverse != "" {
		problems = append(problems, Problem{Path: "inverse", Message: "a relation with several targets has no inverse"})
	}
	if len(f.Targets) > MaxTargets {
		problems = append(problems, Problem{Path: "targets", Message: fmt.Sprintf("a relation has at most %d targets", MaxTargets)})
	}
	for i, target := range f.Targets {
		if first := slices.Index(f.Targets, target); first < i {
			problems = append(problems, Problem{Path: fmt.Sprintf("targets[%d]", i), Message: fmt.Sprintf("%s stands already at targets[%d]", quote(target), first)})
		}
	}
	return problems
}

func (polymorphicType) Parts(f *Field) []*Field {
	return []*Field{
		{Name: PartObject, Type: TypeObjectName, Targets: f.Targets, RetiredTargets: f.RetiredTargets, Label: Label{"en": "Object", "zh": "对象"}},
		{Name: PartID, Type: TypeRecordID, Label: Label{"en": "ID", "zh": "标识"}},
	}
}

// recordIDType is the id of the record that a relation with several targets points to.
type recordIDType struct{ reference }

func (recordIDType) Name() TypeName         { return TypeRecordID }
func (recordIDType) Check(*Field) []Problem { return nil }

// objectNameType is one of several objects. It is stored by its identity, which
// never changes, and goes by its name in the API.
type objectNameType struct{ textual }

func (objectNameType) Name() TypeName         { return TypeObjectName }
func (objectNameType) Kind() Kind             { return KindObjectName }
func (objectNameType) Check(*Field) []Problem { return nil }

func (objectNameType) Rules(f *Field) []Rule {
	return []Rule{{Kind: RuleOneOf, Values: slices.Concat(f.Targets, f.RetiredTargets), Offered: f.Targets}}
}

func (t objectNameType) Decode(f *Field, value any) (any, error) {
	name, ok := value.(string)
	if !ok {
		return nil, errNotA("the name of an object")
	}
	if name == "" {
		return nil, nil //nolint:nilnil // an empty text is no value
	}
	return t.Parse(f, name)
}

func (objectNameType) Parse(f *Field, name string) (any, error) {
	for _, o := range f.targets {
		if _, before := o.FormerName(name); before || o.Name == name {
			return o.Identity, nil
		}
	}
	return nil, fmt.Errorf("%s is not one of the objects: %s", quote(name), strings.Join(f.TargetNames(), ", "))
}

func (objectNameType) AppendJSON(dst []byte, f *Field, text []byte) []byte {
	for _, o := range f.targets {
		if o.Identity == string(text) {
			return AppendString(dst, []byte(o.Name))
		}
	}
	return AppendString(dst, text)
}

// TargetNames are the names of the objects that the relation, or its part
// object, points to; nil for other fields.
func (f *Field) TargetNames() []string {
	var names []string
	for _, o := range f.targets {
		names = append(names, o.Name)
	}
	return names
}

// linkTargets finds the objects that a relation with several targets points to.
func (s *Schema) linkTargets(f *Field) error {
	f.targets = nil
	for _, identity := range f.Targets {
		target := s.byIdentity[identity]
		if target == nil {
			return fmt.Errorf("field %q points to the unknown object %q", f.Name, identity)
		}
		f.targets = append(f.targets, target)
	}
	if part, ok := f.Part(PartObject); ok {
		part.targets = f.targets
	}
	return nil
}
