package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"runtime/pprof"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/kontor-crm/kontor/internal/query"
	"github.com/kontor-crm/kontor/internal/schema"
	"github.com/kontor-crm/kontor/internal/search"
	"github.com/kontor-crm/kontor/internal/secret"
)

// The thin server is what ours is measured by: net/http, a pool of connections, and
// for each call the statements that ours sends, made once when it starts, in as few
// round trips as there can be. It writes the same rows, history, outbox and tokens
// of search included. It asks nobody who they are, refuses nothing, and knows one
// table.

// thinEnvironment makes the benchmark's own program the thin server.
const thinEnvironment = "KONTOR_BENCH_THIN"

// thinOptions are what the benchmark tells the thin server.
type thinOptions struct {
	Database secret.Connection `json:"database"`
	User     string            `json:"user"`
	Listen   string            `json:"listen"`
	Profile  string            `json:"profile"`
}

// serveThin serves until it is ended.
func serveThin(text string) error {
	var options thinOptions
	if err := json.Unmarshal([]byte(text), &options); err != nil {
		return err
	}
	if options.Profile != "" {
		file, err := os.Create(options.Profile)
		if err != nil {
			return err
		}
		if err := pprof.StartCPUProfile(file); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	t, err := newThin(ctx, options)
	if err != nil {
		return err
	}
	server := &http.Server{Addr: options.Listen, Handler: t.routes(), ReadHeaderTimeout: time.Minute}
	context.AfterFunc(ctx, func() { _ = server.Close() })
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// form is a statement whose places of arguments are known.
type form struct {
	query.Statement
	places []place
}

// place is an argument that each call sets, by the name of what it is.
type place struct {
	at   int
	name string
}

// newForm finds the places by the values that the statement was made with.
func newForm(statement query.Statement, samples map[string]any) (form, error) {
	f := form{Statement: statement}
	for name, sample := range samples {
		found := false
		for i, arg := range statement.Args {
			if fmt.Sprint(arg) == fmt.Sprint(sample) {
				f.places = append(f.places, place{i, name})
				found = true
			}
		}
		if !found {
			return f, fmt.Errorf("the statement has no place for %s: %s", name, statement.SQL)
		}
	}
	return f, nil
}

// with are the arguments of a call.
func (f *form) with(values func(name string) any) []any {
	args := slices.Clone(f.Args)
	for _, p := range f.places {
		args[p.at] = values(p.name)
	}
	return args
}

type thin struct {
	pool     *pgxpool.Pool
	compiler *query.Compiler
	object   *schema.Object
	user     string
	name     *schema.Field

	get, list, lock, insert, update form
	// version and score are the columns of a locked row.
	version, score int
}

func newThin(ctx context.Context, options thinOptions) (*thin, error) {
	config, err := pgxpool.ParseConfig(options.Database.URL())
	if err != nil {
		return nil, err
	}
	config.MaxConns = 6 // as many as ours gives a tenant
	config.ConnConfig.RuntimeParams["timezone"], config.ConnConfig.RuntimeParams["datestyle"] = "UTC", "ISO"
	config.AfterConnect = readText
	t := &thin{user: options.User}
	if t.pool, err = pgxpool.NewWithConfig(ctx, config); err != nil {
		return nil, err
	}
	var document []byte
	var revision int64
	const newest = "SELECT document::text, revision FROM kontor.applied_schema ORDER BY revision DESC LIMIT 1"
	if err := t.pool.QueryRow(ctx, newest).Scan(&document, &revision); err != nil {
		return nil, err
	}
	loaded, err := schema.Load(document)
	if err != nil {
		return nil, err
	}
	loaded.Revision = revision
	t.compiler = query.New(loaded, nil, "bench/acme")
	if t.object, err = t.compiler.Object("opportunity"); err != nil {
		return nil, err
	}
	t.name, _ = t.object.Field("name")
	if err := t.compile(); err != nil {
		return nil, err
	}
	return t, nil
}

// readText makes rows come in text, which is what EncodeRow reads.
func readText(_ context.Context, connection *pgx.Conn) error {
	types := connection.TypeMap()
	for _, name := range []string{"bool", "int4", "int8", "numeric", "date", "timestamptz", "uuid", "_text", "_uuid"} {
		if known, ok := types.TypeForName(name); ok {
			types.RegisterType(&pgtype.Type{Name: known.Name, OID: known.OID, Codec: &pgtype.TextFormatOnlyCodec{Codec: known.Codec}})
		}
	}
	return nil
}

// sampleAt is the moment in the statements that are made once.
var sampleAt = time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC)

const sampleAtText = "2026-01-02T03:04:05.000006Z"

// written are the fields of a new deal that ours writes: the given ones, and what follows from them.
var written = append(slices.Clone(dealFields), "currency", "amount_base", "entered_stage_at")

func (t *thin) compile() error {
	access := query.Everything()
	id := dealID(0)
	values, samples := query.Values{}, map[string]any{"id": id, "at": sampleAtText}
	for _, leaf := range t.object.Leaves() {
		if slices.Contains(written, leaf.Path()) {
			values[leaf], samples[leaf.Path()] = "<"+leaf.Path()+">", "<"+leaf.Path()+">"
		}
	}
	if len(values) != len(written) {
		return errors.New("some of the fields are not there")
	}
	score, _ := t.object.Field("score")
	var failed []error
	compile := func(into *form, samples map[string]any, statement query.Statement, err error) {
		if err == nil {
			*into, err = newForm(statement, samples)
		}
		failed = append(failed, err)
	}
	statement, err := t.compiler.Get(access, t.object, id, nil)
	compile(&t.get, map[string]any{"id": id}, statement, err)
	statement, err = t.compiler.Lock(access, t.object, id)
	compile(&t.lock, map[string]any{"id": []string{id}}, statement, err)
	statement, err = t.compiler.Insert(access, t.object, id, values, t.user, sampleAt)
	compile(&t.insert, samples, statement, err)
	const version = 987654321
	statement, err = t.compiler.Update(access, t.object, id, version, query.Values{score: "<score>"}, t.user, sampleAt)
	compile(&t.update, map[string]any{"id": id, "at": sampleAtText, "version": version, "score": "<score>"}, statement, err)
	list, err := t.compiler.List(access, query.ListRequest{Object: "opportunity", Filter: listFilter(region(0)), Sort: []string{"-amount"}})
	if err != nil {
		return err
	}
	compile(&t.list, map[string]any{"region": region(0)}, list.Statement, nil)
	for i, column := range t.lock.Columns {
		switch column.Path[0] {
		case schema.FieldVersion:
			t.version = i
		case "score":
			t.score = i
		}
	}
	return errors.Join(failed...)
}

func (t *thin) routes() http.Handler {
	mux := http.NewServeMux()
	answer := func(pattern string, handle func(r *http.Request) ([]byte, error)) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			body, err := handle(r)
			if err != nil {
				http.Error(w, err.Error(), http.StatusInternalServerError)
				return
			}
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Content-Length", strconv.Itoa(len(body)))
			_, _ = w.Write(body) // the benchmark counts what it gets
		})
	}
	answer("GET /ready", func(r *http.Request) ([]byte, error) { return nil, t.pool.Ping(r.Context()) })
	answer("GET /deals/{id}", t.getDeal)
	answer("GET /deals", t.listDeals)
	answer("POST /deals", t.createDeal)
	answer("PATCH /deals/{id}", t.scoreDeal)
	answer("POST /batch", t.createDeals)
	return mux
}

