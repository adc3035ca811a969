package jobs_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kontor-crm/kontor/internal/crm"
	"github.com/kontor-crm/kontor/internal/fault"
	"github.com/kontor-crm/kontor/internal/jobs"
	"github.com/kontor-crm/kontor/internal/query"
	"github.com/kontor-crm/kontor/internal/store"
)

// counting is a kind that counts to ten, a transaction each, and calls at between.
func counting(at func(ctx context.Context, n int) error) jobs.Kind {
	return func(ctx context.Context, run *jobs.Run) error {
		var n int
		if err := json.Unmarshal(run.Job.Progress, &n); err != nil {
			n = 0 // it has just begun
		}
		for n < 10 && !run.Stopping() {
			if err := at(ctx, n); err != nil {
				return err
			}
			n++
			err := run.Runner.InTransaction(ctx, func(ctx context.Context, tx crm.Tx) error {
				return run.Note(ctx, tx, jobs.Step{Progress: n, Report: map[string]int{"counted": n}, Done: int64(n)})
			})
			if err != nil {
				return err
			}
		}
		return nil
	}
}

func TestAJobIsDoneByAWorkerThatIsWoken(t *testing.T) {
	t.Parallel()
	o := newOrganisation(t)
	o.work(t, kind("count", counting(func(context.Context, int) error { return nil })))
	made := o.leave(t, query.NewJob{Kind: "count", Total: 10})
	if made.State != crm.JobQueued || made.CreatedBy != o.admin.UserID {
		t.Errorf("made: %+v", made)
	}
	job := o.becomes(t, made.ID, crm.JobDone)
	if job.Done != 10 || string(job.Report) != `{"counted": 10}` && string(job.Report) != `{"counted":10}` || job.FinishedAt == nil || job.StartedAt == nil {
		t.Errorf("done: %+v, report %s", job, job.Report)
	}
}

func TestAWordInTheSystemDatabaseWakesAWorkerAtOnce(t *testing.T) {
	t.Parallel()
	o := newOrganisation(t)
	w := o.work(t, kind("count", counting(func(context.Context, int) error { return nil })), func(options *jobs.Options[*store.Database]) {
		options.Poll = time.Hour
	})
	made, err := o.jobs().Create(t.Context(), query.NewJob{Kind: "count", Request: json.RawMessage(`{}`)})
	must(t, err)
	must(t, w.list.Wake(t.Context(), o.id.Key()))
	o.becomes(t, made.ID, crm.JobDone)
}

func TestAWorkerThatIsStoppedHandsItsJobBackAndTheNextGoesOn(t *testing.T) {
	t.Parallel()
	o := newOrganisation(t)
	reached := make(chan struct{})
	first := o.work(t, kind("count", counting(func(ctx context.Context, n int) error {
		if n < 4 {
			return nil
		}
		close(reached)
		<-ctx.Done()
		return ctx.Err()
	})))
	made := o.leave(t, query.NewJob{Kind: "count"})
	<-reached
	first.end()
	job, err := o.jobs().Get(t.Context(), made.ID)
	must(t, err)
	if job.State != crm.JobQueued || job.Done != 4 {
		t.Errorf("handed back: %s at %d", job.State, job.Done)
	}
	var steps atomic.Int64
	o.work(t, kind("count", counting(func(context.Context, int) error { steps.Add(1); return nil })))
	o.becomes(t, made.ID, crm.JobDone)
	if steps.Load() != 6 {
		t.Errorf("%d steps were done again, want 6 that were left", steps.Load())
	}
}

