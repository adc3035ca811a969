package query

import (
	"slices"
	"strconv"
	"strings"

	"github.com/kontor-crm/kontor/internal/expr"
	"github.com/kontor-crm/kontor/internal/schema"
	"github.com/kontor-crm/kontor/internal/search"
)

// The bounds of a search.
const (
	DefaultSearchLimit = 20
	MaxSearchLimit     = 100
	// minCandidates is the least number of records that are looked at more closely.
	minCandidates = 40
	// newestBlocks is the number of blocks of the newest records, which are searched first.
	newestBlocks = 2
	// maxUnordered is how many of the older records that the index finds are put in order.
	maxUnordered = 4000
	// maxSearchedText is how much of a text is read, in characters: the tokens reach no further.
	maxSearchedText = 4000
	// searchTimeout bounds each statement of a search, in milliseconds.
	searchTimeout = 5000
)

// SearchRequest asks for records by what stands in them.
type SearchRequest struct {
	// Text is what somebody typed.
	Text string
	// Objects are the names of the objects to search; none are all that may be read.
	Objects []string
	// Limit is the number of records: 0 is DefaultSearchLimit, MaxSearchLimit the most.
	Limit int
}

// Search is a compiled SearchRequest. Its statements run in one transaction: Settings,
// Filled and Inhabited in this order, then those of Candidates.
type Search struct {
	// Query is what is looked for; what the statements give has to be held against it.
	Query *search.Query
	Limit int
	// Settings come first: the plans of the statements must not depend on what is looked for.
	Settings Statement
	// Filled gives a row for each of the objects whose records are all in the index.
	Filled Statement
	// Searched is how many rows Filled gives when that is so for all.
	Searched int
	// Inhabited gives the identity of each of the objects that have records, or had some.
	// Most objects of most tenants never had one, and need not be searched.
	Inhabited Statement

	access  Access
	objects []*schema.Object
}

// Candidates are records of one object that may be what is looked for, found in one way.
// A row is the id, the number, the title (null when it may not be seen), then the values
// of the fields.
type Candidates struct {
	Statement Statement
	Object    *schema.Object
	Fields    []*schema.Field
	// Most is the number of rows from which on there may be more that the statement leaves
	// out; 0: there are none.
	Most int

	way search.Way
}

// Search compiles a search. It fails with fault.Malformed at q, objects or limit, and
// with fault.Forbidden for an object that is named and may not be read.
func (c *Compiler) Search(a Access, r SearchRequest) (*Search, error) {
	q, err := search.Parse(r.Text)
	if err != nil {
		return nil, malformed("q", "%s", err)
	}
	s := &Search{Query: q, Limit: r.Limit, Settings: searchSettings(), access: a}
	switch {
	case r.Limit == 0:
		s.Limit = DefaultSearchLimit
	case r.Limit < 0 || r.Limit > MaxSearchLimit:
		return nil, malformed("limit", "must be from 1 to %d", MaxSearchLimit)
	}
	s.objects, err = c.searchedObjects(a, r.Objects)
	if err != nil {
		return nil, err
	}
	var names, digests []string
	for _, o := range s.objects {
		if o.IsSearched() {
			names, digests = append(names, o.Identity), append(digests, strconv.Itoa(int(search.Digest(o))))
		}
	}
	s.Searched, s.Filled, s.Inhabited = len(names), filled(names, digests), inhabited(s.objects)
	return s, nil
}

// Candidates are the statements that find records of the objects with those identities,
// some records more than once.
func (s *Search) Candidates(inhabited []string) []Candidates {
	var found []Candidates
	for _, o := range s.objects {
		if slices.Contains(inhabited, o.Identity) {
			found = append(found, candidates(s.access, o, s.Query, max(2*s.Limit, minCandidates))...)
		}
	}
	return found
}

// Deeper finds more of the candidates, as many as are ever looked at: for when too few
// of the first are what is looked for, such as 811 and 111 that stand in many phone
// numbers, and 8111111 in few.
func (s *Search) Deeper(c Candidates) Candidates {
	return candidatesOf(s.access, c.Object, c.Fields, c.way, maxUnordered)
}

