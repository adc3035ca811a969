package controllers_test

import (
	"context"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	crmv1 "github.com/kontor-crm/kontor/api/v1alpha1"
	"github.com/kontor-crm/kontor/test/env"
	"github.com/kontor-crm/kontor/test/expect"
	"github.com/kontor-crm/kontor/test/gen"
)

var _ = Describe("Another type of a field", func() {
	It("waits for the records that do not convert, and gives back each value when it is taken back", func(ctx SpecContext) {
		namespace := env.Cluster(GinkgoT()).Namespace(GinkgoT())
		acme := gen.Tenant(namespace, "acme-"+namespace)
		code := gen.CustomField(namespace, "customer", "code")
		create(ctx, acme, code)
		becomesReady(ctx, acme)
		becomesReady(ctx, code)
		become := func(ctx context.Context, kind crmv1.FieldType) {
			GinkgoHelper()
			Eventually(ctx, func() error {
				_ = expect.Condition(ctx, kube, code, crmv1.ConditionReady)
				code.Spec.Type = kind
				return kube.Update(ctx, code)
			}).Should(Succeed())
		}
		execute(ctx, databaseOf("test", acme), `INSERT INTO crm.customer (id, name, x_code)
			SELECT gen_random_uuid(), 'A', CASE WHEN n <= 3 THEN 'many' ELSE lpad(n::text, 7, '0') END FROM generate_series(1, 500) AS n`)

		become(ctx, crmv1.FieldDecimal)
		failing := func(p *crmv1.ChangePlan) bool {
			for _, change := range p.Status.Changes {
				if change.Impact != nil && change.Impact.Failing == 3 && len(change.Impact.FailingRecords) == 3 {
					return true
				}
			}
			return false
		}
		becomesProposed(ctx, namespace, failing)
		left := `SELECT count(*)::text FROM pg_attribute WHERE attrelid = 'crm.customer'::regclass AND attname LIKE '%$%'`
		Expect(query(ctx, databaseOf("test", acme), left)).To(Equal("0"))

		execute(ctx, databaseOf("test", acme), `UPDATE crm.customer SET x_code = '7.50' WHERE x_code = 'many'`)
		ask(ctx, acme, "now")
		becomesReady(ctx, code)
		Expect(query(ctx, databaseOf("test", acme), `SELECT sum("x_code$2")::numeric(20,1)::text FROM crm.customer`)).To(Equal("125266.5"))

		become(ctx, crmv1.FieldText)
		becomesReady(ctx, code)
		Expect(query(ctx, databaseOf("test", acme), `SELECT count(*)::text FROM bi.customer WHERE code LIKE '0000%'`)).To(Equal("497"))
	})
})
