package compile

import (
	"cmp"
	"embed"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"

	"sigs.k8s.io/yaml"

	crmv1 "github.com/kontor-crm/kontor/api/v1alpha1"
	"github.com/kontor-crm/kontor/internal/schema"
)

// The modules of the standard model. The base is always there.
const (
	ModuleBase      = "base"
	ModuleSales     = string(crmv1.ModuleSales)
	ModuleService   = string(crmv1.ModuleService)
	ModuleMarketing = string(crmv1.ModuleMarketing)
)

// Modules are all modules that a tenant may have beside the base.
var Modules = []string{ModuleSales, ModuleService, ModuleMarketing}

// sourceStandard is the Source of what Kontor ships.
const sourceStandard = "standard"

// standardPrefix starts the name of a standard object or field whose own name a custom one holds.
const standardPrefix = schema.StandardPrefix

//go:embed standard/*.yaml
var standardFiles embed.FS

// Standard is the standard model alone: the objects of the modules and of the
// base, with their pipelines, rules and indexes. The organisation is empty.
func Standard(modules []string) *schema.Schema {
	wanted := map[string]bool{ModuleBase: true}
	for _, module := range modules {
		wanted[module] = true
	}
	c := &compiler{}
	c.takeStandard(standardModel(wanted))
	s, err := c.compile()
	if err != nil {
		panic(fmt.Sprintf("the standard model is broken: %v", err)) // the files are part of the program
	}
	return s
}

// standardDocuments are the parsed files, each kind by name.
type standardDocuments struct {
	objects []*crmv1.CustomObject
	standardAdditions
}

// standardAdditions are what the standard model has beside objects.
type standardAdditions struct {
	pipelines []*crmv1.Pipeline
	rules     []*crmv1.ValidationRule
	indexes   []*crmv1.ObjectIndex
}

var readStandard = sync.OnceValue(func() standardDocuments {
	documents, err := parseStandard(standardFiles)
	if err != nil {
		panic(fmt.Sprintf("the standard model is broken: %v", err)) // the files are part of the program
	}
	return documents
})

func parseStandard(files fs.FS) (standardDocuments, error) {
	var documents standardDocuments
	names, err := fs.Glob(files, "standard/*.yaml")
	if err != nil {
		return documents, err
	}
	for _, name := range names {
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return documents, err
		}
		switch kind, _, _ := strings.Cut(path.Base(name), "-"); kind {
		case "pipeline":
			documents.pipelines, err = parsed(documents.pipelines, text)
		case "rule":
			documents.rules, err = parsed(documents.rules, text)
		case "index":
			documents.indexes, err = parsed(documents.indexes, text)
		default:
			documents.objects, err = parsed(documents.objects, text)
		}
		if err != nil {
			return documents, fmt.Errorf("%s: %w", name, err)
		}
	}
	slices.SortFunc(documents.objects, func(a, b *crmv1.CustomObject) int { return cmp.Compare(a.Name, b.Name) })
	return documents, nil
}

// parsed adds a document to those of its kind.
func parsed[D any](documents []*D, text []byte) ([]*D, error) {
	d := new(D)
	if err := yaml.UnmarshalStrict(text, d); err != nil {
		return nil, err
	}
	return append(documents, d), nil
}

// standardModel makes the objects of the modules, by identity. Relations to
// objects of other modules are left out, and so is what is said of such objects.
func standardModel(modules map[string]bool) ([]*schema.Object, standardAdditions) {
	documents := readStandard()
	there := map[string]bool{}
	for _, o := range documents.objects {
		there[o.Name] = modules[o.Annotations[crmv1.ModuleAnnotation]]
	}
	var objects []*schema.Object
	for _, document := range documents.objects {
		if !there[document.Name] {
			continue
		}
		o := objectOf(document.Name, &document.Spec, sourceStandard)
		o.Module = document.Annotations[crmv1.ModuleAnnotation]
		o.Fields = slices.DeleteFunc(o.Fields, func(f *schema.Field) bool {
			several := len(f.Targets) > 0
			f.Targets = slices.DeleteFunc(f.Targets, func(target string) bool { return !there[target] })
			return f.Target != "" && !there[f.Target] || several && len(f.Targets) == 0
		})
		objects = append(objects, o)
	}
	gone := func(object string) bool { return !there[object] }
	return objects, standardAdditions{
		pipelines: slices.DeleteFunc(slices.Clone(documents.pipelines), func(p *crmv1.Pipeline) bool { return gone(p.Spec.Object) }),
		rules:     slices.DeleteFunc(slices.Clone(documents.rules), func(r *crmv1.ValidationRule) bool { return gone(r.Spec.Object) }),
		indexes:   slices.DeleteFunc(slices.Clone(documents.indexes), func(x *crmv1.ObjectIndex) bool { return gone(x.Spec.Object) }),
	}
}

