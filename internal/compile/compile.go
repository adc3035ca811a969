// Package compile makes one schema of all that describes a tenant: the standard
// model and the tenant's own resources. It is pure: the same input gives the
// same schema, in whatever order the resources come.
//
// One bad resource never blocks the rest. What does not compile is left out, or
// goes on in the form that is applied already, and its Verdict says why.
package compile

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	crmv1 "github.com/kontor-crm/kontor/api/v1alpha1"
	"github.com/kontor-crm/kontor/internal/schema"
)

// The kinds of resources that are compiled, as Ref names them.
const (
	KindTenant   = "Tenant"
	KindObject   = "CustomObject"
	KindField    = "CustomField"
	KindPipeline = "Pipeline"
	KindRule     = "ValidationRule"
	KindIndex    = "ObjectIndex"
	// KindModule is no resource: Result.Retained names so a module that was
	// turned off and whose objects stay ("Module sales").
	KindModule = "Module"
)

// The bounds of a tenant's model.
const (
	// MaxInlineFields is the greatest number of fields that a CustomObject declares.
	MaxInlineFields = 100
	// MaxCustomFields is the greatest number of CustomFields of one object that are in the schema.
	MaxCustomFields = 300
	// MaxColumns is the greatest number of columns that the fields of an object
	// need: PostgreSQL's own bound is 1600, and a value with parts takes several.
	MaxColumns = 1500
	// MaxStages is the greatest number of stages of a pipeline that records can enter.
	MaxStages = 50
	// MaxAllStages is the greatest number of stages of a pipeline, those that are retired included.
	MaxAllStages = 80
)

// Ref names a resource of the tenant's namespace.
type Ref struct{ Kind, Name string }

// String is "CustomField tier", as the Source of a schema's object, field or pipeline says it.
func (r Ref) String() string { return r.Kind + " " + r.Name }

// Input is all that describes a tenant.
type Input struct {
	// Tenant holds the settings of the organisation and the modules. Nil is a
	// tenant of no name with the base module alone.
	Tenant *crmv1.Tenant
	// The rest are the resources of the tenant's namespace, in any order.
	Objects   []*crmv1.CustomObject
	Fields    []*crmv1.CustomField
	Pipelines []*crmv1.Pipeline
	Rules     []*crmv1.ValidationRule
	Indexes   []*crmv1.ObjectIndex
	// Applied is what is served now; nil before the first.
	Applied *schema.Schema
	// Now is the moment of the compilation. What was renamed since the applied schema
	// is found by its former name from then on, for the time that the Tenant gives.
	Now time.Time
	// Leased is the oldest revision that a server works with; 0 when none does.
	Leased int64
	// Held are resources whose new form may not come into play, with the reason
	// (the planner refused it, the resource is suspended): the applied form
	// stays; without one the resource is left out. Those that were deleted stay too.
	Held map[Ref]string
	// Purge are those retired things that are not to be kept any more.
	Purge map[Retired]bool
}

// Problem is something wrong in a resource, with the path from its root: "spec.options[3].key".
type Problem = schema.Problem

// Verdict is what the compiler says of one resource.
type Verdict struct {
	// Problems are all that were found, with paths from the resource's root; empty when it compiles.
	Problems []Problem
	// Reason is a constant of the API: ReasonInvalid, ReasonNameConflict,
	// ReasonObjectNotFound or ReasonInUse; empty when there is no problem.
	Reason string
	// Kept says that the applied form of the resource goes on in place of the given one.
	Kept bool
	// Deleted are those of Result.Retained that the resource needs, sorted.
	Deleted []string
	// Former are the former names that its expressions say, and for what: `"tier" for
	// customer.level`.
	Former []string
	// Removed are the options and stages that were taken out of the resource and are
	// kept, retired, for the records that have them, sorted: "gold", and "tier.gold" for
	// one of the inline field tier.
	Removed []string
}

