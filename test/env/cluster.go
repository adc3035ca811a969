package env

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"github.com/kontor-crm/kontor/internal/local"
)

// APIServer is a Kubernetes API server that has Kontor's kinds. Its Kubeconfig,
// StopAPIServer and StartAPIServer are those of the cluster in it.
type APIServer struct {
	*local.Cluster

	config *rest.Config
}

var cluster = sync.OnceValues(func() (*APIServer, error) {
	dir, err := directory()
	if err != nil {
		return nil, err
	}
	server, err := startCluster(filepath.Join(dir, "cluster"))
	if err != nil {
		return nil, err
	}
	atStop(server.Stop)
	return server, nil
})

// Cluster is this test binary's API server, started when it is asked for first.
// It is shared: each test works in namespaces of its own.
func Cluster(t T) *APIServer {
	t.Helper()
	server, err := cluster()
	if err != nil {
		t.Fatalf("starting a cluster for the tests: %v", err)
	}
	return server
}

// OwnCluster is an API server for one test alone, which may stop it and start it
// again as it likes. It takes some seconds to start, and ends with the test.
func OwnCluster(t T) *APIServer {
	t.Helper()
	dir, err := directory()
	if err != nil {
		t.Fatalf("making a directory for the tests: %v", err)
	}
	if dir, err = os.MkdirTemp(dir, "cluster-"); err != nil {
		t.Fatalf("making a directory for the tests: %v", err)
	}
	server, err := startCluster(dir)
	if err != nil {
		t.Fatalf("starting a cluster for the test: %v", err)
	}
	t.Cleanup(func() {
		server.Stop()
		_ = os.RemoveAll(dir)
	})
	return server
}

// Config is an administrator's access, without a limit on calls per second. It is a copy.
func (s *APIServer) Config() *rest.Config { return rest.CopyConfig(s.config) }

// Client speaks to the server of what scheme knows, past any cache.
func (s *APIServer) Client(t T, scheme *runtime.Scheme) client.Client {
	t.Helper()
	speaker, err := client.New(s.Config(), client.Options{Scheme: scheme})
	if err != nil {
		t.Fatalf("making a client of the tests' cluster: %v", err)
	}
	return speaker
}

// Namespace makes a namespace with a name of its own and asks for its removal
// when the test ends; it does not wait for that.
func (s *APIServer) Namespace(t T) string {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := corev1.AddToScheme(scheme); err != nil {
		t.Fatalf("preparing a namespace: %v", err)
	}
	speaker := s.Client(t, scheme)
	made := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "test-"}}
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	if err := speaker.Create(ctx, made); err != nil {
		t.Fatalf("making a namespace: %v", err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
		defer cancel()
		_ = speaker.Delete(ctx, made) // the test may have deleted it, or stopped the server
	})
	return made.Name
}

func startCluster(dir string) (*APIServer, error) {
	programs, err := assets(filepath.Join(dir, "assets"))
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	started, err := local.StartCluster(ctx, local.ClusterConfig{Assets: programs, Dir: dir})
	if err != nil {
		return nil, err
	}
	server := &APIServer{Cluster: started}
	if err := server.prepare(); err != nil {
		started.Stop()
		return nil, err
	}
	return server, nil
}

// Assets is a folder with the programs etcd, kube-apiserver, kubectl and, unless
// KUBEBUILDER_ASSETS names another folder, kube-controller-manager.
func Assets(t T) string {
	t.Helper()
	dir, err := directory()
	if err != nil {
		t.Fatalf("making a directory for the tests: %v", err)
	}
	if dir, err = os.MkdirTemp(dir, "assets-"); err != nil {
		t.Fatalf("making a directory for the tests: %v", err)
	}
	programs, err := assets(dir)
	if err != nil {
		t.Fatalf("looking for the cluster's programs: %v", err)
	}
	return programs
}

// assets is the folder that KUBEBUILDER_ASSETS names, or dir, made of bin/kube.
func assets(dir string) (string, error) {
	if given := os.Getenv("KUBEBUILDER_ASSETS"); given != "" {
		return given, nil
	}
	source, err := root()
	if err != nil {
		return "", err
	}
	return local.KubeAssets(filepath.Join(source, "bin", "kube"), dir)
}

// prepare makes the client's configuration and installs the CRDs; they are
// established when it returns.
func (s *APIServer) prepare() error {
	config, err := clientcmd.BuildConfigFromFlags("", s.Kubeconfig())
	if err != nil {
		return fmt.Errorf("reading the kubeconfig: %w", err)
	}
	config.QPS = -1
	s.config = config
	source, err := root()
	if err != nil {
		return err
	}
	_, err = envtest.InstallCRDs(config, envtest.CRDInstallOptions{
		Paths: []string{filepath.Join(source, "config", "crd", "bases")}, ErrorIfPathMissing: true, MaxTime: startTimeout,
	})
	if err != nil {
		return fmt.Errorf("installing the CRDs: %w", err)
	}
	return nil
}

// Root is the folder of Kontor's source: where config and charts are.
func Root(t T) string {
	t.Helper()
	source, err := root()
	if err != nil {
		t.Fatalf("finding Kontor's source: %v", err)
	}
	return source
}

// root looks upwards of the folder of the test's package.
func root() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		module, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil && strings.HasPrefix(string(module), "module github.com/kontor-crm/kontor\n") {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", errors.New("the tests' folder is not within Kontor's source")
		}
		dir = filepath.Dir(dir)
	}
}
