package cmd

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	kube "sigs.k8s.io/controller-runtime/pkg/client"

	crmv1 "github.com/kontor-crm/kontor/api/v1alpha1"
	"github.com/kontor-crm/kontor/controllers/tenant"
	"github.com/kontor-crm/kontor/internal/backup"
	"github.com/kontor-crm/kontor/internal/secret"
	"github.com/kontor-crm/kontor/test/env"
	"github.com/kontor-crm/kontor/test/gen"
)

// platform is a cluster with one database server and an operator, whose installation
// tells its databases from those of other tests.
type platform struct {
	*env.APIServer
	client   kube.Client
	postgres *env.PostgresServer
}

func newPlatform(t *testing.T, installation string) *platform {
	t.Helper()
	p := &platform{APIServer: env.OwnCluster(t), postgres: env.Postgres(t)}
	p.client = p.Client(t, newScheme())
	admin := secret.Connection{Host: p.postgres.Host, Port: p.postgres.Port, Database: "postgres", User: p.postgres.User, Password: p.postgres.Password, SSLMode: "disable"}
	p.create(t, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "kontor-system"}})
	p.create(t, &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: "kontor-system", Name: "main"},
		Data:       map[string][]byte{"username": []byte(admin.User), "password": []byte(admin.Password)},
	})
	p.create(t, gen.DatabaseServer("main", admin))
	o := operatorOptions{healthListen: "0", metricsListen: "0", settings: tenant.Settings{Installation: installation, Namespace: "kontor-system", HostSuffixes: []string{"localhost"}}}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- o.run(ctx, p.Config(), admin.In("system_of_"+installation), bytes.Repeat([]byte{7}, 32), logTo(io.Discard))
	}()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("the operator ends: %v", err)
		}
	})
	return p
}

func (p *platform) create(t *testing.T, objects ...kube.Object) {
	t.Helper()
	for _, object := range objects {
		if err := p.client.Create(t.Context(), object); err != nil {
			t.Fatal(err)
		}
	}
}

// await looks at the Tenant until it is as it should be; it is nil when there is none.
func (p *platform) await(t *testing.T, until func(*crmv1.Tenant) bool) *crmv1.Tenant {
	t.Helper()
	var found *crmv1.Tenant
	err := wait.PollUntilContextCancel(t.Context(), 50*time.Millisecond, true, func(ctx context.Context) (bool, error) {
		found = &crmv1.Tenant{}
		err := p.client.Get(ctx, kube.ObjectKey{Namespace: "acme", Name: "acme"}, found)
		if apierrors.IsNotFound(err) {
			found = nil
		}
		return until(found), kube.IgnoreNotFound(err)
	})
	if err != nil {
		t.Fatalf("%v: %+v", err, found)
	}
	return found
}

func synced(found *crmv1.Tenant) bool {
	return found != nil && found.Status.ObservedGeneration == found.Generation && meta.IsStatusConditionTrue(found.Status.Conditions, crmv1.ConditionSchemaSynced)
}

// ask asks a database for one value.
func ask[T any](t *testing.T, url, sql string) T {
	t.Helper()
	c, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(t.Context())
	var value T
	if err := c.QueryRow(t.Context(), sql).Scan(&value); err != nil {
		t.Fatal(err)
	}
	return value
}

func TestATenantComesBackFromItsBackupWithItsRecords(t *testing.T) {
	t.Parallel()
	p := newPlatform(t, "backups")
	p.create(t, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "acme"}},
		gen.CustomField("acme", "customer", "tier"),
		gen.Tenant("acme", "acme", func(t *crmv1.Tenant) { t.Spec.Modules = []crmv1.Module{} }))
	database := p.await(t, synced).Status.Database.Name
	insert := `INSERT INTO crm.customer (id, name, schema_revision, x_tier) VALUES (gen_random_uuid(), 'Initech', 1, 'gold') RETURNING x_tier`
	ask[string](t, p.postgres.URL(database), insert)

	folder := filepath.Join(t.TempDir(), "acme")
	said, _ := mustKontor(t, "backup", "--kubeconfig", p.Kubeconfig(), "-n", "acme", folder)
	if !strings.HasPrefix(said, "Saved acme/acme with revision 1 to "+folder) {
		t.Error(said)
	}
	if info, err := os.Stat(filepath.Join(folder, backup.DumpFile)); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("others may read the dump: %v, %v", info.Mode(), err)
	}
	if _, _, err := kontor(t, "restore", "--kubeconfig", p.Kubeconfig(), folder); err == nil || !strings.Contains(err.Error(), "delete the Tenant first") {
		t.Errorf("restored over a tenant that works: %v", err)
	}

	p.expectCopyWithoutCluster(t, database)

	// Somebody removes everything.
	if err := p.client.DeleteAllOf(t.Context(), &crmv1.CustomField{}, kube.InNamespace("acme")); err != nil {
		t.Fatal(err)
	}
	if err := p.client.DeleteAllOf(t.Context(), &crmv1.Tenant{}, kube.InNamespace("acme")); err != nil {
		t.Fatal(err)
	}
	p.await(t, func(found *crmv1.Tenant) bool { return found == nil })
	said, _ = mustKontor(t, "restore", "--kubeconfig", p.Kubeconfig(), "--replace", "--adopt", folder)
	if !strings.Contains(said, "Restored acme/acme with revision 1 into database "+database) || !strings.Contains(said, database+"_aside_") || !strings.Contains(said, "hands it to Tenant acme/acme") {
		t.Error(said)
	}
	configured, err := os.ReadFile(filepath.Join(folder, backup.ConfigurationFile))
	if err != nil {
		t.Fatal(err)
	}
	applyText(t, p.client, "acme", string(configured))
	back := p.await(t, synced)
	if back.Status.Schema.Revision != 1 || back.Status.Schema.Digest != back.Status.Schema.WantedDigest {
		t.Errorf("the schema of the tenant is %+v", back.Status.Schema)
	}
	if tier := ask[string](t, p.postgres.URL(database), "SELECT x_tier FROM crm.customer WHERE name = 'Initech'"); tier != "gold" {
		t.Errorf("the customer has the tier %q", tier)
	}
}

