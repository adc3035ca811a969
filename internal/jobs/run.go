package jobs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/kontor-crm/kontor/internal/crm"
	"github.com/kontor-crm/kontor/internal/fault"
	"github.com/kontor-crm/kontor/internal/query"
	"github.com/kontor-crm/kontor/internal/tenancy"
)

// errLost says that the worker has lost its job: its lease has lapsed and
// somebody else goes on with it.
var errLost = errors.New("the job is another worker's now")

// Run is one job while a worker does it.
type Run struct {
	Job    *crm.Job
	Runner crm.Runner
	// Actor is who asked for the job.
	Actor crm.Actor
	Clock func() time.Time
	NewID func() (string, error)

	claim     string
	lease     time.Duration
	cancelled bool
	model     func(ctx context.Context, f func(context.Context, *tenancy.Model) error) error
}

// Records lends the records to f for one step of the work. f may run again after the schema has moved.
func (r *Run) Records(ctx context.Context, f func(context.Context, *crm.Records) error) error {
	return r.model(ctx, func(ctx context.Context, model *tenancy.Model) error {
		return f(ctx, &crm.Records{Compiler: model.Compiler, Runner: r.Runner, Actor: r.Actor, Clock: r.Clock, NewID: r.NewID})
	})
}

// Stopping says that somebody asked for the job's end: what is done stays, and no more is done.
func (r *Run) Stopping() bool { return r.cancelled }

// Step is how far the job came.
type Step struct {
	// Progress is where the work goes on.
	Progress any
	// Report is what is shown of it.
	Report any
	Done   int64
	// Output is the id of the file that the job writes, or empty.
	Output string
}

// Note keeps a step in the transaction of the work itself: both are there
// afterwards, or neither is.
func (r *Run) Note(ctx context.Context, tx crm.Tx, step Step) error {
	progress, err := json.Marshal(step.Progress)
	if err != nil {
		return fmt.Errorf("noting the progress: %w", err)
	}
	report, err := json.Marshal(step.Report)
	if err != nil {
		return fmt.Errorf("noting the report: %w", err)
	}
	err = r.ours(func(each func(row [][]byte) error) error {
		return tx.Query(ctx, query.StepJob(query.JobStep{
			Claim: r.claim, Progress: progress, Report: report, Done: step.Done, Output: step.Output, Lease: r.lease,
		}), each)
	})
	if err == nil {
		r.Job.Attempts = 0 // as in the row; should the commit fail, the next claim counts on from there
	}
	return err
}

// ReplaceInput gives the job another file to work on, here and after a break.
func (r *Run) ReplaceInput(ctx context.Context, file *crm.File) error {
	err := r.ours(func(each func(row [][]byte) error) error {
		return r.Runner.Query(ctx, query.ReplaceInput(r.claim, file.ID, file.Size), each)
	})
	if err != nil {
		return fmt.Errorf("noting the file to work on: %w", err)
	}
	r.Job.Input, r.Job.Total = file.ID, file.Size
	return nil
}

// gotOn says whether the job has made a step since it was claimed.
func (r *Run) gotOn() bool { return r.Job.Attempts == 0 }

// ours runs a statement that gives a row while the job is this worker's, and
// hears from it whether the job's end was asked for.
func (r *Run) ours(statement func(each func(row [][]byte) error) error) error {
	found := false
	err := statement(func(row [][]byte) error {
		found = true
		r.cancelled = r.cancelled || string(row[0]) == "t"
		return nil
	})
	if err == nil && !found {
		return errLost
	}
	return err
}

// keep gives signs of life until ctx ends; when the job is lost the work is stopped.
func (r *Run) keep(ctx context.Context, stop context.CancelCauseFunc) {
	tick := time.NewTicker(r.lease / 3)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		found := false
		err := r.Runner.Query(ctx, query.KeepJob(r.claim, r.lease), func([][]byte) error { found = true; return nil })
		if err == nil && !found {
			stop(errLost)
			return
		}
	}
}

func (r *Run) finish(ctx context.Context, state crm.JobState, problem *crm.JobProblem) error {
	failure, err := problemJSON(problem)
	if err != nil {
		return fmt.Errorf("noting the end of a job: %w", err)
	}
	err = r.Runner.Query(ctx, query.FinishJob(r.claim, string(state), failure, keepJobs), func([][]byte) error { return nil })
	if err != nil {
		return fmt.Errorf("noting the end of a job: %w", err)
	}
	return nil
}

// unreadable is the fault of a job whose request or progress this worker does not understand.
func unreadable(err error) error {
	return fault.Wrap(fault.Malformed, err, "the job cannot be read by this worker")
}
