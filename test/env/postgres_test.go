package env_test

import (
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/kontor-crm/kontor/test/env"
)

func TestMain(m *testing.M) { env.Main(m) }

func TestEachTestHasADatabaseOfItsOwn(t *testing.T) {
	t.Parallel()
	server := env.Postgres(t)
	first, second := server.Database(t), server.Database(t)
	if first == second {
		t.Fatalf("two databases are one: %s", first)
	}
	connection, err := pgx.Connect(t.Context(), first)
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close(t.Context())
	if _, err := connection.Exec(t.Context(), "CREATE TABLE mine ()"); err != nil {
		t.Error(err)
	}
}

func TestDatabasesGoWithTheirTest(t *testing.T) {
	t.Parallel()
	server := env.Postgres(t)
	var name string
	t.Run("a test that leaves a connection open", func(t *testing.T) {
		connection, err := pgx.Connect(t.Context(), server.Database(t))
		if err != nil {
			t.Fatal(err)
		}
		name = connection.Config().Database
	})
	var found bool
	query := "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)"
	if err := server.Admin(t).QueryRow(t.Context(), query, name).Scan(&found); err != nil {
		t.Fatal(err)
	}
	if found {
		t.Errorf("database %s is still there", name)
	}
}
