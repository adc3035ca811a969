package rest

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"github.com/kontor-crm/kontor/internal/crm"
	"github.com/kontor-crm/kontor/internal/fault"
	"github.com/kontor-crm/kontor/internal/tenancy"
)

// jobAnswer is a job as the API tells it.
type jobAnswer struct {
	ID     string       `json:"id"`
	Kind   string       `json:"kind"`
	State  crm.JobState `json:"state"`
	Object string       `json:"object,omitempty"`
	DryRun bool         `json:"dryRun,omitempty"`
	// Cancelling says that the job ends after its present step.
	Cancelling bool            `json:"cancelling,omitempty"`
	Undoes     string          `json:"undoes,omitempty"`
	CreatedAt  time.Time       `json:"createdAt"`
	CreatedBy  string          `json:"createdBy,omitempty"`
	StartedAt  *time.Time      `json:"startedAt,omitempty"`
	FinishedAt *time.Time      `json:"finishedAt,omitempty"`
	Done       int64           `json:"done"`
	Total      int64           `json:"total"`
	Report     json.RawMessage `json:"report"`
	Error      *crm.JobProblem `json:"error,omitempty"`
	// Errors is the address of the file with what failed, Result that of an export.
	Errors string `json:"errors,omitempty"`
	Result string `json:"result,omitempty"`
}

func describeJob(job *crm.Job) jobAnswer {
	a := jobAnswer{
		ID: job.ID, Kind: job.Kind, State: job.State, Object: job.Object, Undoes: job.Undoes, Cancelling: job.Cancelled && !job.State.Ended(),
		CreatedAt: job.CreatedAt.UTC(), CreatedBy: job.CreatedBy, StartedAt: inUTC(job.StartedAt), FinishedAt: inUTC(job.FinishedAt),
		Done: job.Done, Total: job.Total, Report: job.Report, Error: job.Error,
	}
	if wish, err := job.ImportWish(); err == nil && job.Kind == crm.JobImport {
		a.DryRun = wish.DryRun
	}
	switch {
	case job.Output == "":
	case job.Kind == crm.JobExport:
		a.Result = jobAddress(job.ID) + "/result"
	default:
		a.Errors = jobAddress(job.ID) + "/errors"
	}
	return a
}

func inUTC(at *time.Time) *time.Time {
	if at == nil {
		return nil
	}
	utc := at.UTC()
	return &utc
}

func jobAddress(id string) string { return "/api/v1/jobs/" + id }

// jobs are the tenant's jobs, as the caller may see them.
func (c *call) jobs() *crm.Jobs {
	return &crm.Jobs{Runner: c.runner, Actor: crm.Actor{Principal: c.principal}, Clock: c.options.Clock, NewID: c.options.NewID}
}

// newJob answers a job that was made, and wakes a worker for it. Without the word
// a worker finds the job on its rounds.
func (c *call) newJob(ctx context.Context, job *crm.Job) (*answer, error) {
	if c.options.Wake != nil {
		if err := c.options.Wake(ctx, c.tenant.Key); err != nil {
			c.options.Log.WarnContext(ctx, "No worker could be woken", "tenant", c.tenant.Key, "job", job.ID, "error", err)
		}
	}
	a, err := oneJob(job)
	if err != nil {
		return nil, err
	}
	a.status = http.StatusAccepted
	a.header.Set("Location", jobAddress(job.ID))
	return a, nil
}

func oneJob(job *crm.Job) (*answer, error) {
	encoded, err := json.Marshal(describeJob(job))
	if err != nil {
		return nil, err
	}
	return ok(encoded), nil
}

// The bounds of a list of jobs, and of the wait for the end of one.
const (
	defaultJobs = 50
	maxJobs     = 200
	maxWait     = 30
)