// Result is what became of an Input.
type Result struct {
	// Schema has been built and is ready for use. Its revision is that of the
	// applied one, 0 without.
	Schema *schema.Schema
	// Verdicts has one for each resource that was given, the Tenant included.
	Verdicts map[Ref]Verdict
	// Retained are things that were deleted and stay in the schema, as others need them or
	// they are held, sorted: "CustomField tier", "Pipeline sales", "Module sales", and
	// "CustomObject fleet.plate" for the inline field plate. All others leave it: what
	// holds data is in Schema.Retired.
	Retained []string
	// InUse are those of Retained that others need.
	InUse []InUse
	// Renamed are the standard objects and fields that carry another name in
	// this tenant, as a custom one held theirs first, sorted: "customer.std_tier".
	Renamed []string
}

// Compile makes the schema of a tenant and judges each of its resources. What was
// deleted is in the first schema, which shows who needs it; those that nobody needs
// are left out of the next.
func Compile(in Input) Result {
	left := map[string]bool{}
	for {
		result, sound := compileWithout(in, left)
		leaving := result.leaving(in.Held)
		if !sound || len(leaving) == 0 {
			return result
		}
		for _, what := range leaving {
			left[what] = true
		}
	}
}

// compileWithout compiles without those deleted things that have been left out; sound is
// false when the compiler itself is at fault.
func compileWithout(in Input, left map[string]bool) (result Result, sound bool) {
	c := newCompiler(in, left)
	s, err := c.compile()
	for refused := map[Ref][]Problem{}; err == nil; s, err = c.compile() {
		misfits := c.misfits(s)
		if len(misfits) == 0 {
			break
		}
		maps.Copy(refused, misfits)
		c = newCompiler(in, left) // what was settled may have stood on them
		c.refuseAll(refused)
	}
	if err != nil { // a fault of this package, which its fuzz tests look for: what was served goes on
		s = c.fallback()
		return Result{Schema: s, Verdicts: c.verdicts(s)}, false
	}
	result = Result{Schema: s, Verdicts: c.verdicts(s), Retained: c.retained(), Renamed: c.renamed(s)}
	result.InUse = inUse(s, result.Retained, result.Verdicts)
	return result, true
}

// compiler holds one compilation.
type compiler struct {
	in           Input
	organisation schema.Organisation
	tenant       *resource // nil without a Tenant
	// left are deleted things that are left out of the schema.
	left map[string]bool
	// off are the modules that the tenant does not want any more and whose objects are applied.
	off []string
	// before is the applied schema, taken apart.
	before appliedIndex

	standard  []*schema.Object
	additions standardAdditions

	// leftOut are computed fields that cannot be computed and have no form that can.
	leftOut map[fieldKey]bool
	// gone are computed fields that were deleted and are not in the drafts: they hold
	// no data. wantedBack are those of them that something else is still computed from.
	gone, wantedBack map[fieldKey]bool

	objects   []*unit[schema.Object]
	fields    []*unit[placedField]
	pipelines []*unit[schema.Pipeline]
	rules     []*unit[schema.ValidationRule]
	indexes   []*unit[schema.Index]
}

// fieldKey names a field by the identities of its object and of itself.
type fieldKey struct{ object, field string }

// placedField is a field and the object that has it.
type placedField struct {
	object string
	field  *schema.Field
}

// resource is what all units have in common.
type resource struct {
	ref     Ref
	created time.Time
	// given is false when the resource was deleted and is known by its applied form alone.
	given bool
	// refused keeps the wanted form out of play.
	refused  bool
	reason   string
	problems []Problem
}

func (r *resource) refuse(reason string, problems ...Problem) {
	r.refused = true
	r.problems = append(r.problems, problems...)
	if r.reason == "" && len(problems) > 0 {
		r.reason = reason
	}
}

// refuseAll refuses objects and fields for problems that were found before.
func (c *compiler) refuseAll(found map[Ref][]Problem) {
	for _, u := range c.objects {
		if problems := found[u.ref]; len(problems) > 0 {
			u.refuse(crmv1.ReasonInvalid, problems...)
		}
	}
	for _, u := range c.fields {
		if problems := found[u.ref]; len(problems) > 0 {
			u.refuse(crmv1.ReasonInvalid, problems...)
		}
	}
}

// older orders resources by age, then by name.
func older(a, b *resource) int {
	return cmp.Or(a.created.Compare(b.created), strings.Compare(a.ref.String(), b.ref.String()))
}

// unit is one resource with the form that it asks for and the form that is applied.
type unit[F any] struct {
	resource
	wanted  *F // nil when it is not given
	applied *F // nil when there is none
}

