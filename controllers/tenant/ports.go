package tenant

import (
	"context"
	"crypto/sha256"
	"encoding/hex"

	"github.com/kontor-crm/kontor/internal/plan"
	"github.com/kontor-crm/kontor/internal/schema"
	"github.com/kontor-crm/kontor/internal/secret"
)

// Identity says whose a database is. It holds no UID: an object that is restored
// or recreated by GitOps is the same tenant.
type Identity struct {
	// Installation tells apart several Kontors that share a server.
	Installation string
	// Namespace and Name are the Tenant's.
	Namespace, Name string
}

// Key is "namespace/name", the tenant's name in the directory.
func (i Identity) Key() string { return i.Namespace + "/" + i.Name }

// Database is the opaque name of the tenant's database.
func (i Identity) Database() string {
	sum := sha256.Sum256([]byte(i.Installation + "/" + i.Namespace + "/" + i.Name))
	return "kontor_" + hex.EncodeToString(sum[:8])
}

// Ownership says what a server holds under the name of a tenant's database.
type Ownership string

// The answers of Databases.Find.
const (
	// Absent: there is no database of that name.
	Absent Ownership = "Absent"
	// Owned: the tenant's own, though perhaps not finished.
	Owned Ownership = "Owned"
	// Retained: an earlier tenant of the same name left it.
	Retained Ownership = "Retained"
	// Foreign: a database of that name that Kontor did not make, or that is somebody else's.
	Foreign Ownership = "Foreign"
)

// Databases makes and removes the tenants' databases on the servers. Every
// method can be called again after a crash at any point, and then finishes.
// Connections are the admin's, to the maintenance database.
type Databases interface {
	// Find says what the server holds for the tenant, and changes nothing. complete
	// says that Ensure has nothing left to do: roles, ownership, rights and the
	// platform's tables are as they should be.
	Find(ctx context.Context, server secret.Connection, id Identity) (found Ownership, complete bool, err error)
	// Ensure makes the database from the template of the standard schema, or finishes
	// one that was begun: roles, mark, ownership, rights, platform tables (migrations).
	// It refuses (Stalled) a database that is not Owned or Absent.
	Ensure(ctx context.Context, server secret.Connection, id Identity, standard *schema.Schema) error
	// Adopt makes a retained database the tenant's own.
	Adopt(ctx context.Context, server secret.Connection, id Identity) error
	// Retain marks the tenant's database as left behind and ends its logins. A database
	// that is absent or not the tenant's is left alone, without an error.
	Retain(ctx context.Context, server secret.Connection, id Identity) error
	// Drop removes the tenant's database and roles; it touches nothing that is not marked as the tenant's.
	Drop(ctx context.Context, server secret.Connection, id Identity) error
	// Login sets the password of one of the tenant's two login roles and lets it log in;
	// it returns the connection to the tenant's database as that role.
	Login(ctx context.Context, server secret.Connection, id Identity, role Role, password string) (secret.Connection, error)
}

// Role is one of the tenant's roles that log in.
type Role string

// The roles that log in.
const (
	// RoleApplication reads and writes records; the service's.
	RoleApplication Role = "app"
	// RoleReporting reads the views in the schema bi.
	RoleReporting Role = "bi"
)

// Schemas reads and changes the schema of a tenant's database. Connections are
// the admin's, to the tenant's database.
type Schemas interface {
	History
	Configuration
	// Observe reads, in one query each, the newest applied schema (nil before the first)
	// and the live one from the catalogue.
	Observe(ctx context.Context, database secret.Connection) (applied *schema.Schema, live *plan.Live, err error)
	// Measure counts, of one moment, the rows that the plan's changes concern and those
	// that do not bear them, and sets the changes' Impact.
	Measure(ctx context.Context, database secret.Connection, p *plan.Plan) error
	// Apply runs the plan's changes as the tenant's owner role: first what has to be proven
	// of the rows, and when one does not bear it nothing is changed; then those that share a
	// transaction in one, together with the row of the new revision (wanted.Revision is
	// the plan's revision); then the steps that cannot be in a transaction. A crash in
	// between leaves differences that the next plan finds.
	Apply(ctx context.Context, database secret.Connection, p *plan.Plan, wanted *schema.Schema) error
	// Run is Apply, and tells how far it has come, with each batch of rows.
	Run(ctx context.Context, database secret.Connection, p *plan.Plan, wanted *schema.Schema, tell func(plan.Progress)) error
	// EnsurePartitions makes the history's partitions three months ahead; it says whether it had to.
	EnsurePartitions(ctx context.Context, database secret.Connection) (made bool, err error)
	// EnsureAdministrator gives the tenant its first administrator when nobody can sign
	// in yet: a record of object user and a credential with that hash. It says whether it did.
	EnsureAdministrator(ctx context.Context, database secret.Connection, email, name, passwordHash string) (made bool, err error)
	// HasAdministrator says whether somebody can sign in as administrator.
	HasAdministrator(ctx context.Context, database secret.Connection) (bool, error)
}

// Rollouts runs plans that take long beside the reconciles, one a tenant.
type Rollouts interface {
	// Begin runs a plan of which Schemas.Apply takes long, unless one of the tenant runs already.
	Begin(id Identity, database secret.Connection, p *plan.Plan, wanted *schema.Schema)
	// Look says how the tenant's rollout stands. One that has ended is told once.
	Look(id Identity) Rollout
	// Stop breaks off the tenant's rollout, waits for it and forgets it.
	Stop(id Identity)
	// Notify has f called with each tenant whose rollout has ended, and every few seconds
	// with one whose rollout has come further.
	Notify(f func(Identity))
}

// Rollout is how a rollout stands.
type Rollout struct {
	// Plan is what runs or ran; nil when there is none.
	Plan *plan.Plan
	// Progress is how far it has come while it runs.
	Progress plan.Progress
	// Ended says that it is over; Err is why it failed, or nil.
	Ended bool
	Err   error
}

// Directory is the list of tenants from which the servers learn whom to serve;
// it lies in the system database.
type Directory interface {
	// Lookup is the tenant's entry, or nil.
	Lookup(ctx context.Context, key string) (*Entry, error)
	// Publish writes the entry when it differs, tells the servers, and gives those that
	// live a moment to take it up.
	Publish(ctx context.Context, entry Entry) error
	// Remove takes the tenant out, and tells the servers; an absent one is fine.
	Remove(ctx context.Context, key string) error
	// Acknowledged counts the living servers that loaded that revision of the tenant or a later one.
	Acknowledged(ctx context.Context, key string, revision int64) (int, error)
}

// Entry is one tenant in the directory.
type Entry struct {
	// Key is Identity.Key.
	Key string
	// Hosts are the names under which the tenant is served, sorted.
	Hosts []string
	// Application is how the service reaches the tenant's database; it is sealed where it is stored.
	Application secret.Connection
	// Revision and Format are those of the applied schema.
	Revision int64
	Format   int
}
