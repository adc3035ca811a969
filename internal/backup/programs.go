package backup

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/kontor-crm/kontor/internal/fault"
	"github.com/kontor-crm/kontor/internal/secret"
)

// Programs runs PostgreSQL's pg_dump and pg_restore.
type Programs struct{ folder string }

// NewPrograms takes the programs of that folder; empty: those on the PATH.
func NewPrograms(folder string) Programs { return Programs{folder: folder} }

// dump writes a dump of a database, as the view shows it.
func (p Programs) dump(ctx context.Context, view *View, to io.Writer) error {
	args := []string{
		"--format=custom", "--no-owner", "--no-privileges", "--no-password", "--lock-wait-timeout=60s",
		"--role=" + view.Role, "--snapshot=" + view.Snapshot,
	}
	for _, schema := range view.Schemas {
		args = append(args, "--schema="+schema)
	}
	for _, table := range view.Passing {
		args = append(args, "--exclude-table-data="+table)
	}
	return p.run(ctx, "pg_dump", view.Database, to, args...)
}

// restore makes what a dump holds in an empty database, as the role that is to own it.
func (p Programs) restore(ctx context.Context, target *Target, path string, jobs int) error {
	return p.run(ctx, "pg_restore", target.Database, io.Discard,
		"--no-owner", "--no-privileges", "--no-password", "--exit-on-error",
		"--role="+target.Role, "--jobs="+strconv.Itoa(jobs), "--dbname="+target.Database.Database, path)
}

// run runs a program to its end. The connection is told by the environment, which
// nobody else on the machine can read, and never by arguments.
func (p Programs) run(ctx context.Context, name string, conn secret.Connection, out io.Writer, args ...string) error {
	environment, release, err := environmentOf(conn)
	if err != nil {
		return err
	}
	defer release()
	path := name
	if p.folder != "" {
		path = filepath.Join(p.folder, name)
	}
	command := exec.CommandContext(ctx, path, args...) //nolint:gosec // PostgreSQL's own programs, which the user names
	var said bytes.Buffer
	command.Env, command.Stdout, command.Stderr = environment, out, &said
	err = command.Run()
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("running %s: %w", name, context.Cause(ctx))
	case errors.Is(err, exec.ErrNotFound) || errors.Is(err, os.ErrNotExist):
		return fault.New(fault.Invalid, "%s is not there: install PostgreSQL's client programs (Debian and Ubuntu: apt-get install postgresql-client), or name their folder with --pg-bin", path)
	}
	if complaint := complaint(said.Bytes(), name); complaint != "" {
		return fault.New(fault.Unavailable, "%s: %s", name, complaint)
	}
	return fmt.Errorf("running %s: %w", name, err)
}

// environmentOf is what a program needs to reach a database, and nothing that would
// lead it elsewhere. release removes the file of certificates.
func environmentOf(conn secret.Connection) (environment []string, release func(), err error) {
	for _, variable := range os.Environ() {
		if name, _, _ := strings.Cut(variable, "="); !strings.HasPrefix(name, "PG") && !strings.HasPrefix(name, "AWS_") {
			environment = append(environment, variable)
		}
	}
	environment = append(environment,
		"LC_ALL=C", "PGAPPNAME=kontor", "PGCONNECT_TIMEOUT=10",
		"PGHOST="+conn.Host, "PGPORT="+strconv.Itoa(conn.Port), "PGUSER="+conn.User, "PGDATABASE="+conn.Database, "PGPASSWORD="+conn.Password,
		// Statements of a dump take as long as they take.
		"PGOPTIONS=-c statement_timeout=0 -c idle_in_transaction_session_timeout=0",
	)
	if conn.SSLMode != "" {
		environment = append(environment, "PGSSLMODE="+conn.SSLMode)
	}
	release = func() {}
	switch {
	case conn.RootCA != "":
		file, err := os.CreateTemp("", "kontor-ca-*.pem")
		if err != nil {
			return nil, nil, fmt.Errorf("writing down the certificates: %w", err)
		}
		release = func() { _ = os.Remove(file.Name()) }
		_, err = file.WriteString(conn.RootCA)
		if err := errors.Join(err, file.Close()); err != nil {
			release()
			return nil, nil, fmt.Errorf("writing down the certificates: %w", err)
		}
		environment = append(environment, "PGSSLROOTCERT="+file.Name())
	case strings.HasPrefix(conn.SSLMode, "verify"):
		environment = append(environment, "PGSSLROOTCERT="+systemCertificates())
	}
	return environment, release, nil
}

// systemCertificates is the file with the certificates that the system trusts. The
// word "system" is known from version 16 on.
func systemCertificates() string {
	for _, path := range []string{"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem"} {
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
			return path
		}
	}
	return "system"
}

// value is what PostgreSQL quotes of a row in an error.
var value = regexp.MustCompile(`: ".*"$`)

// complaint is the first error that a program tells, without what it quotes of rows:
// the lines that follow it (DETAIL, CONTEXT, the statement) are left out.
func complaint(said []byte, name string) string {
	lines := bufio.NewScanner(bytes.NewReader(said))
	for lines.Scan() {
		text, ok := strings.CutPrefix(lines.Text(), name+": error: ")
		if !ok {
			continue
		}
		if _, primary, ok := strings.Cut(text, "ERROR:  "); ok {
			text = primary
		}
		return value.ReplaceAllString(text, "")
	}
	return ""
}
