package auth_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kontor-crm/kontor/internal/auth"
	"github.com/kontor-crm/kontor/internal/fault"
	"github.com/kontor-crm/kontor/internal/schema"
	"github.com/kontor-crm/kontor/internal/secret"
)

// memory is one tenant's credentials and sessions.
type memory struct {
	credentials map[string]auth.Credential
	sessions    map[string]kept
}

type kept struct {
	userID  string
	expires time.Time
}

func (m *memory) Credential(_ context.Context, email string) (auth.Credential, bool, error) {
	c, ok := m.credentials[email]
	return c, ok, nil
}

func (m *memory) CreateSession(_ context.Context, hash []byte, userID string, _, expires time.Time) error {
	m.sessions[string(hash)] = kept{userID, expires}
	return nil
}

func (m *memory) Session(_ context.Context, hash []byte, now time.Time) (schema.Principal, bool, error) {
	s, ok := m.sessions[string(hash)]
	if !ok || !now.Before(s.expires) {
		return schema.Principal{}, false, nil
	}
	return schema.Principal{UserID: s.userID}, true, nil
}

func (m *memory) Principal(_ context.Context, userID string) (schema.Principal, bool, error) {
	for _, c := range m.credentials {
		if c.Principal.UserID == userID {
			return c.Principal, true, nil
		}
	}
	return schema.Principal{}, false, nil
}

func (m *memory) EndSession(_ context.Context, hash []byte) error {
	delete(m.sessions, string(hash))
	return nil
}

type fakeClock struct{ now time.Time }

func newClock() *fakeClock { return &fakeClock{now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)} }

func (c *fakeClock) Now() time.Time { return c.now }

var passwordHash = sync.OnceValues(func() (string, error) { return secret.HashPassword("right") })

func tenant(t *testing.T) *memory {
	t.Helper()
	hash, err := passwordHash()
	if err != nil {
		t.Fatal(err)
	}
	return &memory{
		credentials: map[string]auth.Credential{
			"ann@acme.example": {Principal: schema.Principal{UserID: "u1", Name: "Ann", Administrator: true}, PasswordHash: hash},
		},
		sessions: map[string]kept{},
	}
}

func login(email, password string) auth.Login {
	return auth.Login{Tenant: "a/a", Address: "192.0.2.1", Email: email, Password: password}
}

func TestASessionLastsTwelveHours(t *testing.T) {
	t.Parallel()
	clock := newClock()
	gate, store := auth.New(clock.Now), tenant(t)
	session, err := gate.Login(t.Context(), store, login(" Ann@Acme.example ", "right"))
	if err != nil {
		t.Fatal(err)
	}
	if session.Principal.UserID != "u1" || !session.Principal.Administrator {
		t.Errorf("signed in as %+v", session.Principal)
	}
	clock.now = clock.now.Add(12*time.Hour - time.Second)
	if principal, err := gate.Authenticate(t.Context(), store, session.Token); err != nil || principal.UserID != "u1" {
		t.Errorf("one second before its end the session is of %q: %v", principal.UserID, err)
	}
	clock.now = clock.now.Add(time.Second)
	if _, err := gate.Authenticate(t.Context(), store, session.Token); !fault.Is(err, fault.Unauthenticated) {
		t.Errorf("after twelve hours: %v", err)
	}
}

func TestTheTokenIsNotStored(t *testing.T) {
	t.Parallel()
	gate, store := auth.New(newClock().Now), tenant(t)
	session, err := gate.Login(t.Context(), store, login("ann@acme.example", "right"))
	if err != nil {
		t.Fatal(err)
	}
	for hash := range store.sessions {
		if strings.Contains(hash, session.Token) {
			t.Error("the store holds the token itself")
		}
	}
}

func TestASessionOfOneTenantIsWorthNothingAtAnother(t *testing.T) {
	t.Parallel()
	gate, one, other := auth.New(newClock().Now), tenant(t), tenant(t)
	session, err := gate.Login(t.Context(), one, login("ann@acme.example", "right"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := gate.Authenticate(t.Context(), other, session.Token); !fault.Is(err, fault.Unauthenticated) {
		t.Errorf("the other tenant says %v", err)
	}
}

func TestAfterLogoutTheSessionIsOver(t *testing.T) {
	t.Parallel()
	gate, store := auth.New(newClock().Now), tenant(t)
	session, err := gate.Login(t.Context(), store, login("ann@acme.example", "right"))
	if err != nil {
		t.Fatal(err)
	}
	if err := gate.Logout(t.Context(), store, session.Token); err != nil {
		t.Fatal(err)
	}
	if _, err := gate.Authenticate(t.Context(), store, session.Token); !fault.Is(err, fault.Unauthenticated) {
		t.Errorf("after logout: %v", err)
	}
}

func TestAWrongPasswordAndAnUnknownAddressReadAlike(t *testing.T) {
	t.Parallel()
	gate, store := auth.New(newClock().Now), tenant(t)
	_, wrong := gate.Login(t.Context(), store, login("ann@acme.example", "wrong"))
	_, unknown := gate.Login(t.Context(), store, login("bob@acme.example", "right"))
	if !fault.Is(wrong, fault.Unauthenticated) || !fault.Is(unknown, fault.Unauthenticated) || wrong.Error() != unknown.Error() {
		t.Errorf("wrong password: %v; unknown address: %v", wrong, unknown)
	}
}

func TestTheSixthAttemptInARowHasToWait(t *testing.T) {
	t.Parallel()
	clock := newClock()
	gate, store := auth.New(clock.Now), tenant(t)
	for range 5 {
		if _, err := gate.Login(t.Context(), store, login("ann@acme.example", "wrong")); !fault.Is(err, fault.Unauthenticated) {
			t.Fatalf("one of the first five: %v", err)
		}
	}
	_, err := gate.Login(t.Context(), store, login("ann@acme.example", "right"))
	delay, ok := errors.AsType[auth.DelayError](err)
	if !fault.Is(err, fault.TooMany) || !ok || delay.Seconds() != 12 {
		t.Fatalf("the sixth: %v, delay %v", err, delay.Seconds())
	}
	elsewhere := login("ann@acme.example", "right")
	elsewhere.Tenant = "b/b"
	if _, err := gate.Login(t.Context(), store, elsewhere); err != nil {
		t.Errorf("attempts at one tenant count at another: %v", err)
	}
	clock.now = clock.now.Add(12 * time.Second)
	if _, err := gate.Login(t.Context(), store, login("ann@acme.example", "right")); err != nil {
		t.Errorf("after the delay: %v", err)
	}
}

func TestOneClientCannotTryManyAddresses(t *testing.T) {
	t.Parallel()
	clock := newClock()
	gate := auth.New(clock.Now)
	store := &memory{}
	var last error
	for i := range 31 {
		_, last = gate.Login(t.Context(), store, login(fmt.Sprintf("user%d@acme.example", i), "guess"))
	}
	if !fault.Is(last, fault.TooMany) {
		t.Errorf("the 31st address from one client: %v", last)
	}
}
