package compile

import (
	"cmp"
	"fmt"
	"slices"

	crmv1 "github.com/kontor-crm/kontor/api/v1alpha1"
	"github.com/kontor-crm/kontor/internal/schema"
)

// readObjects makes a unit of each CustomObject that is given or applied, by name.
func (c *compiler) readObjects(applied appliedIndex) []*unit[schema.Object] {
	units := map[Ref]*unit[schema.Object]{}
	for _, given := range c.in.Objects {
		ref := Ref{KindObject, given.Name}
		u := &unit[schema.Object]{resource: c.resource(ref, given), applied: applied.objects[ref.String()]}
		u.wanted = objectOf(given.Name, &given.Spec, ref.String())
		if problems := checkObject(given); len(problems) > 0 {
			u.refuse(crmv1.ReasonInvalid, problems...)
		}
		if before := applied.object(given.Name); before != nil && before.Custom {
			u.wanted.Table = before.Table
		}
		if problems := c.recordInline(u.wanted, applied); len(problems) > 0 {
			u.refuse(crmv1.ReasonInvalid, problems...)
		}
		units[ref] = u
	}
	for _, o := range applied.objects {
		ref := Ref{KindObject, o.Identity}
		if units[ref] == nil && !c.left[ref.String()] {
			units[ref] = &unit[schema.Object]{resource: resource{ref: ref}, applied: o}
		}
	}
	return sorted(units)
}

// resource is the common part of a given resource; what is held is kept out of play from the start.
func (c *compiler) resource(ref Ref, object crmv1.Object) resource {
	_, held := c.in.Held[ref]
	return resource{ref: ref, created: object.GetCreationTimestamp().Time, given: true, refused: held}
}

// sorted orders units by name: nothing depends on the order of the input.
func sorted[F any](units map[Ref]*unit[F]) []*unit[F] {
	list := make([]*unit[F], 0, len(units))
	for _, u := range units {
		list = append(list, u)
	}
	slices.SortFunc(list, func(a, b *unit[F]) int { return cmp.Compare(a.ref.Name, b.ref.Name) })
	return list
}

// objectOf reads the definition of an object with its inline fields, whether it is right or not.
func objectOf(identity string, spec *crmv1.CustomObjectSpec, source string) *schema.Object {
	o := &schema.Object{
		Identity:    identity,
		Name:        cmp.Or(spec.Name, schema.APIName(identity)),
		Table:       physical(identity, source),
		Custom:      source != sourceStandard,
		Label:       schema.Label(spec.Label),
		PluralLabel: schema.Label(spec.PluralLabel),
		Description: schema.Label(spec.Description),
		Title:       spec.TitleField,
		Source:      source,
	}
	for i := range spec.Fields {
		o.Fields = append(o.Fields, fieldOf(spec.Fields[i].Key, &spec.Fields[i].FieldSpec, source))
	}
	return o
}

// physical is the name of a table or column: that of a custom one can never be a standard one's.
func physical(identity, source string) string {
	if source == sourceStandard {
		return identity
	}
	return schema.CustomPrefix + identity
}

// checkObject finds what is wrong with a CustomObject by itself.
func checkObject(o *crmv1.CustomObject) []Problem {
	problems := checkNames(o.Name, o.Spec.Name, schema.CheckObjectName)
	if len(o.Spec.Fields) > MaxInlineFields {
		problems = append(problems, Problem{Path: "spec.fields", Message: fmt.Sprintf("an object has at most %d inline fields", MaxInlineFields)})
	}
	keys, names, columns := map[string]int{}, map[string]int{}, map[string]int{}
	for i := range o.Spec.Fields {
		f := &o.Spec.Fields[i]
		at := fmt.Sprintf("spec.fields[%d]", i)
		found := checkInlineNames(at, f)
		if len(found) == 0 {
			d := fieldOf(f.Key, &f.FieldSpec, Ref{KindObject, o.Name}.String())
			found = checkRepeated(at, i, d, f.Name != "", keys, names, columns)
		}
		problems = append(problems, found...)
		problems = append(problems, checkField(at, &f.FieldSpec)...)
	}
	if at, ok := keys[o.Spec.TitleField]; o.Spec.TitleField != "" && !ok {
		problems = append(problems, Problem{
			Path:    "spec.titleField",
			Message: fmt.Sprintf("%q is not the key of one of the fields%s", o.Spec.TitleField, suggest(o.Spec.TitleField, keysOf(keys))),
		})
	} else if ok {
		problems = append(problems, checkTitle(&o.Spec.Fields[at])...)
	}
	return problems
}

