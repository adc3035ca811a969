package auth

import (
	"context"
	"crypto/sha256"
	"fmt"
	"time"

	"github.com/kontor-crm/kontor/internal/fault"
	"github.com/kontor-crm/kontor/internal/schema"
	"github.com/kontor-crm/kontor/internal/secret"
)

// maxRemembered is how many sessions are remembered, of all tenants: it bounds the memory.
const maxRemembered = 10_000

// sessionKey leads to a remembered session.
type sessionKey struct {
	tenant string
	hash   [sha256.Size]byte
}

// Claim is that a token is the session of a principal. One that is remembered from
// an earlier request lets this one begin; the database is asked about it with the
// first statement, in its round trip, and carries nothing out when it is no longer
// so. A claim is one request's, and not for several goroutines. The nil claim is that
// of the process itself, which has nothing to prove.
type Claim struct {
	Principal schema.Principal
	// TokenHash is the token's, At the time at which the session must not have ended.
	TokenHash []byte
	At        time.Time

	state claimState
}

type claimState int

const (
	claimOpen claimState = iota
	claimProved
	claimRefuted
)

// errRefuted is what becomes of the work that was begun with a claim that does not hold.
var errRefuted = fault.New(fault.Unauthenticated, "the session has changed; try again")

// IsOpen says that the database has not been asked yet.
func (c *Claim) IsOpen() bool { return c != nil && c.state == claimOpen }

// Settle notes what the database says.
func (c *Claim) Settle(holds bool) {
	c.state = claimRefuted
	if holds {
		c.state = claimProved
	}
}

// Err refuses all work for a claim that does not hold.
func (c *Claim) Err() error {
	if c != nil && c.state == claimRefuted {
		return errRefuted
	}
	return nil
}

// As runs f for the principal of a session's token at the tenant; who has no session
// is Unauthenticated. f may be given an open claim, and runs once more when that
// turns out not to hold: so f must have given nothing out before it returns, and do
// nothing but through what proves the claim.
func (g *Gate) As(ctx context.Context, store Store, tenant, token string, f func(context.Context, *Claim) error) error {
	if token == "" {
		return notSignedIn()
	}
	hash := secret.HashToken(token)
	key := sessionKey{tenant, [sha256.Size]byte(hash)}
	if principal, ok := g.sessions.get(key); ok {
		claim := &Claim{Principal: principal, TokenHash: hash, At: g.clock()}
		failed := f(ctx, claim)
		if err := prove(ctx, store, claim); err != nil {
			return err
		}
		if claim.Err() == nil {
			return failed
		}
		g.sessions.forget(key)
	}
	principal, err := g.Authenticate(ctx, store, token)
	if err != nil {
		return err
	}
	g.sessions.put(key, principal)
	return f(ctx, &Claim{Principal: principal, TokenHash: hash, At: g.clock(), state: claimProved})
}

// prove settles a claim that no statement has settled. Its error says nothing of the claim.
func prove(ctx context.Context, store Store, claim *Claim) error {
	if !claim.IsOpen() {
		return nil
	}
	principal, found, err := store.Session(ctx, claim.TokenHash, claim.At)
	if err != nil {
		return fmt.Errorf("looking up the session: %w", err)
	}
	claim.Settle(found && principal == claim.Principal)
	return nil
}

func notSignedIn() error { return fault.New(fault.Unauthenticated, "sign in first") }
