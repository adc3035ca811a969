package jobs_test

import (
	"context"
	"encoding/json"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kontor-crm/kontor/controllers/tenant"
	"github.com/kontor-crm/kontor/internal/crm"
	"github.com/kontor-crm/kontor/internal/plan"
	"github.com/kontor-crm/kontor/internal/provision"
	"github.com/kontor-crm/kontor/internal/query"
	"github.com/kontor-crm/kontor/internal/schema"
	"github.com/kontor-crm/kontor/internal/secret"
)

// records are the tenant's, by its newest model.
func (o *organisation) records(t *testing.T) *crm.Records {
	t.Helper()
	cursors, err := secret.NewSealer(sealingKey, "cursor")
	must(t, err)
	return &crm.Records{
		Compiler: query.New(o.model, cursors, o.id.Key()), Runner: o.store, Actor: crm.Actor{Principal: o.admin, Channel: "test"}, Clock: now, NewID: newID,
	}
}

// found is how many records the words find, and whether all were looked at.
func (o *organisation) found(t *testing.T, words string) string {
	t.Helper()
	found, err := o.records(t).Search(t.Context(), query.SearchRequest{Text: words, Limit: query.MaxSearchLimit})
	must(t, err)
	return fmt.Sprintf("%d %t", len(found.Hits), found.Complete)
}

// filled waits until a worker has made all records findable.
func (o *organisation) filled(t *testing.T) {
	t.Helper()
	eventually(t, func() bool {
		found, err := o.records(t).Search(context.WithoutCancel(t.Context()), query.SearchRequest{Text: "anything"})
		return err == nil && found.Complete
	})
}

// apply brings the tenant to the model, as the operator does.
func (o *organisation) apply(t *testing.T) {
	t.Helper()
	servers := provision.NewServers(provision.Options{Clock: now})
	defer servers.Close()
	schemas := provision.NewSchemas(servers)
	applied, live, err := schemas.Observe(t.Context(), o.database)
	must(t, err)
	p := plan.Make(applied, o.model, live, plan.Policy{})
	o.model.Revision = p.Revision
	must(t, schemas.Apply(t.Context(), o.database, p, o.model))
	must(t, o.operator.Publish(t.Context(), tenant.Entry{
		Key: o.id.Key(), Hosts: []string{"acme.localhost"}, Application: o.app, Revision: o.model.Revision, Format: schema.Format,
	}))
}

func TestAWorkerMakesRecordsFindableThatWereThereBefore(t *testing.T) {
	t.Parallel()
	o := newOrganisation(t)
	o.sql(t, `INSERT INTO crm.product (id, name, code) SELECT gen_random_uuid(), 'Pump ' || n, 'P-' || n FROM generate_series(1, 1200) n`)
	o.sql(t, `INSERT INTO crm.product (id, name, deleted_at) VALUES (gen_random_uuid(), 'Valve', now())`)
	if got := o.found(t, "pump 77"); got != "0 false" {
		t.Errorf("before, found: %s", got)
	}
	o.work(t)
	o.filled(t)
	for words, want := range map[string]string{"pump": "100 true", "pump 77": "11 true", "P-1199": "1 true", "valve": "0 true"} {
		if got := o.found(t, words); got != want {
			t.Errorf("%s: found %s, want %s", words, got, want)
		}
	}
}

func TestAWorkerReadsRecordsAnewThatAreSearchedByOtherFields(t *testing.T) {
	t.Parallel()
	o := newOrganisation(t)
	o.work(t)
	o.sql(t, `INSERT INTO crm.product (id, name, code) VALUES (gen_random_uuid(), 'Pump', 'SECRET-1')`)
	o.sql(t, `DELETE FROM kontor.search_state`) // as if it had been there from the beginning
	o.wake(t)
	o.filled(t)
	if got := o.found(t, "secret"); got != "1 true" {
		t.Errorf("by the code, found: %s", got)
	}
	product, _ := o.model.Object("product")
	code, _ := product.Field("code")
	code.Searchable = new(false)
	o.apply(t)
	if got := o.found(t, "secret"); got != "0 false" {
		t.Errorf("at once, found: %s", got)
	}
	o.filled(t)
	var holding int
	o.sql(t, `SELECT count(*) FROM crm.product__search WHERE tokens @> '{sec}'`, &holding)
	if got := o.found(t, "pump"); got != "1 true" || holding != 0 {
		t.Errorf("by the name, found: %s; %d records have tokens of the code", got, holding)
	}
}

func TestAWorkerMendsWhatWasWrittenBehindItsBack(t *testing.T) {
	t.Parallel()
	o := newOrganisation(t)
	o.work(t)
	o.filled(t)
	_, err := o.records(t).Create(t.Context(), "product", map[string]any{"name": "Pump"})
	must(t, err)
	o.sql(t, `UPDATE crm.product SET name = 'Crane'`)
	o.sql(t, `INSERT INTO crm.product (id, name) VALUES (gen_random_uuid(), 'Crane, too')`)
	if got := o.found(t, "pump"); got != "0 true" {
		t.Errorf("what is no more, found: %s", got)
	}
	o.sql(t, `UPDATE kontor.search_state SET done_at = done_at - interval '2 days'`)
	o.wake(t)
	eventually(t, func() bool { return o.found(t, "crane") == "2 true" })
}

