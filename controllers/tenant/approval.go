package tenant

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	crmv1 "github.com/kontor-crm/kontor/api/v1alpha1"
	"github.com/kontor-crm/kontor/internal/compile"
	"github.com/kontor-crm/kontor/internal/plan"
	"github.com/kontor-crm/kontor/internal/schema"
	"github.com/kontor-crm/kontor/internal/secret"
)

// countAgain is how old the numbers of a waiting plan become before the records are counted again.
const countAgain = time.Hour

// decide decides what is done now. Changes that may not run by themselves wait as a
// ChangePlan: the resources that ask for them are held at their applied form, and
// the rest goes on. When nothing else is to be done, what was kept long enough is purged.
func (r *run) decide(ctx context.Context, all *resources, live *plan.Live, database secret.Connection) (*decision, error) {
	d, err := r.decideWanted(ctx, all, live, database)
	if err != nil || !d.plan.Empty() || len(d.stuck) > 0 {
		return d, err
	}
	return r.purging(ctx, d, live, database)
}

// decideWanted decides what is done of what the resources ask for.
func (r *run) decideWanted(ctx context.Context, all *resources, live *plan.Live, database secret.Connection) (*decision, error) {
	full := decide(r.tenant, all, r.applied, live, nil)
	if len(full.stuck) > 0 || full.plan.Empty() {
		return full, nil
	}
	record, found, err := r.recorded(ctx, full.plan)
	if err != nil {
		return nil, err
	}
	if !found {
		record = nil
	}
	if hasBegun(live, full.plan) { // it was decided when it began
		recall(full.plan, record)
		return full, nil
	}
	if err := r.measure(ctx, full.plan, record, database); err != nil {
		return nil, err
	}
	if full.plan.Block() { // the rest is another plan
		if full.plan.Empty() {
			return full, nil
		}
		if record, found, err = r.recorded(ctx, full.plan); err != nil {
			return nil, err
		}
		if !found {
			record = nil
		}
	}
	verdict, err := r.judge(ctx, record, full.plan)
	if err != nil {
		return nil, err
	}
	waits := r.waits(full.plan, verdict)
	if !slices.ContainsFunc(waits, func(why string) bool { return why != "" }) {
		return full, nil
	}
	held, err := r.withhold(ctx, all, live, full, waits, database)
	if err != nil {
		return nil, err
	}
	if !held.plan.Empty() {
		return held, nil // what waits is planned on top of it
	}
	tellDependents(full.plan.Changes, full.compiled.Schema, r.applied)
	name, err := r.propose(ctx, record, full.plan, waits, verdict)
	if err != nil {
		return nil, err
	}
	held.proposed, held.rejected = name, verdict.rejected != ""
	return held, nil
}

// withhold plans again without the resources that ask for changes which wait, until
// nothing of the plan does.
func (r *run) withhold(
	ctx context.Context, all *resources, live *plan.Live, full *decision, waits []string, database secret.Connection,
) (*decision, error) {
	reasons := map[compile.Ref]string{}
	for d := full; ; {
		before := len(reasons)
		unowned := false
		for i, why := range waits {
			if why == "" {
				continue
			}
			change := d.plan.Changes[i]
			owners := slices.DeleteFunc(d.owners(change), func(ref compile.Ref) bool { _, already := reasons[ref]; return already })
			if len(owners) == 0 {
				unowned = true
				continue
			}
			reasons[owners[0]] = joined(reasons[owners[0]], change.Summary+": "+why)
		}
		if unowned && len(reasons) == before { // it is the standard model's: nothing can go on without it
			rest := *d
			rest.waiting, rest.plan = reasons, &plan.Plan{Base: d.plan.Base, Revision: d.plan.Base}
			for i, why := range waits {
				if why != "" {
					rest.stuck = append(rest.stuck, d.plan.Changes[i].Summary+": "+why)
				}
			}
			return &rest, nil
		}
		d = decide(r.tenant, all, r.applied, live, reasons)
		d.wantedDigest = full.wantedDigest
		if d.plan.Empty() || len(d.stuck) > 0 {
			return d, nil
		}
		if err := r.measure(ctx, d.plan, nil, database); err != nil {
			return nil, err
		}
		d.plan.Block()
		if waits = r.waits(d.plan, judgement{}); !slices.ContainsFunc(waits, func(why string) bool { return why != "" }) {
			return d, nil
		}
	}
}

// measure asks the records whether they bear the plan, or takes what the ChangePlan
// says of them when it is not old, nobody has decided and nobody asks for another look.
func (r *run) measure(ctx context.Context, p *plan.Plan, record *crmv1.ChangePlan, database secret.Connection) error {
	if !slices.ContainsFunc(p.Changes, func(c plan.Change) bool { return c.Check != nil }) {
		return nil
	}
	if record != nil && record.Status.Phase == crmv1.PlanWaiting && record.Spec.Decision == "" && !r.isAsked() && record.Status.CountedAt != nil &&
		r.Now().Sub(record.Status.CountedAt.Time) < countAgain && tellsAll(record, p) {
		recall(p, record)
		return nil
	}
	if err := r.Schemas.Measure(ctx, database, p); err != nil {
		return fmt.Errorf("asking the records whether they bear the changes: %w", err)
	}
	return nil
}

