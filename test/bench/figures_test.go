package bench

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/kontor-crm/kontor/controllers/tenant"
	"github.com/kontor-crm/kontor/internal/compile"
	"github.com/kontor-crm/kontor/internal/plan"
	"github.com/kontor-crm/kontor/internal/provision"
	"github.com/kontor-crm/kontor/internal/query"
	"github.com/kontor-crm/kontor/internal/schema"
	"github.com/kontor-crm/kontor/internal/secret"
)

// wanted are things that people type into the search field; each finds something.
var wanted = []struct {
	name string
	text func(n, customers int) string
}{
	{"2 Han characters", func(n, customers int) string { return han(n%customers&^1, 4)[:len("华星")] }},
	{"Latin words", func(n, customers int) string {
		name := companyName(n%customers | 1)
		return strings.ToLower(name[:strings.LastIndexByte(name, ' ')])
	}},
	{"a company and its number", func(n, customers int) string { return companyName(n%customers | 1) }},
	{"part of a phone number", func(n, customers int) string { return phoneOf(n % customers)[5:12] }},
}

const aimOfSearch = 50 // milliseconds, for 95 of 100

// benchSearch measures the search over all objects, of our server alone: alone and
// with all clients, and again right after many writes.
func (f *fight) benchSearch(b *testing.B) {
	t := f.newTable(b, "search", "clients", "/s", "p50 ms", "p95 ms", "p99 ms", "CPU us", "aim")
	measure := func(name string, clients int, text func(n int) string) {
		found := answers(http.StatusOK, func(int) []string { return []string{`{"items":[{`, `"complete":true`} })
		a := asking{f.ours.address, func(n int) []byte {
			return f.ours.request("GET", "/api/v1/search?q="+url.QueryEscape(text(n)), nil)
		}, func(n, status int, body []byte) error {
			if err := found(n, status, body); err != nil {
				return fmt.Errorf("looking for %q: %w", text(n), err)
			}
			return nil
		}}
		a.ask(b, clients, f.length/4)
		var paces []pace
		for range f.rounds {
			app, postgres := cpuTime(f.ours.pid), cpuTimeOfFamily(f.postmaster)
			p := a.ask(b, clients, f.length)
			p.app, p.postgres = cpuTime(f.ours.pid)-app, cpuTimeOfFamily(f.postmaster)-postgres
			paces = append(paces, p)
		}
		cells := []string{name, strconv.Itoa(clients), number(medianOf(paces, pace.perSecond))}
		for _, percent := range []int{50, 95, 99} {
			cells = append(cells, number(medianOf(paces, func(p pace) float64 { return p.percentile(percent) })))
		}
		t.row(append(cells, cpuCell(paces), fmt.Sprintf("p95 < %d ms", aimOfSearch))...)
	}
	mix := func(n int) string { return wanted[n%len(wanted)].text(mixed(n, "search"), f.customers) }
	for _, w := range wanted {
		measure(w.name, 1, func(n int) string { return w.text(mixed(n, "search"), f.customers) })
	}
	measure("all of them", 1, mix)
	measure("all of them", connectionsAtOnce, mix)
	const writes = 10_000
	for n := range writes / batchOf {
		f.ours.call(b, "POST", "/api/v1/records/opportunity/batch", f.batch(n), http.StatusOK, nil)
	}
	measure("right after 10,000 writes", 1, mix)
	measure("right after 10,000 writes", connectionsAtOnce, mix)
	t.print(b)
}

const aimOfAggregate = 1.1