func TestAWorkerThatIsStoppedDuringALongVisitCallsTheOthersAtOnce(t *testing.T) {
	t.Parallel()
	o := newOrganisation(t)
	reached := make(chan struct{})
	w := o.work(t, kind("count", func(ctx context.Context, _ *jobs.Run) error {
		close(reached)
		<-ctx.Done()
		return ctx.Err()
	}))
	o.leave(t, query.NewJob{Kind: "count"})
	<-reached
	o.wake(t) // the tenant comes up once more while it is being looked at
	var due bool
	eventually(t, func() bool {
		o.inSystem(t, `SELECT due_at <= now() FROM visit`, &due)
		return !due
	})
	w.end()
	o.inSystem(t, `SELECT due_at <= now() FROM visit`, &due)
	if !due {
		t.Error("the others wait until the calendar gives up the worker that was stopped")
	}
}

func TestTheJobOfADeadWorkerIsTakenOverAndTheDeadOneCanDoNothingMore(t *testing.T) {
	t.Parallel()
	o := newOrganisation(t)
	// A worker that claims the job and is never heard of again.
	made := o.leave(t, query.NewJob{Kind: "count"})
	dead, err := newID()
	must(t, err)
	must(t, o.store.Query(t.Context(), query.ClaimJob(dead, []string{"count"}, time.Minute), func([][]byte) error { return nil }))
	o.sql(t, `UPDATE kontor.job SET lease_until = now() - interval '1 second', progress = '7', done = 7`)
	var steps atomic.Int64
	o.work(t, kind("count", counting(func(context.Context, int) error { steps.Add(1); return nil })))
	o.becomes(t, made.ID, crm.JobDone)
	if steps.Load() != 3 {
		t.Errorf("%d steps, want the 3 that were left", steps.Load())
	}
	noted := false
	must(t, o.store.Query(t.Context(), query.StepJob(query.JobStep{
		Claim: dead, Progress: json.RawMessage(`1`), Report: json.RawMessage(`{}`), Lease: time.Minute,
	}), func([][]byte) error { noted = true; return nil }))
	if noted {
		t.Error("a dead worker notes a step")
	}
}

func TestAWorkerThatLosesItsJobStopsAndWritesNothingMore(t *testing.T) {
	t.Parallel()
	o := newOrganisation(t)
	lost, over := make(chan struct{}), make(chan struct{})
	var tried atomic.Int64
	o.work(t, func(options *jobs.Options[*store.Database]) { options.Lease = 300 * time.Millisecond },
		kind("count", func(ctx context.Context, run *jobs.Run) error {
			if tried.Add(1) > 1 {
				return nil
			}
			close(lost)
			<-ctx.Done() // the sign of life finds that the job is another's
			defer close(over)
			return run.Runner.InTransaction(context.WithoutCancel(ctx), func(ctx context.Context, tx crm.Tx) error {
				return run.Note(ctx, tx, jobs.Step{Progress: 1, Report: 1})
			})
		}))
	made := o.leave(t, query.NewJob{Kind: "count"})
	<-lost
	o.sql(t, `UPDATE kontor.job SET claim = gen_random_uuid(), lease_until = now() + interval '1 second'`)
	<-over
	o.wake(t)
	job := o.becomes(t, made.ID, crm.JobDone)
	if string(job.Progress) != `{}` {
		t.Errorf("the worker that lost the job noted %s", job.Progress)
	}
}

func TestAJobThatIsCancelledStopsAfterItsStep(t *testing.T) {
	t.Parallel()
	o := newOrganisation(t)
	reached, goOn := make(chan struct{}), make(chan struct{})
	o.work(t, kind("count", counting(func(_ context.Context, n int) error {
		if n == 2 {
			close(reached)
			<-goOn
		}
		return nil
	})))
	made := o.leave(t, query.NewJob{Kind: "count"})
	<-reached
	cancelled, err := o.jobs().Cancel(t.Context(), made.ID)
	must(t, err)
	if cancelled.State != crm.JobRunning || !cancelled.Cancelled {
		t.Errorf("cancelled: %+v", cancelled)
	}
	close(goOn)
	if job := o.becomes(t, made.ID, crm.JobCancelled); job.Done != 3 {
		t.Errorf("it ended after %d steps", job.Done)
	}
	if _, err := o.jobs().Cancel(t.Context(), made.ID); err != nil {
		t.Errorf("cancelling twice: %v", err)
	}
}