// hasBegun says whether the plan has begun to alter records: it goes on, and is not asked
// about those that it has altered already.
func hasBegun(live *plan.Live, p *plan.Plan) bool {
	return slices.ContainsFunc(live.Begun, func(b plan.Begun) bool { return b.Digest == p.Digest && b.Base == p.Base })
}

// recall sets the impacts of a plan to those that its ChangePlan tells.
func recall(p *plan.Plan, record *crmv1.ChangePlan) {
	if record == nil || !tellsAll(record, p) {
		return
	}
	for i := range record.Status.Changes {
		if told := record.Status.Changes[i].Impact; told != nil {
			p.Changes[i].Impact = &plan.Impact{
				Rows: told.Records, Filled: told.Filled, Failing: told.Failing, Hash: told.FailingHash, IDs: told.FailingRecords,
			}
		}
	}
}

// tellsAll says whether a ChangePlan has room for all of the plan's changes that ask the records.
func tellsAll(record *crmv1.ChangePlan, p *plan.Plan) bool {
	told := len(record.Status.Changes)
	return int(record.Status.TotalChanges) == len(p.Changes) && told <= len(p.Changes) &&
		!slices.ContainsFunc(p.Changes[told:], func(c plan.Change) bool { return c.Check != nil })
}

// isAsked says whether somebody requested this very look at the tenant.
func (r *run) isAsked() bool {
	asked := r.tenant.Annotations[crmv1.ReconcileRequestedAtAnnotation]
	return asked != "" && asked != r.tenant.Status.LastHandledReconcileAt
}

// waits says of each change of a plan why it does not run now, or "".
func (r *run) waits(p *plan.Plan, verdict judgement) []string {
	waits := make([]string, len(p.Changes))
	if p.Base == 0 {
		return waits // nothing is there that it could change
	}
	policy := r.tenant.Spec.ChangePolicy
	open := isOpen(policy.Window, r.Now().In(r.zone()))
	for i, change := range p.Changes {
		class := effectiveClass(change)
		switch {
		case change.Drift, change.Leftover: // it takes nobody's data, and no plan asked for it
		case verdict.rejected != "" && class != crmv1.ChangeSafe:
			waits[i] = verdict.rejected
		case change.Impact != nil && change.Impact.Failing > 0 && change.Treatment == schema.OnViolationRefuse:
			waits[i] = failingText(change.Impact.Failing)
		case !verdict.approved && change.Impact != nil && change.Impact.Failing > 0 && !slices.Contains(policy.Automatic, class):
			waits[i] = treatingText(change.Treatment, change.Impact.Failing)
		case !verdict.approved && policy.Automatic != nil && !slices.Contains(policy.Automatic, class):
			waits[i] = fmt.Sprintf("%s changes need an approval", class)
		case !open && class != crmv1.ChangeSafe:
			waits[i] = "it runs in the window that spec.changePolicy of the Tenant names"
		}
	}
	return waits
}

func failingText(failing int64) string {
	if failing == 1 {
		return "1 record does not bear it and has to be mended first"
	}
	return fmt.Sprintf("%d records do not bear it and have to be mended first", failing)
}

func treatingText(how schema.OnViolation, failing int64) string {
	what := "their values are taken away"
	if how == schema.OnViolationTruncate {
		what = "their values are cut"
	}
	if failing == 1 {
		return "1 record does not bear it; when that is approved, " + strings.Replace(what, "their values are", "its value is", 1) + ", and kept as it was for a while"
	}
	return fmt.Sprintf("%d records do not bear it; when that is approved, %s, and kept as they were for a while", failing, what)
}

// effectiveClass is the danger of a change, the records that are there considered.
func effectiveClass(change plan.Change) crmv1.ChangeClass {
	if change.Impact != nil && change.Impact.Failing > 0 {
		return crmv1.ChangeDangerous
	}
	return crmv1.ChangeClass(change.Class)
}

// zone is the tenant's time zone.
func (r *run) zone() *time.Location {
	zone, err := time.LoadLocation(r.tenant.Spec.TimeZone)
	if err != nil { // the compiler says so
		return time.UTC
	}
	return zone
}

// isOpen says whether the moment, in the tenant's time zone, lies in the window; none is always open.
func isOpen(window *crmv1.ChangeWindow, now time.Time) bool {
	if window == nil {
		return true
	}
	opens, err := time.Parse("15:04", window.Start)
	if err != nil { // the CRD refuses it
		return false
	}
	for _, days := range []int{0, -1} { // it may have opened yesterday
		day := now.AddDate(0, 0, days)
		start := time.Date(day.Year(), day.Month(), day.Day(), opens.Hour(), opens.Minute(), 0, 0, now.Location())
		onDay := len(window.Days) == 0 || slices.Contains(window.Days, crmv1.Weekday(start.Weekday().String()))
		if onDay && !now.Before(start) && now.Before(start.Add(time.Duration(window.Hours)*time.Hour)) {
			return true
		}
	}
	return false
}

