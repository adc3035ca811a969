package cmd

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	crmv1 "github.com/kontor-crm/kontor/api/v1alpha1"
	"github.com/kontor-crm/kontor/test/env"
	"github.com/kontor-crm/kontor/test/gen"
)

func TestWhatNeedsAResourceIsShown(t *testing.T) {
	t.Parallel()
	cluster := env.Cluster(t)
	client := cluster.Client(t, newScheme())
	namespace := cluster.Namespace(t)
	tenant := gen.Tenant(namespace, "acme")
	for _, object := range []crmv1.Object{
		tenant,
		gen.CustomField(namespace, "opportunity", "tier", gen.FieldType(crmv1.FieldText)),
		gen.ValidationRule(namespace, "opportunity", "tiered", "tier != null"),
		gen.ObjectIndex(namespace, "opportunity", "tiers", []string{"tier", "amount"}),
	} {
		if err := client.Create(t.Context(), object); err != nil {
			t.Fatal(err)
		}
	}
	to := []string{"--kubeconfig", cluster.Kubeconfig(), "-n", namespace}
	deps := func(args ...string) (string, error) {
		out, _, err := kontor(t, append(append([]string{"deps"}, args...), to...)...)
		return strings.Join(strings.Fields(out), " "), err
	}
	out, err := deps("customfield/tier")
	want := `CustomField/tier is needed by RESOURCE FIELD FOR ObjectIndex/tiers opportunity.tier index ValidationRule/tiered opportunity.tier expression ` +
		`CustomField/tier needs RESOURCE FIELD FOR standard opportunity field "tier" of opportunity`
	if err != nil || out != want {
		t.Errorf("%v: it prints %s", err, out)
	}
	if out, err = deps("vr/tiered"); err != nil || !strings.HasPrefix(out, "Nothing needs ValidationRule/tiered. ValidationRule/tiered needs RESOURCE FIELD FOR CustomField/tier opportunity.tier expression") {
		t.Errorf("%v: it prints %s", err, out)
	}
	var found dependencies
	if out, err = deps("CustomField/tier", "-o", "json"); err != nil || json.Unmarshal([]byte(out), &found) != nil || len(found.NeededBy) != 2 {
		t.Errorf("%v: it prints %s", err, out)
	}
	if _, err = deps("customfield/tear"); err == nil || !strings.Contains(err.Error(), "namespace "+namespace+" has no CustomField/tear") {
		t.Errorf("what is not there: %v", err)
	}
	if _, err = deps("tier"); err == nil || !strings.Contains(err.Error(), "is not KIND/NAME") {
		t.Errorf("what has no kind: %v", err)
	}
	tenant.Status.Schema.Retained = []string{"CustomField/tear"}
	tenant.Status.Conditions = nil
	if err := client.Status().Update(t.Context(), tenant); err != nil {
		t.Fatal(err)
	}
	if _, err = deps("cf/tear"); err == nil || !strings.Contains(err.Error(), "CustomField/tear was deleted from namespace "+namespace) {
		t.Errorf("what was deleted: %v", err)
	}
	since := metav1.NewTime(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))
	tenant.Status.Schema.Retained, tenant.Status.Schema.Retired = nil, []crmv1.RetiredItem{
		{Resource: "CustomField/tear", Name: "customer.tear", Since: since, Until: metav1.NewTime(since.AddDate(0, 1, 0))},
	}
	if err := client.Status().Update(t.Context(), tenant); err != nil {
		t.Fatal(err)
	}
	if _, err = deps("cf/tear"); err == nil || !strings.Contains(err.Error(), "its data is kept until 2026-04-01T12:00:00Z") {
		t.Errorf("what is retired: %v", err)
	}
}
