package rest_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/kontor-crm/kontor/internal/compile"
	"github.com/kontor-crm/kontor/internal/crm"
	"github.com/kontor-crm/kontor/internal/schema"
)

// fieldTypes are the types of fields that a tenant may add.
var fieldTypes = strings.Fields(`text long_text rich_text integer decimal money percent boolean date datetime time duration picklist multi_picklist
	email phone url rating json currency file image address person_name geo relation auto_number formula rollup`)

const fleets = `
kind: CustomObject
metadata: {name: service-fleet}
spec:
  label: {en: Fleet, zh: 车队}
  pluralLabel: {en: Fleets, zh: 车队列表}
  titleField: plate
  fields:
    - {key: plate, type: text, length: 10, required: true, unique: true, label: {en: Plate, zh: 车牌}}
    - {key: keeper, type: relation, target: customer, inverse: fleets, label: {en: Keeper, zh: 所属客户}}
    - {key: seats, type: integer, min: "1", label: {en: Seats, zh: 座位数}}
    - {key: state, type: picklist, default: used, label: {en: State, zh: 状态}, options: [{key: new, label: {en: New, zh: 新}}, {key: used, label: {en: Used, zh: 旧}}]}
`

func TestF76ACustomObjectIsServedAsTheStandardOnesAre(t *testing.T) {
	t.Parallel()
	o := declared(t, fleets)
	u := o.signedIn(t)
	keeper := u.create("customer", map[string]any{"name": "上海出租"})
	made := u.send("POST", "/api/v1/records/service_fleet", map[string]any{"plate": "沪A12345", "keeper": keeper, "seats": 4}).is(http.StatusCreated)
	path := "/api/v1/records/service_fleet/" + made.text("id")
	u.send("POST", "/api/v1/records/service_fleet", map[string]any{"plate": "沪A12345"}).is(http.StatusConflict).names("plate", "another service_fleet")
	u.send("POST", "/api/v1/records/service_fleet", map[string]any{"seats": 0}).is(http.StatusUnprocessableEntity).names("plate", "required").names("seats", "at least 1")
	u.send("PATCH", path, map[string]any{"seats": 5}, `If-Match: "1"`).is(http.StatusOK)
	u.create("service_fleet", map[string]any{"plate": "B"})
	if got := u.listed("customer", "filter=fleets.exists(f, f.seats == 5)"); got != "上海出租" {
		t.Errorf("the keepers are %q", got)
	}
	items := u.get("/api/v1/records/service_fleet?sort=-plate&limit=1&fields=plate,keeper.name,state").items()
	if fmt.Sprint(items[0]["plate"], items[0]["state"]) != "沪A12345used" || items[0]["keeper"].(map[string]any)["name"] != "上海出租" {
		t.Errorf("the fleets are %v", items)
	}
	if got := u.search("A12345"); !slices.Equal(got, []string{"沪A12345"}) {
		t.Errorf("search finds %q", got)
	}
	var shown string
	o.sql(t, `SELECT f.plate || ' ' || f.seats || ' ' || c.name FROM bi.service_fleet f JOIN bi.customer c ON c.id = f.keeper_id`, &shown)
	if shown != "沪A12345 5 上海出租" {
		t.Errorf("the view shows %s", shown)
	}
	u.send("DELETE", path, nil).is(http.StatusNoContent)
	u.send("POST", path+"/restore", nil).is(http.StatusOK)
	// Nobody is served an object that nobody declares; declared again it has its records.
	o.apply(t, compiled(t, o.schema, "kind: CustomField\nmetadata: {name: more}\nspec: {object: customer, type: text}"))
	u.get(path).is(http.StatusNotFound)
	o.apply(t, compiled(t, o.schema, fleets))
	if got := u.get(path).is(http.StatusOK).text("plate"); got != "沪A12345" {
		t.Errorf("the plate is %q", got)
	}
}

