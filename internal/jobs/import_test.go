package jobs_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/kontor-crm/kontor/internal/crm"
	"github.com/kontor-crm/kontor/internal/fault"
	"github.com/kontor-crm/kontor/internal/query"
	"github.com/kontor-crm/kontor/internal/secret"
	"github.com/kontor-crm/kontor/internal/store"
	"github.com/kontor-crm/kontor/test/gen"
)

const productMapping = `{"object":"product","key":"code","fields":[{"field":"code","column":"code"},{"field":"name","column":"name"},{"field":"stock","column":"stock"}]}`

// products is a file with so many lines, of which every hundredth is refused.
func products(lines int) string {
	var file strings.Builder
	file.WriteString("code,name,stock\n")
	for n := range lines {
		stock := n
		if n%100 == 99 {
			stock = -1
		}
		fmt.Fprintf(&file, "c%d,Product %d,%d\n", n, n, stock)
	}
	return file.String()
}

// upload keeps a file and makes the job that imports it.
func (o *organisation) upload(t *testing.T, mapping, file string) *crm.Job {
	t.Helper()
	return o.uploadWish(t, crm.ImportWish{}, mapping, file)
}

func (o *organisation) uploadWish(t *testing.T, wish crm.ImportWish, mapping, file string) *crm.Job {
	t.Helper()
	parsed, err := crm.ParseMapping([]byte(mapping))
	must(t, err)
	files := &crm.Files{Runner: o.store, Actor: crm.Actor{Principal: o.admin}, Clock: now, NewID: newID}
	kept, err := files.Put(t.Context(), "products.csv", strings.NewReader(file), 1<<30)
	must(t, err)
	wish.Mapping = parsed
	job, err := o.jobs().CreateImport(t.Context(), parsed.Object, wish, kept)
	must(t, err)
	o.wake(t)
	return job
}

// productsWorkbook is a workbook of the lines of products.
func productsWorkbook(lines int) string {
	var rows [][]string
	for line := range strings.Lines(products(lines)) {
		rows = append(rows, strings.Split(strings.TrimSuffix(line, "\n"), ","))
	}
	return string(gen.Workbook(rows...))
}

// hasProducts holds the database against the file of so many lines: each line once, and once in the history.
func (o *organisation) hasProducts(t *testing.T, job *crm.Job, lines int) {
	t.Helper()
	failed := lines / 100
	var report crm.Report
	must(t, json.Unmarshal(job.Report, &report))
	report.Failures = nil
	if want := (crm.Report{Created: lines - failed, Failed: failed}); !reflect.DeepEqual(report, want) {
		t.Errorf("report %+v, want %+v", report, want)
	}
	var records, codes, versions, histories, outbox int
	o.sql(t, `SELECT count(*) FROM crm.product`, &records)
	o.sql(t, `SELECT count(DISTINCT code) FROM crm.product`, &codes)
	o.sql(t, `SELECT coalesce(max(version), 0) FROM crm.product`, &versions)
	o.sql(t, `SELECT count(*) FROM kontor.history WHERE request_id = '`+job.ID+`'`, &histories)
	o.sql(t, `SELECT count(*) FROM kontor.outbox WHERE object = 'product'`, &outbox)
	if want := lines - failed; records != want || codes != want || versions != 1 || histories != want || outbox != want {
		t.Errorf("%d records, %d codes, version %d, %d in the history, %d in the outbox; want %d", records, codes, versions, histories, outbox, want)
	}
	text, err := io.ReadAll(crm.Content(t.Context(), o.store, job.Output, 0))
	must(t, err)
	got := strings.Split(strings.TrimSpace(string(text)), "\n")
	if len(got) != failed+1 || got[0] != "code,name,stock,failure" {
		t.Errorf("the file of failed lines has %d lines: %.200s", len(got), text)
	}
	for n, line := range got[1:] {
		if want := fmt.Sprintf("c%d,Product %d,-1,\"line %d: stock: ", n*100+99, n*100+99, n*100+101); !strings.HasPrefix(line, want) {
			t.Fatalf("failed line %d is %s, want %s", n, line, want)
		}
	}
}

