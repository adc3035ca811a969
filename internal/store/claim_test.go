package store_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/kontor-crm/kontor/internal/auth"
	"github.com/kontor-crm/kontor/internal/crm"
	"github.com/kontor-crm/kontor/internal/fault"
	"github.com/kontor-crm/kontor/internal/query"
	"github.com/kontor-crm/kontor/internal/schema"
	"github.com/kontor-crm/kontor/internal/store"
)

const annID = "0190f3c4-0000-7000-8000-000000000001"

var at = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// claimAt is the open claim of Ann's session in a database that holds it.
func claimAt(t *testing.T, d *store.Database) *auth.Claim {
	t.Helper()
	for _, statement := range []string{
		`CREATE SCHEMA kontor`, `CREATE SCHEMA crm`,
		`CREATE TABLE kontor.session (token_hash bytea PRIMARY KEY, user_id uuid NOT NULL, created_at timestamptz NOT NULL, expires_at timestamptz NOT NULL)`,
		`CREATE TABLE kontor.credential (user_id uuid PRIMARY KEY, email text NOT NULL, administrator boolean NOT NULL, disabled boolean NOT NULL DEFAULT false)`,
		`CREATE TABLE crm."user" (id uuid PRIMARY KEY, name text NOT NULL, deleted_at timestamptz)`,
		`CREATE TABLE note (text text)`,
		`INSERT INTO crm."user" VALUES ('` + annID + `', 'Ann 王')`,
		`INSERT INTO kontor.credential VALUES ('` + annID + `', 'ann@acme.example', true)`,
	} {
		must(t, d.Query(t.Context(), sql(statement), nothing))
	}
	must(t, d.CreateSession(t.Context(), []byte("hash"), annID, at, at.Add(time.Hour)))
	return freshClaim()
}

func freshClaim() *auth.Claim {
	return &auth.Claim{
		Principal: schema.Principal{UserID: annID, Name: "Ann 王", Email: "ann@acme.example", Administrator: true},
		TokenHash: []byte("hash"), At: at,
	}
}

// inEachMode are databases with prepared statements and with plain ones, as poolers need them.
func inEachMode(t *testing.T) map[string]*store.Database {
	t.Helper()
	return map[string]*store.Database{"prepared": open(t, store.Options{}), "plain": open(t, store.Options{PlainStatements: true})}
}

var writeNote = sql(`INSERT INTO note VALUES ($1) RETURNING text`, "x")

func notes(t *testing.T, d *store.Database) string {
	t.Helper()
	return row(t, d, sql(`SELECT count(*) FROM note`))
}

func TestTheFirstStatementProvesTheClaim(t *testing.T) {
	t.Parallel()
	for mode, d := range inEachMode(t) {
		claim := claimAt(t, d)
		runner := d.Proving(claim)
		if got := row(t, runner, writeNote); got != "x" || claim.IsOpen() || claim.Err() != nil {
			t.Errorf("%s: got %q; open: %t, %v", mode, got, claim.IsOpen(), claim.Err())
		}
		// What it proved it does not ask again.
		must(t, d.EndSession(t.Context(), claim.TokenHash))
		if got := row(t, runner, writeNote); got != "x" {
			t.Errorf("%s: the second statement gives %q", mode, got)
		}
	}
}

func TestATransactionProvesTheClaimBeforeAllElse(t *testing.T) {
	t.Parallel()
	for mode, d := range inEachMode(t) {
		claimAt(t, d)
		for name, first := range firsts {
			claim := freshClaim()
			must(t, d.Proving(claim).InTransaction(t.Context(), func(ctx context.Context, tx crm.Tx) error { return first(ctx, tx, nothing) }))
			if claim.IsOpen() || claim.Err() != nil {
				t.Errorf("%s: %s leaves the claim open: %t, %v", mode, name, claim.IsOpen(), claim.Err())
			}
		}
		if got := notes(t, d); got != "4" {
			t.Errorf("%s: %s notes were written, want 4", mode, got)
		}
	}
}

