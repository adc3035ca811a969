package tenant

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	crmv1 "github.com/kontor-crm/kontor/api/v1alpha1"
	"github.com/kontor-crm/kontor/internal/compile"
	"github.com/kontor-crm/kontor/internal/fault"
	"github.com/kontor-crm/kontor/internal/plan"
	"github.com/kontor-crm/kontor/internal/reconcile"
	"github.com/kontor-crm/kontor/internal/schema"
	"github.com/kontor-crm/kontor/internal/secret"
)

// schema is the only writer of tables: it waits until the namespace's resources
// are quiet, gathers them all, compiles them together, plans once, applies once.
func (r *run) schema(ctx context.Context) (reconcile.Result, error) {
	if wait := r.Settling.Wait(r.tenant.Namespace); wait > 0 {
		return reconcile.Hold(wait), nil
	}
	running, err := r.concludeRollout(ctx)
	if err != nil {
		return reconcile.Result{}, err
	}
	database := r.admin.In(r.id.Database())
	applied, live, err := r.Schemas.Observe(ctx, database)
	if err != nil {
		return reconcile.Result{}, fmt.Errorf("reading the schema of database %q: %w", r.id.Database(), err)
	}
	r.applied = applied
	if running != nil {
		return applying(running), nil
	}
	gathered, err := r.gather(ctx)
	if err != nil {
		return reconcile.Result{}, err
	}
	decided, err := r.decide(ctx, gathered, live, database)
	if err != nil {
		return reconcile.Result{}, err
	}
	r.tenant.Status.Schema = decided.status()
	r.tellDrift(decided.plan.Drift)
	if err := r.settlePlans(ctx, decided); err != nil {
		return reconcile.Result{}, err
	}
	err = r.carryOut(ctx, decided, database)
	r.tenant.Status.Schema.Retired, r.tenant.Status.Schema.RetiredTotal = decided.retired(r.applied)
	verdicts := decided.verdicts(err == nil && len(decided.stuck) == 0 && !decided.rollingOut)
	r.Verdicts.Set(r.tenant.Namespace, verdicts)
	if err != nil {
		return reconcile.Result{}, err
	}
	if err := r.tellConfiguration(ctx, decided, verdicts, database); err != nil {
		return reconcile.Result{}, err
	}
	if decided.rollingOut {
		return applying(decided.plan), nil
	}
	if r.applied != nil {
		r.tenant.Status.Schema.Revision, r.tenant.Status.Schema.Digest = r.applied.Revision, r.applied.Digest()
	}
	result := decided.result()
	result.After = decided.nextPurge(r.applied, r.Now())
	if len(decided.waiting) > 0 && decided.proposed == "" && len(decided.stuck) == 0 {
		result.After = r.Pace.Soon // what waits is planned on top of what was applied now
	}
	return result, nil
}

// applying is the condition while a plan runs. The end of it is told.
func applying(p *plan.Plan) reconcile.Result {
	return reconcile.Unmet(crmv1.ReasonApplying, "revision %d is being applied while people work; until then the tenant is served with revision %d", p.Revision, p.Base)
}

// carryOut applies what was decided, if anything.
func (r *run) carryOut(ctx context.Context, decided *decision, database secret.Connection) error {
	switch {
	case len(decided.stuck) > 0:
		return nil // a refused change that no resource can be held back for: nothing is half done
	case !decided.plan.Empty():
		return r.apply(ctx, decided, database)
	}
	if _, err := r.Schemas.EnsurePartitions(ctx, database); err != nil {
		return fmt.Errorf("making the history's partitions: %w", err)
	}
	return nil
}

// gather reads all configuration of the namespace.
func (r *run) gather(ctx context.Context) (*resources, error) {
	gone, err := r.terminating(ctx)
	if err != nil {
		return nil, err
	}
	if gone {
		return nil, fault.Because(fault.Waiting, crmv1.ReasonDeleting, "the namespace is being deleted; the schema stays as it is")
	}
	var objects crmv1.CustomObjectList
	var fields crmv1.CustomFieldList
	var pipelines crmv1.PipelineList
	var rules crmv1.ValidationRuleList
	var indexes crmv1.ObjectIndexList
	for _, list := range []client.ObjectList{&objects, &fields, &pipelines, &rules, &indexes} {
		if err := r.Client.List(ctx, list, client.InNamespace(r.tenant.Namespace)); err != nil {
			return nil, fmt.Errorf("listing the configuration of %q: %w", r.tenant.Namespace, err)
		}
	}
	all := &resources{at: r.Now(), suspended: map[compile.Ref]string{}, forms: map[compile.Ref]crmv1.Object{}}
	for i := range objects.Items {
		all.objects = append(all.objects, &objects.Items[i])
		all.add(compile.KindObject, &objects.Items[i])
	}
	for i := range fields.Items {
		all.fields = append(all.fields, &fields.Items[i])
		all.add(compile.KindField, &fields.Items[i])
	}
	for i := range pipelines.Items {
		all.pipelines = append(all.pipelines, &pipelines.Items[i])
		all.add(compile.KindPipeline, &pipelines.Items[i])
	}
	for i := range rules.Items {
		all.rules = append(all.rules, &rules.Items[i])
		all.add(compile.KindRule, &rules.Items[i])
	}
	for i := range indexes.Items {
		all.indexes = append(all.indexes, &indexes.Items[i])
		all.add(compile.KindIndex, &indexes.Items[i])
	}
	return all, nil
}

