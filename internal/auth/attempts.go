package auth

import (
	"container/list"
	"sync"
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
	// maxKeys bounds the memory: over it the key that was used longest ago is forgotten.
	maxKeys = 20_000
)

// attempts counts by key and refuses what comes too fast.
type attempts struct {
	clock func() time.Time
	burst int
	every time.Duration

	mu    sync.Mutex
	keys  map[string]*list.Element
	order *list.List // of *attempt, the newest in front
}

type attempt struct {
	key     string
	limiter *rate.Limiter
}

func newAttempts(clock func() time.Time, burst int, every time.Duration) *attempts {
	return &attempts{clock: clock, burst: burst, every: every, keys: map[string]*list.Element{}, order: list.New()}
}

// take counts an attempt; it returns how long to wait, or 0 when it is allowed.
func (a *attempts) take(key string) time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := a.clock()
	element, ok := a.keys[key]
	if !ok {
		element = a.order.PushFront(&attempt{key: key, limiter: rate.NewLimiter(rate.Every(a.every), a.burst)})
		a.keys[key] = element
		a.drop()
	}
	a.order.MoveToFront(element)
	limiter := element.Value.(*attempt).limiter //nolint:forcetypeassert // only this type is pushed
	if limiter.AllowN(now, 1) {
		return 0
	}
	reservation := limiter.ReserveN(now, 1)
	defer reservation.CancelAt(now)
	return max(reservation.DelayFrom(now), time.Millisecond)
}

// forget starts anew for a key.
func (a *attempts) forget(key string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if element, ok := a.keys[key]; ok {
		a.order.Remove(element)
		delete(a.keys, key)
	}
}

func (a *attempts) drop() {
	for len(a.keys) > maxKeys {
		last := a.order.Back()
		a.order.Remove(last)
		delete(a.keys, last.Value.(*attempt).key) //nolint:forcetypeassert // only this type is pushed
	}
}
