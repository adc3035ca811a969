// Package rollout runs plans that take long beside the reconciles: those that go
// through rows, and those that make indexes while people work. A plan whose process
// ends in the middle leaves differences that the next one finds.
package rollout

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"github.com/kontor-crm/kontor/controllers/tenant"
	"github.com/kontor-crm/kontor/internal/plan"
	"github.com/kontor-crm/kontor/internal/schema"
	"github.com/kontor-crm/kontor/internal/secret"
)

// Runner does what a plan says, and tells how far it has come.
type Runner interface {
	Run(ctx context.Context, database secret.Connection, p *plan.Plan, wanted *schema.Schema, tell func(plan.Progress)) error
}

// tellEvery is how often, at most, it is told how far a rollout has come.
const tellEvery = 3 * time.Second

// atOnce is how many plans run at the same time: they share the servers with the
// people who work there.
const atOnce = 4

// errStopped says that the process ends, or the tenant goes.
var errStopped = errors.New("the rollout was broken off")

// Rollouts are the plans that run, one a tenant. It implements tenant.Rollouts, and is a
// Runnable of the manager.
type Rollouts struct {
	runner Runner
	clock  func() time.Time
	places chan struct{}

	mu      sync.Mutex
	all     map[tenant.Identity]*rollout
	stopped bool
	notify  func(tenant.Identity)
	running sync.WaitGroup
}

var _ tenant.Rollouts = (*Rollouts)(nil)

type rollout struct {
	plan   *plan.Plan
	wanted *schema.Schema
	stop   context.CancelCauseFunc
	done   chan struct{} // closed when err is set
	err    error

	// progress was told at toldAt; both are under the lock of Rollouts.
	progress plan.Progress
	toldAt   time.Time
}

// New runs nothing yet.
func New(runner Runner, clock func() time.Time) *Rollouts {
	return &Rollouts{runner: runner, clock: clock, places: make(chan struct{}, atOnce), all: map[tenant.Identity]*rollout{}}
}

// Notify calls f with each tenant whose rollout has ended, or has come further.
func (r *Rollouts) Notify(f func(tenant.Identity)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.notify = f
}

// Start waits until ctx ends, then breaks off what runs and waits for it.
func (r *Rollouts) Start(ctx context.Context) error {
	<-ctx.Done()
	r.mu.Lock()
	r.stopped = true
	for _, one := range r.all {
		one.stop(errStopped)
	}
	r.mu.Unlock()
	r.running.Wait()
	return nil
}

// Begin runs a plan, unless one of the tenant runs already or the process ends.
func (r *Rollouts) Begin(id tenant.Identity, database secret.Connection, p *plan.Plan, wanted *schema.Schema) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.all[id] != nil || r.stopped {
		return
	}
	ctx, stop := context.WithCancelCause(context.Background()) //nolint:forbidigo // it outlives the reconcile that begins it; Start and Stop end it
	one := &rollout{plan: p, wanted: wanted, stop: stop, done: make(chan struct{}), toldAt: r.clock()}
	r.all[id] = one
	r.running.Go(func() {
		one.err = r.run(ctx, id, database, one)
		stop(nil)
		close(one.done)
		r.mu.Lock()
		notify := r.notify
		r.mu.Unlock()
		if notify != nil {
			notify(id)
		}
	})
}

// tell takes down how far a rollout has come, and says so when that was not said for a while.
func (r *Rollouts) tell(id tenant.Identity, one *rollout, progress plan.Progress) {
	now := r.clock()
	r.mu.Lock()
	one.progress = progress
	notify := r.notify
	if now.Sub(one.toldAt) < tellEvery {
		notify = nil
	}
	if notify != nil {
		one.toldAt = now
	}
	r.mu.Unlock()
	if notify != nil {
		notify(id)
	}
}

func (r *Rollouts) run(ctx context.Context, id tenant.Identity, database secret.Connection, one *rollout) (err error) {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case r.places <- struct{}{}:
	}
	defer func() { <-r.places }()
	if ctx.Err() != nil { // both came at once
		return context.Cause(ctx)
	}
	defer func() {
		if failed := recover(); failed != nil { // it is one tenant's trouble, and the process has others
			err = fmt.Errorf("a panic: %v\n%s", failed, debug.Stack())
		}
	}()
	return r.runner.Run(ctx, database, one.plan, one.wanted, func(progress plan.Progress) { r.tell(id, one, progress) })
}

// Look says how the tenant's rollout stands. One that has ended is told once.
func (r *Rollouts) Look(id tenant.Identity) tenant.Rollout {
	r.mu.Lock()
	defer r.mu.Unlock()
	one := r.all[id]
	if one == nil {
		return tenant.Rollout{}
	}
	select {
	case <-one.done:
		delete(r.all, id)
		return tenant.Rollout{Plan: one.plan, Ended: true, Err: one.err}
	default:
		return tenant.Rollout{Plan: one.plan, Progress: one.progress}
	}
}

// Stop breaks off the tenant's rollout, waits for it and forgets it.
func (r *Rollouts) Stop(id tenant.Identity) {
	r.mu.Lock()
	one := r.all[id]
	r.mu.Unlock()
	if one == nil {
		return
	}
	one.stop(errStopped)
	<-one.done
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.all, id)
}
