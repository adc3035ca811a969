// Package backup saves a tenant's database, with its configuration, to a place
// outside the platform, and brings it back into a database of its own.
package backup

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/kontor-crm/kontor/internal/fault"
)

// The files of a backup.
const (
	// InventoryFile says what the backup holds. It is written last: without it a
	// backup is not whole.
	InventoryFile = "backup.json"
	// DumpFile is the database, in the custom format of pg_dump.
	DumpFile = "database.dump"
	// ConfigurationFile is the configuration as YAML; a backup that was taken
	// without a cluster has none.
	ConfigurationFile = "configuration.yaml"
)

// Format is the version of the form of backups; an older program reads no newer one.
const Format = 1

// Inventory says what a backup holds.
type Inventory struct {
	// Format is the version of this form.
	Format int `json:"format"`
	// TakenAt is the moment that the dump shows.
	TakenAt time.Time `json:"takenAt"`
	// Tenant says whose it is.
	Tenant Tenant `json:"tenant"`
	// Contents is what the database held at that moment.
	Contents Contents `json:"contents"`
	// Files are the others of the backup, by name.
	Files map[string]File `json:"files"`
}

// Tenant says whose a backup is.
type Tenant struct {
	Installation string `json:"installation"`
	Namespace    string `json:"namespace"`
	Name         string `json:"name"`
}

// Contents is what a tenant's database holds.
type Contents struct {
	// PostgreSQL is the number of the server's version: 150018.
	PostgreSQL int `json:"postgresql"`
	// Platform is the number of the newest migration of the platform's tables.
	Platform int64 `json:"platform"`
	// Revision and Digest are those of the applied schema, zero before the first.
	Revision int64  `json:"revision"`
	Digest   string `json:"digest"`
	// SchemaFormat is the version of the form in which the schema is kept.
	SchemaFormat int `json:"schemaFormat"`
	// Rows counts the rows of the tables that were saved, by name.
	Rows map[string]int64 `json:"rows"`
}

// File is what a file must be.
type File struct {
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

// readInventory reads an inventory, and refuses one that this program is too old for.
func readInventory(text []byte) (*Inventory, error) {
	var inventory Inventory
	if err := json.Unmarshal(text, &inventory); err != nil {
		return nil, fault.New(fault.Invalid, "%s cannot be read: it is damaged, or not of a backup", InventoryFile)
	}
	if inventory.Format < 1 || inventory.Format > Format {
		return nil, fault.New(fault.Invalid, "the backup has the format %d, and this program reads up to %d: take a newer one", inventory.Format, Format)
	}
	if _, ok := inventory.Files[DumpFile]; !ok {
		return nil, fault.New(fault.Invalid, "%s names no %s", InventoryFile, DumpFile)
	}
	return &inventory, nil
}

func (i *Inventory) text() ([]byte, error) {
	text, err := json.MarshalIndent(i, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("writing %s: %w", InventoryFile, err)
	}
	return append(text, '\n'), nil
}

// Total is the number of all rows.
func (c *Contents) Total() int64 {
	var total int64
	for _, rows := range c.Rows {
		total += rows
	}
	return total
}

// Size is that of all files, in bytes.
func (i *Inventory) Size() int64 {
	var size int64
	for _, file := range i.Files {
		size += file.Size
	}
	return size
}
