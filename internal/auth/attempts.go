package auth

import (
	"time"

	"golang.org/x/time/rate"
)

// The attempts to sign in that are allowed at once, and how fast they come
// back: for one e-mail address, and for one client, which may be an office.
const (
	emailBurst   = 5
	emailEvery   = 12 * time.Second
	addressBurst = 30
	addressEvery = 2 * time.Second
	// maxAttempts is how many keys are counted at once: it bounds the memory.
	maxAttempts = 20_000
)

// attempts counts by key and refuses what comes too fast.
type attempts struct {
	clock func() time.Time
	burst int
	every time.Duration

	limiters *recent[string, *rate.Limiter]
}

func newAttempts(clock func() time.Time, burst int, every time.Duration) *attempts {
	return &attempts{clock: clock, burst: burst, every: every, limiters: newRecent[string, *rate.Limiter](maxAttempts)}
}

// take counts an attempt; it returns how long to wait, or 0 when it is allowed.
func (a *attempts) take(key string) time.Duration {
	limiter := a.limiters.getOrPut(key, func() *rate.Limiter { return rate.NewLimiter(rate.Every(a.every), a.burst) })
	now := a.clock()
	if limiter.AllowN(now, 1) {
		return 0
	}
	reservation := limiter.ReserveN(now, 1)
	defer reservation.CancelAt(now)
	return max(reservation.DelayFrom(now), time.Millisecond)
}

// forget starts anew for a key.
func (a *attempts) forget(key string) { a.limiters.forget(key) }
