package store

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/kontor-crm/kontor/internal/crm"
	"github.com/kontor-crm/kontor/internal/fault"
	"github.com/kontor-crm/kontor/internal/tenancy"
)

// The classes and codes of PostgreSQL's errors that mean something to the rooms below.
const (
	codeNotNull      = "23502"
	codeForeignKey   = "23503"
	codeUnique       = "23505"
	codeCheck        = "23514"
	codeNoColumn     = "42703"
	codeNoTable      = "42P01"
	codeNotSupported = "0A000" // a prepared statement whose result has another type now
	codeCanceled     = "57014"
	codeReadOnly     = "25006"
	codeNoDatabase   = "3D000"
	codeLockTimeout  = "55P03"
	codeDivision     = "22012"
)

// sqlError is an error of PostgreSQL without what may hold the values of a row:
// its DETAIL, and the message of bad values.
type sqlError struct{ code, message string }

// Error is the code with the message.
func (e *sqlError) Error() string { return strings.TrimSuffix("SQLSTATE "+e.code+": "+e.message, ": ") }

func withoutValues(e *pgconn.PgError) error {
	stripped := &sqlError{code: e.Code}
	if !strings.HasPrefix(e.Code, "22") && !strings.HasPrefix(e.Code, "23") {
		stripped.message = e.Message
	}
	return stripped
}

// translate says what an error of the database means. Faults pass as they are.
func translate(err error) error {
	if err == nil {
		return nil
	}
	if failure, ok := errors.AsType[*pgconn.PgError](err); ok {
		return meaning(failure)
	}
	if _, ok := errors.AsType[*fault.Error](err); ok {
		return err
	}
	if _, ok := errors.AsType[*crm.ConstraintError](err); ok {
		return err
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return busy(err)
	}
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok || pgconn.Timeout(err) || pgconn.SafeToRetry(err) || broken(err) {
		return fault.Wrap(fault.Unavailable, err, "the tenant's database does not answer; try again")
	}
	return err
}

// broken says that the connection ended in the middle.
func broken(err error) bool {
	return errors.Is(err, pgx.ErrTxClosed) || strings.Contains(err.Error(), "conn closed") || strings.Contains(err.Error(), "unexpected EOF") ||
		strings.Contains(err.Error(), "connection reset") || strings.Contains(err.Error(), "closed pool") || strings.Contains(err.Error(), "broken pipe")
}

func busy(cause error) error {
	return fault.Wrap(fault.Unavailable, cause, "the tenant's database is busy; try again")
}

func meaning(e *pgconn.PgError) error {
	cause := withoutValues(e)
	refusal := func(kind crm.ConstraintKind) error {
		return &crm.ConstraintError{Kind: kind, Name: e.ConstraintName, Table: e.TableName, Column: e.ColumnName, Cause: cause}
	}
	switch e.Code {
	case codeUnique:
		return refusal(crm.ConstraintUnique)
	case codeForeignKey:
		return refusal(crm.ConstraintForeign)
	case codeCheck:
		return refusal(crm.ConstraintCheck)
	case codeNotNull:
		return refusal(crm.ConstraintNotNull)
	case codeNoColumn, codeNoTable, codeNotSupported:
		return tenancy.SchemaMoved(cause)
	case codeCanceled, codeLockTimeout:
		return busy(cause)
	case codeReadOnly, codeNoDatabase:
		return fault.Wrap(fault.Unavailable, cause, "the tenant's database cannot be used now; try again")
	}
	switch e.Code[:min(2, len(e.Code))] {
	case "22", "54": // 54 is a value over what an index or the server can hold
		return refusal(crm.ConstraintRange)
	case "40":
		return busy(cause)
	case "08", "53", "57", "58", "28":
		return fault.Wrap(fault.Unavailable, cause, "the tenant's database does not answer; try again")
	}
	return fmt.Errorf("running a statement: %w", cause)
}
