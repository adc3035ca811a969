package expr_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/shopspring/decimal"

	"github.com/kontor-crm/kontor/internal/expr"
	"github.com/kontor-crm/kontor/internal/schema"
	"github.com/kontor-crm/kontor/test/env"
)

func field(name string, kind schema.TypeName, edits ...func(*schema.Field)) *schema.Field {
	f := &schema.Field{Identity: name, Name: name, Column: name, Type: kind}
	for _, edit := range edits {
		edit(f)
	}
	return f
}

func relation(name, target, inverse string) *schema.Field {
	return field(name, schema.TypeRelation, func(f *schema.Field) { f.Column, f.Target, f.Inverse = name+"_id", target, inverse })
}

func object(name string, fields ...*schema.Field) *schema.Object {
	return &schema.Object{Identity: name, Name: name, Table: name, Source: "standard", Fields: fields}
}

// deals is a schema of customers with deals that have lines, and the object
// deal, which has a field of every kind.
func deals(tb testing.TB, edits ...func(*schema.Schema)) (*schema.Schema, *schema.Object) {
	tb.Helper()
	digits := func(precision, scale int) func(*schema.Field) {
		return func(f *schema.Field) { f.Precision, f.Scale = precision, &scale }
	}
	s := &schema.Schema{
		Format: schema.Format,
		Objects: []*schema.Object{
			object("customer",
				field("name", schema.TypeText), field("industry", schema.TypePicklist), field("revenue", schema.TypeMoney),
				field("employees", schema.TypeInteger), field("active", schema.TypeBoolean), field("founded", schema.TypeDate),
				field("seen_at", schema.TypeDateTime), field("labels", schema.TypeMultiPicklist), relation("parent", "customer", "subsidiaries")),
			object("deal",
				field("name", schema.TypeText), field("city", schema.TypeText), field("stage", schema.TypePicklist),
				field("amount", schema.TypeMoney), field("rate", schema.TypeDecimal, digits(12, 4)), field("seats", schema.TypeInteger),
				field("floor", schema.TypeInteger), field("share", schema.TypePercent), field("done", schema.TypeBoolean),
				field("hot", schema.TypeBoolean), field("close_date", schema.TypeDate), field("signed_on", schema.TypeDate),
				field("called_at", schema.TypeDateTime), field("topics", schema.TypeMultiPicklist), relation("customer", "customer", "deals"),
				field("partner", schema.TypeRelation, func(f *schema.Field) { f.Target, f.Inverse = "customer", "partner_deals" }),
				field("order", schema.TypeText, func(f *schema.Field) { f.Column = `x_"odd" $1` })),
			object("line",
				relation("deal", "deal", "lines"), field("product", schema.TypeText), field("quantity", schema.TypeInteger),
				field("price", schema.TypeDecimal, digits(12, 4)), field("free", schema.TypeBoolean), field("due_on", schema.TypeDate),
				field("sent_at", schema.TypeDateTime)),
			object("user", field("name", schema.TypeText), field("email", schema.TypeEmail)),
		},
	}
	for _, edit := range edits {
		edit(s)
	}
	built, err := schema.Build(s)
	if err != nil {
		tb.Fatal(err)
	}
	o, _ := built.Object("deal")
	return built, o
}

const (
	someCustomer  = "0190a1b2-0000-7000-8000-000000000001"
	otherCustomer = "0190a1b2-0000-7000-8000-00000000000a"
	someUser      = "0190a1b2-0000-7000-8000-0000000000b1"
	someDeal      = "0190a1b2-0000-7000-8000-0000000000d1"
)

func number(text string) decimal.Decimal { return decimal.RequireFromString(text) }

func day(text string) time.Time {
	at, err := time.Parse(time.DateOnly, text)
	if err != nil {
		panic(err)
	}
	return at
}

// values are those of one record by the path of the field. The name "deleted" says that it is.
type values map[string]any

// record is a Record by the paths of fields.
func record(v values) expr.Record {
	return func(f *schema.Field) any { return v[f.Path()] }
}

