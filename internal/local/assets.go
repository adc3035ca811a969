package local

import (
	"fmt"
	"os"
	"path/filepath"
)

// The programs of a cluster, as the folder of assets names them.
const (
	etcdProgram              = "etcd"
	apiServerProgram         = "kube-apiserver"
	controllerManagerProgram = "kube-controller-manager"
	kubectlProgram           = "kubectl"
)

// KubeAssets makes dir a folder of links, one for each program of the multi-call
// binary kube, and returns its absolute path. The folder serves
// ClusterConfig.Assets and, as KUBEBUILDER_ASSETS, other tools.
func KubeAssets(kube, dir string) (string, error) {
	kube, err := filepath.Abs(kube)
	if err != nil {
		return "", fmt.Errorf("finding the cluster's binary: %w", err)
	}
	if _, err := os.Stat(kube); err != nil {
		return "", fmt.Errorf("the cluster's binary is missing, run `make build`: %w", err)
	}
	dir, err = filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("finding the folder of the cluster's programs: %w", err)
	}
	if err := makeDir(dir); err != nil {
		return "", err
	}
	for _, program := range []string{etcdProgram, apiServerProgram, controllerManagerProgram, kubectlProgram} {
		link := filepath.Join(dir, program)
		if err := os.Remove(link); err != nil && !os.IsNotExist(err) {
			return "", fmt.Errorf("replacing the link of %s: %w", program, err)
		}
		if err := os.Symlink(kube, link); err != nil {
			return "", fmt.Errorf("linking %s: %w", program, err)
		}
	}
	return dir, nil
}

// program is the path of one program in a folder of assets.
func program(assets, name string) (string, error) {
	path := filepath.Join(assets, name)
	info, err := os.Stat(path)
	if err != nil {
		return "", fmt.Errorf("%s is missing, run `make build` or let KUBEBUILDER_ASSETS name a folder that has it: %w", name, err)
	}
	if info.IsDir() || info.Mode()&0o111 == 0 {
		return "", fmt.Errorf("%q is not a program", path)
	}
	return path, nil
}
