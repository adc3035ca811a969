// Package tenant turns a Tenant and the resources of its namespace into a
// database, a schema, a served host and the first accounts. Its steps stand in
// a file each: database, schema, service, access; then deletion.
package tenant

import (
	"context"
	"fmt"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/source"

	crmv1 "github.com/kontor-crm/kontor/api/v1alpha1"
	"github.com/kontor-crm/kontor/internal/fault"
	"github.com/kontor-crm/kontor/internal/reconcile"
	"github.com/kontor-crm/kontor/internal/schema"
	"github.com/kontor-crm/kontor/internal/secret"
)

// Controller reconciles the Tenants. All fields but Events are needed.
type Controller struct {
	Client    client.Client
	Events    events.EventRecorder
	Pace      reconcile.Pace
	Verdicts  *reconcile.Verdicts
	Settling  *reconcile.Settling
	Databases Databases
	Schemas   Schemas
	Rollouts  Rollouts
	Directory Directory
	Now       func() time.Time

	// Settings are those of the installation.
	Settings Settings

	// counts are the optionCounts of the tenants.
	counts sync.Map
	// told is what each tenant's database keeps of its configuration, see tellConfiguration.
	told sync.Map
}

// Settings are what the platform team says about the whole installation.
type Settings struct {
	// Installation tells apart several Kontors that share a server; part of every database's name.
	Installation string
	// Namespace is the operator's own, where the admin Secrets lie.
	Namespace string
	// ServiceAccount is the operator's own as "namespace/name"; empty when it is an
	// administrator of the cluster, who needs no binding to write Secrets.
	ServiceAccount string
	// HostSuffixes are the domains below which a tenant's hosts lie; the first is that of default hosts.
	HostSuffixes []string
	// URLPort is shown in the tenants' addresses when it is not 443 or 80; 0 is https at 443.
	URLPort int
	// Concurrency is how many Tenants are reconciled at the same time; 0 is 4.
	Concurrency int
}

// SetupWithManager makes the manager run the controller.
func (c *Controller) SetupWithManager(m ctrl.Manager) error {
	changed := builder.WithPredicates(predicate.Or(predicate.GenerationChangedPredicate{}, predicate.AnnotationChangedPredicate{}))
	return ctrl.NewControllerManagedBy(m).
		Named("tenant").
		For(&crmv1.Tenant{}, changed).
		Watches(&crmv1.Tenant{}, handler.EnqueueRequestsFromMapFunc(c.rivals), changed).
		Watches(&crmv1.CustomObject{}, handler.EnqueueRequestsFromMapFunc(c.tenantsOf), changed).
		Watches(&crmv1.CustomField{}, handler.EnqueueRequestsFromMapFunc(c.tenantsOf), changed).
		Watches(&crmv1.Pipeline{}, handler.EnqueueRequestsFromMapFunc(c.tenantsOf), changed).
		Watches(&crmv1.ValidationRule{}, handler.EnqueueRequestsFromMapFunc(c.tenantsOf), changed).
		Watches(&crmv1.ObjectIndex{}, handler.EnqueueRequestsFromMapFunc(c.tenantsOf), changed).
		Owns(&crmv1.ChangePlan{}, builder.WithPredicates(predicate.Funcs{UpdateFunc: decidedUpon, CreateFunc: never, DeleteFunc: deleted})).
		Watches(&crmv1.DatabaseServer{}, handler.EnqueueRequestsFromMapFunc(c.unsettled), builder.WithPredicates(predicate.Funcs{UpdateFunc: mended})).
		Watches(&crmv1.DatabaseServer{}, handler.EnqueueRequestsFromMapFunc(c.residents), changed).
		WatchesRawSource(source.Func(c.rolledOut)).
		WithOptions(controller.Options{MaxConcurrentReconciles: max(c.Settings.Concurrency, 4)}).
		Complete(c)
}

// run is one reconcile of one tenant: what its steps found and hand on.
type run struct {
	*Controller
	tenant *crmv1.Tenant
	id     Identity
	// server is the one that holds the database; set by the database step.
	server *crmv1.DatabaseServer
	// admin is the admin's connection to the server's maintenance database.
	admin secret.Connection
	// applied is the schema that the database has; set by the schema step, nil before the first.
	applied *schema.Schema
}

// Reconcile brings one tenant to what its namespace asks for.
func (c *Controller) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	r := &run{Controller: c, tenant: &crmv1.Tenant{}}
	if err := c.Client.Get(ctx, req.NamespacedName, r.tenant); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	r.id = Identity{Installation: c.Settings.Installation, Namespace: r.tenant.Namespace, Name: r.tenant.Name}
	if !r.tenant.DeletionTimestamp.IsZero() {
		return r.delete(ctx)
	}
	return reconcile.Run(ctx, c.Client, c.Pace, r.tenant, []reconcile.Step{
		{Condition: crmv1.ConditionDatabaseReady, Run: r.database},
		{Condition: crmv1.ConditionSchemaSynced, Run: r.schema, Optional: true},
		{Condition: crmv1.ConditionServiceReady, Run: r.service},
		{Condition: crmv1.ConditionAccessReady, Run: r.access},
	})
}

// unique refuses a Tenant that shares its namespace with an older one. It is
// asked before anything is made, so the younger one harms nothing.
func (r *run) unique(ctx context.Context) error {
	var tenants crmv1.TenantList
	if err := r.Client.List(ctx, &tenants, client.InNamespace(r.tenant.Namespace)); err != nil {
		return fmt.Errorf("listing the tenants of %q: %w", r.tenant.Namespace, err)
	}
	oldest := reconcile.OldestTenant(tenants.Items)
	if oldest != nil && oldest.Name != r.tenant.Name && reconcile.Older(oldest, r.tenant) {
		return fault.Because(fault.Stalled, crmv1.ReasonTenantNotUnique,
			"the namespace belongs to Tenant %s, which is older; a namespace holds one tenant", oldest.Name)
	}
	return nil
}

