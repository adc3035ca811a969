package backup

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/kontor-crm/kontor/internal/secret"
)

func TestNothingOfARowIsToldWhenAProgramFails(t *testing.T) {
	t.Parallel()
	for said, want := range map[string]string{
		"pg_restore: while PROCESSING TOC:\npg_restore: error: COPY failed for table \"customer\": ERROR:  duplicate key value violates unique constraint \"customer_email_key\"\nDETAIL:  Key (email)=(ann@example.com) already exists.\nCONTEXT:  COPY customer, line 3\n": `duplicate key value violates unique constraint "customer_email_key"`,
		"pg_restore: error: COPY failed for table \"customer\": ERROR:  invalid input syntax for type integer: \"Ann\"\n":                                                                                                                                                    "invalid input syntax for type integer",
		"pg_restore: error: connection to server at \"127.0.0.1\", port 1 failed: Connection refused\n":                                                                                                                                                                      `connection to server at "127.0.0.1", port 1 failed: Connection refused`,
		"something else\n": "",
	} {
		if got := complaint([]byte(said), "pg_restore"); got != want {
			t.Errorf("%q", got)
		}
	}
}

func TestAProgramLearnsTheConnectionFromItsEnvironmentAlone(t *testing.T) {
	t.Setenv("PGSERVICE", "elsewhere")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "not for it")
	conn := secret.Connection{Host: "db", Port: 5433, Database: "acme", User: "admin", Password: "hush", SSLMode: "verify-full", RootCA: "certificates"}
	environment, release, err := environmentOf(conn)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"PGHOST=db", "PGPORT=5433", "PGDATABASE=acme", "PGUSER=admin", "PGPASSWORD=hush", "PGSSLMODE=verify-full"} {
		if !slices.Contains(environment, want) {
			t.Errorf("it lacks %s", want)
		}
	}
	certificates := ""
	for _, variable := range environment {
		if strings.HasPrefix(variable, "PGSERVICE=") || strings.HasPrefix(variable, "AWS_") {
			t.Errorf("it has %s", variable)
		}
		if path, ok := strings.CutPrefix(variable, "PGSSLROOTCERT="); ok {
			certificates = path
		}
	}
	if text, err := os.ReadFile(certificates); err != nil || string(text) != "certificates" {
		t.Errorf("the certificates are %q: %v", text, err)
	}
	release()
	if _, err := os.Stat(certificates); !os.IsNotExist(err) {
		t.Errorf("the file of certificates stays: %v", err)
	}
}
