package plan

import "testing"

func TestADefinitionIsKnownAgainInPostgreSQLsPrint(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		live, wanted string
		differs      bool
	}{
		{live: ``, wanted: `CHECK ("a" IS NOT NULL)`},
		{live: `CHECK ((a IS NOT NULL)) NOT VALID`, wanted: `CHECK ("a" IS NOT NULL)`},
		{live: `CHECK ((a IS NULL))`, wanted: `CHECK ("a" IS NOT NULL)`, differs: true},
		{live: `CHECK ((char_length(x_code) <= 40))`, wanted: `CHECK (char_length("x_code") <= 40)`},
		{live: `CHECK ((char_length(x_code) <= 41))`, wanted: `CHECK (char_length("x_code") <= 40)`, differs: true},
		{live: `CHECK ((char_length((x_doc)::text) <= 40))`, wanted: `CHECK (char_length("x_doc"::text) <= 40)`},
		{live: `CHECK ((size >= ('-5'::integer)::numeric))`, wanted: `CHECK ("size" >= -5)`},
		{live: `CHECK ((size >= '-0.5'::numeric))`, wanted: `CHECK ("size" >= -0.5)`},
		{live: `CHECK ((size >= '5000000000'::bigint))`, wanted: `CHECK ("size" >= 5000000000)`},
		{live: `CHECK ((size >= '5'::integer))`, wanted: `CHECK ("size" >= -5)`, differs: true},
		{live: `CHECK ((size = trunc(size, 2)))`, wanted: `CHECK ("size" = trunc("size", 2))`},
		{live: `CHECK ((stage = ANY (ARRAY['a b'::text, 'it''s'::text])))`, wanted: `CHECK ("stage" = ANY (ARRAY['a b', 'it''s']::text[]))`},
		{live: `CHECK ((stage = ANY (ARRAY['a'::text, 'b'::text])))`, wanted: `CHECK ("stage" = ANY (ARRAY['a']::text[]))`, differs: true},
		{live: `CHECK ((stage = ANY (ARRAY['a, b'::text])))`, wanted: `CHECK ("stage" = ANY (ARRAY['a', 'b']::text[]))`, differs: true},
		{live: `CHECK ((code ~ '^\d(a|b) ::int$'::text))`, wanted: `CHECK ("code" ~ E'^\\d(a|b) ::int$')`},
		{live: `CHECK ((code ~ '^\d(a|b)$'::text))`, wanted: `CHECK ("code" ~ E'^\\d(a|c)$')`, differs: true},
		{live: `CHECK ((num_nonnulls(a, b) = ANY (ARRAY[0, 2])))`, wanted: `CHECK (num_nonnulls("a", "b") IN (0, 2))`},
		{live: `CHECK ((at > '2026-01-01 00:00:00+00'::timestamp with time zone))`, wanted: `CHECK ("at" > '2026-01-01 00:00:00+00')`},
		{live: `FOREIGN KEY (customer_id) REFERENCES crm.customer(id)`, wanted: `FOREIGN KEY ("customer_id") REFERENCES "crm"."customer" ("id")`},
		{live: `FOREIGN KEY (customer_id) REFERENCES crm.customer(id) ON DELETE CASCADE`, wanted: `FOREIGN KEY ("customer_id") REFERENCES "crm"."customer" ("id")`, differs: true},
		{live: `FOREIGN KEY (owner_id) REFERENCES crm."user"(id)`, wanted: `FOREIGN KEY ("owner_id") REFERENCES "crm"."user" ("id")`},
		{live: `CREATE INDEX i ON crm.customer USING btree (name, id)`, wanted: `CREATE INDEX "i" ON "crm"."customer" ("name", "id")`},
		{live: `CREATE INDEX i ON crm.customer USING btree (name DESC)`, wanted: `CREATE INDEX "i" ON "crm"."customer" ("name")`, differs: true},
		{live: `CREATE INDEX i ON crm.customer USING hash (name)`, wanted: `CREATE INDEX "i" ON "crm"."customer" ("name")`, differs: true},
		{live: `CREATE INDEX i ON crm.customer USING btree (name)`, wanted: `CREATE UNIQUE INDEX "i" ON "crm"."customer" ("name")`, differs: true},
		{
			live:   `CREATE UNIQUE INDEX i ON crm.customer USING btree (lower((x_code)::character varying(20))) WHERE (deleted_at IS NULL)`,
			wanted: `CREATE UNIQUE INDEX "i" ON "crm"."customer" (lower("x_code")) WHERE "deleted_at" IS NULL`,
		},
		{live: `CREATE INDEX i ON crm.customer USING gin (tags) WITH (fastupdate=off)`, wanted: `CREATE INDEX "i" ON "crm"."customer" USING gin ("tags") WITH (fastupdate=off)`},
		{live: `CREATE INDEX i ON crm.customer USING gin (tags)`, wanted: `CREATE INDEX "i" ON "crm"."customer" USING gin ("tags") WITH (fastupdate=off)`, differs: true},
		{
			live:   `CREATE TRIGGER "Keep" BEFORE INSERT OR UPDATE ON crm."user" FOR EACH ROW EXECUTE FUNCTION crm.keep()`,
			wanted: `CREATE TRIGGER "Keep" BEFORE INSERT OR UPDATE ON "crm"."user" FOR EACH ROW EXECUTE FUNCTION "crm"."keep"()`,
		},
		{
			live:   `CREATE TRIGGER keep BEFORE UPDATE ON crm."user" FOR EACH ROW EXECUTE FUNCTION crm.keep()`,
			wanted: `CREATE TRIGGER "keep" BEFORE INSERT OR UPDATE ON "crm"."user" FOR EACH ROW EXECUTE FUNCTION "crm"."keep"()`, differs: true,
		},
		{live: `CHECK ((name <> 'open`, wanted: `CHECK ("name" <> 'open')`},
	} {
		if same := sameDefinition(c.live, c.wanted); same == c.differs {
			t.Errorf("%s and %s: same %t", c.live, c.wanted, same)
		}
	}
}
