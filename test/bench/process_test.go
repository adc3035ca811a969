package bench

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
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

// program is a running child of the benchmark.
type program struct {
	pid  int
	log  string
	done chan struct{}
	stop func()
}

// startProgram runs a program until stop, or until the benchmark ends.
func startProgram(b *testing.B, name string, environ []string, path string, args ...string) *program {
	b.Helper()
	folder := b.TempDir()
	log, err := os.Create(filepath.Join(folder, name+".log"))
	must(b, err)
	cmd := exec.Command(path, args...)
	cmd.Env, cmd.Stdout, cmd.Stderr, cmd.SysProcAttr = append(os.Environ(), environ...), log, log, attributes()
	started := make(chan error)
	starter() <- func() { started <- cmd.Start() }
	must(b, <-started)
	p := &program{pid: cmd.Process.Pid, log: log.Name(), done: make(chan struct{})}
	go func() {
		_ = cmd.Wait() // stop is what ends it
		_ = log.Close()
		close(p.done)
	}()
	p.stop = sync.OnceFunc(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		patience := time.AfterFunc(5*time.Second, func() { _ = cmd.Process.Kill() })
		<-p.done
		patience.Stop()
	})
	b.Cleanup(p.stop)
	return p
}

// awaitReady waits until the address answers 200, and fails with the program's last words when it ends.
func (p *program) awaitReady(b *testing.B, address string) {
	b.Helper()
	err := poll(b.Context(), 2*time.Millisecond, func() (bool, error) {
		select {
		case <-p.done:
			log, _ := os.ReadFile(p.log)
			return false, fmt.Errorf("the program has ended: %s", log[max(0, len(log)-2000):])
		default:
		}
		response, err := http.Get(address)
		if err != nil {
			return false, nil //nolint:nilerr // it does not listen yet
		}
		_ = response.Body.Close()
		return response.StatusCode == http.StatusOK, nil
	})
	must(b, err)
}

// poll asks until it is so.
func poll(ctx context.Context, every time.Duration, is func() (bool, error)) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		if done, err := is(); done || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// freeAddress is a loopback address at which nobody listens.
func freeAddress(b *testing.B) string {
	b.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(b, err)
	defer listener.Close()
	return listener.Addr().String()
}

// The figures of a process come from /proc; where there is none they are 0, and
// the tables show a dash.

// cpuTime is what the process and its ended children have taken of the processors.
func cpuTime(pid int) time.Duration {
	fields := processStat(pid)
	const utime, cstime, ticks = 11, 14, 100 // of those behind the name; the kernel counts in hundredths of a second
	if len(fields) <= cstime {
		return 0
	}
	total := time.Duration(0)
	for _, field := range fields[utime : cstime+1] {
		n, _ := strconv.ParseInt(field, 10, 64) // the kernel's own numbers
		total += time.Duration(n) * time.Second / ticks
	}
	return total
}

// processStat are the fields of /proc/PID/stat behind the name.
func processStat(pid int) []string {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return nil
	}
	return strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
}

// cpuTimeOfFamily is cpuTime of a process with its children.
func cpuTimeOfFamily(pid int) time.Duration {
	total := cpuTime(pid)
	all, _ := filepath.Glob("/proc/[0-9]*") // the pattern is well formed
	for _, path := range all {
		child, _ := strconv.Atoi(filepath.Base(path))
		if fields := processStat(child); len(fields) > 1 && fields[1] == strconv.Itoa(pid) {
			total += cpuTime(child)
		}
	}
	return total
}

// memory is what a process holds, and the most that it has held since forgetPeak, in MiB.
func memory(pid int) (now, peak float64) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, 0
	}
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(line, ":")
		kib, _ := strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 64) // other lines are not read
		switch name {
		case "VmRSS":
			now = kib / 1024
		case "VmHWM":
			peak = kib / 1024
		}
	}
	return now, peak
}

func forgetPeak(pid int) {
	_ = os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", pid), []byte("5"), 0) // then the peak is that of the process's whole life
}
