package provision

import (
	"encoding/json"
	"fmt"

	"github.com/kontor-crm/kontor/internal/plan"
)

// liveSchema reads everything that a plan compares, in one statement. Whether a
// table has rows is asked of the table itself, and only where its file is not empty.
const liveSchema = `SELECT json_build_object(
  'rights', ` + liveRights + `,
  'unfinished', EXISTS (SELECT FROM kontor.plan_history WHERE finished_at IS NULL),
  'leased', coalesce((SELECT min(revision) FROM kontor.lease WHERE expires_at > now()), 0),
  'begun', (SELECT json_agg(json_build_object('digest', digest, 'base', base, 'alters', alters)) FROM kontor.rollout),
  'backfills', (SELECT json_agg(work) FROM kontor.backfill),
  'outdated', EXISTS (SELECT FROM kontor.kept_value WHERE until < now()),
  'kept', (
    WITH RECURSIVE found AS ( -- from one column to the next, over the index: there may be many values
      (SELECT object, column_name FROM kontor.kept_value ORDER BY object, column_name LIMIT 1)
      UNION ALL
      SELECT k.object, k.column_name FROM found CROSS JOIN LATERAL (
        SELECT object, column_name FROM kontor.kept_value WHERE (object, column_name) > (found.object, found.column_name) ORDER BY object, column_name LIMIT 1) AS k)
    SELECT json_object_agg(object, columns) FROM (SELECT object, json_agg(column_name) AS columns FROM found GROUP BY object) AS all_of_them),
  'tables', coalesce((
    SELECT json_object_agg(c.relname, json_build_object(
      'rows', c.reltuples::bigint, 'bytes', pg_relation_size(c.oid),
      'hasRows', CASE WHEN pg_relation_size(c.oid) = 0 THEN false
        ELSE query_to_xml(format('SELECT FROM crm.%I LIMIT 1', c.relname), nulls => true, tableforest => true, targetns => '')::text LIKE '%<row%' END,
      'columns', (
        SELECT json_object_agg(a.attname, json_build_object(
          'type', format_type(a.atttypid, a.atttypmod), 'notNull', a.attnotnull, 'default', coalesce(pg_get_expr(d.adbin, d.adrelid), ''),
          'mark', coalesce(m.description, '')))
        FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
        LEFT JOIN pg_description m ON m.classoid = 'pg_class'::regclass AND m.objoid = a.attrelid AND m.objsubid = a.attnum
        WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),
      'constraints', (
        SELECT json_object_agg(k.conname, json_build_object('kind', k.contype, 'validated', k.convalidated, 'definition', pg_get_constraintdef(k.oid)))
        FROM pg_constraint k WHERE k.conrelid = c.oid AND k.contype NOT IN ('n', 't')),
      'triggers', (
        SELECT json_object_agg(t.tgname, json_build_object('enabled', t.tgenabled IN ('O', 'A'),
          'function', CASE p.pronamespace WHEN 'crm'::regnamespace THEN '' ELSE p.pronamespace::regnamespace || '.' END || p.proname,
          'digest', encode(sha256(convert_to(p.prosrc, 'UTF8')), 'hex'), 'definition', pg_get_triggerdef(t.oid)))
        FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid
        WHERE t.tgrelid = c.oid AND NOT t.tgisinternal),
      'indexes', (
        SELECT json_object_agg(x.relname, json_build_object('valid', i.indisvalid, 'definition', pg_get_indexdef(x.oid)))
        FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid WHERE i.indrelid = c.oid)))
    FROM pg_class c WHERE c.relnamespace = 'crm'::regnamespace AND c.relkind IN ('r', 'p')), '{}'),
  'others', coalesce((
    SELECT json_object_agg(o.relname, o.relkind) FROM pg_class o WHERE o.relnamespace = 'crm'::regnamespace AND o.relkind IN ('S', 'v', 'm', 'f')), '{}'),
  'views', coalesce((
    SELECT json_object_agg(v.relname, coalesce(obj_description(v.oid, 'pg_class'), ''))
    FROM pg_class v WHERE v.relnamespace = 'bi'::regnamespace AND v.relkind = 'v'), '{}'))`

// liveDocument is the answer of liveSchema.
type liveDocument struct {
	Rights     heldRights           `json:"rights"`
	Unfinished bool                 `json:"unfinished"`
	Leased     int64                `json:"leased"`
	Begun      []liveBegun          `json:"begun"`
	Backfills  []string             `json:"backfills"`
	Outdated   bool                 `json:"outdated"`
	Kept       map[string][]string  `json:"kept"`
	Tables     map[string]liveTable `json:"tables"`
	Others     map[string]string    `json:"others"`
	Views      map[string]string    `json:"views"`
}

type liveBegun struct {
	Digest string   `json:"digest"`
	Base   int64    `json:"base"`
	Alters []string `json:"alters"`
}

type liveTable struct {
	HasRows bool  `json:"hasRows"`
	Rows    int64 `json:"rows"`
	Bytes   int64 `json:"bytes"`
	Columns map[string]struct {
		Type    string `json:"type"`
		NotNull bool   `json:"notNull"`
		Default string `json:"default"`
		Mark    string `json:"mark"`
	} `json:"columns"`
	Constraints map[string]struct {
		Kind       string `json:"kind"`
		Validated  bool   `json:"validated"`
		Definition string `json:"definition"`
	} `json:"constraints"`
	Triggers map[string]struct {
		Enabled    bool   `json:"enabled"`
		Function   string `json:"function"`
		Digest     string `json:"digest"`
		Definition string `json:"definition"`
	} `json:"triggers"`
	Indexes map[string]struct {
		Valid      bool   `json:"valid"`
		Definition string `json:"definition"`
	} `json:"indexes"`
}

func readLive(catalogue []byte, database string, options Options) (*plan.Live, error) {
	var document liveDocument
	if err := json.Unmarshal(catalogue, &document); err != nil {
		return nil, fmt.Errorf("reading the answer: %w", err)
	}
	live := &plan.Live{
		Unfinished: document.Unfinished, Leased: document.Leased, Views: document.Views, Others: document.Others, Tables: make(map[string]*plan.Table, len(document.Tables)),
		Differences: document.Rights.differences(database, options),
		Backfills:   document.Backfills, Kept: document.Kept, Outdated: document.Outdated,
	}
	for _, begun := range document.Begun {
		live.Begun = append(live.Begun, plan.Begun(begun))
	}
	for name, t := range document.Tables {
		table := &plan.Table{
			HasRows: t.HasRows, Rows: t.Rows, Bytes: t.Bytes, Columns: make(map[string]plan.Column, len(t.Columns)),
			Constraints: make(map[string]plan.Constraint, len(t.Constraints)), Indexes: make(map[string]plan.Index, len(t.Indexes)),
			Triggers: make(map[string]plan.Trigger, len(t.Triggers)),
		}
		for column, c := range t.Columns {
			table.Columns[column] = plan.Column(c)
		}
		for constraint, k := range t.Constraints {
			table.Constraints[constraint] = plan.Constraint(k)
		}
		for index, i := range t.Indexes {
			table.Indexes[index] = plan.Index(i)
		}
		for trigger, known := range t.Triggers {
			table.Triggers[trigger] = plan.Trigger(known)
		}
		live.Tables[name] = table
	}
	return live, nil
}
