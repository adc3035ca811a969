package compile

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/kontor-crm/kontor/internal/schema"
)

// The standard fields that say whether a record rots, and since when it is in its stage.
const (
	fieldIsRotting = "is_rotting"
	fieldEntered   = "entered_stage_at"
)

// settleRotting lets records rot as the pipelines in play say. What the standard model
// itself has as the formula is no more than its kind, which expressions over it see
// before the pipelines are known.
func settleRotting(s *schema.Schema) {
	for _, o := range s.Objects {
		for _, f := range o.Fields {
			if !f.Custom && strings.TrimPrefix(f.Identity, standardPrefix) == fieldIsRotting {
				f.Formula = &schema.Formula{Expression: rotting(s, o), Returns: schema.TypeBoolean}
			}
		}
	}
}

// rotting is the expression that is true of the records which are in an open stage
// longer than its rotting days: nothing else tells when a record entered its stage than
// the standard field for that.
func rotting(s *schema.Schema, o *schema.Object) string {
	entered, ok := o.FieldByIdentity(fieldEntered)
	if !ok || entered.Custom {
		return "false"
	}
	var conditions []string
	for _, p := range s.PipelinesOf(o) {
		f, ok := o.FieldByIdentity(p.Field)
		if days := daysOf(p); ok && !f.Custom && len(days) > 0 {
			conditions = append(conditions, fmt.Sprintf("now() - %s >= days(%s)", entered.Name, daysIn(f, days)))
		}
	}
	if len(conditions) == 0 {
		return "false"
	}
	return strings.Join(conditions, " || ")
}

// daysOf are the quoted keys of the stages in which records rot, by the days after which they do.
func daysOf(p *schema.Pipeline) map[int][]string {
	stages := map[int][]string{}
	for _, stage := range p.Stages {
		if stage.Kind == schema.StageOpen && stage.RottingDays > 0 {
			stages[stage.RottingDays] = append(stages[stage.RottingDays], strconv.Quote(stage.Key))
		}
	}
	return stages
}

// daysIn is an expression for the rotting days of the stage that the field holds; null is never.
func daysIn(f *schema.Field, stages map[int][]string) string {
	var choice strings.Builder
	for _, days := range slices.Sorted(maps.Keys(stages)) {
		fmt.Fprintf(&choice, "%s in [%s] ? %d : ", f.Name, strings.Join(stages[days], ", "), days)
	}
	return choice.String() + "null"
}