// expectCopyWithoutCluster saves the database and restores it for another
// installation, knowing nothing but the server.
func (p *platform) expectCopyWithoutCluster(t *testing.T, database string) {
	t.Helper()
	folder := t.TempDir()
	at := func(database string) string {
		file := filepath.Join(folder, database)
		if err := os.WriteFile(file, []byte(p.postgres.URL(database)+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	saved := filepath.Join(folder, "backup")
	mustKontor(t, "backup", "--database-url-file", at(database), saved)
	if _, err := os.Stat(filepath.Join(saved, backup.ConfigurationFile)); !os.IsNotExist(err) {
		t.Errorf("there is a configuration without a cluster: %v", err)
	}
	said, _ := mustKontor(t, "restore", "--database-url-file", at("postgres"), "--installation", "elsewhere", "-n", "copy", "--tenant", "twin", saved)
	copied := tenant.Identity{Installation: "elsewhere", Namespace: "copy", Name: "twin"}.Database()
	if !strings.Contains(said, "Restored copy/twin with revision 1 into database "+copied) || !strings.Contains(said, "{namespace: copy, tenant: twin, database: "+copied+"}") {
		t.Error(said)
	}
	if tier := ask[string](t, p.postgres.URL(copied), "SELECT x_tier FROM crm.customer WHERE name = 'Initech'"); tier != "gold" {
		t.Errorf("the customer of the copy has the tier %q", tier)
	}
}

func TestABucketIsReachedByTheVariablesOfOtherPrograms(t *testing.T) {
	t.Parallel()
	variables := map[string]string{}
	at := func() (backup.Place, error) {
		return placeAt("s3://bucket/acme", func(name string) string { return variables[name] })
	}
	if _, err := at(); !errors.Is(err, errUsage) {
		t.Errorf("without keys: %v", err)
	}
	variables["AWS_ACCESS_KEY_ID"], variables["AWS_SECRET_ACCESS_KEY"] = "key", "hush"
	if place, err := at(); err != nil || place.String() != "s3://bucket/acme" {
		t.Errorf("%v, %v", place, err)
	}
	variables["AWS_ENDPOINT_URL"] = "nowhere"
	if _, err := at(); !errors.Is(err, errUsage) || strings.Contains(err.Error(), "hush") {
		t.Errorf("with an endpoint that is none: %v", err)
	}
	variables["AWS_ENDPOINT_URL_S3"] = "https://storage.example:9000"
	if _, err := at(); err != nil {
		t.Error(err)
	}
	variables["AWS_CA_BUNDLE"] = filepath.Join(t.TempDir(), "absent")
	if _, err := at(); err == nil {
		t.Error("certificates that are not there are trusted")
	}
	if place, err := placeAt("folder", func(string) string { return "" }); err != nil || place.String() != "folder" {
		t.Errorf("%v, %v", place, err)
	}
}

func TestABackupNeedsNoClusterWhenTheDatabaseIsNamed(t *testing.T) {
	t.Parallel()
	expectUsage(t, "backup")
	expectUsage(t, "backup", "one", "two")
	expectUsage(t, "restore")
	folder := t.TempDir()
	if _, _, err := kontor(t, "restore", folder); err == nil || !strings.Contains(err.Error(), "no whole backup") {
		t.Errorf("an empty folder is restored: %v", err)
	}
	file := filepath.Join(folder, "url")
	if err := os.WriteFile(file, []byte("postgres://somebody:hush@127.0.0.1:1/nothing\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, _, err := kontor(t, "backup", "--database-url-file", file, filepath.Join(folder, "backup"))
	if err == nil || !strings.Contains(err.Error(), "somebody@127.0.0.1:1") || strings.Contains(err.Error(), "hush") {
		t.Errorf("the server that is not there: %v", err)
	}
	expectUsage(t, "restore", "--adopt", "--database-url-file", file, folder)
}