// form is the one that is in play; nil when the resource is left out.
func (u *unit[F]) form() *F {
	if u.isNew() {
		return u.wanted
	}
	return u.applied
}

// isNew says whether the form that the resource asks for is in play.
func (u *unit[F]) isNew() bool { return u.given && !u.refused }

func newCompiler(in Input, left map[string]bool) *compiler {
	applied := index(in.Applied)
	c := &compiler{in: in, left: left, before: applied, gone: map[fieldKey]bool{}, wantedBack: map[fieldKey]bool{}}
	c.readTenant()
	c.standard = c.standardOverApplied(applied)
	c.objects = c.readObjects(applied)
	c.fields = c.readFields(applied)
	c.pipelines = c.readPipelines(applied)
	c.rules = c.readRules(applied)
	c.indexes = c.readIndexes(applied)
	return c
}

func (c *compiler) compile() (*schema.Schema, error) {
	c.settle()
	s := &schema.Schema{Format: schema.Format, Organisation: c.organisation}
	if c.in.Applied != nil {
		s.Revision = c.in.Applied.Revision
	}
	for _, d := range c.drafts() {
		s.Objects = append(s.Objects, d.object)
	}
	if _, err := schema.Build(s); err != nil {
		return nil, err
	}
	s.Pipelines = c.settlePipelines(s)
	c.takeStages(s)
	settleRotting(s)
	c.settleReferences(s)
	if _, err := schema.Build(s); err != nil {
		return nil, err
	}
	s.Rules, s.Indexes = c.settleRules(s), c.settleIndexes(s)
	s.Retired = c.retired(s)
	if _, err := schema.Build(s); err != nil {
		return nil, err
	}
	return c.forget(s)
}

// fallback is what is served when the compiler itself is at fault.
func (c *compiler) fallback() *schema.Schema {
	if c.in.Applied != nil {
		return c.in.Applied
	}
	return Standard(nil)
}

func (c *compiler) verdicts(s *schema.Schema) map[Ref]Verdict {
	verdicts := map[Ref]Verdict{}
	add := func(r *resource, goesOn bool) {
		if r.given {
			verdicts[r.ref] = Verdict{Problems: r.problems, Reason: r.reason, Kept: r.refused && goesOn, Removed: removed(s, r.ref)}
		}
	}
	if c.tenant != nil {
		add(c.tenant, c.in.Applied != nil)
	}
	for _, u := range c.objects {
		add(&u.resource, u.applied != nil && !slices.ContainsFunc(u.applied.Fields, func(f *schema.Field) bool { return !fieldGoesOn(s, u.applied.Identity, f) }))
	}
	for _, u := range c.fields {
		add(&u.resource, u.applied != nil && fieldGoesOn(s, u.applied.object, u.applied.field))
	}
	for _, u := range c.pipelines {
		add(&u.resource, u.applied != nil && pipelineGoesOn(s, c.in.Applied, u.ref))
	}
	for _, u := range c.rules {
		add(&u.resource, u.applied != nil && slices.ContainsFunc(s.Rules, func(r *schema.ValidationRule) bool { return r.Source == u.ref.String() }))
	}
	for _, u := range c.indexes {
		add(&u.resource, u.applied != nil && slices.ContainsFunc(s.Indexes, func(x *schema.Index) bool { return x.Source == u.ref.String() }))
	}
	return verdicts
}

func (c *compiler) retained() []string {
	var names []string
	for _, module := range c.off {
		names = append(names, moduleRef(module))
	}
	for _, u := range c.objects {
		if !u.given {
			names = append(names, u.ref.String())
		}
		if u.isNew() {
			for _, f := range c.leftovers(u) {
				if !c.gone[fieldKey{u.applied.Identity, f.Identity}] {
					names = append(names, u.ref.String()+"."+f.Identity)
				}
			}
		}
	}
	for _, u := range c.fields {
		if !u.given && !c.gone[fieldKey{u.applied.object, u.applied.field.Identity}] {
			names = append(names, u.ref.String())
		}
	}
	for _, u := range c.pipelines {
		if !u.given && u.applied != nil {
			names = append(names, u.ref.String())
		}
	}
	slices.Sort(names)
	return names
}
