package backup

import (
	"context"
	"fmt"
	"os"

	"github.com/kontor-crm/kontor/controllers/tenant"
	"github.com/kontor-crm/kontor/internal/fault"
	"github.com/kontor-crm/kontor/internal/secret"
)

// Target is an empty database that waits to be filled. Nobody looks for it under
// the name that it has until it is finished.
type Target struct {
	// Database is how its administrator reaches it, Role who is to own what is in it.
	Database secret.Connection
	Role     string
	// Finish checks that it holds what it should, and makes it the tenant's: retained,
	// as if an earlier Tenant had left it. It says under which name one that was in
	// its place stays, "" if none was.
	Finish func(ctx context.Context, contents Contents) (aside string, err error)
	// Release removes it, if it was not finished.
	Release func()
}

// Builder makes room for a tenant's database on a server. The connection is an
// administrator's, to the maintenance database.
type Builder interface {
	// Prepare makes an empty database for the tenant. One that a tenant has is never
	// touched; one that an earlier Tenant left stops it, unless it is to be replaced.
	Prepare(ctx context.Context, server secret.Connection, id tenant.Identity, replace bool) (*Target, error)
	// Newest are the newest forms of what a database holds that the program knows.
	Newest() (platform int64, schemaFormat int, err error)
}

// Restoration says how a backup is brought back.
type Restoration struct {
	// Server is the administrator's connection to the maintenance database.
	Server secret.Connection
	// Identity is the tenant that gets the database.
	Identity tenant.Identity
	// Replace moves a database aside that an earlier Tenant left.
	Replace bool
	// Jobs is how many connections fill the database at the same time.
	Jobs int
}

// Read reads what a backup holds. One that was broken off is none.
func Read(ctx context.Context, place Place) (*Inventory, error) {
	path, release, err := place.Fetch(ctx, InventoryFile)
	if err != nil && fault.KindOf(err) == fault.NotFound {
		return nil, fault.New(fault.NotFound, "there is no whole backup in %s: it has no %s", place, InventoryFile)
	}
	if err != nil {
		return nil, err
	}
	defer release()
	text, err := os.ReadFile(path) //nolint:gosec // what the place has fetched
	if err != nil {
		return nil, fmt.Errorf("reading %s of %s: %w", InventoryFile, place, err)
	}
	return readInventory(text)
}

// Restore makes a database of a backup, and returns the name of the one that it moved aside, if any.
// All of the backup is checked before anything is made.
func Restore(ctx context.Context, place Place, inventory *Inventory, builder Builder, programs Programs, how Restoration) (aside string, err error) {
	platform, format, err := builder.Newest()
	if err != nil {
		return "", err
	}
	if inventory.Contents.Platform > platform || inventory.Contents.SchemaFormat > format {
		return "", fault.New(fault.Invalid, "the backup is of a newer release than this program: take that one")
	}
	for name, want := range inventory.Files {
		switch name {
		case DumpFile:
		case ConfigurationFile:
			_, release, err := fetch(ctx, place, name, want)
			if err != nil {
				return "", err
			}
			release()
		default:
			return "", fault.New(fault.Invalid, "%s names a file %q that no backup has", InventoryFile, name)
		}
	}
	dump, release, err := fetch(ctx, place, DumpFile, inventory.Files[DumpFile])
	if err != nil {
		return "", err
	}
	defer release()
	target, err := builder.Prepare(ctx, how.Server, how.Identity, how.Replace)
	if err != nil {
		return "", err
	}
	defer target.Release()
	if err := programs.restore(ctx, target, dump, max(how.Jobs, 1)); err != nil {
		return "", err
	}
	return target.Finish(ctx, inventory.Contents)
}
