package e2e

import (
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gbytes"
	"github.com/onsi/gomega/gexec"
)

// dev is a running `kontor dev`.
type dev struct {
	*site

	program  *gexec.Session
	dir      string
	password string // of the sample's administrator
}

const sampleHost = "acme.localhost"

var readyLine = regexp.MustCompile(`(?m)^Ready: (\S+)  user (\S+)  password (\S+)\nKUBECONFIG=(\S+)$`)

// devArgs are the arguments of a `kontor dev` at free ports.
func devArgs(port int, more ...string) []string {
	args := []string{"dev", "--port", strconv.Itoa(port), "--system-port", strconv.Itoa(freePort())}
	if os.Getenv("KUBEBUILDER_ASSETS") == "" {
		args = append(args, "--kube", filepath.Join(root, "bin", "kube"))
	}
	return append(args, more...)
}

// startDev starts `kontor dev` with its data in a folder, and returns when it says Ready.
func startDev(ctx SpecContext, dir string) *dev {
	GinkgoHelper()
	port := freePort()
	d := &dev{dir: dir, program: start(nil, devArgs(port, "--data", dir)...)}
	DeferCleanup(func() { d.program.Kill().Wait(patience) })
	Eventually(ctx, func() bool {
		return readyLine.Match(d.program.Out.Contents()) || d.program.ExitCode() != -1
	}).WithTimeout(startPatience).Should(BeTrue())
	said := readyLine.FindSubmatch(d.program.Out.Contents())
	Expect(said).NotTo(BeNil(), "it ended before it was ready, with status %d", d.program.ExitCode())
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	Expect(string(said[1])).To(Equal("http://" + net.JoinHostPort(sampleHost, strconv.Itoa(port))))
	Expect(string(said[2])).To(Equal("admin@" + sampleHost))
	d.password = string(said[3])
	d.site = newSite(string(said[4]), address)
	return d
}

// stopsCleanly ends it as a supervisor would, and expects a good end that leaves nothing.
func (d *dev) stopsCleanly(ctx SpecContext) {
	GinkgoHelper()
	if runtime.GOOS == "linux" {
		Expect(len(processesMentioning(d.dir))).To(BeNumerically(">=", 4), "PostgreSQL, etcd, the API server and kontor dev itself name the folder")
	}
	d.program.Terminate()
	Eventually(ctx, d.program).Should(gexec.Exit(0))
	Expect(processesMentioning(d.dir)).To(BeEmpty(), "a child outlives kontor dev")
}

var _ = Describe("kontor dev", func() {
	It("ends with status 0 in a script, as soon as the sample is ready", func(ctx SpecContext) {
		program := start(nil, devArgs(freePort(), "--exit-when-ready")...)
		DeferCleanup(func() { program.Kill().Wait(patience) })
		Eventually(ctx, program).Should(gexec.Exit(0))
		Expect(program).To(gbytes.Say(`Ready: http://acme\.localhost:`))
	}, SpecTimeout(startPatience))

	It("goes on with --data where it ended, cleanly or not: same records, same password, nothing imported twice", func(ctx SpecContext) {
		dir := filepath.Join(GinkgoT().TempDir(), "data")
		first := startDev(ctx, dir)
		ann := first.signIn(ctx, sampleHost, "admin@"+sampleHost, first.password)
		id := ann.create(ctx, "customer", values{"name": "Kept over the night"})
		before := ann.count(ctx, "opportunity", "")

		goesOn := func() *dev {
			GinkgoHelper()
			next := startDev(ctx, dir)
			Expect(next.password).To(Equal(first.password))
			ann := next.signIn(ctx, sampleHost, "admin@"+sampleHost, first.password)
			Expect(ann.get(ctx, "/api/v1/records/customer/"+id).is(http.StatusOK).object()).To(HaveKeyWithValue("name", "Kept over the night"))
			Expect(ann.count(ctx, "opportunity", "")).To(Equal(before))
			return next
		}
		first.stopsCleanly(ctx)
		second := goesOn()
		second.program.Kill().Wait(patience)
		Eventually(ctx, processesMentioning).WithArguments(dir).Should(BeEmpty(), "a child outlives a killed kontor dev")
		third := goesOn()
		third.stopsCleanly(ctx)
	}, SpecTimeout(startPatience))

	It("says which port is taken, and how to choose another one", func(ctx SpecContext) {
		_, port, err := net.SplitHostPort(shared.address)
		Expect(err).NotTo(HaveOccurred())
		program := start(nil, "dev", "--port", port, "--system-port", strconv.Itoa(freePort()))
		DeferCleanup(func() { program.Kill().Wait(patience) })
		Eventually(ctx, program).Should(gexec.Exit(1))
		Expect(program.Err).To(gbytes.Say("port " + port + " is taken.*--port"))
	}, SpecTimeout(patience))
})
