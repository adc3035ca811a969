package local

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"maps"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const postgresSuperuser = "postgres"

// PostgresConfig says what kind of PostgreSQL server to start.
type PostgresConfig struct {
	// Dir is the server's directory; it is made when it is not there, and what
	// lies in it from an earlier start is used again.
	Dir string
	// Durable data survive a power cut. Without it the server skips fsync, which
	// is much faster and right for data that are thrown away.
	Durable bool
	// BinDir holds the programs initdb and postgres. Empty: the newest of the system's.
	BinDir string
	// Port to listen on. 0: any free one.
	Port int
	// Settings are PostgreSQL's own, such as shared_buffers; they win over ours.
	Settings map[string]string
}

// Postgres is a running PostgreSQL server with a superuser named postgres. It
// listens on the loopback address with password authentication, and on a socket
// in its directory when that name is short enough for one.
type Postgres struct {
	// Host and Port are where it listens.
	Host string
	Port int
	// User is the superuser, Password is its password.
	User     string
	Password string

	process *process
}

// StartPostgres starts a server and returns when it takes connections. It lives
// until Stop, not until ctx ends: ctx bounds the start alone. A process that runs
// as root starts it as the user postgres, or else nobody, because PostgreSQL
// refuses root. ErrNoPostgres says that the programs are missing.
func StartPostgres(ctx context.Context, config PostgresConfig) (*Postgres, error) {
	folder, err := preparePostgresFolder(config.Dir)
	if err != nil {
		return nil, err
	}
	kept, err := folder.keptVersion()
	if err != nil {
		return nil, err
	}
	programs, err := findPostgres(ctx, config.BinDir, kept)
	if err != nil {
		return nil, err
	}
	password, err := folder.password()
	if err != nil {
		return nil, err
	}
	if kept == 0 {
		if err := folder.initialise(ctx, programs, config.Durable); err != nil {
			return nil, err
		}
	}
	server := &Postgres{Host: loopback, Port: config.Port, User: postgresSuperuser, Password: password}
	run := func(port int) (err error) {
		server.process, err = folder.run(ctx, programs, port, config)
		return err
	}
	if config.Port != 0 {
		err = run(config.Port)
	} else {
		server.Port, err = onFreePort(ctx, run)
	}
	if err != nil {
		return nil, err
	}
	return server, nil
}

// URL is the connection string of a database for the superuser, password included.
func (s *Postgres) URL(database string) string {
	address := url.URL{
		Scheme: "postgres", User: url.UserPassword(s.User, s.Password), Host: net.JoinHostPort(s.Host, strconv.Itoa(s.Port)),
		Path: "/" + database, RawQuery: "sslmode=disable",
	}
	return address.String()
}

// Done is closed when the server has ended, asked for or not.
func (s *Postgres) Done() <-chan struct{} { return s.process.done }

// Err says how the server ended, nil after Stop; read it after Done.
func (s *Postgres) Err() error { return s.process.err }

// Stop ends the server and returns when it is gone; it takes some seconds at
// most. It is harmless to call it twice.
func (s *Postgres) Stop() { s.process.stop() }

// postgresFolder is the directory of one server: its data, its password, its log.
type postgresFolder struct {
	path string
	user *account // nil: this process's own
}

func (f *postgresFolder) data() string         { return filepath.Join(f.path, "data") }
func (f *postgresFolder) passwordFile() string { return filepath.Join(f.path, "password") }

// preparePostgresFolder makes the directory such that the server's user can work
// in it. Under root that is another user, who must own it and be able to walk to it.
func preparePostgresFolder(dir string) (*postgresFolder, error) {
	path, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("finding the directory of PostgreSQL: %w", err)
	}
	if err := makeDir(path); err != nil {
		return nil, err
	}
	folder := &postgresFolder{path: path}
	if os.Geteuid() != 0 {
		return folder, nil
	}
	if folder.user, err = unprivilegedUser(folder.data()); err != nil {
		return nil, err
	}
	if err := os.Chown(path, folder.user.uid, folder.user.gid); err != nil {
		return nil, fmt.Errorf("giving the directory of PostgreSQL to user %s: %w", folder.user.name, err)
	}
	return folder, openWay(path, folder.user, os.TempDir())
}

// keptVersion is the major version that the data were made with, 0 when there are none.
func (f *postgresFolder) keptVersion() (int, error) {
	content, err := os.ReadFile(filepath.Join(f.data(), "PG_VERSION"))
	if os.IsNotExist(err) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("reading the version of the kept data: %w", err)
	}
	version, err := strconv.Atoi(strings.TrimSpace(string(content)))
	if err != nil {
		return 0, fmt.Errorf("reading the version of the kept data: %w", err)
	}
	return version, nil
}

