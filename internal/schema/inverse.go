package schema

import (
	"fmt"
	"maps"
	"slices"
)

// Inverse is a relation seen from the object that it points to: the records
// that point to one record, under a name.
type Inverse struct {
	// Name is what expressions call the records, in the object that they point to.
	Name string
	// Object is the object of those records, and Relation its field that points.
	Object   *Object
	Relation *Field
}

// Inverse is the inverse of that name, or false.
func (o *Object) Inverse(name string) (Inverse, bool) {
	inverse, ok := o.inverses[name]
	return inverse, ok
}

// Inverses are the inverses of the relations that point to the object, by name.
func (o *Object) Inverses() []Inverse {
	all := make([]Inverse, 0, len(o.inverses))
	for _, name := range slices.Sorted(maps.Keys(o.inverses)) {
		all = append(all, o.inverses[name])
	}
	return all
}

// Dependent is a relation whose records do not stay as they are when the record
// that they point to is deleted.
type Dependent struct {
	Object   *Object
	Relation *Field
}

// Dependents are the relations to an object that its deletions concern.
func (s *Schema) Dependents(o *Object) []Dependent {
	var found []Dependent
	for _, other := range s.Objects {
		for _, f := range other.Fields {
			if f.Type == TypeRelation && f.Target == o.Identity && f.OnDelete != OnDeleteKeep {
				found = append(found, Dependent{Object: other, Relation: f})
			}
		}
	}
	return found
}

// inverseNames are the names that relations give in the objects that they point to, by identity.
func (s *Schema) inverseNames() map[string][]string {
	names := map[string][]string{}
	for _, o := range s.Objects {
		for _, f := range o.Fields {
			if f.Inverse != "" {
				names[f.Target] = append(names[f.Target], f.Inverse)
			}
		}
	}
	return names
}

// indexInverses gives each object the inverses of the relations that point to it.
func (s *Schema) indexInverses() error {
	for _, o := range s.Objects {
		o.inverses = map[string]Inverse{}
	}
	for _, o := range s.Objects {
		for _, f := range o.Fields {
			target := s.byIdentity[f.Target]
			if f.Inverse == "" || f.Type != TypeRelation || target == nil {
				continue
			}
			_, taken := target.inverses[f.Inverse]
			if _, isField := target.byName[f.Inverse]; isField || taken {
				return fmt.Errorf("the inverse %q of field %q of %q is a name of %q already", f.Inverse, f.Name, o.Name, target.Name)
			}
			target.inverses[f.Inverse] = Inverse{Name: f.Inverse, Object: o, Relation: f}
		}
	}
	return nil
}
