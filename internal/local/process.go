package local

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// process is one running child.
type process struct {
	name    string
	cmd     *exec.Cmd
	logPath string
	stops   []stopStep
	stopped atomic.Bool // somebody wants it to end
	done    chan struct{}
	err     error // how it ended, nil if it was stopped; read it after done
}

// stopStep is one way of asking a child to end, and how long it may take.
type stopStep struct {
	signal syscall.Signal
	wait   time.Duration
}

// command says how to start a child.
type command struct {
	name    string         // what people call it; its log is <name>.log
	path    string         // the program
	args    []string       // without the program's own name
	dir     string         // the child's working directory
	logDir  string         // where the log goes
	user    *account       // nil: the same user as this process
	orphan  syscall.Signal // what the kernel sends when this process ends
	stops   []stopStep     // tried in turn; SIGKILL ends it after the last
	environ []string       // nothing of this process's environment reaches it otherwise
}

// account is a user of the operating system that a child runs as.
type account struct {
	uid, gid int
	name     string
}

// The kernel's promise to end a child with its parent is bound to the thread
// that started it, and Go ends idle threads. So one goroutine, which keeps its
// thread for the life of the process, starts all children.
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

// start starts a child; how it ends is known from done and err.
func start(c command) (*process, error) {
	logPath := filepath.Join(c.logDir, c.name+".log")
	log, err := openLog(logPath)
	if err != nil {
		return nil, err
	}
	defer log.Close() // the child holds its own handle
	cmd := &exec.Cmd{
		Path: c.path, Args: append([]string{c.path}, c.args...), Dir: c.dir, Env: append(baseEnviron(c.dir), c.environ...),
		Stdout: log, Stderr: log, SysProcAttr: processAttributes(c.user, c.orphan),
	}
	started := make(chan error)
	starter() <- func() { started <- cmd.Start() }
	if err := <-started; err != nil {
		return nil, fmt.Errorf("starting %s: %w", c.name, err)
	}
	p := &process{name: c.name, cmd: cmd, logPath: logPath, stops: c.stops, done: make(chan struct{})}
	go func() {
		defer close(p.done)
		p.err = p.ending(cmd.Wait())
	}()
	return p, nil
}

// baseEnviron is what every child sees. Settings of the user's shell (PGPORT,
// ETCD_NAME, KUBECONFIG, …) must not change what we start.
func baseEnviron(home string) []string {
	return []string{"PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "HOME=" + home}
}

// openLog starts a new log and keeps the one of the run before, which may tell why that ended.
func openLog(path string) (*os.File, error) {
	if err := os.Rename(path, path+".old"); err != nil && !os.IsNotExist(err) {
		return nil, fmt.Errorf("keeping the log of the last run: %w", err)
	}
	log, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600) //nolint:gosec // in a directory of ours
	if err != nil {
		return nil, fmt.Errorf("opening a log: %w", err)
	}
	return log, nil
}

// ending says how a child came to an end that nobody asked for.
func (p *process) ending(waited error) error {
	if p.stopped.Load() {
		return nil
	}
	how := "ended"
	if waited != nil {
		how = waited.Error()
	}
	said := p.lastWords()
	if said == "" {
		return fmt.Errorf("%s: %s; its log is %s", p.name, how, p.logPath)
	}
	return fmt.Errorf("%s: %s: %s; its log is %s", p.name, how, said, p.logPath)
}

// lastWords is the last line of the log, cut to what fits a message.
func (p *process) lastWords() string {
	const most = 300
	content, err := os.ReadFile(p.logPath)
	if err != nil {
		return ""
	}
	lines := bytes.Split(bytes.TrimSpace(content), []byte("\n"))
	// PostgreSQL says what is wrong on the line with FATAL, and a hint for a person after it.
	last := lines[len(lines)-1]
	for _, line := range lines {
		if bytes.Contains(line, []byte("FATAL:")) {
			last = line
		}
	}
	return strings.ToValidUTF8(string(last[:min(len(last), most)]), "")
}

// stop ends the child and returns when it is gone. It is harmless to call it twice.
func (p *process) stop() {
	p.stopped.Store(true)
	for _, step := range p.stops {
		_ = p.cmd.Process.Signal(step.signal) // fails only when the child is gone already
		patience := time.NewTimer(step.wait)
		select {
		case <-p.done:
			patience.Stop()
			return
		case <-patience.C:
		}
	}
	_ = p.cmd.Process.Kill()
	<-p.done
}

// await asks ready at once and then every so often until it says yes, the child
// ends, or ctx does.
func (p *process) await(ctx context.Context, every time.Duration, ready func() bool) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		if ready() {
			return nil
		}
		select {
		case <-tick.C:
		case <-p.done:
			return p.err
		case <-ctx.Done():
			return fmt.Errorf("waiting for %s to be ready: %w; its log is %s", p.name, context.Cause(ctx), p.logPath)
		}
	}
}