func TestAJobThatWaitsIsCancelledAtOnce(t *testing.T) {
	t.Parallel()
	o := newOrganisation(t)
	made := o.leave(t, query.NewJob{Kind: "count"})
	cancelled, err := o.jobs().Cancel(t.Context(), made.ID)
	must(t, err)
	if cancelled.State != crm.JobCancelled || cancelled.FinishedAt == nil {
		t.Errorf("cancelled: %+v", cancelled)
	}
}

func TestWhatTheModelRefusesEndsTheJobAndTroubleLetsItBeTriedAgain(t *testing.T) {
	t.Parallel()
	o := newOrganisation(t)
	var tried atomic.Int64
	o.work(t,
		kind("refused", func(context.Context, *jobs.Run) error { return fault.At("fields[0]", "is wrong") }),
		kind("trouble", func(context.Context, *jobs.Run) error {
			if tried.Add(1) < 2 {
				return fault.New(fault.Unavailable, "the database is away")
			}
			return nil
		}),
		kind("broken", func(context.Context, *jobs.Run) error { return errors.New("a secret of the house") }))
	refused := o.leave(t, query.NewJob{Kind: "refused"})
	trouble, broken := o.leave(t, query.NewJob{Kind: "trouble"}), o.leave(t, query.NewJob{Kind: "broken"})
	if job := o.becomes(t, refused.ID, crm.JobFailed); job.Error == nil || len(job.Error.Violations) != 1 || job.Error.Violations[0].Path != "fields[0]" {
		t.Errorf("refused: %+v", job.Error)
	}
	eventually(t, func() bool {
		o.sql(t, `UPDATE kontor.job SET run_after = now()`) // nobody waits here
		o.wake(t)
		job, err := o.jobs().Get(t.Context(), broken.ID)
		must(t, err)
		return job.State == crm.JobFailed && job.Error.Message == "something went wrong here, again and again; the worker's log has it under the id of this job"
	})
	o.becomes(t, trouble.ID, crm.JobDone)
	if tried.Load() != 2 {
		t.Errorf("tried %d times", tried.Load())
	}
}

// ends waits until the job is in its last state, and lets nobody wait for another try.
func (o *organisation) ends(t *testing.T, id string) *crm.Job {
	t.Helper()
	var job *crm.Job
	eventually(t, func() bool {
		o.sql(t, `UPDATE kontor.job SET run_after = now()`)
		o.wake(t)
		var err error
		job, err = o.jobs().Get(t.Context(), id)
		must(t, err)
		return job.State.Ended()
	})
	return job
}

func TestAJobThatGotOnIsTriedAgainAsOftenAsANewOne(t *testing.T) {
	t.Parallel()
	o := newOrganisation(t)
	var tried atomic.Int64
	o.work(t, kind("count", func(ctx context.Context, run *jobs.Run) error {
		n := tried.Add(1)
		if n == 5 { // the last try: it gets on
			err := run.Runner.InTransaction(ctx, func(ctx context.Context, tx crm.Tx) error {
				return run.Note(ctx, tx, jobs.Step{Progress: 1, Report: struct{}{}, Done: 1})
			})
			if err != nil {
				return err
			}
		}
		if n < 9 {
			return errors.New("trouble")
		}
		return nil
	}))
	if job := o.ends(t, o.leave(t, query.NewJob{Kind: "count"}).ID); job.State != crm.JobDone || tried.Load() != 9 {
		t.Errorf("it was %s after %d tries: %+v", job.State, tried.Load(), job.Error)
	}
}

