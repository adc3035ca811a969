// Package expect holds the assertions that tests of several rooms share.
package expect

import (
	"context"
	"fmt"
	"strings"

	"github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	crmv1 "github.com/kontor-crm/kontor/api/v1alpha1"
)

// optional are the conditions that may be False on a Ready object.
var optional = map[string]bool{crmv1.ConditionSchemaSynced: true}

// Progress is what kstatus makes of an object: what `kubectl wait`, Flux and
// Argo CD decide by. See sigs.k8s.io/cli-utils, pkg/kstatus, whose generic rules these are.
type Progress string

// The answers of kstatus.
const (
	InProgress Progress = "InProgress"
	Failed     Progress = "Failed"
	Current    Progress = "Current"
	Terminated Progress = "Terminating"
)

// ProgressOf decides as kstatus does: deletion, then generations, then
// Reconciling and Stalled, then Ready.
func ProgressOf(obj crmv1.Object) Progress {
	conditions := obj.GetConditions()
	ready := meta.FindStatusCondition(conditions, crmv1.ConditionReady)
	switch {
	case !obj.GetDeletionTimestamp().IsZero():
		return Terminated
	case obj.GetCommonStatus().ObservedGeneration != obj.GetGeneration():
		return InProgress
	case meta.IsStatusConditionTrue(conditions, crmv1.ConditionReconciling):
		return InProgress
	case meta.IsStatusConditionTrue(conditions, crmv1.ConditionStalled):
		return Failed
	case ready == nil, ready.Status != metav1.ConditionTrue:
		return InProgress
	}
	return Current
}

// Conforms checks what holds for the status of every kind, whatever happened to
// it. Each controller's test ends with it. Secrets are texts that must not stand in it.
func Conforms(g gomega.Gomega, obj crmv1.Object, secrets ...string) {
	name := fmt.Sprintf("%T %s/%s", obj, obj.GetNamespace(), obj.GetName())
	conditions := obj.GetConditions()
	ready := meta.FindStatusCondition(conditions, crmv1.ConditionReady)
	g.Expect(ready).NotTo(gomega.BeNil(), "%s: Ready is always there", name)
	g.Expect(obj.GetCommonStatus().ObservedGeneration).To(gomega.BeNumerically("<=", obj.GetGeneration()), "%s: the observed generation is no future one", name)
	for _, condition := range conditions {
		at := name + ": condition " + condition.Type
		g.Expect(condition.Reason).To(gomega.MatchRegexp(`^[A-Z][A-Za-z]*$`), "%s has a CamelCase reason", at)
		g.Expect(condition.Message).NotTo(gomega.BeEmpty(), "%s says something", at)
		g.Expect(condition.Message).NotTo(gomega.MatchRegexp(`\d\d:\d\d:\d\d|the object has been modified`), "%s is stable", at)
		g.Expect(condition.ObservedGeneration).To(gomega.BeNumerically("<=", obj.GetGeneration()), "%s is of no future generation", at)
		for _, secret := range secrets {
			g.Expect(condition.Message).NotTo(gomega.ContainSubstring(secret), "%s gives no secret away", at)
		}
		switch condition.Type {
		case crmv1.ConditionReconciling, crmv1.ConditionStalled:
			g.Expect(condition.Status).To(gomega.Equal(metav1.ConditionTrue), "%s is there only while it is True", at)
		default:
			if ready.Status == metav1.ConditionTrue && !optional[condition.Type] {
				g.Expect(condition.Status).To(gomega.Equal(metav1.ConditionTrue), "%s: a healthy object has no False condition", at)
			}
		}
	}
	reconciling := meta.FindStatusCondition(conditions, crmv1.ConditionReconciling) != nil
	stalled := meta.FindStatusCondition(conditions, crmv1.ConditionStalled) != nil
	g.Expect(reconciling && stalled).To(gomega.BeFalse(), "%s does not work and stand still at once", name)
	if obj.GetDeletionTimestamp().IsZero() && obj.GetCommonStatus().ObservedGeneration == obj.GetGeneration() {
		want := Current
		switch {
		case reconciling:
			want = InProgress
		case stalled:
			want = Failed
		}
		g.Expect(ProgressOf(obj)).To(gomega.Equal(want), "%s: kstatus decides as the conditions say", name)
		if want == Current {
			g.Expect(ready.Status).To(gomega.Equal(metav1.ConditionTrue), "%s: Ready and kstatus agree", name)
		} else {
			g.Expect(ready.Status).NotTo(gomega.Equal(metav1.ConditionTrue), "%s: Ready and kstatus agree", name)
		}
	}
}

// Condition reads an object anew and gives one of its conditions as
// "Status/Reason: message", or "" when it has none.
func Condition(ctx context.Context, c client.Client, obj crmv1.Object, condition string) string {
	target, ok := obj.(client.Object)
	if !ok {
		return fmt.Sprintf("%T is no object of a client", obj)
	}
	if err := c.Get(ctx, types.NamespacedName{Namespace: obj.GetNamespace(), Name: obj.GetName()}, target); err != nil {
		return err.Error()
	}
	found := meta.FindStatusCondition(obj.GetConditions(), condition)
	if found == nil {
		return ""
	}
	return strings.Join([]string{string(found.Status), "/", found.Reason, ": ", found.Message}, "")
}
