package cmd

import (
	"context"
	"errors"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/wait"
	kube "sigs.k8s.io/controller-runtime/pkg/client"

	crmv1 "github.com/kontor-crm/kontor/api/v1alpha1"
	"github.com/kontor-crm/kontor/internal/compile"
	"github.com/kontor-crm/kontor/internal/manifest"
)

// How a person's command waits for the operator's answer.
const (
	askEvery  = 200 * time.Millisecond
	askAtMost = 15 * time.Minute // the operator counts records for up to ten
)

// askOperator has the operator plan for the folder against the live tenant: it alone
// knows the database and its records. Each resource is checked by the API server first.
func (o *previewer) askOperator(ctx context.Context, client kube.Client, namespace string, given *folder) (*preview, error) {
	resources := make([]*unstructured.Unstructured, 0, len(given.documents))
	for _, document := range given.documents {
		ref := compile.Ref{Kind: document.Object.GetKind(), Name: document.Object.GetName()}
		accepted, err := dryRun(ctx, client, namespace, document.Object)
		if err != nil {
			return nil, fmt.Errorf("%s: %s: %w", given.places[ref], slashed(ref.String()), err)
		}
		resources = append(resources, manifest.Clean(accepted))
	}
	text, err := manifest.Write(resources...)
	if err != nil {
		return nil, err
	}
	question := crmv1.ChangePlanSpec{Preview: &crmv1.Preview{Manifests: string(text), Prune: o.prune}}
	answer, err := inquire(ctx, client, namespace, "preview-", question)
	if err != nil {
		return nil, err
	}
	if err := complete(ctx, client, answer); err != nil {
		return nil, err
	}
	status := &answer.Status
	found := &preview{
		Tenant: status.Tenant, Class: status.Class, TotalChanges: int(status.TotalChanges), Changes: []previewChange{}, Retained: status.Retained,
	}
	for _, change := range status.Changes {
		found.Changes = append(found.Changes, previewChange{PlannedChange: change})
	}
	return found, nil
}

// inquire puts a question to the operator as a ChangePlan, and takes it away with the
// answer; where that is not allowed, the operator does so itself an hour later.
func inquire(ctx context.Context, client kube.Client, namespace, prefix string, question crmv1.ChangePlanSpec) (*crmv1.ChangePlan, error) {
	record := &crmv1.ChangePlan{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, GenerateName: prefix}, Spec: question}
	if err := client.Create(ctx, record); err != nil {
		return nil, fmt.Errorf("asking the operator with a ChangePlan: %w", err)
	}
	defer func() { _ = client.Delete(context.WithoutCancel(ctx), record) }()
	err := wait.PollUntilContextTimeout(ctx, askEvery, askAtMost, true, func(ctx context.Context) (bool, error) {
		err := client.Get(ctx, kube.ObjectKeyFromObject(record), record)
		return record.Status.Phase != "", err
	})
	switch {
	case apierrors.IsNotFound(err):
		return nil, fmt.Errorf("ChangePlan %s was deleted before the operator answered", record.Name)
	case err != nil:
		return nil, fmt.Errorf("waiting for the operator to answer ChangePlan %s: %w%s", record.Name, err, stateOf(record))
	case record.Status.Phase == crmv1.PlanFailed:
		return nil, errors.New(record.Status.Message)
	}
	return record, nil
}

// stateOf is what a question's condition says of why there is no answer yet.
func stateOf(record *crmv1.ChangePlan) string {
	for _, condition := range record.Status.Conditions {
		if condition.Type == crmv1.ConditionReady {
			return "; it says: " + condition.Message
		}
	}
	return "; is the operator running?"
}

// dryRun asks the API server what would become of a resource that is applied: with the
// defaults that it fills in, and refused where the kind's rules refuse it.
func dryRun(ctx context.Context, client kube.Client, namespace string, object *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	if own := object.GetNamespace(); own != "" && own != namespace {
		return nil, fmt.Errorf("it is of namespace %s, and not of %s", own, namespace)
	}
	wanted := manifest.Clean(object)
	wanted.SetNamespace(namespace)
	there := &unstructured.Unstructured{}
	there.SetGroupVersionKind(object.GroupVersionKind())
	err := client.Get(ctx, kube.ObjectKeyFromObject(wanted), there)
	switch {
	case apierrors.IsNotFound(err):
		err = client.Create(ctx, wanted, kube.DryRunAll)
	case err == nil:
		wanted.SetResourceVersion(there.GetResourceVersion())
		wanted.SetFinalizers(there.GetFinalizers())
		err = client.Update(ctx, wanted, kube.DryRunAll)
	}
	if err != nil {
		return nil, fmt.Errorf("asking the API server for it: %w", err)
	}
	return wanted, nil
}
