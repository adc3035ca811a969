package store_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kontor-crm/kontor/internal/crm"
	"github.com/kontor-crm/kontor/internal/fault"
	"github.com/kontor-crm/kontor/internal/query"
	"github.com/kontor-crm/kontor/internal/secret"
	"github.com/kontor-crm/kontor/internal/store"
	"github.com/kontor-crm/kontor/internal/tenancy"
	"github.com/kontor-crm/kontor/test/env"
)

func TestMain(m *testing.M) { env.Main(m) }

func open(t *testing.T, options store.Options) *store.Database {
	t.Helper()
	connection, err := secret.ParseURL(env.Postgres(t).Database(t))
	must(t, err)
	d, err := store.New(options).Open(t.Context(), connection)
	must(t, err)
	t.Cleanup(d.Close)
	return d
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func sql(text string, args ...any) query.Statement { return query.Statement{SQL: text, Args: args} }

func nothing([][]byte) error { return nil }

// row is the one row of a statement as texts; null is "<null>".
func row(t *testing.T, d crm.Runner, statement query.Statement) string {
	t.Helper()
	var got []string
	must(t, d.Query(t.Context(), statement, func(row [][]byte) error {
		for _, value := range row {
			if value == nil {
				got = append(got, "<null>")
				continue
			}
			got = append(got, string(value))
		}
		return nil
	}))
	return strings.Join(got, " | ")
}

func TestValuesComeInPostgresTextForm(t *testing.T) {
	t.Parallel()
	all := `SELECT 1::int, 2::bigint, 1.50::numeric(10,2), true, date '2026-02-03', timestamptz '2026-02-03 04:05:06.7+02', NULL::text,
		'0190f3c4-0000-7000-8000-000000000000'::uuid, ARRAY['a', 'b c']::text[], '{"a": 1}'::jsonb, $1::text`
	want := `1 | 2 | 1.50 | t | 2026-02-03 | 2026-02-03 02:05:06.7+00 | <null> | 0190f3c4-0000-7000-8000-000000000000 | {a,"b c"} | {"a": 1} | x`
	for name, options := range map[string]store.Options{"prepared": {}, "plain": {PlainStatements: true}} {
		d := open(t, options)
		if got := row(t, d, sql(all, "x")); got != want {
			t.Errorf("%s:\n%s\nwant\n%s", name, got, want)
		}
		must(t, d.InTransaction(t.Context(), func(ctx context.Context, tx crm.Tx) error {
			var batched []string
			err := tx.Batch(ctx, []query.Statement{sql("SELECT 1.50::numeric(10,2)"), sql("SELECT generate_series(1, 2)::bigint")}, func(i int, row [][]byte) error {
				batched = append(batched, string(rune('0'+i))+":"+string(row[0]))
				return nil
			})
			if got := strings.Join(batched, " "); got != "0:1.50 1:1 1:2" {
				t.Errorf("%s, batched: %s", name, got)
			}
			return err
		}))
	}
}

func TestATransactionIsAllOrNothing(t *testing.T) {
	t.Parallel()
	d := open(t, store.Options{})
	must(t, d.Query(t.Context(), sql("CREATE TABLE t (n int PRIMARY KEY)"), nothing))
	stop := errors.New("stop")
	err := d.InTransaction(t.Context(), func(ctx context.Context, tx crm.Tx) error {
		must(t, tx.Query(ctx, sql("INSERT INTO t VALUES (1)"), nothing))
		return stop
	})
	if !errors.Is(err, stop) {
		t.Errorf("the error is %v", err)
	}
	must(t, d.InTransaction(t.Context(), func(ctx context.Context, tx crm.Tx) error {
		must(t, tx.Query(ctx, sql("INSERT INTO t VALUES (2)"), nothing))
		err := tx.Savepoint(ctx, func(ctx context.Context) error { return tx.Query(ctx, sql("INSERT INTO t VALUES (2)"), nothing) })
		if refusal, ok := errors.AsType[*crm.ConstraintError](err); !ok || refusal.Kind != crm.ConstraintUnique || refusal.Name != "t_pkey" {
			t.Errorf("the second 2: %v", err)
		}
		return tx.Savepoint(ctx, func(ctx context.Context) error { return tx.Query(ctx, sql("INSERT INTO t VALUES (3)"), nothing) })
	}))
	if got := row(t, d, sql("SELECT string_agg(n::text, ',' ORDER BY n) FROM t")); got != "2,3" {
		t.Errorf("the table holds %s", got)
	}
}

func TestErrorsSayWhatTheyMeanAndNoValues(t *testing.T) {
	t.Parallel()
	d := open(t, store.Options{StatementTimeout: 200 * time.Millisecond})
	must(t, d.Query(t.Context(), sql("CREATE TABLE t (name text NOT NULL UNIQUE CHECK (name <> 'bad'), parent text REFERENCES t (name), n numeric(3,1))"), nothing))
	must(t, d.Query(t.Context(), sql("INSERT INTO t VALUES ('secret')"), nothing))
	constraint := func(kind crm.ConstraintKind) func(error) bool {
		return func(err error) bool {
			e, ok := errors.AsType[*crm.ConstraintError](err)
			return ok && e.Kind == kind
		}
	}
	unavailable := func(err error) bool { return fault.Is(err, fault.Unavailable) }
	moved := func(err error) bool { return fault.ReasonOf(err) == tenancy.ReasonSchemaMoved }
	for statement, means := range map[string]func(error) bool{
		"INSERT INTO t VALUES ('secret')":               constraint(crm.ConstraintUnique),
		"INSERT INTO t VALUES ('x', 'secret2')":         constraint(crm.ConstraintForeign),
		"INSERT INTO t VALUES ('bad')":                  constraint(crm.ConstraintCheck),
		"INSERT INTO t VALUES (NULL)":                   constraint(crm.ConstraintNotNull),
		"INSERT INTO t VALUES ('x', NULL, 1000)":        constraint(crm.ConstraintRange),
		"SELECT 'secret'::int":                          constraint(crm.ConstraintRange),
		"SELECT nothing FROM t":                         moved,
		"SELECT 1 FROM nothing":                         moved,
		"SELECT pg_sleep(5)":                            unavailable,
		"SELECT pg_terminate_backend(pg_backend_pid())": unavailable,
	} {
		err := d.Query(t.Context(), sql(statement), nothing)
		if !means(err) {
			t.Errorf("%s: %v", statement, err)
		}
		for inner := err; inner != nil; inner = errors.Unwrap(inner) {
			if strings.Contains(inner.Error(), "secret") {
				t.Errorf("%s: the error shows a value: %v", statement, inner)
			}
		}
	}
	if got := row(t, d, sql("SELECT 1")); got != "1" {
		t.Errorf("after all that: %s", got)
	}
}

func TestAPlanWhoseResultChangedMeansThatTheSchemaMoved(t *testing.T) {
	t.Parallel()
	d := open(t, store.Options{TenantConnections: 1})
	must(t, d.Query(t.Context(), sql("CREATE TABLE t (n int)"), nothing))
	must(t, d.Query(t.Context(), sql("SELECT * FROM t"), nothing))
	must(t, d.Query(t.Context(), sql("ALTER TABLE t ADD m int"), nothing))
	if err := d.Query(t.Context(), sql("SELECT * FROM t"), nothing); fault.ReasonOf(err) != tenancy.ReasonSchemaMoved {
		t.Errorf("the same statement on another table: %v", err)
	}
	if err := d.Query(t.Context(), sql("SELECT * FROM t"), nothing); err != nil {
		t.Errorf("once more: %v", err)
	}
}

func TestAServerThatIsDownOrAPasswordThatIsWrongIsUnavailable(t *testing.T) {
	t.Parallel()
	connection, err := secret.ParseURL(env.Postgres(t).Database(t))
	must(t, err)
	wrong, down := connection, connection
	wrong.Password, down.Port = "hunter2", 1
	for name, c := range map[string]secret.Connection{"a wrong password": wrong, "a server that is down": down, "no database": connection.In("nothing")} {
		d, err := store.New(store.Options{}).Open(t.Context(), c)
		must(t, err)
		t.Cleanup(d.Close)
		err = d.Query(t.Context(), sql("SELECT 1"), nothing)
		if !fault.Is(err, fault.Unavailable) || strings.Contains(err.Error(), connection.User) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAllTenantsTogetherStayWithinTheBound(t *testing.T) {
	t.Parallel()
	opener := store.New(store.Options{Connections: 1})
	connection, err := secret.ParseURL(env.Postgres(t).Database(t))
	must(t, err)
	one, err := opener.Open(t.Context(), connection)
	must(t, err)
	t.Cleanup(one.Close)
	other, err := opener.Open(t.Context(), connection)
	must(t, err)
	t.Cleanup(other.Close)
	must(t, one.InTransaction(t.Context(), func(ctx context.Context, _ crm.Tx) error {
		waiting, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
		defer cancel()
		if err := other.Query(waiting, sql("SELECT 1"), nothing); !fault.Is(err, fault.Unavailable) {
			t.Errorf("a second connection: %v", err)
		}
		return nil
	}))
	must(t, other.Query(t.Context(), sql("SELECT 1"), nothing))
}

func TestATenantWithSlowStatementsLeavesRoomForOthers(t *testing.T) {
	t.Parallel()
	opener := store.New(store.Options{Connections: 2, TenantConnections: 1})
	openAnother := func() *store.Database {
		connection, err := secret.ParseURL(env.Postgres(t).Database(t))
		must(t, err)
		d, err := opener.Open(t.Context(), connection)
		must(t, err)
		t.Cleanup(d.Close)
		return d
	}
	slow, other := openAnother(), openAnother()
	must(t, other.Query(t.Context(), sql("SELECT 1"), nothing))
	must(t, slow.Query(t.Context(), sql("CREATE SCHEMA kontor"), nothing))
	must(t, slow.Query(t.Context(), sql("CREATE TABLE kontor.lease (server text PRIMARY KEY, revision bigint, expires_at timestamptz)"), nothing))
	must(t, slow.Query(t.Context(), sql("CREATE TABLE kontor.applied_schema AS SELECT 7::bigint AS revision"), nothing))
	var waiters sync.WaitGroup
	must(t, slow.InTransaction(t.Context(), func(ctx context.Context, _ crm.Tx) error {
		hurried, done := context.WithTimeout(ctx, 5*time.Second)
		defer done()
		waiting, end := context.WithCancel(ctx)
		defer end()
		for range 5 {
			waiters.Go(func() { _ = slow.Query(waiting, sql("SELECT 1"), nothing) })
		}
		for range 200 { // the waiters come to wait meanwhile
			if err := other.Query(hurried, sql("SELECT 1"), nothing); err != nil {
				t.Errorf("another tenant: %v", err)
				break
			}
		}
		if newest, err := slow.Lease(hurried, "test", 7, time.Second); err != nil || newest != 7 {
			t.Errorf("the lease of the slow tenant: %d, %v", newest, err)
		}
		return nil
	}))
	waiters.Wait()
}

func TestADeadServerTakesNoConnectionsOfALivingOne(t *testing.T) {
	t.Parallel()
	silent, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0") // it takes connections and says nothing
	must(t, err)
	t.Cleanup(func() { _ = silent.Close() })
	opener := store.New(store.Options{Connections: 1})
	connection, err := secret.ParseURL(env.Postgres(t).Database(t))
	must(t, err)
	living, err := opener.Open(t.Context(), connection)
	must(t, err)
	t.Cleanup(living.Close)
	connection.Host, connection.Port = "127.0.0.1", silent.Addr().(*net.TCPAddr).Port //nolint:forcetypeassert // a TCP listener
	dead, err := opener.Open(t.Context(), connection)
	must(t, err)
	t.Cleanup(dead.Close)
	dialling, giveUp := context.WithCancel(t.Context())
	var waiter sync.WaitGroup
	waiter.Go(func() { _ = dead.Query(dialling, sql("SELECT 1"), nothing) })
	accepted, err := silent.Accept()
	must(t, err)
	defer accepted.Close()
	waiting, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	if err := living.Query(waiting, sql("SELECT 1"), nothing); err != nil {
		t.Errorf("the living server: %v", err)
	}
	giveUp()
	waiter.Wait()
}

func TestAValueThatNoIndexCanHoldIsARefusal(t *testing.T) {
	t.Parallel()
	d := open(t, store.Options{})
	must(t, d.Query(t.Context(), sql("CREATE TABLE t (name text UNIQUE)"), nothing))
	random := make([]byte, 4000)
	for i := range random {
		random[i] = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ-_"[rand.N(64)]
	}
	err := d.Query(t.Context(), sql("INSERT INTO t VALUES ($1)", string(random)), nothing)
	if refusal, ok := errors.AsType[*crm.ConstraintError](err); !ok || refusal.Kind != crm.ConstraintRange {
		t.Errorf("4000 random characters: %v", err)
	}
}
