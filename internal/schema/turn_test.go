package schema_test

import (
	"strings"
	"testing"
	"time"

	"github.com/kontor-crm/kontor/internal/schema"
)

// fieldTypes are those that a resource may name.
var fieldTypes = []schema.TypeName{
	schema.TypeText, schema.TypeLongText, schema.TypeRichText, schema.TypeEmail, schema.TypePhone, schema.TypeURL, schema.TypeCurrency,
	schema.TypePicklist, schema.TypeMultiPicklist, schema.TypeBoolean, schema.TypeInteger, schema.TypeDecimal, schema.TypeMoney,
	schema.TypePercent, schema.TypeRating, schema.TypeDuration, schema.TypeDate, schema.TypeDateTime, schema.TypeTime, schema.TypeJSON,
	schema.TypeAutoNumber, schema.TypeRelation, schema.TypeFile, schema.TypeImage, schema.TypeAddress, schema.TypePersonName, schema.TypeGeo,
	schema.TypeFormula, schema.TypeRollup,
}

// plainField is a field of the type as it may stand in a schema.
func plainField(kind schema.TypeName) *schema.Field {
	f := &schema.Field{Identity: "f", Name: "f", Column: "x_f", Type: kind, Options: []schema.Option{{Key: "a"}, {Key: "b"}}}
	switch kind { //nolint:exhaustive // the others need nothing
	case schema.TypeFormula:
		f.Formula = &schema.Formula{Expression: "1", Returns: schema.TypeInteger}
	case schema.TypeRollup:
		f.Rollup = &schema.Rollup{Inverse: "x", Function: schema.RollupCount}
	}
	return f
}

func TestEveryTypeHasAWayToEveryTypeOrAReasonWhyNot(t *testing.T) {
	t.Parallel()
	for _, from := range fieldTypes {
		for _, to := range fieldTypes {
			if cell := schema.MatrixCell(from, to); !schema.IsCell(cell) {
				t.Errorf("from %s to %s stands %q", from, to, cell)
			}
		}
	}
}

func TestWhereThereIsAWayThereIsOneBack(t *testing.T) {
	t.Parallel()
	for _, how := range []*schema.Conversion{nil, {ByLabel: true}} {
		for _, from := range fieldTypes {
			for _, to := range fieldTypes {
				there, back := schema.WayOf(plainField(from), plainField(to), how), schema.WayOf(plainField(to), plainField(from), how)
				files := from.IsFile() && to.IsFile() // an image is a file, and not every file an image
				if !files && (there.Refused == "") != (back.Refused == "") {
					t.Errorf("from %s to %s is %+v, and back %+v", from, to, there, back)
				}
				if from == to && !there.InPlace() {
					t.Errorf("%s does not stay what it is: %+v", from, there)
				}
			}
		}
	}
}

func TestValuesThatAreStoredAlikeStayWhereTheyAre(t *testing.T) {
	t.Parallel()
	digits := func(precision, scale int) *schema.Field {
		return &schema.Field{Type: schema.TypeDecimal, Precision: precision, Scale: &scale}
	}
	of := plainField
	pointer := func(edit func(*schema.Field)) *schema.Field {
		f := plainField(schema.TypeRelation)
		edit(f)
		return f
	}
	for name, c := range map[string]struct {
		from, to *schema.Field
		how      *schema.Conversion
		want     schema.Turn
		refused  string
	}{
		"a text becomes a long one":                     {of(schema.TypeText), of(schema.TypeLongText), nil, schema.TurnNone, ""},
		"a decimal gets more digits before the point":   {digits(10, 2), digits(12, 2), nil, schema.TurnNone, ""},
		"a decimal gets more digits behind the point":   {digits(10, 2), digits(12, 4), nil, schema.TurnNumber, ""},
		"a decimal loses digits":                        {digits(12, 2), digits(10, 2), nil, schema.TurnNumber, ""},
		"an integer becomes a decimal":                  {of(schema.TypeInteger), of(schema.TypeDecimal), nil, schema.TurnNumber, ""},
		"an integer becomes a duration":                 {of(schema.TypeInteger), of(schema.TypeDuration), nil, schema.TurnNone, ""},
		"money is a decimal of the same digits":         {digits(20, 4), of(schema.TypeMoney), nil, schema.TurnNone, ""},
		"a text becomes an option by its key":           {of(schema.TypeText), of(schema.TypePicklist), nil, schema.TurnNone, ""},
		"a text becomes an option by its label":         {of(schema.TypeText), of(schema.TypePicklist), &schema.Conversion{ByLabel: true}, schema.TurnKey, ""},
		"an option becomes a text by its label":         {of(schema.TypePicklist), of(schema.TypeText), &schema.Conversion{ByLabel: true}, schema.TurnLabel, ""},
		"a relation gets more targets":                  {pointer(func(f *schema.Field) { f.Target = "a" }), pointer(func(f *schema.Field) { f.Targets = []string{"a"} }), nil, "", "another way"},
		"a file becomes an image":                       {of(schema.TypeFile), of(schema.TypeImage), nil, "", "checked when it is uploaded"},
		"a moment becomes a time of the day":            {of(schema.TypeDateTime), of(schema.TypeTime), nil, "", "no way back"},
		"a text becomes computed":                       {of(schema.TypeText), of(schema.TypeFormula), nil, "", "computed"},
		"what is computed is computed in another way":   {of(schema.TypeFormula), of(schema.TypeRollup), nil, schema.TurnNone, ""},
		"a number gets a text around it":                {of(schema.TypeAutoNumber), &schema.Field{Type: schema.TypeAutoNumber, Pattern: "{number}"}, nil, "", "another way"},
		"a moment becomes a day and loses its own time": {of(schema.TypeDateTime), of(schema.TypeDate), nil, schema.TurnDay, ""},
	} {
		way := schema.WayOf(c.from, c.to, c.how)
		if way.Turn != c.want || (way.Refused == "") != (c.refused == "") || !strings.Contains(way.Refused, c.refused) {
			t.Errorf("%s: %+v", name, way)
		}
		if (way.Loses != "") != (c.from.Type == schema.TypeDateTime && c.to.Type == schema.TypeDate) {
			t.Errorf("%s: it loses %q", name, way.Loses)
		}
	}
}

