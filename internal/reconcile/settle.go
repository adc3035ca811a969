package reconcile

import (
	"sync"
	"time"
)

// Settling notes when a namespace's resources changed, so that a burst of them
// is handled once: after they were quiet for a moment, or at the latest after a bound.
type Settling struct {
	// Quiet is how long nothing may have changed, AtMost the longest wait in all.
	Quiet, AtMost time.Duration
	// Now is the clock.
	Now func() time.Time

	mu    sync.Mutex
	since map[string]burst
}

type burst struct{ first, last time.Time }

// NewSettling waits for 300 ms of quiet, 3 s at most.
func NewSettling(now func() time.Time) *Settling {
	return &Settling{Quiet: 300 * time.Millisecond, AtMost: 3 * time.Second, Now: now, since: map[string]burst{}}
}

// Touch notes a change now.
func (s *Settling) Touch(namespace string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.Now()
	b, ok := s.since[namespace]
	if !ok || now.Sub(b.last) > s.AtMost { // what nobody asked about, for want of a tenant, is another burst
		b.first = now
	}
	b.last = now
	s.since[namespace] = b
}

// Wait is how long to wait from now on; zero ends the burst.
func (s *Settling) Wait(namespace string) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, ok := s.since[namespace]
	if !ok {
		return 0
	}
	now := s.Now()
	wait := min(s.Quiet-now.Sub(b.last), s.AtMost-now.Sub(b.first))
	if wait <= 0 {
		delete(s.since, namespace)
		return 0
	}
	return wait
}