func TestFillingWaitsForServersOfOlderSchemas(t *testing.T) {
	t.Parallel()
	o := newOrganisation(t)
	o.sql(t, `INSERT INTO kontor.lease (server, revision, expires_at) VALUES ('old', 0, now() + interval '1 hour')`)
	state, err := crm.FillSearch(t.Context(), o.records(t).Compiler, o.store, 10)
	must(t, err)
	if state != crm.FillingWaits {
		t.Errorf("beside an older server: %d", state)
	}
	o.sql(t, `UPDATE kontor.lease SET expires_at = now()`)
	for steps := 0; ; steps++ {
		state, err = crm.FillSearch(t.Context(), o.records(t).Compiler, o.store, 10)
		must(t, err)
		if state == crm.Filled {
			break
		}
		if state != crm.FillingGoesOn || steps > 10 {
			t.Fatalf("after it: %d", state)
		}
	}
}

func TestWritersWinAgainstTheFilling(t *testing.T) {
	t.Parallel()
	o := newOrganisation(t)
	ctx, end := context.WithTimeout(t.Context(), time.Minute)
	defer end()
	o.sql(t, `INSERT INTO crm.product (id, name) SELECT gen_random_uuid(), 'Pump ' || n FROM generate_series(1, 100) n`)
	records, filling := o.records(t), make(chan error)
	go func() {
		defer close(filling)
		for state := crm.FillingGoesOn; state == crm.FillingGoesOn; {
			var err error
			if state, err = crm.FillSearch(ctx, records.Compiler, o.store, 3); err != nil {
				filling <- err
			}
		}
	}()
	page, err := records.List(ctx, query.ListRequest{Object: "product", Fields: []string{"id"}, Limit: 100})
	must(t, err)
	for n, id := range idsIn(t, page.Items) {
		_, err := records.Update(ctx, "product", id, map[string]any{"name": fmt.Sprintf("Crane %d", n)}, nil)
		must(t, err)
	}
	must(t, <-filling)
	if pumps, cranes := o.found(t, "pump"), o.found(t, "crane"); pumps != "0 true" || cranes != "100 true" {
		t.Errorf("found pumps %s, cranes %s", pumps, cranes)
	}
	var stale int
	o.sql(t, `SELECT count(*) FROM crm.product__search WHERE tokens @> '{pum}'`, &stale)
	if stale != 0 {
		t.Errorf("%d records have tokens of what they were", stale)
	}
}

func TestSearchFindsImportedRecordsSoonAndSaysUntilThenThatSomeAreMissing(t *testing.T) {
	t.Parallel()
	o := newOrganisation(t)
	o.sql(t, `INSERT INTO crm.product (id, name, code) VALUES ('01900000-0000-7000-8000-000000000001', 'Pump', 'P')`)
	first := o.work(t)
	o.filled(t)
	first.end()
	var read int
	o.sql(t, `UPDATE crm.product__search SET digest = 0 RETURNING 1`, &read) // who reads the record anew mends this
	job := o.upload(t, productMapping, products(2500))
	onlyJobs := func(ctx context.Context, do func(context.Context) error) error {
		if current, err := o.jobs().Get(ctx, job.ID); err != nil || current.State.Ended() {
			return errGone // the filling has its time later
		}
		return do(ctx)
	}
	importing := workOn(t, o, openFlaky(onlyJobs))
	o.becomes(t, job.ID, crm.JobDone)
	importing.end()
	if got := o.found(t, "pump"); got != "1 false" {
		t.Errorf("right after the import, found pumps: %s", got)
	}
	if got := o.found(t, "product 2001"); got != "0 false" {
		t.Errorf("right after the import, found: %s", got)
	}
	_, err := o.records(t).Create(t.Context(), "product", map[string]any{"name": "Product 2001 B"})
	must(t, err)
	if got := o.found(t, "product 2001"); got != "1 false" {
		t.Errorf("what is written by itself is found at once: %s", got)
	}
	o.wake(t)
	o.work(t)
	o.filled(t)
	for words, want := range map[string]string{"product 2001": "2 true", "product 17": "100 true", "c2498": "1 true"} {
		if got := o.found(t, words); got != want {
			t.Errorf("%s: found %s, want %s", words, got, want)
		}
	}
	o.sql(t, `SELECT count(*) FROM crm.product__search WHERE digest = 0`, &read)
	if read != 1 {
		t.Error("records that were there before are read anew")
	}
}

func TestAJobDoesNotWaitForTheFillingOfSearch(t *testing.T) {
	t.Parallel()
	o := newOrganisation(t)
	o.sql(t, `INSERT INTO crm.product (id, name) SELECT gen_random_uuid(), 'Pump ' || n FROM generate_series(1, 5000) n`)
	var steps atomic.Int64
	var job *crm.Job
	filling, uploaded := make(chan struct{}), make(chan struct{})
	workOn(t, o, openFlaky(func(ctx context.Context, do func(context.Context) error) error {
		switch steps.Add(1) {
		case 1: // the first step of the filling
			close(filling)
			<-uploaded
		case 2:
			if current, err := o.jobs().Get(ctx, job.ID); err != nil || current.State != crm.JobRunning {
				t.Errorf("the next step is not the job's: %v", err)
			}
		}
		return do(ctx)
	}))
	o.wake(t)
	<-filling
	job = o.upload(t, productMapping, products(10))
	close(uploaded)
	o.filled(t)
	o.becomes(t, job.ID, crm.JobDone)
}

// idsIn are the ids of a page.
func idsIn(t *testing.T, items []byte) []string {
	t.Helper()
	var records []struct {
		ID string `json:"id"`
	}
	must(t, json.Unmarshal(items, &records))
	ids := make([]string, 0, len(records))
	for _, r := range records {
		ids = append(ids, r.ID)
	}
	return ids
}
