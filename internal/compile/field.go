package compile

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"

	crmv1 "github.com/kontor-crm/kontor/api/v1alpha1"
	"github.com/kontor-crm/kontor/internal/schema"
)

// objectUser is the one object of which Kontor makes a record itself: the first administrator.
const objectUser = "user"

// readFields makes a unit of each CustomField that is given or applied, by name.
func (c *compiler) readFields(applied appliedIndex) []*unit[placedField] {
	units := map[Ref]*unit[placedField]{}
	for _, given := range c.in.Fields {
		ref := Ref{KindField, given.Name}
		u := &unit[placedField]{resource: c.resource(ref, given), applied: applied.fields[ref.String()]}
		u.wanted = &placedField{object: given.Spec.Object, field: fieldOf(given.Name, &given.Spec.FieldSpec, ref.String())}
		problems := checkNames(given.Name, given.Spec.Name, schema.CheckFieldName)
		if given.Spec.Name != "" && schema.IsSystemField(given.Name) {
			problems = append(problems, Problem{Path: "metadata.name", Message: schema.CheckFieldName(given.Name)})
		}
		problems = append(problems, checkField("spec", &given.Spec.FieldSpec)...)
		if u.wanted.object == objectUser && u.wanted.field.Required && u.wanted.field.Default == nil && (u.applied == nil || !u.applied.field.Required) {
			problems = append(problems, Problem{
				Path: "spec.required", Message: "the first administrator has no value for it, nobody being there to give one; set a default, or leave it optional",
			})
		}
		problems = append(problems, c.checkAgainstApplied(u, applied)...)
		if len(problems) > 0 {
			u.refuse(crmv1.ReasonInvalid, problems...)
		}
		units[ref] = u
	}
	for source, f := range applied.fields {
		ref := Ref{KindField, f.field.Identity}
		if units[ref] == nil && ref.String() == source && !c.left[source] {
			units[ref] = &unit[placedField]{resource: resource{ref: ref}, applied: f}
		}
	}
	return sorted(units)
}

// checkAgainstApplied takes the recorded columns over and refuses what a field that is
// applied or retired cannot become.
func (c *compiler) checkAgainstApplied(u *unit[placedField], applied appliedIndex) []Problem {
	if u.applied != nil && u.wanted.object != u.applied.object {
		return []Problem{{
			Path:    "spec.object",
			Message: fmt.Sprintf("the field belongs to %q and cannot move to %q; make another CustomField for it", u.applied.object, u.wanted.object),
		}}
	}
	before := c.formerly(u.wanted.object, u.wanted.field)
	if before == nil {
		return nil
	}
	c.takeOver(u.wanted.object, u.wanted.field, before)
	if problem := stagedProblem("spec", u.wanted.object, u.wanted.field, applied); problem != nil {
		return []Problem{*problem}
	}
	if problem := computedProblem("spec", u.wanted.field, before); problem != nil {
		return []Problem{*problem}
	}
	if problem := tooManyOptions("spec", u.wanted.field, before); problem != nil {
		return []Problem{*problem}
	}
	return nil
}

// computedProblem refuses to compute what is stored, whose values would be lost to
// sight, and to store what is computed.
func computedProblem(at string, f, applied *schema.Field) *Problem {
	switch {
	case f.Computed() && !applied.Computed():
		return &Problem{Path: at + ".type", Message: fmt.Sprintf("the field stores values and cannot become a %s, which is computed; make another field for that", f.Type)}
	case applied.Computed() && !f.Computed():
		return &Problem{Path: at + ".type", Message: fmt.Sprintf("the field is a %s, which is computed, and cannot store values; make another field for that", applied.Type)}
	}
	return nil
}

// stagedProblem refuses another type for a field on which an applied pipeline stands.
func stagedProblem(at, object string, f *schema.Field, applied appliedIndex) *Problem {
	source, staged := applied.staged[object+"/"+f.Identity]
	if !staged || f.Type == schema.TypePicklist {
		return nil
	}
	return &Problem{Path: at + ".type", Message: fmt.Sprintf("must stay picklist: the field holds the stage of %s", source)}
}