func TestAJobWaitsForWhatIsAwayAndGivesUpAfterADay(t *testing.T) {
	t.Parallel()
	o := newOrganisation(t)
	var tried atomic.Int64
	o.work(t, kind("short", func(context.Context, *jobs.Run) error {
		if tried.Add(1) < 12 {
			return fault.New(fault.Unavailable, "the database is away")
		}
		return nil
	}), kind("long", func(context.Context, *jobs.Run) error { return fault.New(fault.Waiting, "the schema is on its way") }))
	if job := o.ends(t, o.leave(t, query.NewJob{Kind: "short"}).ID); job.State != crm.JobDone {
		t.Errorf("it was %s after %d tries: %+v", job.State, tried.Load(), job.Error)
	}
	long := o.leave(t, query.NewJob{Kind: "long"})
	o.sql(t, `UPDATE kontor.job SET started_at = now() - interval '25 hours' WHERE kind = 'long'`)
	if job := o.ends(t, long.ID); job.State != crm.JobFailed || !strings.Contains(job.Error.Message, "the schema is on its way") {
		t.Errorf("after a day it was %s: %+v", job.State, job.Error)
	}
}

func TestAWorkerThatIsStoppedFailsNoJob(t *testing.T) {
	t.Parallel()
	o := newOrganisation(t)
	reached := make(chan struct{})
	made := o.leave(t, query.NewJob{Kind: "count"})
	o.sql(t, `UPDATE kontor.job SET attempts = 4`)
	w := o.work(t, kind("count", func(ctx context.Context, _ *jobs.Run) error {
		close(reached)
		<-ctx.Done()
		return errors.New("a connection was closed")
	}))
	<-reached
	w.end()
	job, err := o.jobs().Get(t.Context(), made.ID)
	must(t, err)
	if job.State != crm.JobQueued || job.Attempts != 4 {
		t.Errorf("it is %s after %d attempts", job.State, job.Attempts)
	}
}

func TestAWorkerThatIsStoppedTakesNoJobForDoneAndTheNextDoesWhatIsLeft(t *testing.T) {
	t.Parallel()
	o := newOrganisation(t)
	reached := make(chan struct{})
	made := o.leave(t, query.NewJob{Kind: "count"})
	errStopped := errors.New("stopped on the way")
	first := o.work(t, kind("count", func(ctx context.Context, run *jobs.Run) error {
		err := counting(func(ctx context.Context, n int) error {
			if n < 4 {
				return nil
			}
			close(reached)
			<-ctx.Done()
			return errStopped
		})(ctx, run)
		if errors.Is(err, errStopped) {
			return nil // as work does that takes its stopping for the end
		}
		return err
	}))
	<-reached
	first.end()
	job, err := o.jobs().Get(t.Context(), made.ID)
	must(t, err)
	if job.State != crm.JobQueued || job.Done != 4 {
		t.Errorf("it is %s at %d", job.State, job.Done)
	}
	o.work(t, kind("count", counting(func(context.Context, int) error { return nil })))
	if job := o.becomes(t, made.ID, crm.JobDone); job.Done != 10 {
		t.Errorf("it is done at %d of 10", job.Done)
	}
}

func TestAJobThatPanicsFailsAloneAndItsStackIsInTheLog(t *testing.T) {
	t.Parallel()
	o := newOrganisation(t)
	var log synced
	o.log = slog.New(slog.NewTextHandler(&log, nil))
	o.work(t, kind("panic", func(context.Context, *jobs.Run) error { panic("a thought too many") }),
		kind("count", counting(func(context.Context, int) error { return nil })))
	job := o.ends(t, o.leave(t, query.NewJob{Kind: "panic"}).ID)
	if job.State != crm.JobFailed || strings.Contains(job.Error.Message, "thought") {
		t.Errorf("it was %s: %+v", job.State, job.Error)
	}
	if text := log.String(); !strings.Contains(text, "a thought too many") || !strings.Contains(text, "worker_test.go") {
		t.Errorf("the log says nothing of it: %s", text)
	}
	o.becomes(t, o.leave(t, query.NewJob{Kind: "count"}).ID, crm.JobDone)
}

