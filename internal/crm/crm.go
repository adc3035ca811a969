// Package crm is what a user does in a tenant's CRM: read, create, change, move
// and delete records, and import many. Every write passes one function, which
// also writes the history and the outbox. It asks for a Runner and knows no
// database.
package crm

import (
	"context"
	"slices"
	"time"

	"github.com/kontor-crm/kontor/internal/fault"
	"github.com/kontor-crm/kontor/internal/query"
	"github.com/kontor-crm/kontor/internal/schema"
)

// Runner runs statements in a tenant's database. A row and its values are valid
// only until the function that gets them returns; a null value is nil.
type Runner interface {
	// Query runs one statement outside of a transaction.
	Query(ctx context.Context, statement query.Statement, each func(row [][]byte) error) error
	// InTransaction runs f in a transaction, which is committed when f returns nil.
	InTransaction(ctx context.Context, f func(ctx context.Context, tx Tx) error) error
}

// Tx is a transaction. When a statement fails, nothing more can be done in it
// but to go back to a savepoint.
type Tx interface {
	// Query runs one statement.
	Query(ctx context.Context, statement query.Statement, each func(row [][]byte) error) error
	// Batch runs statements in order and in one round trip; it ends at the first
	// that fails. each gets the number of the statement.
	Batch(ctx context.Context, statements []query.Statement, each func(statement int, row [][]byte) error) error
	// Copy puts the rows into their table, all of them or none.
	Copy(ctx context.Context, rows query.Copy) error
	// Savepoint runs f; when f fails, what it did is undone and the transaction goes on.
	Savepoint(ctx context.Context, f func(ctx context.Context) error) error
}

// Actor is who acts, and the way the wish came.
type Actor struct {
	Principal schema.Principal
	// Channel is "api", "import", …, for the history.
	Channel string
	// RequestID is that of the request, or empty.
	RequestID string
	// Languages are those in which messages of the model are wanted, the best first;
	// nil is the organisation's.
	Languages []string
}

// Access is what the actor may see and do.
func (a Actor) Access() query.Access {
	if a.Principal.Administrator {
		return query.Everything()
	}
	return query.Access{}
}

// Records are the records of one tenant, as one actor may use them.
type Records struct {
	// Compiler is that of the tenant's schema.
	Compiler *query.Compiler
	Runner   Runner
	Actor    Actor
	// Clock tells the time of a write, NewID makes the id of a record.
	Clock func() time.Time
	NewID func() (string, error)
	// Former takes note of the former names that the actor uses and is shown; nil takes none.
	Former *schema.Deprecation
}

// access is what the actor may see and do, with who asks and when.
func (r *Records) access() query.Access {
	return r.Actor.Access().Asking(r.Actor.Principal.UserID, r.now()).Noting(r.Former)
}

// Record is one record as JSON.
type Record struct {
	ID      string
	Version int64
	// JSON is the object with its fields.
	JSON []byte
	// Moves says that what is shown may change without a new version: it is computed,
	// from other records or the time.
	Moves bool
}

// Match is the versions that a write is meant for; nil is any.
type Match []int64

// check refuses a write that is meant for another version.
func (m Match) check(version int64) error {
	if m == nil || slices.Contains(m, version) {
		return nil
	}
	return fault.New(fault.Stale, "the record has changed: its version is %d", version)
}