func TestF77FieldsOfEachTypeAreAddedToARunningTenant(t *testing.T) {
	t.Parallel()
	more := map[string]string{
		"picklist": ", options: [{key: a}, {key: b}]", "multi_picklist": ", options: [{key: a}, {key: b}]", "relation": ", target: contact",
		"formula": `, formula: {expression: "name + '!'", returns: text}`, "rollup": ", rollup: {inverse: subsidiaries, function: count}",
	}
	var documents []string
	for _, kind := range fieldTypes {
		documents = append(documents, fmt.Sprintf("kind: CustomField\nmetadata: {name: my-%s}\nspec: {object: customer, type: %s%s}",
			strings.ReplaceAll(kind, "_", "-"), kind, more[kind]))
	}
	if len(documents) < 22 {
		t.Errorf("there are %d types", len(documents))
	}
	o := standardTenant(t)
	u := o.signedIn(t)
	before := u.create("customer", map[string]any{"name": "before"})
	documents = append(documents, `
kind: CustomField
metadata: {name: tier}
spec: {object: customer, type: text, length: 3, default: abc, indexed: true}`, `
kind: CustomField
metadata: {name: score}
spec: {object: customer, type: decimal, precision: 5, scale: 2, min: "-1", max: "99.5"}`, `
kind: CustomField
metadata: {name: badge}
spec: {object: customer, type: text, unique: true}`)
	o.apply(t, compiled(t, o.schema, strings.Join(documents, "\n---\n")))

	customer, _ := o.schema.Object("customer")
	contact := u.create("contact", map[string]any{"name": "c"})
	picture := "\x89PNG\r\n\x1a\n" + strings.Repeat("\x00", 40)
	file := u.send("POST", "/api/v1/files?name=p.png", strings.NewReader(picture), "Content-Type: image/png").is(http.StatusCreated).text("id")
	body := map[string]any{"name": "all"}
	for _, f := range customer.Fields {
		switch {
		case !strings.HasPrefix(f.Name, "my_") || f.SetBySystem():
		case f.Type == schema.TypeRelation:
			body[f.Name] = contact
		case f.Type == schema.TypeFile, f.Type == schema.TypeImage:
			body[f.Name] = file
		default:
			body[f.Name] = someValue(customer, f)
		}
	}
	got := u.send("POST", "/api/v1/records/customer", body).is(http.StatusCreated).object()
	for _, kind := range fieldTypes {
		if got["my_"+kind] == nil {
			t.Errorf("the field of the type %s has no value", kind)
		}
	}
	if got["tier"] != "abc" {
		t.Errorf("the default is %v", got["tier"])
	}
	u.get("/api/v1/records/customer/" + before).is(http.StatusOK)
	for path, c := range map[string]struct {
		value any
		words string
	}{"tier": {"长长长长", "longer than 3"}, "score": {"1.234", "2 digits"}} {
		u.send("PATCH", "/api/v1/records/customer/"+before, map[string]any{path: c.value}).is(http.StatusUnprocessableEntity).names(path, c.words)
	}
	for _, score := range []any{"99.51", -2} {
		u.send("PATCH", "/api/v1/records/customer/"+before, map[string]any{"score": score}).is(http.StatusUnprocessableEntity).names("score", "must be at")
	}
	u.send("PATCH", "/api/v1/records/customer/"+before, map[string]any{"score": "99.5", "badge": "x"}).is(http.StatusOK)
	u.send("POST", "/api/v1/records/customer", map[string]any{"name": "twice", "badge": "x"}).is(http.StatusConflict).names("badge", "another customer")
	o.refuses(t, `UPDATE crm.customer SET x_tier = repeat('长', 4)`, "23514")
	o.refuses(t, `UPDATE crm.customer SET x_badge = 'x'`, "23505")
	o.refuses(t, `UPDATE crm.customer SET x_score = 99.51`, "23514")
	var kind string
	o.sql(t, `SELECT format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = 'crm.customer'::regclass AND attname = 'x_score'`, &kind)
	if kind != "numeric(5,2)" {
		t.Errorf("the score is %s", kind)
	}
	var indexes int
	o.sql(t, `SELECT count(*) FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0] WHERE a.attrelid = 'crm.customer'::regclass AND a.attname = 'x_tier'`, &indexes)
	if indexes != 1 {
		t.Errorf("the tier has %d indexes", indexes)
	}
}