// benchAggregate measures a filtered aggregate against its bare statement, in turn and
// one at a time.
func (f *fight) benchAggregate(b *testing.B) {
	cursors, err := secret.NewSealer(make([]byte, secret.KeyLength), "cursor")
	must(b, err)
	request := query.AggregateRequest{
		Object: "opportunity", Filter: listFilter(region(0)), Groups: []query.Group{{Field: "stage"}},
		Values: []query.Value{{Function: "count"}, {Function: "sum", Field: "amount"}},
	}
	aggregate, err := query.New(f.model, cursors, "bench/acme").Aggregate(query.Everything(), request)
	must(b, err)
	c := f.connect(b.Context(), b, f.app)
	must(b, readText(b.Context(), c))
	bare := func(n int) {
		args := append([]any{}, aggregate.Statement.Args...)
		for i := range args {
			if args[i] == region(0) {
				args[i] = region(n)
			}
		}
		rows, err := c.Query(b.Context(), aggregate.Statement.SQL, args...)
		must(b, err)
		count := 0
		for rows.Next() {
			count++
		}
		must(b, rows.Err())
		if count != len(stages) {
			b.Fatalf("the bare statement gives %d groups", count)
		}
	}
	wish := func(n int) []byte {
		body, err := json.Marshal(map[string]any{
			"filter": listFilter(region(n)), "groups": []string{"stage"},
			"values": []any{map[string]string{"function": "count"}, map[string]string{"function": "sum", "field": "amount"}},
		})
		must(b, err)
		return body
	}
	a := asking{f.ours.address, func(n int) []byte {
		return f.ours.request("POST", "/api/v1/records/opportunity/aggregate", wish(n))
	}, answers(http.StatusOK, func(int) []string { return stages })}
	a.ask(b, 1, f.length/4)
	var ours, theirs, ratios []float64
	for range f.rounds {
		ours = append(ours, a.ask(b, 1, f.length).percentile(50))
		p := pace{}
		for began := time.Now(); time.Since(began) < f.length; {
			sent := time.Now()
			bare(int(asked.Add(1)))
			p.latencies = append(p.latencies, time.Since(sent))
		}
		p.sort()
		theirs = append(theirs, p.percentile(50))
		ratios = append(ratios, ours[len(ours)-1]/theirs[len(theirs)-1])
	}
	t := f.newTable(b, "aggregate with a filter, by stage", "ours p50 ms", "bare SQL p50 ms", "ratio", "aim", "in turn")
	t.row("count and sum", number(median(ours)), number(median(theirs)), number(median(ratios)), fmt.Sprintf("<= %g", aimOfAggregate), list(ratios))
	t.print(b)
}

const aimOfImport = 0.5

// benchFiles measures imports against COPY into the same table, and what imports and
// exports of ten times the length take of memory.
func (f *fight) benchFiles(b *testing.B) {
	worker := startKontor(b, "worker", append([]string{"--listen-system", freeAddress(b)}, f.files(b, f.system)...)...)
	few, many := max(100, f.rows/100), max(1000, f.rows/10)
	f.importOnce(b, max(100, few/10)) // connections, caches
	f.awaitFindable(b)
	memories := newMemories(f.ours.program, worker)
	memories.forget()
	f.importOnce(b, few)
	f.awaitFindable(b)
	memories.note()
	memories.forget()
	var imported, found, copied, ratios []float64
	for range f.rounds {
		took := f.importOnce(b, many)
		imported = append(imported, float64(many)/took.Seconds())
		found = append(found, float64(many)/(took+f.awaitFindable(b)).Seconds())
		copied = append(copied, float64(many)/f.copyOnce(b, many).Seconds())
		ratios = append(ratios, imported[len(imported)-1]/copied[len(copied)-1])
	}
	memories.note()
	t := f.newTable(b, "files", "ours", "baseline", "ratio", "aim", "in turn")
	t.row(fmt.Sprintf("import of %d lines, records/s; COPY", many), number(median(imported)), number(median(copied)), number(median(ratios)),
		fmt.Sprintf(">= %g", aimOfImport), list(ratios))
	t.row("and until search finds all of them, records/s", number(median(found)), "", "", "", "")
	t.row(fmt.Sprintf("memory of the server, MiB at most: %d lines; %d", many, few), memories.cell(0, 1), memories.cell(0, 0), memories.ratio(0), "no growth", "")
	t.row(fmt.Sprintf("memory of the worker, MiB at most: %d lines; %d", many, few), memories.cell(1, 1), memories.cell(1, 0), memories.ratio(1), "no growth", "")
	for _, format := range []string{"csv", "xlsx"} {
		memories := newMemories(f.ours.program)
		memories.forget()
		f.exportOnce(b, format, few)
		memories.note()
		memories.forget()
		took := f.exportOnce(b, format, many)
		memories.note()
		t.row(fmt.Sprintf("export of %d records as %s, records/s", many, format), number(float64(many)/took.Seconds()), "", "", "", "")
		t.row(fmt.Sprintf("memory of the server, MiB at most: %d records; %d", many, few), memories.cell(0, 1), memories.cell(0, 0), memories.ratio(0), "no growth", "")
	}
	t.print(b)
}

