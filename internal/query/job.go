package query

import (
	"encoding/json"
	"strconv"
	"time"

	"github.com/kontor-crm/kontor/internal/expr"
	"github.com/kontor-crm/kontor/internal/schema"
)

// A job's row is read as one JSON object with the columns' names.
const (
	jobTable     = `kontor.job AS j`
	jobColumn    = `to_jsonb(j)::text`
	jobReturning = ` RETURNING ` + jobColumn
)

// NewJob is what a job is made of.
type NewJob struct {
	ID, Kind string
	// Object is the name of the object that it is about, or empty.
	Object string
	// Request is what is to be done, in JSON.
	Request json.RawMessage
	// Input is the id of the file that it reads, Undoes that of the job that it undoes; each may be empty.
	Input, Undoes string
	// Total is how much there is to do, 0 when nobody knows.
	Total int64
	// By is the user who wants it.
	By string
	At time.Time
}

// InsertJob makes a job that waits for a worker, and returns its row.
func InsertJob(j NewJob) Statement {
	var args expr.Args
	return Statement{
		SQL: `INSERT INTO kontor.job AS j (id, kind, object, request, input, undoes, total, created_by, created_at) VALUES (` +
			args.Add(j.ID) + `::uuid, ` + args.Add(j.Kind) + `, ` + args.Add(j.Object) + `, ` + args.Add(string(j.Request)) + `::jsonb, ` +
			args.Add(orNull(j.Input)) + `::uuid, ` + args.Add(orNull(j.Undoes)) + `::uuid, ` + args.Add(j.Total) + `::bigint, ` +
			args.Add(orNull(j.By)) + `::uuid, ` + args.Add(moment(j.At)) + `::timestamptz)` + jobReturning,
		Args: args.Values(),
	}
}

// Job is the row of one job; with an owner only when it is that user's.
func Job(id, owner string) Statement {
	var args expr.Args
	return Statement{
		SQL:  `SELECT ` + jobColumn + ` FROM ` + jobTable + ` WHERE id = ` + args.Add(id) + `::uuid` + ownedBy(owner, &args),
		Args: args.Values(),
	}
}

func ownedBy(owner string, args *expr.Args) string {
	if owner == "" {
		return ""
	}
	return ` AND created_by = ` + args.Add(owner) + `::uuid`
}

// Jobs are the rows of the newest jobs, the newest first; with an owner only that user's. Before is
// the id of the last one of the page before, or empty.
func Jobs(owner, before string, limit int) Statement {
	var args expr.Args
	where := `true` + ownedBy(owner, &args)
	if before != "" {
		where += ` AND id < ` + args.Add(before) + `::uuid`
	}
	return Statement{
		SQL:  `SELECT ` + jobColumn + ` FROM ` + jobTable + ` WHERE ` + where + ` ORDER BY id DESC LIMIT ` + strconv.Itoa(limit),
		Args: args.Values(),
	}
}

// CancelJob ends a job that waits, and asks the worker of one that runs to end it. It returns the row,
// and none when the job has ended.
func CancelJob(id string, at time.Time) Statement {
	var args expr.Args
	place := args.Add(id)
	return Statement{
		SQL: `UPDATE kontor.job AS j SET cancelled = true, state = CASE state WHEN 'queued' THEN 'cancelled' ELSE state END,
			finished_at = CASE state WHEN 'queued' THEN ` + args.Add(moment(at)) + `::timestamptz END
			WHERE id = ` + place + `::uuid AND state IN ('queued', 'running')` + jobReturning,
		Args: args.Values(),
	}
}

// ClaimJob takes the oldest job of the kinds that waits, or whose worker has not been heard of for the
// time of its lease, and returns its row.
func ClaimJob(claim string, kinds []string, lease time.Duration) Statement {
	var args expr.Args
	return Statement{
		SQL: `UPDATE kontor.job AS j SET state = 'running', claim = ` + args.Add(claim) + `::uuid, lease_until = now() + ` + seconds(lease, &args) + `,
			attempts = attempts + 1, started_at = coalesce(started_at, now())
			WHERE id = (SELECT id FROM kontor.job WHERE (state = 'queued' AND run_after <= now() OR state = 'running' AND lease_until < now())
				AND kind = ANY (` + args.Add(kinds) + `::text[])
				ORDER BY created_at LIMIT 1 FOR UPDATE SKIP LOCKED)` + jobReturning,
		Args: args.Values(),
	}
}

