package rest

import (
	"context"
	"maps"
	"net/http"
	"strconv"
	"strings"

	"github.com/kontor-crm/kontor/internal/auth"
	"github.com/kontor-crm/kontor/internal/crm"
	"github.com/kontor-crm/kontor/internal/schema"
	"github.com/kontor-crm/kontor/internal/tenancy"
)

// call is one request at one tenant.
type call struct {
	*http.Request
	id      string
	tenant  *tenancy.Tenant[Database]
	options Options
	body    *body

	// Of who has signed in: who it is, and what runs their statements.
	principal schema.Principal
	runner    crm.Runner

	// former are the former names that the request has used and is shown.
	former schema.Deprecation
}

// answer is what a handler gives back. It is written when the handler is done,
// so that a handler can run again after the schema has moved.
type answer struct {
	status      int
	contentType string
	header      http.Header
	body        []byte
}

// handler answers a call with the model that the tenant serves now.
type handler func(ctx context.Context, c *call, model *tenancy.Model) (*answer, error)

// desk receives the requests: it finds the tenant and who asks.
type desk struct{ options Options }

// anybody is a route for which nobody has to sign in.
func (d desk) anybody(h handler) http.Handler {
	return d.serve(func(ctx context.Context, _ http.ResponseWriter, c *call) (*answer, error) { return c.run(ctx, h) })
}

// reading is a route for signed-in users that changes no records.
func (d desk) reading(h handler) http.Handler {
	return d.signedIn(func(ctx context.Context, c *call) (*answer, error) { return c.run(ctx, h) })
}

// writing is a route for signed-in users that changes records. A body may take
// its time: it is read first, so that neither the lease nor the model is older.
func (d desk) writing(h handler) http.Handler { return d.writingMany(maxBody, h) }

// writingMany is writing for a body of another length.
func (d desk) writingMany(maxBody int64, h handler) http.Handler {
	return d.signedIn(func(ctx context.Context, c *call) (*answer, error) {
		c.body.limit = maxBody
		if c.ContentLength != 0 {
			_, _ = c.body.JSON() // the handler is given the same
		}
		if err := c.tenant.Writable(); err != nil {
			return nil, err
		}
		return c.run(ctx, h)
	})
}

// signedIn is a route for signed-in users. What it answers is given out when the
// database has said that they still are.
func (d desk) signedIn(next func(ctx context.Context, c *call) (*answer, error)) http.Handler {
	return d.serve(func(ctx context.Context, _ http.ResponseWriter, c *call) (*answer, error) {
		var a *answer
		database := c.tenant.Database()
		err := d.options.Gate.As(ctx, database, c.tenant.Key, sessionToken(c.Request), func(ctx context.Context, claim *auth.Claim) error {
			c.principal, c.runner = claim.Principal, database.Proving(claim)
			var err error
			a, err = next(ctx, c)
			return err
		})
		return a, err
	})
}

// streaming is a route for signed-in users whose request or answer is a file. Who
// they are is asked first, because it gives out what it has as it goes on.
func (d desk) streaming(h func(ctx context.Context, w http.ResponseWriter, c *call) error) http.Handler {
	return d.serve(func(ctx context.Context, w http.ResponseWriter, c *call) (*answer, error) {
		principal, err := d.options.Gate.Authenticate(ctx, c.tenant.Database(), sessionToken(c.Request))
		if err != nil {
			return nil, err
		}
		c.principal, c.runner = principal, c.tenant.Database()
		return nil, h(ctx, w, c)
	})
}

// answering answers a call, or writes the answer itself and returns nil.
type answering func(ctx context.Context, w http.ResponseWriter, c *call) (*answer, error)