// resources are the configuration of one namespace.
type resources struct {
	// at is when they were gathered.
	at        time.Time
	objects   []*crmv1.CustomObject
	fields    []*crmv1.CustomField
	pipelines []*crmv1.Pipeline
	rules     []*crmv1.ValidationRule
	indexes   []*crmv1.ObjectIndex
	forms     map[compile.Ref]crmv1.Object
	suspended map[compile.Ref]string
	// purge are retired things that are not to be kept any more.
	purge map[compile.Retired]bool
}

func (all *resources) add(kind string, obj crmv1.Object) {
	ref := compile.Ref{Kind: kind, Name: obj.GetName()}
	all.forms[ref] = obj
	if obj.GetCommonSpec().Suspend {
		all.suspended[ref] = "spec.suspend is true"
	}
}

// decision is what a schema step decided, before it does anything.
type decision struct {
	resources *resources
	compiled  compile.Result
	plan      *plan.Plan
	// refused are the resources whose new form is not safe to apply, with the reason.
	refused map[compile.Ref]string
	// waiting are the resources whose changes may not run by themselves, with the reason;
	// proposed is the name of the ChangePlan of them, empty before it is written.
	waiting  map[compile.Ref]string
	proposed string
	// heals says that drift is put right where that loses no data.
	heals bool
	// rollingOut says that the plan runs beside this look.
	rollingOut bool
	// rejected says that a person does not want what waits.
	rejected bool
	// stuck are refused changes that stay refused whatever is held back.
	stuck []string
	// retention is how long retired things are kept, and notes say of some that are
	// kept longer why.
	retention    time.Duration
	notes        map[compile.Retired]string
	wantedDigest string
	applied      *schema.Schema
}

// decide compiles and plans. A resource whose change the planner refuses is held
// at its applied form, and the rest is compiled and planned again, until nothing
// is refused or nobody is left to hold: each round holds at least one more, so it ends.
// Those that wait are held from the beginning.
func decide(tenant *crmv1.Tenant, all *resources, applied *schema.Schema, live *plan.Live, waiting map[compile.Ref]string) *decision {
	d := &decision{resources: all, applied: applied, refused: map[compile.Ref]string{}, waiting: waiting, retention: tenant.Spec.ChangePolicy.RetentionTime()}
	held := maps.Clone(all.suspended)
	maps.Copy(held, waiting)
	policy := plan.Policy{HealDrift: tenant.Spec.DriftPolicy != crmv1.DriftReport, Retention: d.retention}
	d.heals = policy.HealDrift
	for {
		d.compiled = compile.Compile(compile.Input{
			Tenant: tenant, Objects: all.objects, Fields: all.fields, Pipelines: all.pipelines, Rules: all.rules, Indexes: all.indexes,
			Applied: applied, Held: held, Purge: all.purge, Now: all.at, Leased: live.Leased,
		})
		if d.wantedDigest == "" {
			d.wantedDigest = d.compiled.Schema.Digest()
		}
		d.plan = plan.Make(applied, d.compiled.Schema, live, policy)
		before := maps.Clone(held)
		d.stuck = nil
		for _, change := range d.plan.Refused {
			reason := change.Summary + ": " + change.Reason
			owners := slices.DeleteFunc(d.owners(change), func(ref compile.Ref) bool { _, already := before[ref]; return already })
			if len(owners) == 0 {
				d.stuck = append(d.stuck, reason)
				continue
			}
			held[owners[0]] = reason
			if earlier := d.refused[owners[0]]; earlier != "" && !strings.Contains(earlier, reason) {
				reason = earlier + "; " + reason
			}
			d.refused[owners[0]] = reason
		}
		if len(held) == len(before) {
			return d
		}
	}
}

