package local_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/kontor-crm/kontor/internal/local"
	"github.com/kontor-crm/kontor/test/env"
)

// patience is what a test grants a busy machine; no test passes by waiting so long.
const patience = time.Minute

func startCluster(t *testing.T, config local.ClusterConfig) (*local.Cluster, *kubernetes.Clientset) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*patience)
	defer cancel()
	cluster, err := local.StartCluster(ctx, config)
	if err != nil {
		t.Fatalf("starting a cluster: %v", err)
	}
	t.Cleanup(cluster.Stop)
	access, err := clientcmd.BuildConfigFromFlags("", cluster.Kubeconfig())
	if err != nil {
		t.Fatal(err)
	}
	client, err := kubernetes.NewForConfig(access)
	if err != nil {
		t.Fatal(err)
	}
	return cluster, client
}

func eventually(t *testing.T, what string, happened func() bool) {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	end := time.NewTimer(patience)
	defer end.Stop()
	for !happened() {
		select {
		case <-tick.C:
		case <-end.C:
			t.Fatalf("it did not happen in %v: %s", patience, what)
		}
	}
}

func namespace(name string) *corev1.Namespace {
	return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
}

func TestClusterServesAndItsControllersWork(t *testing.T) {
	t.Parallel()
	cluster, client := startCluster(t, local.ClusterConfig{Assets: env.Assets(t), Dir: filepath.Join(t.TempDir(), "cluster")})
	spaces := client.CoreV1().Namespaces()
	if _, err := spaces.Create(t.Context(), namespace("made"), metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the namespace gets its service account", func() bool {
		_, err := client.CoreV1().ServiceAccounts("made").Get(t.Context(), "default", metav1.GetOptions{})
		return err == nil
	})
	if err := spaces.Delete(t.Context(), "made", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the namespace goes", func() bool {
		_, err := spaces.Get(t.Context(), "made", metav1.GetOptions{})
		return apierrors.IsNotFound(err)
	})
	info, err := os.Stat(cluster.Kubeconfig())
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("others may read the kubeconfig: %v", info.Mode())
	}
}

func TestClusterKeepsItsObjectsAndKeysForTheNextStart(t *testing.T) {
	t.Parallel()
	config := local.ClusterConfig{Assets: env.Assets(t), Dir: filepath.Join(t.TempDir(), "cluster"), Durable: true}
	first, client := startCluster(t, config)
	if _, err := client.CoreV1().Namespaces().Create(t.Context(), namespace("kept"), metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	first.Stop()
	select {
	case err := <-first.Failed():
		t.Errorf("a stop that was asked for is told as a failure: %v", err)
	default:
	}
	_, client = startCluster(t, config)
	if _, err := client.CoreV1().Namespaces().Get(t.Context(), "kept", metav1.GetOptions{}); err != nil {
		t.Errorf("the namespace is gone after a restart: %v", err)
	}
}

func TestAPIServerStopsAloneAndComesBackAtItsAddress(t *testing.T) {
	t.Parallel()
	cluster, client := startCluster(t, local.ClusterConfig{Assets: env.Assets(t), Dir: filepath.Join(t.TempDir(), "cluster")})
	spaces := client.CoreV1().Namespaces()
	if _, err := spaces.Create(t.Context(), namespace("kept"), metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	cluster.StopAPIServer()
	if _, err := spaces.Get(t.Context(), "kept", metav1.GetOptions{}); err == nil {
		t.Fatal("a stopped API server answers")
	}
	if err := cluster.StartAPIServer(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := spaces.Get(t.Context(), "kept", metav1.GetOptions{}); err != nil {
		t.Errorf("the same client does not find the object after the restart: %v", err)
	}
	select {
	case err := <-cluster.Failed():
		t.Errorf("stopping the API server is told as a failure: %v", err)
	default:
	}
}

func TestMissingAssetsAreToldWithTheWayToMakeThem(t *testing.T) {
	t.Parallel()
	if _, err := local.KubeAssets(filepath.Join(t.TempDir(), "kube"), t.TempDir()); err == nil || !strings.Contains(err.Error(), "make build") {
		t.Errorf("KubeAssets does not say what to do: %v", err)
	}
	config := local.ClusterConfig{Assets: t.TempDir(), Dir: filepath.Join(t.TempDir(), "cluster")}
	if _, err := local.StartCluster(t.Context(), config); err == nil || !strings.Contains(err.Error(), "make build") {
		t.Errorf("StartCluster does not say what to do: %v", err)
	}
}
