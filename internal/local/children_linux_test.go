package local_test

import (
	"bufio"
	"context"
	"flag"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/kontor-crm/kontor/internal/local"
	"github.com/kontor-crm/kontor/test/env"
)

func TestClusterTellsWhenAChildDies(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "cluster")
	cluster, _ := startCluster(t, local.ClusterConfig{Assets: env.Assets(t), Dir: dir})
	killed := false
	for _, pid := range childrenMentioning(t, os.Getpid(), "--data-dir="+dir) {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		killed = true
	}
	if !killed {
		t.Fatal("there is no etcd to kill")
	}
	soon, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	select {
	case err := <-cluster.Failed():
		if !strings.Contains(err.Error(), "etcd") {
			t.Errorf("the failure does not name etcd: %v", err)
		}
	case <-soon.Done():
		t.Error("nobody told that etcd died")
	}
}

// The flags make this test binary the process that is killed below.
var (
	orphansDir    = flag.String("orphans-dir", "", "start everything in this directory, say so, and wait to be killed")
	orphansAssets = flag.String("orphans-assets", "", "the folder of the cluster's programs")
)

func TestMain(m *testing.M) {
	flag.Parse()
	if *orphansDir != "" {
		makeOrphans(*orphansDir, *orphansAssets)
	}
	env.Main(m)
}

func makeOrphans(dir, assets string) {
	ctx := context.Background() //nolint:forbidigo // this is no test, it lives until it is killed
	if _, err := local.StartPostgres(ctx, local.PostgresConfig{Dir: filepath.Join(dir, "postgres")}); err != nil {
		os.Stdout.WriteString(err.Error() + "\n")
		os.Exit(1)
	}
	if _, err := local.StartCluster(ctx, local.ClusterConfig{Assets: assets, Dir: filepath.Join(dir, "cluster")}); err != nil {
		os.Stdout.WriteString(err.Error() + "\n")
		os.Exit(1)
	}
	os.Stdout.WriteString("started\n")
	select {}
}

func TestNothingOutlivesAKilledParent(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	own, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	says, spoken, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer says.Close()
	parent, err := os.StartProcess(own, []string{own, "-orphans-dir=" + dir, "-orphans-assets=" + env.Assets(t)}, &os.ProcAttr{
		Files: []*os.File{nil, spoken, os.Stderr},
	})
	if err != nil {
		t.Fatal(err)
	}
	end := sync.OnceFunc(func() {
		_ = parent.Kill()
		_, _ = parent.Wait()
	})
	t.Cleanup(end)
	_ = spoken.Close()
	line, err := bufio.NewReader(says).ReadString('\n')
	if err != nil || line != "started\n" {
		t.Fatalf("the parent did not start its children: %q, %v", line, err)
	}
	if children := childrenMentioning(t, parent.Pid, dir); len(children) != 4 {
		t.Fatalf("the parent has %d children, want postgres, etcd, kube-apiserver and kube-controller-manager", len(children))
	}
	end()
	eventually(t, "all children end with their parent", func() bool { return len(childrenMentioning(t, 0, dir)) == 0 })
}

// childrenMentioning finds the living processes whose parent is this one (0: any)
// and whose command line contains text.
func childrenMentioning(t *testing.T, parent int, text string) []int {
	t.Helper()
	const processes = "/proc"
	entries, err := os.ReadDir(processes)
	if err != nil {
		t.Fatal(err)
	}
	var found []int
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		command, err := os.ReadFile(filepath.Join(processes, entry.Name(), "cmdline"))
		if err != nil || !strings.Contains(string(command), text) { // of the dead it is empty
			continue
		}
		status, err := os.ReadFile(filepath.Join(processes, entry.Name(), "stat"))
		if err != nil {
			continue
		}
		// 12 (name) S 1 …: the name may hold spaces, the state and the parent follow its end.
		fields := strings.Fields(string(status[strings.LastIndexByte(string(status), ')')+1:]))
		if parent == 0 || fields[1] == strconv.Itoa(parent) {
			found = append(found, pid)
		}
	}
	return found
}
