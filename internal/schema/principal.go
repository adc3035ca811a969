package schema

// Principal is who asks: a signed-in user of a tenant. The zero value is nobody
// and may do nothing.
type Principal struct {
	// UserID is the id of the record of object "user".
	UserID string
	// Name and Email are the user's, for display.
	Name, Email string
	// Administrator may do everything in the tenant.
	Administrator bool
}
