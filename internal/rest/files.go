package rest

import (
	"context"
	"encoding/json"
	"io"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/kontor-crm/kontor/internal/crm"
)

// maxFile is the longest file that can be uploaded, but for imports.
const maxFile = 64 << 20

// fileAnswer is a file as the API tells it.
type fileAnswer struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	MediaType string    `json:"mediaType"`
	Size      int64     `json:"size"`
	SHA256    string    `json:"sha256"`
	CreatedAt time.Time `json:"createdAt"`
}

// files are the tenant's files, as the caller may see them.
func (c *call) files() *crm.Files {
	return &crm.Files{Runner: c.runner, Actor: crm.Actor{Principal: c.principal}, Clock: c.options.Clock, NewID: c.options.NewID}
}

// uploadFile takes a file: the body is its bytes, the parameter "name" its name.
func uploadFile(ctx context.Context, w http.ResponseWriter, c *call) error {
	u, err := newUpload(w, c, maxFile)
	if err != nil {
		return err
	}
	return u.answer(takeFile(ctx, u))
}

func takeFile(ctx context.Context, u *upload) (*answer, error) {
	given, err := u.parameters("name")
	if err != nil {
		return nil, err
	}
	file, err := u.files().Put(ctx, given["name"], u.file(u.Body), maxFile)
	if err != nil {
		return nil, err
	}
	encoded, err := json.Marshal(fileAnswer{
		ID: file.ID, Name: file.Name, MediaType: file.MediaType, Size: file.Size, SHA256: file.SHA256, CreatedAt: file.CreatedAt.UTC(),
	})
	if err != nil {
		return nil, err
	}
	a := ok(encoded)
	a.status = http.StatusCreated
	a.header.Set("Location", "/api/v1/files/"+file.ID)
	return a, nil
}

// downloadFile answers the bytes of a file.
func downloadFile(ctx context.Context, w http.ResponseWriter, c *call) error {
	file, err := c.files().Get(ctx, c.PathValue("id"))
	if err != nil {
		return err
	}
	return c.sendFile(ctx, w, file)
}

// harmless are the types that a browser shows and never runs. All others are
// given out as bytes: a page that somebody uploaded must not act as ours.
var harmless = []string{
	"image/png", "image/jpeg", "image/gif", "image/webp", "text/plain; charset=utf-8", "text/csv; charset=utf-8", "application/pdf",
}

// sendFile streams a file. When the database fails in the middle the connection
// ends, so that nobody takes a part for the whole.
func (c *call) sendFile(ctx context.Context, w http.ResponseWriter, file *crm.File) error {
	mediaType := "application/octet-stream"
	if slices.Contains(harmless, file.MediaType) {
		mediaType = file.MediaType
	}
	header := w.Header()
	header.Set("Content-Type", mediaType)
	header.Set("Content-Length", strconv.FormatInt(file.Size, 10))
	header.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": file.Name}))
	if file.SHA256 != "" {
		header.Set("ETag", `"`+file.SHA256+`"`)
		header.Set("Cache-Control", "private, no-cache")
		if c.Header.Get("If-None-Match") == `"`+file.SHA256+`"` {
			header.Del("Content-Length")
			w.WriteHeader(http.StatusNotModified)
			return nil
		}
	}
	control := http.NewResponseController(w)
	w.WriteHeader(http.StatusOK)
	_, err := io.Copy(&patient{w: w, control: control, clock: c.options.Clock}, crm.Content(ctx, c.runner, file.ID, 0))
	if err != nil {
		notesOf(ctx).failed = err
		panic(http.ErrAbortHandler)
	}
	return nil
}

// patient gives the client more time with each write. The time to read counts too:
// the server takes its end for that of the client.
type patient struct {
	w       io.Writer
	control *http.ResponseController
	clock   func() time.Time
}

func (p *patient) Write(b []byte) (int, error) {
	p.extend()
	return p.w.Write(b)
}

// extend gives the client more time. A server that has no deadlines needs none.
func (p *patient) extend() {
	deadline := p.clock().Add(stall)
	_ = p.control.SetReadDeadline(deadline)
	_ = p.control.SetWriteDeadline(deadline)
}
