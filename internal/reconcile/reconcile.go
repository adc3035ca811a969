// Package reconcile is the spine of every controller: it runs the steps, sets
// the conditions, patches the status once, and decides when to look again. A
// controller brings its steps, and nothing else writes a status.
package reconcile

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	crmv1 "github.com/kontor-crm/kontor/api/v1alpha1"
	"github.com/kontor-crm/kontor/internal/fault"
)

// Pace is how often controllers look at the world. It is one value for all of
// them, so that no controller has delays of its own.
type Pace struct {
	// Interval is the time between two looks when nothing happened and the resource names none.
	Interval time.Duration
	// Jitter is the part of the interval by which it is spread, 0.1 for a tenth.
	Jitter float64
	// Soon is the time until something is looked at again that another process is about to do.
	Soon time.Duration
	// Later is the time until something is looked at again that only a person can mend,
	// and that no watch reports.
	Later time.Duration
}

// DefaultPace suits a cluster: ten minutes, spread by a tenth.
func DefaultPace() Pace {
	return Pace{Interval: 10 * time.Minute, Jitter: 0.1, Soon: 500 * time.Millisecond, Later: 30 * time.Second}
}

// Step is one duty towards an object; it owns one condition.
type Step struct {
	// Condition is the type of the condition that the step owns.
	Condition string
	// Optional steps may be False on a Ready object.
	Optional bool
	// Run does what is needed and says what it saw. A fault of kind Waiting, Stalled or
	// Unavailable becomes the condition with the fault's reason and text; another error
	// is tried again with backoff.
	Run func(ctx context.Context) (Result, error)
}

// Result is what a step saw.
type Result struct {
	// Reason and Message are those of the condition.
	Reason, Message string
	// Unmet says that the condition is False although the step did all that it can; later steps run.
	Unmet bool
	// Stalled says of an unmet condition that only a person can change it.
	Stalled bool
	// Hold ends this run without a word: the step waits for something that is
	// about to happen, and the conditions stay as they are.
	Hold bool
	// After asks for another look after that time; zero for none.
	After time.Duration
}

// Met is the result of a step that saw what it wanted.
func Met(reason, format string, args ...any) Result {
	return Result{Reason: reason, Message: fmt.Sprintf(format, args...)}
}

// Unmet is the result of an optional step whose condition is False for now.
func Unmet(reason, format string, args ...any) Result {
	return Result{Reason: reason, Message: fmt.Sprintf(format, args...), Unmet: true}
}

// Hold is the result of a step that wants another look after a moment, before anything is said.
func Hold(after time.Duration) Result { return Result{Hold: true, After: after} }

// Run runs the steps in order until one cannot go on, sets the conditions and
// patches the status once, if it changed. The object must be a fresh copy.
func Run(ctx context.Context, c client.Client, pace Pace, obj crmv1.Object, steps []Step) (ctrl.Result, error) {
	before, ok := obj.DeepCopyObject().(client.Object)
	if !ok {
		return ctrl.Result{}, fmt.Errorf("%T is no object of a client", obj)
	}
	o := outcome{obj: obj, steps: steps}
	if obj.GetCommonSpec().Suspend {
		o.suspend()
	} else {
		o.run(ctx, pace)
	}
	o.conclude()
	if err := Patch(ctx, c, obj, before); err != nil {
		return ctrl.Result{}, err
	}
	if o.err != nil {
		return ctrl.Result{}, o.err
	}
	o.look(pace.next(obj.GetCommonSpec().Interval)) // a step may want a look in a month
	return ctrl.Result{RequeueAfter: o.after}, nil
}

// Patch writes the status if it differs from that of before. An object that is
// gone is fine, and a conflict cannot happen: status has one writer.
func Patch(ctx context.Context, c client.Client, obj crmv1.Object, before client.Object) error {
	target, ok := obj.(client.Object)
	if !ok {
		return fmt.Errorf("%T is no object of a client", obj)
	}
	if equality.Semantic.DeepEqual(before, target) {
		return nil
	}
	if err := c.Status().Patch(ctx, target, client.MergeFrom(before)); err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("patching the status: %w", err)
	}
	return nil
}

func (p Pace) next(own *metav1.Duration) time.Duration {
	interval := p.Interval
	if own != nil && own.Duration > 0 {
		interval = own.Duration
	}
	spread := 1 + p.Jitter*(2*rand.Float64()-1) //nolint:gosec // spreading load, guarding nothing
	return time.Duration(float64(interval) * spread)
}

// outcome gathers what the steps say about one object.
type outcome struct {
	obj     crmv1.Object
	steps   []Step
	after   time.Duration
	err     error
	held    bool
	stopped string // the condition of the step that could not go on
	kind    fault.Kind
}

