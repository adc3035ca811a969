package rest

import (
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/kontor-crm/kontor/internal/fault"
)

const (
	// stall is how long a file, or an export, waits for the client to send or to take something.
	stall = 2 * time.Minute
	// maxDrain is what is still read of a file after its refusal, so that the client hears of it.
	maxDrain     = 64 << 20
	drainTimeout = 10 * time.Second
)

// upload is a call whose body is a file, which takes as long as the client needs.
type upload struct {
	*call
	w       http.ResponseWriter
	control *http.ResponseController
	most    int64
}

// newUpload takes a body of so many bytes at most.
func newUpload(w http.ResponseWriter, c *call, most int64) (*upload, error) {
	u := &upload{call: c, w: w, control: http.NewResponseController(w), most: most}
	// A refusal is written while the client still sends.
	if err := u.control.EnableFullDuplex(); err != nil && c.ProtoMajor == 1 {
		return nil, err
	}
	c.Body = http.MaxBytesReader(w, c.Body, most)
	u.extend()
	return u, nil
}

// extend gives the client more time. A server that has no deadlines needs none.
func (u *upload) extend() {
	deadline := u.options.Clock().Add(stall)
	_ = u.control.SetReadDeadline(deadline)
	_ = u.control.SetWriteDeadline(deadline)
}

// file is a part of the body, or all of it.
func (u *upload) file(part io.Reader) io.Reader { return &uploaded{part: part, upload: u} }

// uploaded gives the client more time with each read, and names what can go wrong.
type uploaded struct {
	part   io.Reader
	upload *upload
}

func (f *uploaded) Read(p []byte) (int, error) {
	f.upload.extend()
	n, err := f.part.Read(p)
	if err == nil || errors.Is(err, io.EOF) {
		return n, err
	}
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return n, fault.Wrap(fault.TooLarge, err, "the file is longer than %d bytes", f.upload.most)
	}
	return n, fault.Wrap(fault.Malformed, err, "the file breaks off")
}

// answer writes the answer, or the problem, and reads on for a while: a client
// that is still sending would else write into nothing and never read it.
func (u *upload) answer(a *answer, err error) error {
	if err == nil {
		deprecate(a.header, u.former)
		a.write(u.w)
		return nil
	}
	fail(u.w, u.Request, err)
	_ = u.control.Flush()
	_ = u.control.SetReadDeadline(u.options.Clock().Add(drainTimeout))
	_, _ = io.CopyN(io.Discard, u.Body, maxDrain)
	return nil
}
