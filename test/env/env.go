// Package env gives tests the real parts that Kontor stands on: a PostgreSQL
// server and a Kubernetes API server. Each is started when the first test of a
// binary asks for it, is shared by all of them, and ends with the process. A part
// that is missing fails the test that asks for it: none is ever skipped.
package env

import (
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// T is what this package needs of a test; *testing.T, *testing.B and Ginkgo's
// GinkgoT() are such.
type T interface {
	Helper()
	Name() string
	Cleanup(func())
	Fatalf(format string, args ...any)
}

const prefix = "kontor-test-"

// started is what this process has started and Stop ends, newest last.
var started struct {
	sync.Mutex
	stops []func()
}

func atStop(stop func()) {
	started.Lock()
	defer started.Unlock()
	started.stops = append(started.stops, stop)
}

// Stop ends what was started and removes its files. Calling it is a courtesy:
// without it the kernel ends the servers with this process, and the next run of
// any test removes the files. Nothing can be asked for after it.
func Stop() {
	started.Lock()
	defer started.Unlock()
	for len(started.stops) > 0 {
		last := len(started.stops) - 1
		started.stops[last]()
		started.stops = started.stops[:last]
	}
}

// Main runs a binary's tests and then Stop. For packages with a TestMain:
//
//	func TestMain(m *testing.M) { env.Main(m) }
func Main(m interface{ Run() int }) {
	code := m.Run()
	Stop()
	os.Exit(code)
}

// directory is this process's own, for as long as it lives: it holds a lock on
// it, and the kernel lets go of the lock however the process ends.
var directory = sync.OnceValues(func() (string, error) {
	sweep()
	dir, err := os.MkdirTemp("", prefix)
	if err != nil {
		return "", err
	}
	held, err := lock(dir)
	if err != nil {
		return "", err
	}
	atStop(func() {
		_ = os.RemoveAll(dir)
		_ = held.Close()
	})
	return dir, nil
})

// sweep removes what test processes left behind that ended without Stop.
func sweep() {
	left, _ := filepath.Glob(filepath.Join(os.TempDir(), prefix+"*")) // the pattern is well formed
	for _, dir := range left {
		info, err := os.Stat(dir)
		if err != nil || time.Since(info.ModTime()) < time.Minute {
			continue // its maker may be about to lock it
		}
		left, err := lock(dir)
		if err != nil {
			continue // somebody lives there
		}
		_ = os.RemoveAll(dir)
		_ = left.Close()
	}
}

func lock(dir string) (*os.File, error) {
	handle, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(handle.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = handle.Close()
		return nil, err
	}
	return handle, nil
}
