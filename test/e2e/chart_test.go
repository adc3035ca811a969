package e2e

import (
	"path/filepath"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

var _ = Describe("The tenant's chart", func() {
	It("makes a tenant that becomes Ready, with helm template and kubectl apply", func(ctx SpecContext) {
		chart := filepath.Join(root, "charts", "tenant")
		rendered, errOut, err := run(ctx, nil, "go", "tool", "-modfile="+filepath.Join("hack", "tools", "go.mod"), "helm",
			"template", "charted", chart, "--namespace", "charted", "--set", "namespace.create=true",
			"--values", filepath.Join(chart, "examples", "acme.yaml"), "--set", "tenant.name=charted,tenant.spec.service.hosts={charted.localhost}")
		Expect(err).NotTo(HaveOccurred(), errOut)
		shared.apply(ctx, rendered)
		shared.becomesReady(ctx, "charted", "tenant/charted")
		shared.becomesReady(ctx, "charted", "customfield", "--all")
		shared.becomesReady(ctx, "charted", "customobject,pipeline", "--all")
		charted := &tenant{site: shared.site, name: "charted", host: "charted.localhost"}
		ann := charted.administrator(ctx)
		Expect(ann.fieldOfSchema(ctx, "opportunity", "deal_id")).NotTo(BeNil())
		Expect(ann.fieldOfSchema(ctx, "service_contract", "level")).NotTo(BeNil())
	}, SpecTimeout(startPatience))
})
