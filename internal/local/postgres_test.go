package local_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/kontor-crm/kontor/internal/local"
)

func startPostgres(t *testing.T, config local.PostgresConfig) *local.Postgres {
	t.Helper()
	server, err := local.StartPostgres(t.Context(), config)
	if err != nil {
		t.Fatalf("starting PostgreSQL: %v", err)
	}
	t.Cleanup(server.Stop)
	return server
}

func ask(t *testing.T, url, sql string) string {
	t.Helper()
	answer, err := tryAsk(t.Context(), url, sql)
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return answer
}

func tryAsk(ctx context.Context, url, sql string) (string, error) {
	connection, err := pgx.Connect(ctx, url)
	if err != nil {
		return "", err
	}
	defer connection.Close(ctx)
	var answer string
	err = connection.QueryRow(ctx, sql).Scan(&answer)
	return answer, err
}

func TestPostgresTakesConnectionsWhenStartReturns(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "postgres")
	server := startPostgres(t, local.PostgresConfig{Dir: dir})

	settings := ask(t, server.URL("postgres"), `SELECT concat_ws(',', current_user, pg_encoding_to_char(encoding), datcollate, datctype, current_setting('fsync'))
		FROM pg_database WHERE datname = 'postgres'`)
	if want := "postgres,UTF8,C.UTF-8,C.UTF-8,off"; settings != want {
		t.Errorf("the server has %q, want %q", settings, want)
	}
	if most := ask(t, server.URL("postgres"), "SHOW max_connections"); most != "300" {
		t.Errorf("max_connections is %s, want 300", most)
	}
}

func TestPostgresAsksForThePassword(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "postgres")
	server := startPostgres(t, local.PostgresConfig{Dir: dir})

	wrong := strings.Replace(server.URL("postgres"), server.Password, "guessed", 1)
	if _, err := tryAsk(t.Context(), wrong, "SELECT 'in'"); err == nil {
		t.Error("a wrong password was let in")
	}
	socket := fmt.Sprintf("host=%s port=%d user=postgres dbname=postgres password=%s", dir, server.Port, server.Password)
	if len(dir) < 80 && ask(t, socket, "SELECT 'in'") != "in" {
		t.Error("the socket does not answer")
	}
	info, err := os.Stat(filepath.Join(dir, "password"))
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("others may read the password's file: %v", info.Mode())
	}
}

func TestPostgresKeepsItsDataAndItsPassword(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "postgres")
	first := startPostgres(t, local.PostgresConfig{Dir: dir, Durable: true})
	if fsync := ask(t, first.URL("postgres"), "SHOW fsync"); fsync != "on" {
		t.Errorf("fsync is %s on durable data", fsync)
	}
	connection, err := pgx.Connect(t.Context(), first.URL("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := connection.Exec(t.Context(), "CREATE TABLE kept AS SELECT 'still here' AS word"); err != nil {
		t.Fatal(err)
	}
	first.Stop() // while a session is open
	select {
	case <-first.Done():
	default:
		t.Error("Stop returned before the server was gone")
	}

	second := startPostgres(t, local.PostgresConfig{Dir: dir, Durable: true})
	if second.Password != first.Password {
		t.Error("the second start made another password")
	}
	if word := ask(t, second.URL("postgres"), "SELECT word FROM kept"); word != "still here" {
		t.Errorf("the table holds %q after the restart", word)
	}
}

func TestPostgresComesBackAfterItWasKilled(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "postgres")
	first := startPostgres(t, local.PostgresConfig{Dir: dir})
	content, err := os.ReadFile(filepath.Join(dir, "data", "postmaster.pid"))
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.SplitN(string(content), "\n", 2)[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, "Done tells that the server died", func() bool {
		select {
		case <-first.Done():
			return true
		default:
			return false
		}
	})
	if first.Err() == nil || !strings.Contains(first.Err().Error(), "killed") {
		t.Errorf("Err does not say how the server ended: %v", first.Err())
	}
	second := startPostgres(t, local.PostgresConfig{Dir: dir})
	if ask(t, second.URL("postgres"), "SELECT 'back'") != "back" {
		t.Error("the server did not come back")
	}
}

func TestPostgresSaysWhatIsWrongWithThePort(t *testing.T) {
	t.Parallel()
	var listen net.ListenConfig
	taken, err := listen.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	_, err = local.StartPostgres(t.Context(), local.PostgresConfig{
		Dir: filepath.Join(t.TempDir(), "postgres"), Port: taken.Addr().(*net.TCPAddr).Port,
	})
	if err == nil || !strings.Contains(err.Error(), "TCP/IP") {
		t.Errorf("the error does not name the trouble: %v", err)
	}
}

func TestMissingPostgresIsToldWithTheWayToGetIt(t *testing.T) {
	t.Parallel()
	empty := t.TempDir()
	_, err := local.StartPostgres(t.Context(), local.PostgresConfig{Dir: filepath.Join(t.TempDir(), "postgres"), BinDir: empty})
	if !errors.Is(err, local.ErrNoPostgres) || !strings.Contains(err.Error(), empty) {
		t.Errorf("want ErrNoPostgres that names the folder, got %v", err)
	}
}

func TestPostgresThatIsTooOldOrOfAnotherVersionThanTheDataIsNotTaken(t *testing.T) {
	t.Parallel()
	programs := t.TempDir()
	for name, script := range map[string]string{"initdb": "exit 1", "postgres": "echo 'postgres (PostgreSQL) 14.9'"} {
		if err := os.WriteFile(filepath.Join(programs, name), []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	_, err := local.StartPostgres(t.Context(), local.PostgresConfig{Dir: filepath.Join(t.TempDir(), "postgres"), BinDir: programs})
	if !errors.Is(err, local.ErrNoPostgres) || !strings.Contains(err.Error(), "version 15 or newer") {
		t.Errorf("want ErrNoPostgres that names the version, got %v", err)
	}

	kept := filepath.Join(t.TempDir(), "postgres")
	if err := os.MkdirAll(filepath.Join(kept, "data"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(kept, "data", "PG_VERSION"), []byte("99\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = local.StartPostgres(t.Context(), local.PostgresConfig{Dir: kept})
	if !errors.Is(err, local.ErrNoPostgres) || !strings.Contains(err.Error(), "version 99") {
		t.Errorf("want ErrNoPostgres that names the version of the data, got %v", err)
	}
}

func TestPostgresOfAnUnfinishedFirstStartIsMadeAnew(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "postgres")
	ended, end := context.WithCancel(t.Context())
	end()
	if _, err := local.StartPostgres(ended, local.PostgresConfig{Dir: dir}); err == nil {
		t.Fatal("a start whose context has ended succeeded")
	}
	if err := os.MkdirAll(filepath.Join(dir, "data.new", "base"), 0o700); err != nil {
		t.Fatal(err)
	}
	server := startPostgres(t, local.PostgresConfig{Dir: dir})
	if ask(t, server.URL("postgres"), "SELECT 'new'") != "new" {
		t.Error("the server does not answer")
	}
}
