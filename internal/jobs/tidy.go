package jobs

import (
	"context"
	"fmt"
	"strconv"

	"github.com/kontor-crm/kontor/internal/crm"
	"github.com/kontor-crm/kontor/internal/query"
)

// tidyAtOnce is how many rows one statement of the housekeeping removes at most.
const tidyAtOnce = 500

// tidy removes what has had its time: sessions that have ended, and old jobs.
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