// owners are the resources that may ask for a change, the likeliest first. A field
// that holds the stages of a pipeline has two: its options are the pipeline's,
// everything else is its own.
func (d *decision) owners(change plan.Change) []compile.Ref {
	sources := []string{change.Resource}
	if o, ok := d.compiled.Schema.ObjectByIdentity(change.Object); ok {
		if f, ok := o.FieldByIdentity(change.Field); ok {
			own := []string{f.Source}
			if pipeline, ok := d.compiled.Schema.PipelineOf(o, f); ok {
				own = append(own, pipeline.Source)
			}
			if change.Kind == plan.NarrowRule {
				slices.Reverse(own)
			}
			sources = append(own, sources...)
		}
	}
	var refs []compile.Ref
	for _, source := range sources {
		for ref := range d.resources.forms {
			if ref.String() == source && !slices.Contains(refs, ref) {
				refs = append(refs, ref)
			}
		}
	}
	if deleted, ok := d.deletedBy(change); ok && len(refs) == 0 {
		refs = append(refs, deleted)
	}
	return refs
}

func (d *decision) status() crmv1.TenantSchemaStatus {
	status := crmv1.TenantSchemaStatus{WantedDigest: d.wantedDigest}
	if d.applied != nil {
		status.Revision, status.Digest = d.applied.Revision, d.applied.Digest()
	}
	status.Retained = listed(d.compiled.Retained)
	var refused []string
	for ref := range d.refused {
		refused = append(refused, ref.String())
	}
	for ref, verdict := range d.compiled.Verdicts {
		if len(verdict.Problems) > 0 {
			refused = append(refused, ref.String())
		}
	}
	status.Refused = listed(refused)
	return status
}

// result is the condition after the plan was applied, or there was nothing to apply.
func (d *decision) result() reconcile.Result {
	var invalid, own, refused, waiting []string
	for ref, verdict := range d.compiled.Verdicts {
		switch {
		case len(verdict.Problems) == 0:
		case ref.Kind == compile.KindTenant: // which has no other condition to say it
			own = append(own, problemText(verdict.Problems))
		default:
			invalid = append(invalid, ref.String())
		}
	}
	for ref := range d.refused {
		refused = append(refused, ref.String())
	}
	for ref := range d.waiting {
		waiting = append(waiting, ref.String())
	}
	var reported, blocked, unknown []string
	for _, change := range d.plan.Drift {
		switch {
		case change.Kind == plan.Unknown:
			unknown = append(unknown, change.Summary)
		case change.Class == plan.Dangerous && d.heals:
			blocked = append(blocked, change.Summary)
		default:
			reported = append(reported, change.Summary)
		}
	}
	inUse := d.inUse()
	reason, parts := "", []string(nil)
	for _, finding := range []struct {
		reason, text string
		items        []string
	}{
		{crmv1.ReasonResourcesInvalid, "not taken over", own},
		{crmv1.ReasonResourcesInvalid, "left out or kept in their applied form, because they do not compile", invalid},
		{crmv1.ReasonApprovalRequired, d.waitingText(), waiting},
		{crmv1.ReasonChangesRefused, "kept in their applied form, because the change is not safe", refused},
		{crmv1.ReasonChangesRefused, "not applied, because the change is not safe", d.stuck},
		{crmv1.ReasonInUse, "deleted, and kept in the applied schema because others need them", inUse},
		{crmv1.ReasonHealBlocked, "not to be put right without losing data", blocked},
		{crmv1.ReasonDrifted, "not in the database as the applied schema has it", reported},
		{crmv1.ReasonDrifted, "in the database though no schema knows it", unknown},
	} {
		if len(finding.items) == 0 {
			continue
		}
		if reason == "" {
			reason = finding.reason
		}
		parts = append(parts, finding.text+": "+strings.Join(listed(finding.items), ", "))
	}
	if reason == "" {
		parts = append(parts, "the applied schema is what the resources ask for")
	}
	if len(d.compiled.Renamed) > 0 {
		parts = append(parts, "standard names that gave way to custom ones: "+strings.Join(listed(d.compiled.Renamed), ", "))
	}
	if reason != "" {
		return reconcile.Unmet(reason, "%s", strings.Join(parts, "; "))
	}
	return reconcile.Met(crmv1.ReasonSynced, "%s", strings.Join(parts, "; "))
}

// inUse are the deleted things that others need, with these.
func (d *decision) inUse() (inUse []string) {
	for _, used := range d.compiled.InUse {
		by := used.By
		more := ""
		if len(by) > maxUsers {
			by, more = by[:maxUsers], fmt.Sprintf(" and %d more", len(used.By)-maxUsers)
		}
		inUse = append(inUse, slashed(used.What)+" (needed by "+strings.Join(listed(by), ", ")+more+")")
	}
	return inUse
}

