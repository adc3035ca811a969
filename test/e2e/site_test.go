package e2e

import (
	"fmt"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	crmv1 "github.com/kontor-crm/kontor/api/v1alpha1"
)

// site is a place where Kontor runs: a cluster, and the address of its service.
type site struct {
	kubeconfig string
	address    string
	kube       client.Client
}

func newSite(kubeconfig, address string) *site {
	GinkgoHelper()
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	Expect(err).NotTo(HaveOccurred())
	config.QPS = -1
	kube, err := client.New(config, client.Options{Scheme: scheme})
	Expect(err).NotTo(HaveOccurred())
	return &site{kubeconfig: kubeconfig, address: address, kube: kube}
}

// kubectl runs kubectl and returns what it prints; it must succeed.
func (s *site) kubectl(ctx SpecContext, args ...string) string {
	GinkgoHelper()
	out, errOut, err := run(ctx, nil, kubectl, append([]string{"--kubeconfig", s.kubeconfig}, args...)...)
	Expect(err).NotTo(HaveOccurred(), "kubectl %s: %s", strings.Join(args, " "), errOut)
	return out
}

// apply applies YAML with kubectl; it must succeed.
func (s *site) apply(ctx SpecContext, yaml string) {
	GinkgoHelper()
	refusal := s.tryApply(ctx, yaml)
	Expect(refusal).To(BeEmpty())
}

// tryApply applies YAML with kubectl and returns what kubectl complains about, "" for nothing.
func (s *site) tryApply(ctx SpecContext, yaml string) string {
	GinkgoHelper()
	_, errOut, err := run(ctx, strings.NewReader(yaml), kubectl, "--kubeconfig", s.kubeconfig, "apply", "-f", "-")
	if err == nil {
		return ""
	}
	return errOut
}

// becomesReady waits as a person does.
func (s *site) becomesReady(ctx SpecContext, namespace string, resources ...string) {
	GinkgoHelper()
	args := append([]string{"wait", "--for=condition=Ready", "-n", namespace, "--timeout=" + patience.String()}, resources...)
	s.kubectl(ctx, args...)
}

// tenant is an organisation that a spec made for itself; its name is that of its namespace.
type tenant struct {
	*site

	name, host string
}

func tenantYAML(name string) string {
	return fmt.Sprintf(`
apiVersion: v1
kind: Namespace
metadata: {name: %[1]s}
---
apiVersion: crm.kontor.dev/v1alpha1
kind: Tenant
metadata: {name: %[1]s, namespace: %[1]s}
spec:
  displayName: The tenant %[1]s
  service: {hosts: [%[1]s.localhost]}
`, name)
}

// newTenant applies a tenant, and whatever else stands in its namespace, and waits until it is Ready.
func (s *site) newTenant(ctx SpecContext, name string, more ...string) *tenant {
	GinkgoHelper()
	s.apply(ctx, strings.Join(append([]string{tenantYAML(name)}, more...), "\n---\n"))
	t := &tenant{site: s, name: name, host: name + ".localhost"}
	s.becomesReady(ctx, name, "tenant/"+name)
	return t
}

// secret is the content of a Secret in the tenant's namespace.
func (t *tenant) secret(ctx SpecContext, name string) map[string]string {
	GinkgoHelper()
	found := &corev1.Secret{}
	Expect(t.kube.Get(ctx, types.NamespacedName{Namespace: t.name, Name: name}, found)).To(Succeed())
	content := map[string]string{}
	for key, value := range found.Data {
		content[key] = string(value)
	}
	return content
}

// administrator signs in with what the operator wrote into the tenant's Secret.
func (t *tenant) administrator(ctx SpecContext) *person {
	GinkgoHelper()
	account := t.secret(ctx, t.status(ctx).AdministratorSecret)
	return t.signIn(ctx, t.host, account["email"], account["password"])
}

func (t *tenant) status(ctx SpecContext) crmv1.TenantStatus {
	GinkgoHelper()
	found := &crmv1.Tenant{}
	Expect(t.kube.Get(ctx, types.NamespacedName{Namespace: t.name, Name: t.name}, found)).To(Succeed())
	return found.Status
}

// reportingURI is the connection of the tenant's reporting tools.
func (t *tenant) reportingURI(ctx SpecContext) string {
	GinkgoHelper()
	return t.secret(ctx, t.status(ctx).BISecret)["uri"]
}

// sample is the tenant of config/samples/acme under the shared `kontor dev`.
func sample() *tenant {
	return &tenant{site: shared.site, name: "acme", host: sampleHost}
}