// takeStandard makes the standard model that of the compilation.
func (c *compiler) takeStandard(objects []*schema.Object, additions standardAdditions) {
	c.standard, c.additions = objects, additions
}

// moduleOf is the module that brings a standard object, or "".
func moduleOf(object string) string {
	for _, o := range readStandard().objects {
		if o.Name == object {
			return o.Annotations[crmv1.ModuleAnnotation]
		}
	}
	return ""
}

// standardObject is the standard object of that identity, which may be another one in this tenant,
// and its standard fields by identity; nil when it is not there.
func (c *compiler) standardObject(identity string) (*schema.Object, map[string]*schema.Field) {
	for _, o := range c.standard {
		if o.Identity != identity && o.Identity != standardPrefix+identity {
			continue
		}
		fields := map[string]*schema.Field{}
		for _, f := range o.Fields {
			fields[f.Identity] = f
		}
		return o, fields
	}
	return nil, nil
}

// standardOverApplied gives the standard objects the identities and physical
// names that are recorded, and keeps what an older release had.
func (c *compiler) standardOverApplied(applied appliedIndex) []*schema.Object {
	identities := map[string]string{}
	recorded := applied.standardObjects()
	for _, o := range c.standard {
		if identity, ok := recordedIdentity(o.Identity, recorded); ok {
			identities[o.Identity] = identity
		} else if custom := applied.object(o.Identity); custom != nil && custom.Custom {
			identities[o.Identity] = standardPrefix + o.Identity
		}
	}
	have := map[string]bool{}
	for _, o := range c.standard {
		if identity, ok := identities[o.Identity]; ok {
			o.Identity = identity
		}
		for _, f := range o.Fields {
			if identity, ok := identities[f.Target]; ok {
				f.Target = identity
			}
			for i, target := range f.Targets {
				if identity, ok := identities[target]; ok {
					f.Targets[i] = identity
				}
			}
		}
		have[o.Identity] = true
		if recorded := recorded[o.Identity]; recorded != nil {
			o.Table = recorded.Table
		}
	}
	leaves := func(identity string) bool {
		o := applied.standard[identity]
		return o != nil && !have[identity] && c.left[moduleRef(o.Module)]
	}
	for _, o := range c.standard {
		standardFields(o, applied, leaves)
	}
	objects := c.standard
	for identity, o := range applied.standard {
		if !have[identity] && !leaves(identity) {
			objects = append(objects, o)
		}
	}
	slices.SortFunc(objects, func(a, b *schema.Object) int { return cmp.Compare(a.Identity, b.Identity) })
	return objects
}

// standardFields does for the fields of one standard object what standardOverApplied
// does for the objects. Fields that point only to objects that leave go with them.
func standardFields(o *schema.Object, applied appliedIndex, leaves func(object string) bool) {
	recorded := applied.standardFields(o.Identity)
	have := map[string]bool{}
	for _, f := range o.Fields {
		if identity, ok := recordedIdentity(f.Identity, recorded); ok {
			if o.Title == f.Identity {
				o.Title = identity
			}
			f.Identity, f.Column = identity, recorded[identity].Column
			f.RetiredTargets = retiredTargets(f, recorded[identity], leaves)
		} else if applied.field(o.Identity, &schema.Field{Identity: f.Identity, Custom: true}) != nil {
			f.Identity = standardPrefix + f.Identity
		}
		have[f.Identity] = true
	}
	if before := applied.standard[o.Identity]; before != nil {
		for _, f := range before.Fields {
			points := len(f.Targets) > 0 || f.Target != ""
			if !have[f.Identity] && !(points && (f.Target == "" || leaves(f.Target)) && !slices.ContainsFunc(f.Targets, func(t string) bool { return !leaves(t) })) {
				o.Fields = append(o.Fields, f)
			}
		}
	}
}

// retiredTargets are the objects to which values of a relation may still point although
// they are not among its targets: they were, and leave or have left.
func retiredTargets(f, before *schema.Field, leaves func(object string) bool) []string {
	retired := slices.DeleteFunc(slices.Clone(before.Targets), func(target string) bool { return !leaves(target) })
	retired = slices.DeleteFunc(append(retired, before.RetiredTargets...), func(target string) bool { return slices.Contains(f.Targets, target) })
	slices.Sort(retired)
	if retired = slices.Compact(retired); len(retired) == 0 {
		return nil
	}
	return retired
}

