package reconcile

import (
	"context"
	"fmt"
	"maps"
	"sync"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/source"

	crmv1 "github.com/kontor-crm/kontor/api/v1alpha1"
)

// Ref names a configuration resource within its namespace.
type Ref struct{ Kind, Name string }

// Verdict is what a tenant's schema step found out about one form of a resource.
type Verdict struct {
	// Generation is the form of the resource that was looked at.
	Generation int64
	// UID is that of the resource: a namesake that was made later is another one.
	UID types.UID
	// Accepted says whether it compiles.
	Accepted Finding
	// Applied says whether this form of it is in the applied schema.
	Applied Finding
}

// Finding is the content of one condition.
type Finding struct {
	True            bool
	Reason, Message string
}

// Verdicts carries what the schema steps found out to the controllers that
// report it on the resources. It lives in memory: after a start each tenant's
// first schema step fills it again.
type Verdicts struct {
	mu          sync.Mutex
	byNamespace map[string]map[Ref]Verdict
	queues      map[string]func(types.NamespacedName) // by kind
}

// NewVerdicts is empty.
func NewVerdicts() *Verdicts {
	return &Verdicts{byNamespace: map[string]map[Ref]Verdict{}, queues: map[string]func(types.NamespacedName){}}
}

// Set replaces the verdicts of a namespace and wakes the reporters of those that changed.
func (v *Verdicts) Set(namespace string, verdicts map[Ref]Verdict) {
	v.mu.Lock()
	defer v.mu.Unlock()
	before := v.byNamespace[namespace]
	v.byNamespace[namespace] = maps.Clone(verdicts)
	for ref, verdict := range verdicts {
		if before[ref] != verdict {
			v.wake(namespace, ref)
		}
	}
}

// Clear forgets a namespace that has no tenant any more.
func (v *Verdicts) Clear(namespace string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for ref := range v.byNamespace[namespace] {
		v.wake(namespace, ref)
	}
	delete(v.byNamespace, namespace)
}

// Get is the verdict on a resource, or false when there is none yet.
func (v *Verdicts) Get(namespace string, ref Ref) (Verdict, bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	verdict, ok := v.byNamespace[namespace][ref]
	return verdict, ok
}

// Source is the source of events for the reporter of a kind.
func (v *Verdicts) Source(kind string) source.Source {
	return source.Func(func(_ context.Context, queue workqueue.TypedRateLimitingInterface[ctrl.Request]) error {
		v.mu.Lock()
		defer v.mu.Unlock()
		v.queues[kind] = func(name types.NamespacedName) { queue.Add(ctrl.Request{NamespacedName: name}) }
		for namespace, verdicts := range v.byNamespace {
			for ref := range verdicts {
				if ref.Kind == kind {
					v.wake(namespace, ref)
				}
			}
		}
		return nil
	})
}

func (v *Verdicts) wake(namespace string, ref Ref) {
	if add := v.queues[ref.Kind]; add != nil {
		add(types.NamespacedName{Namespace: namespace, Name: ref.Name})
	}
}

// Reporter reports on the resources of one configuration kind what their
// tenant's schema step found out. It changes nothing else.
type Reporter struct {
	Client   client.Client
	Pace     Pace
	Verdicts *Verdicts
	Kind     string
	// New makes an empty object of the kind, NewList an empty list of them.
	New     func() crmv1.Object
	NewList func() client.ObjectList
}

// SetupWithManager makes the manager run the controller. It looks at a resource when
// that changes, when the schema step said something of it, and when its Tenant is gone.
func (r *Reporter) SetupWithManager(m ctrl.Manager) error {
	return ctrl.NewControllerManagedBy(m).
		Named(r.Kind).
		For(r.New()).
		Watches(&crmv1.Tenant{}, handler.EnqueueRequestsFromMapFunc(r.orphans), builder.WithPredicates(tenantGone())).
		WatchesRawSource(r.Verdicts.Source(r.Kind)).
		Complete(r)
}

// orphans are the resources of the kind in the namespace of a Tenant that is gone.
func (r *Reporter) orphans(ctx context.Context, tenant client.Object) []ctrl.Request {
	list := r.NewList()
	if err := r.Client.List(ctx, list, client.InNamespace(tenant.GetNamespace())); err != nil {
		return nil
	}
	var requests []ctrl.Request
	_ = meta.EachListItem(list, func(item runtime.Object) error {
		if obj, ok := item.(client.Object); ok {
			requests = append(requests, ctrl.Request{NamespacedName: client.ObjectKeyFromObject(obj)})
		}
		return nil
	})
	return requests
}

