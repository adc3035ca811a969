package tenant

import (
	"context"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/api/meta"

	crmv1 "github.com/kontor-crm/kontor/api/v1alpha1"
	"github.com/kontor-crm/kontor/internal/compile"
	"github.com/kontor-crm/kontor/internal/fault"
	"github.com/kontor-crm/kontor/internal/reconcile"
	"github.com/kontor-crm/kontor/internal/secret"
)

// place is a server with what it holds for the tenant.
type place struct {
	server   *crmv1.DatabaseServer
	admin    secret.Connection
	found    Ownership
	complete bool
}

// database sees to it that the tenant has a database of its own, on the server
// that holds it already or else on one that may.
func (r *run) database(ctx context.Context) (reconcile.Result, error) {
	if err := r.unique(ctx); err != nil {
		return reconcile.Result{}, err
	}
	at, err := r.locate(ctx)
	if err != nil {
		return reconcile.Result{}, err
	}
	if err := r.claim(ctx, at); err != nil {
		return reconcile.Result{}, err
	}
	r.server, r.admin = at.server, at.admin
	r.tenant.Status.Database = crmv1.TenantDatabaseStatus{Server: at.server.Name, Name: r.id.Database()}
	message := fmt.Sprintf("database %s on server %s", r.id.Database(), at.server.Name)
	if wanted := r.tenant.Spec.Database.Server; wanted != "" && wanted != at.server.Name {
		message += fmt.Sprintf("; it does not move to %s, which spec.database.server names", wanted)
	}
	return reconcile.Met(crmv1.ReasonReady, "%s", message), nil
}

// locate finds the server that holds the tenant's database, else the one that
// is to hold it. All allowed servers are searched before one is chosen. A tenant
// that has a database never gets a second, empty one because the first is out of sight.
func (r *run) locate(ctx context.Context) (*place, error) {
	servers, err := r.allowedServers(ctx)
	if err != nil {
		return nil, err
	}
	known := r.tenant.Status.Database.Server
	if known != "" && !slices.ContainsFunc(servers, func(server *crmv1.DatabaseServer) bool { return server.Name == known }) {
		return nil, fault.Because(fault.Unavailable, crmv1.ReasonDatabaseServerNotReady,
			"its database is on DatabaseServer %s, which is gone; create it again, or delete the Tenant and create it anew to begin with an empty database", known)
	}
	slices.SortStableFunc(servers, func(a, b *crmv1.DatabaseServer) int { return r.rank(a, known) - r.rank(b, known) })
	var free []*place
	var retained, foreign *place
	var unready *crmv1.DatabaseServer
	for _, server := range servers {
		at := &place{server: server}
		if at.admin, err = reconcile.AdminConnection(ctx, r.Client, r.Settings.Namespace, server); err == nil && ready(server) {
			at.found, at.complete, err = r.Databases.Find(ctx, at.admin, r.id)
		}
		switch {
		case fault.KindOf(err) == fault.Internal && err != nil:
			return nil, fmt.Errorf("searching server %q: %w", server.Name, err)
		case err != nil || !ready(server):
			unready = server
		case at.found == Owned:
			return at, nil
		case at.found == Retained:
			retained = at
		case at.found == Foreign:
			foreign = at
		default:
			free = append(free, at)
		}
	}
	switch {
	case unready != nil:
		return nil, fault.Because(fault.Unavailable, crmv1.ReasonDatabaseServerNotReady,
			"DatabaseServer %s is not ready, and the tenant's database may be there; its own status says why", unready.Name)
	case retained != nil:
		return retained, nil
	case foreign != nil:
		return foreign, nil
	case known != "":
		return nil, fault.Because(fault.Stalled, crmv1.ReasonDatabaseMissing,
			"database %s is not on server %s any more; restore it with its roles, or delete the Tenant and create it anew to begin with an empty database",
			r.id.Database(), known)
	}
	return r.choose(free)
}

// choose takes the server that the spec names, else the one with the fewest databases.
func (r *run) choose(free []*place) (*place, error) {
	wanted := r.tenant.Spec.Database.Server
	var best *place
	for _, at := range free {
		if wanted != "" && at.server.Name != wanted {
			continue
		}
		if best == nil || at.server.Status.Databases < best.server.Status.Databases {
			best = at
		}
	}
	if best != nil {
		return best, nil
	}
	if wanted != "" {
		return nil, fault.Because(fault.Stalled, crmv1.ReasonNoDatabaseServer,
			"spec.database.server: there is no DatabaseServer %s that allows namespace %s", wanted, r.tenant.Namespace)
	}
	return nil, fault.Because(fault.Stalled, crmv1.ReasonNoDatabaseServer,
		"no DatabaseServer allows namespace %s; create one, or add the namespace to its spec.allowedNamespaces", r.tenant.Namespace)
}