// recordedIdentity is the identity under which a standard thing is applied already.
func recordedIdentity[T any](identity string, recorded map[string]*T) (string, bool) {
	for _, candidate := range []string{identity, standardPrefix + identity} {
		if recorded[candidate] != nil {
			return candidate, true
		}
	}
	return "", false
}

// appliedIndex is the applied schema taken apart again into the forms of its resources.
type appliedIndex struct {
	// standard are the standard objects with their standard fields, by identity.
	standard map[string]*schema.Object
	// objects are the custom objects with their inline fields, by Source; so are the other two.
	objects   map[string]*schema.Object
	fields    map[string]*placedField
	pipelines map[string]*schema.Pipeline
	rules     map[string]*schema.ValidationRule
	indexes   map[string]*schema.Index
	// staged are the fields that hold the stage of a pipeline: "object/field" -> Source of the pipeline.
	staged map[string]string
	// whole is the schema itself, or nil.
	whole *schema.Schema
}

// object is the form that an object has in the applied schema, or had when it was
// retired; nil when there is none.
func (x appliedIndex) object(identity string) *schema.Object {
	if x.whole == nil {
		return nil
	}
	if o, ok := x.whole.ObjectByIdentity(identity); ok {
		return o
	}
	retired, _ := x.whole.Retired.Object(identity)
	return retired.Form
}

// field is the form that a field has in the applied schema, or had when it was retired;
// nil when there is none. A standard field is never a custom one's earlier form.
func (x appliedIndex) field(object string, f *schema.Field) *schema.Field {
	if x.whole == nil {
		return nil
	}
	if o, ok := x.whole.ObjectByIdentity(object); ok {
		if before, ok := o.FieldByIdentity(f.Identity); ok && before.Custom == f.Custom && before.Declared() == before {
			return before
		}
	}
	if retired, ok := x.whole.Retired.Field(object, f.Identity); ok && retired.Form.Custom == f.Custom {
		return retired.Form
	}
	return nil
}

// standardObjects are the standard objects by identity, retired ones included.
func (x appliedIndex) standardObjects() map[string]*schema.Object {
	all := maps.Clone(x.standard)
	if x.whole == nil {
		return all
	}
	for _, retired := range x.whole.Retired.Objects {
		if !retired.Form.Custom {
			all[retired.Form.Identity] = retired.Form
		}
	}
	return all
}

// standardFields are the standard fields of a standard object by identity, retired ones included.
func (x appliedIndex) standardFields(object string) map[string]*schema.Field {
	all := map[string]*schema.Field{}
	if o := x.standardObjects()[object]; o != nil {
		for _, f := range o.Fields {
			all[f.Identity] = f
		}
	}
	if x.whole == nil {
		return all
	}
	for _, retired := range x.whole.Retired.FieldsOf(object) {
		if !retired.Form.Custom {
			all[retired.Form.Identity] = retired.Form
		}
	}
	return all
}

func index(applied *schema.Schema) appliedIndex {
	x := appliedIndex{
		standard: map[string]*schema.Object{}, objects: map[string]*schema.Object{}, fields: map[string]*placedField{},
		pipelines: map[string]*schema.Pipeline{}, staged: map[string]string{},
		rules: map[string]*schema.ValidationRule{}, indexes: map[string]*schema.Index{}, whole: applied,
	}
	if applied == nil {
		return x
	}
	for _, o := range applied.Objects {
		own := copyObject(o)
		own.Fields = nil
		for _, f := range o.Fields {
			if f.Source == o.Source {
				own.Fields = append(own.Fields, f)
				continue
			}
			x.fields[f.Source] = &placedField{object: o.Identity, field: f}
		}
		if o.Custom {
			x.objects[o.Source] = own
		} else {
			x.standard[o.Identity] = own
		}
	}
	for _, p := range applied.Pipelines {
		x.staged[slot(p)] = p.Source
		if p.Source != sourceStandard {
			x.pipelines[p.Source] = p
		}
	}
	for _, r := range applied.Rules {
		if r.Source != sourceStandard {
			x.rules[r.Source] = r
		}
	}
	for _, i := range applied.Indexes {
		if i.Source != sourceStandard {
			x.indexes[i.Source] = i
		}
	}
	return x
}

// copyObject copies the definition alone, so that the copy can be built anew.
func copyObject(o *schema.Object) *schema.Object {
	return &schema.Object{
		Identity: o.Identity, Name: o.Name, Former: o.Former, Table: o.Table, Custom: o.Custom, Module: o.Module,
		Label: o.Label, PluralLabel: o.PluralLabel, Description: o.Description, Title: o.Title,
		Fields: o.Fields, Source: o.Source,
	}
}
