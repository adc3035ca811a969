package provision

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/kontor-crm/kontor/internal/fault"
)

const (
	// breakerPatience is the number of failures in a row after which a server is left alone.
	breakerPatience = 3
	breakerFirst    = time.Second
	breakerLongest  = 30 * time.Second
)

// breaker keeps a thousand tenants from hammering a server that does not answer:
// after some failures it answers for it, at once, until a while has passed; then
// one attempt is let through to see.
type breaker struct {
	clock  func() time.Time
	jitter func() float64

	mu       sync.Mutex
	failures int
	until    time.Time
}

// admit lets an attempt through, or is an Unavailable fault.
func (b *breaker) admit(server string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.failures < breakerPatience {
		return nil
	}
	now := b.clock()
	if now.Before(b.until) {
		return fault.Because(fault.Unavailable, reasonUnreachable, "the server %s did not answer and is left alone for a moment", server)
	}
	b.until = now.Add(connectTimeout) // the others wait for what this attempt finds
	return nil
}

// pass takes an attempt back that was never made.
func (b *breaker) pass() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.until = time.Time{}
}

// report learns from an attempt to connect, and returns its error. What the caller
// broke off says nothing about the server, nor does a refusal: whoever refuses is there.
func (b *breaker) report(ctx context.Context, err error) error {
	_, attempted := errors.AsType[*pgconn.ConnectError](err)
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case err == nil || sqlState(err) != "" && !overloaded(err):
		b.failures = 0
	case !attempted || errors.Is(ctx.Err(), context.Canceled):
		b.until = time.Time{}
	default:
		b.failures++
		if over := b.failures - breakerPatience; over >= 0 {
			wait := min(breakerFirst<<min(over, 10), breakerLongest)
			b.until = b.clock().Add(wait/2 + time.Duration(b.jitter()*float64(wait)/2))
		}
	}
	return err
}