func TestAJobWhoseWorkersDieIsNotTakenUpForever(t *testing.T) {
	t.Parallel()
	o := newOrganisation(t)
	made := o.leave(t, query.NewJob{Kind: "count"})
	for range 5 {
		claim, err := newID()
		must(t, err)
		claimed := false
		must(t, o.store.Query(t.Context(), query.ClaimJob(claim, []string{"count"}, 0), func([][]byte) error { claimed = true; return nil }))
		if !claimed {
			t.Fatal("it could not be claimed")
		}
	}
	o.work(t, kind("count", func(context.Context, *jobs.Run) error {
		t.Error("it is done once more")
		return nil
	}))
	if job := o.ends(t, made.ID); job.State != crm.JobFailed || job.Error == nil {
		t.Errorf("it was %s: %+v", job.State, job.Error)
	}
}

func TestATenantWithoutJobsIsLeftAlone(t *testing.T) {
	t.Parallel()
	o := newOrganisation(t)
	o.work(t)
	eventually(t, func() bool {
		var rests bool
		o.inSystem(t, `SELECT due_at > now() + interval '10 minutes' FROM visit`, &rests)
		return rests
	})
}

func TestAJobOfAKindThatAWorkerDoesNotKnowWaitsForOneThatDoes(t *testing.T) {
	t.Parallel()
	o := newOrganisation(t)
	newer := o.leave(t, query.NewJob{Kind: "newer"})
	known := o.leave(t, query.NewJob{Kind: "known"})
	older := o.work(t, kind("known", func(context.Context, *jobs.Run) error { return nil }))
	o.becomes(t, known.ID, crm.JobDone)
	eventually(t, func() bool { // it is no reason to come back soon
		var rests bool
		o.inSystem(t, `SELECT due_at > now() + interval '10 minutes' FROM visit`, &rests)
		return rests
	})
	older.end()
	if job, err := o.jobs().Get(t.Context(), newer.ID); err != nil || job.State != crm.JobQueued || job.Attempts != 0 {
		t.Errorf("beside an older worker: %+v, %v", job, err)
	}
	o.work(t, kind("newer", func(context.Context, *jobs.Run) error { return nil }))
	o.wake(t)
	o.becomes(t, newer.ID, crm.JobDone)
}

func TestTheJobOfAUserWhoMayNotSignInAnyMoreFails(t *testing.T) {
	t.Parallel()
	o := newOrganisation(t)
	made := o.leave(t, query.NewJob{Kind: "count"})
	o.sql(t, `UPDATE kontor.credential SET disabled = true`)
	o.work(t, kind("count", counting(func(context.Context, int) error { return nil })))
	o.becomes(t, made.ID, crm.JobFailed)
}

func TestTwoWorkersDoEachJobOnce(t *testing.T) {
	t.Parallel()
	o := newOrganisation(t)
	var done atomic.Int64
	once := kind("once", func(context.Context, *jobs.Run) error { done.Add(1); return nil })
	ids := []string{}
	for range 20 {
		ids = append(ids, o.leave(t, query.NewJob{Kind: "once"}).ID)
	}
	o.work(t, once)
	o.work(t, once)
	for _, id := range ids {
		o.wake(t)
		o.becomes(t, id, crm.JobDone)
	}
	if done.Load() != 20 {
		t.Errorf("20 jobs were done %d times", done.Load())
	}
}

func TestAVisitRemovesEndedSessionsAndOldJobs(t *testing.T) {
	t.Parallel()
	o := newOrganisation(t)
	old, fresh := o.leave(t, query.NewJob{Kind: "count"}), o.leave(t, query.NewJob{Kind: "count"})
	o.sql(t, `UPDATE kontor.job SET state = 'done', finished_at = now(), expires_at = now() + CASE id::text WHEN '`+old.ID+`' THEN interval '-1 day' ELSE interval '1 day' END`)
	o.sql(t, `INSERT INTO kontor.session (token_hash, user_id, created_at, expires_at) SELECT sha256(n::text::bytea), gen_random_uuid(), now(), now() + n * interval '1 hour' FROM generate_series(-3, 2, 2) AS n`)
	o.wake(t)
	o.work(t)
	eventually(t, func() bool {
		var sessions int
		o.sql(t, `SELECT count(*) FROM kontor.session`, &sessions)
		return sessions == 1
	})
	eventually(t, func() bool { _, err := o.jobs().Get(t.Context(), old.ID); return fault.Is(err, fault.NotFound) })
	if _, err := o.jobs().Get(t.Context(), fresh.ID); err != nil {
		t.Errorf("the other job: %v", err)
	}
}

