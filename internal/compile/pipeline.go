package compile

import (
	"cmp"
	"fmt"
	"slices"

	crmv1 "github.com/kontor-crm/kontor/api/v1alpha1"
	"github.com/kontor-crm/kontor/internal/expr"
	"github.com/kontor-crm/kontor/internal/schema"
)

// slot is the field that a pipeline stands on: there is one pipeline for each.
func slot(p *schema.Pipeline) string { return p.Object + "/" + p.Field }

// readPipelines makes a unit of each Pipeline that is given or applied, by name.
// What is given is read by settlePipelines, once the fields are settled.
func (c *compiler) readPipelines(applied appliedIndex) []*unit[schema.Pipeline] {
	units := map[Ref]*unit[schema.Pipeline]{}
	for _, given := range c.in.Pipelines {
		ref := Ref{KindPipeline, given.Name}
		units[ref] = &unit[schema.Pipeline]{resource: c.resource(ref, given), applied: applied.pipelines[ref.String()]}
	}
	for _, p := range applied.pipelines {
		ref := Ref{KindPipeline, p.Identity}
		if units[ref] == nil && !c.left[ref.String()] {
			units[ref] = &unit[schema.Pipeline]{resource: resource{ref: ref}, applied: p}
		}
	}
	return sorted(units)
}

// settlePipelines decides which pipelines are in play: those of the tenant; on
// a field that none of them has, the one that was deleted; else the standard one.
func (c *compiler) settlePipelines(s *schema.Schema) []*schema.Pipeline {
	c.judgePipelines(s)
	for c.refuseRivals() {
		continue
	}
	taken := map[string]bool{}
	identities := map[string]bool{}
	var pipelines []*schema.Pipeline
	take := func(p *schema.Pipeline) {
		taken[slot(p)], identities[p.Identity] = true, true
		pipelines = append(pipelines, p)
	}
	for _, u := range c.pipelines {
		if u.given && u.form() != nil {
			take(u.form())
		}
	}
	for _, u := range c.pipelines {
		switch {
		case u.given:
		case taken[slot(u.applied)]: // it was replaced, and leaves nothing behind
			u.applied = nil
		default:
			take(u.applied)
		}
	}
	for _, document := range c.additions.pipelines {
		p := c.standardPipeline(document)
		if p == nil || taken[slot(p)] {
			continue
		}
		if identities[p.Identity] {
			p.Identity = standardPrefix + p.Identity
		}
		take(p)
	}
	for _, p := range pipelines {
		p.Stages = withRemovedStages(p.Stages, c.appliedStages(p), c.now()) // one that is applied has them all
	}
	slices.SortFunc(pipelines, func(a, b *schema.Pipeline) int {
		return cmp.Or(cmp.Compare(a.Object, b.Object), cmp.Compare(a.Identity, b.Identity))
	})
	return pipelines
}

// judgePipelines reads the given pipelines against the settled objects.
func (c *compiler) judgePipelines(s *schema.Schema) {
	for _, u := range c.pipelines {
		if given := c.givenPipeline(u); given != nil {
			p, reason, problems := c.readPipeline(u, given, s)
			u.wanted = p
			if len(problems) > 0 {
				u.refuse(reason, problems...)
			}
		}
	}
}

// givenPipeline is what a unit was given; nil for one that was deleted.
func (c *compiler) givenPipeline(u *unit[schema.Pipeline]) *crmv1.Pipeline {
	for _, given := range c.in.Pipelines {
		if u.given && given.Name == u.ref.Name {
			return given
		}
	}
	return nil
}

// readPipeline reads a given pipeline against objects and finds all that is wrong with it.
func (c *compiler) readPipeline(u *unit[schema.Pipeline], given *crmv1.Pipeline, s *schema.Schema) (p *schema.Pipeline, reason string, problems []Problem) {
	p, problems = readStages(&given.Spec)
	p.Identity, p.Source = given.Name, u.ref.String()
	reason = crmv1.ReasonInvalid
	name := cmp.Or(given.Spec.Object, "opportunity")
	object, ok := s.ObjectByIdentity(name)
	if !ok {
		reason = crmv1.ReasonObjectNotFound
		problems = append([]Problem{{Path: "spec.object", Message: c.noObject(name, c.liveObjects())}}, problems...)
	} else {
		p.Object = object.Identity
		problems = append(problems, placePipeline(s, p, &given.Spec, object)...)
		problems = append(problems, c.tooManyStages(p)...)
	}
	problems = append(checkNames(given.Name, "anything", schema.CheckObjectName), problems...)
	if u.applied != nil && ok && u.applied.Object != p.Object {
		problems = append(problems, Problem{
			Path: "spec.object", Message: fmt.Sprintf("the pipeline belongs to %q and cannot move to %q; make another Pipeline for it", u.applied.Object, p.Object),
		})
	}
	return p, reason, problems
}

