package jobs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"runtime/debug"
	"slices"
	"strconv"
	"time"

	"github.com/kontor-crm/kontor/internal/crm"
	"github.com/kontor-crm/kontor/internal/fault"
	"github.com/kontor-crm/kontor/internal/query"
	"github.com/kontor-crm/kontor/internal/tenancy"
)

// look does the jobs of one tenant that can be done now, makes its records findable
// and does its housekeeping.
// It says when the tenant has to be looked at again.
func (w *Worker[D]) look(ctx context.Context, key string) (next time.Duration, err error) {
	tenant, done, err := w.options.Tenants.AcquireKey(ctx, key)
	if fault.Is(err, fault.NotFound) {
		return sweep, nil // it was taken out a moment ago
	}
	if err != nil {
		return 0, err
	}
	defer done()
	if err := w.doAll(ctx, tenant); err != nil {
		return 0, err
	}
	// What goes wrong here keeps no job waiting.
	again, err := w.fillSearch(ctx, tenant)
	if err != nil && ctx.Err() == nil {
		w.options.Log.WarnContext(ctx, "Records could not be made findable", "tenant", key, "error", err)
		again = retryAfter
	}
	if err := tidy(ctx, tenant.Database()); err != nil && ctx.Err() == nil {
		w.options.Log.WarnContext(ctx, "A tenant could not be tidied up", "tenant", key, "error", err)
	}
	next, err = w.nextLook(ctx, tenant.Database())
	if again >= 0 {
		next = min(next, again)
	}
	return next, err
}

// doAll does the jobs that can be done now.
func (w *Worker[D]) doAll(ctx context.Context, tenant *tenancy.Tenant[D]) error {
	for ctx.Err() == nil {
		if more, err := w.doOne(ctx, tenant); err != nil || !more {
			return err
		}
	}
	return nil
}

// nextLook is when the next job can be claimed, but in an hour at the latest.
func (w *Worker[D]) nextLook(ctx context.Context, runner crm.Runner) (time.Duration, error) {
	next := sweep/2 + rand.N(sweep) //nolint:gosec // jitter needs no secrecy
	err := runner.Query(ctx, query.NextJob(w.kinds()), func(row [][]byte) error {
		if row[0] == nil {
			return nil
		}
		wait, err := strconv.ParseInt(string(row[0]), 10, 64)
		next = min(next, time.Duration(wait)*time.Second)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("looking for the next job: %w", err)
	}
	return next, nil
}

// kinds are those of the jobs that this worker does. Others wait for a worker of a newer version.
func (w *Worker[D]) kinds() []string { return slices.Sorted(maps.Keys(w.options.Kinds)) }

// doOne claims a job and does it; more is false when there was none.
func (w *Worker[D]) doOne(ctx context.Context, tenant *tenancy.Tenant[D]) (more bool, err error) {
	claim, err := w.options.NewID()
	if err != nil {
		return false, fmt.Errorf("making a claim: %w", err)
	}
	runner := tenant.Database()
	var job *crm.Job
	err = runner.Query(ctx, query.ClaimJob(claim, w.kinds(), w.options.Lease), func(row [][]byte) error {
		job, err = crm.ReadJob(row)
		return err
	})
	if err != nil || job == nil {
		return false, err
	}
	run := &Run{
		Job: job, Runner: runner, Clock: w.options.Clock, NewID: w.options.NewID,
		claim: claim, lease: w.options.Lease, cancelled: job.Cancelled,
		model: func(ctx context.Context, f func(context.Context, *tenancy.Model) error) error {
			return tenant.Do(ctx, func(ctx context.Context, model *tenancy.Model) error {
				if err := tenant.Writable(); err != nil {
					return err
				}
				return f(ctx, model)
			})
		},
	}
	began := w.options.Clock()
	failed := w.try(ctx, tenant, run)
	log := w.options.Log.With("tenant", tenant.Key, "job", job.ID, "kind", job.Kind, "took", w.options.Clock().Sub(began))
	// Whatever ended the work, the job is not left behind claimed.
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), w.options.Lease)
	defer cancel()
	switch state, problem := w.verdict(ctx, run, failed); {
	case errors.Is(failed, errLost):
		log.WarnContext(ctx, "A job went to another worker")
		return true, nil
	case state == "":
		if ctx.Err() == nil {
			log.WarnContext(ctx, "A job is tried again", "error", failed, "attempt", job.Attempts)
		}
		return true, runner.Query(closing, handBack(ctx, run, failed), func([][]byte) error { return nil })
	default:
		level := log.InfoContext
		if failed != nil {
			level = log.WarnContext
		}
		level(ctx, "A job has ended", "state", state, "error", failed)
		return true, run.finish(closing, state, problem)
	}
}

