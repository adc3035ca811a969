package cmd

import (
	"context"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	kube "sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kontor-crm/kontor/internal/manifest"
)

// fieldOwner is the name under which `kontor dev` applies.
const fieldOwner = kube.FieldOwner("kontor-dev")

// applyFolder applies every YAML file of a folder, server-side: namespaces first, then the rest by file.
func applyFolder(ctx context.Context, c kube.Client, files fs.FS, folder string) error {
	names, err := fs.Glob(files, path.Join(folder, "*.yaml"))
	if err != nil {
		return fmt.Errorf("listing %s: %w", folder, err)
	}
	var objects []*unstructured.Unstructured
	for _, name := range names {
		if strings.HasSuffix(name, "kustomization.yaml") {
			continue
		}
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return fmt.Errorf("reading %s: %w", name, err)
		}
		read, err := manifest.Read(text)
		if err != nil {
			return fmt.Errorf("reading %s: %w", name, err)
		}
		objects = append(objects, read...)
	}
	slices.SortStableFunc(objects, func(a, b *unstructured.Unstructured) int { return applyRank(a) - applyRank(b) })
	for _, object := range objects {
		if err := c.Apply(ctx, kube.ApplyConfigurationFromUnstructured(object), fieldOwner, kube.ForceOwnership); err != nil {
			return fmt.Errorf("applying %s %s: %w", object.GetKind(), object.GetName(), err)
		}
	}
	return nil
}

func applyRank(object *unstructured.Unstructured) int {
	if object.GetKind() == "Namespace" {
		return 0
	}
	return 1
}

// crdsEstablished says whether the API server serves all of our kinds.
func crdsEstablished(ctx context.Context, c kube.Client, files fs.FS) (bool, error) {
	names, err := fs.Glob(files, "crd/bases/*.yaml")
	if err != nil {
		return false, fmt.Errorf("listing the CRDs: %w", err)
	}
	var list apiextensionsv1.CustomResourceDefinitionList
	if err := c.List(ctx, &list); err != nil {
		return false, fmt.Errorf("listing the CRDs: %w", err)
	}
	established := 0
	for _, crd := range list.Items {
		if strings.HasSuffix(crd.Name, ".crm.kontor.dev") && slices.ContainsFunc(crd.Status.Conditions, isEstablished) {
			established++
		}
	}
	return established >= len(names), nil
}

func isEstablished(condition apiextensionsv1.CustomResourceDefinitionCondition) bool {
	return condition.Type == apiextensionsv1.Established && condition.Status == apiextensionsv1.ConditionTrue
}