// firsts are the ways to begin a transaction; each writes a note.
var firsts = map[string]func(ctx context.Context, tx crm.Tx, each func(row [][]byte) error) error{
	"a query": func(ctx context.Context, tx crm.Tx, each func(row [][]byte) error) error {
		return tx.Query(ctx, writeNote, each)
	},
	"a batch": func(ctx context.Context, tx crm.Tx, each func(row [][]byte) error) error {
		return tx.Batch(ctx, []query.Statement{sql(`SELECT 1`), writeNote}, func(_ int, row [][]byte) error { return each(row) })
	},
	"a savepoint": func(ctx context.Context, tx crm.Tx, each func(row [][]byte) error) error {
		return tx.Savepoint(ctx, func(ctx context.Context) error { return tx.Query(ctx, writeNote, each) })
	},
	"a copy": func(ctx context.Context, tx crm.Tx, _ func(row [][]byte) error) error {
		return tx.Copy(ctx, query.Copy{SQL: `COPY note FROM STDIN`, Rows: 1, Append: func(dst []byte, _ int) ([]byte, error) { return append(dst, "x\n"...), nil }})
	},
}

func TestNothingIsDoneForAClaimThatDoesNotHold(t *testing.T) {
	t.Parallel()
	changes := map[string]string{
		"its session has ended":      `UPDATE kontor.session SET expires_at = created_at`,
		"its session is gone":        `DELETE FROM kontor.session`,
		"its credential is disabled": `UPDATE kontor.credential SET disabled = true`,
		"its user is deleted":        `UPDATE crm."user" SET deleted_at = now()`,
		"its rights are others":      `UPDATE kontor.credential SET administrator = false`,
		"its name is another":        `UPDATE crm."user" SET name = 'Bob'`,
		"its address is another":     `UPDATE kontor.credential SET email = 'bob@acme.example'`,
	}
	for name, change := range changes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, d := range inEachMode(t) {
				claimAt(t, d)
				must(t, d.Query(t.Context(), sql(change), nothing))
				refusesAll(t, d)
			}
		})
	}
}

// refusesAll tries to write a note for a claim that does not hold.
func refusesAll(t *testing.T, d *store.Database) {
	t.Helper()
	told := func(row [][]byte) error { return fmt.Errorf("a row is told: %s", row) }
	claim := freshClaim()
	runner := d.Proving(claim)
	for range 2 {
		if err := runner.Query(t.Context(), writeNote, told); !errors.Is(err, claim.Err()) || !fault.Is(err, fault.Unauthenticated) {
			t.Errorf("the statement answers %v", err)
		}
	}
	for name, first := range firsts {
		claim := freshClaim()
		err := d.Proving(claim).InTransaction(t.Context(), func(ctx context.Context, tx crm.Tx) error {
			if err := first(ctx, tx, told); !errors.Is(err, claim.Err()) || !fault.Is(err, fault.Unauthenticated) {
				t.Errorf("%s answers %v", name, err)
			}
			if err := tx.Query(ctx, writeNote, told); err == nil {
				t.Errorf("after %s the transaction goes on", name)
			}
			return nil // whatever the work makes of it
		})
		if err == nil {
			t.Errorf("after %s the transaction is committed", name)
		}
	}
	if got := notes(t, d); got != "0" {
		t.Errorf("%s notes were written", got)
	}
}

func TestAFailureThatSaysNothingOfTheClaimLeavesItOpen(t *testing.T) {
	t.Parallel()
	for mode, d := range inEachMode(t) {
		claim := claimAt(t, d)
		runner := d.Proving(claim)
		must(t, d.Query(t.Context(), sql(`ALTER TABLE kontor.session RENAME TO away`), nothing))
		if err := runner.Query(t.Context(), writeNote, nothing); !fault.Is(err, fault.Unavailable) || !claim.IsOpen() {
			t.Errorf("%s, without the table: %v; open: %t", mode, err, claim.IsOpen())
		}
		must(t, d.Query(t.Context(), sql(`ALTER TABLE kontor.away RENAME TO session`), nothing))
		if got := row(t, runner, writeNote); got != "x" || claim.IsOpen() {
			t.Errorf("%s, with the table again: %q; open: %t", mode, got, claim.IsOpen())
		}
		if got := notes(t, d); got != "1" {
			t.Errorf("%s: %s notes were written, want 1", mode, got)
		}
	}
}

func TestTheStatementsOwnDivisionByZeroIsNotTheClaims(t *testing.T) {
	t.Parallel()
	for mode, d := range inEachMode(t) {
		claim := claimAt(t, d)
		err := d.Proving(claim).Query(t.Context(), sql(`SELECT 1 / (length($1::text) - 1)`, "x"), nothing)
		if _, ok := errors.AsType[*crm.ConstraintError](err); !ok || claim.Err() != nil {
			t.Errorf("%s: the statement: %v; the claim: %v", mode, err, claim.Err())
		}
	}
}