// password is the superuser's, made at the first start.
func (f *postgresFolder) password() (string, error) {
	content, err := os.ReadFile(f.passwordFile())
	if err == nil {
		return strings.TrimSpace(string(content)), nil
	}
	if !os.IsNotExist(err) {
		return "", fmt.Errorf("reading the password of PostgreSQL: %w", err)
	}
	password := rand.Text()
	if err := replaceFile(f.passwordFile(), []byte(password+"\n")); err != nil {
		return "", err
	}
	if f.user != nil { // initdb reads it
		if err := os.Chown(f.passwordFile(), f.user.uid, f.user.gid); err != nil {
			return "", fmt.Errorf("giving the password of PostgreSQL to user %s: %w", f.user.name, err)
		}
	}
	return password, nil
}

// initialise makes an empty cluster. It works beside the data directory and moves
// the result there, so that a start that was cut short leaves nothing half made.
func (f *postgresFolder) initialise(ctx context.Context, programs postgresPrograms, durable bool) error {
	unfinished := f.data() + ".new"
	if err := os.RemoveAll(unfinished); err != nil {
		return fmt.Errorf("removing an unfinished cluster: %w", err)
	}
	args := []string{
		"--pgdata=" + unfinished, "--username=" + postgresSuperuser, "--pwfile=" + f.passwordFile(), "--auth=scram-sha-256",
		"--encoding=UTF8", "--locale=C.UTF-8", // with the locale C, Chinese text has no trigrams
		"--no-instructions",
	}
	if !durable {
		args = append(args, "--no-sync")
	}
	initdb, err := start(command{
		name: "initdb", path: filepath.Join(programs.folder, "initdb"), args: args, dir: f.path, logDir: f.path,
		user: f.user, orphan: syscall.SIGKILL,
	})
	if err != nil {
		return err
	}
	select {
	case <-initdb.done:
	case <-ctx.Done():
		initdb.stop()
		return fmt.Errorf("making a PostgreSQL cluster: %w", context.Cause(ctx))
	}
	if !initdb.cmd.ProcessState.Success() {
		return initdb.err
	}
	if err := os.Rename(unfinished, f.data()); err != nil {
		return fmt.Errorf("making a PostgreSQL cluster: %w", err)
	}
	return nil
}

// run starts the server and waits until it takes connections.
func (f *postgresFolder) run(ctx context.Context, programs postgresPrograms, port int, config PostgresConfig) (*process, error) {
	settings := map[string]string{
		"listen_addresses": loopback, "port": strconv.Itoa(port), "unix_socket_directories": f.socketDir(port),
		"max_connections": "300", "shared_buffers": "64MB", "timezone": "UTC", "log_timezone": "UTC",
	}
	if !config.Durable {
		settings["fsync"], settings["synchronous_commit"], settings["full_page_writes"] = "off", "off", "off"
	}
	maps.Copy(settings, config.Settings)
	args := []string{"-D", f.data()}
	for name, value := range settings {
		args = append(args, "-c", name+"="+value)
	}
	server, err := start(command{
		name: "postgres", path: filepath.Join(programs.folder, "postgres"), args: args, dir: f.path, logDir: f.path, user: f.user,
		orphan: syscall.SIGINT,
		stops: []stopStep{
			{syscall.SIGINT, 10 * time.Second}, // ends the sessions and writes a checkpoint
			{syscall.SIGQUIT, 5 * time.Second}, // ends at once; the next start recovers
		},
	})
	if err != nil {
		return nil, err
	}
	if err := server.await(ctx, 10*time.Millisecond, func() bool { return f.takesConnections(server.cmd.Process.Pid) }); err != nil {
		server.stop()
		return nil, err
	}
	return server, nil
}

// takesConnections reads what the server writes about itself: its process id on
// the first line, its state on the last. A file of an earlier server may still lie there.
func (f *postgresFolder) takesConnections(pid int) bool {
	content, err := os.ReadFile(filepath.Join(f.data(), "postmaster.pid"))
	if err != nil {
		return false
	}
	lines := bytes.Split(content, []byte("\n"))
	const state = 7
	return len(lines) > state && string(lines[0]) == strconv.Itoa(pid) && string(bytes.TrimSpace(lines[state])) == "ready"
}

// socketDir is where the server's socket goes: beside the data, or nowhere when
// the system could not hold the socket's name.
func (f *postgresFolder) socketDir(port int) string {
	const longest = 103 // of macOS; Linux allows 107
	if len(filepath.Join(f.path, fmt.Sprintf(".s.PGSQL.%d", port))) > longest {
		return ""
	}
	return f.path
}