// memories are the most that some programs held, at some moments.
type memories struct {
	programs []*program
	peaks    [][]float64
}

func newMemories(programs ...*program) *memories { return &memories{programs: programs} }

func (m *memories) forget() {
	for _, p := range m.programs {
		forgetPeak(p.pid)
	}
}

func (m *memories) note() {
	peaks := make([]float64, 0, len(m.programs))
	for _, p := range m.programs {
		_, peak := memory(p.pid)
		peaks = append(peaks, peak)
	}
	m.peaks = append(m.peaks, peaks)
}

func (m *memories) cell(program, moment int) string { return number(m.peaks[moment][program]) }

func (m *memories) ratio(program int) string {
	return number(m.peaks[1][program] / m.peaks[0][program])
}

// importOnce imports so many new deals as a person does, and says how long that takes:
// from the first byte that is sent until the job is done.
func (f *fight) importOnce(b *testing.B, lines int) time.Duration {
	b.Helper()
	type field struct {
		Field  string `json:"field"`
		Column string `json:"column"`
	}
	mapping := struct {
		Object string  `json:"object"`
		Fields []field `json:"fields"`
	}{Object: "opportunity"}
	for _, name := range dealFields {
		mapping.Fields = append(mapping.Fields, field{name, name})
	}
	encoded, err := json.Marshal(mapping)
	must(b, err)
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	part, err := form.CreateFormField("mapping")
	must(b, err)
	_, err = part.Write(encoded)
	must(b, err)
	part, err = form.CreateFormFile("file", "deals.csv")
	must(b, err)
	f.writeDeals(b, part, lines, true)
	must(b, form.Close())

	began := time.Now()
	request, err := http.NewRequestWithContext(b.Context(), http.MethodPost, "http://"+f.ours.address+"/api/v1/records/opportunity/import", &body)
	must(b, err)
	f.ours.sign(request)
	request.Header.Set("Content-Type", form.FormDataContentType())
	response, err := http.DefaultClient.Do(request)
	must(b, err)
	defer response.Body.Close()
	var job struct {
		ID     string `json:"id"`
		State  string `json:"state"`
		Report struct {
			Created int `json:"created"`
		} `json:"report"`
		Error json.RawMessage `json:"error"`
	}
	answer, err := io.ReadAll(response.Body)
	must(b, err)
	if response.StatusCode != http.StatusAccepted {
		b.Fatalf("the import is refused: %s", answer)
	}
	must(b, json.Unmarshal(answer, &job))
	for job.State == "queued" || job.State == "running" {
		f.ours.call(b, "GET", "/api/v1/jobs/"+job.ID+"?wait=30", nil, http.StatusOK, &job)
	}
	took := time.Since(began)
	if job.State != "done" || job.Report.Created != lines {
		b.Fatalf("the import made %d of %d records and is %s: %s", job.Report.Created, lines, job.State, job.Error)
	}
	return took
}

// awaitFindable waits until search knows all records, and says how long that takes.
func (f *fight) awaitFindable(b *testing.B) time.Duration {
	b.Helper()
	began := time.Now()
	must(b, poll(b.Context(), 5*time.Millisecond, func() (bool, error) {
		var found struct{ Complete bool }
		f.ours.call(b, "GET", "/api/v1/search?q=anything", nil, http.StatusOK, &found)
		return found.Complete, nil
	}))
	return time.Since(began)
}

