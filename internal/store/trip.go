package store

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/kontor-crm/kontor/internal/auth"
	"github.com/kontor-crm/kontor/internal/query"
)

// trip is what goes to the database in one round trip, in this order. When one of
// them fails, PostgreSQL carries out none of those behind it, and without a
// transaction none of those before it either.
type trip struct {
	begins     bool        // a transaction
	claim      *auth.Claim // is proved when it is open
	statements []query.Statement

	// tx is the transaction that was begun, in whatever state it is.
	tx pgx.Tx
}

// sender is a connection or a transaction.
type sender interface {
	SendBatch(ctx context.Context, batch *pgx.Batch) pgx.BatchResults
}

// send makes the trip; each gets the rows with the number of their statement.
func (t *trip) send(ctx context.Context, to sender, each func(statement int, row [][]byte) error) error {
	if err := t.claim.Err(); err != nil {
		return err
	}
	batch := &pgx.Batch{}
	if t.begins {
		batch.BeginTx(pgx.TxOptions{})
	}
	proves := t.claim.IsOpen()
	if proves {
		batch.Queue(claimHolds, claimArguments(t.claim)...)
	}
	for _, statement := range t.statements {
		batch.Queue(statement.SQL, statement.Args...)
	}
	results := to.SendBatch(ctx, batch)
	err := t.receive(results, proves, each)
	if closed := results.Close(); err == nil { // it repeats the error
		err = translate(closed)
	}
	if t.begins {
		t.tx = results.Tx()
	}
	return err
}

func (t *trip) receive(results pgx.BatchResults, proves bool, each func(statement int, row [][]byte) error) error {
	if t.begins {
		if _, err := results.Exec(); err != nil {
			return translate(err)
		}
	}
	if proves {
		if err := settle(results, t.claim); err != nil {
			return err
		}
	}
	for i := range t.statements {
		rows, err := results.Query()
		if err == nil {
			err = read(rows, func(row [][]byte) error { return each(i, row) })
		}
		if err != nil {
			return translate(err)
		}
	}
	return nil
}

// settle reads the answer to claimHolds.
func settle(results pgx.BatchResults, claim *auth.Claim) error {
	_, err := results.Exec()
	if failure, ok := errors.AsType[*pgconn.PgError](err); ok && failure.Code == codeDivision {
		claim.Settle(false)
		return claim.Err()
	}
	if err != nil {
		return translate(err)
	}
	claim.Settle(true)
	return nil
}