func (c *Compiler) searchedObjects(a Access, names []string) ([]*schema.Object, error) {
	var objects []*schema.Object
	if len(names) == 0 {
		for _, o := range c.schema.Objects {
			if a.mayRead(o) {
				objects = append(objects, o)
			}
		}
		return objects, nil
	}
	for _, name := range names {
		o, ok := c.schema.Object(name)
		if !ok {
			return nil, malformed("objects", "there is no object %.60q", name)
		}
		a.former.Object(o, name)
		if err := a.reading(o); err != nil {
			return nil, err
		}
		if !slices.Contains(objects, o) {
			objects = append(objects, o)
		}
	}
	return objects, nil
}

// searchSettings hold for the transaction. Every statement can be answered by an index,
// and has to be: whether a word is frequent is not known when the statement is planned.
func searchSettings() Statement {
	var settings []string
	for _, setting := range []struct{ name, value string }{
		{"enable_seqscan", "off"},
		{"max_parallel_workers_per_gather", "0"},
		{"jit", "off"},
		{"plan_cache_mode", "force_generic_plan"},
		{"statement_timeout", strconv.Itoa(searchTimeout)},
	} {
		settings = append(settings, "set_config("+schema.QuoteLiteral(setting.name)+", "+schema.QuoteLiteral(setting.value)+", true)")
	}
	return Statement{SQL: "SELECT " + strings.Join(settings, ", ")}
}

// filled are the objects whose records are all in the index by their digests.
func filled(names, digests []string) Statement {
	var args expr.Args
	return Statement{
		SQL: "SELECT s.object FROM " + searchState() + " AS s JOIN unnest(" + args.Add(names) + "::text[], " + args.Add(digests) +
			"::text[]) AS u (object, digest) ON u.object = s.object AND u.digest::integer = s.digest WHERE s.done_at IS NOT NULL AND NOT EXISTS (SELECT FROM " +
			searchState() + " AS n WHERE n.object = " + newOf("s.object") + ")",
		Args: args.Values(),
	}
}

// newOf is the key of the row that says which new records of an object are not in the
// index yet. No identity holds a slash.
func newOf(identity string) string { return identity + " || '/new'" }

func searchState() string {
	return schema.QuoteIdent(schema.PlatformSchema) + "." + schema.QuoteIdent(schema.SearchStateTable)
}

// inhabited are the objects that have records, or had some: whose tables have pages.
// That is asked of the files, which takes a quarter of looking into the tables.
func inhabited(objects []*schema.Object) Statement {
	identities, tables := make([]string, 0, len(objects)), make([]string, 0, len(objects))
	for _, o := range objects {
		identities, tables = append(identities, o.Identity), append(tables, o.QualifiedTable())
	}
	var args expr.Args
	return Statement{
		SQL: "SELECT o.object FROM unnest(" + args.Add(identities) + "::text[], " + args.Add(tables) +
			"::text[]) AS o (object, name) WHERE pg_relation_size(o.name::regclass) > 0",
		Args: args.Values(),
	}
}

// candidates are the statements for one object, one for each way to find its records.
func candidates(a Access, o *schema.Object, q *search.Query, most int) []Candidates {
	fields := slices.DeleteFunc(o.SearchFields(), func(f *schema.Field) bool { return !a.maySee(o, f) })
	var ways []search.Way
	if len(fields) > 0 {
		ways = q.Ways()
	}
	var found []Candidates
	number, _ := o.Field(schema.FieldNumber)
	if q.Number() > 0 && a.maySee(o, number) {
		var args expr.Args
		byNumber := "SELECT " + record + "." + schema.QuoteIdent(schema.FieldID) + " FROM " + o.QualifiedTable() + " AS " + record +
			" WHERE " + column(record, number) + " = " + args.Add(q.Number()) + "::bigint"
		found = append(found, Candidates{Object: o, Fields: fields, Statement: candidateRows(a, o, fields, "", byNumber, &args)})
	}
	for _, way := range ways {
		found = append(found, candidatesOf(a, o, fields, way, most))
	}
	return found
}

func candidatesOf(a Access, o *schema.Object, fields []*schema.Field, way search.Way, most int) Candidates {
	var args expr.Args
	with, ids := candidateIDs(o, way, most, &args)
	return Candidates{Object: o, Fields: fields, Most: most, way: way, Statement: candidateRows(a, o, fields, with, ids, &args)}
}

