package provision_test

import (
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kontor-crm/kontor/internal/fault"
	"github.com/kontor-crm/kontor/internal/provision"
)

func TestProbingTellsWhatAServerIsAndWhatWeMayDo(t *testing.T) {
	t.Parallel()
	sent := &statements{allow: -1}
	prober := provision.NewProber(newServers(t, provision.Options{Tracer: sent}))
	got, err := prober.Probe(t.Context(), limitedAdmin(t))
	if err != nil {
		t.Fatal(err)
	}
	if got.VersionNumber < 150000 || got.Version == "" || !got.UnicodeLocale || !got.CreateDatabases || !got.CreateRoles || got.MaxConnections < 10 {
		t.Errorf("the server is %+v", got)
	}
	if n := len(sent.all()); n != 1 {
		t.Errorf("it takes %d statements", n)
	}
	got, err = prober.Probe(t.Context(), ordinary(t))
	if err != nil || got.CreateDatabases || got.CreateRoles {
		t.Errorf("an ordinary role may %+v, %v", got, err)
	}
}

func TestAWrongPasswordIsToldAndNotRepeated(t *testing.T) {
	t.Parallel()
	prober := provision.NewProber(newServers(t, provision.Options{}))
	_, err := prober.Probe(t.Context(), admin(t).As("postgres", "wrong-secret"))
	if !fault.Is(err, fault.Stalled) || fault.ReasonOf(err) != provision.ReasonAuthenticationFailed {
		t.Errorf("it is %v", err)
	}
	if strings.Contains(err.Error(), "wrong-secret") {
		t.Errorf("the password is in the message: %v", err)
	}
	if _, err := prober.Probe(t.Context(), admin(t)); err != nil {
		t.Errorf("with the right password it is %v", err)
	}
	if _, err := prober.Probe(t.Context(), admin(t).In("missing")); !fault.Is(err, fault.Stalled) {
		t.Errorf("a missing database is %v", err)
	}
}

func TestAServerThatDoesNotAnswerIsLeftAloneForAWhile(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	var mu sync.Mutex
	attempts := 0
	go func() { // takes calls and hangs up
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			attempts++
			mu.Unlock()
			_ = c.Close()
		}
	}()
	tried := func() int {
		mu.Lock()
		defer mu.Unlock()
		return attempts
	}
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	clock := func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		return now
	}
	server := admin(t)
	server.Port = listener.Addr().(*net.TCPAddr).Port
	prober := provision.NewProber(newServers(t, provision.Options{Clock: clock}))
	ask := func() {
		t.Helper()
		if _, err := prober.Probe(t.Context(), server); !fault.Is(err, fault.Unavailable) || fault.ReasonOf(err) != "Unreachable" {
			t.Fatalf("it is %v", err)
		}
	}
	for range 3 {
		ask()
	}
	before := tried()
	for range 100 {
		ask()
	}
	if after := tried(); after > before+2 { // the driver's goodbyes of the last attempt may come late
		t.Errorf("the server is asked %d times more", after-before)
	}
	mu.Lock()
	now = now.Add(time.Minute)
	mu.Unlock()
	before = tried()
	ask()
	if tried() == before {
		t.Error("after a while it is not asked again")
	}
}

func TestNoMoreConnectionsAreOpenedThanTheLimit(t *testing.T) {
	t.Parallel()
	server := limitedAdmin(t)
	servers := newServers(t, provision.Options{})
	servers.Limit(server, 4)
	databases := provision.NewDatabases(servers)
	watcher := connect(t, admin(t))
	var group sync.WaitGroup
	done := make(chan struct{})
	for range 12 {
		id := identity(t)
		group.Go(func() {
			if err := databases.Ensure(t.Context(), server, id, standard(t)); err != nil {
				t.Error(err)
			}
		})
	}
	go func() { group.Wait(); close(done) }()
	most := 0
	for running := true; running; {
		select {
		case <-done:
			running = false
		default:
		}
		var open int
		if err := watcher.QueryRow(t.Context(), "SELECT count(*) FROM pg_stat_activity WHERE usename = $1", server.User).Scan(&open); err != nil {
			t.Fatal(err)
		}
		most = max(most, open)
	}
	if most > 4 || most == 0 {
		t.Errorf("%d connections were open at once", most)
	}
}
