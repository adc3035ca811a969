package tenant

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	crmv1 "github.com/kontor-crm/kontor/api/v1alpha1"
	"github.com/kontor-crm/kontor/internal/fault"
	"github.com/kontor-crm/kontor/internal/reconcile"
	"github.com/kontor-crm/kontor/internal/schema"
	"github.com/kontor-crm/kontor/internal/secret"
)

// service writes the tenant into the directory, and is met when a server has
// acknowledged the applied revision.
func (r *run) service(ctx context.Context) (reconcile.Result, error) {
	if r.applied == nil {
		return reconcile.Result{}, fault.Because(fault.Waiting, crmv1.ReasonWaiting, "no schema is applied yet; see the condition %s", crmv1.ConditionSchemaSynced)
	}
	hosts, refused, err := r.claimHosts(ctx)
	if err != nil {
		return reconcile.Result{}, err
	}
	err = r.publish(ctx, hosts)
	if fault.ReasonOf(err) == crmv1.ReasonHostConflict { // its last owner has not given it up yet
		return reconcile.Result{}, fault.Because(fault.Unavailable, crmv1.ReasonHostConflict, "%s", err)
	}
	if err != nil {
		return reconcile.Result{}, err
	}
	r.tenant.Status.Service.Hosts = hosts
	r.tenant.Status.Service.URL = ""
	if len(hosts) > 0 {
		r.tenant.Status.Service.URL = r.url(hosts[0])
	}
	servers, err := r.Directory.Acknowledged(ctx, r.id.Key(), r.applied.Revision)
	if err != nil {
		return reconcile.Result{}, fmt.Errorf("asking for the servers: %w", err)
	}
	r.tenant.Status.Service.Servers = int32(servers) //nolint:gosec // a handful
	if refused != nil {
		return reconcile.Result{}, refused
	}
	if servers == 0 {
		return reconcile.Result{}, fault.Because(r.patience(), crmv1.ReasonWaitingForServer,
			"no server acknowledged revision %d yet; is one running?", r.applied.Revision)
	}
	return reconcile.Met(crmv1.ReasonServing, "revision %d is served at %s", r.applied.Revision, strings.Join(hosts, ", ")), nil
}

// longWait is the time after which a server that does not acknowledge counts as away.
const longWait = time.Minute

// patience is Waiting while a server may be about to acknowledge, and Unavailable
// when none did for long: a thousand tenants do not ask twice a second for ever.
func (r *run) patience() fault.Kind {
	before := meta.FindStatusCondition(r.tenant.Status.Conditions, crmv1.ConditionServiceReady)
	if before != nil && before.Reason == crmv1.ReasonWaitingForServer && r.Now().Sub(before.LastTransitionTime.Time) > longWait {
		return fault.Unavailable
	}
	return fault.Waiting
}

// publish writes the directory's entry when it differs. The application's
// password is made anew when there is no entry, the database moved, or the
// entry cannot be opened, because the sealing key is another one now.
func (r *run) publish(ctx context.Context, hosts []string) error {
	address := r.serviceAddress()
	hosts = slices.Sorted(slices.Values(hosts))
	entry, err := r.Directory.Lookup(ctx, r.id.Key())
	if err != nil {
		return fmt.Errorf("reading the directory: %w", err)
	}
	if entry == nil || entry.Application.Password == "" || !sameAddress(entry.Application, address) {
		application, err := r.Databases.Login(ctx, r.admin, r.id, RoleApplication, secret.NewPassword())
		if err != nil {
			return fmt.Errorf("setting the application's login: %w", err)
		}
		address.Database, address.User, address.Password = application.Database, application.User, application.Password
		entry = &Entry{Key: r.id.Key(), Application: address}
	} else if slices.Equal(entry.Hosts, hosts) && entry.Revision == r.applied.Revision && entry.Format == schema.Format {
		return nil
	}
	entry.Hosts, entry.Revision, entry.Format = hosts, r.applied.Revision, schema.Format
	if err := r.Directory.Publish(ctx, *entry); err != nil {
		return fmt.Errorf("writing the directory: %w", err)
	}
	return nil
}

// serviceAddress is where the service connects: the pooler when there is one.
func (r *run) serviceAddress() secret.Connection {
	address := r.admin
	if pooler := r.server.Spec.PoolerAddress; pooler != nil {
		address.Host, address.Port, address.SSLMode = pooler.Host, int(pooler.Port), string(pooler.SSLMode)
	}
	return address
}

func sameAddress(a, b secret.Connection) bool {
	return a.Host == b.Host && a.Port == b.Port && a.SSLMode == b.SSLMode && a.RootCA == b.RootCA
}

// claimHosts are the hosts that the tenant may have, in the order of the spec,
// and the fault when it may not have them all.
func (r *run) claimHosts(ctx context.Context) ([]string, error, error) {
	wanted := r.hosts(r.tenant)
	var tenants crmv1.TenantList
	if err := r.Client.List(ctx, &tenants); err != nil {
		return nil, nil, fmt.Errorf("listing the tenants: %w", err)
	}
	var granted []string
	var refused error
	for i, host := range wanted {
		path := fmt.Sprintf("spec.service.hosts[%d]", i)
		if !r.allowed(host) {
			refused = fault.Because(fault.Stalled, crmv1.ReasonHostNotAllowed, "%s: %s lies under none of the allowed domains: %s",
				path, host, strings.Join(r.Settings.HostSuffixes, ", "))
			continue
		}
		if winner := r.winner(host, tenants.Items); winner != nil {
			refused = fault.Because(fault.Stalled, crmv1.ReasonHostConflict, "%s: %s belongs to Tenant %s, which claimed it first",
				path, host, client.ObjectKeyFromObject(winner))
			continue
		}
		granted = append(granted, host)
	}
	return granted, refused, nil
}

// winner is the older tenant that claims the host, or nil. Tenants that share a
// namespace with an older one claim nothing.
func (r *run) winner(host string, tenants []crmv1.Tenant) *crmv1.Tenant {
	for i := range tenants {
		other := &tenants[i]
		if other.UID == r.tenant.UID || !reconcile.Older(other, r.tenant) || !slices.Contains(r.hosts(other), host) {
			continue
		}
		claims := !slices.ContainsFunc(tenants, func(third crmv1.Tenant) bool {
			return third.Namespace == other.Namespace && third.Name != other.Name && reconcile.Older(&third, other)
		})
		if claims {
			return other
		}
	}
	return nil
}

// hosts are those that a tenant claims: the declared ones, else its name under the first suffix.
func (c *Controller) hosts(tenant *crmv1.Tenant) []string {
	if len(tenant.Spec.Service.Hosts) > 0 {
		return tenant.Spec.Service.Hosts
	}
	if len(c.Settings.HostSuffixes) == 0 {
		return nil
	}
	return []string{tenant.Name + "." + c.Settings.HostSuffixes[0]}
}

func (c *Controller) allowed(host string) bool {
	return slices.ContainsFunc(c.Settings.HostSuffixes, func(suffix string) bool {
		return host == suffix || strings.HasSuffix(host, "."+suffix)
	})
}

// url is the address that a browser opens.
func (c *Controller) url(host string) string {
	switch c.Settings.URLPort {
	case 0, 443:
		return "https://" + host
	case 80:
		return "http://" + host
	}
	return "http://" + net.JoinHostPort(host, strconv.Itoa(c.Settings.URLPort))
}

func shares(a, b []string) bool {
	return slices.ContainsFunc(a, func(host string) bool { return slices.Contains(b, host) })
}
