package compile

import (
	"cmp"
	"embed"
	"fmt"
	"io/fs"
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
	ModuleMarketing = string(crmv1.ModuleMarketing)
)

// sourceStandard is the Source of what Kontor ships.
const sourceStandard = "standard"

// standardPrefix starts the name of a standard object or field whose own name a custom one holds.
const standardPrefix = "std_"

//go:embed standard/*.yaml
var standardFiles embed.FS

// Standard is the standard model alone: the objects of the modules and of the
// base, with their pipelines. The organisation is empty.
func Standard(modules []string) *schema.Schema {
	wanted := map[string]bool{ModuleBase: true}
	for _, module := range modules {
		wanted[module] = true
	}
	c := &compiler{}
	c.standard, c.standardPipelines = standardModel(wanted)
	s, err := c.compile()
	if err != nil {
		panic(fmt.Sprintf("the standard model is broken: %v", err)) // the files are part of the program
	}
	return s
}

// standardDocuments are the parsed files, objects by name.
type standardDocuments struct {
	objects   []*crmv1.CustomObject
	pipelines []*crmv1.Pipeline
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
		if strings.HasPrefix(name, "standard/pipeline-") {
			var p crmv1.Pipeline
			if err := yaml.UnmarshalStrict(text, &p); err != nil {
				return documents, fmt.Errorf("%s: %w", name, err)
			}
			documents.pipelines = append(documents.pipelines, &p)
			continue
		}
		var o crmv1.CustomObject
		if err := yaml.UnmarshalStrict(text, &o); err != nil {
			return documents, fmt.Errorf("%s: %w", name, err)
		}
		documents.objects = append(documents.objects, &o)
	}
	slices.SortFunc(documents.objects, func(a, b *crmv1.CustomObject) int { return cmp.Compare(a.Name, b.Name) })
	return documents, nil
}

// standardModel makes the objects of the modules, by identity. Relations to
// objects of other modules are left out.
func standardModel(modules map[string]bool) ([]*schema.Object, []*crmv1.Pipeline) {
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
	var pipelines []*crmv1.Pipeline
	for _, p := range documents.pipelines {
		if there[p.Spec.Object] {
			pipelines = append(pipelines, p)
		}
	}
	return objects, pipelines
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

// standardOverApplied gives the standard objects the identities and physical
// names that are recorded, and keeps what an older release had.
func (c *compiler) standardOverApplied(applied appliedIndex) []*schema.Object {
	identities := map[string]string{}
	for _, o := range c.standard {
		if identity, ok := recordedIdentity(o.Identity, applied.standard); ok {
			identities[o.Identity] = identity
		} else if _, ok := applied.objects[Ref{KindObject, o.Identity}.String()]; ok {
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
		if recorded := applied.standard[o.Identity]; recorded != nil {
			o.Table = recorded.Table
		}
		standardFields(o, applied)
	}
	objects := c.standard
	for identity, o := range applied.standard {
		if !have[identity] {
			objects = append(objects, o)
		}
	}
	slices.SortFunc(objects, func(a, b *schema.Object) int { return cmp.Compare(a.Identity, b.Identity) })
	return objects
}

// standardFields does for the fields of one standard object what standardOverApplied does for the objects.
func standardFields(o *schema.Object, applied appliedIndex) {
	recorded := map[string]*schema.Field{}
	if before := applied.standard[o.Identity]; before != nil {
		for _, f := range before.Fields {
			recorded[f.Identity] = f
		}
	}
	have := map[string]bool{}
	for _, f := range o.Fields {
		if identity, ok := recordedIdentity(f.Identity, recorded); ok {
			if o.Title == f.Identity {
				o.Title = identity
			}
			f.Identity, f.Column = identity, recorded[identity].Column
		} else if custom, ok := applied.fields[Ref{KindField, f.Identity}.String()]; ok && custom.object == o.Identity {
			f.Identity = standardPrefix + f.Identity
		}
		have[f.Identity] = true
	}
	if before := applied.standard[o.Identity]; before != nil {
		for _, f := range before.Fields {
			if !have[f.Identity] {
				o.Fields = append(o.Fields, f)
			}
		}
	}
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
}

func index(applied *schema.Schema) appliedIndex {
	x := appliedIndex{
		standard: map[string]*schema.Object{}, objects: map[string]*schema.Object{}, fields: map[string]*placedField{},
		pipelines: map[string]*schema.Pipeline{}, staged: map[string]string{},
		rules: map[string]*schema.ValidationRule{}, indexes: map[string]*schema.Index{},
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
		x.rules[r.Source] = r
	}
	for _, i := range applied.Indexes {
		x.indexes[i.Source] = i
	}
	return x
}

// copyObject copies the definition alone, so that the copy can be built anew.
func copyObject(o *schema.Object) *schema.Object {
	return &schema.Object{
		Identity: o.Identity, Name: o.Name, Table: o.Table, Custom: o.Custom, Module: o.Module,
		Label: o.Label, PluralLabel: o.PluralLabel, Description: o.Description, Title: o.Title,
		Fields: o.Fields, Source: o.Source,
	}
}
