package provision_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/kontor-crm/kontor/internal/fault"
	"github.com/kontor-crm/kontor/internal/plan"
	"github.com/kontor-crm/kontor/internal/provision"
	"github.com/kontor-crm/kontor/internal/schema"
)

func TestErrorsQuoteNoRows(t *testing.T) {
	t.Parallel()
	servers := newServers(t, provision.Options{})
	schemas := provision.NewSchemas(servers)
	conn := database(t, servers, admin(t))
	c := connect(t, admin(t).In(conn.Database))
	wanted := standard(t, addField("code", func(f *schema.Field) { f.Unique = true }), addField("score", func(f *schema.Field) { f.Type, f.Max = schema.TypeInteger, "9" }))
	apply(t, schemas, conn, wanted)
	mustExec(t, c, `DO $$ DECLARE n text; BEGIN FOR n IN SELECT indexrelid::regclass::text FROM pg_index WHERE indexrelid::regclass::text LIKE '%code_uq%' LOOP EXECUTE 'DROP INDEX ' || n; END LOOP; END $$`)
	mustExec(t, c, drop("pg_constraint WHERE conname LIKE 'x_score_max%' AND conrelid = 'crm.customer'::regclass"))
	mustExec(t, c, `INSERT INTO crm.customer (id, name, x_code, x_score) SELECT gen_random_uuid(), 'x', 'private-value', 4711 FROM generate_series(1, 2)`)
	_, err := tryApply(t, schemas, conn, wanted, plan.Policy{HealDrift: true})
	if !fault.Is(err, fault.Conflict) {
		t.Fatalf("it is %v", err)
	}
	for text := fmt.Sprintf("%v %+v %#v", err, err, err); strings.Contains(text, "private-value") || strings.Contains(text, "4711"); text = "" {
		t.Errorf("it quotes a row: %s", text)
	}
	if refusal, ok := errors.AsType[*pgconn.PgError](err); ok {
		t.Errorf("the database's error is within reach, with its detail %q", refusal.Detail)
	}
	for _, index := range []string{"unique", "check the records"} {
		if !strings.Contains(err.Error(), index) {
			t.Errorf("it does not tell of both: %v", err)
		}
	}
}

func TestTwoProcessesMakeATemplateOnce(t *testing.T) {
	t.Parallel()
	server := limitedAdmin(t)
	model := ownModel(t)
	sent := &statements{allow: -1}
	var group sync.WaitGroup
	for range 3 { // each with connections and locks of its own, as processes have
		databases := provision.NewDatabases(newServers(t, provision.Options{Tracer: sent}))
		for range 2 {
			id := identity(t)
			group.Go(func() {
				if err := databases.Ensure(t.Context(), server, id, model); err != nil {
					t.Error(err)
				}
			})
		}
	}
	group.Wait()
	if n := sent.containing("TEMPLATE template0"); n != 1 {
		t.Errorf("the template is made %d times", n)
	}
}
