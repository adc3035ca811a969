package tenancy

import (
	"context"
	"sync"
	"time"
)

// The waits before a tenant is tried again that could not be loaded.
const (
	firstRetry = time.Second
	longRetry  = time.Minute
)

// queue holds the keys of the tenants that have to be looked at. A key is in it
// once, and in work once: what comes meanwhile is looked at afterwards.
type queue struct {
	mu       sync.Mutex
	waiting  []string
	queued   map[string]bool
	working  map[string]bool
	failures map[string]int
	wake     chan struct{}
}

func newQueue() *queue {
	return &queue{queued: map[string]bool{}, working: map[string]bool{}, failures: map[string]int{}, wake: make(chan struct{}, 1)}
}

func (q *queue) add(key string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.queued[key] {
		return
	}
	q.queued[key] = true
	if !q.working[key] {
		q.push(key)
	}
}

// push is called with the lock held.
func (q *queue) push(key string) {
	q.waiting = append(q.waiting, key)
	q.signal()
}

func (q *queue) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// take waits for a key; false when ctx ended.
func (q *queue) take(ctx context.Context) (string, bool) {
	for {
		if key, ok := q.next(); ok {
			return key, true
		}
		select {
		case <-ctx.Done():
			return "", false
		case <-q.wake:
		}
	}
}

func (q *queue) next() (string, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.waiting) == 0 {
		return "", false
	}
	key := q.waiting[0]
	q.waiting = q.waiting[1:]
	delete(q.queued, key)
	q.working[key] = true
	if len(q.waiting) > 0 {
		q.signal() // for the next worker
	}
	return key, true
}

// done ends the work on a key. One that failed comes again, later each time.
func (q *queue) done(key string, failed bool) (retry time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	delete(q.working, key)
	if q.queued[key] {
		q.push(key)
	}
	if !failed {
		delete(q.failures, key)
		return 0
	}
	retry = min(firstRetry<<min(q.failures[key], 10), longRetry)
	q.failures[key]++
	time.AfterFunc(retry, func() { q.add(key) })
	return retry
}