// serve finds the tenant and writes the answer, or the problem.
func (d desk) serve(next answering) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		tenant, done, err := d.options.Tenants.Acquire(r.Context(), r.Host)
		if err != nil {
			fail(w, r, err)
			return
		}
		defer done()
		noted := notesOf(r.Context())
		noted.tenant = tenant.Key
		sayRevision(w.Header(), tenant)
		c := &call{Request: r, id: noted.id, tenant: tenant, options: d.options, body: newBody(w, r)}
		a, err := next(r.Context(), w, c)
		if err != nil {
			fail(w, r, err)
			return
		}
		if a != nil {
			sayRevision(w.Header(), tenant) // it may have moved while the request ran
			a.write(w)
		}
	})
}

// sayRevision says with which revision of the schema the tenant is served now, so that
// who holds a description of an older one hears of it with any answer.
func sayRevision(header http.Header, tenant *tenancy.Tenant[Database]) {
	header.Set("Kontor-Revision", strconv.FormatInt(tenant.Model().Schema.Revision, 10))
}

// run runs a handler, once more when the schema has moved.
func (c *call) run(ctx context.Context, h handler) (*answer, error) {
	var a *answer
	err := c.tenant.Do(ctx, func(ctx context.Context, model *tenancy.Model) error {
		var err error
		c.former = schema.Deprecation{}
		a, err = h(ctx, c, model)
		return err
	})
	if err != nil {
		return nil, err
	}
	if a.header == nil {
		a.header = http.Header{}
	}
	deprecate(a.header, c.former)
	return a, nil
}

// deprecate says that the request uses, or is shown, names that will not be answered
// for ever: RFC 9745 says since when, RFC 8594 until when.
func deprecate(header http.Header, former schema.Deprecation) {
	if former.Until.IsZero() {
		return
	}
	header.Set("Deprecation", "@"+strconv.FormatInt(former.Since.Unix(), 10))
	header.Set("Sunset", former.Until.UTC().Format(http.TimeFormat))
}

// records are the tenant's records, as the caller may use them.
func (c *call) records(model *tenancy.Model, channel string) *crm.Records {
	if object, ok := model.Schema.Object(c.PathValue("object")); ok {
		c.former.Object(object, c.PathValue("object"))
	}
	return &crm.Records{
		Compiler: model.Compiler, Runner: c.runner, Clock: c.options.Clock, NewID: c.options.NewID, Former: &c.former,
		Actor: crm.Actor{Principal: c.principal, Channel: channel, RequestID: c.id, Languages: languages(c.Header.Get("Accept-Language"))},
	}
}

// channelAPI is the channel of single writes, for the history.
const channelAPI = "api"

func (a *answer) write(w http.ResponseWriter) {
	header := w.Header()
	maps.Copy(header, a.header)
	if a.body != nil {
		header.Set("Content-Type", a.contentType)
		header.Set("Content-Length", strconv.Itoa(len(a.body)))
	}
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body) // the client is gone; there is nobody to tell
}

const contentJSON = "application/json"

func ok(body []byte) *answer {
	return &answer{status: http.StatusOK, contentType: contentJSON, body: body, header: http.Header{}}
}

// oneRecord is an answer with a record and its version.
func oneRecord(status int, record *crm.Record) *answer {
	a := &answer{status: status, contentType: contentJSON, body: record.JSON, header: http.Header{}}
	if record.Version > 0 {
		a.header.Set("ETag", etag(record.Version))
	}
	return a
}

func etag(version int64) string { return `"` + strconv.FormatInt(version, 10) + `"` }

// ifMatch reads If-Match: the versions that a write is meant for. A tag that is
// no version of ours fits none.
func (c *call) ifMatch() crm.Match {
	values := c.Header.Values("If-Match")
	if len(values) == 0 {
		return nil
	}
	match := crm.Match{}
	for tag := range strings.SplitSeq(strings.Join(values, ","), ",") {
		tag = strings.TrimSpace(tag)
		if tag == "*" {
			return nil
		}
		if len(tag) < 2 || tag[0] != '"' || tag[len(tag)-1] != '"' {
			continue
		}
		if version, err := strconv.ParseInt(tag[1:len(tag)-1], 10, 64); err == nil {
			match = append(match, version)
		}
	}
	return match
}
