package crm

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/kontor-crm/kontor/internal/fault"
	"github.com/kontor-crm/kontor/internal/query"
)

// JobState is where a job is on its way.
type JobState string

// The states of a job; the last three are its end.
const (
	JobQueued    JobState = "queued"
	JobRunning   JobState = "running"
	JobDone      JobState = "done"
	JobFailed    JobState = "failed"
	JobCancelled JobState = "cancelled"
)

// Ended says that nothing happens any more.
func (s JobState) Ended() bool { return s != JobQueued && s != JobRunning }

// Job is a piece of work that a worker does in the background, as its row has it.
type Job struct {
	ID    string   `json:"id"`
	Kind  string   `json:"kind"`
	State JobState `json:"state"`
	// Object is the name of the object that it is about, or empty.
	Object  string          `json:"object"`
	Request json.RawMessage `json:"request"`
	// Input and Output are the ids of the files that it reads and writes, Undoes that of the job that it undoes.
	Input  string `json:"input"`
	Output string `json:"output"`
	Undoes string `json:"undoes"`

	CreatedAt  time.Time  `json:"created_at"`
	CreatedBy  string     `json:"created_by"`
	StartedAt  *time.Time `json:"started_at"`
	FinishedAt *time.Time `json:"finished_at"`

	// Progress is where the worker goes on.
	Progress json.RawMessage `json:"progress"`
	// Report is what is shown of it, in the form of its kind.
	Report json.RawMessage `json:"report"`
	// Done is how much of Total is done; Total is 0 when nobody knows.
	Done  int64 `json:"done"`
	Total int64 `json:"total"`
	// Error is the Problem of a job that failed, or null.
	Error *JobProblem `json:"error"`
	// Cancelled says that somebody asked for its end.
	Cancelled bool `json:"cancelled"`
	// Attempts is how often a worker took it up since it last got on.
	Attempts int `json:"attempts"`
}

// JobProblem is why a job failed.
type JobProblem struct {
	Message    string            `json:"message"`
	Violations []fault.Violation `json:"violations,omitempty"`
}

// ReadJob reads a row that a statement about jobs returns.
func ReadJob(row [][]byte) (*Job, error) {
	var j Job
	if err := json.Unmarshal(row[0], &j); err != nil {
		return nil, fmt.Errorf("reading a job: %w", err)
	}
	return &j, nil
}

// Jobs are a tenant's jobs, as one actor may see and use them: an administrator
// all, everybody else their own.
type Jobs struct {
	Runner Runner
	Actor  Actor
	Clock  func() time.Time
	NewID  func() (string, error)
}

// owner limits what is seen; empty is all.
func (j *Jobs) owner() string {
	if j.Actor.Principal.Administrator {
		return ""
	}
	return j.Actor.Principal.UserID
}

// Create makes a job that waits for a worker. Its id, owner and time are set here.
func (j *Jobs) Create(ctx context.Context, job query.NewJob) (*Job, error) {
	id, err := j.NewID()
	if err != nil {
		return nil, fmt.Errorf("making an id: %w", err)
	}
	job.ID, job.By, job.At = id, j.Actor.Principal.UserID, j.Clock()
	created, err := j.one(ctx, query.InsertJob(job))
	if err != nil {
		return nil, fmt.Errorf("making a job: %w", err)
	}
	return created, nil
}

// Get is one job; without it, or when it is somebody else's, the fault is NotFound.
func (j *Jobs) Get(ctx context.Context, id string) (*Job, error) {
	if err := checkJobID(id); err != nil {
		return nil, err
	}
	job, err := j.one(ctx, query.Job(id, j.owner()))
	if err != nil {
		return nil, fmt.Errorf("reading the job: %w", err)
	}
	if job == nil {
		return nil, noJob(id)
	}
	return job, nil
}

// List are the newest jobs, the newest first. Before is the id of the last one of the page before, or empty.
func (j *Jobs) List(ctx context.Context, before string, limit int) ([]*Job, error) {
	if before != "" {
		if err := checkJobID(before); err != nil {
			return nil, &fault.Error{Kind: fault.Malformed, Cause: err, Violations: []fault.Violation{{Path: "after", Message: "is not the id of a job"}}}
		}
	}
	jobs := []*Job{}
	err := j.Runner.Query(ctx, query.Jobs(j.owner(), before, limit), func(row [][]byte) error {
		job, err := ReadJob(row)
		jobs = append(jobs, job)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("listing jobs: %w", err)
	}
	return jobs, nil
}

// Cancel ends a job that waits, and asks the worker of one that runs to end it
// after its present step. What is done stays done.
func (j *Jobs) Cancel(ctx context.Context, id string) (*Job, error) {
	job, err := j.Get(ctx, id)
	if err != nil {
		return nil, err
	}
	cancelled, err := j.one(ctx, query.CancelJob(id, j.Clock()))
	if err != nil {
		return nil, fmt.Errorf("cancelling the job: %w", err)
	}
	if cancelled == nil && job.State != JobCancelled {
		return nil, fault.New(fault.Conflict, "the job has ended already")
	}
	if cancelled == nil {
		return job, nil
	}
	return cancelled, nil
}

// one is the job of a statement that gives one row at most; nil without a row.
func (j *Jobs) one(ctx context.Context, statement query.Statement) (*Job, error) {
	var job *Job
	err := j.Runner.Query(ctx, statement, func(row [][]byte) error {
		var err error
		job, err = ReadJob(row)
		return err
	})
	return job, err
}

func checkJobID(id string) error {
	if _, err := uuid.Parse(id); err != nil || len(id) != len(uuid.Nil.String()) {
		return noJob(id)
	}
	return nil
}

func noJob(id string) error {
	return fault.New(fault.NotFound, "there is no job with the id %s", strconv.Quote(shortened(strings.ToValidUTF8(id, "\ufffd"))))
}