// hold adds the finalizer before the first thing is made outside.
func (r *run) hold(ctx context.Context) error {
	if controllerutil.ContainsFinalizer(r.tenant, crmv1.TenantFinalizer) {
		return nil
	}
	// A copy is patched, so that the answer does not overwrite the status that the steps have set so far.
	patched := r.tenant.DeepCopy()
	controllerutil.AddFinalizer(patched, crmv1.TenantFinalizer)
	err := r.Client.Patch(ctx, patched, client.MergeFromWithOptions(r.tenant, client.MergeFromWithOptimisticLock{}))
	if apierrors.IsConflict(err) || apierrors.IsNotFound(err) {
		return fault.Because(fault.Waiting, crmv1.ReasonProgressing, "the Tenant has just changed; looking again")
	}
	if err != nil {
		return fmt.Errorf("adding the finalizer: %w", err)
	}
	return nil
}

// terminating says whether the tenant's namespace is being deleted: then no
// resource that vanishes was meant to.
func (r *run) terminating(ctx context.Context) (bool, error) {
	namespace := &metav1.PartialObjectMetadata{}
	namespace.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Namespace"))
	err := r.Client.Get(ctx, types.NamespacedName{Name: r.tenant.Namespace}, namespace)
	if apierrors.IsNotFound(err) {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("reading namespace %q: %w", r.tenant.Namespace, err)
	}
	return !namespace.DeletionTimestamp.IsZero(), nil
}

// tenantsOf are the tenants of the namespace in which a configuration resource changed.
func (c *Controller) tenantsOf(ctx context.Context, changed client.Object) []ctrl.Request {
	c.Settling.Touch(changed.GetNamespace())
	var tenants crmv1.TenantList
	if err := c.Client.List(ctx, &tenants, client.InNamespace(changed.GetNamespace())); err != nil {
		return nil
	}
	return requestsFor(tenants.Items, func(*crmv1.Tenant) bool { return true })
}

// rivals are the tenants that share the namespace or a host with one that
// changed: what one gives up, another may be waiting for.
func (c *Controller) rivals(ctx context.Context, changed client.Object) []ctrl.Request {
	c.Settling.Touch(changed.GetNamespace())
	tenant, ok := changed.(*crmv1.Tenant)
	if !ok {
		return nil
	}
	var tenants crmv1.TenantList
	if err := c.Client.List(ctx, &tenants); err != nil {
		return nil
	}
	return requestsFor(tenants.Items, func(other *crmv1.Tenant) bool {
		if other.Namespace == tenant.Namespace {
			return other.Name != tenant.Name
		}
		return shares(c.hosts(other), c.hosts(tenant))
	})
}

// rolledOut has a tenant looked at when its rollout has ended.
func (c *Controller) rolledOut(_ context.Context, queue workqueue.TypedRateLimitingInterface[ctrl.Request]) error {
	c.Rollouts.Notify(func(id Identity) {
		queue.Add(ctrl.Request{NamespacedName: types.NamespacedName{Namespace: id.Namespace, Name: id.Name}})
	})
	return nil
}

// decidedUpon says whether somebody has changed the spec of a ChangePlan. That one was
// made is no news: the operator makes them.
func decidedUpon(e event.UpdateEvent) bool {
	return e.ObjectOld.GetGeneration() != e.ObjectNew.GetGeneration()
}

func never(event.CreateEvent) bool { return false }

// deleted lets a plan that waits be written down again when somebody deletes it.
func deleted(e event.DeleteEvent) bool {
	record, ok := e.Object.(*crmv1.ChangePlan)
	return ok && record.Status.Phase == crmv1.PlanWaiting
}

// mended says whether a server may serve now whom it did not before. That it counts
// its databases anew, as it does with each tenant, helps nobody.
func mended(e event.UpdateEvent) bool {
	before, ok := e.ObjectOld.(*crmv1.DatabaseServer)
	after, same := e.ObjectNew.(*crmv1.DatabaseServer)
	return !ok || !same || before.Generation != after.Generation || ready(before) != ready(after)
}

// unsettled are the tenants that are not ready: a server that changed may be the one that they need.
func (c *Controller) unsettled(ctx context.Context, _ client.Object) []ctrl.Request {
	var tenants crmv1.TenantList
	if err := c.Client.List(ctx, &tenants); err != nil {
		return nil
	}
	return requestsFor(tenants.Items, func(tenant *crmv1.Tenant) bool {
		for _, condition := range tenant.Status.Conditions {
			if condition.Type == crmv1.ConditionDatabaseReady {
				return condition.Status != metav1.ConditionTrue
			}
		}
		return true
	})
}

// residents are the tenants whose database is on a server that changed: its address may be another one.
func (c *Controller) residents(ctx context.Context, server client.Object) []ctrl.Request {
	var tenants crmv1.TenantList
	if err := c.Client.List(ctx, &tenants); err != nil {
		return nil
	}
	return requestsFor(tenants.Items, func(tenant *crmv1.Tenant) bool { return tenant.Status.Database.Server == server.GetName() })
}

func requestsFor(tenants []crmv1.Tenant, wanted func(*crmv1.Tenant) bool) []ctrl.Request {
	var requests []ctrl.Request
	for i := range tenants {
		if wanted(&tenants[i]) {
			requests = append(requests, ctrl.Request{NamespacedName: client.ObjectKeyFromObject(&tenants[i])})
		}
	}
	return requests
}