// readStages reads the definition of a pipeline and finds what is wrong with it by itself.
func readStages(spec *crmv1.PipelineSpec) (*schema.Pipeline, []Problem) {
	p := &schema.Pipeline{Label: schema.Label(spec.Label)}
	var problems []Problem
	seen := map[string]int{}
	for i := range spec.Stages {
		stage := &spec.Stages[i]
		at := fmt.Sprintf("spec.stages[%d]", i)
		first, repeated := seen[stage.Key]
		switch problem := schema.CheckKey(stage.Key); {
		case problem != "":
			problems = append(problems, Problem{Path: at + ".key", Message: problem})
		case repeated:
			problems = append(problems, Problem{Path: at + ".key", Message: fmt.Sprintf("%q stands already at spec.stages[%d]", stage.Key, first)})
		default:
			seen[stage.Key] = i
		}
		s, found := readStage(at, stage)
		p.Stages = append(p.Stages, s)
		problems = append(problems, found...)
	}
	for i := range spec.Stages {
		for j, move := range spec.Stages[i].AllowedMoves {
			if _, ok := seen[move]; !ok {
				problems = append(problems, Problem{
					Path:    fmt.Sprintf("spec.stages[%d].allowedMoves[%d]", i, j),
					Message: fmt.Sprintf("there is no stage %q%s", move, suggest(move, keysOf(seen))),
				})
			}
		}
	}
	return p, append(problems, checkKinds(p)...)
}

func readStage(at string, stage *crmv1.Stage) (schema.Stage, []Problem) {
	s := schema.Stage{
		Key:         stage.Key,
		Label:       schema.Label(stage.Label),
		Kind:        schema.StageKind(cmp.Or(stage.Kind, crmv1.StageOpen)),
		RottingDays: int(stage.RottingDays),
		Retired:     declared(stage.Retired),
	}
	if len(stage.AllowedMoves) > 0 {
		s.AllowedMoves = slices.Clone(stage.AllowedMoves)
	}
	var problems []Problem
	switch s.Kind {
	case schema.StageOpen, schema.StageLost:
	case schema.StageWon:
		s.Probability = 100
	default:
		problems = append(problems, Problem{Path: at + ".kind", Message: fmt.Sprintf("%q is not a kind of stage; it is one of open, won, lost", stage.Kind)})
	}
	if stage.Probability != nil {
		s.Probability = int(*stage.Probability)
	}
	if s.Probability < 0 || s.Probability > 100 {
		problems = append(problems, Problem{Path: at + ".probability", Message: fmt.Sprintf("%d is not a probability; it is a percentage from 0 to 100", s.Probability)})
	}
	if s.RottingDays < 0 {
		problems = append(problems, Problem{Path: at + ".rottingDays", Message: "must not be negative"})
	}
	return s, problems
}

// checkKinds finds a pipeline that cannot end.
func checkKinds(p *schema.Pipeline) []Problem {
	choices := p.Choices()
	switch {
	case len(choices) > MaxStages:
		return []Problem{{Path: "spec.stages", Message: fmt.Sprintf("a pipeline has at most %d stages", MaxStages)}}
	case len(p.Stages) > MaxAllStages:
		return []Problem{{Path: "spec.stages", Message: fmt.Sprintf("a pipeline has at most %d stages, those that are retired included", MaxAllStages)}}
	}
	var problems []Problem
	for _, kind := range []schema.StageKind{schema.StageWon, schema.StageLost} {
		if !slices.ContainsFunc(choices, func(s schema.Stage) bool { return s.Kind == kind }) {
			problems = append(problems, Problem{Path: "spec.stages", Message: fmt.Sprintf("a pipeline needs at least one stage of the kind %s that is not retired", kind)})
		}
	}
	return problems
}

