package rest_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/kontor-crm/kontor/internal/crm"
	"github.com/kontor-crm/kontor/internal/schema"
)

// withTier adds a custom field to customers.
func withTier(s *schema.Schema) {
	s.Objects[0].Fields = append(s.Objects[0].Fields, field("tier", schema.TypePicklist, custom, func(f *schema.Field) {
		f.Options = []schema.Option{{Key: "gold"}, {Key: "silver"}}
	}))
}

func TestANewFieldIsServedWithoutARestart(t *testing.T) {
	t.Parallel()
	o := newOrganisation(t)
	u := o.signedIn(t)
	u.send("POST", "/api/v1/records/customer", map[string]any{"name": "A", "tier": "gold"}).is(http.StatusUnprocessableEntity).names("tier", "no such field")
	o.apply(t, testModel(t, withTier))
	u.create("customer", map[string]any{"name": "A", "tier": "gold"})
	if items := u.get(`/api/v1/records/customer?filter=tier+%3D%3D+%22gold%22`).items(); len(items) != 1 {
		t.Errorf("found by the new field: %v", items)
	}
	if !strings.Contains(string(u.get("/api/v1/openapi.json").body), `"tier"`) {
		t.Error("the OpenAPI lacks the new field")
	}
	if got := u.get("/api/v1/schema").object()["revision"]; got == nil || o.schema.Revision != 2 {
		t.Errorf("the revision is %v", got)
	}
}

// pausing is a body that does something before its second half.
type pausing struct {
	halves []string
	before func()
}

func (p *pausing) Read(b []byte) (int, error) {
	if len(p.halves) == 0 {
		return 0, io.EOF
	}
	if len(p.halves) == 1 {
		p.before()
	}
	n := copy(b, p.halves[0])
	p.halves = p.halves[1:]
	return n, nil
}

func TestABodyThatTakesItsTimeMeetsTheNewestModel(t *testing.T) {
	t.Parallel()
	o := newOrganisation(t)
	u := o.signedIn(t)
	body := &pausing{halves: []string{`{"name": "A", `, `"tier": "gold"}`}, before: func() { o.apply(t, testModel(t, withTier)) }}
	u.send("POST", "/api/v1/records/customer", body).is(http.StatusCreated)
}

func TestARequestThatMeetsAMovedSchemaRunsOnceMore(t *testing.T) {
	t.Parallel()
	o := newOrganisation(t)
	u := o.signedIn(t)
	id := u.create("customer", map[string]any{"name": "A", "employees": 5})
	// The column moves under the feet of the server; the newer schema says where it is. Nobody tells the directory.
	next := testModel(t, func(s *schema.Schema) { s.Objects[0].Fields[3].Column = "headcount" })
	next.Revision = 2
	document, err := next.Document()
	must(t, err)
	o.sql(t, `BEGIN; ALTER TABLE crm.customer RENAME employees TO headcount;
		INSERT INTO kontor.applied_schema (revision, digest, format, document) VALUES (2, 'x', 1, `+schema.QuoteLiteral(string(document))+`); COMMIT`)
	u.send("PATCH", "/api/v1/records/customer/"+id, map[string]any{"employees": 6}).is(http.StatusOK)
	if items := u.get("/api/v1/records/customer?filter=employees+%3D%3D+6").items(); len(items) != 1 {
		t.Errorf("the customer: %v", items)
	}
	// Gone for good: the answer is that it is not to be had now, and nothing of the inside.
	o.sql(t, `ALTER TABLE crm.product RENAME TO hidden`)
	r := u.get("/api/v1/records/product").is(http.StatusServiceUnavailable)
	if r.header.Get("Retry-After") == "" || strings.Contains(string(r.body), "42P01") {
		t.Errorf("the answer: %v %s", r.header, r.body)
	}
	mapping := mappingOf("product", "", fields{{"field": "name", "column": "name"}})
	contentType, file := form(t, mapping, strings.NewReader("name\nA\n"))
	job := u.send("POST", "/api/v1/records/product/import", file, "Content-Type: "+contentType).is(http.StatusAccepted).text("id")
	eventually(t, func() bool { // a worker has tried
		var tried bool
		o.sql(t, `SELECT started_at IS NOT NULL AND state = 'queued' FROM kontor.job`, &tried)
		return tried
	})
	o.sql(t, `ALTER TABLE crm.hidden RENAME TO product`)
	u.follows(job).is(t, crm.Report{Created: 1})
}

func TestATenantThatIsTakenOutIsServedNoMore(t *testing.T) {
	t.Parallel()
	o := newOrganisation(t)
	newOrganisation(t)
	u := o.signedIn(t)
	u.get("/api/v1/schema").is(http.StatusOK)
	must(t, o.system.Remove(t.Context(), o.id.Key()))
	eventually(t, func() bool { return u.get("/api/v1/schema").status == http.StatusNotFound })
}

func TestAnIdleTenantIsClosedAndOpensAgain(t *testing.T) {
	t.Parallel()
	o := newOrganisation(t)
	u := o.signedIn(t)
	connections := func() int {
		var n int
		o.sql(t, `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`, &n)
		return n
	}
	if connections() == 0 {
		t.Fatal("an open tenant has no connection")
	}
	eventually(t, func() bool { return connections() == 0 })
	u.get("/api/v1/records/customer").is(http.StatusOK)
}

func TestADatabaseThatIsAwayIsToldAndComesBack(t *testing.T) {
	t.Parallel()
	o := newOrganisation(t)
	u := o.signedIn(t)
	role := schema.QuoteIdent(o.app.User)
	// In the database postgres, so that the tenant's own can be closed to all.
	away := func(do string) {
		elsewhere := *o
		elsewhere.database = o.admin
		elsewhere.sql(t, do)
	}
	away(`ALTER ROLE ` + role + ` NOLOGIN`)
	away(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = ` + schema.QuoteLiteral(o.app.User))
	r := u.get("/api/v1/records/customer")
	if r.status != http.StatusServiceUnavailable || strings.Contains(string(r.body), o.app.User) || strings.Contains(string(r.body), o.app.Database) {
		t.Errorf("away: %d %s", r.status, r.body)
	}
	away(`ALTER ROLE ` + role + ` LOGIN`)
	eventually(t, func() bool { return u.get("/api/v1/records/customer").status == http.StatusOK })
	u.create("customer", map[string]any{"name": "Back"})
}
