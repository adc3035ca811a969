package rollout_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kontor-crm/kontor/controllers/tenant"
	"github.com/kontor-crm/kontor/internal/plan"
	"github.com/kontor-crm/kontor/internal/rollout"
	"github.com/kontor-crm/kontor/internal/schema"
	"github.com/kontor-crm/kontor/internal/secret"
)

// runner does what the test says.
type runner func(ctx context.Context, p *plan.Plan, tell func(plan.Progress)) error

func (a runner) Run(ctx context.Context, _ secret.Connection, p *plan.Plan, _ *schema.Schema, tell func(plan.Progress)) error {
	return a(ctx, p, tell)
}

// ticking is a clock that goes on by two seconds with each look at it.
func ticking() func() time.Time {
	var looks atomic.Int64
	return func() time.Time { return time.Unix(2*looks.Add(1), 0) }
}

func start(t *testing.T, a runner) (r *rollout.Rollouts, ended chan tenant.Identity, stop func()) {
	t.Helper()
	r, ended = rollout.New(a, ticking()), make(chan tenant.Identity, 100)
	r.Notify(func(id tenant.Identity) { ended <- id })
	ctx, cancel := context.WithCancel(t.Context())
	finished := make(chan error, 1)
	go func() { finished <- r.Start(ctx) }()
	stop = func() {
		cancel()
		if err := <-finished; err != nil {
			t.Error(err)
		}
	}
	return r, ended, stop
}

var acme = tenant.Identity{Namespace: "acme", Name: "acme"}

func TestARolloutRunsBesideAndIsToldOnce(t *testing.T) {
	t.Parallel()
	goOn, failed := make(chan struct{}), errors.New("a row does not bear it")
	r, ended, stop := start(t, func(ctx context.Context, _ *plan.Plan, _ func(plan.Progress)) error {
		select {
		case <-goOn:
			return failed
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	})
	defer stop()
	first, second := &plan.Plan{Digest: "first"}, &plan.Plan{Digest: "second"}
	r.Begin(acme, secret.Connection{}, first, nil)
	r.Begin(acme, secret.Connection{}, second, nil)
	if state := r.Look(acme); state.Plan != first || state.Ended {
		t.Errorf("while it runs it is %+v", state)
	}
	close(goOn)
	if id := <-ended; id != acme {
		t.Errorf("%v has ended", id)
	}
	if state := r.Look(acme); !state.Ended || !errors.Is(state.Err, failed) || state.Plan != first {
		t.Errorf("at its end it is %+v", state)
	}
	if state := r.Look(acme); state != (tenant.Rollout{}) {
		t.Errorf("it is told again: %+v", state)
	}
}

func TestItIsToldEveryFewSecondsHowFarARolloutHasCome(t *testing.T) {
	t.Parallel()
	goOn := make(chan struct{})
	r, told, stop := start(t, func(_ context.Context, _ *plan.Plan, tell func(plan.Progress)) error {
		for done := range int64(4) {
			tell(plan.Progress{Phase: plan.Filling, Done: done, Total: 4})
		}
		<-goOn
		return nil
	})
	defer stop()
	r.Begin(acme, secret.Connection{}, &plan.Plan{}, nil)
	// The clock goes on by two seconds with each look: every second report is told.
	<-told
	<-told
	if state := r.Look(acme); state.Progress != (plan.Progress{Phase: plan.Filling, Done: 3, Total: 4}) || state.Ended {
		t.Errorf("it is %+v", state)
	}
	close(goOn)
	<-told
	if state := r.Look(acme); !state.Ended {
		t.Errorf("it is %+v", state)
	}
	if len(told) > 0 {
		t.Errorf("it was told %d times more", len(told))
	}
}

func TestFewRolloutsRunAtOnceAndAllEndWithTheProcess(t *testing.T) {
	t.Parallel()
	began := make(chan struct{}, 100)
	r, ended, stop := start(t, func(ctx context.Context, _ *plan.Plan, _ func(plan.Progress)) error {
		began <- struct{}{}
		<-ctx.Done()
		return context.Cause(ctx)
	})
	var ids []tenant.Identity
	for _, name := range []string{"a", "b", "c", "d", "e", "f"} {
		id := tenant.Identity{Namespace: name, Name: name}
		ids = append(ids, id)
		r.Begin(id, secret.Connection{}, &plan.Plan{}, nil)
	}
	for range 4 {
		<-began
	}
	stop()
	if len(began) != 0 {
		t.Errorf("%d more began", len(began))
	}
	for range ids {
		<-ended
	}
	for _, id := range ids {
		if state := r.Look(id); !state.Ended || state.Err == nil {
			t.Errorf("%s is %+v", id.Name, state)
		}
	}
	r.Begin(acme, secret.Connection{}, &plan.Plan{}, nil)
	if state := r.Look(acme); state.Plan != nil {
		t.Error("a rollout begins when the process ends")
	}
}

func TestARolloutIsBrokenOffWhenItsTenantGoes(t *testing.T) {
	t.Parallel()
	r, _, stop := start(t, func(ctx context.Context, _ *plan.Plan, _ func(plan.Progress)) error {
		<-ctx.Done()
		return context.Cause(ctx)
	})
	defer stop()
	r.Stop(acme)
	r.Begin(acme, secret.Connection{}, &plan.Plan{}, nil)
	r.Stop(acme)
	if state := r.Look(acme); state.Plan != nil {
		t.Errorf("it is %+v", state)
	}
}

func TestAPanicIsTheTroubleOfOneRollout(t *testing.T) {
	t.Parallel()
	r, ended, stop := start(t, func(context.Context, *plan.Plan, func(plan.Progress)) error { panic("oh") })
	defer stop()
	r.Begin(acme, secret.Connection{}, &plan.Plan{}, nil)
	<-ended
	if state := r.Look(acme); !state.Ended || state.Err == nil {
		t.Errorf("it is %+v", state)
	}
}
