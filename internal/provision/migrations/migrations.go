// Package migrations holds the platform's own tables, as goose reads them. Within
// a minor version they only grow, so that a server of the version before goes on.
package migrations

import (
	"embed"
	"io/fs"
)

//go:embed tenant/*.sql system/*.sql
var files embed.FS

// Tenant are the tables of schema kontor in each tenant's database.
func Tenant() (fs.FS, error) { return fs.Sub(files, "tenant") }

// System are the tables of the system database.
func System() (fs.FS, error) { return fs.Sub(files, "system") }