// writeDeals writes new deals as CSV.
func (f *fight) writeDeals(b *testing.B, to io.Writer, lines int, header bool, more ...func() string) {
	b.Helper()
	w := csv.NewWriter(to)
	if header {
		must(b, w.Write(dealFields))
	}
	for range lines {
		values := f.fresh(int(asked.Add(1))).values()
		for _, value := range more {
			values = append(values, value())
		}
		must(b, w.Write(values))
	}
	w.Flush()
	must(b, w.Error())
}

// copyOnce copies so many new deals into the table, as `psql \copy` does.
func (f *fight) copyOnce(b *testing.B, lines int) time.Duration {
	b.Helper()
	o, _ := f.model.Object("opportunity")
	columns := make([]string, 0, len(dealFields))
	for _, name := range dealFields {
		field, ok := o.Field(name)
		if !ok {
			b.Fatalf("there is no field %s", name)
		}
		columns = append(columns, schema.QuoteIdent(field.Column))
	}
	columns = append(columns, "id", "created_at", "updated_at", "version", schema.ColumnSchemaRevision)
	constant := func(text string) func() string { return func() string { return text } }
	var body bytes.Buffer
	f.writeDeals(b, &body, lines, false, func() string { return uuid.Must(uuid.NewV7()).String() }, constant(seeded), constant(seeded),
		constant("1"), constant(strconv.FormatInt(f.model.Revision, 10)))
	c := f.connect(b.Context(), b, f.app)
	began := time.Now()
	done, err := c.PgConn().CopyFrom(b.Context(), &body, "COPY "+o.QualifiedTable()+" ("+strings.Join(columns, ", ")+") FROM STDIN (FORMAT csv)")
	must(b, err)
	if done.RowsAffected() != int64(lines) {
		b.Fatalf("COPY made %d of %d records", done.RowsAffected(), lines)
	}
	return time.Since(began)
}

// exportOnce reads an export of the first records.
func (f *fight) exportOnce(b *testing.B, format string, records int) time.Duration {
	b.Helper()
	parameters := url.Values{"format": {format}, "filter": {"number <= " + strconv.Itoa(records)}}
	request, err := http.NewRequestWithContext(b.Context(), http.MethodGet, "http://"+f.ours.address+"/api/v1/records/opportunity/export?"+parameters.Encode(), http.NoBody)
	must(b, err)
	f.ours.sign(request)
	began := time.Now()
	response, err := http.DefaultClient.Do(request)
	must(b, err)
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		answer, _ := io.ReadAll(response.Body)
		b.Fatalf("the export is refused: %s", answer)
	}
	counted := &lines{}
	_, err = io.Copy(counted, response.Body)
	must(b, err)
	if format == "csv" && counted.n != records+1 {
		b.Fatalf("the export has %d lines, want %d", counted.n, records+1)
	}
	return time.Since(began)
}

// lines counts those of what is written to it.
type lines struct{ n int }

func (l *lines) Write(p []byte) (int, error) {
	l.n += bytes.Count(p, []byte{'\n'})
	return len(p), nil
}

// sign says who asks, and whom.
func (o *ours) sign(request *http.Request) {
	request.Host = benchHost
	_, token, _ := strings.Cut(strings.TrimSpace(o.headers), ": ")
	request.Header.Set("Authorization", token)
}

const aimOfStart = 300 // milliseconds

// benchStart measures the time from the start of the process until it is ready.
func (f *fight) benchStart(b *testing.B) {
	var took []float64
	for range max(5, f.rounds) {
		files := f.files(b, f.system)
		began := time.Now()
		server := startServer(b, files)
		took = append(took, float64(time.Since(began).Microseconds())/1000)
		server.stop()
	}
	t := f.newTable(b, "start", "median", "aim", "each")
	t.row("kontor server, until /readyz says so, ms", number(median(took)), fmt.Sprintf("< %d", aimOfStart), list(took))
	t.print(b)
}

