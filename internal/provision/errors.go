package provision

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/kontor-crm/kontor/internal/fault"
	"github.com/kontor-crm/kontor/internal/secret"
)

// The reasons of this room's faults.
const (
	reasonUnreachable = "Unreachable"
	// ReasonAuthenticationFailed: the server refuses the role or its password.
	ReasonAuthenticationFailed = "AuthenticationFailed"
	// ReasonMissingRight: the role may not do what is needed.
	ReasonMissingRight = "MissingRight"
	// ReasonDatabaseRetained: an earlier tenant of the same name left the database.
	ReasonDatabaseRetained = "DatabaseRetained"
	// ReasonDatabaseForeign: the database is not Kontor's, or another tenant's.
	ReasonDatabaseForeign = "DatabaseForeign"
	// ReasonHostConflict: the host leads to another tenant.
	ReasonHostConflict = "HostConflict"
	// ReasonRowsFail: rows do not bear the change.
	ReasonRowsFail = "RowsFail"
	// ReasonOthersFail: other rows do not bear the change than those that it was decided for.
	ReasonOthersFail = "OthersFail"
	// ReasonSchemaMoved: somebody else applied a schema in between.
	ReasonSchemaMoved = "SchemaMoved"
)

// sqlError is what may be told of PostgreSQL's error: the primary message and the
// SQLSTATE, never the DETAIL, which quotes rows.
type sqlError struct{ code, message string }

func (e *sqlError) Error() string { return fmt.Sprintf("%s (SQLSTATE %s)", e.message, e.code) }

// sqlState is PostgreSQL's code of the error, or "".
func sqlState(err error) string {
	if refusal, ok := errors.AsType[*pgconn.PgError](err); ok {
		return refusal.Code
	}
	if told, ok := errors.AsType[*sqlError](err); ok {
		return told.code
	}
	return ""
}

// translate turns an error of the database into a fault that says what was being done.
func translate(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	if known, ok := errors.AsType[*fault.Error](err); ok {
		return known
	}
	doing := fmt.Sprintf(format, args...)
	if code := sqlState(err); code != "" {
		told := tell(err)
		kind, reason := classify(code)
		return &fault.Error{Kind: kind, Reason: reason, Message: doing + ": " + told.Error(), Cause: told}
	}
	if errors.Is(err, context.DeadlineExceeded) || pgconn.Timeout(err) {
		return fault.Wrap(fault.Unavailable, err, "%s: the database did not answer in time", doing)
	}
	if errors.Is(err, context.Canceled) {
		return fault.Wrap(fault.Unavailable, err, "%s: broken off", doing)
	}
	return fault.Wrap(fault.Unavailable, errors.New(err.Error()), "%s: the connection to the database broke", doing)
}

// tell keeps of PostgreSQL's error what may be told. The messages of class 22 quote values.
func tell(err error) *sqlError {
	refusal, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		known, _ := errors.AsType[*sqlError](err)
		return known
	}
	if strings.HasPrefix(refusal.Code, "22") {
		return &sqlError{code: refusal.Code, message: "a value does not fit"}
	}
	return &sqlError{code: refusal.Code, message: refusal.Message}
}

// classify sorts SQLSTATEs into kinds of faults.
func classify(code string) (fault.Kind, string) {
	switch code {
	case "28P01", "28000":
		return fault.Stalled, ReasonAuthenticationFailed
	case "42501":
		return fault.Stalled, ReasonMissingRight
	case "3D000":
		return fault.NotFound, ""
	case "55P03", "55006", "40001", "40P01", "57014", "57P01", "57P02", "57P03":
		return fault.Unavailable, ""
	}
	switch code[:min(2, len(code))] {
	case "08", "53", "58":
		return fault.Unavailable, ""
	case "23":
		return fault.Conflict, ""
	}
	return fault.Internal, ""
}

// overloaded says whether the server is there and takes nobody: starting, stopping, or full.
func overloaded(err error) bool {
	switch sqlState(err) {
	case "57P03", "57P01", "57P02", "53300":
		return true
	}
	return false
}

// unreachable translates the error of an attempt to connect.
func unreachable(err error, conn secret.Connection) error {
	switch {
	case authenticationFailed(err):
		return fault.Because(fault.Stalled, ReasonAuthenticationFailed, "the server refuses %s: the role or its password is wrong", conn)
	case overloaded(err):
		return fault.Because(fault.Unavailable, reasonUnreachable, "the server takes no connection as %s now: %s", conn, tell(err).message)
	case sqlState(err) == "3D000":
		return fault.New(fault.Stalled, "the server has no database %q", conn.Database)
	case sqlState(err) != "":
		return translate(err, "connecting as %s", conn)
	case errors.Is(err, context.Canceled):
		return fault.Wrap(fault.Unavailable, context.Canceled, "connecting as %s: broken off", conn)
	}
	return fault.Because(fault.Unavailable, reasonUnreachable, "nobody answers as %s: %s", conn, plainly(err))
}

// plainly is the innermost part of a connection's error: it says "connection
// refused" without the addresses and ports that change with each attempt.
func plainly(err error) string {
	if errors.Is(err, context.DeadlineExceeded) || pgconn.Timeout(err) {
		return "no answer in time"
	}
	for {
		if many, ok := err.(interface{ Unwrap() []error }); ok {
			if parts := many.Unwrap(); len(parts) > 0 {
				err = parts[0]
				continue
			}
			return err.Error()
		}
		inner := errors.Unwrap(err)
		if inner == nil {
			return err.Error()
		}
		err = inner
	}
}

// retryLocks repeats work that could not get a lock in time, or was the victim of a deadlock.
func (s *Servers) retryLocks(ctx context.Context, work func() error) error {
	const attempts = 4
	wait := 100 * time.Millisecond
	for attempt := 1; ; attempt++ {
		err := work()
		if code := sqlState(err); code != "55P03" && code != "40P01" || attempt == attempts {
			return err
		}
		if !pause(ctx, wait/2+time.Duration(s.options.Jitter()*float64(wait))) {
			return err
		}
		wait *= 2
	}
}

// pause waits, and says whether it waited to the end.
func pause(ctx context.Context, wait time.Duration) bool {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
