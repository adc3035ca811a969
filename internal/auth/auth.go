// Package auth tells who asks: it signs people in with e-mail address and
// password, and turns the token of a session into a principal. Credentials and
// sessions lie in the tenant's own database, so a session of one tenant is
// worth nothing at another.
package auth

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/kontor-crm/kontor/internal/fault"
	"github.com/kontor-crm/kontor/internal/schema"
	"github.com/kontor-crm/kontor/internal/secret"
)

// SessionLength is how long a session lasts.
const SessionLength = 12 * time.Hour

// maxEmail is the longest e-mail address that is looked up, in bytes.
const maxEmail = 254

// Credential is what a person signs in with.
type Credential struct {
	// Principal is who it is.
	Principal schema.Principal
	// PasswordHash is in the form that secret.HashPassword makes.
	PasswordHash string
}

// Store keeps the credentials and sessions of one tenant.
type Store interface {
	// Credential is the one of that e-mail address, whatever its case; false when
	// there is none, or when its user is gone.
	Credential(ctx context.Context, email string) (Credential, bool, error)
	// CreateSession keeps a session of a user, and may remove those that ended before now.
	CreateSession(ctx context.Context, tokenHash []byte, userID string, now, expires time.Time) error
	// Session is the principal of the session; false when there is none, when it
	// has ended, or when its user is gone.
	Session(ctx context.Context, tokenHash []byte, now time.Time) (schema.Principal, bool, error)
	// Principal is the one of a user who may sign in; false when there is none.
	Principal(ctx context.Context, userID string) (schema.Principal, bool, error)
	// EndSession removes the session; an absent one is fine.
	EndSession(ctx context.Context, tokenHash []byte) error
}

// Gate signs people in. One serves all tenants of a process.
type Gate struct {
	clock     func() time.Time
	emails    *attempts
	addresses *attempts
	// sessions are those that were looked up lately. They are asked about again each time, see Claim.
	sessions *recent[sessionKey, schema.Principal]
	// hashing bounds the passwords that are hashed at once: each takes 32 MiB.
	hashing *semaphore.Weighted
}

// New is a gate that reads the time from the clock.
func New(clock func() time.Time) *Gate {
	return &Gate{
		clock:     clock,
		emails:    newAttempts(clock, emailBurst, emailEvery),
		addresses: newAttempts(clock, addressBurst, addressEvery),
		sessions:  newRecent[sessionKey, schema.Principal](maxRemembered),
		hashing:   semaphore.NewWeighted(int64(max(2, runtime.GOMAXPROCS(0)))),
	}
}

// Login is who signs in, and from where.
type Login struct {
	// Tenant is the tenant's key; attempts are counted apart in each.
	Tenant string
	// Address is the client's, without its port.
	Address string
	// Email and Password are what the person typed.
	Email, Password string
}

// Session is what a person got by signing in.
type Session struct {
	// Token is shown by each request; it is not stored anywhere.
	Token string
	// Expires is when it ends.
	Expires time.Time
	// Principal is who signed in.
	Principal schema.Principal
}

// Login makes a session. Its errors are Unauthenticated, which does not tell an
// unknown address from a wrong password, and TooMany with a DelayError.
func (g *Gate) Login(ctx context.Context, store Store, login Login) (Session, error) {
	email := strings.ToLower(strings.TrimSpace(login.Email))
	if email == "" || len(email) > maxEmail || strings.ContainsRune(email, 0) || login.Password == "" { // PostgreSQL takes no zero byte
		return Session{}, refused()
	}
	if delay := g.addresses.take(login.Tenant + "\x00" + login.Address); delay > 0 {
		return Session{}, tooMany(delay)
	}
	if delay := g.emails.take(login.Tenant + "\x00" + email); delay > 0 {
		return Session{}, tooMany(delay)
	}
	credential, found, err := store.Credential(ctx, email)
	if err != nil {
		return Session{}, fmt.Errorf("looking up the credential: %w", err)
	}
	if err := g.hashing.Acquire(ctx, 1); err != nil {
		return Session{}, fault.Wrap(fault.Unavailable, err, "too many people sign in at once; try again")
	}
	// An unknown address costs as much time as a known one.
	fits := secret.VerifyPassword(credential.PasswordHash, login.Password)
	g.hashing.Release(1)
	if !found || !fits {
		return Session{}, refused()
	}
	g.emails.forget(login.Tenant + "\x00" + email)
	now := g.clock()
	token, hash := secret.NewToken()
	expires := now.Add(SessionLength)
	if err := store.CreateSession(ctx, hash, credential.Principal.UserID, now, expires); err != nil {
		return Session{}, fmt.Errorf("keeping the session: %w", err)
	}
	return Session{Token: token, Expires: expires, Principal: credential.Principal}, nil
}

// Authenticate is the principal of a session's token, or Unauthenticated.
func (g *Gate) Authenticate(ctx context.Context, store Store, token string) (schema.Principal, error) {
	if token == "" {
		return schema.Principal{}, notSignedIn()
	}
	principal, found, err := store.Session(ctx, secret.HashToken(token), g.clock())
	if err != nil {
		return schema.Principal{}, fmt.Errorf("looking up the session: %w", err)
	}
	if !found {
		return schema.Principal{}, fault.New(fault.Unauthenticated, "the session has ended; sign in again")
	}
	return principal, nil
}

// Logout ends the session of a token. A session that is not there is fine.
func (g *Gate) Logout(ctx context.Context, store Store, token string) error {
	if token == "" {
		return nil
	}
	if err := store.EndSession(ctx, secret.HashToken(token)); err != nil {
		return fmt.Errorf("ending the session: %w", err)
	}
	return nil
}

func refused() error {
	return fault.New(fault.Unauthenticated, "the e-mail address or the password is wrong")
}

// DelayError is the cause of a TooMany fault: when the next attempt is allowed.
type DelayError time.Duration

// Error says how long to wait.
func (d DelayError) Error() string { return fmt.Sprintf("wait %d seconds", d.Seconds()) }

// Seconds is the delay in whole seconds, at least one.
func (d DelayError) Seconds() int {
	return max(1, int((time.Duration(d)+time.Second-1)/time.Second))
}

func tooMany(delay time.Duration) error {
	wait := DelayError(delay)
	return fault.Wrap(fault.TooMany, wait, "too many attempts to sign in; try again in %d seconds", wait.Seconds())
}