func TestF80EachRollupIsRightAfterABulkImport(t *testing.T) {
	t.Parallel()
	rollups := "kind: CustomField\nmetadata: {name: won-count}\nspec: {object: customer, type: rollup, rollup: {inverse: opportunities, function: count, filter: 'hot == true'}}"
	for _, function := range []string{"sum", "min", "max", "avg"} {
		rollups += fmt.Sprintf("\n---\nkind: CustomField\nmetadata: {name: won-%s}\nspec: {object: customer, type: rollup, scale: 2, rollup: {inverse: opportunities, function: %s, field: amount, filter: 'hot == true'}}", function, function)
	}
	o := declared(t, "kind: CustomField\nmetadata: {name: hot}\nspec: {object: opportunity, type: boolean}\n---\n"+rollups)
	u := o.signedIn(t)
	u.create("customer", map[string]any{"name": "Busy"})
	u.create("customer", map[string]any{"name": "Idle"})
	is := func(name, want string) {
		t.Helper()
		got := u.get("/api/v1/records/customer?filter=" + url.QueryEscape(fmt.Sprintf("name == %q", name))).items()[0]
		if shown := fmt.Sprint(got["won_count"], " ", got["won_sum"], " ", got["won_min"], " ", got["won_max"], " ", got["won_avg"], " v", got["version"]); shown != want {
			t.Errorf("%s is %s, not %s", name, shown, want)
		}
	}
	is("Busy", "0 0.00 <nil> <nil> <nil> v1")
	mapping := mappingOf("opportunity", "", fields{
		{"field": "name", "column": "name"}, {"field": "customer", "column": "of", "lookup": "name"}, {"field": "amount", "column": "amount"}, {"field": "hot", "column": "hot"},
	})
	var file strings.Builder
	file.WriteString("name,of,amount,hot\n")
	for n := 1; n <= 1500; n++ {
		fmt.Fprintf(&file, "o%d,%s,%d,%t\n", n, []string{"Busy", "Idle"}[n%2], n, n%3 == 0)
	}
	done := u.imports("opportunity", mapping, file.String())
	done.is(t, crm.Report{Created: 1500})
	is("Busy", "250 188250.00 6.00 1500.00 753.00 v1") // 6, 12, … 1500
	is("Idle", "250 187500.00 3.00 1497.00 750.00 v1")
	undo := u.follows(u.send("POST", "/api/v1/jobs/"+done.id+"/undo", nil).is(http.StatusAccepted).text("id"))
	if undo.state != "done" {
		t.Errorf("the undoing: %s", undo.problem)
	}
	is("Busy", "0 0.00 <nil> <nil> <nil> v1")
}

func TestF79ACircleOfFormulasIsRefusedAndTheRestIsServed(t *testing.T) {
	t.Parallel()
	const good = "kind: CustomField\nmetadata: {name: shout}\nspec: {object: customer, type: formula, formula: {expression: 'name.upperAscii()', returns: text}}"
	result := compile.Compile(resources(t, nil, good+"\n---\n"+
		"kind: CustomField\nmetadata: {name: hen}\nspec: {object: customer, type: formula, formula: {expression: 'egg + 1', returns: integer}}\n---\n"+
		"kind: CustomField\nmetadata: {name: egg}\nspec: {object: customer, type: formula, formula: {expression: 'hen - 1', returns: integer}}"))
	for _, name := range []string{"hen", "egg"} {
		problems := result.Verdicts[compile.Ref{Kind: compile.KindField, Name: name}].Problems
		if len(problems) != 1 || problems[0].Path != "spec.formula.expression" || !strings.Contains(problems[0].Message, "circle") {
			t.Errorf("%s: %+v", name, problems)
		}
	}
	u := newOrganisationOf(t, compile.Standard([]string{"sales"}), result.Schema).signedIn(t)
	id := u.create("customer", map[string]any{"name": "a上"})
	if got := u.get("/api/v1/records/customer/" + id).text("shout"); got != "A上" {
		t.Errorf("the formula gives %q", got)
	}
	u.get("/api/v1/records/customer?fields=hen").is(http.StatusBadRequest).names("fields", "hen")
}

