package reconcile_test

import (
	"context"
	"errors"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	crmv1 "github.com/kontor-crm/kontor/api/v1alpha1"
	"github.com/kontor-crm/kontor/internal/fault"
	"github.com/kontor-crm/kontor/internal/reconcile"
	"github.com/kontor-crm/kontor/test/env"
	"github.com/kontor-crm/kontor/test/expect"
	"github.com/kontor-crm/kontor/test/gen"
)

func TestMain(m *testing.M) { env.Main(m) }

// pace has no jitter, so that delays can be compared.
var pace = reconcile.Pace{Interval: time.Hour, Soon: time.Second, Later: time.Minute}

func step(condition string, run func() (reconcile.Result, error)) reconcile.Step {
	return reconcile.Step{Condition: condition, Run: func(context.Context) (reconcile.Result, error) { return run() }}
}

func met() (reconcile.Result, error) { return reconcile.Met("Done", "done"), nil }

func newClient(t *testing.T) client.WithWatch {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := crmv1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	c, err := client.NewWithWatch(env.Cluster(t).Config(), client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestTheStatusSaysWhatTheStepsSaw(t *testing.T) {
	t.Parallel()
	optional := func(s reconcile.Step) reconcile.Step { s.Optional = true; return s }
	for name, c := range map[string]struct {
		steps  []reconcile.Step
		modify func(*crmv1.Tenant)
		want   map[string]string
		after  time.Duration
		fails  bool
	}{
		"when all steps are met": {
			steps: []reconcile.Step{step("DatabaseReady", met), step("ServiceReady", met)},
			want:  map[string]string{"Ready": "True/Ready", "DatabaseReady": "True/Done", "ServiceReady": "True/Done", "Reconciling": "", "Stalled": ""},
			after: time.Hour,
		},
		"when a step waits, the later ones wait for it": {
			steps: []reconcile.Step{step("DatabaseReady", func() (reconcile.Result, error) {
				return reconcile.Result{}, fault.Because(fault.Waiting, "Provisioning", "being made")
			}), step("ServiceReady", met)},
			want:  map[string]string{"Ready": "False/Provisioning", "DatabaseReady": "False/Provisioning", "ServiceReady": "Unknown/Waiting", "Reconciling": "True/Provisioning", "Stalled": ""},
			after: time.Second,
		},
		"when a person has to mend something": {
			steps: []reconcile.Step{step("DatabaseReady", func() (reconcile.Result, error) {
				return reconcile.Result{}, fault.Because(fault.Stalled, "SecretMissing", "no Secret")
			})},
			want:  map[string]string{"Ready": "False/SecretMissing", "Stalled": "True/SecretMissing", "Reconciling": ""},
			after: time.Minute,
		},
		"when an optional condition is not met": {
			steps: []reconcile.Step{optional(step("SchemaSynced", func() (reconcile.Result, error) {
				return reconcile.Unmet("ChangesRefused", "not safe"), nil
			})), step("ServiceReady", met)},
			want:  map[string]string{"Ready": "True/Ready", "SchemaSynced": "False/ChangesRefused", "ServiceReady": "True/Done", "Reconciling": "", "Stalled": ""},
			after: time.Hour,
		},
		"when a step fails in a way that nobody foresaw": {
			steps: []reconcile.Step{step("DatabaseReady", func() (reconcile.Result, error) {
				return reconcile.Result{}, errors.New("password hush is wrong")
			})},
			want:  map[string]string{"Ready": "False/InternalError", "Reconciling": "True/InternalError"},
			fails: true,
		},
		"when a step holds before anything was said": {
			steps: []reconcile.Step{step("SchemaSynced", func() (reconcile.Result, error) { return reconcile.Hold(3 * time.Second), nil })},
			want:  map[string]string{"Ready": "False/Progressing", "SchemaSynced": "", "Reconciling": "True/Progressing"},
			after: 3 * time.Second,
		},
		"when it is suspended": {
			steps:  []reconcile.Step{step("DatabaseReady", met)},
			modify: func(t *crmv1.Tenant) { t.Spec.Suspend = true },
			want:   map[string]string{"Ready": "False/Suspended", "Stalled": "True/Suspended", "DatabaseReady": ""},
			after:  time.Hour,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			c0 := newClient(t)
			tenant := gen.Tenant(env.Cluster(t).Namespace(t), "acme")
			if c.modify != nil {
				c.modify(tenant)
			}
			g.Expect(c0.Create(t.Context(), tenant)).To(Succeed())
			result, err := reconcile.Run(t.Context(), c0, pace, tenant, c.steps)
			g.Expect(err != nil).To(Equal(c.fails))
			g.Expect(result.RequeueAfter).To(Equal(c.after))
			for condition, want := range c.want {
				got := expect.Condition(t.Context(), c0, tenant, condition)
				if want == "" {
					g.Expect(got).To(BeEmpty(), condition)
				} else {
					g.Expect(got).To(HavePrefix(want), condition)
				}
			}
			expect.Conforms(g, tenant, "hush")
		})
	}
}

func TestASecondLookThatSeesTheSameWritesNothing(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	writes := 0
	c := interceptor.NewClient(newClient(t), interceptor.Funcs{
		SubResourcePatch: func(ctx context.Context, c client.Client, sub string, obj client.Object, patch client.Patch, opts ...client.SubResourcePatchOption) error {
			writes++
			return c.SubResource(sub).Patch(ctx, obj, patch, opts...)
		},
	})
	tenant := gen.Tenant(env.Cluster(t).Namespace(t), "acme")
	g.Expect(c.Create(t.Context(), tenant)).To(Succeed())
	for range 3 {
		g.Expect(c.Get(t.Context(), client.ObjectKeyFromObject(tenant), tenant)).To(Succeed())
		_, err := reconcile.Run(t.Context(), c, pace, tenant, []reconcile.Step{step("DatabaseReady", met)})
		g.Expect(err).NotTo(HaveOccurred())
	}
	g.Expect(writes).To(Equal(1))
}

func TestARequestToReconcileIsAnswered(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	c := newClient(t)
	tenant := gen.Tenant(env.Cluster(t).Namespace(t), "acme", func(t *crmv1.Tenant) {
		t.Annotations = map[string]string{crmv1.ReconcileRequestedAtAnnotation: "now"}
	})
	g.Expect(c.Create(t.Context(), tenant)).To(Succeed())
	_, err := reconcile.Run(t.Context(), c, pace, tenant, []reconcile.Step{step("DatabaseReady", met)})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(tenant.Status.LastHandledReconcileAt).To(Equal("now"))
}

func TestABurstOfChangesSettlesOnce(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	now := time.Unix(0, 0)
	s := reconcile.NewSettling(func() time.Time { return now })
	g.Expect(s.Wait("a")).To(BeZero(), "nothing changed")
	s.Touch("a")
	g.Expect(s.Wait("a")).To(Equal(300 * time.Millisecond))
	now = now.Add(200 * time.Millisecond)
	s.Touch("a")
	g.Expect(s.Wait("a")).To(Equal(300*time.Millisecond), "it changed again")
	g.Expect(s.Wait("b")).To(BeZero(), "another namespace does not wait")
	now = now.Add(300 * time.Millisecond)
	g.Expect(s.Wait("a")).To(BeZero(), "it was quiet")
	s.Touch("a")
	for range 20 {
		now = now.Add(200 * time.Millisecond)
		if s.Wait("a") == 0 {
			return
		}
		s.Touch("a")
	}
	t.Error("a namespace that never rests is never handled")
}

func TestABurstOfLongAgoDoesNotCutANewOneShort(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	now := time.Unix(0, 0)
	s := reconcile.NewSettling(func() time.Time { return now })
	s.Touch("a")
	now = now.Add(time.Hour)
	s.Touch("a")
	g.Expect(s.Wait("a")).To(Equal(300 * time.Millisecond))
}

func TestTheOldestTenantHasTheNamespace(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	old, young := gen.Tenant("a", "zeta"), gen.Tenant("a", "alpha")
	old.CreationTimestamp, young.CreationTimestamp = metav1.Unix(1, 0), metav1.Unix(2, 0)
	g.Expect(reconcile.OldestTenant([]crmv1.Tenant{*young, *old}).Name).To(Equal("zeta"))
	young.CreationTimestamp = old.CreationTimestamp
	g.Expect(reconcile.OldestTenant([]crmv1.Tenant{*old, *young}).Name).To(Equal("alpha"), "in the same second the name decides")
	g.Expect(reconcile.OldestTenant(nil)).To(BeNil())
}
