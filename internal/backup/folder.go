package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/kontor-crm/kontor/internal/fault"
)

// Folder is a folder that holds one backup.
type Folder struct{ path string }

var _ Place = Folder{}

// NewFolder is the folder of that path, which is made when it is written to.
func NewFolder(path string) Folder { return Folder{path: path} }

func (f Folder) String() string { return f.path }

// Empty says whether nothing lies in the folder, or it is not there.
func (f Folder) Empty(context.Context) (bool, error) {
	entries, err := os.ReadDir(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("looking into %s: %w", f, err)
	}
	return len(entries) == 0, nil
}

// Write makes a file under another name, and gives it its own when all of it is on the disk.
func (f Folder) Write(_ context.Context, name string, content io.Reader) error {
	if err := os.MkdirAll(f.path, 0o700); err != nil {
		return fmt.Errorf("making %s: %w", f, err)
	}
	unfinished, err := os.CreateTemp(f.path, name+".*.part")
	if err != nil {
		return fmt.Errorf("writing %s in %s: %w", name, f, err)
	}
	_, err = io.Copy(unfinished, content)
	if err == nil {
		err = unfinished.Sync()
	}
	err = errors.Join(err, unfinished.Close())
	if err == nil {
		err = os.Rename(unfinished.Name(), filepath.Join(f.path, name))
	}
	if err != nil {
		return errors.Join(fmt.Errorf("writing %s in %s: %w", name, f, err), os.Remove(unfinished.Name()))
	}
	return f.sync()
}

// sync makes the new name survive a power cut.
func (f Folder) sync() error {
	folder, err := os.Open(f.path)
	if err != nil {
		return fmt.Errorf("opening %s: %w", f, err)
	}
	if err := errors.Join(folder.Sync(), folder.Close()); err != nil {
		return fmt.Errorf("writing %s: %w", f, err)
	}
	return nil
}

// Fetch names the file where it lies.
func (f Folder) Fetch(_ context.Context, name string) (string, func(), error) {
	path := filepath.Join(f.path, name)
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && !info.Mode().IsRegular() {
		return "", nil, fault.New(fault.NotFound, "%s has no %s", f, name)
	}
	if err != nil {
		return "", nil, fmt.Errorf("looking for %s in %s: %w", name, f, err)
	}
	return path, func() {}, nil
}
