package backup

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"

	"github.com/kontor-crm/kontor/internal/fault"
)

// Place is where one backup lies.
type Place interface {
	// String is how people call it.
	String() string
	// Empty says whether nothing lies there.
	Empty(ctx context.Context) (bool, error)
	// Write makes a file of what is read to its end. A reader that fails leaves no file.
	Write(ctx context.Context, name string, content io.Reader) error
	// Fetch brings a file to this machine, until release is called. A file that is
	// not there is NotFound.
	Fetch(ctx context.Context, name string) (path string, release func(), err error)
}

// measured counts and hashes what is read through it.
type measured struct {
	io.Reader
	hash hash.Hash
	size int64
}

func measure(r io.Reader) *measured { return &measured{Reader: r, hash: sha256.New()} }

func (m *measured) Read(p []byte) (int, error) {
	n, err := m.Reader.Read(p)
	m.hash.Write(p[:n])
	m.size += int64(n)
	return n, err
}

func (m *measured) file() File {
	return File{Size: m.size, SHA256: hex.EncodeToString(m.hash.Sum(nil))}
}

// fetch brings a file here and refuses one that is not what the inventory says.
func fetch(ctx context.Context, place Place, name string, want File) (path string, release func(), err error) {
	path, release, err = place.Fetch(ctx, name)
	if fault.KindOf(err) == fault.NotFound && err != nil {
		return "", nil, fault.New(fault.Invalid, "%s has no %s, which its inventory names", place, name)
	}
	if err != nil {
		return "", nil, err
	}
	if err := check(place, name, path, want); err != nil {
		release()
		return "", nil, err
	}
	return path, release, nil
}

// check reads a file that was fetched to its end.
func check(place Place, name, path string, want File) error {
	content, err := os.Open(path) //nolint:gosec // what the place has fetched
	if err != nil {
		return fmt.Errorf("reading %s of %s: %w", name, place, err)
	}
	found := measure(content)
	_, err = io.Copy(io.Discard, found)
	if err = errors.Join(err, content.Close()); err != nil {
		return fmt.Errorf("reading %s of %s: %w", name, place, err)
	}
	if found.file() != want {
		return fault.New(fault.Invalid, "%s of %s is not what was saved: its size or checksum is another one", name, place)
	}
	return nil
}
