package cmd

import (
	"fmt"

	"github.com/spf13/pflag"
	"k8s.io/client-go/tools/clientcmd"
	kube "sigs.k8s.io/controller-runtime/pkg/client"
)

// ofTenant is what the namespace is for most commands.
const ofTenant = "namespace of the tenant; empty: that of the context"

// kubeOptions are the flags with which a person's command finds its cluster and
// namespace, as kubectl's own.
type kubeOptions struct {
	kubeconfig, context, namespace string
}

// flags adds them; namespace says what the namespace is.
func (o *kubeOptions) flags(flags *pflag.FlagSet, namespace string) {
	flags.StringVar(&o.kubeconfig, "kubeconfig", "", "file that says how to reach the cluster; empty: as kubectl finds it")
	flags.StringVar(&o.context, "context", "", "context of the kubeconfig to use")
	flags.StringVarP(&o.namespace, "namespace", "n", "", namespace)
}

// connect makes a client of the cluster and says which namespace is meant.
func (o *kubeOptions) connect() (client kube.Client, namespace string, err error) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = o.kubeconfig
	loader := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, &clientcmd.ConfigOverrides{CurrentContext: o.context})
	if namespace = o.namespace; namespace == "" {
		if namespace, _, err = loader.Namespace(); err != nil {
			return nil, "", fmt.Errorf("finding the namespace: %w", err)
		}
	}
	config, err := loader.ClientConfig()
	if err != nil {
		return nil, "", fmt.Errorf("finding the cluster: %w", err)
	}
	if client, err = kube.New(config, kube.Options{Scheme: newScheme()}); err != nil {
		return nil, "", fmt.Errorf("preparing the client of the cluster: %w", err)
	}
	return client, namespace, nil
}