// candidateRows are the values of the live records with those ids.
func candidateRows(a Access, o *schema.Object, fields []*schema.Field, with, ids string, args *expr.Args) Statement {
	id, _ := o.Field(schema.FieldID)
	number, _ := o.Field(schema.FieldNumber)
	columns := []string{column(record, id), column(record, number), "NULL::text"}
	if title := o.TitleField(); a.maySee(o, title) && len(title.Parts()) == 0 {
		columns[2] = column(record, title) + "::text"
	}
	for _, f := range fields {
		columns = append(columns, "left("+column(record, f)+", "+strconv.Itoa(maxSearchedText)+")")
	}
	return Statement{
		SQL: with + "SELECT " + strings.Join(columns, ", ") + " FROM (" + ids + ") AS c JOIN " + o.QualifiedTable() + " AS " + record +
			" ON " + column(record, id) + " = c." + schema.QuoteIdent(schema.FieldID) + " WHERE " + live(record),
		Args: args.Values(),
	}
}

// candidateIDs finds a bounded number of records that have all the tokens. However many
// have them, no step reads more than what some thousand records take:
//
//	newest   any values, among the newest records
//	every    and, where those are few, among all
//
// When every holds all there are, the best of it are enough. The words are frequent
// when it does not, and the titles are asked for on their own:
//
//	whole    titles of the same length that begin so: what is looked for itself
//	begins   titles that begin so, among the newest records
//	earlier  and, where those are few, among all
//
// So rare words ask the index twice, of which the first is quick, and frequent ones
// never for all that have them.
func candidateIDs(o *schema.Object, way search.Way, most int, args *expr.Args) (with, ids string) {
	s := candidateSteps{table: o.QualifiedSearchTable(), limit: " LIMIT " + strconv.Itoa(most)}
	number, _ := o.Field(schema.FieldNumber)
	blocks := make([]string, 0, newestBlocks)
	for n := range newestBlocks {
		blocks = append(blocks, schema.QuoteLiteral(search.SignBlock)+" || (max("+column(record, number)+") >> "+strconv.Itoa(search.BlockBits)+") - "+strconv.Itoa(n))
	}
	s.step("top", "SELECT ARRAY["+strings.Join(blocks, ", ")+"] AS blocks FROM "+o.QualifiedTable()+" AS "+record)

	tokens := s.having(way, args)
	s.step("newest", s.newest(tokens))
	few := "(SELECT count(*) FROM newest) < " + strconv.Itoa(most)
	s.step("every", "SELECT t.id, t.number, "+titleFits(way, args)+" FROM "+s.table+" AS t WHERE "+tokens+" AND "+few+" LIMIT "+strconv.Itoa(maxUnordered))
	ids = "SELECT id FROM newest UNION " + s.best("every", "number DESC")
	if way.Title == "" {
		return s.with(), ids
	}
	frequent := "((SELECT count(*) FROM newest) >= " + strconv.Itoa(most) + " OR (SELECT count(*) FROM every) >= " + strconv.Itoa(maxUnordered) + ")"
	begins, whole := way, way
	begins.Marks = append(slices.Clip(way.Marks), way.Title)
	whole.Marks = append(slices.Clip(begins.Marks), way.Length)
	s.step("whole", "SELECT t.id, t.number FROM "+s.table+" AS t WHERE "+s.having(whole, args)+" AND "+frequent+s.limit)
	inTitle := s.having(begins, args)
	s.step("begins", s.newest(inTitle+" AND "+frequent))
	s.step("earlier", "SELECT id FROM (SELECT t.id, t.number FROM "+s.table+" AS t WHERE "+inTitle+" AND "+frequent+
		" AND (SELECT count(*) FROM (SELECT id FROM whole UNION SELECT id FROM begins) AS f) < "+strconv.Itoa(most)+
		" LIMIT "+strconv.Itoa(maxUnordered)+") AS a ORDER BY number DESC"+s.limit)
	return s.with(), ids + " UNION " + s.best("every", "is_whole DESC NULLS LAST, number DESC") + " UNION " + s.best("every", "is_begun DESC NULLS LAST, number DESC") +
		" UNION SELECT id FROM whole UNION SELECT id FROM begins UNION SELECT id FROM earlier"
}

// candidateSteps are the parts of the statement that finds candidates.
type candidateSteps struct {
	table, limit string
	steps        []string
}

func (s *candidateSteps) step(name, query string) {
	s.steps = append(s.steps, name+" AS MATERIALIZED ("+query+")")
}

func (s *candidateSteps) with() string { return "WITH " + strings.Join(s.steps, ", ") + " " }

