package compile

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	crmv1 "github.com/kontor-crm/kontor/api/v1alpha1"
	"github.com/kontor-crm/kontor/internal/manifest"
	"github.com/kontor-crm/kontor/test/gen"
)

// exported writes resources down as an export does, each as a server holds it.
func exported(t *testing.T, resources []crmv1.Object) []byte {
	t.Helper()
	var objects []*unstructured.Unstructured
	for i, resource := range resources {
		stored := resource.DeepCopyObject().(crmv1.Object)
		stored.SetUID("0b5e8a52-7c42-4b9e-9f4e-0f2f9c1c7a11")
		stored.SetResourceVersion(fmt.Sprint(1000 + i))
		stored.SetFinalizers([]string{crmv1.TenantFinalizer})
		stored.SetManagedFields([]metav1.ManagedFieldsEntry{{Manager: "kubectl"}})
		stored.GetCommonStatus().ObservedGeneration = 3
		content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(stored)
		if err != nil {
			t.Fatal(err)
		}
		object := &unstructured.Unstructured{Object: content}
		object.SetGroupVersionKind(crmv1.GroupVersion.WithKind(kindOf(resource)))
		objects = append(objects, manifest.Clean(object))
	}
	manifest.Sort(objects)
	text, err := manifest.Write(objects...)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func kindOf(resource crmv1.Object) string {
	switch resource.(type) {
	case *crmv1.Tenant:
		return KindTenant
	case *crmv1.CustomObject:
		return KindObject
	case *crmv1.CustomField:
		return KindField
	case *crmv1.Pipeline:
		return KindPipeline
	case *crmv1.ValidationRule:
		return KindRule
	}
	return KindIndex
}

// reapplied reads an export as a server does that had nothing of it, all at the same
// moment, or that had the resources and knows when they were made.
func reapplied(t *testing.T, text []byte, made map[Ref]metav1.Time) Input {
	t.Helper()
	documents, err := manifest.Read(text)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	var in Input
	for _, document := range documents {
		one, err := manifest.Write(document)
		if err != nil {
			t.Fatal(err)
		}
		at := made[Ref{document.GetKind(), document.GetName()}]
		if err := in.add(one, at.Time); err != nil {
			t.Fatalf("%v\n%s", err, one)
		}
	}
	return in
}

// input is what is compiled of a configuration.
func input(c *gen.Configuration) Input {
	return Input{Tenant: c.Tenant, Objects: c.Objects, Fields: c.Fields, Pipelines: c.Pipelines, Rules: c.Rules, Indexes: c.Indexes}
}

// withoutRefused takes out what does not compile, until everything does: whoever
// came first decides between two that claim the same, and a copy comes all at once.
func withoutRefused(t *testing.T, c *gen.Configuration) {
	t.Helper()
	for {
		verdicts := mustCompile(t, input(c)).Verdicts
		refused := func(resource crmv1.Object) bool {
			return len(verdicts[Ref{kindOf(resource), resource.GetName()}].Problems) > 0
		}
		before := len(c.All())
		c.Objects = slices.DeleteFunc(c.Objects, func(o *crmv1.CustomObject) bool { return refused(o) })
		c.Fields = slices.DeleteFunc(c.Fields, func(f *crmv1.CustomField) bool { return refused(f) })
		c.Pipelines = slices.DeleteFunc(c.Pipelines, func(p *crmv1.Pipeline) bool { return refused(p) })
		c.Rules = slices.DeleteFunc(c.Rules, func(r *crmv1.ValidationRule) bool { return refused(r) })
		c.Indexes = slices.DeleteFunc(c.Indexes, func(x *crmv1.ObjectIndex) bool { return refused(x) })
		if len(c.All()) == before {
			return
		}
	}
}

func TestAnExportMeansTheSameToItsOwnTenantAndToAnEmptyOne(t *testing.T) {
	t.Parallel()
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 11))
		c := gen.Random(r)
		made := map[Ref]metav1.Time{}
		for _, resource := range c.All() {
			made[Ref{kindOf(resource), resource.GetName()}] = resource.GetCreationTimestamp()
		}
		at := fmt.Sprintf("seed %d", seed)

		// To the tenant itself, whatever is wrong with some of it.
		text := exported(t, c.All())
		first := mustCompile(t, input(&c))
		again := reapplied(t, text, made)
		again.Applied = reload(t, first.Schema)
		if second := mustCompile(t, again); second.Schema.Digest() != first.Schema.Digest() {
			t.Fatalf("%s: applying the export changes the tenant:\n%s", at, text)
		} else if a, b := verdictsOf(first), verdictsOf(second); a != b {
			t.Fatalf("%s: applying the export changes the verdicts:\n%s\n%s", at, a, b)
		}
		if rewritten := exported(t, resources(&again)); string(rewritten) != string(text) {
			t.Fatalf("%s: the export of what an export made is another one:\n%s\n%s", at, text, rewritten)
		}

		// To an empty one, where all of it is good.
		withoutRefused(t, &c)
		want := mustCompile(t, input(&c)).Schema
		text = exported(t, c.All())
		if got := mustCompile(t, reapplied(t, text, map[Ref]metav1.Time{})).Schema; got.Digest() != want.Digest() {
			t.Fatalf("%s: the export makes another schema in an empty tenant:\n%s", at, text)
		}
	}
}

// resources are those of an Input, the Tenant first.
func resources(in *Input) []crmv1.Object {
	c := gen.Configuration{Tenant: in.Tenant, Objects: in.Objects, Fields: in.Fields, Pipelines: in.Pipelines, Rules: in.Rules, Indexes: in.Indexes}
	return c.All()
}

func verdictsOf(result Result) string {
	var text string
	for _, ref := range slices.SortedFunc(maps.Keys(result.Verdicts), func(a, b Ref) int { return strings.Compare(a.String(), b.String()) }) {
		text += fmt.Sprintf("%s: %v\n", ref, result.Verdicts[ref].Problems)
	}
	return text
}