// listJobs answers the newest jobs, the newest first.
func listJobs(ctx context.Context, c *call, _ *tenancy.Model) (*answer, error) {
	given, err := c.parameters("limit", "after")
	if err != nil {
		return nil, err
	}
	limit := defaultJobs
	if given["limit"] != "" {
		if limit, err = wholeNumber("limit", given["limit"], 1, maxJobs); err != nil {
			return nil, err
		}
	}
	list, err := c.jobs().List(ctx, given["after"], limit+1)
	if err != nil {
		return nil, err
	}
	page := struct {
		Items []jobAnswer `json:"items"`
		Next  string      `json:"next,omitempty"`
	}{Items: []jobAnswer{}}
	if len(list) > limit {
		list = list[:limit]
		page.Next = list[limit-1].ID
	}
	for _, job := range list {
		page.Items = append(page.Items, describeJob(job))
	}
	encoded, err := json.Marshal(page)
	if err != nil {
		return nil, err
	}
	return ok(encoded), nil
}

func wholeNumber(name, text string, least, most int) (int, error) {
	number, err := strconv.Atoi(text)
	if err != nil || number < least || number > most {
		return 0, malformed(name, "must be a whole number from "+strconv.Itoa(least)+" to "+strconv.Itoa(most))
	}
	return number, nil
}

// The time between two looks at a job whose end is waited for.
const (
	firstLook = 20 * time.Millisecond
	longLook  = 500 * time.Millisecond
)

// getJob answers one job; with the parameter "wait" it waits some seconds for its end.
func getJob(ctx context.Context, c *call, _ *tenancy.Model) (*answer, error) {
	given, err := c.parameters("wait")
	if err != nil {
		return nil, err
	}
	wait := 0
	if given["wait"] != "" {
		if wait, err = wholeNumber("wait", given["wait"], 0, maxWait); err != nil {
			return nil, err
		}
	}
	over := time.NewTimer(time.Duration(wait) * time.Second)
	defer over.Stop()
	for pause := firstLook; ; pause = min(2*pause, longLook) {
		job, err := c.jobs().Get(ctx, c.PathValue("id"))
		if err != nil {
			return nil, err
		}
		if job.State.Ended() || wait == 0 || !pauses(ctx, pause, over.C) {
			return oneJob(job)
		}
	}
}

// pauses waits for a while; false when it is over, or nobody waits any more.
func pauses(ctx context.Context, pause time.Duration, over <-chan time.Time) bool {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-over:
	case <-ctx.Done():
	}
	return false
}

// cancelJob asks for the end of a job.
func cancelJob(ctx context.Context, c *call, _ *tenancy.Model) (*answer, error) {
	job, err := c.jobs().Cancel(ctx, c.PathValue("id"))
	if err != nil {
		return nil, err
	}
	return oneJob(job)
}

// undoJob makes the job that takes an import back.
func undoJob(ctx context.Context, c *call, _ *tenancy.Model) (*answer, error) {
	job, err := c.jobs().CreateUndo(ctx, c.PathValue("id"))
	if err != nil {
		return nil, err
	}
	return c.newJob(ctx, job)
}

// jobErrors answers the file with what failed.
func jobErrors(ctx context.Context, w http.ResponseWriter, c *call) error {
	return c.sendOutput(ctx, w, false, "nothing failed in this job")
}

// jobResult answers the file that an export has written.
func jobResult(ctx context.Context, w http.ResponseWriter, c *call) error {
	return c.sendOutput(ctx, w, true, "this job has written no file")
}

func (c *call) sendOutput(ctx context.Context, w http.ResponseWriter, exported bool, none string) error {
	job, err := c.jobs().Get(ctx, c.PathValue("id"))
	if err != nil {
		return err
	}
	if !job.State.Ended() {
		return fault.New(fault.Conflict, "the job has not ended yet")
	}
	if job.Output == "" || exported != (job.Kind == crm.JobExport) || exported && job.State != crm.JobDone {
		return fault.New(fault.NotFound, "%s", none)
	}
	file, err := c.files().Written(ctx, job.Output)
	if err != nil {
		return err
	}
	return c.sendFile(ctx, w, file)
}