// judgement is what a person's decision on a plan is worth now.
type judgement struct {
	approved bool
	// rejected says who does not want the plan; empty when nobody said so.
	rejected string
	// void says why an approval does not count; empty when it does, or there is none.
	void string
}

// judge reads the decision on a plan. A rejection holds for as long as the same is asked
// for, whatever else changes meanwhile; an approval is for just what was read.
func (r *run) judge(ctx context.Context, record *crmv1.ChangePlan, p *plan.Plan) (judgement, error) {
	if record != nil && record.Spec.Decision == crmv1.DecisionApprove {
		if record.Spec.Digest == p.ApprovalDigest() {
			return judgement{approved: true}, nil
		}
		return judgement{void: "the approval is void: it is for another digest; since it was read other records fail, or another plan was meant"}, nil
	}
	plans, err := r.plans(ctx)
	if err != nil {
		return judgement{}, err
	}
	changes := planned(p.Changes, nil)
	for i := range plans {
		other := &plans[i]
		over := other.Status.Phase != crmv1.PlanRejected && other.Status.Phase != crmv1.PlanSuperseded && other.Status.Phase != crmv1.PlanWaiting
		if over || other.Spec.Decision != crmv1.DecisionReject {
			continue
		}
		compared := len(changes)
		if n := len(other.Status.Changes); n < int(other.Status.TotalChanges) { // the rest has no room in a status
			compared = min(compared, n)
		}
		if told := askedFor(other.Status.Changes); len(told) > 0 && slices.Equal(told, askedFor(changes[:compared])) {
			return judgement{rejected: "rejected by " + other.Spec.By}, nil
		}
	}
	return judgement{}, nil
}

// askedFor are the changes of a plan that somebody may want or not, sorted.
func askedFor(changes []crmv1.PlannedChange) []string {
	var found []string
	for _, change := range changes {
		if change.Class != crmv1.ChangeSafe {
			found = append(found, change.Resource+": "+change.Summary)
		}
	}
	slices.Sort(found)
	return found
}

// recorded is the plan's ChangePlan; found is false when there is none.
func (r *run) recorded(ctx context.Context, p *plan.Plan) (record *crmv1.ChangePlan, found bool, err error) {
	record = &crmv1.ChangePlan{}
	err = r.Client.Get(ctx, client.ObjectKey{Namespace: r.tenant.Namespace, Name: r.planName(p)}, record)
	if apierrors.IsNotFound(err) {
		return record, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("reading plan %q: %w", r.planName(p), err)
	}
	return record, true, nil
}

// propose writes down a plan that waits, and what it waits for.
func (r *run) propose(ctx context.Context, record *crmv1.ChangePlan, p *plan.Plan, waits []string, verdict judgement) (name string, err error) {
	if record == nil {
		if record, err = r.createPlan(ctx, p); err != nil {
			return "", err
		}
	}
	before := record.DeepCopy()
	phase, message := crmv1.PlanWaiting, "waits for: "+strings.Join(reasonsOf(waits), "; ")
	switch {
	case verdict.rejected != "":
		phase, message = crmv1.PlanRejected, verdict.rejected
	case verdict.approved:
		message = fmt.Sprintf("approved by %s; %s", record.Spec.By, message)
	case verdict.void != "":
		message = verdict.void + "; " + message
	}
	status, changes, err := r.planStatus(record, p, waits)
	if err != nil {
		return "", err
	}
	status.Phase, status.Message = phase, cut(message, maxSummary)
	// What was counted a while ago is not said to be of now.
	if record.Status.CountedAt != nil && record.Status.Digest == status.Digest && record.Status.Phase == phase &&
		r.Now().Sub(record.Status.CountedAt.Time) < countAgain {
		status.CountedAt = record.Status.CountedAt
	}
	if !equality.Semantic.DeepEqual(status, record.Status) {
		if err := r.keep(ctx, record.Name, &status, changes); err != nil {
			return "", err
		}
	}
	record.Status = status
	if err := r.patchPlan(ctx, record, before); err != nil {
		return "", err
	}
	if before.Status.Phase != phase {
		r.proposedPlan(record.Name, phase)
	}
	return record.Name, nil
}

func reasonsOf(waits []string) []string {
	var found []string
	for _, why := range waits {
		if why != "" && !slices.Contains(found, why) {
			found = append(found, why)
		}
	}
	return found
}

func readyPlan(record *crmv1.ChangePlan) {
	record.Status.ObservedGeneration = record.Generation
	meta.SetStatusCondition(&record.Status.Conditions, metav1.Condition{
		Type: crmv1.ConditionReady, Status: metav1.ConditionTrue, ObservedGeneration: record.Generation,
		Reason: crmv1.ReasonPlanned, Message: "the plan is computed; status.phase says what became of it",
	})
}

// joined adds a reason to others, once.
func joined(reasons, reason string) string {
	switch {
	case reasons == "":
		return reason
	case strings.Contains(reasons, reason):
		return reasons
	}
	return reasons + "; " + reason
}