// fieldOf reads the definition of a field, whether it is right or not.
func fieldOf(identity string, spec *crmv1.FieldSpec, source string) *schema.Field {
	f := &schema.Field{
		Identity:    identity,
		Name:        cmp.Or(spec.Name, schema.APIName(identity)),
		Column:      physical(identity, source),
		Type:        schema.TypeName(spec.Type),
		Custom:      source != sourceStandard,
		Label:       schema.Label(spec.Label),
		Description: schema.Label(spec.Description),
		Required:    spec.Required,
		Unique:      spec.Unique,
		Indexed:     spec.Indexed,
		Length:      int(spec.Length),
		Precision:   int(spec.Precision),
		Min:         spec.Min,
		Max:         spec.Max,
		Pattern:     spec.Pattern,
		Target:      spec.Target,
		Targets:     slices.Clone(spec.Targets),
		Inverse:     spec.Inverse,
		Source:      source,

		DependsOn: spec.DependsOn, DefaultExpression: spec.DefaultExpression,
		RequiredWhen: spec.RequiredWhen, ReadOnlyWhen: spec.ReadOnlyWhen, VisibleWhen: spec.VisibleWhen,
	}
	if f.Type == schema.TypeRelation && len(f.Targets) == 0 {
		f.Column += "_id"
	}
	if f.Computed() {
		f.Column += schema.KeptSuffix
	}
	if spec.OnDelete != crmv1.OnDeleteKeep { // which is what the schema means by nothing
		f.OnDelete = schema.OnDelete(spec.OnDelete)
	}
	if spec.OnViolation != crmv1.OnViolationRefuse { // which is what the schema means by nothing
		f.OnViolation = schema.OnViolation(spec.OnViolation)
	}
	if spec.Default != nil && *spec.Default != "" { // an empty text is no value
		f.Default = new(*spec.Default)
	}
	if spec.Searchable != nil {
		f.Searchable = new(*spec.Searchable)
	}
	if spec.Scale != nil {
		f.Scale = new(int(*spec.Scale))
	}
	if spec.Formula != nil {
		f.Formula = &schema.Formula{Expression: spec.Formula.Expression, Returns: schema.TypeName(spec.Formula.Returns)}
	}
	if spec.Rollup != nil {
		f.Rollup = &schema.Rollup{
			Inverse: spec.Rollup.Inverse, Function: schema.RollupFunction(spec.Rollup.Function), Field: spec.Rollup.Field, Filter: spec.Rollup.Filter,
		}
	}
	if spec.Sensitivity != crmv1.SensitivityInternal { // which is what the schema means by nothing
		f.Sensitivity = string(spec.Sensitivity)
	}
	for _, option := range spec.Options {
		f.Options = append(f.Options, schema.Option{
			Key: option.Key, Label: schema.Label(option.Label), When: slices.Clone(option.When), Retired: declared(option.Retired),
		})
	}
	if how := spec.Conversion; how != nil {
		f.Conversion = &schema.Conversion{
			DateFormat: how.DateFormat, True: slices.Clone(how.TrueWords), False: slices.Clone(how.FalseWords), ByLabel: how.ByLabel,
		}
	}
	if from := spec.OptionsFrom; from != nil {
		f.OptionsFrom = &schema.FieldRef{Object: from.Object, Field: from.Field}
	}
	return f
}

var identityPattern = regexp.MustCompile(`^[a-z]([-a-z0-9]*[a-z0-9])?$`)

