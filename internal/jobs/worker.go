package jobs

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"
)

// Worker looks at the tenants that are due and does their jobs.
type Worker[D Database] struct {
	options Options[D]
	// free says that a visit has ended, or that a tenant is due again.
	free chan struct{}

	mu sync.Mutex
	// visiting are the tenants that are being looked at, with the visit that came up meanwhile.
	visiting map[string]*Visit
}

// New is a worker; Run makes it work.
func New[D Database](options Options[D]) *Worker[D] {
	if options.Concurrency == 0 {
		options.Concurrency = defaultConcurrency
	}
	if options.Lease == 0 {
		options.Lease = defaultLease
	}
	if options.Poll == 0 {
		options.Poll = defaultPoll
	}
	return &Worker[D]{options: options, free: make(chan struct{}, 1), visiting: map[string]*Visit{}}
}

// Run works until ctx ends. Jobs that run then are handed back.
func (w *Worker[D]) Run(ctx context.Context) error {
	var visits sync.WaitGroup
	defer visits.Wait()
	for ctx.Err() == nil {
		most := w.options.Concurrency - w.busy()
		due, err := w.due(ctx, most)
		if err != nil && ctx.Err() == nil {
			w.options.Log.WarnContext(ctx, "The calendar of the tenants' work cannot be read", "error", err)
		}
		for _, visit := range due {
			if w.begin(visit) {
				visits.Go(func() { w.visit(ctx, visit) })
			}
		}
		if most > 0 && len(due) == most {
			continue // there may be more
		}
		w.pause(ctx, most > 0)
	}
	return nil
}

func (w *Worker[D]) due(ctx context.Context, most int) ([]Visit, error) {
	if most <= 0 {
		return nil, nil
	}
	return w.options.Calendar.Due(ctx, most)
}

// pause waits until there may be something to do. Without a free place news are of no use.
func (w *Worker[D]) pause(ctx context.Context, roomLeft bool) {
	timer := time.NewTimer(w.options.Poll/2 + rand.N(w.options.Poll)) //nolint:gosec // jitter needs no secrecy
	defer timer.Stop()
	var woken <-chan struct{}
	if roomLeft {
		woken = w.options.Calendar.Woken()
	}
	select {
	case <-ctx.Done():
	case <-timer.C:
	case <-woken:
	case <-w.free:
	}
}

func (w *Worker[D]) busy() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.visiting)
}

// begin says whether the tenant is to be looked at now. One that is being looked
// at already is looked at once more afterwards.
func (w *Worker[D]) begin(visit Visit) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, ok := w.visiting[visit.Key]; ok {
		w.visiting[visit.Key] = &visit
		return false
	}
	w.visiting[visit.Key] = nil
	return true
}

// end is the visit with which the tenant has to be looked at once more, or nil.
func (w *Worker[D]) end(key string) (again *Visit) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if again = w.visiting[key]; again != nil {
		w.visiting[key] = nil
		return again
	}
	delete(w.visiting, key)
	return nil
}

// visit does what there is to do at one tenant.
func (w *Worker[D]) visit(ctx context.Context, visit Visit) {
	defer w.tellFree()
	for {
		var next time.Duration
		err := guarded(func() (err error) {
			next, err = w.look(ctx, visit.Key)
			return err
		})
		if err != nil && ctx.Err() == nil {
			w.options.Log.WarnContext(ctx, "A tenant's work could not be done", "tenant", visit.Key, "error", err)
		}
		if again := w.end(visit.Key); again != nil && ctx.Err() == nil {
			visit = *again // the calendar knows it by another moment
			continue
		}
		if ctx.Err() != nil {
			// What is handed back need not wait until the calendar gives this worker up. The calendar
			// may know the visit by another moment meanwhile.
			_ = w.options.Calendar.Wake(context.WithoutCancel(ctx), visit.Key)
			return
		}
		if err != nil {
			return // it comes up again by itself
		}
		if err := w.options.Calendar.Visited(ctx, visit, next); err != nil && ctx.Err() == nil {
			w.options.Log.WarnContext(ctx, "The calendar of the tenants' work cannot be written", "tenant", visit.Key, "error", err)
		}
		if next < w.options.Poll {
			time.AfterFunc(next, w.tellFree) // it is due before the calendar would be asked
		}
		return
	}
}

func (w *Worker[D]) tellFree() {
	select {
	case w.free <- struct{}{}:
	default:
	}
}