// JobStep is how far a worker came.
type JobStep struct {
	// Claim is the worker's; with another one the step changes nothing.
	Claim string
	// Progress is where the work goes on, Report what is shown, both in JSON.
	Progress, Report json.RawMessage
	Done             int64
	// Output is the id of the file that the job writes, or empty.
	Output string
	Lease  time.Duration
}

// StepJob notes a step, in the transaction of the work itself. It returns whether the job's end was
// asked for, and no row when the worker has lost the job.
func StepJob(s JobStep) Statement {
	var args expr.Args
	return Statement{
		SQL: `UPDATE kontor.job SET progress = ` + args.Add(string(s.Progress)) + `::jsonb, report = ` + args.Add(string(s.Report)) + `::jsonb, done = ` +
			args.Add(s.Done) + `::bigint, output = ` + args.Add(orNull(s.Output)) + `::uuid, attempts = 0, lease_until = now() + ` + seconds(s.Lease, &args) +
			` WHERE claim = ` + args.Add(s.Claim) + `::uuid AND state = 'running' RETURNING cancelled`,
		Args: args.Values(),
	}
}

// ReplaceInput gives a job that is claimed another file to work on, and returns whether its end was asked for.
func ReplaceInput(claim, input string, total int64) Statement {
	var args expr.Args
	return Statement{
		SQL: `UPDATE kontor.job SET input = ` + args.Add(input) + `::uuid, total = ` + args.Add(total) + `::bigint WHERE claim = ` + args.Add(claim) +
			`::uuid AND state = 'running' RETURNING cancelled`,
		Args: args.Values(),
	}
}

// KeepJob is the sign of life of a worker; it returns no row when the worker has lost the job.
func KeepJob(claim string, lease time.Duration) Statement {
	var args expr.Args
	return Statement{
		SQL: `UPDATE kontor.job SET lease_until = now() + ` + seconds(lease, &args) + ` WHERE claim = ` + args.Add(claim) +
			`::uuid AND state = 'running' RETURNING cancelled`,
		Args: args.Values(),
	}
}

// HandBackJob lets another worker go on with the job after a while. An attempt that does not count is
// as if it had never been.
func HandBackJob(claim string, after time.Duration, counts bool) Statement {
	var args expr.Args
	return Statement{
		SQL: `UPDATE kontor.job SET state = 'queued', claim = NULL, lease_until = NULL, run_after = now() + ` + seconds(after, &args) +
			`, attempts = CASE WHEN ` + args.Add(counts) + `::boolean THEN attempts ELSE greatest(0, attempts - 1) END WHERE claim = ` + args.Add(claim) + `::uuid AND state = 'running'`,
		Args: args.Values(),
	}
}

// FinishJob ends the job in a state; the failure is in JSON, or nil. The job is forgotten after a while.
func FinishJob(claim, state string, failure json.RawMessage, keep time.Duration) Statement {
	var args expr.Args
	return Statement{
		SQL: `UPDATE kontor.job SET state = ` + args.Add(state) + `::text, done = CASE WHEN ` + args.Add(state == "done") + `::boolean THEN greatest(done, total) ELSE done END, error = ` + args.Add(orNull(string(failure))) +
			`::jsonb, claim = NULL, lease_until = NULL, finished_at = now(), expires_at = now() + ` + seconds(keep, &args) +
			` WHERE claim = ` + args.Add(claim) + `::uuid AND state = 'running' RETURNING id`,
		Args: args.Values(),
	}
}

// NextJob is in how many seconds the next job of the kinds can be claimed; null when there is none.
func NextJob(kinds []string) Statement {
	var args expr.Args
	return Statement{SQL: `SELECT ceil(extract(epoch FROM min(greatest(now(), CASE state WHEN 'running' THEN lease_until ELSE run_after END)) - now()))::bigint
		FROM kontor.job WHERE state IN ('queued', 'running') AND kind = ANY (` + args.Add(kinds) + `::text[])`, Args: args.Values()}
}

