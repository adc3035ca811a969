package cmd

import (
	"context"
	"strings"
	"testing"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/rest"
	kube "sigs.k8s.io/controller-runtime/pkg/client"

	crmv1 "github.com/kontor-crm/kontor/api/v1alpha1"
	"github.com/kontor-crm/kontor/config"
	"github.com/kontor-crm/kontor/test/env"
)

// waitingPlan makes a plan that waits, as the operator does.
func waitingPlan(t *testing.T, client kube.Client, namespace, name string) *crmv1.ChangePlan {
	t.Helper()
	p := &crmv1.ChangePlan{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	if err := client.Create(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	p.Status = crmv1.ChangePlanStatus{
		Tenant: "acme", BaseRevision: 3, Revision: 4, Digest: strings.Repeat("ab", 32), Phase: crmv1.PlanWaiting, TotalChanges: 1,
		Message: "waits for: 37 records do not bear it and have to be mended first",
		Changes: []crmv1.PlannedChange{{
			Resource: "CustomField/code", Summary: "change field \"code\" of customer: the length of \"code\" shrinks from 100 to 50 characters",
			Class: crmv1.ChangeDangerous, Waits: "37 records do not bear it and have to be mended first",
			Impact: &crmv1.ChangeImpact{Records: 1000, Filled: 900, Failing: 37, FailingRecords: []string{"0193-a", "0193-b"}},
		}},
	}
	if err := client.Status().Update(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	return p
}

func TestAPlanIsShownAndDecidedUponByWhoeverReadIt(t *testing.T) {
	t.Parallel()
	cluster := env.Cluster(t)
	client := cluster.Client(t, newScheme())
	namespace := cluster.Namespace(t)
	p := waitingPlan(t, client, namespace, "acme-4-abab")
	to := []string{"--kubeconfig", cluster.Kubeconfig(), "-n", namespace}

	shown, _ := mustKontor(t, append([]string{"plan"}, to...)...)
	for _, part := range []string{"acme-4-abab: revision 3 to 4, Waiting", "Dangerous", "shrinks from 100 to 50", "1000 records, 900 with a value, 37 failing", "0193-a", p.Status.Digest} {
		if !strings.Contains(shown, part) {
			t.Errorf("the plan does not say %q:\n%s", part, shown)
		}
	}
	if _, _, err := kontor(t, append([]string{"approve", p.Name, "--digest", "ffff"}, to...)...); err == nil || !strings.Contains(err.Error(), "not the one that was read") {
		t.Errorf("approving another digest: %v", err)
	}
	mustKontor(t, append([]string{"approve", p.Name, "--digest", "abab"}, to...)...)
	if err := client.Get(t.Context(), kube.ObjectKeyFromObject(p), p); err != nil {
		t.Fatal(err)
	}
	if p.Spec.Decision != crmv1.DecisionApprove || p.Spec.Digest != p.Status.Digest || p.Spec.By == "" {
		t.Errorf("the decision is %+v", p.Spec)
	}
	mustKontor(t, append([]string{"reject", p.Name}, to...)...)
	if _, _, err := kontor(t, append([]string{"approve", "nobody"}, to...)...); err == nil || !strings.Contains(err.Error(), "nobody") {
		t.Errorf("approving what is not there: %v", err)
	}
	if err := client.Get(t.Context(), kube.ObjectKeyFromObject(p), p); err != nil {
		t.Fatal(err)
	}
	p.Status.Phase = crmv1.PlanApplied
	if err := client.Status().Update(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	if _, _, err := kontor(t, append([]string{"approve", p.Name}, to...)...); err == nil || !strings.Contains(err.Error(), "does not wait for a decision: it is Applied") {
		t.Errorf("approving what is done: %v", err)
	}
	if listed, _ := mustKontor(t, append([]string{"plan"}, to...)...); !strings.Contains(listed, "NAME") || !strings.Contains(listed, "Applied") {
		t.Errorf("the list is\n%s", listed)
	}
}

func TestNobodyDecidesInAnothersName(t *testing.T) {
	t.Parallel()
	cluster := env.Cluster(t)
	client := cluster.Client(t, newScheme())
	if err := applyFolder(t.Context(), client, config.Admission, "admission"); err != nil {
		t.Fatal(err)
	}
	namespace := cluster.Namespace(t)
	p := waitingPlan(t, client, namespace, "acme-4-abab")
	as := rest.CopyConfig(cluster.Config())
	as.Impersonate = rest.ImpersonationConfig{UserName: "mallory", Groups: []string{"system:masters"}}
	mallory, err := kube.New(as, kube.Options{Scheme: newScheme()})
	if err != nil {
		t.Fatal(err)
	}
	// The API server takes a policy up a moment after it was written: until then nothing is refused.
	deadline := time.Now().Add(time.Minute)
	for {
		claimed := p.DeepCopy()
		claimed.Spec.Decision, claimed.Spec.Digest, claimed.Spec.By = crmv1.DecisionApprove, p.Status.Digest, "alice"
		err := mallory.Update(t.Context(), claimed, kube.DryRunAll)
		if err != nil {
			if !strings.Contains(err.Error(), "spec.by must be mallory, who decides") {
				t.Fatalf("the refusal says %v", err)
			}
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("somebody decided in another's name")
		}
	}
	p.Spec.Decision, p.Spec.Digest, p.Spec.By = crmv1.DecisionApprove, p.Status.Digest, "mallory"
	if err := mallory.Update(t.Context(), p); err != nil {
		t.Fatalf("deciding in the own name: %v", err)
	}
	p.Labels = map[string]string{"note": "kept"}
	if err := client.Update(t.Context(), p); err != nil {
		t.Errorf("another change beside the decision: %v", err)
	}
	born := &crmv1.ChangePlan{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "born-decided"}}
	born.Spec.Decision, born.Spec.Digest, born.Spec.By = crmv1.DecisionApprove, p.Status.Digest, "mallory"
	if err := mallory.Create(t.Context(), born); err == nil || !strings.Contains(err.Error(), "a plan that is there") {
		t.Errorf("a plan that is made with its approval: %v", err)
	}
}

func TestWhoWritesConfigurationMakesPreviewsAndNoOtherPlans(t *testing.T) {
	t.Parallel()
	cluster := env.Cluster(t)
	client := cluster.Client(t, newScheme())
	if err := applyFolder(t.Context(), client, config.Admission, "admission"); err != nil {
		t.Fatal(err)
	}
	namespace := cluster.Namespace(t)
	for _, object := range []kube.Object{
		&rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "edit"}, Rules: []rbacv1.PolicyRule{
			{APIGroups: []string{"crm.kontor.dev"}, Resources: []string{"changeplans"}, Verbs: []string{"create"}},
		}},
		&rbacv1.RoleBinding{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "edit"}, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: "edit"},
			Subjects: []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: "eve"}},
		},
	} {
		if err := client.Create(t.Context(), object); err != nil {
			t.Fatal(err)
		}
	}
	as := rest.CopyConfig(cluster.Config())
	as.Impersonate = rest.ImpersonationConfig{UserName: "eve"}
	eve, err := kube.New(as, kube.Options{Scheme: newScheme()})
	if err != nil {
		t.Fatal(err)
	}
	// The API server takes roles and policies up a moment after they were written.
	made := func(spec crmv1.ChangePlanSpec) error {
		return eve.Create(t.Context(), &crmv1.ChangePlan{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, GenerateName: "by-eve-"}, Spec: spec}, kube.DryRunAll)
	}
	err = wait.PollUntilContextTimeout(t.Context(), 50*time.Millisecond, time.Minute, true, func(context.Context) (bool, error) {
		err := made(crmv1.ChangePlanSpec{})
		return err != nil && strings.Contains(err.Error(), "a person makes one with spec.preview or spec.recall"), nil
	})
	if err != nil {
		t.Errorf("she makes a plan that is no preview: %v", made(crmv1.ChangePlanSpec{}))
	}
	if err := made(crmv1.ChangePlanSpec{Preview: &crmv1.Preview{Manifests: tierField}}); err != nil {
		t.Errorf("she makes no preview: %v", err)
	}
}
