package jobs

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/kontor-crm/kontor/internal/crm"
	"github.com/kontor-crm/kontor/internal/query"
)

const (
	// tidyAtOnce is how many rows one statement of the housekeeping removes at most.
	tidyAtOnce = 500
	// keepUsed is when a file is looked at again that a record refers to.
	keepUsed = 7 * 24 * time.Hour
)

// tidy removes what has had its time: sessions that have ended, old jobs, and
// files to which nothing refers.
func tidy(ctx context.Context, runner crm.Runner) error {
	if _, err := count(ctx, runner, query.ForgetSessions()); err != nil {
		return fmt.Errorf("removing ended sessions: %w", err)
	}
	for {
		gone, err := count(ctx, runner, query.ForgetJobs(keepJobs, tidyAtOnce))
		if err != nil {
			return fmt.Errorf("removing old jobs: %w", err)
		}
		if gone < tidyAtOnce {
			return tidyFiles(ctx, runner)
		}
	}
}

// tidyFiles removes files whose time is over, one by one: the database keeps those
// that records refer to.
func tidyFiles(ctx context.Context, runner crm.Runner) error {
	for {
		var ids []string
		err := runner.Query(ctx, query.ExpiredFiles(tidyAtOnce), func(row [][]byte) error {
			ids = append(ids, string(row[0]))
			return nil
		})
		if err != nil {
			return fmt.Errorf("looking for files that have had their time: %w", err)
		}
		for _, id := range ids {
			err := runner.Query(ctx, query.DeleteFile(id), func([][]byte) error { return nil })
			if refusal, ok := errors.AsType[*crm.ConstraintError](err); ok && refusal.Kind == crm.ConstraintForeign {
				err = runner.Query(ctx, query.KeepFile(id, keepUsed), func([][]byte) error { return nil })
			}
			if err != nil {
				return fmt.Errorf("removing the file %s: %w", id, err)
			}
		}
		if len(ids) < tidyAtOnce {
			return nil
		}
	}
}

// count runs a statement that gives one number.
func count(ctx context.Context, runner crm.Runner, statement query.Statement) (int64, error) {
	var number int64
	err := runner.Query(ctx, statement, func(row [][]byte) error {
		var err error
		number, err = strconv.ParseInt(string(row[0]), 10, 64)
		return err
	})
	return number, err
}