// checkTitle refuses a title that is no single value.
func checkTitle(f *crmv1.Field) []Problem {
	if f.Type == crmv1.FieldFormula || f.Type == crmv1.FieldRollup {
		return []Problem{{Path: "spec.titleField", Message: fmt.Sprintf("%q is computed; a title is a value that is stored, so that search finds it", f.Key)}}
	}
	t, ok := schema.TypeOf(schema.TypeName(f.Type))
	if !ok || t.Kind() != schema.KindParts && len(f.Targets) == 0 {
		return nil
	}
	return []Problem{{Path: "spec.titleField", Message: fmt.Sprintf("%q is %s, whose value has parts; a title is one value", f.Key, f.Type)}}
}

// checkRepeated finds an inline field that has the key, name or column of an earlier one.
func checkRepeated(at string, i int, f *schema.Field, named bool, keys, names, columns map[string]int) []Problem {
	namePath := at + ".key"
	if named {
		namePath = at + ".name"
	}
	type claim struct {
		path, what, value string
		seen              map[string]int
	}
	claims := []claim{{at + ".key", "key", f.Identity, keys}, {namePath, "name", f.Name, names}}
	if beside, ok := schema.CompanionName(f.Type, f.Name); ok {
		claims = append(claims, claim{namePath, "name", beside, names})
	}
	for _, column := range f.Columns() {
		claims = append(claims, claim{at + ".key", "column", column, columns})
	}
	for _, claim := range claims {
		if first, ok := claim.seen[claim.value]; ok {
			return []Problem{{Path: claim.path, Message: fmt.Sprintf("spec.fields[%d] has the %s %q already", first, claim.what, claim.value)}}
		}
	}
	for _, claim := range claims {
		claim.seen[claim.value] = i
	}
	return nil
}

// leftovers are the inline fields that were taken out of the resource and stay.
func (c *compiler) leftovers(u *unit[schema.Object]) []*schema.Field {
	if u.applied == nil {
		return nil
	}
	var left []*schema.Field
	for _, f := range u.applied.Fields {
		if !c.left[inline(u.ref, f)] && !slices.ContainsFunc(u.wanted.Fields, func(w *schema.Field) bool { return w.Identity == f.Identity }) {
			left = append(left, f)
		}
	}
	return left
}

// inline names an inline field of a CustomObject, as Result.Retained does.
func inline(ref Ref, f *schema.Field) string { return ref.String() + "." + f.Identity }

// recordInline gives the inline fields the columns that are recorded, which never
// change, and finds what fields that are applied or retired cannot become.
func (c *compiler) recordInline(wanted *schema.Object, applied appliedIndex) []Problem {
	var problems []Problem
	for i, f := range wanted.Fields {
		at := fmt.Sprintf("spec.fields[%d]", i)
		if problem := stagedProblem(at, wanted.Identity, f, applied); problem != nil {
			problems = append(problems, *problem)
		}
		before := c.formerly(wanted.Identity, f)
		if before == nil {
			continue
		}
		c.takeOver(wanted.Identity, f, before)
		if problem := computedProblem(at, f, before); problem != nil {
			problems = append(problems, *problem)
		}
		if problem := tooManyOptions(at, f, before); problem != nil {
			problems = append(problems, *problem)
		}
	}
	return problems
}
