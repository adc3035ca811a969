package query

import (
	"encoding/json"
	"time"

	"github.com/kontor-crm/kontor/internal/schema"
)

// Operation is what was done to a record.
type Operation string

// The operations.
const (
	OperationCreate Operation = "create"
	OperationUpdate Operation = "update"
	OperationMove   Operation = "move"
	OperationDelete Operation = "delete"
)

// Change is what history and outbox keep of one write.
type Change struct {
	At        time.Time
	Object    *schema.Object
	ID        string
	Version   int64
	Operation Operation
	// Actor is the id of the user who did it, or empty.
	Actor string
	// Channel is the way it came: "api", "import", …
	Channel string
	// RequestID is that of the request, or empty.
	RequestID string
	// Changes are the old and new values in JSON, or nil.
	Changes json.RawMessage
}

// History writes changes into the history, in one statement. It returns no rows.
func (c *Compiler) History(changes ...Change) Statement { return Statement{} }

// Outbox writes changes into the outbox, in one statement. It returns no rows.
func (c *Compiler) Outbox(changes ...Change) Statement { return Statement{} }
