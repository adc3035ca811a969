package backup

import (
	"bytes"
	"context"
	"io"
	"time"

	"github.com/kontor-crm/kontor/internal/fault"
	"github.com/kontor-crm/kontor/internal/secret"
)

// View is a tenant's database as it was at one moment. While it is held, nothing
// that it shows goes away; people work on meanwhile.
type View struct {
	// Database is how its administrator reaches it, Role whom he acts as.
	Database secret.Connection
	Role     string
	// Snapshot is PostgreSQL's name of the moment.
	Snapshot string
	// Schemas are those that hold all of a tenant's.
	Schemas []string
	// Passing are the tables whose rows mean nothing later: who is signed in, who serves.
	Passing []string
	// Tenant and Contents say what it is.
	Tenant   Tenant
	Contents Contents
	// Release lets go of it.
	Release func()
}

// Holder holds a tenant's database still. The connection is an administrator's.
type Holder interface {
	Hold(ctx context.Context, database secret.Connection) (*View, error)
}

// Take saves a tenant's database, and its configuration where there is some, to an
// empty place.
func Take(ctx context.Context, place Place, holder Holder, database secret.Connection, programs Programs, configuration []byte, now time.Time) (*Inventory, error) {
	empty, err := place.Empty(ctx)
	if err != nil {
		return nil, err
	}
	if !empty {
		return nil, fault.New(fault.Conflict, "there is something in %s already; what an earlier backup that was broken off left has no %s and can be removed", place, InventoryFile)
	}
	view, err := holder.Hold(ctx, database)
	if err != nil {
		return nil, err
	}
	defer view.Release()
	inventory := &Inventory{Format: Format, TakenAt: now.UTC(), Tenant: view.Tenant, Contents: view.Contents, Files: map[string]File{}}
	write := func(name string, content io.Reader) error {
		found := measure(content)
		if err := place.Write(ctx, name, found); err != nil {
			return err
		}
		inventory.Files[name] = found.file()
		return nil
	}
	if len(configuration) > 0 {
		if err := write(ConfigurationFile, bytes.NewReader(configuration)); err != nil {
			return nil, err
		}
	}
	if err := writeDump(ctx, view, programs, func(dump io.Reader) error { return write(DumpFile, dump) }); err != nil {
		return nil, err
	}
	text, err := inventory.text()
	if err != nil {
		return nil, err
	}
	return inventory, place.Write(ctx, InventoryFile, bytes.NewReader(text))
}

// writeDump writes a dump, and leaves no file of one that is not whole.
func writeDump(ctx context.Context, view *View, programs Programs, write func(io.Reader) error) error {
	reader, writer := io.Pipe()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		writer.CloseWithError(programs.dump(ctx, view, writer))
	}()
	err := write(reader)
	_ = reader.Close() // a program that still writes hears that nobody reads
	<-ended
	return err
}