// flaky is a database whose transactions come to grief as the test says.
type flaky struct {
	*store.Database
	around func(ctx context.Context, run func(context.Context) error) error
}

func (f *flaky) InTransaction(ctx context.Context, do func(context.Context, crm.Tx) error) error {
	return f.around(ctx, func(ctx context.Context) error { return f.Database.InTransaction(ctx, do) })
}

func openFlaky(around func(ctx context.Context, run func(context.Context) error) error) func(context.Context, secret.Connection) (*flaky, error) {
	opener := store.New(store.Options{})
	return func(ctx context.Context, c secret.Connection) (*flaky, error) {
		database, err := opener.Open(ctx, c)
		return &flaky{Database: database, around: around}, err
	}
}

var errGone = fault.New(fault.Unavailable, "the connection is gone")

func TestF107AnImportGoesOnAfterEveryBreakAndDoublesAndLosesNoLine(t *testing.T) {
	t.Parallel()
	for what, test := range map[string]struct {
		wish crm.ImportWish
		file func(lines int) string
	}{
		"of CSV":        {crm.ImportWish{}, products},
		"of a workbook": {crm.ImportWish{Workbook: true}, productsWorkbook},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			importWithBreaks(t, test.wish, test.file)
		})
	}
}

func importWithBreaks(t *testing.T, wish crm.ImportWish, file func(lines int) string) {
	t.Helper()
	o := newOrganisation(t)
	const lines = 8000
	job := o.uploadWish(t, wish, productMapping, file(lines))
	var transactions atomic.Int64
	workOn(t, o, openFlaky(func(ctx context.Context, run func(context.Context) error) error {
		switch transactions.Add(1) % 3 {
		case 1: // it never begins
			return errGone
		case 2: // it is committed, and nobody hears of it
			if err := run(ctx); err != nil {
				return err
			}
			return errGone
		}
		return run(ctx)
	}))
	eventually(t, func() bool {
		o.sql(t, `UPDATE kontor.job SET run_after = now()`) // nobody waits here
		o.wake(t)
		now, err := o.jobs().Get(t.Context(), job.ID)
		must(t, err)
		return now.State.Ended()
	})
	o.hasProducts(t, o.becomes(t, job.ID, crm.JobDone), lines)
	if transactions.Load() < 6 {
		t.Errorf("%d transactions: nothing broke", transactions.Load())
	}
}

func TestAnImportBreaksBeforeItsCommitAndThatChunkIsDoneAgain(t *testing.T) {
	t.Parallel()
	o := newOrganisation(t)
	const lines = 1200
	job := o.upload(t, productMapping, products(lines))
	var transactions atomic.Int64
	open := func(ctx context.Context, c secret.Connection) (*breaking, error) {
		database, err := store.New(store.Options{}).Open(ctx, c)
		return &breaking{Database: database, n: &transactions}, err
	}
	workOn(t, o, open)
	eventually(t, func() bool {
		o.sql(t, `UPDATE kontor.job SET run_after = now()`)
		o.wake(t)
		now, err := o.jobs().Get(t.Context(), job.ID)
		must(t, err)
		return now.State.Ended()
	})
	o.hasProducts(t, o.becomes(t, job.ID, crm.JobDone), lines)
}

// breaking breaks its second transaction when all is written and noted, before the commit.
type breaking struct {
	*store.Database
	n *atomic.Int64
}

func (b *breaking) InTransaction(ctx context.Context, do func(context.Context, crm.Tx) error) error {
	return b.Database.InTransaction(ctx, func(ctx context.Context, tx crm.Tx) error {
		if err := do(ctx, tx); err != nil {
			return err
		}
		if b.n.Add(1) == 2 {
			return errGone
		}
		return nil
	})
}