// checkNames checks a resource's identity and the name that the API uses for it.
func checkNames(identity, name string, check func(string) string) []Problem {
	if name == "" {
		if problem := check(schema.APIName(identity)); problem != "" {
			return []Problem{{Path: "metadata.name", Message: problem}}
		}
	}
	var problems []Problem
	if len(identity) > schema.MaxNameLength || !identityPattern.MatchString(identity) {
		problems = append(problems, Problem{
			Path:    "metadata.name",
			Message: fmt.Sprintf("must start with a letter, go on with lower-case letters, digits and -, and have at most %d characters", schema.MaxNameLength),
		})
	}
	if name != "" {
		if problem := check(name); problem != "" {
			problems = append(problems, Problem{Path: "spec.name", Message: problem})
		}
	}
	return problems
}

// checkInlineNames checks the key of an inline field and the name that the API uses for it.
func checkInlineNames(at string, f *crmv1.Field) []Problem {
	if problem := schema.CheckKey(f.Key); problem != "" {
		return []Problem{{Path: at + ".key", Message: problem}}
	}
	if f.Name == "" || schema.IsSystemField(f.Key) {
		if problem := schema.CheckFieldName(f.Key); problem != "" {
			return []Problem{{Path: at + ".key", Message: problem}}
		}
	}
	if f.Name != "" {
		if problem := schema.CheckFieldName(f.Name); problem != "" {
			return []Problem{{Path: at + ".name", Message: problem}}
		}
	}
	return nil
}

// checkField finds what is wrong with a field's definition by itself, names apart.
func checkField(at string, spec *crmv1.FieldSpec) []Problem {
	problems := append(misplaced(spec), checkOnViolation(spec)...)
	if spec.Inverse != "" && len(spec.Targets) > 0 {
		problems = append(problems, Problem{Path: "inverse", Message: "a relation to several targets has no inverse"})
	}
	if spec.Inverse != "" {
		if problem := schema.CheckFieldName(spec.Inverse); problem != "" {
			problems = append(problems, Problem{Path: "inverse", Message: problem})
		}
	}
	f := fieldOf("field", spec, sourceStandard)
	problems = append(problems, schema.CheckField(f)...)
	if f.Conversion != nil {
		for _, problem := range f.Conversion.Check() {
			problems = append(problems, Problem{Path: "conversion." + problem.Path, Message: problem.Message})
		}
	}
	for i := range problems {
		problems[i].Path = at + "." + problems[i].Path
	}
	return problems
}

// cutTypes are those whose values are texts that mean the same when their end is cut off.
var cutTypes = []crmv1.FieldType{crmv1.FieldText, crmv1.FieldLongText, crmv1.FieldRichText}

// checkOnViolation refuses a treatment of failing values that would break another rule of the field.
func checkOnViolation(spec *crmv1.FieldSpec) []Problem {
	message := ""
	computed := spec.Type == crmv1.FieldFormula || spec.Type == crmv1.FieldRollup || spec.Type == crmv1.FieldAutoNumber
	parted := spec.Type == crmv1.FieldAddress || spec.Type == crmv1.FieldPersonName || spec.Type == crmv1.FieldGeo || len(spec.Targets) > 0
	switch {
	case spec.OnViolation == "" || spec.OnViolation == crmv1.OnViolationRefuse:
	case computed:
		message = fmt.Sprintf("nobody gives a field of the type %s its values, so none is treated", spec.Type)
	case parted:
		message = "only Refuse goes with a value that has parts"
	case spec.OnViolation == crmv1.OnViolationTruncate && !slices.Contains(cutTypes, spec.Type):
		message = fmt.Sprintf("only text, long_text and rich_text can be cut; a value of the type %s would become another one", spec.Type)
	case spec.OnViolation == crmv1.OnViolationTruncate && spec.Unique:
		message = "values that are cut may become the same, and the field is unique"
	case spec.OnViolation == crmv1.OnViolationClear && spec.Required:
		message = "values cannot be taken away: the field is required"
	}
	if message == "" {
		return nil
	}
	return []Problem{{Path: "onViolation", Message: message}}
}