// claim makes the database at a place the tenant's own, or refuses.
func (r *run) claim(ctx context.Context, at *place) error {
	switch {
	case at.found == Owned && at.complete:
		return r.hold(ctx)
	case at.found == Foreign:
		return fault.Because(fault.Stalled, crmv1.ReasonDatabaseConflict,
			"server %s has a database %s that Kontor did not make for this tenant; rename or remove it", at.server.Name, r.id.Database())
	case at.found == Retained && !adopts(at.server, r.id):
		return fault.Because(fault.Stalled, crmv1.ReasonDatabaseRetained,
			"an earlier tenant of this name left database %s on server %s; hand it over with spec.adoptions of DatabaseServer %s: {namespace: %s, tenant: %s, database: %s}, or rename or drop it",
			r.id.Database(), at.server.Name, at.server.Name, r.id.Namespace, r.id.Name, r.id.Database())
	}
	if err := r.hold(ctx); err != nil {
		return err
	}
	if at.found == Retained {
		if err := r.Databases.Adopt(ctx, at.admin, r.id); err != nil {
			return fmt.Errorf("adopting database %q: %w", r.id.Database(), err)
		}
		r.adopted(at.server.Name)
	}
	if err := r.Databases.Ensure(ctx, at.admin, r.id, compile.Standard(modules(r.tenant))); err != nil {
		return fmt.Errorf("making database %q: %w", r.id.Database(), err)
	}
	if at.found == Absent {
		r.created(at.server.Name)
	} else if at.found == Owned && r.tenant.Status.Database.Name != "" {
		r.completed(at.server.Name)
	}
	return nil
}

// allowedServers are the servers that this namespace may use, by name, and the
// one that holds its database, which may be closed to newcomers by now.
func (r *run) allowedServers(ctx context.Context) ([]*crmv1.DatabaseServer, error) {
	var list crmv1.DatabaseServerList
	if err := r.Client.List(ctx, &list); err != nil {
		return nil, fmt.Errorf("listing the database servers: %w", err)
	}
	var allowed []*crmv1.DatabaseServer
	for i := range list.Items {
		server := &list.Items[i]
		namespaces := server.Spec.AllowedNamespaces
		if len(namespaces) == 0 || slices.Contains(namespaces, r.tenant.Namespace) || slices.Contains(namespaces, "*") || server.Name == r.tenant.Status.Database.Server {
			allowed = append(allowed, server)
		}
	}
	return allowed, nil
}

// rank puts the server that held the database last time first, then the one that the
// spec names: two DatabaseServers may lead to the same server.
func (r *run) rank(server *crmv1.DatabaseServer, known string) int {
	switch server.Name {
	case known:
		return 0
	case r.tenant.Spec.Database.Server:
		return 1
	}
	return 2
}

func ready(server *crmv1.DatabaseServer) bool {
	return meta.IsStatusConditionTrue(server.Status.Conditions, crmv1.ConditionReady)
}

func adopts(server *crmv1.DatabaseServer, id Identity) bool {
	return slices.Contains(server.Spec.Adoptions, crmv1.Adoption{Namespace: id.Namespace, Tenant: id.Name, Database: id.Database()})
}

func modules(tenant *crmv1.Tenant) []string {
	names := make([]string, 0, len(tenant.Spec.Modules))
	for _, module := range tenant.Spec.Modules {
		names = append(names, string(module))
	}
	return names
}

// removeDatabase keeps or drops the tenant's database, wherever it is, as the
// deletion policy says. Servers that are gone, or whose Secret is, hold nobody up.
func (r *run) removeDatabase(ctx context.Context) error {
	var list crmv1.DatabaseServerList
	if err := r.Client.List(ctx, &list); err != nil {
		return fmt.Errorf("listing the database servers: %w", err)
	}
	for i := range list.Items {
		server := &list.Items[i]
		admin, err := reconcile.AdminConnection(ctx, r.Client, r.Settings.Namespace, server)
		if fault.ReasonOf(err) == crmv1.ReasonSecretMissing {
			continue // whoever took the Secret away took the server out of our hands
		}
		var found Ownership
		if err == nil {
			found, _, err = r.Databases.Find(ctx, admin, r.id)
		}
		if err != nil && fault.KindOf(err) != fault.Internal && server.Name != r.tenant.Status.Database.Server {
			continue // a server that cannot be asked, and never held this tenant
		}
		if err != nil {
			return fmt.Errorf("searching server %q: %w", server.Name, err)
		}
		if err := r.letGo(ctx, server, admin, found); err != nil {
			return err
		}
	}
	return nil
}

// letGo keeps or drops what a server holds for the tenant. Where the process ended
// in the midst of it, what is left is done now: sessions to end, roles to drop.
func (r *run) letGo(ctx context.Context, server *crmv1.DatabaseServer, admin secret.Connection, found Ownership) error {
	if r.tenant.Spec.Database.DeletionPolicy == crmv1.DeletionDelete {
		if found != Owned && found != Absent {
			return nil
		}
		if err := r.Databases.Drop(ctx, admin, r.id); err != nil {
			return fmt.Errorf("dropping database %q: %w", r.id.Database(), err)
		}
		if found == Owned {
			r.dropped(server.Name)
		}
		return nil
	}
	if found != Owned && found != Retained {
		return nil
	}
	if err := r.Databases.Retain(ctx, admin, r.id); err != nil {
		return fmt.Errorf("marking database %q as retained: %w", r.id.Database(), err)
	}
	if found == Owned {
		r.retained(server.Name)
	}
	return nil
}