// having is the condition that a record t has all the tokens. The index compares the
// lists of the marks first, and looks the others up for what those have in common.
func (s *candidateSteps) having(way search.Way, args *expr.Args) string {
	condition := "t.tokens @> " + args.Add(way.Marks) + "::text[]"
	if rest := way.Rest(); len(rest) > 0 {
		condition += " AND t.tokens @> " + args.Add(rest) + "::text[]"
	}
	return condition
}

// newest are those of the newest records for which the condition holds. The blocks stand
// first, so that the index begins with the place where their records are.
func (s *candidateSteps) newest(condition string) string {
	return "SELECT t.id, t.number FROM " + s.table + " AS t WHERE t.tokens && (SELECT blocks FROM top) AND " + condition + " ORDER BY t.number DESC" + s.limit
}

func (s *candidateSteps) best(step, order string) string {
	return "(SELECT id FROM " + step + " ORDER BY " + order + s.limit + ")"
}

// titleFits says of a record t whether its title begins as what is looked for, and
// whether it has the same length too: those two tokens are the first of a record.
func titleFits(way search.Way, args *expr.Args) string {
	if way.Title == "" {
		return "false AS is_begun, false AS is_whole"
	}
	begun := "t.tokens[1] = " + args.Add(way.Title) + "::text"
	return begun + " AS is_begun, " + begun + " AND t.tokens[2] = " + args.Add(way.Length) + "::text AS is_whole"
}

// Findable is what one record is found by.
type Findable struct {
	ID string
	// Version is the one of the record that has these tokens.
	Version int64
	Tokens  []string
}

// PutTokens makes records findable, unless they have another version meanwhile. No two are the same record.
func (c *Compiler) PutTokens(o *schema.Object, records []Findable) Statement {
	var ids, versions, tokens []string
	for _, r := range records {
		ids, versions = append(ids, r.ID), append(versions, strconv.FormatInt(r.Version, 10))
		tokens = append(tokens, strings.Join(r.Tokens, " "))
	}
	number, _ := o.Field(schema.FieldNumber)
	version, _ := o.Field(schema.FieldVersion)
	id, _ := o.Field(schema.FieldID)
	var args expr.Args
	return Statement{
		SQL: "INSERT INTO " + o.QualifiedSearchTable() + " AS t (id, number, version, digest, tokens) SELECT " + column(record, id) + ", " +
			column(record, number) + ", " + column(record, version) + ", " + args.Add(int64(search.Digest(o))) + "::integer, string_to_array(u.tokens, ' ') || (" +
			schema.QuoteLiteral(search.SignBlock) + " || (" + column(record, number) + " >> " + strconv.Itoa(search.BlockBits) + ")) FROM unnest(" +
			args.Add(ids) + "::text[], " + args.Add(versions) + "::text[], " + args.Add(tokens) + "::text[]) AS u (id, version, tokens) JOIN " +
			o.QualifiedTable() + " AS " + record + " ON " + column(record, id) + " = u.id::uuid AND " + column(record, version) +
			" = u.version::integer WHERE " + live(record) +
			" ON CONFLICT (id) DO UPDATE SET number = excluded.number, version = excluded.version, digest = excluded.digest, tokens = excluded.tokens" +
			// Who wrote a newer version meanwhile knew better; and what is the same need not be written.
			" WHERE t.version <= excluded.version AND (t.digest, t.tokens) IS DISTINCT FROM (excluded.digest, excluded.tokens)",
		Args: args.Values(),
	}
}

// DropTokens makes records unfindable.
func (c *Compiler) DropTokens(o *schema.Object, ids []string) Statement {
	var args expr.Args
	return Statement{
		SQL: "DELETE FROM " + o.QualifiedSearchTable() + " AS t WHERE t.id = ANY(" + args.Add(ids) + "::text[]::uuid[])", Args: args.Values(),
	}
}

