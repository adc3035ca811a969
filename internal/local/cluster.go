package local

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// The controllers that make an API server behave as one expects without nodes:
// owners' children are collected, namespaces go, service accounts work.
var controllers = []string{
	"clusterrole-aggregation-controller", "garbage-collector-controller", "namespace-controller",
	"root-ca-certificate-publisher-controller", "serviceaccount-controller", "serviceaccount-token-controller",
}

// ClusterConfig says what kind of cluster to start.
type ClusterConfig struct {
	// Assets is a folder with the programs etcd and kube-apiserver; where it has
	// kube-controller-manager too, that is started with the few controllers that
	// need no node. KubeAssets makes such a folder.
	Assets string
	// Dir is the cluster's directory; it is made when it is not there, and what
	// lies in it from an earlier start (keys, objects) is used again.
	Dir string
	// Durable objects survive a power cut. Without it etcd does not wait for the
	// disk, which is much faster and right for data that are thrown away.
	Durable bool
}

// Cluster is a running Kubernetes API server without nodes. Its children are
// etcd, the API server and the controllers.
type Cluster struct {
	config      ClusterConfig
	credentials credentials
	etcdPort    int
	port        int // the API server's, the same for the cluster's life
	failed      chan error

	mu                sync.Mutex
	etcd              *process
	apiServer         *process // nil: stopped
	controllerManager *process // nil: the assets have none
}

// StartCluster starts a cluster and returns when its API server is ready. It
// lives until Stop, not until ctx ends: ctx bounds the start alone.
func StartCluster(ctx context.Context, config ClusterConfig) (*Cluster, error) {
	dir, err := filepath.Abs(config.Dir)
	if err != nil {
		return nil, fmt.Errorf("finding the cluster's directory: %w", err)
	}
	config.Dir = dir
	if err := makeDir(dir); err != nil {
		return nil, err
	}
	keys, err := keepCredentials(filepath.Join(dir, "pki"))
	if err != nil {
		return nil, err
	}
	cluster := &Cluster{config: config, credentials: keys, failed: make(chan error, 1)}
	if err := cluster.start(ctx); err != nil {
		cluster.Stop()
		return nil, err
	}
	return cluster, nil
}

// Kubeconfig is the path of a file with an administrator's access.
func (c *Cluster) Kubeconfig() string { return filepath.Join(c.config.Dir, "kubeconfig") }

// Failed yields the error of the first child that ended though nobody stopped it.
func (c *Cluster) Failed() <-chan error { return c.failed }

// Stop ends the cluster and returns when all its children are gone; it takes some
// seconds at most. It is harmless to call it twice.
func (c *Cluster) Stop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, child := range []*process{c.controllerManager, c.apiServer, c.etcd} {
		if child != nil {
			child.stop()
		}
	}
	c.apiServer = nil
}

// StopAPIServer ends the API server alone: what it serves cannot be reached until
// StartAPIServer.
func (c *Cluster) StopAPIServer() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.apiServer != nil {
		c.apiServer.stop()
		c.apiServer = nil
	}
}

// StartAPIServer starts the API server again, at the same address and with the
// same objects, and returns when it is ready. It does nothing while one runs.
func (c *Cluster) StartAPIServer(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.apiServer != nil {
		return nil
	}
	return c.startAPIServer(ctx, c.port)
}

func (c *Cluster) start(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, err := onFreePort(ctx, func(port int) error { return c.startEtcd(ctx, port) }); err != nil {
		return err
	}
	if _, err := onFreePort(ctx, func(port int) error { return c.startAPIServer(ctx, port) }); err != nil {
		return err
	}
	return c.startControllerManager()
}

// watch tells Failed when a child ends by itself.
func (c *Cluster) watch(child *process) {
	go func() {
		<-child.done
		if child.err == nil {
			return
		}
		select {
		case c.failed <- child.err:
		default: // the first is known, and the others follow from it
		}
	}()
}

func (c *Cluster) startEtcd(ctx context.Context, port int) error {
	path, err := program(c.config.Assets, etcdProgram)
	if err != nil {
		return err
	}
	// Both of etcd's doors ask for a certificate, or any user of this machine
	// could read the cluster's Secrets.
	address := "https://" + loopback + ":" + strconv.Itoa(port)
	certificate, key, authority := c.credentials.certificate(serverHolder), c.credentials.key(serverHolder), c.credentials.authority()
	args := []string{
		"--data-dir=" + filepath.Join(c.config.Dir, "etcd"), "--log-level=warn", "--enable-grpc-gateway=false",
		"--listen-client-urls=" + address, "--advertise-client-urls=" + address,
		"--cert-file=" + certificate, "--key-file=" + key, "--trusted-ca-file=" + authority, "--client-cert-auth=true",
		"--listen-peer-urls=https://" + loopback + ":0",
		"--peer-cert-file=" + certificate, "--peer-key-file=" + key, "--peer-trusted-ca-file=" + authority, "--peer-client-cert-auth=true",
	}
	if !c.config.Durable {
		args = append(args, "--unsafe-no-fsync")
	}
	etcd, err := start(command{
		name: etcdProgram, path: path, args: args, dir: c.config.Dir, logDir: c.config.Dir,
		orphan: syscall.SIGKILL, stops: []stopStep{{syscall.SIGTERM, 5 * time.Second}},
	})
	if err != nil {
		return err
	}
	if err := c.awaitOK(ctx, etcd, address+"/health"); err != nil {
		etcd.stop()
		return err
	}
	c.etcd, c.etcdPort = etcd, port
	c.watch(etcd)
	return nil
}

