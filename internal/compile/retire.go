package compile

import (
	"fmt"
	"slices"
	"time"

	"github.com/kontor-crm/kontor/internal/schema"
)

// declared is what a resource says itself of an option or a stage.
func declared(retired bool) schema.Retirement {
	if retired {
		return schema.RetiredByDeclaration
	}
	return ""
}

// withRemoved are the options, and behind them those from before that are not among
// them any more. They are retired, and go with all that they stand beside.
func withRemoved(options, before []schema.Option, now time.Time) []schema.Option {
	all := slices.Clip(options)
	for _, option := range before {
		if !slices.ContainsFunc(options, func(o schema.Option) bool { return o.Key == option.Key }) {
			option.When, option.Since = nil, since(option.Retired, option.Since, now)
			option.Retired = schema.RetiredByRemoval
			all = append(all, option)
		}
	}
	return all
}

// withRemovedStages are the stages, and behind them those from before that are not
// among them any more. Records leave them for any other, and none enters.
func withRemovedStages(stages, before []schema.Stage, now time.Time) []schema.Stage {
	all := slices.Clip(stages)
	for _, stage := range before {
		if !slices.ContainsFunc(stages, func(s schema.Stage) bool { return s.Key == stage.Key }) {
			stage.Since = since(stage.Retired, stage.Since, now)
			stage.Retired = schema.RetiredByRemoval
			stage.Required, stage.Gate, stage.GateMessage, stage.AllowedMoves = nil, "", nil, nil
			all = append(all, stage)
		}
	}
	return all
}

func hasOptions(f *schema.Field) bool {
	return f.Type == schema.TypePicklist || f.Type == schema.TypeMultiPicklist
}

// keepOptions keeps the options that were taken out of the fields of a round: they are
// retired from choice, not from the records. What holds the stages of a pipeline gets
// its options with them.
func (c *compiler) keepOptions(drafts []*draft) {
	if c.in.Applied == nil {
		return
	}
	staged := map[string]bool{}
	for _, p := range c.in.Applied.Pipelines {
		staged[slot(p)] = true
	}
	for _, d := range drafts {
		for _, f := range d.fields {
			if !staged[d.object.Identity+"/"+f.Identity] {
				f.Options = withRemoved(f.Options, c.appliedOptions(d.object.Identity, f.Field), c.now())
			}
		}
	}
}

// appliedOptions are those that a picklist has in the applied schema, or had when it
// was retired, without those that nobody keeps any more.
func (c *compiler) appliedOptions(object string, f *schema.Field) []schema.Option {
	before := c.formerly(object, f)
	if before == nil || !hasOptions(f) {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(before.Options), func(option schema.Option) bool {
		return option.Retired == schema.RetiredByRemoval && c.in.Purge[Retired{object, f.Identity, option.Key}]
	})
}

// since is when something that is not given any more was taken out.
func since(retired schema.Retirement, since, now time.Time) time.Time {
	if retired == schema.RetiredByRemoval {
		return since
	}
	return now
}

// now is the moment of the compilation, as a schema says it.
func (c *compiler) now() time.Time { return c.in.Now.UTC().Truncate(time.Second) }

// tooManyOptions refuses to keep more options than a picklist can have.
func tooManyOptions(at string, f, applied *schema.Field) *Problem {
	if all := withRemoved(f.Options, applied.Options, time.Time{}); hasOptions(f) && len(all) > schema.MaxAllOptions {
		return &Problem{Path: at + ".options", Message: fmt.Sprintf(
			"with the options that were taken out and are kept for the records that have them, there would be %d, and at most %d can be", len(all), schema.MaxAllOptions)}
	}
	return nil
}

// appliedStages are those of the applied pipeline on the same field, without those that
// nobody keeps any more.
func (c *compiler) appliedStages(p *schema.Pipeline) []schema.Stage {
	if c.in.Applied == nil {
		return nil
	}
	for _, applied := range c.in.Applied.Pipelines {
		if slot(applied) == slot(p) {
			return slices.DeleteFunc(slices.Clone(applied.Stages), func(stage schema.Stage) bool {
				return stage.Retired == schema.RetiredByRemoval && c.in.Purge[Retired{p.Object, p.Field, stage.Key}]
			})
		}
	}
	return nil
}

// tooManyStages refuses to keep more stages than a pipeline can have.
func (c *compiler) tooManyStages(p *schema.Pipeline) []Problem {
	if all := withRemovedStages(p.Stages, c.appliedStages(p), time.Time{}); len(p.Stages) <= MaxAllStages && len(all) > MaxAllStages {
		return []Problem{{Path: "spec.stages", Message: fmt.Sprintf(
			"with the stages that were taken out and are kept for the records in them, there would be %d, and at most %d can be", len(all), MaxAllStages)}}
	}
	return nil
}

// removed are the options and stages that were taken out of a resource and are kept,
// sorted. Those of an inline field have its key before them.
func removed(s *schema.Schema, ref Ref) []string {
	var names []string
	for _, o := range s.Objects {
		for _, f := range o.Fields {
			if _, staged := s.PipelineOf(o, f); f.Source != ref.String() || staged || f.OptionsFrom != nil {
				continue
			}
			for _, option := range f.Options {
				if option.Retired == schema.RetiredByRemoval && ref.Kind == KindObject {
					names = append(names, f.Identity+"."+option.Key)
				} else if option.Retired == schema.RetiredByRemoval {
					names = append(names, option.Key)
				}
			}
		}
	}
	for _, p := range s.Pipelines {
		for _, stage := range p.Stages {
			if p.Source == ref.String() && stage.Retired == schema.RetiredByRemoval {
				names = append(names, stage.Key)
			}
		}
	}
	slices.Sort(names)
	return names
}

// keepFormerStages keeps the stages of pipelines that went to another field among the
// options of the field on which they stood.
func (c *compiler) keepFormerStages(s *schema.Schema, staged map[string]bool) {
	if c.in.Applied == nil {
		return
	}
	for _, p := range c.in.Applied.Pipelines {
		o, ok := s.ObjectByIdentity(p.Object)
		if !ok || staged[slot(p)] {
			continue
		}
		if f, ok := o.FieldByIdentity(p.Field); ok {
			f.Options = withRemoved(f.Options, c.appliedOptions(p.Object, f), c.now())
		}
	}
}
