package rest

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"time"

	"github.com/kontor-crm/kontor/internal/crm"
	"github.com/kontor-crm/kontor/internal/fault"
	"github.com/kontor-crm/kontor/internal/tenancy"
)

// The bounds of an import.
const (
	maxImport  = 1 << 30
	maxMapping = 1 << 20
	// stall is how long an import waits for the client to send or to take something.
	stall = 2 * time.Minute
	// maxDrain is what is still read of a file after the import has failed, so that
	// the client hears of it.
	maxDrain     = 64 << 20
	drainTimeout = 10 * time.Second
)

const channelImport = "import"

// importEvent is one line of an import's answer.
type importEvent struct {
	Progress *crm.Report     `json:"progress,omitempty"`
	Failed   *crm.FailedLine `json:"failed,omitempty"`
	Report   *crm.Report     `json:"report,omitempty"`
	Error    *problem        `json:"error,omitempty"`
}

// importRecords reads a form of two parts, "mapping" and "file", and answers with
// a line of JSON for each event while it reads. What is wrong before the first
// record is written is a problem with its status; later the status is long sent,
// and the last line says it.
func importRecords(ctx context.Context, w http.ResponseWriter, c *call) error {
	stream := &importStream{w: w, control: http.NewResponseController(w), call: c}
	if err := stream.control.EnableFullDuplex(); err != nil && c.ProtoMajor == 1 {
		return err
	}
	stream.extend()
	mapping, file, err := stream.open()
	if err != nil {
		return stream.end(ctx, crm.Report{}, err)
	}
	report, err := crm.Import(ctx, crm.ImportRequest{
		Object: c.PathValue("object"), Mapping: mapping, File: file,
		With: func(ctx context.Context, f func(context.Context, *crm.Records) error) error {
			return c.tenant.Do(ctx, func(ctx context.Context, model *tenancy.Model) error {
				if err := c.tenant.Writable(); err != nil {
					return err
				}
				return f(ctx, c.records(model, channelImport))
			})
		},
		Failed:   func(line crm.FailedLine) error { return stream.send(importEvent{Failed: &line}) },
		Progress: func(r crm.Report) error { return stream.send(importEvent{Progress: &r}) },
	})
	return stream.end(ctx, report, err)
}

// importStream reads the form and writes the events.
type importStream struct {
	w       http.ResponseWriter
	control *http.ResponseController
	call    *call
	begun   bool
}

// extend gives the client more time. A server that has no deadlines needs none.
func (s *importStream) extend() {
	deadline := s.call.options.Clock().Add(stall)
	_ = s.control.SetReadDeadline(deadline)
	_ = s.control.SetWriteDeadline(deadline)
}

// open reads the mapping and leads to the file.
func (s *importStream) open() (*crm.Mapping, io.Reader, error) {
	if err := checkContentType(s.call.Request, "multipart/form-data"); err != nil {
		return nil, nil, err
	}
	s.call.Body = http.MaxBytesReader(s.w, s.call.Body, maxImport)
	form, err := s.call.MultipartReader()
	if err != nil {
		return nil, nil, fault.Wrap(fault.Malformed, err, "the form cannot be read")
	}
	part, err := nextPart(form, "mapping")
	if err != nil {
		return nil, nil, err
	}
	text, err := io.ReadAll(io.LimitReader(part, maxMapping+1))
	if err != nil {
		return nil, nil, fault.Wrap(fault.Malformed, err, "the mapping cannot be read")
	}
	if len(text) > maxMapping {
		return nil, nil, fault.New(fault.TooLarge, "the mapping is longer than %d bytes", maxMapping)
	}
	mapping, err := crm.ParseMapping(text)
	if err != nil {
		return nil, nil, err
	}
	if part, err = nextPart(form, "file"); err != nil {
		return nil, nil, err
	}
	return mapping, &formFile{part: part, stream: s}, nil
}

func nextPart(form *multipart.Reader, name string) (*multipart.Part, error) {
	part, err := form.NextPart()
	if errors.Is(err, io.EOF) || err == nil && part.FormName() != name {
		return nil, fault.New(fault.Malformed, "the form needs the parts mapping and file, in this order; %s is missing", name)
	}
	if err != nil {
		return nil, fault.Wrap(fault.Malformed, err, "the form cannot be read")
	}
	return part, nil
}

// formFile gives the client more time with each read, and names what can go wrong.
type formFile struct {
	part   io.Reader
	stream *importStream
}

func (f *formFile) Read(p []byte) (int, error) {
	f.stream.extend()
	n, err := f.part.Read(p)
	if err == nil || errors.Is(err, io.EOF) {
		return n, err
	}
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return n, fault.Wrap(fault.TooLarge, err, "the file is longer than %d bytes", maxImport)
	}
	return n, fault.Wrap(fault.Malformed, err, "the file breaks off")
}

// send writes one event.
func (s *importStream) send(event importEvent) error {
	encoded, err := json.Marshal(event)
	if err != nil {
		return err
	}
	if !s.begun {
		s.begun = true
		s.w.Header().Set("Content-Type", "application/x-ndjson")
		s.w.WriteHeader(http.StatusOK)
	}
	s.extend()
	if _, err := s.w.Write(append(encoded, '\n')); err != nil {
		return fault.Wrap(fault.Unavailable, err, "the client is gone")
	}
	return s.control.Flush()
}

// end writes the last event, or the problem when nothing was written yet.
func (s *importStream) end(ctx context.Context, report crm.Report, err error) error {
	if err == nil {
		return s.send(importEvent{Report: &report})
	}
	if !s.begun {
		fail(s.w, s.call.Request, err)
	} else {
		notesOf(ctx).failed = err
		p := describe(err, s.call.id)
		_ = s.send(importEvent{Error: &p}) // if the client is gone there is nobody to tell
	}
	_ = s.control.Flush()
	_ = s.control.SetReadDeadline(s.call.options.Clock().Add(drainTimeout))
	_, _ = io.CopyN(io.Discard, s.call.Body, maxDrain) // so that the client reads the answer before it writes into nothing
	return nil
}
