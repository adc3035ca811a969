package controllers_test

import (
	"context"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	crmv1 "github.com/kontor-crm/kontor/api/v1alpha1"
	"github.com/kontor-crm/kontor/internal/secret"
	"github.com/kontor-crm/kontor/test/env"
	"github.com/kontor-crm/kontor/test/expect"
	"github.com/kontor-crm/kontor/test/gen"
)

// unused keeps a server of a test from being taken by the tenants of others.
func unused(s *crmv1.DatabaseServer) { s.Spec.AllowedNamespaces = []string{"nobody"} }

var _ = Describe("A database server", func() {
	var name string
	BeforeEach(func() { name = "server-" + env.Cluster(GinkgoT()).Namespace(GinkgoT()) })

	added := func(ctx context.Context, at secret.Connection, modify ...func(*crmv1.DatabaseServer)) *crmv1.DatabaseServer {
		GinkgoHelper()
		server := addServer(ctx, name, at, append(modify, unused)...)
		DeferCleanup(func(ctx SpecContext) { remove(ctx, server) })
		return server
	}

	It("is Ready when it can hold tenants, and says what it is", func(ctx SpecContext) {
		server := added(ctx, admin())
		becomesReady(ctx, server)
		Expect(server.Status.Version).NotTo(BeEmpty())
		Expect(server.Status.Locale).To(Equal(crmv1.DatabaseLocale{Encoding: "UTF8", CType: "C.UTF-8", Collate: "C"}))
		Expect(server.Status.MaxConnections).To(BeNumerically(">", 0))
	})

	It("says that its Secret is missing, and recovers when it is there", func(ctx SpecContext) {
		server := gen.DatabaseServer(name, admin(), unused)
		create(ctx, server)
		DeferCleanup(func(ctx SpecContext) { remove(ctx, server) })
		Eventually(ctx, condition(ctx, server, crmv1.ConditionReady)).Should(HavePrefix("False/SecretMissing: spec.adminSecretRef.name: there is no Secret " + ownNamespace + "/" + name))
		expect.Conforms(Default, server)
		create(ctx, &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Namespace: ownNamespace, Name: name},
			Data:       map[string][]byte{"username": []byte(postgres.User), "password": []byte(postgres.Password)},
		})
		becomesReady(ctx, server)
	})

	It("says that its Secret lacks a key", func(ctx SpecContext) {
		at := admin()
		at.Password = ""
		server := added(ctx, at)
		Eventually(ctx, condition(ctx, server, crmv1.ConditionReady)).Should(And(HavePrefix("False/SecretInvalid: spec.adminSecretRef.name: "), ContainSubstring(`no "password"`)))
		expect.Conforms(Default, server)
	})

	It("says that the password is wrong, without the password", func(ctx SpecContext) {
		at := admin()
		at.Password = "hush-hush"
		server := added(ctx, at)
		Eventually(ctx, condition(ctx, server, crmv1.ConditionReady)).Should(HavePrefix("False/AuthenticationFailed: spec.adminSecretRef: "))
		expect.Conforms(Default, server, "hush-hush")
	})

	It("says that nobody answers", func(ctx SpecContext) {
		at := admin()
		at.Port = 1
		server := added(ctx, at)
		Eventually(ctx, condition(ctx, server, crmv1.ConditionReady)).Should(HavePrefix("False/Unreachable: spec.address: "))
		expect.Conforms(Default, server, postgres.Password)
	})

	It("says that its role may make nothing", func(ctx SpecContext) {
		role := "weak_" + env.Cluster(GinkgoT()).Namespace(GinkgoT())
		execute(ctx, "postgres", `CREATE ROLE "`+role+`" LOGIN PASSWORD 'weak'`)
		DeferCleanup(func(ctx SpecContext) { execute(ctx, "postgres", `DROP ROLE "`+role+`"`) })
		server := added(ctx, admin().As(role, "weak"))
		Eventually(ctx, condition(ctx, server, crmv1.ConditionReady)).Should(HavePrefix("False/InsufficientRights: spec.adminSecretRef: "))
		expect.Conforms(Default, server)
	})

	It("says that more connections are asked for than there are", func(ctx SpecContext) {
		server := added(ctx, admin(), func(s *crmv1.DatabaseServer) { s.Spec.Connections.Service = 9999 })
		Eventually(ctx, condition(ctx, server, crmv1.ConditionReady)).Should(HavePrefix("False/ConnectionBudgetExceeded: spec.connections: "))
		expect.Conforms(Default, server)
	})
})