// SearchStates are how far the index of each object is filled: a row is the object's
// identity, the digest, the id of the last record that was read (null when none was,
// or all were), whether all were read once, whether that is a while ago, and whether new
// records wait, see NewBehind. There is no row at all while this schema is not the newest, or some server works with an older
// one: it still fills the index as that says.
func (c *Compiler) SearchStates(again string) Statement {
	var args expr.Args
	return Statement{
		SQL: "SELECT o.object, s.digest, s.reached, s.done_at IS NOT NULL, coalesce(s.done_at < now() - " + args.Add(again) + "::interval, false)," +
			" EXISTS (SELECT FROM " + searchState() + " AS n WHERE n.object = " + newOf("o.object") + ") FROM unnest(" + args.Add(c.searched()) + "::text[]) WITH ORDINALITY AS o (object, place) LEFT JOIN " + searchState() +
			" AS s ON s.object = o.object WHERE NOT EXISTS (SELECT FROM " + schema.QuoteIdent(schema.PlatformSchema) + "." +
			schema.QuoteIdent("lease") + " WHERE revision < " + args.Add(c.schema.Revision) + "::bigint AND expires_at > now()) AND NOT EXISTS (SELECT FROM " +
			schema.QuoteIdent(schema.PlatformSchema) + "." + schema.QuoteIdent("applied_schema") + " WHERE revision > " + args.Add(c.schema.Revision) +
			"::bigint) ORDER BY o.place",
		Args: args.Values(),
	}
}

func (c *Compiler) searched() []string {
	names := []string{}
	for _, o := range c.schema.Objects {
		if o.IsSearched() {
			names = append(names, o.Identity)
		}
	}
	return names
}

// SearchReached says which record of the object was read last; an empty one says that all were.
func (c *Compiler) SearchReached(o *schema.Object, reached string) Statement {
	var args expr.Args
	done := "NULL"
	if reached == "" {
		done = "now()"
	}
	return Statement{
		SQL: "INSERT INTO " + searchState() + " AS s (object, digest, reached, done_at) VALUES (" + args.Add(o.Identity) + "::text, " +
			args.Add(int64(search.Digest(o))) + "::integer, " + args.Add(orNull(reached)) + "::uuid, " + done + ") ON CONFLICT (object) DO UPDATE SET" +
			" digest = excluded.digest, reached = excluded.reached, done_at = coalesce(excluded.done_at, CASE WHEN s.digest = excluded.digest THEN s.done_at END)",
		Args: args.Values(),
	}
}

// NewBehind says that the records of the object behind the one with that id are new, and
// are made findable a little later. Who says so and who does so wait for each other.
func (c *Compiler) NewBehind(o *schema.Object, id string) Statement {
	var args expr.Args
	return Statement{
		SQL: "INSERT INTO " + searchState() + " AS s (object, digest, reached) VALUES (" + newOf(args.Add(o.Identity)+"::text") + ", 0, " + args.Add(id) +
			"::uuid) ON CONFLICT (object) DO UPDATE SET reached = least(s.reached, excluded.reached)",
		Args: args.Values(),
	}
}

// LockNew is the id behind which the records of the object are new; no row when none are.
func (c *Compiler) LockNew(o *schema.Object) Statement {
	var args expr.Args
	return Statement{
		SQL:  "SELECT reached FROM " + searchState() + " WHERE object = " + newOf(args.Add(o.Identity)+"::text") + " FOR UPDATE",
		Args: args.Values(),
	}
}

// NewReached says which of the new records was made findable last; an empty one says that all were.
func (c *Compiler) NewReached(o *schema.Object, reached string) Statement {
	var args expr.Args
	sql := "DELETE FROM " + searchState()
	if reached != "" {
		sql = "UPDATE " + searchState() + " SET reached = " + args.Add(reached) + "::uuid"
	}
	return Statement{SQL: sql + " WHERE object = " + newOf(args.Add(o.Identity)+"::text"), Args: args.Values()}
}

// SearchSource are the live records that follow the one with that id, or the first ones
// when it is empty. A row is the id, the version, then the values of the searchable fields.
func (c *Compiler) SearchSource(a Access, o *schema.Object, after string, most int) (Statement, error) {
	if err := a.reading(o); err != nil {
		return Statement{}, err
	}
	id, _ := o.Field(schema.FieldID)
	version, _ := o.Field(schema.FieldVersion)
	columns := []string{column(record, id), column(record, version)}
	for _, f := range o.SearchFields() {
		columns = append(columns, column(record, f))
	}
	var args expr.Args
	where := live(record)
	if after != "" {
		where += " AND " + column(record, id) + " > " + args.Add(after) + "::uuid"
	}
	return Statement{
		SQL: "SELECT " + strings.Join(columns, ", ") + " FROM " + o.QualifiedTable() + " AS " + record + " WHERE " + where +
			" ORDER BY " + column(record, id) + " LIMIT " + strconv.Itoa(most),
		Args: args.Values(),
	}, nil
}
