package bench

import (
	"bytes"
	"fmt"
	"os"
	"reflect"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"text/tabwriter"
	"time"
)

// The aims of the workloads: their part of what the thin server does.
const aimOfCalls = 0.7

// setting is a whole number from the environment.
func setting(b *testing.B, name string, otherwise int) int {
	b.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		b.Fatalf("%s must be a whole number from 1, and is %q", name, text)
	}
	return n
}

// workload is the same work for ours and for the baseline.
type workload struct {
	name string
	ours asking
	thin asking
	// records is how many records a request is about.
	records int
}

// fight is a site with both servers.
type fight struct {
	*site
	ours   *ours
	thin   *baseline
	aim    string // of the ratios of calls
	rounds int
	length time.Duration // of a round
}

// BenchmarkAPI measures the calls of the REST API against the same SQL behind the
// thinnest server there can be, in turn, and what else people wait or pay for.
func BenchmarkAPI(b *testing.B) {
	f := newFight(b, setting(b, "KONTOR_BENCH_ROWS", 1_000_000))
	f.thin, f.aim = startThin(b, f.site), fmt.Sprintf(">= %g", aimOfCalls)
	f.checkSame(b)
	b.Run("calls", f.benchCalls)
	b.Run("search", f.benchSearch)
	b.Run("aggregate", f.benchAggregate)
	b.Run("files", f.benchFiles)
	b.Run("start", f.benchStart)
	b.Run("idle", f.benchIdle)
}

func (f *fight) benchCalls(b *testing.B) {
	table := f.newTable(b, "calls", "ours /s", "p50 ms", "p99 ms", "CPU us", "baseline /s", "p50 ms", "p99 ms", "CPU us", "ratio", "aim", "in turn")
	for _, w := range f.workloads() {
		b.Run(strings.ReplaceAll(w.name, " ", "-"), func(b *testing.B) { f.measure(b, w, table) })
	}
	table.print(b)
}

func newFight(b *testing.B, rows int) *fight {
	b.Helper()
	f := &fight{
		site: newSite(b, rows), rounds: setting(b, "KONTOR_BENCH_ROUNDS", 3),
		length: time.Duration(setting(b, "KONTOR_BENCH_SECONDS", 3)) * time.Second,
	}
	f.ours = startServer(b, f.files(b, f.system))
	f.ours.signIn(b)
	return f
}

// checkSame lets both servers do the same once, and compares what they leave behind:
// a baseline that does less would be none.
func (f *fight) checkSame(b *testing.B) {
	b.Helper()
	ctx := b.Context()
	made := newDeal(0, f.customers).json()
	var byOurs, byThin map[string]any
	f.ours.call(b, "POST", "/api/v1/records/opportunity", made, 201, &byOurs)
	thin := &ours{address: f.thin.address}
	thin.call(b, "POST", "/deals", made, 200, &byThin)
	first, _ := byOurs["id"].(string)
	second, _ := byThin["id"].(string)
	f.ours.call(b, "PATCH", "/api/v1/records/opportunity/"+first, []byte(`{"score":77}`), 200, &byOurs)
	thin.call(b, "PATCH", "/deals/"+second, []byte(`{"score":77}`), 200, &byThin)
	for _, record := range []map[string]any{byOurs, byThin} {
		for _, own := range []string{"id", "number", "created_at", "updated_at", "entered_stage_at"} {
			delete(record, own)
		}
	}
	if !reflect.DeepEqual(byOurs, byThin) {
		b.Fatalf("the baseline makes another record: %v, want %v", byThin, byOurs)
	}
	const traces = `SELECT (SELECT jsonb_agg(to_jsonb(h) - 'at' - 'record_id' - 'request_id' || jsonb_build_object('changes', h.changes - 'entered_stage_at') ORDER BY h.version)::text
			FROM kontor.history h WHERE record_id = $1::uuid),
		(SELECT count(*)::text FROM kontor.outbox WHERE record_id = $1::uuid),
		(SELECT array(SELECT t FROM unnest(tokens) t WHERE t NOT LIKE '#%' ORDER BY t)::text FROM crm.opportunity__search WHERE id = $1::uuid)`
	c := f.connect(ctx, b, f.owner)
	var left [2][3]string
	for i, id := range []string{first, second} {
		must(b, c.QueryRow(ctx, traces, id).Scan(&left[i][0], &left[i][1], &left[i][2]))
	}
	if left[0] != left[1] {
		b.Fatalf("the baseline leaves other traces:\n%v\nwant\n%v", left[1], left[0])
	}
	var list [2]struct{ Items []map[string]any }
	f.ours.call(b, "GET", listPath("filter", listFilter(region(1)), "sort", "-amount"), nil, 200, &list[0])
	thin.call(b, "GET", "/deals?region="+region(1), nil, 200, &list[1])
	if len(list[0].Items) == 0 || !reflect.DeepEqual(list[0].Items, list[1].Items) {
		b.Fatal("the baseline lists other records")
	}
}

