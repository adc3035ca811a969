package rest_test

import (
	"net/http"
	"testing"

	"github.com/kontor-crm/kontor/controllers/tenant"
	"github.com/kontor-crm/kontor/internal/provision"
)

func TestTheConfigurationOfAnObjectSaysWhatDeclaresItAndWhetherItIsInForce(t *testing.T) {
	t.Parallel()
	o := newOrganisation(t)
	u := o.signedIn(t)
	schemas := provision.NewSchemas(o.servers)
	keep := func(resources ...tenant.Resource) {
		t.Helper()
		must(t, schemas.KeepResources(t.Context(), o.database, resources))
	}
	revenue := tenant.Resource{Kind: "CustomField", Name: "revenue", Object: "customer", Generation: 2, Ready: true, Reason: "Applied", Message: "it is in the applied schema", YAML: "kind: CustomField\n"}
	broken := tenant.Resource{Kind: "CustomField", Name: "broken", Object: "custommer", Generation: 1, Reason: "ObjectNotFound", Message: "spec.object: there is no object", YAML: "kind: CustomField\n"}
	keep(revenue, broken, tenant.Resource{Kind: "Pipeline", Name: "sales", Object: "opportunity", Generation: 1, Ready: true, Reason: "Applied", YAML: "kind: Pipeline\n"})

	r := u.get("/api/v1/configuration/customer").is(http.StatusOK)
	customer := r.object()
	if customer["namespace"] != o.id.Namespace || customer["source"] != nil {
		t.Errorf("the object: %s", r.body)
	}
	sources := map[any]any{}
	for _, field := range customer["fields"].([]any) {
		sources[at(field, "/name")] = at(field, "/source/name")
	}
	if sources["revenue"] != "revenue" || sources["name"] != nil || sources["id"] != nil {
		t.Errorf("the fields are declared by %v", sources)
	}
	resources := customer["resources"].([]any)
	if len(resources) != 1 || at(resources[0], "/yaml") != "kind: CustomField\n" || at(resources[0], "/ready") != true || at(resources[0], "/reason") != "Applied" {
		t.Errorf("its resources: %v", resources)
	}
	pipeline := u.get("/api/v1/configuration/opportunity").is(http.StatusOK).object()["pipelines"].([]any)[0]
	if at(pipeline, "/name") != "sales" || at(pipeline, "/source/kind") != "Pipeline" {
		t.Errorf("the pipeline: %v", pipeline)
	}
	all := u.get("/api/v1/configuration").is(http.StatusOK).object()["resources"].([]any)
	if len(all) != 3 || at(all[0], "/name") != "broken" || at(all[0], "/ready") != false || at(all[0], "/yaml") != nil {
		t.Errorf("all resources: %v", all)
	}

	var before, after string
	o.sql(t, `SELECT xmin::text FROM kontor.resource WHERE name = 'revenue'`, &before)
	broken.Message = "spec.object: there is none"
	keep(revenue, broken)
	o.sql(t, `SELECT xmin::text FROM kontor.resource WHERE name = 'revenue'`, &after)
	if before != after {
		t.Error("what stayed the same was written again")
	}
	all = u.get("/api/v1/configuration").is(http.StatusOK).object()["resources"].([]any)
	if len(all) != 2 || at(all[0], "/message") != "spec.object: there is none" {
		t.Errorf("afterwards: %v", all)
	}
	bob := o.join(t, "Bob", false)
	bob.get("/api/v1/configuration/customer").is(http.StatusForbidden)
	if got := bob.get("/api/v1/configuration").is(http.StatusOK).object()["resources"].([]any); len(got) > 0 {
		t.Errorf("who may read nothing is told %v", got)
	}
}
