package provision_test

import (
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/kontor-crm/kontor/controllers/tenant"
	"github.com/kontor-crm/kontor/internal/fault"
	"github.com/kontor-crm/kontor/internal/provision"
	"github.com/kontor-crm/kontor/internal/secret"
)

var systems atomic.Int64

func openSystem(t *testing.T, sent *statements) (*provision.Directory, secret.Connection) {
	t.Helper()
	key, err := secret.ParseKey(secret.NewKey())
	if err != nil {
		t.Fatal(err)
	}
	sealer, err := secret.NewSealer(key, "directory")
	if err != nil {
		t.Fatal(err)
	}
	conn := limitedAdmin(t).In(fmt.Sprintf("system_%d", systems.Add(1)))
	var directory *provision.Directory
	for range 2 { // the second time it is there
		if directory, err = provision.OpenSystem(t.Context(), conn, sealer, provision.Options{Clock: noon, Tracer: sent}); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(directory.Close)
	}
	return directory, conn
}

func entry(key string, hosts ...string) tenant.Entry {
	return tenant.Entry{
		Key: key, Hosts: hosts, Revision: 3, Format: 1,
		Application: secret.Connection{Host: "db", Port: 5432, Database: "kontor_x", User: "kontor_x_app", Password: "hush", SSLMode: "require", RootCA: "PEM"},
	}
}

func TestAnEntryIsPublishedOnceAndToldToTheServers(t *testing.T) {
	t.Parallel()
	sent := &statements{allow: -1}
	directory, conn := openSystem(t, sent)
	listener := connect(t, conn)
	mustExec(t, listener, "LISTEN kontor_directory")
	want := entry("acme/acme", "b.test", "a.test")
	if err := directory.Publish(t.Context(), want); err != nil {
		t.Fatal(err)
	}
	told, err := listener.WaitForNotification(t.Context())
	if err != nil || told.Payload != "acme/acme" {
		t.Fatalf("told %v, %v", told, err)
	}
	got, err := directory.Lookup(t.Context(), "acme/acme")
	if err != nil || got == nil || got.Application != want.Application || got.Revision != 3 || fmt.Sprint(got.Hosts) != "[a.test b.test]" {
		t.Fatalf("looking up gives %+v, %v", got, err)
	}
	sent.reset(-1)
	if err := directory.Publish(t.Context(), want); err != nil {
		t.Fatal(err)
	}
	if n := sent.containing("INSERT"); n != 0 {
		t.Errorf("publishing the same again writes %d times", n)
	}
	var leaked int
	if err := listener.QueryRow(t.Context(), "SELECT count(*) FROM directory d WHERE d::text LIKE '%hush%'").Scan(&leaked); err != nil || leaked != 0 {
		t.Errorf("the password is stored in plain text (%v)", err)
	}
	for range 2 {
		if err := directory.Remove(t.Context(), "acme/acme"); err != nil {
			t.Fatal(err)
		}
	}
	if told, err := listener.WaitForNotification(t.Context()); err != nil || told.Payload != "acme/acme" {
		t.Fatalf("told %v, %v", told, err)
	}
	if got, err := directory.Lookup(t.Context(), "acme/acme"); err != nil || got != nil {
		t.Errorf("after removing it there is %+v, %v", got, err)
	}
}

func TestAHostLeadsToOneTenant(t *testing.T) {
	t.Parallel()
	directory, _ := openSystem(t, &statements{allow: -1})
	if err := directory.Publish(t.Context(), entry("acme/acme", "acme.test", "other.test")); err != nil {
		t.Fatal(err)
	}
	err := directory.Publish(t.Context(), entry("globex/globex", "acme.test"))
	if !fault.Is(err, fault.Conflict) || fault.ReasonOf(err) != provision.ReasonHostConflict {
		t.Errorf("a second claim gives %v", err)
	}
	if got, err := directory.Lookup(t.Context(), "globex/globex"); err != nil || got != nil {
		t.Errorf("the refused entry is there: %+v, %v", got, err)
	}
	if err := directory.Publish(t.Context(), entry("acme/acme", "other.test")); err != nil {
		t.Fatal(err)
	}
	if err := directory.Publish(t.Context(), entry("globex/globex", "acme.test")); err != nil {
		t.Errorf("a host that was given up cannot be had: %v", err)
	}
}

func TestOnlyLivingServersAcknowledge(t *testing.T) {
	t.Parallel()
	directory, conn := openSystem(t, &statements{allow: -1})
	c := connect(t, conn)
	mustExec(t, c, `INSERT INTO server VALUES ('a', now()), ('b', now() - interval '1 hour'), ('c', now())`)
	mustExec(t, c, `INSERT INTO acknowledgement VALUES ('a', 'acme/acme', 3), ('b', 'acme/acme', 3), ('c', 'acme/acme', 2), ('c', 'globex/globex', 9)`)
	for revision, want := range map[int64]int{2: 2, 3: 1, 4: 0} {
		if got, err := directory.Acknowledged(t.Context(), "acme/acme", revision); err != nil || got != want {
			t.Errorf("revision %d is acknowledged by %d, %v; want %d", revision, got, err, want)
		}
	}
}