func (f *fight) workloads() []workload {
	at := func(n int) int { return mixed(n, "get") % f.rows }
	scored := func(n int) []byte { return fmt.Appendf(nil, `{"score":%d}`, n) }
	const records = "/api/v1/records/opportunity"
	pair := func(name string, count int, request func(n int) (method, ours, thin string, body []byte), oursOK int, texts func(n int) []string) workload {
		w := workload{name: name, records: count}
		w.ours = asking{f.ours.address, func(n int) []byte {
			method, path, _, body := request(n)
			return f.ours.request(method, path, body)
		}, answers(oursOK, texts)}
		w.thin = asking{f.thin.address, func(n int) []byte {
			method, _, path, body := request(n)
			return f.thin.request(method, path, body)
		}, answers(200, texts)}
		return w
	}
	workloads := []workload{
		pair("get by id", 1, func(n int) (string, string, string, []byte) {
			id := dealID(at(n))
			return "GET", records + "/" + id, "/deals/" + id, nil
		}, 200, func(n int) []string { return []string{dealID(at(n)), newDeal(at(n), f.customers).Reference} }),
		pair("list of 50 by a custom field", 1, func(n int) (string, string, string, []byte) {
			return "GET", listPath("filter", listFilter(region(n)), "sort", "-amount"), "/deals?region=" + region(n), nil
		}, 200, func(n int) []string { return []string{`"region":"` + region(n) + `"`, `]`} }),
		pair("create one", 1, func(n int) (string, string, string, []byte) {
			return "POST", records, "/deals", f.fresh(n).json()
		}, 201, func(n int) []string { return []string{f.fresh(n).Reference, `"version":1`} }),
		pair("update one field", 1, func(n int) (string, string, string, []byte) {
			id := dealID(at(n))
			return "PATCH", records + "/" + id, "/deals/" + id, scored(n)
		}, 200, func(n int) []string { return []string{dealID(at(n)), `"score":` + strconv.Itoa(n)} }),
	}
	batch := pair("batch of 100 creates", batchOf, func(n int) (string, string, string, []byte) {
		return "POST", records + "/batch", "/batch", f.batch(n)
	}, 200, func(int) []string { return nil })
	batch.ours.check = func(_, status int, body []byte) error {
		if status != 200 || bytes.Count(body, []byte(`"status":201`)) != batchOf {
			return errWrongAnswer
		}
		return nil
	}
	batch.thin.check = answers(200, func(int) []string { return []string{`"done":100`} })
	return append(workloads, batch)
}

const batchOf = 100

// batch is the body of a batch of new deals.
func (f *fight) batch(n int) []byte {
	var body bytes.Buffer
	body.WriteString(`{"atomic":true,"operations":[`)
	for i := range batchOf {
		if i > 0 {
			body.WriteByte(',')
		}
		body.WriteString(`{"op":"create","fields":`)
		body.Write(f.fresh(n*batchOf + i).json())
		body.WriteByte('}')
	}
	body.WriteString("]}")
	return body.Bytes()
}

