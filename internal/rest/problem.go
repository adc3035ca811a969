package rest

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"

	"github.com/kontor-crm/kontor/internal/auth"
	"github.com/kontor-crm/kontor/internal/fault"
)

// problem is the body of an error, as RFC 9457 has it.
type problem struct {
	Type      string            `json:"type"`
	Title     string            `json:"title"`
	Status    int               `json:"status"`
	Detail    string            `json:"detail,omitempty"`
	Reason    string            `json:"reason,omitempty"`
	RequestID string            `json:"requestId,omitempty"`
	Errors    []fault.Violation `json:"errors,omitempty"`
}

const contentProblem = "application/problem+json"

var statuses = map[fault.Kind]int{
	fault.Malformed: http.StatusBadRequest, fault.Invalid: http.StatusUnprocessableEntity, fault.NotFound: http.StatusNotFound,
	fault.Conflict: http.StatusConflict, fault.Stale: http.StatusPreconditionFailed, fault.Unauthenticated: http.StatusUnauthorized,
	fault.Forbidden: http.StatusForbidden, fault.TooLarge: http.StatusRequestEntityTooLarge, fault.TooMany: http.StatusTooManyRequests,
	fault.Unavailable: http.StatusServiceUnavailable, fault.Waiting: http.StatusServiceUnavailable,
}

// reasonUnsupported is the reason of a Malformed fault that is about the content type.
const reasonUnsupported = "UnsupportedMediaType"

// describe turns an error into a problem. What is ours alone (Internal) shows
// nothing but the number of the request.
func describe(err error, requestID string) problem {
	p := problem{Type: "about:blank", Status: http.StatusInternalServerError, RequestID: requestID}
	f, isFault := errors.AsType[*fault.Error](err)
	if isFault {
		if status, known := statuses[f.Kind]; known {
			p.Status = status
		}
	}
	if fault.ReasonOf(err) == reasonUnsupported {
		p.Status = http.StatusUnsupportedMediaType
	}
	p.Title = http.StatusText(p.Status)
	if p.Status == http.StatusInternalServerError {
		p.Detail = "something went wrong here; the log has it under the number of this request"
		return p
	}
	p.Detail, p.Reason, p.Errors = f.Message, f.Reason, f.Violations
	if p.Detail == "" && len(f.Violations) > 0 {
		p.Detail = f.Violations[0].String()
	}
	return p
}

// fail writes the problem of an error and notes the error for the log.
func fail(w http.ResponseWriter, r *http.Request, err error) {
	noted := notesOf(r.Context())
	noted.failed = err
	p := describe(err, noted.id)
	switch p.Status {
	case http.StatusUnauthorized:
		w.Header().Set("WWW-Authenticate", `Bearer realm="kontor"`)
	case http.StatusTooManyRequests:
		if delay, ok := errors.AsType[auth.DelayError](err); ok {
			w.Header().Set("Retry-After", strconv.Itoa(delay.Seconds()))
		}
	case http.StatusServiceUnavailable:
		w.Header().Set("Retry-After", "1")
	}
	p.write(w)
}

func (p problem) write(w http.ResponseWriter) {
	body, err := json.Marshal(p)
	if err != nil { // texts and numbers alone
		body = []byte(`{"type":"about:blank","title":"Internal Server Error","status":500}`)
	}
	(&answer{status: p.Status, contentType: contentProblem, body: body}).write(w)
}