const (
	idleTenants   = 1000
	idleDatabases = 5 // that they lie in, under so many names
	aimOfIdle     = 150
)

// benchIdle measures the memory of a server that has many tenants in its directory,
// each of which was asked for once. They are names of a few real databases: a server
// does not know that two of its tenants are one.
func (f *fight) benchIdle(b *testing.B) {
	ctx := b.Context()
	system := f.admin.In("bench_idle_system")
	f.publishIdle(ctx, b, f.openSystem(ctx, b, system))

	server := startServer(b, f.files(b, system))
	c := f.connect(ctx, b, system)
	var before, started, opened, idle float64
	before, _ = memory(server.pid)
	awaitCount(b, c, "SELECT count(*) FROM acknowledgement", func(n int) bool { return n == idleTenants })
	started, _ = memory(server.pid)
	for n := range idleTenants {
		request := plain("GET", "/api/v1/schema", idleHost(n), "", nil)
		caller, err := dial(ctx, server.address)
		must(b, err)
		status, body, err := caller.exchange(request)
		must(b, err)
		_ = caller.Close() // it has answered
		if status != http.StatusUnauthorized {
			b.Fatalf("the tenant %d answers %d: %s", n, status, body)
		}
	}
	opened, peak := memory(server.pid)
	awaitCount(b, c, "SELECT count(*) FROM pg_stat_activity WHERE datname IN (SELECT database FROM directory)", func(n int) bool { return n == 0 })
	idle, _ = memory(server.pid)
	t := f.newTable(b, fmt.Sprintf("%d tenants in the directory", idleTenants), "MiB", "aim")
	t.row("as it gets ready", number(before), "")
	t.row("when it has loaded and acknowledged all", number(started), "")
	t.row("when each was asked for once", number(opened), "")
	t.row("when all are idle and closed", number(idle), fmt.Sprintf("< %d", aimOfIdle))
	t.row("the most until then", number(peak), "")
	t.print(b)
}

func idleHost(n int) string { return fmt.Sprintf("idle-%d.localhost", n) }

// publishIdle makes the databases, and enters them into a directory under many names.
func (f *fight) publishIdle(ctx context.Context, b *testing.B, entries *provision.Directory) {
	b.Helper()
	servers := provision.NewServers(provision.Options{Clock: time.Now})
	b.Cleanup(servers.Close)
	databases, schemas := provision.NewDatabases(servers), provision.NewSchemas(servers)
	var apps []secret.Connection
	for n := range idleDatabases {
		id := tenant.Identity{Installation: "bench", Namespace: fmt.Sprintf("idle-%d-%s", n, f.model.Digest()), Name: "acme"}
		must(b, databases.Ensure(ctx, f.admin, id, compile.Standard([]string{compile.ModuleSales})))
		applied, live, err := schemas.Observe(ctx, f.admin.In(id.Database()))
		must(b, err)
		if applied == nil {
			must(b, schemas.Apply(ctx, f.admin.In(id.Database()), plan.Make(applied, f.model, live, plan.Policy{}), f.model))
		}
		app, err := databases.Login(ctx, f.admin, id, tenant.RoleApplication, secret.NewPassword())
		must(b, err)
		apps = append(apps, app)
	}
	for n := range idleTenants {
		must(b, entries.Publish(ctx, tenant.Entry{
			Key: fmt.Sprintf("idle-%d/acme", n), Hosts: []string{idleHost(n)}, Application: apps[n%len(apps)], Revision: f.model.Revision, Format: schema.Format,
		}))
	}
}

// awaitCount waits until a count is as wanted.
func awaitCount(b *testing.B, c *pgx.Conn, sql string, is func(n int) bool) {
	b.Helper()
	must(b, poll(b.Context(), 200*time.Millisecond, func() (bool, error) {
		var n int
		err := c.QueryRow(b.Context(), sql).Scan(&n)
		return is(n), err
	}))
}