// waitingText says where to read what is waited for.
func (d *decision) waitingText() string {
	if d.proposed == "" {
		return "kept in their applied form until their changes are approved"
	}
	if d.rejected {
		return fmt.Sprintf("kept in their applied form, because ChangePlan %s was rejected", d.proposed)
	}
	return fmt.Sprintf("kept in their applied form, because ChangePlan %s waits (kubectl kontor plan %s)", d.proposed, d.proposed)
}

// verdicts are what the controllers of the resources report.
func (d *decision) verdicts(applied bool) map[reconcile.Ref]reconcile.Verdict {
	found := make(map[reconcile.Ref]reconcile.Verdict, len(d.resources.forms))
	for ref, form := range d.resources.forms {
		found[reconcile.Ref{Kind: ref.Kind, Name: ref.Name}] = reconcile.Verdict{
			Generation: form.GetGeneration(), UID: form.GetUID(),
			Accepted: d.accepted(ref), Applied: d.appliedFinding(ref, applied),
		}
	}
	return found
}

func (d *decision) accepted(ref compile.Ref) reconcile.Finding {
	verdict := d.compiled.Verdicts[ref]
	if len(verdict.Problems) == 0 && len(verdict.Deleted) > 0 {
		return reconcile.Finding{
			Reason: crmv1.ReasonInUse, Message: "it needs what was deleted and is kept for it: " + strings.Join(listed(verdict.Deleted), ", ") + "; put that back, or change this",
		}
	}
	if len(verdict.Problems) == 0 {
		message := "it compiles with the rest of its namespace"
		if len(verdict.Former) > 0 {
			message += ", and says former names: " + strings.Join(listed(verdict.Former), ", ")
		}
		return reconcile.Finding{True: true, Reason: crmv1.ReasonAccepted, Message: message}
	}
	return reconcile.Finding{Reason: verdict.Reason, Message: problemText(verdict.Problems)}
}

func (d *decision) appliedFinding(ref compile.Ref, applied bool) reconcile.Finding {
	verdict := d.compiled.Verdicts[ref]
	if len(verdict.Problems) > 0 {
		message := problemText(verdict.Problems)
		if verdict.Kept {
			message += "; the last good form stays applied"
		}
		return reconcile.Finding{Reason: verdict.Reason, Message: message}
	}
	if reason, ok := d.resources.suspended[ref]; ok {
		return reconcile.Finding{Reason: crmv1.ReasonSuspended, Message: reason}
	}
	if reason, ok := d.waiting[ref]; ok {
		if d.proposed != "" {
			reason += "; see ChangePlan " + d.proposed
		}
		if d.rejected {
			return reconcile.Finding{Reason: crmv1.ReasonChangeRejected, Message: reason}
		}
		return reconcile.Finding{Reason: crmv1.ReasonApprovalRequired, Message: reason}
	}
	if reason, ok := d.refused[ref]; ok {
		return reconcile.Finding{Reason: crmv1.ReasonChangeRefused, Message: reason}
	}
	if !applied {
		return reconcile.Finding{Reason: crmv1.ReasonPending, Message: "it waits for the tenant's next schema step"}
	}
	message := "it is in the applied schema"
	if len(verdict.Removed) > 0 {
		message += "; taken out, and retired while records may have them: " + strings.Join(listed(verdict.Removed), ", ")
	}
	return reconcile.Finding{True: true, Reason: crmv1.ReasonApplied, Message: message}
}

func problemText(problems []compile.Problem) string {
	texts := make([]string, 0, len(problems))
	for _, problem := range problems {
		texts = append(texts, problem.Path+": "+problem.Message)
	}
	return strings.Join(texts, "; ")
}

// The bounds of lists in a status: of what is listed, and of who needs each of it.
const (
	maxListed = 50
	maxUsers  = 5
)

// listed are the first items in order, as "Kind/name".
func listed(items []string) []string {
	items = slices.Clone(items)
	for i, item := range items {
		items[i] = slashed(item)
	}
	slices.Sort(items)
	items = slices.Compact(items)
	if len(items) > maxListed {
		items = items[:maxListed]
	}
	return items
}

// slashed is "Kind/name" for "Kind name", and anything else as it is.
func slashed(item string) string {
	if kind, name, ok := strings.Cut(item, " "); ok && !strings.Contains(name, " ") {
		return kind + "/" + name
	}
	return item
}
