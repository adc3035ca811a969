package provision

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"github.com/kontor-crm/kontor/internal/provision/migrations"
	"github.com/kontor-crm/kontor/internal/schema"
)

// versionTable is goose's own table, beside the platform's.
const versionTable = "goose_db_version"

// tenantMigrations is what the embedded files say, read once.
var tenantMigrations = sync.OnceValues(func() (migrationSet, error) {
	files, err := migrations.Tenant()
	if err != nil {
		return migrationSet{}, fmt.Errorf("reading the migrations: %w", err)
	}
	return readMigrations(files)
})

type migrationSet struct {
	digest string
	newest int64
}

func readMigrations(files fs.FS) (migrationSet, error) {
	names, err := fs.Glob(files, "*.sql")
	if err != nil || len(names) == 0 {
		return migrationSet{}, errNoMigrations
	}
	var set migrationSet
	hash := sha256.New()
	for _, name := range names { // sorted by fs.Glob
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return migrationSet{}, fmt.Errorf("reading the migration %q: %w", name, err)
		}
		number, _, _ := strings.Cut(name, "_")
		if set.newest, err = strconv.ParseInt(number, 10, 64); err != nil {
			return migrationSet{}, fmt.Errorf("reading the number of the migration %q: %w", name, err)
		}
		fmt.Fprintf(hash, "%s\x00%s\x00", name, text)
	}
	set.digest = hex.EncodeToString(hash.Sum(nil))
	return set, nil
}

func migrationDigest() (string, error) {
	set, err := tenantMigrations()
	return set.digest, err
}

func newestMigration() (int64, error) {
	set, err := tenantMigrations()
	return set.newest, err
}

// migrateTenant brings the platform's tables of one database up to date, as the role that owns them.
func migrateTenant(ctx context.Context, config *pgx.ConnConfig, role string) error {
	files, err := migrations.Tenant()
	if err != nil {
		return fmt.Errorf("reading the migrations: %w", err)
	}
	as := config.Copy()
	as.RuntimeParams["role"] = role
	return migrate(ctx, as, files, schema.PlatformSchema+"."+versionTable)
}

// migrate runs what has not been run. A lock keeps other processes from doing the same.
func migrate(ctx context.Context, config *pgx.ConnConfig, files fs.FS, table string) error {
	db := stdlib.OpenDB(*config)
	defer db.Close()
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, uint64(callTimeout.Seconds())))
	if err != nil {
		return fmt.Errorf("preparing the lock of the migrations: %w", err)
	}
	provider, err := goose.NewProvider(goose.DialectPostgres, db, files,
		goose.WithTableName(table), goose.WithDisableGlobalRegistry(true), goose.WithSessionLocker(locker))
	if err != nil {
		return fmt.Errorf("reading the migrations: %w", err)
	}
	_, err = provider.Up(ctx)
	return translate(err, "migrating the platform's tables in %q", config.Database)
}