func TestAConversionIsToldWhatIsWrongWithIt(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		conversion schema.Conversion
		path       string
	}{
		"days as in Germany":              {schema.Conversion{DateFormat: "DD.MM.YYYY"}, ""},
		"days without anything between":   {schema.Conversion{DateFormat: "YYYYMMDD"}, ""},
		"a format without a year":         {schema.Conversion{DateFormat: "DD.MM"}, "dateFormat"},
		"a format with two days":          {schema.Conversion{DateFormat: "DD.DD.YYYY"}, "dateFormat"},
		"a format with letters":           {schema.Conversion{DateFormat: "DD of MM YYYY"}, "dateFormat"},
		"a format that goes on":           {schema.Conversion{DateFormat: "DD.MM.YYYY."}, "dateFormat"},
		"words":                           {schema.Conversion{True: []string{"ja"}, False: []string{"nein"}}, ""},
		"a word that means both":          {schema.Conversion{True: []string{"ja"}, False: []string{"JA"}}, "falseWords"},
		"a word of the API for the other": {schema.Conversion{False: []string{"yes"}}, "falseWords"},
		"a word of white space":           {schema.Conversion{True: []string{" "}}, "trueWords"},
	} {
		problems := c.conversion.Check()
		if (len(problems) == 0) != (c.path == "") || len(problems) > 0 && problems[0].Path != c.path {
			t.Errorf("%s: %+v", name, problems)
		}
	}
}

func TestALaterColumnHasANameOfItsOwn(t *testing.T) {
	t.Parallel()
	f := plainField(schema.TypeText)
	if name := f.NextColumn(); name != "x_f$2" || schema.OwnColumn(name) != "x_f" || !schema.IsNext(name) || schema.IsNext("x_f") {
		t.Errorf("the next column is %q", name)
	}
	f.Previous = []schema.Previous{{Form: &schema.Field{Column: "x_f$2", Type: schema.TypeMoney}}}
	if name := f.NextColumn(); name != "x_f$3" {
		t.Errorf("the one after it is %q", name)
	}
	if columns := f.PreviousColumns(); len(columns) != 2 || columns[1] != "x_f$2__base" || !schema.IsNext(columns[1]) {
		t.Errorf("the columns before are %q", columns)
	}
}

func TestTheTimeOfAChangeIsNoPartOfWhatASchemaSays(t *testing.T) {
	t.Parallel()
	build := func(previous ...schema.Previous) string {
		f := plainField(schema.TypeInteger)
		f.Previous = previous
		s, err := schema.Build(&schema.Schema{Format: schema.Format, Objects: []*schema.Object{{Identity: "o", Name: "o", Table: "o", Fields: []*schema.Field{f}}}})
		if err != nil {
			t.Fatal(err)
		}
		return s.Digest()
	}
	before := &schema.Field{Column: "x_f$2", Type: schema.TypeText}
	first := build(schema.Previous{Form: before, Revision: 3, Since: time.Unix(1, 0)})
	if later := build(schema.Previous{Form: before, Revision: 4, Since: time.Unix(2, 0)}); later != first {
		t.Error("the digest is another one a moment later")
	}
	if without := build(); without == first {
		t.Error("the digest does not tell that there is a column from before")
	}
}