func TestAWorkerThatComesBackFromTheDeadWritesNoLineASecondTime(t *testing.T) {
	t.Parallel()
	o := newOrganisation(t)
	const lines = 1500
	job := o.upload(t, productMapping, products(lines))
	asleep, wake := make(chan struct{}), make(chan struct{})
	var transactions atomic.Int64
	dead := workOn(t, o, openFlaky(func(ctx context.Context, run func(context.Context) error) error {
		if transactions.Add(1) == 2 {
			close(asleep)
			<-wake
			ctx = context.WithoutCancel(ctx)
		}
		return run(ctx)
	}))
	<-asleep
	o.sql(t, `UPDATE kontor.job SET lease_until = now() - interval '1 second'`)
	o.work(t)
	eventually(t, func() bool {
		o.wake(t) // whoever comes first takes the visit, and it may be the dead one
		now, err := o.jobs().Get(t.Context(), job.ID)
		must(t, err)
		return now.State.Ended()
	})
	done := o.becomes(t, job.ID, crm.JobDone)
	close(wake)
	dead.end()
	o.hasProducts(t, done, lines)
}

func TestTwoWorkersImportEachLineOnce(t *testing.T) {
	t.Parallel()
	o := newOrganisation(t)
	o.work(t)
	o.work(t)
	mapping := strings.Replace(productMapping, `"key":"code",`, "", 1)
	jobs := []*crm.Job{}
	for n := range 4 {
		file := strings.ReplaceAll(products(600), "\nc", fmt.Sprintf("\nf%d-c", n))
		jobs = append(jobs, o.upload(t, mapping, file))
	}
	for _, job := range jobs {
		o.wake(t)
		o.becomes(t, job.ID, crm.JobDone)
	}
	var records int
	o.sql(t, `SELECT count(DISTINCT code) FROM crm.product`, &records)
	if records != 4*594 {
		t.Errorf("%d records, want %d", records, 4*594)
	}
}

func TestALineThatTheDatabaseRefusesFailsAloneAmongThousands(t *testing.T) {
	t.Parallel()
	o := newOrganisation(t)
	o.work(t)
	file := strings.ReplaceAll(products(3000), ",-1\n", ",1\n")
	file = strings.ReplaceAll(file, "\nc700,", "\nc7,") // without a key the database alone knows that the code is taken
	file = strings.ReplaceAll(file, "\nc2999,", "\nc701,")
	job := o.becomes(t, o.upload(t, strings.Replace(productMapping, `"key":"code",`, "", 1), file).ID, crm.JobDone)
	var report crm.Report
	must(t, json.Unmarshal(job.Report, &report))
	taken := []string{"code: another product has this value"}
	want := crm.Report{Created: 2998, Failed: 2, Failures: []crm.FailedLine{{Line: 702, Reasons: taken}, {Line: 3001, Reasons: taken}}}
	if !reflect.DeepEqual(report, want) {
		t.Errorf("report %+v, want %+v", report, want)
	}
	var records, numbers, histories int
	o.sql(t, `SELECT count(DISTINCT code), count(DISTINCT number) FROM crm.product`, &records, &numbers)
	o.sql(t, `SELECT count(DISTINCT record_id) FROM kontor.history WHERE object = 'product'`, &histories)
	if records != 2998 || numbers != 2998 || histories != 2998 {
		t.Errorf("%d records with %d numbers, %d in the history", records, numbers, histories)
	}
}

func TestALargeFileKeepsEveryCharacter(t *testing.T) {
	t.Parallel()
	o := newOrganisation(t)
	o.work(t)
	odd := []string{`\N`, `\.`, `a\b`, `\t`, `"`, `{"a\"b"}`, "上海 😀", "NULL", "'; DROP TABLE crm.product; --"}
	var file strings.Builder
	file.WriteString("code,name\n")
	for n := range 100 {
		fmt.Fprintf(&file, "%d,\"%s\"\n", n, strings.ReplaceAll(odd[n%len(odd)], `"`, `""`))
	}
	mapping := `{"object":"product","fields":[{"field":"code","column":"code"},{"field":"name","column":"name"}]}`
	o.becomes(t, o.upload(t, mapping, file.String()).ID, crm.JobDone)
	for n, name := range odd {
		var got string
		o.sql(t, fmt.Sprintf(`SELECT name FROM crm.product WHERE code = '%d'`, n+len(odd)), &got)
		if got != name {
			t.Errorf("%q became %q", name, got)
		}
	}
}

