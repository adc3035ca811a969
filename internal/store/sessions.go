package store

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/kontor-crm/kontor/internal/auth"
	"github.com/kontor-crm/kontor/internal/schema"
)

// sessions keeps credentials and sessions; it is an auth.Store.
type sessions struct{ connections *connections }

// Credential is the one of an e-mail address in lower case.
func (s *sessions) Credential(ctx context.Context, email string) (auth.Credential, bool, error) {
	var c auth.Credential
	found, err := s.one(ctx, `
		SELECT c.user_id::text, u.name, c.email, c.administrator, c.password_hash
		FROM kontor.credential c JOIN crm."user" u ON u.id = c.user_id AND u.deleted_at IS NULL
		WHERE c.email = $1 AND NOT c.disabled`, []any{email},
		&c.Principal.UserID, &c.Principal.Name, &c.Principal.Email, &c.Principal.Administrator, &c.PasswordHash)
	return c, found, err
}

// CreateSession keeps a session and removes the user's ended ones.
func (s *sessions) CreateSession(ctx context.Context, tokenHash []byte, userID string, now, expires time.Time) error {
	return s.connections.use(ctx, func(connection *pgxpool.Conn) error {
		_, err := connection.Exec(ctx, `
			WITH ended AS (DELETE FROM kontor.session WHERE user_id = $2 AND expires_at <= $3)
			INSERT INTO kontor.session (token_hash, user_id, created_at, expires_at) VALUES ($1, $2, $3, $4)`,
			tokenHash, userID, now, expires)
		return translate(err)
	})
}

// ofSession are the user and the session of a token, $1, that has not ended at the time $2.
const ofSession = `
	FROM kontor.session s
	JOIN kontor.credential c ON c.user_id = s.user_id
	JOIN crm."user" u ON u.id = c.user_id AND u.deleted_at IS NULL
	WHERE s.token_hash = $1 AND s.expires_at > $2 AND NOT c.disabled`

// Session is the principal of a session that has not ended.
func (s *sessions) Session(ctx context.Context, tokenHash []byte, now time.Time) (schema.Principal, bool, error) {
	var p schema.Principal
	found, err := s.one(ctx, `
		SELECT c.user_id::text, u.name, c.email, c.administrator`+ofSession, []any{tokenHash, now},
		&p.UserID, &p.Name, &p.Email, &p.Administrator)
	return p, found, err
}

// claimHolds fails, with codeDivision, when the session is no longer the principal's:
// what follows in the same round trip is then not carried out.
const claimHolds = `SELECT 1 / count(*)` + ofSession + ` AND c.user_id = $3::uuid AND u.name = $4 AND c.email = $5 AND c.administrator = $6`

func claimArguments(claim *auth.Claim) []any {
	p := claim.Principal
	return []any{claim.TokenHash, claim.At, p.UserID, p.Name, p.Email, p.Administrator}
}

// Principal is the one of a user who may sign in.
func (s *sessions) Principal(ctx context.Context, userID string) (schema.Principal, bool, error) {
	var p schema.Principal
	found, err := s.one(ctx, `
		SELECT c.user_id::text, u.name, c.email, c.administrator
		FROM kontor.credential c JOIN crm."user" u ON u.id = c.user_id AND u.deleted_at IS NULL
		WHERE c.user_id = $1::uuid AND NOT c.disabled`, []any{userID},
		&p.UserID, &p.Name, &p.Email, &p.Administrator)
	return p, found, err
}

// EndSession removes a session.
func (s *sessions) EndSession(ctx context.Context, tokenHash []byte) error {
	return s.connections.use(ctx, func(connection *pgxpool.Conn) error {
		_, err := connection.Exec(ctx, `DELETE FROM kontor.session WHERE token_hash = $1`, tokenHash)
		return translate(err)
	})
}

// one reads at most one row.
func (s *sessions) one(ctx context.Context, sql string, args []any, into ...any) (found bool, err error) {
	err = s.connections.use(ctx, func(connection *pgxpool.Conn) error {
		err := connection.QueryRow(ctx, sql, args...).Scan(into...)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		found = err == nil
		return translate(err)
	})
	return found, err
}
