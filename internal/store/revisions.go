package store

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// revisions knows the applied schemas and their leases; it is a tenancy.Database
// but for Close.
type revisions struct{ connections *connections }

// NewestSchema is the stored form of the newest applied schema; revision 0 when there is none.
func (r *revisions) NewestSchema(ctx context.Context) (revision int64, document []byte, err error) {
	err = r.connections.use(ctx, func(connection *pgxpool.Conn) error {
		err := connection.QueryRow(ctx,
			`SELECT revision, document::text FROM kontor.applied_schema ORDER BY revision DESC LIMIT 1`).Scan(&revision, &document)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		return translate(err)
	})
	return revision, document, err
}

// Lease says that the server serves the revision for so long, and removes
// leases that have lapsed. It returns the newest applied revision.
func (r *revisions) Lease(ctx context.Context, server string, revision int64, length time.Duration) (newest int64, err error) {
	err = r.connections.lend(ctx, func(connection *pgxpool.Conn) error {
		return translate(connection.QueryRow(ctx, `
			WITH lapsed AS (DELETE FROM kontor.lease WHERE expires_at < now() - interval '1 minute'),
			leased AS (
				INSERT INTO kontor.lease (server, revision, expires_at) VALUES ($1, $2, now() + $3 * interval '1 millisecond')
				ON CONFLICT (server) DO UPDATE SET revision = excluded.revision, expires_at = excluded.expires_at)
			SELECT max(revision) FROM kontor.applied_schema`,
			server, revision, length.Milliseconds()).Scan(&newest))
	})
	return newest, err
}
