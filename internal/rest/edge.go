package rest

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"net/netip"
	"regexp"
	"runtime/debug"
	"strings"
	"time"

	"github.com/kontor-crm/kontor/internal/fault"
)

// notes are what the rooms inside tell the edge about a request.
type notes struct {
	id     string
	tenant string
	failed error
	// aborted says that the answer broke off, so that its status says nothing.
	aborted bool
}

type notesKey struct{}

// notesOf are the request's; outside of the edge they are thrown away.
func notesOf(ctx context.Context) *notes {
	if n, ok := ctx.Value(notesKey{}).(*notes); ok {
		return n
	}
	return &notes{}
}

// recorder remembers what was answered.
type recorder struct {
	http.ResponseWriter
	status int
	bytes  int64
}

func (r *recorder) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(p []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	n, err := r.ResponseWriter.Write(p)
	r.bytes += int64(n)
	return n, err
}

// Unwrap lets http.ResponseController reach the connection.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// requestID is what a caller may choose as the number of a request.
var requestID = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

// edge is what every request passes: its number, headers for browsers, the
// guard against other sites, the log and the last net under a panic.
func edge(o Options, m *metrics, mux *http.ServeMux) http.Handler {
	guard := http.NewCrossOriginProtection()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := o.Clock()
		noted := &notes{id: r.Header.Get("X-Request-Id")}
		if !requestID.MatchString(noted.id) {
			noted.id = rand.Text()[:16]
		}
		r = r.WithContext(context.WithValue(r.Context(), notesKey{}, noted))
		answered := &recorder{ResponseWriter: w}
		maps.Copy(answered.Header(), forBrowsers)
		answered.Header().Set("X-Request-Id", noted.id)
		_, pattern := mux.Handler(r)
		defer func() {
			failed := recover()
			noted.aborted = failed == http.ErrAbortHandler //nolint:errorlint,err113 // a panic's value, compared as net/http does
			if failed != nil && !noted.aborted {
				rescue(answered, r, o.Log, failed)
			}
			took := o.Clock().Sub(began)
			m.observe(pattern, answered.status, took)
			logRequest(o.Log, r, noted, answered, took)
			if noted.aborted {
				panic(failed)
			}
		}()
		if err := guard.Check(r); err != nil {
			fail(answered, r, fault.Wrap(fault.Forbidden, err, "the request comes from another site"))
			return
		}
		if pattern == "" {
			noRoute(answered, r, mux)
			return
		}
		mux.ServeHTTP(answered, r)
	})
}

// forBrowsers tell browsers to run, frame and keep nothing that comes from here. All
// answers share the values, which nobody changes in place.
var forBrowsers = http.Header{
	"X-Content-Type-Options":       {"nosniff"},
	"Content-Security-Policy":      {"default-src 'none'; frame-ancestors 'none'"},
	"Cross-Origin-Resource-Policy": {"same-origin"},
	"Referrer-Policy":              {"no-referrer"},
	"Cache-Control":                {"no-store"},
}

// rescue answers for a handler that panicked.
func rescue(w *recorder, r *http.Request, log *slog.Logger, failed any) {
	log.ErrorContext(r.Context(), "A handler panicked", "request", notesOf(r.Context()).id, "panic", failed, "stack", string(debug.Stack()))
	if w.status == 0 {
		fail(w, r, errors.New("a handler panicked"))
	}
}

// noRoute answers what no route takes, as the mux would, but as a problem.
func noRoute(w http.ResponseWriter, r *http.Request, mux *http.ServeMux) {
	p := problem{
		Type: "about:blank", Status: http.StatusNotFound, Title: http.StatusText(http.StatusNotFound), RequestID: notesOf(r.Context()).id,
		Detail: "there is nothing at this address",
	}
	refused, _ := mux.Handler(r)
	probe := &probe{header: http.Header{}}
	refused.ServeHTTP(probe, r)
	if probe.status == http.StatusMethodNotAllowed {
		p.Status, p.Title = probe.status, http.StatusText(probe.status)
		p.Detail = "this address takes " + probe.header.Get("Allow")
		w.Header().Set("Allow", probe.header.Get("Allow"))
	}
	p.write(w)
}

// probe hears what the mux would say, and says nothing.
type probe struct {
	header http.Header
	status int
}

func (p *probe) Header() http.Header         { return p.header }
func (p *probe) Write(b []byte) (int, error) { return len(b), nil }
func (p *probe) WriteHeader(status int)      { p.status = status }

// logRequest writes one line. Query strings hold what people search for, and stay out of it.
func logRequest(log *slog.Logger, r *http.Request, noted *notes, w *recorder, took time.Duration) {
	level, facts := slog.LevelInfo, []slog.Attr{
		slog.String("request", noted.id), slog.String("tenant", noted.tenant), slog.String("method", r.Method), slog.String("path", r.URL.Path),
		slog.Int("status", w.status), slog.Int64("bytes", w.bytes), slog.Duration("duration", took),
	}
	if w.status >= http.StatusInternalServerError || noted.aborted {
		level = slog.LevelError
		if r.Context().Err() != nil {
			level = slog.LevelInfo // the client did not wait for the answer
		}
		facts = append(facts, slog.String("error", withCause(noted.failed)))
	}
	log.LogAttrs(r.Context(), level, "Answered a request", facts...)
}

// withCause is an error with the causes that its text leaves out.
func withCause(err error) string {
	if err == nil {
		return ""
	}
	text := err.Error()
	for cause := errors.Unwrap(err); cause != nil; cause = errors.Unwrap(cause) {
		if !strings.Contains(text, cause.Error()) {
			text += ": " + cause.Error()
		}
	}
	return text
}

// clientAddress is where the request comes from: the peer, or what a trusted proxy says.
func clientAddress(r *http.Request, trusted []netip.Prefix) string {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	address := peer.Addr().Unmap()
	forwarded := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(forwarded) - 1; i >= 0 && isTrusted(address, trusted); i-- {
		next, err := netip.ParseAddr(strings.TrimSpace(forwarded[i]))
		if err != nil {
			break
		}
		address = next.Unmap()
	}
	return address.String()
}

func isTrusted(address netip.Addr, trusted []netip.Prefix) bool {
	for _, prefix := range trusted {
		if prefix.Contains(address) {
			return true
		}
	}
	return false
}