func (t *thin) getDeal(r *http.Request) ([]byte, error) {
	rows, err := t.pool.Query(r.Context(), t.get.SQL, t.get.with(func(string) any { return r.PathValue("id") })...)
	if err != nil {
		return nil, err
	}
	return firstRow(rows, t.get.Columns)
}

// firstRow is the first row as JSON.
func firstRow(rows pgx.Rows, columns []query.Column) ([]byte, error) {
	defer rows.Close()
	if !rows.Next() {
		return nil, errors.Join(rows.Err(), pgx.ErrNoRows)
	}
	body := query.EncodeRow(nil, columns, rows.RawValues())
	rows.Close()
	return body, rows.Err()
}

func (t *thin) listDeals(r *http.Request) ([]byte, error) {
	wanted := r.URL.Query().Get("region")
	rows, err := t.pool.Query(r.Context(), t.list.SQL, t.list.with(func(string) any { return wanted })...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	body := []byte(`{"items":[`)
	for n := 0; n < query.DefaultLimit && rows.Next(); n++ {
		if n > 0 {
			body = append(body, ',')
		}
		body = query.EncodeRow(body, t.list.Columns, rows.RawValues())
	}
	rows.Close()
	return append(body, "]}"...), rows.Err()
}

func (t *thin) createDeal(r *http.Request) ([]byte, error) {
	text, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	var d deal
	if err := json.Unmarshal(text, &d); err != nil {
		return nil, err
	}
	return t.create(r.Context(), []deal{d})
}

func (t *thin) createDeals(r *http.Request) ([]byte, error) {
	text, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	var request struct {
		Operations []struct {
			Fields deal `json:"fields"`
		} `json:"operations"`
	}
	if err := json.Unmarshal(text, &request); err != nil {
		return nil, err
	}
	deals := make([]deal, 0, len(request.Operations))
	for _, operation := range request.Operations {
		deals = append(deals, operation.Fields)
	}
	if _, err := t.create(r.Context(), deals); err != nil {
		return nil, err
	}
	return fmt.Appendf(nil, `{"done":%d}`, len(deals)), nil
}

// create makes deals in one round trip, which is one transaction, and gives back the
// only one.
func (t *thin) create(ctx context.Context, deals []deal) ([]byte, error) {
	now := time.Now().UTC().Truncate(time.Microsecond)
	at := now.Format(time.RFC3339Nano)
	batch := &pgx.Batch{}
	var changes []query.Change
	var found []query.Findable
	var records []query.NewRecord
	for _, d := range deals {
		id, err := uuid.NewV7()
		if err != nil {
			return nil, err
		}
		values := d.values()
		value := func(name string) any {
			switch name {
			case "id":
				return id.String()
			case "at", "entered_stage_at":
				return at
			case "currency":
				return "EUR"
			case "amount_base":
				return d.Amount
			}
			return values[slices.Index(dealFields, name)]
		}
		records = append(records, query.NewRecord{ID: id.String(), Values: t.valuesOf(value)})
		if len(deals) == 1 {
			batch.Queue(t.insert.SQL, t.insert.with(value)...)
		}
		changes = append(changes, t.change(now, id.String(), 1, query.OperationCreate, t.created(value)))
		found = append(found, query.Findable{ID: id.String(), Version: 1, Tokens: search.Tokens(t.object, []search.Value{{Field: t.name, Text: d.Name}})})
	}
	if len(deals) > 1 {
		many, err := t.compiler.InsertMany(query.Everything(), t.object, records, t.user, now)
		if err != nil {
			return nil, err
		}
		batch.Queue(many.SQL, many.Args...)
	}
	for _, statement := range []query.Statement{t.compiler.History(changes...), t.compiler.Outbox(changes...), t.compiler.PutTokens(t.object, found)} {
		batch.Queue(statement.SQL, statement.Args...)
	}
	if len(deals) == 1 { // with what is computed from other records
		batch.Queue(t.get.SQL, t.get.with(func(string) any { return records[0].ID })...)
	}
	results := t.pool.SendBatch(ctx, batch)
	defer results.Close()
	if len(deals) > 1 {
		return nil, results.Close()
	}
	for range batch.Len() - 1 {
		if _, err := results.Exec(); err != nil {
			return nil, err
		}
	}
	return t.got(results)
}

// got is the answer of the statement that reads a record.
func (t *thin) got(results pgx.BatchResults) ([]byte, error) {
	rows, err := results.Query()
	if err != nil {
		return nil, err
	}
	body, err := firstRow(rows, t.get.Columns)
	return body, errors.Join(err, results.Close())
}

// valuesOf are the values of a new deal, as texts.
func (t *thin) valuesOf(value func(name string) any) query.Values {
	values := query.Values{}
	for _, f := range t.object.Leaves() {
		if slices.Contains(written, f.Path()) {
			values[f] = value(f.Path())
		}
	}
	return values
}

// created is what the history says of a new deal.
func (t *thin) created(value func(name string) any) []byte {
	changes := []byte{'{'}
	for _, f := range t.object.Leaves() {
		if !slices.Contains(written, f.Path()) || f.Beside != nil {
			continue
		}
		if len(changes) > 1 {
			changes = append(changes, ',')
		}
		text, _ := value(f.Path()).(string)
		changes = append(append(append(changes, '"'), f.Identity...), `":{"old":null,"new":`...)
		changes = append(f.AppendJSON(changes, []byte(text)), '}')
	}
	return append(changes, '}')
}

func (t *thin) change(at time.Time, id string, version int64, operation query.Operation, changes []byte) query.Change {
	return query.Change{
		At: at, Object: t.object, ID: id, Version: version, Operation: operation, Actor: t.user, Channel: "api", RequestID: id[:16], Changes: changes,
	}
}

// scoreDeal changes one field, in two round trips: the history holds what it was.
func (t *thin) scoreDeal(r *http.Request) ([]byte, error) {
	ctx, id := r.Context(), r.PathValue("id")
	text, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	var body struct {
		Score int64 `json:"score"`
	}
	if err := json.Unmarshal(text, &body); err != nil {
		return nil, err
	}
	connection, err := t.pool.Acquire(ctx)
	if err != nil {
		return nil, err
	}
	defer connection.Release()
	version, old, err := t.lockDeal(ctx, connection, id)
	if err != nil {
		return nil, err
	}
	now := time.Now().UTC().Truncate(time.Microsecond)
	at := now.Format(time.RFC3339Nano)
	change := t.change(now, id, version+1, query.OperationUpdate, fmt.Appendf(nil, `{"score":{"old":%s,"new":%d}}`, old, body.Score))
	batch := &pgx.Batch{}
	batch.Queue(t.update.SQL, t.update.with(func(name string) any {
		return map[string]any{"id": id, "at": at, "version": version, "score": body.Score}[name]
	})...)
	for _, statement := range []query.Statement{t.compiler.History(change), t.compiler.Outbox(change)} {
		batch.Queue(statement.SQL, statement.Args...)
	}
	batch.Queue(t.get.SQL, t.get.with(func(string) any { return id })...)
	batch.Queue("commit")
	results := connection.SendBatch(ctx, batch)
	defer results.Close()
	for range batch.Len() - 2 {
		if _, err := results.Exec(); err != nil {
			return nil, err
		}
	}
	return t.got(results)
}

func (t *thin) lockDeal(ctx context.Context, connection *pgxpool.Conn, id string) (version int64, score string, err error) {
	batch := &pgx.Batch{}
	batch.Queue("begin")
	batch.Queue(t.lock.SQL, t.lock.with(func(string) any { return []string{id} })...)
	results := connection.SendBatch(ctx, batch)
	defer results.Close()
	if _, err := results.Exec(); err != nil {
		return 0, "", err
	}
	rows, err := results.Query()
	if err != nil {
		return 0, "", err
	}
	defer rows.Close()
	if !rows.Next() {
		return 0, "", errors.Join(rows.Err(), pgx.ErrNoRows)
	}
	row := rows.RawValues()
	version, err = strconv.ParseInt(string(row[t.version]), 10, 64)
	if score = string(row[t.score]); score == "" {
		score = "null"
	}
	rows.Close()
	return version, score, errors.Join(err, rows.Err(), results.Close())
}

// listFilter is the filter of the benchmark's list and aggregate.
func listFilter(region string) string { return "region == '" + region + "'" }