func TestF82PicklistsShareTheirOptionsAndARenamedOneKeepsItsRecords(t *testing.T) {
	t.Parallel()
	const shared = `
kind: CustomField
metadata: {name: trade}
spec: {object: customer, type: picklist, options: [{key: bank, label: {en: Bank, zh: 银行}}%s]}
---
kind: CustomField
metadata: {name: trade-of-contact}
spec: {object: contact, name: trade, type: picklist, optionsFrom: {object: customer, field: trade}}
`
	o := declared(t, fmt.Sprintf(shared, ""))
	u := o.signedIn(t)
	id := u.create("contact", map[string]any{"name": "A", "trade": "bank"})
	u.send("POST", "/api/v1/records/contact", map[string]any{"name": "B", "trade": "shop"}).is(http.StatusUnprocessableEntity).names("trade", "bank")
	renamed := strings.Replace(fmt.Sprintf(shared, ", {key: shop}"), "Bank, zh: 银行", "Finance, zh: 金融", 1)
	o.apply(t, compiled(t, o.schema, renamed))
	u.create("contact", map[string]any{"name": "B", "trade": "shop"})
	if got := u.get("/api/v1/records/contact/" + id).text("trade"); got != "bank" {
		t.Errorf("the contact's trade is %q", got)
	}
	if got := u.send("GET", "/api/v1/schema", nil, "Accept-Language: zh"); !strings.Contains(string(got.body), `"key":"bank","label":"金融"`) {
		t.Error("the schema does not tell the new label")
	}
}

