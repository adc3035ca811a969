package env

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/kontor-crm/kontor/internal/local"
)

// startTimeout is generous: on a busy machine several binaries start servers at once.
const startTimeout = 2 * time.Minute

// PostgresServer is the PostgreSQL server of this test binary. Its roles are
// shared by all its tests, so they need names of their own.
type PostgresServer struct {
	*local.Postgres
}

var postgres = sync.OnceValues(func() (*PostgresServer, error) {
	dir, err := directory()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	server, err := local.StartPostgres(ctx, local.PostgresConfig{Dir: filepath.Join(dir, "postgres"), BinDir: os.Getenv("KONTOR_PG_BIN")})
	if err != nil {
		return nil, err
	}
	atStop(server.Stop)
	return &PostgresServer{Postgres: server}, nil
})

// Postgres is this test binary's server, started when it is asked for first.
func Postgres(t T) *PostgresServer {
	t.Helper()
	server, err := postgres()
	if err != nil {
		t.Fatalf("starting PostgreSQL for the tests: %v", err)
	}
	return server
}

var databases atomic.Int64

// Database makes an empty database and returns its URL, for the superuser. The
// database goes when the test ends, and takes whoever is still connected with it.
func (s *PostgresServer) Database(t T) string {
	t.Helper()
	name := fmt.Sprintf("test_%d", databases.Add(1))
	s.exec(t, "CREATE DATABASE "+name)
	t.Cleanup(func() { s.exec(t, "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)") })
	return s.URL(name)
}

// Admin is a connection of the superuser to the database postgres, closed when the test ends.
func (s *PostgresServer) Admin(t T) *pgx.Conn {
	t.Helper()
	connection, err := s.connect()
	if err != nil {
		t.Fatalf("connecting to the PostgreSQL of the tests: %v", err)
	}
	t.Cleanup(func() { _ = connection.Close(context.Background()) })
	return connection
}

func (s *PostgresServer) connect() (*pgx.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	return pgx.Connect(ctx, s.URL("postgres"))
}

func (s *PostgresServer) exec(t T, sql string) {
	t.Helper()
	connection, err := s.connect()
	if err != nil {
		t.Fatalf("connecting to the PostgreSQL of the tests: %v", err)
	}
	defer connection.Close(context.Background())
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	if _, err := connection.Exec(ctx, sql); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}