// JobDeedsRequest says which deeds of a job to read.
type JobDeedsRequest struct {
	// Job and Channel are those of the job whose deeds they are; Undo is the job that undoes
	// it, UndoChannel that of all such jobs.
	Job, Channel, Undo, UndoChannel string
	// Created are the records that the job made, the newest first; otherwise it is the others.
	Created bool
	// Before is the id of the last record before, or empty; Records is how many are read.
	Before  string
	Records int
}

// JobDeeds are the changes that a job made to some records, in the falling order of
// the records and the order of the versions: the record's id and object, the version,
// the operation, the changes, how many versions jobs that undo this one have made of
// it, and whether one of them is Undo's.
func JobDeeds(r JobDeedsRequest) Statement {
	var args expr.Args
	job := args.Add(r.Job)
	// The channels stand in the statement, so that it can use the index that is for them alone.
	from := `FROM kontor.history AS h WHERE h.request_id = ` + job + `::text AND h.channel = ` + schema.QuoteLiteral(r.Channel)
	// The first deed tells whether the job made the record. It is counted whether there is an
	// earlier one, and rows are not made distinct: either might read all deeds of the job first.
	page := `SELECT h.record_id ` + from + ` AND h.operation = 'create'`
	if !r.Created {
		page = `SELECT h.record_id ` + from + ` AND h.operation <> 'create' AND (SELECT count(*) FROM kontor.history AS c WHERE c.record_id = h.record_id
			AND c.request_id = ` + job + `::text AND c.channel = ` + schema.QuoteLiteral(r.Channel) + ` AND c.version < h.version) = 0`
	}
	if r.Before != "" {
		page += ` AND h.record_id < ` + args.Add(r.Before) + `::uuid`
	}
	return Statement{
		// OFFSET 0 keeps the deeds of each record apart from each other, and found by the index.
		SQL: `WITH page AS MATERIALIZED (` + page + ` ORDER BY h.record_id DESC LIMIT ` + strconv.Itoa(r.Records) + `)
			SELECT h.record_id::text, h.object, h.version, h.operation, h.changes::text, u.versions, u.own
			FROM page CROSS JOIN LATERAL (SELECT h.* ` + from + ` AND h.record_id = page.record_id OFFSET 0) AS h
			CROSS JOIN LATERAL (SELECT count(*) AS versions, coalesce(bool_or(u.request_id = ` + args.Add(r.Undo) + `::text), false) AS own
				FROM kontor.history AS u WHERE u.record_id = page.record_id AND u.channel = ` + schema.QuoteLiteral(r.UndoChannel) + ` AND u.request_id IN
				(SELECT j.id::text FROM kontor.job AS j WHERE j.undoes = ` + job + `::uuid)) AS u
			ORDER BY h.record_id DESC, h.version`,
		Args: args.Values(),
	}
}

// ForgetSessions removes sessions that have ended, and gives how many.
func ForgetSessions() Statement {
	return Statement{SQL: `WITH gone AS (DELETE FROM kontor.session WHERE expires_at < now() RETURNING 1) SELECT count(*) FROM gone`}
}

// ForgetJobs removes some jobs that ended long ago, and gives how many. Those that nobody ran have no other date.
func ForgetJobs(keep time.Duration, limit int) Statement {
	var args expr.Args
	return Statement{
		SQL: `WITH gone AS (DELETE FROM kontor.job WHERE id IN (SELECT id FROM kontor.job WHERE expires_at < now()
				OR state = 'cancelled' AND expires_at IS NULL AND finished_at < now() - ` + seconds(keep, &args) + ` LIMIT ` + strconv.Itoa(limit) + `)
			RETURNING 1) SELECT count(*) FROM gone`,
		Args: args.Values(),
	}
}

// seconds is a length of time as an interval.
func seconds(length time.Duration, args *expr.Args) string {
	return args.Add(length.Milliseconds()) + `::bigint * interval '1 millisecond'`
}
