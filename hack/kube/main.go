// Kube is the small Kubernetes that Kontor is developed and tested on: etcd,
// kube-apiserver, kube-controller-manager and kubectl in one binary, chosen by
// the name that it is called by, or by its first argument.
//
// It is a module of its own, so that Kubernetes' dependencies never reach the
// product's, and holds no other tool: each would move versions that these share.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	_ "time/tzdata" // a bare machine has no time zone database

	"go.etcd.io/etcd/server/v3/etcdmain"
	_ "k8s.io/client-go/plugin/pkg/client/auth" // kubectl's ways to sign in
	"k8s.io/component-base/cli"
	"k8s.io/component-base/logs"
	_ "k8s.io/component-base/logs/json/register"          // --logging-format=json
	_ "k8s.io/component-base/metrics/prometheus/clientgo" // as in the released binaries
	_ "k8s.io/component-base/metrics/prometheus/version"  // as in the released binaries
	"k8s.io/kubectl/pkg/cmd"
	"k8s.io/kubectl/pkg/cmd/util"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllermanager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
)

func main() {
	program := filepath.Base(os.Args[0])
	if program == "kube" && len(os.Args) > 1 && !strings.HasPrefix(os.Args[1], "-") {
		program = os.Args[1]
		os.Args = append([]string{program}, os.Args[2:]...)
	}
	switch program {
	case "etcd":
		etcdmain.Main(os.Args)
	case "kube-apiserver":
		os.Exit(cli.Run(apiserver.NewAPIServerCommand()))
	case "kube-controller-manager":
		os.Exit(cli.Run(controllermanager.NewControllerManagerCommand()))
	case "kubectl":
		if _, err := logs.GlogSetter(cmd.GetLogVerbosity(os.Args)); err != nil {
			util.CheckErr(err)
		}
		if err := cli.RunNoErrOutput(cmd.NewDefaultKubectlCommand()); err != nil {
			util.CheckErr(err)
		}
	default:
		fmt.Fprintf(os.Stderr, "kube: no program %q: call it as etcd, kube-apiserver, kube-controller-manager or kubectl, or with one of them as the first argument\n", program)
		os.Exit(2)
	}
}
