package cmd

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kube "sigs.k8s.io/controller-runtime/pkg/client"

	crmv1 "github.com/kontor-crm/kontor/api/v1alpha1"
)

func TestTheHistoryShowsEachRevisionAndGivesItBack(t *testing.T) {
	t.Parallel()
	p := newPlatform(t, "history")
	p.create(t, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "acme"}})
	from := func(commit, text string) string {
		return strings.ReplaceAll(text, "metadata: {", "metadata: {annotations: {crm.kontor.dev/commit: "+commit+"}, ")
	}
	applyText(t, p.client, "acme", from("aaaa1111", acmeTenant+"---\n"+tierField))
	first := p.await(t, synced)
	applyText(t, p.client, "acme", from("bbbb2222", acmeTenant+"---\n"+strings.Replace(tierField, "20", "30", 1)))
	p.await(t, func(found *crmv1.Tenant) bool { return synced(found) && found.Status.Schema.Revision == 2 })

	to := []string{"history", "--kubeconfig", p.Kubeconfig(), "-n", "acme"}
	listed, _ := mustKontor(t, to...)
	lines := strings.Split(strings.TrimSpace(listed), "\n")
	if len(lines) != 3 || !strings.HasPrefix(lines[0], "REVISION") {
		t.Fatalf("the list is\n%s", listed)
	}
	for i, parts := range [][]string{{"2 ", "bbbb2222", `change field "tier" of customer`, "acme-2-"}, {"1 ", "aaaa1111", "acme-1-"}} {
		for _, part := range parts {
			if !strings.Contains(lines[i+1], part) {
				t.Errorf("line %d does not say %q: %s", i+1, part, lines[i+1])
			}
		}
	}
	if one, _ := mustKontor(t, append(to, "--limit", "1")...); strings.Count(one, "\n") != 2 {
		t.Errorf("one revision is\n%s", one)
	}

	was, _ := mustKontor(t, append(to, "--revision", "1")...)
	for _, part := range []string{"# revision 1, applied ", "# commits aaaa1111", `add field "tier" to customer (CustomField/tier)`, "kind: Tenant", "length: 20"} {
		if !strings.Contains(was, part) {
			t.Errorf("the first revision does not say %q:\n%s", part, was)
		}
	}
	var told historyRevision
	shown, _ := mustKontor(t, append(to, "--at", time.Now().Add(time.Minute).Format(time.RFC3339), "-o", "json")...)
	if err := json.Unmarshal([]byte(shown), &told); err != nil {
		t.Fatal(err)
	}
	if told.Revision != 2 || len(told.Resources) != 2 || len(told.Changes) == 0 || told.Commits[0] != "bbbb2222" {
		t.Errorf("what is in force now is %+v", told)
	}
	if _, _, err := kontor(t, append(to, "--at", "2001-01-01")...); err == nil || !strings.Contains(err.Error(), "nothing was applied yet at that time") {
		t.Errorf("before the beginning: %v", err)
	}
	if _, _, err := kontor(t, append(to, "--revision", "9")...); err == nil || !strings.Contains(err.Error(), "there is no revision 9") {
		t.Errorf("a revision that never was: %v", err)
	}

	// What was printed is applied again.
	applyText(t, p.client, "acme", was)
	back := p.await(t, func(found *crmv1.Tenant) bool { return synced(found) && found.Status.Schema.Revision == 3 })
	if back.Status.Schema.Digest != first.Status.Schema.Digest {
		t.Errorf("the first schema is not back: %+v", back.Status.Schema)
	}
	var left crmv1.ChangePlanList
	if err := p.client.List(t.Context(), &left, kube.InNamespace("acme")); err != nil {
		t.Fatal(err)
	}
	if len(left.Items) != 3 {
		t.Errorf("questions are left behind: %d", len(left.Items))
	}
}

func TestATimeOfTheHistoryIsReadAsPeopleWriteIt(t *testing.T) {
	t.Parallel()
	zone := time.FixedZone("here", 3600)
	for text, want := range map[string]string{
		"2026-03-31T17:00:00Z": "2026-03-31T17:00:00Z",
		"2026-03-31 17:00":     "2026-03-31T17:00:00+01:00",
		"2026-03-31 17:00:05":  "2026-03-31T17:00:05+01:00",
		"2026-03-31T17:00":     "2026-03-31T17:00:00+01:00",
		"2026-03-31":           "2026-03-31T23:59:59+01:00",
	} {
		if at, err := readTime(text, zone); err != nil || at.Format(time.RFC3339) != want {
			t.Errorf("%s is %v (%v) and not %s", text, at, err, want)
		}
	}
	for _, flags := range []historian{{limit: 1, at: "yesterday"}, {limit: 1, at: "2026-03-31", revision: 2}, {limit: 0}, {limit: 1, revision: -1}, {limit: 1, output: "yaml"}} {
		if _, err := flags.question(zone); err == nil {
			t.Errorf("%+v is taken", flags)
		}
	}
}
