package schema_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/shopspring/decimal"

	"github.com/kontor-crm/kontor/internal/schema"
)

func number(text string) decimal.Decimal {
	d, err := schema.ParseDecimal(text)
	if err != nil {
		panic(err)
	}
	return d
}

func TestAFieldReadsWhatItsTypeAllowsAndRefusesTheRest(t *testing.T) {
	t.Parallel()
	options := []schema.Option{{Key: "gold"}, {Key: "silver"}}
	day := time.Date(2026, 2, 28, 0, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		field   schema.Field
		json    string
		want    any
		refused string
	}{
		"a text":                                {schema.Field{Type: schema.TypeText, Length: 3}, `"阶段好"`, "阶段好", ""},
		"a text that is too long":               {schema.Field{Type: schema.TypeText, Length: 3}, `"阶段好了"`, nil, "longer than 3 characters"},
		"an empty text is no value":             {schema.Field{Type: schema.TypeText}, `""`, nil, ""},
		"a text with a control character":       {schema.Field{Type: schema.TypeText}, `"a\u0000b"`, nil, "control characters"},
		"a text with a line break":              {schema.Field{Type: schema.TypeText}, `"a\nb"`, nil, "control characters"},
		"a long text with a line break":         {schema.Field{Type: schema.TypeLongText}, `"a\nb"`, "a\nb", ""},
		"a number where a text is wanted":       {schema.Field{Type: schema.TypeText}, `7`, nil, "must be a text"},
		"an integer":                            {schema.Field{Type: schema.TypeInteger}, `42`, int64(42), ""},
		"an integer in a string":                {schema.Field{Type: schema.TypeInteger}, `"42"`, int64(42), ""},
		"an integer with a fraction":            {schema.Field{Type: schema.TypeInteger}, `4.2`, nil, "whole number"},
		"an integer that JSON readers break":    {schema.Field{Type: schema.TypeInteger}, `9007199254740993`, nil, "must be at most"},
		"an integer below its least":            {schema.Field{Type: schema.TypeInteger, Min: "1"}, `0`, nil, "must be at least 1"},
		"a decimal":                             {schema.Field{Type: schema.TypeDecimal}, `0.1`, number("0.1"), ""},
		"a decimal with too many digits behind": {schema.Field{Type: schema.TypeDecimal, Scale: new(1)}, `0.12`, nil, "at most 1 digits"},
		"a number with an exponent":             {schema.Field{Type: schema.TypeDecimal}, `1e999999999`, nil, "decimal notation"},
		"not a number":                          {schema.Field{Type: schema.TypeDecimal}, `"NaN"`, nil, "decimal notation"},
		"a whole amount":                        {schema.Field{Type: schema.TypeMoney, Scale: new(0), Min: "1"}, `"1054"`, number("1054"), ""},
		"an amount of nothing":                  {schema.Field{Type: schema.TypeMoney, Scale: new(0), Min: "1"}, `0`, nil, "must be at least 1"},
		"an amount with a fraction":             {schema.Field{Type: schema.TypeMoney, Scale: new(0), Min: "1"}, `1.5`, nil, "must be a whole number"},
		"an amount that no column holds":        {schema.Field{Type: schema.TypeMoney}, `"99999999999999999"`, nil, "must be at most"},
		"a percentage":                          {schema.Field{Type: schema.TypePercent}, `12.5`, number("12.5"), ""},
		"a boolean":                             {schema.Field{Type: schema.TypeBoolean}, `true`, true, ""},
		"a word where a boolean is wanted":      {schema.Field{Type: schema.TypeBoolean}, `"true"`, nil, "true or false"},
		"a date":                                {schema.Field{Type: schema.TypeDate}, `"2026-02-28"`, day, ""},
		"a day that February has not":           {schema.Field{Type: schema.TypeDate}, `"2026-02-30"`, nil, "YYYY-MM-DD"},
		"a moment":                              {schema.Field{Type: schema.TypeDateTime}, `"2026-02-28T01:00:00+01:00"`, day, ""},
		"an option":                             {schema.Field{Type: schema.TypePicklist, Options: options}, `"gold"`, "gold", ""},
		"an option that there is not":           {schema.Field{Type: schema.TypePicklist, Options: options}, `"lead"`, nil, "gold, silver"},
		"several options, one twice":            {schema.Field{Type: schema.TypeMultiPicklist, Options: options}, `["gold","silver","gold"]`, []string{"gold", "silver"}, ""},
		"no options":                            {schema.Field{Type: schema.TypeMultiPicklist, Options: options}, `[]`, nil, ""},
		"a mail address":                        {schema.Field{Type: schema.TypeEmail}, `"a@example.com"`, "a@example.com", ""},
		"no mail address":                       {schema.Field{Type: schema.TypeEmail}, `"example.com"`, nil, "e-mail address"},
		"a phone number":                        {schema.Field{Type: schema.TypePhone}, `"+49 (30) 123-456"`, "+49 (30) 123-456", ""},
		"letters for a phone number":            {schema.Field{Type: schema.TypePhone}, `"call me"`, nil, "phone number"},
		"a web address":                         {schema.Field{Type: schema.TypeURL}, `"https://example.com"`, "https://example.com", ""},
		"a script for a web address":            {schema.Field{Type: schema.TypeURL}, `"javascript:alert(1)"`, nil, "http"},
		"a relation":                            {schema.Field{Type: schema.TypeRelation}, `"019A0000-0000-7000-8000-000000000000"`, "019a0000-0000-7000-8000-000000000000", ""},
		"a relation to a word":                  {schema.Field{Type: schema.TypeRelation}, `"acme"`, nil, "UUID"},
		"a rich text":                           {schema.Field{Type: schema.TypeRichText}, `"# Hi\n*you*"`, "# Hi\n*you*", ""},
		"a rich text that is too long":          {schema.Field{Type: schema.TypeRichText, Length: 3}, `"abcd"`, nil, "longer than 3"},
		"a rich text with a bell":               {schema.Field{Type: schema.TypeRichText}, `"\u0007"`, nil, "control characters"},
		"a time of the day":                     {schema.Field{Type: schema.TypeTime}, `"08:30"`, "08:30:00", ""},
		"a time to the microsecond":             {schema.Field{Type: schema.TypeTime}, `"08:30:01.1234567"`, "08:30:01.123456", ""},
		"a time behind midnight":                {schema.Field{Type: schema.TypeTime}, `"24:00"`, nil, "15:04"},
		"a time of one digit":                   {schema.Field{Type: schema.TypeTime}, `"8:30"`, nil, "15:04"},
		"a time with a zone":                    {schema.Field{Type: schema.TypeTime}, `"08:30:00Z"`, nil, "15:04"},
		"a number for a time":                   {schema.Field{Type: schema.TypeTime}, `830`, nil, "15:04"},
		"a duration of ISO 8601":                {schema.Field{Type: schema.TypeDuration}, `"P1W2DT3H4M5S"`, int64(9*86400 + 3*3600 + 4*60 + 5), ""},
		"a duration as Go writes it":            {schema.Field{Type: schema.TypeDuration}, `"1h30m"`, int64(5400), ""},
		"a duration in seconds":                 {schema.Field{Type: schema.TypeDuration}, `90`, int64(90), ""},
		"no time at all":                        {schema.Field{Type: schema.TypeDuration}, `"PT0S"`, int64(0), ""},
		"a month":                               {schema.Field{Type: schema.TypeDuration}, `"P1M"`, nil, "PT1H30M"},
		"nothing of ISO 8601":                   {schema.Field{Type: schema.TypeDuration}, `"P"`, nil, "PT1H30M"},
		"a time mark with nothing behind it":    {schema.Field{Type: schema.TypeDuration}, `"P1DT"`, nil, "PT1H30M"},
		"half a second":                         {schema.Field{Type: schema.TypeDuration}, `"PT0.5S"`, nil, "whole seconds"},
		"a duration backwards":                  {schema.Field{Type: schema.TypeDuration}, `"-1h"`, nil, "from 0 seconds to 100 years"},
		"a duration of ages":                    {schema.Field{Type: schema.TypeDuration}, `"P99999999999999999999999W"`, nil, "from 0 seconds to 100 years"},
		"a duration of no number":               {schema.Field{Type: schema.TypeDuration}, `"NaN"`, nil, "PT1H30M"},
		"a list for a duration":                 {schema.Field{Type: schema.TypeDuration}, `[]`, nil, "PT1H30M"},
		"a file":                                {schema.Field{Type: schema.TypeFile}, `"01890000-0000-7000-8000-00000000ABCD"`, "01890000-0000-7000-8000-00000000abcd", ""},
		"a name for a file":                     {schema.Field{Type: schema.TypeFile}, `"photo.png"`, nil, "UUID"},
		"a number for an image":                 {schema.Field{Type: schema.TypeImage}, `7`, nil, "the id of a file"},
		"a rating":                              {schema.Field{Type: schema.TypeRating}, `5`, int64(5), ""},
		"more stars than there are":             {schema.Field{Type: schema.TypeRating}, `6`, nil, "at most 5"},
		"more stars where there are ten":        {schema.Field{Type: schema.TypeRating, Max: "10"}, `10`, int64(10), ""},
		"no star":                               {schema.Field{Type: schema.TypeRating}, `0`, nil, "at least 1"},
		"half a star":                           {schema.Field{Type: schema.TypeRating}, `2.5`, nil, "whole number"},
		"JSON, its names in order":              {schema.Field{Type: schema.TypeJSON}, `{"b":1.50,"a":[true,null,"x\"y"]}`, `{"a": [true, null, "x\"y"], "b": 1.5}`, ""},
		"JSON that is a text":                   {schema.Field{Type: schema.TypeJSON}, `""`, `""`, ""},
		"JSON that is too long":                 {schema.Field{Type: schema.TypeJSON, Length: 5}, `"abcde"`, nil, "longer than 5 characters"},
		"JSON that is deep":                     {schema.Field{Type: schema.TypeJSON}, strings.Repeat("[", 18) + strings.Repeat("]", 18), nil, "more than 16 deep"},
		"JSON with a zero byte":                 {schema.Field{Type: schema.TypeJSON}, `["\u0000"]`, nil, "control characters"},
		"JSON with a zero byte in a name":       {schema.Field{Type: schema.TypeJSON}, `{"\u0000":1}`, nil, "control characters"},
		"JSON with a number of gigabytes":       {schema.Field{Type: schema.TypeJSON}, `[1e999999999]`, nil, "60 digits"},
		"a number that only the database gives": {schema.Field{Type: schema.TypeAutoNumber}, `1`, nil, "numbered by the database"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			decoder := json.NewDecoder(strings.NewReader(c.json))
			decoder.UseNumber()
			var value any
			if err := decoder.Decode(&value); err != nil {
				t.Fatal(err)
			}
			got, err := c.field.Decode(value)
			if c.refused != "" {
				if err == nil || !strings.Contains(err.Error(), c.refused) {
					t.Fatalf("got %v, %v, want an error with %q", got, err, c.refused)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if d, ok := c.want.(decimal.Decimal); ok {
				if !d.Equal(got.(decimal.Decimal)) {
					t.Errorf("got %v, want %v", got, d)
				}
				return
			}
			if !reflect.DeepEqual(got, c.want) {
				t.Errorf("got %#v, want %#v", got, c.want)
			}
		})
	}
}

func TestValuesOfTheDatabaseBecomeExactJSON(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		field schema.Field
		text  string
		want  string
	}{
		"an amount without digits behind the point":   {schema.Field{Type: schema.TypeMoney, Scale: new(0)}, "1054.0000", `"1054"`},
		"an amount with the usual two":                {schema.Field{Type: schema.TypeMoney}, "1054.5000", `"1054.50"`},
		"a decimal without the zeros of its column":   {schema.Field{Type: schema.TypeDecimal}, "0.100000", `"0.1"`},
		"a whole decimal":                             {schema.Field{Type: schema.TypeDecimal}, "100.000000", `"100"`},
		"an integer":                                  {schema.Field{Type: schema.TypeInteger}, "-7", `-7`},
		"a boolean":                                   {schema.Field{Type: schema.TypeBoolean}, "t", `true`},
		"a moment":                                    {schema.Field{Type: schema.TypeDateTime}, "2026-02-28 01:02:03.5+00", `"2026-02-28T01:02:03.5Z"`},
		"a time of the day":                           {schema.Field{Type: schema.TypeTime}, "08:30:00.5", `"08:30:00.5"`},
		"a duration":                                  {schema.Field{Type: schema.TypeDuration}, "93784", `"PT26H3M4S"`},
		"a duration of whole hours":                   {schema.Field{Type: schema.TypeDuration}, "7200", `"PT2H"`},
		"a duration of nothing":                       {schema.Field{Type: schema.TypeDuration}, "0", `"PT0S"`},
		"a rating":                                    {schema.Field{Type: schema.TypeRating}, "4", `4`},
		"JSON":                                        {schema.Field{Type: schema.TypeJSON}, `{"a": [1, null]}`, `{"a": [1, null]}`},
		"a text with quotes, breaks and Chinese":      {schema.Field{Type: schema.TypeLongText}, "a\"\\\n\x01阶", `"a\"\\\n\u0001阶"`},
		"an array with what has to be quoted":         {schema.Field{Type: schema.TypeTags}, `{a,"b c","d\"e\\f",g}`, `["a","b c","d\"e\\f","g"]`},
		"an empty array":                              {schema.Field{Type: schema.TypeTags}, `{}`, `[]`},
		"an array with one text that holds a comma":   {schema.Field{Type: schema.TypeTags}, `{"a,b"}`, `["a,b"]`},
		"an array whose quoted text is followed":      {schema.Field{Type: schema.TypeTags}, `{"a b",c}`, `["a b","c"]`},
		"an array of two quoted texts":                {schema.Field{Type: schema.TypeTags}, `{"a b","c d"}`, `["a b","c d"]`},
		"an array whose text ends in a closing brace": {schema.Field{Type: schema.TypeTags}, `{"a}"}`, `["a}"]`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := string(c.field.AppendJSON(nil, []byte(c.text)))
			if got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
			if !json.Valid([]byte(got)) {
				t.Errorf("%s is not JSON", got)
			}
		})
	}
	if got := string((&schema.Field{Type: schema.TypeText}).AppendJSON(nil, nil)); got != "null" {
		t.Errorf("a null is %s", got)
	}
}

