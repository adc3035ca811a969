package bench

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// BenchmarkPeers measures the calls of the REST API against those of PocketBase, which
// keeps its records in SQLite, in the same process, and syncs them less eagerly.
func BenchmarkPeers(b *testing.B) {
	f := newFight(b, setting(b, "KONTOR_BENCH_ROWS", 100_000))
	f.thin = startPocketBase(b, f)
	table := f.newTable(b, "calls", "ours /s", "p50 ms", "p99 ms", "CPU us", "PocketBase /s", "p50 ms", "p99 ms", "CPU us", "ratio", "", "in turn")
	for _, w := range f.againstPocketBase() {
		b.Run(strings.ReplaceAll(w.name, " ", "-"), func(b *testing.B) { f.measure(b, w, table) })
	}
	ours, oursPeak := memory(f.ours.pid)
	theirs, theirsPeak := memory(f.thin.pid)
	table.row("memory of the server, MiB (at most)", number(ours), "", number(oursPeak), "", number(theirs), "", number(theirsPeak), "", number(ours/theirs))
	table.print(b)
}

// pocketID is the id of the deal n there.
func pocketID(n int) string { return fmt.Sprintf("deal%011d", n) }

// startPocketBase fills PocketBase with the same deals, and starts it.
func startPocketBase(b *testing.B, f *fight) *baseline {
	b.Helper()
	path, err := filepath.Abs("../../bin/pocketbase")
	must(b, err)
	if _, err := os.Stat(path); err != nil {
		b.Fatalf("PocketBase is not built; make bench-peers does that: %v", err)
	}
	folder := "--dir=" + b.TempDir()
	var seed bytes.Buffer
	for n := range f.rows {
		seed.WriteString(`{"id":"` + pocketID(n) + `",`)
		seed.Write(newDeal(n, f.customers).json()[1:])
		seed.WriteByte('\n')
	}
	command := exec.CommandContext(b.Context(), path, folder, "seed", benchEmail, benchPassword)
	command.Stdin = &seed
	if out, err := command.CombinedOutput(); err != nil {
		b.Fatalf("filling PocketBase: %v: %.2000s", err, out)
	}
	p := &baseline{address: freeAddress(b)}
	p.program = startProgram(b, "pocketbase", nil, path, folder, "serve", "--http="+p.address)
	p.awaitReady(b, "http://"+p.address+"/api/health")
	body, err := json.Marshal(map[string]string{"identity": benchEmail, "password": benchPassword})
	must(b, err)
	var session struct{ Token string }
	(&ours{address: p.address}).call(b, "POST", "/api/collections/_superusers/auth-with-password", body, http.StatusOK, &session)
	p.headers = "Authorization: " + session.Token + "\r\n"
	return p
}

// againstPocketBase are the workloads with what PocketBase calls the same.
func (f *fight) againstPocketBase() []workload {
	const records = "/api/collections/deals/records"
	at := func(n int) int { return mixed(n, "get") % f.rows }
	one := func(path func(n int) string, texts func(n int) []string) asking {
		return asking{f.thin.address, func(n int) []byte { return f.thin.request("GET", path(n), nil) }, answers(http.StatusOK, texts)}
	}
	get := one(func(n int) string { return records + "/" + pocketID(at(n)) }, func(n int) []string { return []string{newDeal(at(n), f.customers).Reference} })
	list := one(func(n int) string {
		return records + "?" + url.Values{"filter": {"region='" + region(n) + "'"}, "sort": {"-amount"}, "perPage": {"50"}, "skipTotal": {"1"}}.Encode()
	}, func(n int) []string { return []string{`"region":"` + region(n) + `"`} })
	create := asking{
		f.thin.address, func(n int) []byte { return f.thin.request("POST", records, f.fresh(n).json()) },
		answers(http.StatusOK, func(n int) []string { return []string{f.fresh(n).Reference} }),
	}
	update := asking{f.thin.address, func(n int) []byte {
		return f.thin.request("PATCH", records+"/"+pocketID(at(n)), fmt.Appendf(nil, `{"score":%d}`, n))
	}, answers(http.StatusOK, func(n int) []string { return []string{`"score":` + strconv.Itoa(n)} })}
	batch := asking{f.thin.address, func(n int) []byte {
		var body bytes.Buffer
		body.WriteString(`{"requests":[`)
		for i := range batchOf {
			if i > 0 {
				body.WriteByte(',')
			}
			body.WriteString(`{"method":"POST","url":"` + records + `","body":`)
			body.Write(f.fresh(n*batchOf + i).json())
			body.WriteByte('}')
		}
		body.WriteString("]}")
		return f.thin.request("POST", "/api/batch", body.Bytes())
	}, func(_, status int, body []byte) error {
		if status != http.StatusOK || bytes.Count(body, []byte(`"status":200`)) != batchOf {
			return errWrongAnswer
		}
		return nil
	}}
	workloads := f.workloads()
	for i, theirs := range []asking{get, list, create, update, batch} {
		workloads[i].thin = theirs
	}
	return workloads
}