// tenantGone lets the deletions of Tenants through.
func tenantGone() predicate.Predicate {
	return predicate.Funcs{
		CreateFunc:  func(event.CreateEvent) bool { return false },
		UpdateFunc:  func(event.UpdateEvent) bool { return false },
		GenericFunc: func(event.GenericEvent) bool { return false },
	}
}

// Reconcile reports on one resource.
func (r *Reporter) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	obj := r.New()
	target, ok := obj.(client.Object)
	if !ok {
		return ctrl.Result{}, fmt.Errorf("%T is no object of a client", obj)
	}
	if err := r.Client.Get(ctx, req.NamespacedName, target); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if !obj.GetDeletionTimestamp().IsZero() {
		return ctrl.Result{}, nil
	}
	var tenants crmv1.TenantList
	if err := r.Client.List(ctx, &tenants, client.InNamespace(req.Namespace)); err != nil {
		return ctrl.Result{}, fmt.Errorf("listing the tenants of %q: %w", req.Namespace, err)
	}
	verdict, known := r.Verdicts.Get(req.Namespace, Ref{Kind: r.Kind, Name: req.Name})
	known = known && verdict.Generation == obj.GetGeneration() && verdict.UID == obj.GetUID()
	owner := OldestTenant(tenants.Items)
	switch {
	case owner == nil:
		missing := Finding{Reason: crmv1.ReasonTenantMissing, Message: "there is no Tenant in the namespace; create one"}
		verdict = Verdict{Accepted: missing, Applied: missing}
	case !known && !obj.GetCommonSpec().Suspend:
		if !stuck(owner) || settled(obj) {
			// The tenant's schema step comes to this form, and then wakes us.
			return ctrl.Result{RequeueAfter: r.Pace.Later}, nil
		}
		waiting := Finding{Reason: crmv1.ReasonPending, Message: "it waits for Tenant " + owner.Name + ", which is not ready; its own status says why"}
		verdict = Verdict{Accepted: waiting, Applied: waiting}
	}
	_, err := Run(ctx, r.Client, r.Pace, obj, []Step{
		report(crmv1.ConditionAccepted, verdict.Accepted),
		report(crmv1.ConditionApplied, verdict.Applied),
	})
	return ctrl.Result{}, err // the tenant looks again by itself, and wakes us when it saw something new
}

// settled says that the newest form was applied when it was looked at last, which
// an operator that has just started need not deny.
func settled(obj crmv1.Object) bool {
	status := obj.GetCommonStatus()
	return status.ObservedGeneration == obj.GetGeneration() && meta.IsStatusConditionTrue(status.Conditions, crmv1.ConditionReady)
}

// stuck says of a tenant that its schema step is not about to run.
func stuck(tenant *crmv1.Tenant) bool {
	return tenant.Spec.Suspend || meta.IsStatusConditionFalse(tenant.Status.Conditions, crmv1.ConditionDatabaseReady)
}

func report(condition string, finding Finding) Step {
	return Step{Condition: condition, Run: func(context.Context) (Result, error) {
		if finding.True {
			return Met(finding.Reason, "%s", finding.Message), nil
		}
		unmet := Unmet(finding.Reason, "%s", finding.Message)
		unmet.Stalled = finding.Reason != crmv1.ReasonPending
		return unmet, nil
	}}
}

// OldestTenant is the Tenant that the namespace belongs to: the oldest by
// creation, then by name; nil when there is none.
func OldestTenant(tenants []crmv1.Tenant) *crmv1.Tenant {
	var oldest *crmv1.Tenant
	for i := range tenants {
		if oldest == nil || Older(&tenants[i], oldest) {
			oldest = &tenants[i]
		}
	}
	return oldest
}

// Older says whether a was created before b; in the same second the name decides.
func Older(a, b metav1.Object) bool {
	at, bt := a.GetCreationTimestamp(), b.GetCreationTimestamp()
	if at.Equal(&bt) {
		return a.GetNamespace()+"/"+a.GetName() < b.GetNamespace()+"/"+b.GetName()
	}
	return at.Before(&bt)
}