func TestNamesAreCheckedByTheRulesOfTheAPI(t *testing.T) {
	t.Parallel()
	for _, good := range []string{"order", "user", "end", "select", "tier", "x1_2"} {
		if problem := schema.CheckFieldName(good); problem != "" {
			t.Errorf("%q is refused: %s", good, problem)
		}
	}
	for bad, why := range map[string]string{
		"":                      "missing",
		"namespace":             "reserved word of CEL",
		"xmin":                  "system column of PostgreSQL",
		"created_at":            "system field",
		"owner_id":              "system field",
		strings.Repeat("a", 64): "48 characters",
		`ti"er`:                 "not a name",
		"Tier":                  "not a name",
		"1st":                   "not a name",
		"阶段":                    "not a name",
	} {
		if problem := schema.CheckFieldName(bad); !strings.Contains(problem, why) {
			t.Errorf("%q: got %q, want %q in it", bad, problem, why)
		}
	}
}

func TestAStoredSchemaLoadsAsItWas(t *testing.T) {
	t.Parallel()
	built, err := schema.Build(&schema.Schema{
		Format: schema.Format, Revision: 3,
		Organisation: schema.Organisation{Name: "acme", Currency: "EUR"},
		Objects: []*schema.Object{
			{Identity: "user", Name: "user", Table: "user", Source: "standard"},
			{Identity: "department", Name: "department", Table: "department", Source: "standard"},
			{Identity: "deal", Name: "deal", Table: "x_deal", Custom: true, Title: "title", Source: "CustomObject deal", Fields: []*schema.Field{
				{Identity: "title", Name: "title", Column: "x_title", Type: schema.TypeText, Label: schema.Label{"en": "Title", "zh": "标题"}, Source: "CustomObject deal"},
				{Identity: "amount", Name: "amount", Column: "x_amount", Type: schema.TypeMoney, Source: "CustomObject deal"},
			}},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	document, err := built.Document()
	if err != nil {
		t.Fatal(err)
	}
	loaded, err := schema.Load(document)
	if err != nil {
		t.Fatal(err)
	}
	if loaded.Digest() != built.Digest() || loaded.Revision != 3 {
		t.Errorf("the loaded schema is another one: %s", document)
	}
	deal, ok := loaded.Object("deal")
	if !ok || deal.TitleField().Name != "title" {
		t.Fatalf("the object is lost: %+v", deal)
	}
	if _, ok := deal.Field("currency"); !ok {
		t.Error("an object with money has no currency")
	}
	if label := deal.Fields[0].Label; label.In("zh") != "标题" || label.In("fr") != "Title" {
		t.Errorf("labels are lost: %v", label)
	}
	loaded.Revision = 4
	if loaded.Digest() != built.Digest() {
		t.Error("the digest depends on the revision")
	}
}

func TestABrokenSchemaDocumentIsRefused(t *testing.T) {
	t.Parallel()
	for name, document := range map[string]string{
		"no JSON":                     `{`,
		"a format of the future":      `{"format": 99}`,
		"no format":                   `{}`,
		"an object that stands twice": `{"format":1,"objects":[{"identity":"a","name":"a"},{"identity":"b","name":"a"}]}`,
		"a type that there is not":    `{"format":1,"objects":[{"identity":"a","name":"a","fields":[{"identity":"f","name":"f","type":"wat"}]}]}`,
		"a relation to nothing":       `{"format":1,"objects":[{"identity":"a","name":"a","fields":[{"identity":"f","name":"f","type":"relation","target":"b"}]}]}`,
		"a field with a system name":  `{"format":1,"objects":[{"identity":"a","name":"a","fields":[{"identity":"f","name":"number","type":"text"}]}]}`,
	} {
		if _, err := schema.Load([]byte(document)); err == nil {
			t.Errorf("%s is loaded", name)
		}
	}
}

func TestDefinitionsThatContradictThemselvesAreRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		field schema.Field
		path  string
	}{
		"a picklist without options":      {schema.Field{Type: schema.TypePicklist}, "options"},
		"an option that stands twice":     {schema.Field{Type: schema.TypePicklist, Options: []schema.Option{{Key: "a"}, {Key: "a"}}}, "options[1].key"},
		"an option with a quote":          {schema.Field{Type: schema.TypePicklist, Options: []schema.Option{{Key: `a"`}}}, "options[0].key"},
		"bounds the wrong way round":      {schema.Field{Type: schema.TypeInteger, Min: "2", Max: "1"}, "min"},
		"a bound that is no number":       {schema.Field{Type: schema.TypeDecimal, Max: "many"}, "max"},
		"a relation to nothing":           {schema.Field{Type: schema.TypeRelation}, "target"},
		"a default that the type refuses": {schema.Field{Type: schema.TypeInteger, Default: new("x")}, "default"},
		"a unique boolean":                {schema.Field{Type: schema.TypeBoolean, Unique: true}, "unique"},
		"an unknown type":                 {schema.Field{Type: "wat"}, "type"},
		"the type of a system field":      {schema.Field{Type: schema.TypeID}, "type"},
		"a text of a million characters":  {schema.Field{Type: schema.TypeText, Length: 1_000_000}, "length"},
		"a rating of one star":            {schema.Field{Type: schema.TypeRating, Max: "1"}, "max"},
		"a rating of half a star more":    {schema.Field{Type: schema.TypeRating, Max: "5.5"}, "max"},
		"a JSON with a default":           {schema.Field{Type: schema.TypeJSON, Default: new("{}")}, "default"},
		"a unique JSON":                   {schema.Field{Type: schema.TypeJSON, Unique: true}, "unique"},
		"an indexed rich text":            {schema.Field{Type: schema.TypeRichText, Indexed: true}, "indexed"},
		"a default that is no time":       {schema.Field{Type: schema.TypeTime, Default: new("25:00")}, "default"},
		"an address with a default":       {schema.Field{Type: schema.TypeAddress, Default: new("x")}, "default"},
		"a unique name of a person":       {schema.Field{Type: schema.TypePersonName, Unique: true}, "unique"},
		"an indexed point":                {schema.Field{Type: schema.TypeGeo, Indexed: true}, "indexed"},
		"an address that is too long":     {schema.Field{Type: schema.TypeAddress, Length: 1001}, "length"},
		"the type of a part":              {schema.Field{Type: schema.TypeCountry}, "type"},
		"a scale over the precision":      {schema.Field{Type: schema.TypeDecimal, Precision: 2, Scale: new(3)}, "scale"},
	} {
		problems := schema.CheckField(&c.field)
		if len(problems) == 0 || problems[0].Path != c.path {
			t.Errorf("%s: got %v, want a problem at %s", name, problems, c.path)
		}
	}
}

func TestQuotedNamesAndTextsStayWhole(t *testing.T) {
	t.Parallel()
	if got := schema.QuoteIdent(`a"b`); got != `"a""b"` {
		t.Error(got)
	}
	if got := schema.QuoteLiteral(`a'b`); got != `'a''b'` {
		t.Error(got)
	}
	if got := schema.QuoteLiteral(`a\'b`); got != ` E'a\\''b'` {
		t.Error(got)
	}
}

func TestARuleThatImpliesAnotherRejectsNoValueOfIt(t *testing.T) {
	t.Parallel()
	short, long := schema.Rule{Kind: schema.RuleMaxLength, Length: 5}, schema.Rule{Kind: schema.RuleMaxLength, Length: 9}
	if !short.Implies(long) || long.Implies(short) {
		t.Error("lengths are compared the wrong way round")
	}
	few, many := schema.Rule{Kind: schema.RuleOneOf, Values: []string{"a"}}, schema.Rule{Kind: schema.RuleOneOf, Values: []string{"b", "a"}}
	if !few.Implies(many) || many.Implies(few) {
		t.Error("options are compared the wrong way round")
	}
	low, high := schema.Rule{Kind: schema.RuleMin, Number: number("1")}, schema.Rule{Kind: schema.RuleMin, Number: number("2")}
	if !high.Implies(low) || low.Implies(high) {
		t.Error("least values are compared the wrong way round")
	}
}

func TestAFieldWithPartsIsAColumnForEach(t *testing.T) {
	t.Parallel()
	s, err := schema.Build(&schema.Schema{Format: schema.Format, Objects: []*schema.Object{{
		Identity: "site", Name: "site", Table: "x_site", Fields: []*schema.Field{
			{Identity: "hq", Name: "seat", Column: "x_hq", Type: schema.TypeAddress, Length: 300, Custom: true, Sensitivity: "personal", Source: "CustomField hq"},
		},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	o, _ := s.Object("site")
	line, ok := o.Field("seat.line")
	if !ok || line.Identity != "hq.line" || line.Column != "x_hq__line" || line.Path() != "seat.line" || line.Sensitivity != "personal" || line.Source != "CustomField hq" {
		t.Fatalf("the line is %+v", line)
	}
	if _, err := line.Parse(strings.Repeat("路", 301)); err == nil {
		t.Error("the line has not the length of the address")
	}
	for _, f := range o.Leaves() {
		if f.Storage() == "" || f.Column == "" {
			t.Errorf("%s has no column", f.Path())
		}
	}
	for _, f := range o.AllFields() {
		if f.Parent != nil {
			t.Errorf("%s stands beside its whole", f.Path())
		}
	}
	if again, err := schema.Build(s); err != nil || len(again.Objects[0].Leaves()) != len(o.Leaves()) {
		t.Errorf("built twice, it has other leaves: %v", err)
	}
}

func TestAPhoneNumberIsNormalisedWhereATelephoneCouldBeReached(t *testing.T) {
	t.Parallel()
	for number, want := range map[string]string{
		"+49 30 123456": "+4930123456", "030/123456": "+4930123456", "0049 30 123456": "+4930123456", "+86 138 0013 8000": "+8613800138000",
		"1": "", "*100#": "", "+999 1": "", "": "", strings.Repeat("1", 300): "",
	} {
		if got, ok := schema.E164(number, "DE"); got != want || ok != (want != "") {
			t.Errorf("%q is %q, %t", number, got, ok)
		}
	}
	if got, ok := schema.E164("030 123456", ""); ok {
		t.Errorf("a number of no country is %q", got)
	}
}

func TestADeclaredFieldKeepsItsNameFromACompanion(t *testing.T) {
	t.Parallel()
	o := &schema.Object{Identity: "site", Name: "site", Table: "site", Fields: []*schema.Field{
		{Identity: "call", Name: "call", Column: "call", Type: schema.TypePhone}, {Identity: "x", Name: "call_e164", Column: "x_x", Type: schema.TypeText},
	}}
	if _, err := schema.Build(&schema.Schema{Format: schema.Format, Objects: []*schema.Object{o}}); err != nil {
		t.Fatal(err)
	}
	if f, _ := o.Field("call_e164"); f.Identity != "x" {
		t.Errorf("the name leads to %s", f.Identity)
	}
	if f, ok := o.Field("call_e164_"); !ok || f.Column != "call__e164" || f.Beside != o.Fields[0] || !f.ReadOnly {
		t.Errorf("the companion is %+v", f)
	}
}
