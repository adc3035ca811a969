package bench

import (
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"runtime/pprof"
	"strings"
	"testing"

	"github.com/kontor-crm/kontor/internal/cmd"
)

// profiledEnvironment makes the benchmark's own program kontor, with a CPU profile
// in the file that it names.
const profiledEnvironment = "KONTOR_BENCH_PROFILED"

func runProfiled(path string) int {
	file, err := os.Create(path)
	if err == nil {
		err = pprof.StartCPUProfile(file)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer pprof.StopCPUProfile()
	return cmd.Main(append([]string{"kontor"}, os.Args[1:]...), os.Stdout, os.Stderr)
}

// profile is the file for the profile of a server, when KONTOR_BENCH_PROFILE names a folder; else empty.
func profile(name string) string {
	folder := os.Getenv("KONTOR_BENCH_PROFILE")
	if folder == "" {
		return ""
	}
	return filepath.Join(folder, name+".prof")
}

// startKontor starts `kontor NAME`, the program that `make build` made.
func startKontor(b *testing.B, name string, args ...string) *program {
	b.Helper()
	if path := profile(name); path != "" {
		return startProgram(b, name, []string{profiledEnvironment + "=" + path}, os.Args[0], append([]string{name}, args...)...)
	}
	path, err := filepath.Abs("../../bin/kontor")
	must(b, err)
	return startProgram(b, name, nil, path, append([]string{name}, args...)...)
}

// ours is a server of Kontor at which the administrator has signed in.
type ours struct {
	*program
	address string
	headers string
}

func startServer(b *testing.B, files []string) *ours {
	b.Helper()
	o := &ours{address: freeAddress(b)}
	system := freeAddress(b)
	o.program = startKontor(b, "server", append([]string{"--listen", o.address, "--listen-system", system}, files...)...)
	o.awaitReady(b, "http://"+system+"/readyz")
	return o
}

// signIn signs the administrator in.
func (o *ours) signIn(b *testing.B) {
	b.Helper()
	body, err := json.Marshal(map[string]string{"email": benchEmail, "password": benchPassword})
	must(b, err)
	var session struct{ Token string }
	o.call(b, "POST", "/api/v1/login", body, 200, &session)
	o.headers = "Authorization: Bearer " + session.Token + "\r\n"
}

func (o *ours) request(method, path string, body []byte) []byte {
	return plain(method, path, benchHost, o.headers, body)
}

// call asks once, and reads the answer.
func (o *ours) call(b *testing.B, method, path string, body []byte, status int, into any) {
	b.Helper()
	c, err := dial(b.Context(), o.address)
	must(b, err)
	defer c.Close()
	got, answer, err := c.exchange(o.request(method, path, body))
	must(b, err)
	if got != status {
		b.Fatalf("%s %s: status %d, want %d: %s", method, path, got, status, answer)
	}
	if into != nil {
		must(b, json.Unmarshal(answer, into))
	}
}

// baseline is a server that ours is held against.
type baseline struct {
	*program
	address string
	headers string
}

// startThin starts the thin server, see thin.
func startThin(b *testing.B, s *site) *baseline {
	b.Helper()
	t := &baseline{address: freeAddress(b)}
	options, err := json.Marshal(thinOptions{
		Database: s.app, User: s.user, Listen: t.address, Profile: profile("thin"),
	})
	must(b, err)
	t.program = startProgram(b, "thin", []string{thinEnvironment + "=" + string(options)}, os.Args[0])
	t.awaitReady(b, "http://"+t.address+"/ready")
	return t
}

func (s *baseline) request(method, path string, body []byte) []byte {
	return plain(method, path, benchHost, s.headers, body)
}

// listPath is the address of a list of ours.
func listPath(parameters ...string) string {
	values := url.Values{}
	for i := 0; i < len(parameters); i += 2 {
		values.Set(parameters[i], parameters[i+1])
	}
	return "/api/v1/records/opportunity?" + strings.ReplaceAll(values.Encode(), "+", "%20")
}