func (c *Cluster) startAPIServer(ctx context.Context, port int) error {
	path, err := program(c.config.Assets, apiServerProgram)
	if err != nil {
		return err
	}
	certificate, key, authority := c.credentials.certificate(serverHolder), c.credentials.key(serverHolder), c.credentials.authority()
	args := []string{
		"--etcd-servers=https://" + loopback + ":" + strconv.Itoa(c.etcdPort),
		"--etcd-cafile=" + authority, "--etcd-certfile=" + certificate, "--etcd-keyfile=" + key,
		"--bind-address=" + loopback, "--advertise-address=" + loopback, "--secure-port=" + strconv.Itoa(port),
		"--endpoint-reconciler-type=none", // the address of a loopback server is of no use to others
		"--tls-cert-file=" + certificate, "--tls-private-key-file=" + key, "--client-ca-file=" + authority,
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-key-file=" + c.credentials.tokenPublicKey(), "--service-account-signing-key-file=" + c.credentials.tokenKey(),
		"--authorization-mode=RBAC", "--service-cluster-ip-range=10.96.0.0/16", "--profiling=false",
	}
	if _, err := program(c.config.Assets, controllerManagerProgram); err != nil {
		// Nobody makes the accounts that this admission plugin waits for.
		args = append(args, "--disable-admission-plugins=ServiceAccount")
	}
	server, err := start(command{
		name: apiServerProgram, path: path, args: args, dir: c.config.Dir, logDir: c.config.Dir, orphan: syscall.SIGKILL,
		stops: []stopStep{{syscall.SIGTERM, 3 * time.Second}}, // left alone it waits a minute for open watches
	})
	if err != nil {
		return err
	}
	address := "https://" + loopback + ":" + strconv.Itoa(port)
	if err = c.writeKubeconfig(address); err == nil {
		err = c.awaitOK(ctx, server, address+"/readyz")
	}
	if err != nil {
		server.stop()
		return err
	}
	c.apiServer, c.port = server, port
	c.watch(server)
	return nil
}

func (c *Cluster) startControllerManager() error {
	path, err := program(c.config.Assets, controllerManagerProgram)
	if err != nil {
		return nil //nolint:nilerr // other folders of assets (envtest's) have none; the cluster serves without
	}
	c.controllerManager, err = start(command{
		name: controllerManagerProgram, path: path, dir: c.config.Dir, logDir: c.config.Dir, orphan: syscall.SIGKILL,
		args: []string{
			"--kubeconfig=" + c.Kubeconfig(), "--controllers=" + strings.Join(controllers, ","), "--leader-elect=false", "--secure-port=0",
			"--profiling=false", "--root-ca-file=" + c.credentials.authority(), "--service-account-private-key-file=" + c.credentials.tokenKey(),
		},
		stops: []stopStep{{syscall.SIGTERM, 3 * time.Second}},
	})
	if err != nil {
		return err
	}
	c.watch(c.controllerManager)
	return nil
}

// awaitOK waits until url answers 200 to the administrator.
func (c *Cluster) awaitOK(ctx context.Context, child *process, url string) error {
	settings, err := c.credentials.asAdmin()
	if err != nil {
		return err
	}
	transport := &http.Transport{TLSClientConfig: settings}
	client := &http.Client{Transport: transport, Timeout: 5 * time.Second}
	defer client.CloseIdleConnections()
	return child.await(ctx, 25*time.Millisecond, func() bool {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
		if err != nil {
			return false
		}
		answer, err := client.Do(request)
		if err != nil {
			return false
		}
		_ = answer.Body.Close()
		return answer.StatusCode == http.StatusOK
	})
}

// writeKubeconfig writes the administrator's access, keys included, such that the
// file works wherever it is copied on this machine.
func (c *Cluster) writeKubeconfig(address string) error {
	const name = "kontor"
	config := clientcmdapi.NewConfig()
	cluster, user := clientcmdapi.NewCluster(), clientcmdapi.NewAuthInfo()
	cluster.Server = address
	for path, content := range map[string]*[]byte{
		c.credentials.authority():              &cluster.CertificateAuthorityData,
		c.credentials.certificate(adminHolder): &user.ClientCertificateData,
		c.credentials.key(adminHolder):         &user.ClientKeyData,
	} {
		read, err := os.ReadFile(path) //nolint:gosec // one of our own keys
		if err != nil {
			return fmt.Errorf("writing the kubeconfig: %w", err)
		}
		*content = read
	}
	place := clientcmdapi.NewContext()
	place.Cluster, place.AuthInfo = name, name
	config.Clusters[name], config.AuthInfos[name], config.Contexts[name], config.CurrentContext = cluster, user, place, name
	encoded, err := clientcmd.Write(*config)
	if err != nil {
		return fmt.Errorf("writing the kubeconfig: %w", err)
	}
	return replaceFile(c.Kubeconfig(), encoded)
}
