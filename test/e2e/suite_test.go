// Package e2e tries the product as its users meet it: the program itself, run as
// a process, with a real API server and a real PostgreSQL behind it; kubectl in
// front of the one and HTTP in front of the other. Nothing here reaches into the
// program.
//
// Most specs share one `kontor dev`. Each works in tenants of its own, so that
// their order does not matter; the sample tenant acme is only read.
package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/runtime"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	ctrl "sigs.k8s.io/controller-runtime"

	crmv1 "github.com/kontor-crm/kontor/api/v1alpha1"
	"github.com/kontor-crm/kontor/test/env"
)

func TestMain(m *testing.M) { env.Main(m) }

func TestE2E(t *testing.T) {
	RegisterFailHandler(Fail)
	SetDefaultEventuallyTimeout(patience)
	SetDefaultEventuallyPollingInterval(50 * time.Millisecond)
	RunSpecs(t, "The product")
}

// How long things may take on a busy machine; each is much faster on a quiet one.
const (
	patience      = time.Minute
	startPatience = 2 * time.Minute
	soon          = 15 * time.Second // what a person sees happen "within seconds"
)

// What all specs use, made before the first of them.
var (
	root    string // the source
	kontor  string // the program under test
	kubectl string
	shared  *dev // with the sample tenant acme
	scheme  = newScheme()
)

func newScheme() *runtime.Scheme {
	s := runtime.NewScheme()
	utilruntime.Must(clientgoscheme.AddToScheme(s))
	utilruntime.Must(crmv1.AddToScheme(s))
	return s
}

var _ = BeforeSuite(func(ctx SpecContext) {
	t := GinkgoT()
	ctrl.SetLogger(GinkgoLogr)
	root = env.Root(t)
	kubectl = filepath.Join(env.Assets(t), "kubectl")
	By("building kontor")
	kontor = filepath.Join(t.TempDir(), "kontor")
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-o", kontor, ".")
	build.Dir = root
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := build.CombinedOutput()
	Expect(err).NotTo(HaveOccurred(), "%s", out)
	By("starting kontor dev")
	shared = startDev(ctx, filepath.Join(t.TempDir(), "data"))
}, NodeTimeout(startPatience))

var _ = AfterSuite(func(ctx SpecContext) {
	if shared == nil {
		return
	}
	shared.stopsCleanly(ctx)
}, NodeTimeout(startPatience))

// What went wrong inside stands in the log of kontor dev; it is too long to be shown whole.
var _ = JustAfterEach(func() {
	if shared == nil || !CurrentSpecReport().Failed() {
		return
	}
	log, err := os.ReadFile(filepath.Join(shared.dir, "kontor.log"))
	if err != nil {
		return
	}
	const last = 60
	lines := strings.Split(string(log), "\n")
	AddReportEntry("the last lines of kontor.log", strings.Join(lines[max(0, len(lines)-last):], "\n"))
})
