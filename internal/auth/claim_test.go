package auth_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/kontor-crm/kontor/internal/auth"
	"github.com/kontor-crm/kontor/internal/fault"
	"github.com/kontor-crm/kontor/internal/schema"
)

var errWork = errors.New("the work failed")

// visit is what As gave to the work, in order.
type visit struct {
	principal string
	open      bool
}

// visitor signs in and asks, as a request does.
type visitor struct {
	t     *testing.T
	gate  *auth.Gate
	store auth.Store
	token string
}

func newVisitor(t *testing.T, clock *fakeClock, store auth.Store) *visitor {
	t.Helper()
	v := &visitor{t: t, gate: auth.New(clock.Now), store: store}
	session, err := v.gate.Login(t.Context(), store, login("ann@acme.example", "right"))
	if err != nil {
		t.Fatal(err)
	}
	v.token = session.Token
	return v
}

// ask lets work be done; settle is what the database says of an open claim.
func (v *visitor) ask(settle func(*auth.Claim), result error) ([]visit, error) {
	v.t.Helper()
	var visits []visit
	err := v.gate.As(v.t.Context(), v.store, "a/a", v.token, func(_ context.Context, claim *auth.Claim) error {
		visits = append(visits, visit{claim.Principal.UserID, claim.IsOpen()})
		if claim.IsOpen() && settle != nil {
			settle(claim)
		}
		return result
	})
	return visits, err
}

func (v *visitor) asks(settle func(*auth.Claim), result, wantErr error, want ...visit) {
	v.t.Helper()
	got, err := v.ask(settle, result)
	if !errors.Is(err, wantErr) || len(got) != len(want) {
		v.t.Fatalf("the work was done for %v: %v; want %v: %v", got, err, want, wantErr)
	}
	for i := range want {
		if got[i] != want[i] {
			v.t.Errorf("the work was done for %v, want %v", got, want)
		}
	}
}

func TestASessionIsAskedAboutFirstAndThenWithTheWork(t *testing.T) {
	t.Parallel()
	v := newVisitor(t, newClock(), tenant(t))
	v.asks(nil, nil, nil, visit{"u1", false})
	v.asks(func(c *auth.Claim) { c.Settle(true) }, nil, nil, visit{"u1", true})
	v.asks(func(c *auth.Claim) { c.Settle(true) }, errWork, errWork, visit{"u1", true})
}

func TestWorkThatAskedNothingIsGivenOutWhenTheSessionHolds(t *testing.T) {
	t.Parallel()
	store := tenant(t)
	v := newVisitor(t, newClock(), store)
	v.asks(nil, nil, nil, visit{"u1", false})
	v.asks(nil, errWork, errWork, visit{"u1", true})
	clear(store.sessions)
	if visits, err := v.ask(nil, errWork); !fault.Is(err, fault.Unauthenticated) || len(visits) != 1 {
		t.Errorf("when the session is gone the work was done for %v: %v", visits, err)
	}
}

func TestWorkBeginsAnewWhenTheSessionHasChanged(t *testing.T) {
	t.Parallel()
	store := tenant(t)
	v := newVisitor(t, newClock(), store)
	v.asks(nil, nil, nil, visit{"u1", false})
	for hash, s := range store.sessions {
		s.userID = "u2"
		store.sessions[hash] = s
	}
	v.asks(nil, nil, nil, visit{"u1", true}, visit{"u2", false})
	v.asks(func(c *auth.Claim) { c.Settle(true) }, nil, nil, visit{"u2", true})
	v.asks(func(c *auth.Claim) { c.Settle(false) }, errWork, errWork, visit{"u2", true}, visit{"u2", false})
}

func TestARememberedSessionEndsInTime(t *testing.T) {
	t.Parallel()
	clock := newClock()
	v := newVisitor(t, clock, tenant(t))
	v.asks(nil, nil, nil, visit{"u1", false})
	clock.now = clock.now.Add(12 * time.Hour)
	if visits, err := v.ask(nil, nil); !fault.Is(err, fault.Unauthenticated) || len(visits) != 1 {
		t.Errorf("after twelve hours the work was done for %v: %v", visits, err)
	}
}

func TestNothingIsGivenOutWhenNobodyCanSayWhetherTheSessionHolds(t *testing.T) {
	t.Parallel()
	store := &failing{memory: tenant(t)}
	v := newVisitor(t, newClock(), store)
	v.asks(nil, nil, nil, visit{"u1", false})
	store.failed = fault.New(fault.Unavailable, "the database is away")
	v.asks(nil, nil, store.failed, visit{"u1", true})
	store.failed = nil
	v.asks(nil, nil, nil, visit{"u1", true})
}

func TestWhoShowsNoTokenOrAGuessedOneIsNobody(t *testing.T) {
	t.Parallel()
	v := newVisitor(t, newClock(), tenant(t))
	for _, token := range []string{"", "guessed"} {
		v.token = token
		for range 2 {
			if visits, err := v.ask(nil, nil); !fault.Is(err, fault.Unauthenticated) || len(visits) != 0 {
				t.Errorf("with the token %q the work was done for %v: %v", token, visits, err)
			}
		}
	}
}

// failing is a store that sessions cannot be looked up in.
type failing struct {
	*memory
	failed error
}

func (f *failing) Session(ctx context.Context, hash []byte, now time.Time) (schema.Principal, bool, error) {
	if f.failed != nil {
		return schema.Principal{}, false, f.failed
	}
	return f.memory.Session(ctx, hash, now)
}