func TestAnImportThatIsCancelledKeepsWhatItDidAndCanBeUndone(t *testing.T) {
	t.Parallel()
	o := newOrganisation(t)
	job := o.upload(t, productMapping, products(10_000))
	reached, goOn := make(chan struct{}), make(chan struct{})
	var transactions atomic.Int64
	workOn(t, o, openFlaky(func(ctx context.Context, run func(context.Context) error) error {
		if transactions.Add(1) == 3 {
			close(reached)
			<-goOn
		}
		return run(ctx)
	}))
	<-reached
	_, err := o.jobs().Cancel(t.Context(), job.ID)
	must(t, err)
	if _, err := o.jobs().CreateUndo(t.Context(), job.ID); !fault.Is(err, fault.Conflict) {
		t.Errorf("undoing what still runs: %v", err)
	}
	close(goOn)
	done := o.becomes(t, job.ID, crm.JobCancelled)
	var report crm.Report
	must(t, json.Unmarshal(done.Report, &report))
	if report.Created != 5940 || report.Failed != 60 {
		t.Errorf("three chunks were to be done, and it tells %+v", report)
	}
	undo, err := o.jobs().CreateUndo(t.Context(), job.ID)
	must(t, err)
	o.wake(t)
	undone := o.becomes(t, undo.ID, crm.JobDone)
	var left int
	o.sql(t, `SELECT count(*) FROM crm.product WHERE deleted_at IS NULL`, &left)
	var counts crm.UndoReport
	must(t, json.Unmarshal(undone.Report, &counts))
	if left != 0 || counts != (crm.UndoReport{Deleted: 5940}) {
		t.Errorf("%d records are left, %+v", left, counts)
	}
	if _, err := o.jobs().CreateUndo(t.Context(), job.ID); !fault.Is(err, fault.Conflict) {
		t.Errorf("undoing twice: %v", err)
	}
}

func TestAnUndoGoesOnAfterABreak(t *testing.T) {
	t.Parallel()
	o := newOrganisation(t)
	job := o.upload(t, productMapping, products(1300))
	first := o.work(t)
	o.becomes(t, job.ID, crm.JobDone)
	first.end()
	undo, err := o.jobs().CreateUndo(t.Context(), job.ID)
	must(t, err)
	var transactions atomic.Int64
	workOn(t, o, openFlaky(func(ctx context.Context, run func(context.Context) error) error {
		err := run(ctx)
		if transactions.Add(1)%2 == 0 && err == nil {
			return errGone
		}
		return err
	}))
	eventually(t, func() bool {
		o.sql(t, `UPDATE kontor.job SET run_after = now()`)
		o.wake(t)
		now, err := o.jobs().Get(t.Context(), undo.ID)
		must(t, err)
		return now.State.Ended()
	})
	done := o.becomes(t, undo.ID, crm.JobDone)
	var counts crm.UndoReport
	must(t, json.Unmarshal(done.Report, &counts))
	if counts != (crm.UndoReport{Deleted: 1287}) || done.Output != "" {
		t.Errorf("undone: %+v, failures in %q", counts, done.Output)
	}
}

func TestAnImportOfAWorkbookThatIsBrokenFailsAndSaysWhy(t *testing.T) {
	t.Parallel()
	o := newOrganisation(t)
	file := productsWorkbook(3)
	job := o.uploadWish(t, crm.ImportWish{Workbook: true}, productMapping, file[:len(file)/2])
	workOn(t, o, store.New(store.Options{}).Open)
	failed := o.becomes(t, job.ID, crm.JobFailed)
	if failed.Error == nil || !strings.Contains(failed.Error.Message, "no complete ZIP archive") {
		t.Errorf("the job says %+v", failed.Error)
	}
}

