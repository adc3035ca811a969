package tenant

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	crmv1 "github.com/kontor-crm/kontor/api/v1alpha1"
	"github.com/kontor-crm/kontor/internal/compile"
	"github.com/kontor-crm/kontor/internal/plan"
	"github.com/kontor-crm/kontor/internal/schema"
	"github.com/kontor-crm/kontor/internal/secret"
)

// noteInUse says why an option or a stage is kept longer.
const noteInUse = "records still have it"

// purging adds to a decision that does nothing the purge of what was kept long enough.
// It is a plan of its own: nobody has to approve it, and nothing else waits for it.
func (r *run) purging(ctx context.Context, d *decision, live *plan.Live, database secret.Connection) (*decision, error) {
	due := d.due(r.Now())
	if len(due) == 0 || !isOpen(r.tenant.Spec.ChangePolicy.Window, r.Now().In(r.zone())) {
		return d, nil
	}
	kept, err := r.kept(ctx, d, live, database, due)
	if err != nil {
		return nil, err
	}
	d.notes = map[compile.Retired]string{}
	for what := range kept {
		d.notes[what] = noteInUse
		delete(due, what)
	}
	if len(due) == 0 {
		return d, nil
	}
	purge := r.without(d, live, due)
	if purge.plan.Empty() || len(purge.stuck) > 0 {
		return d, nil
	}
	if err := r.measure(ctx, purge.plan, nil, database); err != nil {
		return nil, err
	}
	purge.notes, purge.proposed, purge.rejected = d.notes, d.proposed, d.rejected
	if len(d.waiting) > 0 {
		purge.wantedDigest = d.wantedDigest
	}
	return purge, nil
}

// without plans the purge of some retired things on top of a decision that does nothing.
func (r *run) without(d *decision, live *plan.Live, purged map[compile.Retired]bool) *decision {
	all := *d.resources
	all.purge = purged
	return decide(r.tenant, &all, r.applied, live, d.waiting)
}

// kept are those of the options and stages that are due which records still have. Those
// that were found are not looked for again for a while.
func (r *run) kept(
	ctx context.Context, d *decision, live *plan.Live, database secret.Connection, due map[compile.Retired]bool,
) (map[compile.Retired]bool, error) {
	count, _ := r.counts.Load(r.id.Key())
	counted, _ := count.(optionCount)
	if r.Now().Sub(counted.at) >= countAgain || r.isAsked() {
		counted = optionCount{at: r.Now()}
	}
	kept := map[compile.Retired]bool{}
	for what := range due {
		if counted.kept[what] {
			kept[what] = true
		}
		if what.Option == "" || kept[what] {
			continue
		}
		alone := r.without(d, live, map[compile.Retired]bool{what: true})
		if err := r.measure(ctx, alone.plan, nil, database); err != nil {
			return nil, err
		}
		if slices.ContainsFunc(alone.plan.Changes, func(c plan.Change) bool { return c.Impact != nil && c.Impact.Failing > 0 }) {
			kept[what] = true
		}
	}
	r.counts.Store(r.id.Key(), optionCount{at: counted.at, kept: kept})
	return kept, nil
}

// optionCount is which options and stages that are due records had when they were counted.
type optionCount struct {
	at   time.Time
	kept map[compile.Retired]bool
}

// due is what was kept for the time of retention.
func (d *decision) due(now time.Time) map[compile.Retired]bool {
	due := map[compile.Retired]bool{}
	for _, kept := range keeping(d.compiled.Schema) {
		if !kept.Since.Add(d.retention).After(now) {
			due[kept.Retired] = true
		}
	}
	return due
}

// keeping is all that is retired in a schema, what goes first first; nil has nothing.
func keeping(s *schema.Schema) []compile.Keeping {
	if s == nil {
		return nil
	}
	all := compile.Kept(s)
	slices.SortStableFunc(all, func(a, b compile.Keeping) int {
		return cmp.Or(a.Since.Compare(b.Since), strings.Compare(a.Name, b.Name))
	})
	return all
}

// retired is what the status says of what is kept in the applied schema.
func (d *decision) retired(applied *schema.Schema) (items []crmv1.RetiredItem, total int32) {
	all := keeping(applied)
	for _, kept := range all[:min(len(all), maxListed)] {
		items = append(items, crmv1.RetiredItem{
			Resource: slashed(kept.Source), Name: cut(kept.Name, maxRetiredName), Note: d.notes[kept.Retired],
			Since: metav1.NewTime(kept.Since), Until: metav1.NewTime(kept.Since.Add(d.retention)),
		})
	}
	return items, int32(len(all)) //nolint:gosec // bounded by the fields of a tenant
}

const maxRetiredName = 512

// nextPurge is how long it takes until something is to be purged; zero when nothing is,
// or what could be now has to wait for something else.
func (d *decision) nextPurge(applied *schema.Schema, now time.Time) time.Duration {
	for _, kept := range keeping(applied) {
		if wait := kept.Since.Add(d.retention).Sub(now); wait > 0 {
			return wait
		}
	}
	return 0
}

// deletedBy is the deleted resource, or the module, of which a change retires something.
func (d *decision) deletedBy(change plan.Change) (compile.Ref, bool) {
	if change.Kind != plan.RetireField && change.Kind != plan.RetireObject {
		return compile.Ref{}, false
	}
	if kind, name, ok := strings.Cut(change.Resource, " "); ok {
		return compile.Ref{Kind: kind, Name: name}, true
	}
	if d.applied == nil {
		return compile.Ref{}, false
	}
	o, ok := d.applied.ObjectByIdentity(change.Object)
	if !ok {
		return compile.Ref{}, false
	}
	module := o.Module
	if f, ok := o.FieldByIdentity(change.Field); ok { // it goes as what it points to does
		for _, target := range append(slices.Clone(f.Targets), f.Target) {
			if to, ok := d.applied.ObjectByIdentity(target); ok && to.Module != "" && to.Module != compile.ModuleBase {
				module = to.Module
			}
		}
	}
	return compile.Ref{Kind: compile.KindModule, Name: module}, true
}

// purged are the changes of a plan that deleted something for good.
func purged(p *plan.Plan) []string {
	var found []string
	for _, change := range p.Changes {
		if change.Kind == plan.PurgeField || change.Kind == plan.PurgeObject {
			found = append(found, fmt.Sprintf("%s (%s)", change.Summary, slashed(change.Resource)))
		}
	}
	return found
}