// misplaced finds settings that the type of the field does not have: ignoring them would be a lie.
func misplaced(spec *crmv1.FieldSpec) []Problem {
	var problems []Problem
	for _, setting := range []struct {
		path  string
		set   bool
		types []crmv1.FieldType
		words string
	}{
		{"options", len(spec.Options) > 0, []crmv1.FieldType{crmv1.FieldPicklist, crmv1.FieldMultiPicklist}, "only a picklist or multi_picklist has options"},
		{"optionsFrom", spec.OptionsFrom != nil, []crmv1.FieldType{crmv1.FieldPicklist, crmv1.FieldMultiPicklist}, "only a picklist or multi_picklist has options"},
		{"dependsOn", spec.DependsOn != "", []crmv1.FieldType{crmv1.FieldPicklist, crmv1.FieldMultiPicklist}, "only a picklist or multi_picklist depends on another"},
		{"onDelete", spec.OnDelete != "", []crmv1.FieldType{crmv1.FieldRelation}, "only a relation with a target has an onDelete"},
		{"pattern", spec.Pattern != "", []crmv1.FieldType{crmv1.FieldAutoNumber}, "only an auto_number has a pattern"},
		{"target", spec.Target != "", []crmv1.FieldType{crmv1.FieldRelation}, "only a relation has a target"},
		{"targets", len(spec.Targets) > 0, []crmv1.FieldType{crmv1.FieldRelation}, "only a relation has targets"},
		{"length", spec.Length != 0, []crmv1.FieldType{crmv1.FieldText, crmv1.FieldLongText, crmv1.FieldEmail, crmv1.FieldPhone, crmv1.FieldURL, crmv1.FieldRichText, crmv1.FieldJSON, crmv1.FieldAddress}, "only text, long_text, rich_text, email, phone, url, json and address have a length"},
		{"precision", spec.Precision != 0, []crmv1.FieldType{crmv1.FieldDecimal}, "only a decimal has a precision of its own; money has 20 digits and percent 9, 4 of them behind the point"},
		{"inverse", spec.Inverse != "", []crmv1.FieldType{crmv1.FieldRelation}, "only a relation has an inverse"},
		{"formula", spec.Formula != nil, []crmv1.FieldType{crmv1.FieldFormula}, "only a field of the type formula has one"},
		{"rollup", spec.Rollup != nil, []crmv1.FieldType{crmv1.FieldRollup}, "only a field of the type rollup has one"},
		{"scale", spec.Scale != nil, scaledTypes, "only decimal, money, percent and what is computed have a scale"},
		{"searchable", spec.Searchable != nil && *spec.Searchable, searchedTypes, "only text, long_text, rich_text, email, phone, url, address and person_name can be searched"},
		{"min", spec.Min != "", numberTypes, "only integer, decimal, money and percent have a min"},
		{"max", spec.Max != "", append(slices.Clip(numberTypes), crmv1.FieldRating), "only integer, decimal, money, percent and rating have a max"},
	} {
		if setting.set && !slices.Contains(setting.types, spec.Type) {
			problems = append(problems, Problem{Path: setting.path, Message: setting.words})
		}
	}
	if spec.Type == crmv1.FieldPercent && spec.Scale != nil && (*spec.Scale < 0 || *spec.Scale > 4) {
		problems = append(problems, Problem{Path: "scale", Message: "of a percent must be from 0 to 4"})
	}
	return problems
}

var searchedTypes = []crmv1.FieldType{
	crmv1.FieldText, crmv1.FieldLongText, crmv1.FieldRichText, crmv1.FieldEmail, crmv1.FieldPhone, crmv1.FieldURL, crmv1.FieldAddress,
	crmv1.FieldPersonName,
}

var numberTypes = []crmv1.FieldType{crmv1.FieldInteger, crmv1.FieldDecimal, crmv1.FieldMoney, crmv1.FieldPercent}

var scaledTypes = []crmv1.FieldType{crmv1.FieldDecimal, crmv1.FieldMoney, crmv1.FieldPercent, crmv1.FieldFormula, crmv1.FieldRollup}
