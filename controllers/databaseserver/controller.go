// Package databaseserver looks at the PostgreSQL servers and says whether
// tenants' databases can be made on them. It changes nothing on a server.
package databaseserver

import (
	"context"
	"fmt"
	"math"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	crmv1 "github.com/kontor-crm/kontor/api/v1alpha1"
	"github.com/kontor-crm/kontor/internal/fault"
	"github.com/kontor-crm/kontor/internal/reconcile"
	"github.com/kontor-crm/kontor/internal/secret"
)

// MinVersion is the oldest PostgreSQL that serves: 15 brought CREATE DATABASE … STRATEGY.
const MinVersion = 150000

// Controller reports on the DatabaseServers.
type Controller struct {
	Client client.Client
	Pace   reconcile.Pace
	Prober Prober
	// Namespace is the operator's own, where the admin Secrets lie.
	Namespace string
}

// SetupWithManager makes the manager run the controller.
func (c *Controller) SetupWithManager(m ctrl.Manager) error {
	return ctrl.NewControllerManagedBy(m).
		Named("databaseserver").
		For(&crmv1.DatabaseServer{}, builder.WithPredicates(predicate.Or(predicate.GenerationChangedPredicate{}, predicate.AnnotationChangedPredicate{}))).
		WatchesMetadata(&corev1.Secret{}, handler.EnqueueRequestsFromMapFunc(c.usersOfSecret)).
		Watches(&crmv1.Tenant{}, c.recounting()).
		Complete(c)
}

// usersOfSecret are the servers whose Secret changed.
func (c *Controller) usersOfSecret(ctx context.Context, changed client.Object) []ctrl.Request {
	if changed.GetNamespace() != c.Namespace {
		return nil
	}
	var servers crmv1.DatabaseServerList
	if err := c.Client.List(ctx, &servers); err != nil {
		return nil
	}
	var requests []ctrl.Request
	for _, server := range servers.Items {
		ca := server.Spec.Address.CASecretRef
		if server.Spec.AdminSecretRef.Name == changed.GetName() || ca != nil && ca.Name == changed.GetName() {
			requests = append(requests, ctrl.Request{NamespacedName: types.NamespacedName{Name: server.Name}})
		}
	}
	return requests
}

// recounting counts a server's databases again when a tenant's came or went. It
// waits a moment, so that many that come together are counted once.
func (c *Controller) recounting() handler.Funcs {
	count := func(queue workqueue.TypedRateLimitingInterface[ctrl.Request], server string) {
		if server != "" {
			queue.AddAfter(ctrl.Request{NamespacedName: types.NamespacedName{Name: server}}, c.Pace.Soon)
		}
	}
	return handler.Funcs{
		UpdateFunc: func(_ context.Context, e event.UpdateEvent, queue workqueue.TypedRateLimitingInterface[ctrl.Request]) {
			if before, after := serverOf(e.ObjectOld), serverOf(e.ObjectNew); before != after {
				count(queue, after)
			}
		},
		DeleteFunc: func(_ context.Context, e event.DeleteEvent, queue workqueue.TypedRateLimitingInterface[ctrl.Request]) {
			count(queue, serverOf(e.Object))
		},
	}
}

// serverOf is the server that holds a tenant's database, or "".
func serverOf(obj client.Object) string {
	if tenant, ok := obj.(*crmv1.Tenant); ok {
		return tenant.Status.Database.Server
	}
	return ""
}

// Reconcile looks at one server.
func (c *Controller) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	var server crmv1.DatabaseServer
	if err := c.Client.Get(ctx, req.NamespacedName, &server); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if !server.DeletionTimestamp.IsZero() {
		return ctrl.Result{}, nil
	}
	return reconcile.Run(ctx, c.Client, c.Pace, &server, []reconcile.Step{
		{Condition: crmv1.ConditionReachable, Run: func(ctx context.Context) (reconcile.Result, error) { return c.reach(ctx, &server) }},
	})
}

func (c *Controller) reach(ctx context.Context, server *crmv1.DatabaseServer) (reconcile.Result, error) {
	at, err := reconcile.AdminConnection(ctx, c.Client, c.Namespace, server)
	if err != nil {
		return reconcile.Result{}, err
	}
	c.Prober.Limit(at, int(server.Spec.Connections.Operator))
	observed, err := c.probe(ctx, at)
	if err != nil {
		return reconcile.Result{}, err
	}
	server.Status.Version = observed.Version
	server.Status.MaxConnections = int32(min(observed.MaxConnections, math.MaxInt32)) //nolint:gosec // bounded
	server.Status.Databases = int32(min(observed.Databases, math.MaxInt32))           //nolint:gosec // bounded
	server.Status.Locale = crmv1.DatabaseLocale{}
	if observed.UnicodeLocale {
		server.Status.Locale = crmv1.DatabaseLocale{Encoding: "UTF8", CType: "C.UTF-8", Collate: "C"}
	}
	if err := judge(server, observed); err != nil {
		return reconcile.Result{}, err
	}
	return reconcile.Met(crmv1.ReasonReachable, "PostgreSQL %s answers and can hold tenants", observed.Version), nil
}

func (c *Controller) probe(ctx context.Context, at secret.Connection) (Observed, error) {
	observed, err := c.Prober.Probe(ctx, at)
	if fault.ReasonOf(err) == crmv1.ReasonAuthenticationFailed {
		return Observed{}, fmt.Errorf("spec.adminSecretRef: %w", err)
	}
	if err != nil {
		return Observed{}, fmt.Errorf("spec.address: %w", err)
	}
	return observed, nil
}

// judge says what keeps a server that answers from holding tenants. All of it
// is for a person to mend, so each is Stalled.
func judge(server *crmv1.DatabaseServer, observed Observed) error {
	switch {
	case observed.VersionNumber < MinVersion:
		return fault.Because(fault.Stalled, crmv1.ReasonVersionTooOld,
			"spec.address: the server is PostgreSQL %s; 15 or newer is needed", observed.Version)
	case !observed.UnicodeLocale:
		return fault.Because(fault.Stalled, crmv1.ReasonLocaleUnsupported,
			"spec.address: the server cannot make databases with encoding UTF8 and LC_CTYPE C.UTF-8; install the locale C.UTF-8 on its machine")
	case !observed.CreateDatabases || !observed.CreateRoles:
		return fault.Because(fault.Stalled, crmv1.ReasonInsufficientRights,
			"spec.adminSecretRef: the role may not create databases and roles; run ALTER ROLE … CREATEDB CREATEROLE")
	}
	limits := server.Spec.Connections
	wanted := int(limits.Operator) + int(limits.Service) + int(limits.Worker)
	if wanted > observed.MaxConnections {
		return fault.Because(fault.Stalled, crmv1.ReasonConnectionBudgetExceeded,
			"spec.connections: operator, service and worker ask for %d connections together, and the server takes %d", wanted, observed.MaxConnections)
	}
	return nil
}