// handBack leaves a job to the next worker after a while. One that is only handed over
// does not wait, and where the job itself is not at fault the attempt does not count.
func handBack(ctx context.Context, run *Run, failed error) query.Statement {
	switch {
	case ctx.Err() != nil:
		return query.HandBackJob(run.claim, 0, false)
	case passes(failed):
		return query.HandBackJob(run.claim, waitAfter, false)
	}
	return query.HandBackJob(run.claim, retryAfter*time.Duration(max(1, run.Job.Attempts)), true)
}

// passes says whether the error is of a trouble that goes by without the job.
func passes(err error) bool { return fault.Is(err, fault.Unavailable) || fault.Is(err, fault.Waiting) }

// try does the job's work while a sign of life keeps it ours.
func (w *Worker[D]) try(ctx context.Context, tenant *tenancy.Tenant[D], run *Run) error {
	if run.cancelled {
		return nil
	}
	if run.Job.Attempts > maxAttempts {
		return errors.New("no worker that took it up was heard of again")
	}
	principal, found, err := tenant.Database().Principal(ctx, run.Job.CreatedBy)
	if err != nil {
		return err
	}
	if !found {
		return fault.New(fault.Forbidden, "the user who asked for the job may not sign in any more")
	}
	run.Actor = crm.Actor{Principal: principal, Channel: run.Job.Kind, RequestID: run.Job.ID}
	working, stop := context.WithCancelCause(ctx)
	kept := make(chan struct{})
	go func() {
		defer close(kept)
		run.keep(working, stop)
	}()
	err = guarded(func() error { return w.options.Kinds[run.Job.Kind](working, run) })
	lost := context.Cause(working)
	stop(nil)
	<-kept
	if errors.Is(lost, errLost) {
		return errLost
	}
	return err
}

// guarded runs f and makes an error of its panic: it is the trouble of one tenant, and
// the process has others.
func guarded(f func() error) (err error) {
	defer func() {
		if failed := recover(); failed != nil {
			err = fmt.Errorf("a panic: %v\n%s", failed, debug.Stack())
		}
	}()
	return f()
}

// verdict is the state in which the job ends, or empty when it is to be tried again.
// A worker that is stopped ends no job for an error: it may come from the stopping. Nor
// does it take one for done whose work may have stopped early with it: the next worker
// goes on from the last step, and finds out whether anything is left.
func (w *Worker[D]) verdict(ctx context.Context, run *Run, failed error) (crm.JobState, *crm.JobProblem) {
	switch {
	case failed == nil && run.cancelled:
		return crm.JobCancelled, nil
	case ctx.Err() != nil:
		return "", nil
	case failed == nil:
		return crm.JobDone, nil
	}
	f, isFault := errors.AsType[*fault.Error](failed)
	switch {
	case passes(failed):
		if run.Job.StartedAt == nil || w.options.Clock().Sub(*run.Job.StartedAt) < patience || run.gotOn() {
			return "", nil
		}
		return crm.JobFailed, &crm.JobProblem{Message: "it could not be gone on with for too long: " + failed.Error()}
	case isFault && fault.KindOf(failed) != fault.Internal:
		return crm.JobFailed, &crm.JobProblem{Message: failed.Error(), Violations: f.Violations}
	case run.Job.Attempts >= maxAttempts:
		return crm.JobFailed, &crm.JobProblem{Message: "something went wrong here, again and again; the worker's log has it under the id of this job"}
	}
	return "", nil
}

// problemJSON is the problem for the job's row; nil is none.
func problemJSON(problem *crm.JobProblem) (json.RawMessage, error) {
	if problem == nil {
		return nil, nil
	}
	return json.Marshal(problem)
}