func TestAnImportWhoseModelHasChangedSinceFailsAndSaysWhere(t *testing.T) {
	t.Parallel()
	o := newOrganisation(t)
	job := o.upload(t, strings.Replace(productMapping, `"field":"stock"`, `"field":"height"`, 1), products(10))
	o.work(t)
	if failed := o.becomes(t, job.ID, crm.JobFailed); failed.Error == nil || len(failed.Error.Violations) != 1 || failed.Error.Violations[0].Path != "fields[2].field" {
		t.Errorf("the job's error: %+v", failed.Error)
	}
}

// An import holds a piece of its file and the lines of one chunk, however long the file is.
func TestAFileIsReadAPieceAtATime(t *testing.T) {
	t.Parallel()
	o := newOrganisation(t)
	files := &crm.Files{Runner: o.store, Actor: crm.Actor{Principal: o.admin}, Clock: now, NewID: newID}
	const size = 5<<20 + 17
	kept, err := files.Put(t.Context(), "big", &endless{left: size}, size)
	must(t, err)
	var pieces, longest int64
	o.sql(t, `SELECT count(*) FROM kontor.file_chunk`, &pieces)
	o.sql(t, `SELECT max(octet_length(bytes)) FROM kontor.file_chunk`, &longest)
	if kept.Size != size || pieces != 21 || longest != 256<<10 {
		t.Errorf("%d bytes in %d pieces, the longest %d", kept.Size, pieces, longest)
	}
	read := &counted{Runner: o.store}
	if n, err := io.Copy(io.Discard, crm.Content(t.Context(), read, kept.ID, 300_000)); err != nil || n != size-300_000 || read.n != 21 {
		t.Errorf("read %d bytes with %d queries, %v", n, read.n, err)
	}
	if _, err := files.Put(t.Context(), "too big", &endless{left: size}, size-1); !fault.Is(err, fault.TooLarge) {
		t.Errorf("a file over the bound: %v", err)
	}
	o.sql(t, `SELECT count(*) FROM kontor.file`, &pieces)
	if pieces != 1 {
		t.Errorf("%d files are left", pieces)
	}
}

// endless gives so many bytes, a few at a time.
type endless struct{ left int }

func (e *endless) Read(p []byte) (int, error) {
	if e.left == 0 {
		return 0, io.EOF
	}
	n := min(len(p), e.left, 10_007)
	clear(p[:n])
	e.left -= n
	return n, nil
}

// counted counts the queries.
type counted struct {
	crm.Runner
	n int
}

func (c *counted) Query(ctx context.Context, statement query.Statement, each func(row [][]byte) error) error {
	c.n++
	return c.Runner.Query(ctx, statement, each)
}

func TestAnExportGoesOnAfterABreakAndWritesEachRecordOnce(t *testing.T) {
	t.Parallel()
	o := newOrganisation(t)
	o.sql(t, `INSERT INTO crm.product (id, name, code, version) SELECT gen_random_uuid(), 'p', 'c' || n, 1 FROM generate_series(1, 11000) AS n`)
	job, err := o.jobs().CreateExport(t.Context(), query.ListRequest{Object: "product", Fields: []string{"code", "name"}})
	must(t, err)
	var transactions atomic.Int64
	workOn(t, o, openFlaky(func(ctx context.Context, run func(context.Context) error) error {
		switch transactions.Add(1) {
		case 1: // it never begins
			return errGone
		case 2, 4: // it is committed, and nobody hears of it
			_ = run(ctx)
			return errGone
		}
		return run(ctx)
	}))
	eventually(t, func() bool {
		o.sql(t, `UPDATE kontor.job SET run_after = now()`) // nobody waits here
		o.wake(t)
		now, err := o.jobs().Get(t.Context(), job.ID)
		must(t, err)
		return now.State.Ended()
	})
	done := o.becomes(t, job.ID, crm.JobDone)
	text, err := io.ReadAll(crm.Content(t.Context(), o.store, done.Output, 0))
	must(t, err)
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	seen := map[string]bool{}
	for _, line := range lines {
		seen[line] = true
	}
	if len(lines) != 11001 || len(seen) != 11001 || lines[0] != "code,name" || transactions.Load() < 4 {
		t.Errorf("%d lines, %d different ones, the first %q, in %d transactions", len(lines), len(seen), lines[0], transactions.Load())
	}
}
