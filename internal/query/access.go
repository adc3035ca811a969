package query

// Access is what the asker may see and do. Every statement needs one; its zero
// value denies everything.
type Access struct {
	everything bool
}

// Everything is the access of a tenant's administrator.
func Everything() Access { return Access{everything: true} }
