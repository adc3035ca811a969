package secret_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/kontor-crm/kontor/internal/secret"
)

func TestAPasswordFitsOnlyItsOwnHash(t *testing.T) {
	t.Parallel()
	hash, err := secret.HashPassword("correct horse")
	if err != nil {
		t.Fatal(err)
	}
	if !secret.VerifyPassword(hash, "correct horse") {
		t.Error("the right password is refused")
	}
	for _, wrong := range []string{"", "Correct horse", "correct horse ", strings.Repeat("x", 10_000)} {
		if secret.VerifyPassword(hash, wrong) {
			t.Errorf("%.20q is accepted", wrong)
		}
	}
	for _, broken := range []string{"", "$argon2id$v=19$m=1,t=0,p=1$$", "$argon2id$v=19$m=99999999,t=1,p=1$AAAA$AAAA", "plain"} {
		if secret.VerifyPassword(broken, "") || secret.VerifyPassword(broken, "plain") {
			t.Errorf("the hash %q accepts a password", broken)
		}
	}
}

func TestARandomPasswordIsVerifiedAsAnyOther(t *testing.T) {
	t.Parallel()
	password := secret.NewPassword()
	hash, err := secret.HashRandom(password)
	if err != nil {
		t.Fatal(err)
	}
	if !secret.VerifyPassword(hash, password) {
		t.Error("the right password is refused")
	}
	if secret.VerifyPassword(hash, secret.NewPassword()) || secret.VerifyPassword(hash, "") {
		t.Error("another password is accepted")
	}
}

// It is not parallel: it looks at the memory of the process.
func TestARandomPasswordCostsAsMuchAsAnUnknownUser(t *testing.T) { //nolint:paralleltest // see above
	random, err := secret.HashRandom(secret.NewPassword())
	if err != nil {
		t.Fatal(err)
	}
	for name, hash := range map[string]string{"unknown": "", "random": random} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		secret.VerifyPassword(hash, "wrong")
		runtime.ReadMemStats(&after)
		if after.TotalAlloc-before.TotalAlloc < 30<<20 {
			t.Errorf("%s: the password is checked with %d bytes", name, after.TotalAlloc-before.TotalAlloc)
		}
	}
}

func TestWhatOnePurposeSealedNoOtherOpens(t *testing.T) {
	t.Parallel()
	key, err := secret.ParseKey(secret.NewKey())
	if err != nil {
		t.Fatal(err)
	}
	directory, _ := secret.NewSealer(key, "directory")
	cursor, _ := secret.NewSealer(key, "cursor")
	sealed := directory.Seal([]byte("hush"), "acme/acme")
	if plain, err := directory.Open(sealed, "acme/acme"); err != nil || string(plain) != "hush" {
		t.Errorf("opening gives %q, %v", plain, err)
	}
	if _, err := cursor.Open(sealed, "acme/acme"); err == nil {
		t.Error("another purpose opens it")
	}
	if _, err := directory.Open(sealed, "globex/globex"); err == nil {
		t.Error("another context opens it")
	}
	sealed[len(sealed)-1] ^= 1
	if _, err := directory.Open(sealed, "acme/acme"); err == nil {
		t.Error("a changed text opens")
	}
}

func TestAConnectionPrintsWithoutItsPassword(t *testing.T) {
	t.Parallel()
	c := secret.Connection{Host: "db", Port: 5432, Database: "acme", User: "app", Password: "hush"}
	for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
		if printed := fmt.Sprintf(format, c); strings.Contains(printed, "hush") {
			t.Errorf("%s gives the password away: %s", format, printed)
		}
	}
	if !strings.Contains(c.URL(), "hush") {
		t.Error("the URL lacks the password")
	}
}
