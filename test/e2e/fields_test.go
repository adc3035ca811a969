package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	crmv1 "github.com/kontor-crm/kontor/api/v1alpha1"
)

// fieldYAML is a CustomField of customers; spec is what stands in it beside that.
func fieldYAML(namespace, name, spec string) string {
	return fmt.Sprintf("apiVersion: crm.kontor.dev/v1alpha1\nkind: CustomField\nmetadata: {name: %q, namespace: %s}\nspec: {%s}\n", name, namespace, spec)
}

// fieldOfSchema is what GET /schema says of a field of customers, nil when it is not there.
func (p *person) fieldOfSchema(ctx SpecContext, object, name string) (values, error) {
	a, err := p.tryAsk(ctx, http.MethodGet, "/api/v1/schema", nil)
	if err != nil {
		return nil, err
	}
	var schema struct {
		Objects []struct {
			Name   string   `json:"name"`
			Fields []values `json:"fields"`
		} `json:"objects"`
	}
	if err := json.Unmarshal(a.body, &schema); err != nil {
		return nil, err
	}
	for _, o := range schema.Objects {
		for _, f := range o.Fields {
			if o.Name == object && f["name"] == name {
				return f, nil
			}
		}
	}
	return nil, nil //nolint:nilnil // nothing found and nothing wrong
}

// plans counts the plans that were made for a tenant.
func (t *tenant) plans(ctx SpecContext) int {
	GinkgoHelper()
	var list crmv1.ChangePlanList
	Expect(t.kube.List(ctx, &list, client.InNamespace(t.name))).To(Succeed())
	return len(list.Items)
}

var _ = Describe("A custom field", func() {
	It("appears in the running service within seconds of kubectl apply, to be read, written and filtered by", func(ctx SpecContext) {
		t := shared.newTenant(ctx, "fields")
		ann := t.administrator(ctx)
		Expect(ann.fieldOfSchema(ctx, "customer", "tier")).To(BeNil())
		ann.post(ctx, "/api/v1/records/customer", values{"name": "Early", "tier": "gold"}).names(http.StatusUnprocessableEntity, "tier", "")

		t.apply(ctx, fieldYAML(t.name, "customer-tier",
			"object: customer, name: tier, type: picklist, label: {en: Tier, zh: 等级}, options: [{key: gold}, {key: silver}]"))
		Eventually(ctx, ann.fieldOfSchema).WithArguments(ctx, "customer", "tier").WithTimeout(soon).Should(HaveKeyWithValue("label", "Tier"))
		t.becomesReady(ctx, t.name, "customfield/customer-tier")

		document := string(ann.get(ctx, "/api/v1/openapi.json").is(http.StatusOK).body)
		Expect(document).To(ContainSubstring(`"tier"`))
		gold := ann.create(ctx, "customer", values{"name": "Rich", "tier": "gold"})
		ann.create(ctx, "customer", values{"name": "Poor", "tier": "silver"})
		found := ann.list(ctx, "customer", "filter", `tier == 'gold'`, "fields", "id,tier")
		Expect(found.Items).To(ConsistOf(values{"id": gold, "tier": "gold"}))
		ann.post(ctx, "/api/v1/records/customer", values{"name": "Odd", "tier": "bronze"}).names(http.StatusUnprocessableEntity, "tier", "")
		Expect(query[string](ctx, t.reportingURI(ctx), `SELECT name FROM bi.customer WHERE tier = 'silver'`)).To(ConsistOf("Poor"))
	}, SpecTimeout(startPatience))

	It("is one of fifty in one plan when fifty are applied with one command", func(ctx SpecContext) {
		t := shared.newTenant(ctx, "fifty")
		before := t.plans(ctx)
		var documents []string
		for i := range 50 {
			documents = append(documents, fieldYAML(t.name, fmt.Sprintf("extra-%02d", i), "object: customer, type: text, length: 40"))
		}
		file := filepath.Join(GinkgoT().TempDir(), "fields.yaml")
		Expect(os.WriteFile(file, []byte(strings.Join(documents, "---\n")), 0o600)).To(Succeed())
		t.kubectl(ctx, "apply", "-f", file)
		t.becomesReady(ctx, t.name, "customfield", "--all")
		ann := t.administrator(ctx)
		Eventually(ctx, ann.fieldOfSchema).WithArguments(ctx, "customer", "extra_49").WithTimeout(soon).ShouldNot(BeNil())
		Expect(t.plans(ctx)).To(Equal(before + 1))
	}, SpecTimeout(startPatience))
})
