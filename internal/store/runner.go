package store

import (
	"context"
	"io"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/kontor-crm/kontor/internal/auth"
	"github.com/kontor-crm/kontor/internal/crm"
	"github.com/kontor-crm/kontor/internal/query"
)

// runner runs statements; it is a crm.Runner.
type runner struct {
	connections *connections
	// claim is proved before anything else is done.
	claim *auth.Claim
}

// Proving is a runner for who claims to be somebody. An open claim is proved in the
// round trip of the first statement.
func (d *Database) Proving(claim *auth.Claim) crm.Runner {
	return &runner{connections: d.runner.connections, claim: claim}
}

// Query runs one statement outside of a transaction.
func (r *runner) Query(ctx context.Context, statement query.Statement, each func(row [][]byte) error) error {
	return r.connections.use(ctx, func(connection *pgxpool.Conn) error {
		if !r.claim.IsOpen() {
			return run(ctx, connection, r.claim, statement, each)
		}
		t := trip{claim: r.claim, statements: []query.Statement{statement}}
		return t.send(ctx, connection, func(_ int, row [][]byte) error { return each(row) })
	})
}

// InTransaction runs f in a transaction, which is committed when f returns nil. It
// begins with the first statement.
func (r *runner) InTransaction(ctx context.Context, f func(ctx context.Context, tx crm.Tx) error) error {
	return r.connections.use(ctx, func(connection *pgxpool.Conn) error {
		t := &transaction{connection: connection, claim: r.claim}
		defer t.rollback(ctx) // a panic passes here too
		if err := f(ctx, t); err != nil {
			return err
		}
		return t.commit(ctx)
	})
}

// transaction is a crm.Tx.
type transaction struct {
	connection *pgxpool.Conn
	claim      *auth.Claim
	tx         pgx.Tx // nil until the first statement
}

// Query runs one statement.
func (t *transaction) Query(ctx context.Context, statement query.Statement, each func(row [][]byte) error) error {
	if t.tx != nil {
		return run(ctx, t.tx, t.claim, statement, each)
	}
	return t.Batch(ctx, []query.Statement{statement}, func(_ int, row [][]byte) error { return each(row) })
}

// Batch runs statements in order and in one round trip.
func (t *transaction) Batch(
	ctx context.Context, statements []query.Statement, each func(statement int, row [][]byte) error,
) error {
	if t.tx != nil {
		next := trip{claim: t.claim, statements: statements}
		return next.send(ctx, t.tx, each)
	}
	first := trip{begins: true, claim: t.claim, statements: statements}
	err := first.send(ctx, t.connection, each)
	t.tx = first.tx
	return err
}

// Copy puts the rows into their table, all of them or none.
func (t *transaction) Copy(ctx context.Context, rows query.Copy) error {
	if err := t.begin(ctx); err != nil {
		return err
	}
	stream := &copied{rows: rows}
	_, err := t.tx.Conn().PgConn().CopyFrom(ctx, stream, rows.SQL)
	if stream.failed != nil {
		return stream.failed // PostgreSQL only says that the stream broke off
	}
	return translate(err)
}

// copied are rows as a stream; it makes them while it is read.
type copied struct {
	rows query.Copy
	next int
	// made is what of the rows before next is not read yet, within memory, which is used again.
	made, memory []byte
	failed       error
}

// copiedAtOnce is how many bytes of rows are made before they are read.
const copiedAtOnce = 64 << 10

// Read gives some of the rows.
func (c *copied) Read(p []byte) (int, error) {
	if len(c.made) == 0 {
		if err := c.make(); err != nil {
			return 0, err
		}
		if len(c.made) == 0 {
			return 0, io.EOF
		}
	}
	n := copy(p, c.made)
	c.made = c.made[n:]
	return n, nil
}

func (c *copied) make() error {
	made := c.memory[:0]
	for ; c.next < c.rows.Rows && len(made) < copiedAtOnce; c.next++ {
		if made, c.failed = c.rows.Append(made, c.next); c.failed != nil {
			return c.failed
		}
	}
	c.made, c.memory = made, made
	return nil
}

// Savepoint runs f; when f fails, what it did is undone and the transaction goes on.
func (t *transaction) Savepoint(ctx context.Context, f func(ctx context.Context) error) error {
	if err := t.begin(ctx); err != nil {
		return err
	}
	inner, err := t.tx.Begin(ctx)
	if err != nil {
		return translate(err)
	}
	if err := f(ctx); err != nil {
		if undone := inner.Rollback(ctx); undone != nil {
			return translate(undone)
		}
		return err
	}
	return translate(inner.Commit(ctx))
}

// begin begins the transaction where no statement has.
func (t *transaction) begin(ctx context.Context) error {
	if t.tx == nil {
		return t.Batch(ctx, nil, nil)
	}
	return t.claim.Err()
}

func (t *transaction) commit(ctx context.Context) error {
	if t.tx == nil {
		return nil
	}
	return translate(t.tx.Commit(ctx))
}

// rollback does nothing after a commit.
func (t *transaction) rollback(ctx context.Context) {
	if t.tx != nil {
		_ = t.tx.Rollback(ctx) // a connection that cannot is closed
	}
}

// querier is a connection or a transaction.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// run runs one statement when nothing is left to prove.
func run(ctx context.Context, q querier, claim *auth.Claim, statement query.Statement, each func(row [][]byte) error) error {
	if err := claim.Err(); err != nil {
		return err
	}
	rows, err := q.Query(ctx, statement.SQL, statement.Args...)
	if err != nil {
		return translate(err)
	}
	return translate(read(rows, each))
}

// read gives the rows one by one; an error of each ends the reading.
func read(rows pgx.Rows, each func(row [][]byte) error) error {
	defer rows.Close()
	for rows.Next() {
		if err := each(rows.RawValues()); err != nil {
			return err
		}
	}
	return rows.Err()
}
