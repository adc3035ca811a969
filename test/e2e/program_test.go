package e2e

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gexec"
)

// starter starts programs on a thread that lives as long as this process: the
// kernel ends a child with the thread that started it (see attributes).
var starter = sync.OnceValue(func() chan<- func() {
	work := make(chan func())
	go func() {
		runtime.LockOSThread()
		for start := range work {
			start()
		}
	}()
	return work
})

// start starts kontor in the source's folder, where a person would.
func start(environ []string, args ...string) *gexec.Session {
	GinkgoHelper()
	cmd := exec.Command(kontor, args...)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), environ...)
	cmd.SysProcAttr = attributes()
	type started struct {
		session *gexec.Session
		err     error
	}
	done := make(chan started)
	log := gexec.NewPrefixedWriter("["+args[0]+"] ", GinkgoWriter)
	starter() <- func() {
		session, err := gexec.Start(cmd, log, log)
		done <- started{session, err}
	}
	s := <-done
	Expect(s.err).NotTo(HaveOccurred())
	return s.session
}

// run runs a program to its end in the source's folder.
func run(ctx SpecContext, stdin io.Reader, name string, args ...string) (stdout, stderr string, err error) {
	var out, errOut strings.Builder
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Stdin, cmd.Stdout, cmd.Stderr = root, stdin, &out, &errOut
	cmd.Env = append(os.Environ(), "KUBECACHEDIR="+cacheDir())
	err = cmd.Run()
	return out.String(), errOut.String(), err
}

// cacheDir keeps what kubectl learns of an API server apart from what it learned
// at the same port of another.
var cacheDir = sync.OnceValue(func() string { return filepath.Join(filepath.Dir(kubectl), "cache") })

// freePort is one on which nobody listens.
func freePort() int {
	GinkgoHelper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	Expect(err).NotTo(HaveOccurred())
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port
}

// processesMentioning are the processes with a text in their command line: the
// servers that a program started in a folder name that folder. On systems without
// /proc it is empty.
func processesMentioning(text string) []string {
	var found []string
	commands, _ := filepath.Glob("/proc/[0-9]*/cmdline") // the pattern is well formed
	for _, path := range commands {
		command, err := os.ReadFile(path)
		if pid := filepath.Base(filepath.Dir(path)); err == nil && strings.Contains(string(command), text) && pid != strconv.Itoa(os.Getpid()) {
			found = append(found, fmt.Sprintf("%s: %s", pid, strings.ReplaceAll(string(command), "\x00", " ")))
		}
	}
	return found
}
