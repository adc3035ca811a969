package rest_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	crmv1 "github.com/kontor-crm/kontor/api/v1alpha1"
	"github.com/kontor-crm/kontor/internal/compile"
	"github.com/kontor-crm/kontor/internal/schema"
)

// declared is a tenant of the standard model, sales included, with what the documents declare, as a user writes them.
func declared(t *testing.T, documents string) *organisation {
	t.Helper()
	return newOrganisationOf(t, compile.Standard([]string{string(crmv1.ModuleSales)}), compiled(t, nil, documents))
}

// compiled is the model of a tenant with those documents, over what it has by now.
func compiled(t *testing.T, applied *schema.Schema, documents string) *schema.Schema {
	t.Helper()
	result := compile.Compile(resources(t, applied, documents))
	for ref, verdict := range result.Verdicts {
		if len(verdict.Problems) > 0 {
			t.Fatalf("%s: %+v", ref, verdict.Problems)
		}
	}
	return result.Schema
}

// resources reads documents as the API server would hand them over.
func resources(t *testing.T, applied *schema.Schema, documents string) compile.Input {
	t.Helper()
	in := compile.Input{Applied: applied, Tenant: &crmv1.Tenant{
		ObjectMeta: metav1.ObjectMeta{Name: "acme"}, Spec: crmv1.TenantSpec{Currency: "EUR", Country: "DE", Modules: []crmv1.Module{crmv1.ModuleSales}},
	}}
	for document := range strings.SplitSeq(documents, "\n---\n") {
		var meta metav1.TypeMeta
		must(t, yaml.Unmarshal([]byte(document), &meta))
		var into any
		switch meta.Kind {
		case compile.KindObject:
			in.Objects = append(in.Objects, &crmv1.CustomObject{})
			into = in.Objects[len(in.Objects)-1]
		case compile.KindPipeline:
			in.Pipelines = append(in.Pipelines, &crmv1.Pipeline{})
			into = in.Pipelines[len(in.Pipelines)-1]
		case compile.KindField:
			in.Fields = append(in.Fields, &crmv1.CustomField{})
			into = in.Fields[len(in.Fields)-1]
		case compile.KindRule:
			in.Rules = append(in.Rules, &crmv1.ValidationRule{})
			into = in.Rules[len(in.Rules)-1]
		case compile.KindIndex:
			in.Indexes = append(in.Indexes, &crmv1.ObjectIndex{})
			into = in.Indexes[len(in.Indexes)-1]
		default:
			t.Fatalf("a document of the kind %q", meta.Kind)
		}
		must(t, yaml.UnmarshalStrict([]byte(document), into))
	}
	return in
}

// refuses fails unless the database itself refuses a statement, with that code of PostgreSQL.
func (o *organisation) refuses(t *testing.T, statement, code string) {
	t.Helper()
	c, err := pgx.Connect(t.Context(), o.database.URL())
	must(t, err)
	defer c.Close(context.WithoutCancel(t.Context()))
	_, err = c.Exec(t.Context(), statement)
	var refused *pgconn.PgError
	if !errors.As(err, &refused) || refused.Code != code {
		t.Errorf("%s: %v, want the code %s", statement, err, code)
	}
}
