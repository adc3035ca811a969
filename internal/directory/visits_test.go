package directory_test

import (
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/kontor-crm/kontor/internal/directory"
	"github.com/kontor-crm/kontor/internal/jobs"
)

func keysOf(visits []jobs.Visit) []string {
	keys := make([]string, 0, len(visits))
	for _, v := range visits {
		keys = append(keys, v.Key)
	}
	slices.Sort(keys)
	return keys
}

func TestATenantWithWorkIsDueOnceUntilItIsWokenAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.publish(t, "a/a", 1, "a.example")
	w.publish(t, "b/b", 1, "b.example")
	w.sql(t, `UPDATE visit SET due_at = now() + interval '30 minutes'`)
	one, _ := w.serve(t)
	two, _ := w.serve(t, func(o *directory.Options) { o.Server = "" })
	<-two.Woken() // it has just begun to listen, and may have missed something
	due, err := two.Due(t.Context(), 10)
	must(t, err)
	if len(due) != 0 {
		t.Fatalf("due: %v", due)
	}
	must(t, one.Wake(t.Context(), "b/b"))
	<-two.Woken()
	due, err = two.Due(t.Context(), 10)
	must(t, err)
	if got := keysOf(due); !slices.Equal(got, []string{"b/b"}) {
		t.Fatalf("due: %v", got)
	}
	if again, err := one.Due(t.Context(), 10); err != nil || len(again) != 0 {
		t.Errorf("due to another worker too: %v, %v", again, err)
	}
	// Work that comes while the worker is there is not lost.
	must(t, one.Wake(t.Context(), "b/b"))
	must(t, two.Visited(t.Context(), due[0], time.Hour))
	due, err = two.Due(t.Context(), 10)
	must(t, err)
	if got := keysOf(due); !slices.Equal(got, []string{"b/b"}) {
		t.Fatalf("due again: %v", got)
	}
	must(t, two.Visited(t.Context(), due[0], 0))
	if again, err := one.Due(t.Context(), 1); err != nil || len(again) != 1 {
		t.Errorf("handed back: %v, %v", again, err)
	}
	must(t, one.Wake(t.Context(), "gone/gone"))
}

func TestAWorkerIsNoServerThatAnybodyWaitsFor(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.publish(t, "a/a", 1, "a.example")
	w.serve(t, func(o *directory.Options) { o.Server = "" })
	if living, err := w.operator.Acknowledged(t.Context(), "a/a", 1); err != nil || living != 0 {
		t.Errorf("%d servers, %v", living, err)
	}
}

func TestATenantThatIsNotKnownYetIsNotTakenForGone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.publish(t, "a/a", 1, "a.example")
	w.sql(t, `UPDATE visit SET due_at = now()`)
	early, err := directory.Open(t.Context(), directory.Options{System: w.system, Sealer: w.sealer, Log: slog.New(slog.DiscardHandler)})
	must(t, err)
	if due, err := early.Due(t.Context(), 10); err != nil || len(due) != 0 {
		t.Errorf("due before the directory is read: %v, %v", due, err)
	}
	d, _ := w.serve(t)
	due, err := d.Due(t.Context(), 10)
	must(t, err)
	if got := keysOf(due); !slices.Equal(got, []string{"a/a"}) {
		t.Errorf("due afterwards: %v", got)
	}
}