// fresh is a deal that is not there yet.
func (f *fight) fresh(n int) deal { return newDeal(f.rows+n, f.customers) }

// measure lets both work in turn.
func (f *fight) measure(b *testing.B, w workload, t *table) {
	b.Helper()
	for _, a := range []asking{w.ours, w.thin} { // connections, caches
		a.ask(b, connectionsAtOnce, f.length/4)
	}
	var ours, thin []pace
	var ratios []float64
	for range f.rounds {
		ours = append(ours, f.round(b, w.ours, f.ours.pid))
		thin = append(thin, f.round(b, w.thin, f.thin.pid))
		last := len(ours) - 1
		ratios = append(ratios, ours[last].perSecond()/thin[last].perSecond())
	}
	cells := []string{w.name}
	for _, paces := range [][]pace{ours, thin} {
		cells = append(cells, number(medianOf(paces, pace.perSecond)), number(medianOf(paces, func(p pace) float64 { return p.percentile(50) })),
			number(medianOf(paces, func(p pace) float64 { return p.percentile(99) })), cpuCell(paces))
	}
	t.row(append(cells, number(median(ratios)), f.aim, list(ratios))...)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(median(ratios), "ratio")
}

// round is one turn, with what the server and PostgreSQL took of the processors.
func (f *fight) round(b *testing.B, a asking, server int) pace {
	b.Helper()
	app, postgres := cpuTime(server), cpuTimeOfFamily(f.postmaster)
	p := a.ask(b, connectionsAtOnce, f.length)
	p.app, p.postgres = cpuTime(server)-app, cpuTimeOfFamily(f.postmaster)-postgres
	return p
}

func medianOf(paces []pace, figure func(pace) float64) float64 {
	figures := make([]float64, 0, len(paces))
	for _, p := range paces {
		figures = append(figures, figure(p))
	}
	return median(figures)
}

// cpuCell is the time of the processors that a request took: the server's (and PostgreSQL's).
func cpuCell(paces []pace) string {
	app := medianOf(paces, func(p pace) float64 { return float64(p.app.Microseconds()) / float64(p.requests) })
	postgres := medianOf(paces, func(p pace) float64 { return float64(p.postgres.Microseconds()) / float64(p.requests) })
	if app == 0 {
		return "-"
	}
	return fmt.Sprintf("%.0f (%.0f)", app, postgres)
}

// table is what a benchmark prints.
type table struct {
	text   bytes.Buffer
	writer *tabwriter.Writer
}

func (f *fight) newTable(b *testing.B, head ...string) *table {
	b.Helper()
	t := &table{}
	fmt.Fprintf(&t.text, "\nPostgreSQL %s with fsync, %s, %s, %d cores; %d opportunities. CPU is the server's (and\nPostgreSQL's) for a request. Servers, PostgreSQL and the %d clients share the cores.\n\n",
		f.version, runtime.Version(), machine(), runtime.NumCPU(), f.rows, connectionsAtOnce)
	t.writer = tabwriter.NewWriter(&t.text, 0, 0, 2, ' ', 0)
	t.row(head...)
	return t
}

func (t *table) row(cells ...string) { fmt.Fprintln(t.writer, strings.Join(cells, "\t")+"\t") }

func (t *table) print(b *testing.B) {
	b.Helper()
	must(b, t.writer.Flush())
	_, err := t.text.WriteTo(b.Output())
	must(b, err)
	b.ReportMetric(0, "ns/op")
}

// machine is the model of the processor.
func machine() string {
	text, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return runtime.GOARCH
	}
	for line := range strings.Lines(string(text)) {
		if name, value, _ := strings.Cut(line, ":"); strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}