// world is the records of each object, in order; an expr.Related.
type world map[string][]values

// Record finds a live record.
func (w world) Record(o *schema.Object, id string) (expr.Record, error) {
	for _, v := range w[o.Name] {
		if v["id"] == id && v["deleted"] != true {
			return record(v), nil
		}
	}
	return nil, nil //nolint:nilnil // there is none
}

// Children are the live records that point to the id.
func (w world) Children(o *schema.Object, relation *schema.Field, id string) ([]expr.Record, error) {
	var found []expr.Record
	for _, v := range w[o.Name] {
		if v[relation.Name] == id && v["deleted"] != true {
			found = append(found, record(v))
		}
	}
	return found, nil
}

func connect(t *testing.T) *pgx.Conn {
	t.Helper()
	config, err := pgx.ParseConfig(env.Postgres(t).Database(t))
	if err != nil {
		t.Fatal(err)
	}
	config.RuntimeParams["timezone"], config.RuntimeParams["datestyle"], config.RuntimeParams["jit"] = "UTC", "ISO", "off"
	config.DefaultQueryExecMode = pgx.QueryExecModeExec // as the server runs statements
	connection, err := pgx.ConnectConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = connection.Close(context.WithoutCancel(t.Context())) })
	return connection
}

// fill makes the tables and puts the records in, in order.
func fill(t *testing.T, connection *pgx.Conn, s *schema.Schema, w world) {
	t.Helper()
	execute(t, connection, "CREATE SCHEMA crm")
	for _, o := range s.Objects {
		var columns, names, places []string
		fields := o.Leaves()
		for i, f := range fields {
			columns = append(columns, schema.QuoteIdent(f.Column)+" "+string(f.Storage()))
			names = append(names, schema.QuoteIdent(f.Column))
			places = append(places, fmt.Sprintf("$%d::text::%s", i+2, f.Storage()))
		}
		execute(t, connection, "CREATE TABLE "+o.QualifiedTable()+" (place serial, deleted_at timestamptz, "+strings.Join(columns, ", ")+")")
		insert := "INSERT INTO " + o.QualifiedTable() + " (deleted_at, " + strings.Join(names, ", ") + ") VALUES ($1::text::timestamptz, " + strings.Join(places, ", ") + ")"
		for _, v := range w[o.Name] {
			row := []any{nil}
			if v["deleted"] == true {
				row[0] = "2026-01-01"
			}
			for _, f := range fields {
				row = append(row, stored(v[f.Path()]))
			}
			execute(t, connection, insert, row...)
		}
	}
}

func execute(t *testing.T, connection *pgx.Conn, sql string, args ...any) {
	t.Helper()
	if _, err := connection.Exec(t.Context(), sql, args...); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

// stored is a value as PostgreSQL reads it.
func stored(value any) any {
	switch value := value.(type) {
	case nil:
		return nil
	case time.Time:
		return value.Format(time.RFC3339Nano)
	case []string:
		return `{"` + strings.Join(value, `","`) + `"}`
	case decimal.Decimal:
		return value.String()
	}
	return fmt.Sprint(value)
}

// ask gives the expression's text form for each deal, in order; nil is null.
func ask(t *testing.T, connection *pgx.Conn, e *expr.Expression, c expr.Context, seed uint64) []*string {
	t.Helper()
	var args expr.Args
	sql := e.SQL(&args, c, "t")
	query := "SELECT (" + sql + ")::text FROM crm.deal AS t ORDER BY t.place"
	rows, err := connection.Query(t.Context(), query, args.Values()...)
	if err != nil {
		t.Fatalf("seed %d: %s: %v\n%s", seed, e.Text(), err, query)
	}
	answers, err := pgx.CollectRows(rows, pgx.RowTo[*string])
	if err != nil {
		t.Fatalf("seed %d: %s: %v\n%s\n%v", seed, e.Text(), err, query, args.Values())
	}
	return answers
}
