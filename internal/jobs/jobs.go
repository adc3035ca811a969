// Package jobs does the background work of tenants. Each tenant's jobs lie in its
// own database, where a worker claims one for a while; the system database says
// which tenants have any. What a job has done and where it goes on are committed
// together, so that another worker can go on after any crash.
package jobs

import (
	"context"
	"log/slog"
	"time"

	"github.com/kontor-crm/kontor/internal/crm"
	"github.com/kontor-crm/kontor/internal/schema"
	"github.com/kontor-crm/kontor/internal/tenancy"
)

// Visit is a tenant that a worker has to look at.
type Visit struct {
	// Key is the tenant's, "namespace/name".
	Key string
	// Due is what the calendar knows the visit by.
	Due time.Time
}

// Calendar says which tenants to look at, and when. All workers share it.
type Calendar interface {
	// Due takes some tenants that are due; they come up again after a little while
	// unless Visited says otherwise.
	Due(ctx context.Context, most int) ([]Visit, error)
	// Visited says when the tenant is due next, unless somebody has left work there since Due.
	Visited(ctx context.Context, visit Visit, next time.Duration) error
	// Wake says that there is work at the tenant, and tells all workers.
	Wake(ctx context.Context, key string) error
	// Woken is told when somebody has left work.
	Woken() <-chan struct{}
}

// Database is what a worker needs of a tenant's database.
type Database interface {
	tenancy.Database
	crm.Runner
	// Principal is the one of a user who may sign in; false when there is none.
	Principal(ctx context.Context, userID string) (schema.Principal, bool, error)
}

// Tenants open the tenant of a key; the caller says when it is done with it.
type Tenants[D Database] interface {
	AcquireKey(ctx context.Context, key string) (tenant *tenancy.Tenant[D], done func(), err error)
}

// Kind does the jobs of one kind. It returns nil when all is done; an error of
// the model ends the job, any other lets it be tried again. Kinds check
// Run.Stopping after each step.
type Kind func(ctx context.Context, run *Run) error

// Options are what a worker stands on. All are needed but those that say otherwise.
type Options[D Database] struct {
	Calendar Calendar
	Tenants  Tenants[D]
	// Kinds do the work, by the job's kind.
	Kinds map[string]Kind
	Clock func() time.Time
	// NewID makes the id of a record, and of a claim.
	NewID func() (string, error)
	Log   *slog.Logger
	// Concurrency is how many tenants are looked at side by side; 0 is 4.
	Concurrency int
	// Lease is how long a worker that is not heard of keeps a job; 0 is 30 seconds.
	Lease time.Duration
	// Poll is how often the calendar is asked though nobody said anything; 0 is 10 seconds.
	Poll time.Duration
}

// The defaults of Options.
const (
	defaultConcurrency = 4
	defaultLease       = 30 * time.Second
	defaultPoll        = 10 * time.Second
)

const (
	// sweep is how long a tenant without work is left alone. Its housekeeping is done then,
	// and work is found of which the calendar never heard.
	sweep = time.Hour
	// keepJobs is how long an ended job can be looked at, and undone.
	keepJobs = 30 * 24 * time.Hour
	// maxAttempts ends a job that does not get on.
	maxAttempts = 5
	// patience ends a job that began so long ago and waits for what is away.
	patience = 24 * time.Hour
	// waitAfter is the wait for what is away.
	waitAfter = 5 * time.Second
	// retryAfter is the wait before a job is tried again, for each attempt.
	retryAfter = 2 * time.Second
)
