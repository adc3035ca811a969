package crm

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/kontor-crm/kontor/internal/fault"
	"github.com/kontor-crm/kontor/internal/query"
)

const (
	// pieceBytes is how many bytes of a file are in memory at once.
	pieceBytes = 256 << 10
	// keepUpload is how long a file stays to which nothing refers.
	keepUpload = 24 * time.Hour
	// maxFileName is the longest name of a file, in characters.
	maxFileName = 200
	// sniffed is how many bytes tell the type of a file.
	sniffed = 512
)

// File is a file in a tenant's database, without its bytes.
type File struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	MediaType string    `json:"media_type"`
	Size      int64     `json:"size"`
	SHA256    string    `json:"sha256"`
	CreatedAt time.Time `json:"created_at"`
	CreatedBy string    `json:"created_by"`
}

// Files are a tenant's files, as one actor may see them: an administrator all,
// everybody else their own.
type Files struct {
	Runner Runner
	Actor  Actor
	Clock  func() time.Time
	NewID  func() (string, error)
}

// Put writes a file from what the reader gives, a piece at a time. Its type is
// told from its bytes, whatever anybody says. When the reading fails nothing is
// left. After a day the file goes unless something refers to it.
func (f *Files) Put(ctx context.Context, name string, content io.Reader, most int64) (*File, error) {
	id, err := f.NewID()
	if err != nil {
		return nil, fmt.Errorf("making an id: %w", err)
	}
	written, err := f.write(ctx, id, name, content, most)
	if err != nil {
		// Who sends the file may be gone, and the context with it.
		clearing, cancel := context.WithTimeout(context.WithoutCancel(ctx), clearTimeout)
		defer cancel()
		return nil, errors.Join(err, f.Runner.Query(clearing, query.DeleteFile(id), nothing))
	}
	return written, nil
}

// clearTimeout bounds the removal of what was written of a file that breaks off.
const clearTimeout = 10 * time.Second

func nothing([][]byte) error { return nil }

func (f *Files) write(ctx context.Context, id, name string, content io.Reader, most int64) (*File, error) {
	piece, sum, size := make([]byte, pieceBytes), sha256.New(), int64(0)
	for last := false; !last; {
		n, err := fill(content, piece)
		last = errors.Is(err, io.EOF)
		if err != nil && !last {
			return nil, err
		}
		if size == 0 {
			mediaType := http.DetectContentType(piece[:min(n, sniffed)])
			err := f.Runner.Query(ctx, query.InsertFile(id, fileName(name), mediaType, f.Actor.Principal.UserID, f.Clock(), keepUpload), nothing)
			if err != nil {
				return nil, fmt.Errorf("beginning a file: %w", err)
			}
		}
		if size += int64(n); size > most {
			return nil, fault.New(fault.TooLarge, "the file is longer than %d bytes", most)
		}
		if n == 0 {
			break
		}
		sum.Write(piece[:n])
		if err := f.Runner.Query(ctx, query.AppendFile(id, piece[:n]), nothing); err != nil {
			return nil, fmt.Errorf("writing a file: %w", err)
		}
	}
	return f.one(ctx, query.CloseFile(id, hex.EncodeToString(sum.Sum(nil))))
}

// fill is io.ReadFull, but for the end: a file that breaks off is not one that ends.
func fill(r io.Reader, p []byte) (n int, err error) {
	for n < len(p) && err == nil {
		var read int
		read, err = r.Read(p[n:])
		n += read
	}
	return n, err
}

// Remove removes a file that nothing refers to.
func (f *Files) Remove(ctx context.Context, file *File) error {
	if err := f.Runner.Query(ctx, query.DeleteFile(file.ID), nothing); err != nil {
		return fmt.Errorf("removing a file: %w", err)
	}
	return nil
}

// Get is one file; without it, or when it is somebody else's, the fault is NotFound.
func (f *Files) Get(ctx context.Context, id string) (*File, error) {
	if _, err := uuid.Parse(id); err != nil || len(id) != len(uuid.Nil.String()) {
		return nil, noFile(id)
	}
	owner := f.Actor.Principal.UserID
	if f.Actor.Principal.Administrator {
		owner = ""
	}
	file, err := f.read(ctx, id, owner)
	if err == nil && file.SHA256 == "" {
		return nil, noFile(id)
	}
	return file, err
}

// Written is the file that a job has written, whoever's it is: who may see the job may see it.
func (f *Files) Written(ctx context.Context, id string) (*File, error) { return f.read(ctx, id, "") }

func (f *Files) read(ctx context.Context, id, owner string) (*File, error) {
	file, err := f.one(ctx, query.File(id, owner))
	if err != nil {
		return nil, fmt.Errorf("reading a file: %w", err)
	}
	if file == nil {
		return nil, noFile(id)
	}
	return file, nil
}

func noFile(id string) error {
	return fault.New(fault.NotFound, "there is no file with the id %s", strconv.Quote(shortened(strings.ToValidUTF8(id, "\ufffd"))))
}

func (f *Files) one(ctx context.Context, statement query.Statement) (*File, error) {
	var file *File
	err := f.Runner.Query(ctx, statement, func(row [][]byte) error {
		file = &File{}
		return json.Unmarshal(row[0], file)
	})
	return file, err
}

// fileName is a name without folders, without what a terminal or a header would
// take for something else, and no longer than a person reads.
func fileName(name string) string {
	name = path.Base(strings.ReplaceAll(strings.ToValidUTF8(name, ""), `\`, "/"))
	name = strings.Map(func(c rune) rune {
		if !unicode.IsPrint(c) || unicode.Is(unicode.Bidi_Control, c) {
			return -1
		}
		return c
	}, name)
	name = strings.Trim(name, " .")
	if utf8.RuneCountInString(name) > maxFileName {
		extension := []rune(path.Ext(name))
		rest := []rune(name)
		if len(extension) > maxFileName/2 {
			extension = nil
		}
		name = string(rest[:maxFileName-len(extension)]) + string(extension)
	}
	if name == "" || name == "/" {
		return "file"
	}
	return name
}

// Content reads the bytes of a file from a place on, a piece at a time.
func Content(ctx context.Context, runner Runner, id string, from int64) io.Reader {
	return &fileReader{next: chunks(ctx, runner, id), at: from}
}

// chunks gives the piece of a file that holds the byte at a place.
func chunks(ctx context.Context, runner Runner, id string) func(at int64) (place int64, piece []byte, err error) {
	return func(at int64) (place int64, piece []byte, err error) {
		err = runner.Query(ctx, query.FileChunk(id, at), func(row [][]byte) error {
			var err error
			if place, err = strconv.ParseInt(string(row[0]), 10, 64); err != nil {
				return err
			}
			piece, err = hex.DecodeString(strings.TrimPrefix(string(row[1]), `\x`))
			return err
		})
		return place, piece, err
	}
}

// fileReader reads a file that lies in pieces.
type fileReader struct {
	next  func(at int64) (place int64, piece []byte, err error)
	at    int64
	piece []byte
}

func (r *fileReader) Read(p []byte) (int, error) {
	if len(r.piece) == 0 {
		place, piece, err := r.next(r.at)
		if err != nil {
			return 0, fmt.Errorf("reading a file: %w", err)
		}
		if r.at >= place+int64(len(piece)) {
			return 0, io.EOF
		}
		r.piece = piece[r.at-place:]
	}
	n := copy(p, r.piece)
	r.piece, r.at = r.piece[n:], r.at+int64(n)
	return n, nil
}