func TestF85LabelsOfCustomThingsAreThereInEachLanguage(t *testing.T) {
	t.Parallel()
	u := declared(t, fleets).signedIn(t)
	for language, want := range map[string]string{
		"en": "Fleet Fleets Plate New Used", "zh": "车队 车队列表 车牌 新 旧", "zh-TW": "车队 车队列表 车牌 新 旧", "de": "Fleet Fleets Plate New Used",
	} {
		var got []string
		objects, _ := u.send("GET", "/api/v1/schema", nil, "Accept-Language: "+language).is(http.StatusOK).object()["objects"].([]any)
		for _, object := range objects {
			if at(object, "/name") != "service_fleet" {
				continue
			}
			got = append(got, fmt.Sprint(at(object, "/label")), fmt.Sprint(at(object, "/pluralLabel")))
			for _, f := range at(object, "/fields").([]any) {
				if at(f, "/name") == "plate" {
					got = append(got, fmt.Sprint(at(f, "/label")))
				}
				options, _ := at(f, "/options").([]any)
				for _, option := range options {
					got = append(got, fmt.Sprint(at(option, "/label")))
				}
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("in %s the labels are %q", language, got)
		}
	}
}

func TestF108ExportsInTheBackgroundAreListedAndCancelled(t *testing.T) {
	t.Parallel()
	o := newOrganisation(t)
	u := o.signedIn(t)
	o.sql(t, `INSERT INTO crm.opportunity (id, name, stage, description)
		SELECT gen_random_uuid(), 'Long', 'prospecting', repeat('x', 3000) FROM generate_series(1, 30000)`)
	// The worker waits for what is locked, and so is amid the export when that is cancelled.
	tx := o.slowly(t, `LOCK TABLE crm.opportunity IN ACCESS EXCLUSIVE MODE`)
	id := u.send("POST", "/api/v1/records/opportunity/export", map[string]any{"fields": []string{"name", "description"}}).is(http.StatusAccepted).text("id")
	o.somebodyWaits(t)
	listed := u.get("/api/v1/jobs").items()
	if len(listed) != 1 || listed[0]["id"] != id || listed[0]["kind"] != "export" || listed[0]["state"] != "running" {
		t.Errorf("the jobs are %v", listed)
	}
	u.get("/api/v1/jobs/" + id + "/result").is(http.StatusConflict)
	u.send("POST", "/api/v1/jobs/"+id+"/cancel", nil).is(http.StatusOK)
	must(t, tx.Commit(t.Context()))
	if job := u.follows(id); job.state != "cancelled" {
		t.Errorf("the job is %s: %s", job.state, job.problem)
	}
	u.get("/api/v1/jobs/" + id + "/result").is(http.StatusNotFound)
	// Nothing bounds one that is let go on.
	whole := u.follows(u.send("POST", "/api/v1/records/opportunity/export", map[string]any{"fields": []string{"name"}}).is(http.StatusAccepted).text("id"))
	result := u.get(u.get("/api/v1/jobs/" + whole.id).text("result")).is(http.StatusOK)
	if lines := strings.Count(string(result.body), "\n"); lines != 30001 {
		t.Errorf("the file has %d lines", lines)
	}
}

func TestF120ListsRecordsAndSearchReadByIndexesAndCountNothingUnasked(t *testing.T) {
	t.Parallel()
	o := standardTenant(t)
	u := o.signedIn(t)
	const records = 50_000
	o.sql(t, fmt.Sprintf(`INSERT INTO crm.customer (id, name) SELECT gen_random_uuid(), 'Other ' || n FROM generate_series(1, %d) AS n`, records-1000))
	var operations []op
	for n := range 1000 {
		operations = append(operations, op{"op": "create", "fields": op{"name": fmt.Sprintf("Customer %04d 上海", n)}})
	}
	id := u.batch("customer", operations...).Items[500].ID
	o.sql(t, `VACUUM ANALYZE`)
	before := o.readings(t)
	list := func(parameters string) {
		t.Helper()
		r := u.get("/api/v1/records/customer?" + parameters)
		if len(r.items()) == 0 || r.object()["count"] != nil {
			t.Errorf("%s: %.200s", parameters, r.body)
		}
	}
	list("")
	list("sort=-name&limit=100")
	list("filter=" + url.QueryEscape(`name == "Customer 0234 上海"`))
	list("sort=name&limit=100&after=" + u.get("/api/v1/records/customer?sort=name&limit=100").text("next"))
	u.get("/api/v1/records/customer/" + id).is(http.StatusOK)
	u.finds("Customer 0234", "Customer 0234 上海")
	u.get("/api/v1/records/customer?limit=1&count=estimate").is(http.StatusOK)
	after := o.readings(t)
	if after.tables != before.tables || after.entries == before.entries || after.entries-before.entries > 2000 {
		t.Errorf("%d tables were read as a whole, and %d entries of indexes", after.tables-before.tables, after.entries-before.entries)
	}
	if n := u.get("/api/v1/records/customer?limit=1&count=exact").object()["count"]; n != json.Number(fmt.Sprint(records)) {
		t.Errorf("the exact count is %v", n)
	}
}

// readings are what PostgreSQL has read of customers and of what search finds them by.
type readings struct{ tables, entries int }

// readings waits until the idle tenant is closed: connections tell of what they read when they end.
func (o *organisation) readings(t *testing.T) readings {
	t.Helper()
	eventually(t, func() bool {
		var left int
		o.sql(t, `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'`, &left)
		return left == 0
	})
	var r readings
	o.sql(t, `SELECT sum(seq_scan) FROM pg_stat_user_tables WHERE schemaname = 'crm' AND relname LIKE 'customer%'`, &r.tables)
	o.sql(t, `SELECT sum(idx_tup_read) FROM pg_stat_user_indexes WHERE schemaname = 'crm' AND relname LIKE 'customer%'`, &r.entries)
	return r
}
