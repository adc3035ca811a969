package local

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
)

// oldestPostgres is the oldest major version that Kontor works with.
const oldestPostgres = 15

// ErrNoPostgres says that no PostgreSQL server of a version that we can use is
// installed. The error that wraps it says where we looked and how to get one.
var ErrNoPostgres = errors.New("no PostgreSQL server found")

// Where the packages of the usual systems put the server's programs.
var postgresFolders = []string{
	"/usr/lib/postgresql/*/bin",          // Debian, Ubuntu
	"/usr/pgsql-*/bin",                   // packages of the PostgreSQL project for Fedora and its kin
	"/usr/lib/postgresql*/bin",           // SUSE
	"/opt/homebrew/opt/postgresql@*/bin", // macOS
	"/usr/local/opt/postgresql@*/bin",    // macOS on Intel
	"/usr/libexec/postgresql*",           // Alpine
}

// postgresPrograms is a folder with initdb and postgres of one major version.
type postgresPrograms struct {
	folder string
	major  int
}

// findPostgres chooses the newest programs, or those of the version that a kept
// cluster was made with (0: any), from folder or, when that is empty, from the system.
func findPostgres(ctx context.Context, folder string, version int) (postgresPrograms, error) {
	candidates := []string{folder}
	if folder == "" {
		candidates = systemFolders()
	}
	var found []postgresPrograms
	for _, candidate := range candidates {
		major, err := postgresMajor(ctx, candidate)
		if err != nil {
			continue // not there, or not a whole installation: the next may be
		}
		if major >= oldestPostgres && (version == 0 || version == major) {
			found = append(found, postgresPrograms{folder: candidate, major: major})
		}
	}
	if len(found) > 0 {
		return slices.MaxFunc(found, func(a, b postgresPrograms) int { return a.major - b.major }), nil
	}
	return postgresPrograms{}, noPostgres(folder, version)
}

func noPostgres(folder string, version int) error {
	wanted := fmt.Sprintf("version %d or newer", oldestPostgres)
	if version != 0 {
		wanted = fmt.Sprintf("version %d, which the kept data were written with", version)
	}
	if folder != "" {
		return fmt.Errorf("%w in %q: initdb and postgres of %s are needed there", ErrNoPostgres, folder, wanted)
	}
	return fmt.Errorf("%w: %s is needed, with initdb; install it (Debian and Ubuntu: apt-get install postgresql; "+
		"Fedora: dnf install postgresql-server; macOS: brew install postgresql@17), or name the folder of its programs in KONTOR_PG_BIN",
		ErrNoPostgres, wanted)
}

func systemFolders() []string {
	var folders []string
	for _, pattern := range postgresFolders {
		matches, _ := filepath.Glob(pattern) // the patterns are ours and well formed
		folders = append(folders, matches...)
	}
	if path, err := exec.LookPath("postgres"); err == nil {
		// A link on the PATH leads to the folder where the rest of the installation is.
		if target, err := filepath.EvalSymlinks(path); err == nil {
			folders = append(folders, filepath.Dir(target))
		}
	}
	return folders
}

var postgresVersion = regexp.MustCompile(`\(PostgreSQL\) (\d+)`)

// postgresMajor is the major version of the server in folder, 15 for 15.18.
func postgresMajor(ctx context.Context, folder string) (int, error) {
	if _, err := os.Stat(filepath.Join(folder, "initdb")); err != nil {
		return 0, fmt.Errorf("looking for initdb: %w", err)
	}
	said, err := exec.CommandContext(ctx, filepath.Join(folder, "postgres"), "--version").Output() //nolint:gosec // a folder of the system, or the user's own choice
	if err != nil {
		return 0, fmt.Errorf("asking %q for its version: %w", folder, err)
	}
	match := postgresVersion.FindSubmatch(said)
	if match == nil {
		return 0, fmt.Errorf("reading the version of %q: %q is not one", folder, said)
	}
	return strconv.Atoi(string(match[1]))
}