func TestJobsAreListedToWhoMadeThemTheNewestFirst(t *testing.T) {
	t.Parallel()
	o := newOrganisation(t)
	first, second := o.leave(t, query.NewJob{Kind: "count"}), o.leave(t, query.NewJob{Kind: "count"})
	list, err := o.jobs().List(t.Context(), "", 10)
	must(t, err)
	if len(list) != 2 || list[0].ID != second.ID || list[1].ID != first.ID {
		t.Errorf("listed: %+v", list)
	}
	if list, err = o.jobs().List(t.Context(), second.ID, 10); err != nil || len(list) != 1 || list[0].ID != first.ID {
		t.Errorf("the next page: %+v, %v", list, err)
	}
	other := o.jobs()
	other.Actor.Principal.Administrator, other.Actor.Principal.UserID = false, "01890000-0000-7000-8000-000000000000"
	if list, err = other.List(t.Context(), "", 10); err != nil || len(list) != 0 {
		t.Errorf("somebody else sees %+v, %v", list, err)
	}
	if _, err := other.Get(t.Context(), first.ID); !fault.Is(err, fault.NotFound) {
		t.Errorf("somebody else's look: %v", err)
	}
	for _, id := range []string{"", "x", "../..", "01890000-0000-7000-8000-00000000000g", first.ID + "0", "\xff"} {
		if _, err := o.jobs().Get(t.Context(), id); !fault.Is(err, fault.NotFound) {
			t.Errorf("the id %q: %v", id, err)
		}
	}
	if _, err := o.jobs().List(t.Context(), "x", 10); !fault.Is(err, fault.Malformed) {
		t.Errorf("a list after nothing: %v", err)
	}
}

func TestAVisitRemovesFilesToWhichNothingRefers(t *testing.T) {
	t.Parallel()
	o := newOrganisation(t)
	files := &crm.Files{Runner: o.store, Actor: crm.Actor{Principal: o.admin}, Clock: now, NewID: newID}
	put := func(name string) string {
		kept, err := files.Put(t.Context(), name, strings.NewReader(name), 100)
		must(t, err)
		return kept.ID
	}
	old, used, fresh := put("old"), put("used"), put("fresh")
	job, err := o.jobs().CreateImport(t.Context(), "product", crm.ImportWish{Mapping: &crm.Mapping{}}, &crm.File{ID: put("of a job")})
	must(t, err)
	_, err = o.jobs().Cancel(t.Context(), job.ID)
	must(t, err)
	o.sql(t, `CREATE TABLE crm.referring (file uuid REFERENCES kontor.file)`)
	o.sql(t, `INSERT INTO crm.referring VALUES ('`+used+`')`)
	o.sql(t, `UPDATE kontor.file SET expires_at = now() - interval '1 hour' WHERE id <> '`+fresh+`'`)
	o.wake(t)
	o.work(t)
	eventually(t, func() bool { _, err := files.Get(t.Context(), old); return fault.Is(err, fault.NotFound) })
	for what, id := range map[string]string{"used by a record": used, "fresh": fresh, "used by a job": job.Input} {
		if _, err := files.Get(t.Context(), id); err != nil {
			t.Errorf("a file that is %s: %v", what, err)
		}
	}
	var looked bool
	eventually(t, func() bool {
		o.sql(t, `SELECT expires_at > now() FROM kontor.file WHERE id = '`+used+`'`, &looked)
		return looked
	})
}