// placePipeline finds the fields that the pipeline names.
func placePipeline(s *schema.Schema, p *schema.Pipeline, spec *crmv1.PipelineSpec, o *schema.Object) []Problem {
	var problems []Problem
	name := cmp.Or(spec.Field, "stage")
	switch f, ok := lookUp(name, o.FieldByIdentity, o.Field); {
	case !ok:
		problems = append(problems, Problem{Path: "spec.field", Message: noField(o, name)})
	case f.Parent != nil:
		problems = append(problems, Problem{Path: "spec.field", Message: fmt.Sprintf("%q is a part; the stage of a pipeline is held by a picklist of its own", name)})
	case f.Type != schema.TypePicklist:
		problems = append(problems, Problem{Path: "spec.field", Message: fmt.Sprintf("%q is of the type %s; the stage of a pipeline is held by a picklist", name, f.Type)})
	case f.OptionsFrom != nil: // it cannot have the stages as its options too
		problems = append(problems, Problem{Path: "spec.field", Message: fmt.Sprintf("%q has its options from another field; the stage of a pipeline is held by a picklist of its own", name)})
	default:
		p.Field = f.Identity
	}
	for i := range spec.Stages {
		if spec.Stages[i].Gate == nil {
			continue
		}
		if gate := spec.Stages[i].Gate; gate.Expression != "" {
			p.Stages[i].Gate, p.Stages[i].GateMessage = gate.Expression, schema.Label(gate.Message)
			_, err := expr.CompileCondition(s, o, gate.Expression, expr.OwnRecord)
			problems = append(problems, expressionProblems(fmt.Sprintf("spec.stages[%d].gate.expression", i), err)...)
		}
		for j, name := range spec.Stages[i].Gate.Required {
			f, ok := named(o, name, true)
			if !ok {
				problems = append(problems, Problem{Path: fmt.Sprintf("spec.stages[%d].gate.required[%d]", i, j), Message: noField(o, name)})
				continue
			}
			if f.Computed() {
				problems = append(problems, Problem{
					Path:    fmt.Sprintf("spec.stages[%d].gate.required[%d]", i, j),
					Message: fmt.Sprintf("%q is computed; a gate asks for what people give, such as the fields that it is computed from", name),
				})
				continue
			}
			if !slices.Contains(p.Stages[i].Required, f.Identity) {
				p.Stages[i].Required = append(p.Stages[i].Required, f.Identity)
			}
		}
	}
	return problems
}

// lookUp tries the ways to find a field in turn.
func lookUp(name string, ways ...func(string) (*schema.Field, bool)) (*schema.Field, bool) {
	for _, way := range ways {
		if f, ok := way(name); ok {
			return f, true
		}
	}
	return nil, false
}

// named is the field that a new form names, by what the API calls it or by its identity;
// an applied form names identities alone.
func named(o *schema.Object, name string, isNew bool) (*schema.Field, bool) {
	if !isNew {
		return o.FieldByIdentity(name)
	}
	return lookUp(name, o.Field, o.FieldByIdentity)
}

func noField(o *schema.Object, name string) string {
	var names []string
	for _, f := range o.AllFields() {
		names = append(names, f.Name)
	}
	slices.Sort(names)
	return fmt.Sprintf("%q has no field %q%s", o.Name, name, suggest(name, names))
}

// refuseRivals leaves one of several pipelines on the same field: the one that
// is applied there, else the oldest.
func (c *compiler) refuseRivals() bool {
	var claims []claim
	again := false
	for _, u := range c.pipelines {
		if !u.given || u.form() == nil {
			continue
		}
		c := claim{word: slot(u.form()), path: "spec.field", by: &u.resource, held: u.applied != nil && slot(u.applied) == slot(u.form())}
		if u.isNew() {
			c.refuse = func(p Problem) {
				u.refuse(crmv1.ReasonNameConflict, p)
				again = true
			}
		}
		claims = append(claims, c)
	}
	losers(claims, func(word string, winner claim) string {
		return fmt.Sprintf("%s has its stages from %s already; a field has one pipeline", word, winner.by.ref)
	})
	return again
}

// standardPipeline reads a standard pipeline under the identities of this tenant; nil when its field is not there.
func (c *compiler) standardPipeline(document *crmv1.Pipeline) *schema.Pipeline {
	p, _ := readStages(&document.Spec)
	p.Identity, p.Source = document.Name, sourceStandard
	o, fields := c.standardObject(document.Spec.Object)
	field, ok := recordedIdentity(document.Spec.Field, fields)
	if !ok {
		return nil
	}
	p.Object, p.Field = o.Identity, field
	for i := range document.Spec.Stages {
		if gate := document.Spec.Stages[i].Gate; gate != nil {
			for _, name := range gate.Required {
				if identity, ok := recordedIdentity(name, fields); ok {
					p.Stages[i].Required = append(p.Stages[i].Required, identity)
				}
			}
		}
	}
	return p
}

// takeStages makes the stages of each pipeline the options of its field. A new record starts in the first open one.
func (c *compiler) takeStages(s *schema.Schema) {
	staged := map[string]bool{}
	for _, p := range s.Pipelines {
		staged[slot(p)] = true
		o, _ := s.ObjectByIdentity(p.Object)
		f, _ := o.FieldByIdentity(p.Field)
		f.Options, f.Default = nil, nil
		for _, stage := range p.Stages {
			f.Options = append(f.Options, schema.Option{Key: stage.Key, Label: stage.Label, Retired: stage.Retired, Since: stage.Since})
			if stage.Kind == schema.StageOpen && stage.Retired == "" && f.Default == nil {
				f.Default = new(stage.Key)
			}
		}
		f.Options = withRemoved(f.Options, c.appliedOptions(p.Object, f), c.now())
	}
	c.keepFormerStages(s, staged)
}