func (o *outcome) run(ctx context.Context, pace Pace) {
	for _, step := range o.steps {
		if o.stopped != "" {
			o.set(step.Condition, metav1.ConditionUnknown, crmv1.ReasonWaiting, "waits for "+o.stopped)
			continue
		}
		result, err := step.Run(ctx)
		switch {
		case err != nil:
			o.fail(step, err, pace)
		case result.Hold:
			o.held = true
			o.look(result.After)
			return
		case result.Unmet:
			o.set(step.Condition, metav1.ConditionFalse, result.Reason, result.Message)
			o.look(result.After)
			if result.Stalled && !step.Optional && o.kind == fault.Internal {
				o.kind = fault.Stalled
			}
		default:
			o.set(step.Condition, metav1.ConditionTrue, result.Reason, result.Message)
			o.look(result.After)
		}
	}
}

func (o *outcome) fail(step Step, err error, pace Pace) {
	kind, reason, message := fault.KindOf(err), fault.ReasonOf(err), err.Error()
	switch kind {
	case fault.Waiting:
		o.look(pace.Soon)
	case fault.Stalled, fault.Unavailable:
		o.look(pace.Later)
	default:
		// What Kontor did not foresee is for the log; the user learns that it goes on.
		o.err = err
		reason, message = crmv1.ReasonInternalError, "an error that the operator's log describes; it is tried again"
	}
	if reason == "" {
		reason = crmv1.ReasonProgressing
	}
	o.set(step.Condition, metav1.ConditionFalse, reason, message)
	if !step.Optional {
		o.stopped, o.kind = step.Condition, kind
	}
}

// look keeps the earliest of the times at which a step wants another look.
func (o *outcome) look(after time.Duration) {
	if after > 0 && (o.after == 0 || after < o.after) {
		o.after = after
	}
}

func (o *outcome) suspend() {
	o.stopped, o.kind = crmv1.ConditionReady, fault.Stalled
	o.set(crmv1.ConditionReady, metav1.ConditionFalse, crmv1.ReasonSuspended, "spec.suspend is true; what was made stays and goes on")
}

// conclude computes Ready, Reconciling and Stalled from the steps' conditions.
func (o *outcome) conclude() {
	status := o.obj.GetCommonStatus()
	if o.held && meta.FindStatusCondition(status.Conditions, crmv1.ConditionReady) != nil {
		return
	}
	status.ObservedGeneration = o.obj.GetGeneration()
	status.LastHandledReconcileAt = o.obj.GetAnnotations()[crmv1.ReconcileRequestedAtAnnotation]
	switch {
	case o.obj.GetCommonSpec().Suspend:
		o.abnormal(crmv1.ConditionStalled, crmv1.ReasonSuspended, "spec.suspend is true")
		return
	case o.held:
		o.set(crmv1.ConditionReady, metav1.ConditionFalse, crmv1.ReasonProgressing, "work is under way")
		o.abnormal(crmv1.ConditionReconciling, crmv1.ReasonProgressing, "work is under way")
		return
	}
	for _, step := range o.steps {
		condition := meta.FindStatusCondition(status.Conditions, step.Condition)
		if step.Optional || condition == nil || condition.Status == metav1.ConditionTrue {
			continue
		}
		o.set(crmv1.ConditionReady, metav1.ConditionFalse, condition.Reason, condition.Message)
		if o.kind == fault.Stalled {
			o.abnormal(crmv1.ConditionStalled, condition.Reason, condition.Message)
		} else {
			o.abnormal(crmv1.ConditionReconciling, condition.Reason, condition.Message)
		}
		return
	}
	o.set(crmv1.ConditionReady, metav1.ConditionTrue, crmv1.ReasonReady, "all is as the spec asks")
	o.abnormal("", "", "")
}

// abnormal leaves at most one of Reconciling and Stalled: they are there only while they are True.
func (o *outcome) abnormal(which, reason, message string) {
	conditions := o.obj.GetConditions()
	for _, t := range []string{crmv1.ConditionReconciling, crmv1.ConditionStalled} {
		if t != which {
			meta.RemoveStatusCondition(&conditions, t)
		}
	}
	o.obj.SetConditions(conditions)
	if which != "" {
		o.set(which, metav1.ConditionTrue, reason, message)
	}
}

func (o *outcome) set(condition string, status metav1.ConditionStatus, reason, message string) {
	conditions := o.obj.GetConditions()
	meta.SetStatusCondition(&conditions, metav1.Condition{
		Type: condition, Status: status, Reason: reason, Message: bounded(message), ObservedGeneration: o.obj.GetGeneration(),
	})
	o.obj.SetConditions(conditions)
}

// maxMessage bounds a condition's message; the API server takes 32768 bytes, and nobody reads them.
const maxMessage = 1024

func bounded(message string) string {
	if runes := []rune(message); len(runes) > maxMessage {
		return string(runes[:maxMessage-1]) + "…"
	}
	return message
}
