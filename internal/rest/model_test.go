package rest_test

import (
	"testing"

	"github.com/kontor-crm/kontor/internal/schema"
)

func field(name string, kind schema.TypeName, edits ...func(*schema.Field)) *schema.Field {
	f := &schema.Field{Identity: name, Name: name, Column: name, Type: kind, Source: "standard"}
	for _, edit := range edits {
		edit(f)
	}
	return f
}

func required(f *schema.Field) { f.Required = true }

func unique(f *schema.Field) { f.Unique = true }

func custom(f *schema.Field) {
	f.Custom, f.Column, f.Source = true, "x_"+f.Column, "CustomField "+f.Identity
}

func relation(name, target string, edits ...func(*schema.Field)) *schema.Field {
	f := field(name, schema.TypeRelation, edits...)
	f.Column, f.Target = name+"_id", target
	return f
}

func inverse(name string) func(*schema.Field) { return func(f *schema.Field) { f.Inverse = name } }

func object(name string, fields ...*schema.Field) *schema.Object {
	return &schema.Object{
		Identity: name, Name: name, Table: name, Source: "standard", Title: "name", Fields: fields,
		Label: schema.Label{"en": name, "zh": "对象 " + name},
	}
}

// testModel is a small model with a field of each kind of trouble.
func testModel(t *testing.T, edits ...func(*schema.Schema)) *schema.Schema {
	t.Helper()
	stages := []schema.Option{{Key: "prospecting"}, {Key: "engaging"}, {Key: "won"}, {Key: "lost"}}
	s := &schema.Schema{
		Format:       schema.Format,
		Organisation: schema.Organisation{Name: "acme", DisplayName: "Acme", Language: "en", TimeZone: "Europe/Berlin", Currency: "EUR"},
		Objects: []*schema.Object{
			object("customer", field("name", schema.TypeText, required, func(f *schema.Field) {
				f.Length, f.Label = 50, schema.Label{"en": "Name", "zh": "名称"}
			}),
				field("email", schema.TypeEmail), relation("parent", "customer"), field("employees", schema.TypeInteger, func(f *schema.Field) { f.Min = "0" }),
				field("kind", schema.TypePicklist, func(f *schema.Field) {
					f.Options, f.Default = []schema.Option{{Key: "company"}, {Key: "person"}}, new("company")
				}),
				field("revenue", schema.TypeDecimal, custom, func(f *schema.Field) { f.Scale = new(2) })),
			object("department", field("name", schema.TypeText, required)),
			object("opportunity",
				field("name", schema.TypeText, required), relation("customer", "customer", inverse("opportunities")), relation("product", "product"),
				field("stage", schema.TypePicklist, required, func(f *schema.Field) { f.Options = stages }),
				field("amount", schema.TypeMoney, func(f *schema.Field) { f.Min, f.Scale = "1", new(0) }),
				field("probability", schema.TypePercent), field("close_date", schema.TypeDate),
				field("entered_stage_at", schema.TypeDateTime), field("hot", schema.TypeBoolean),
				field("description", schema.TypeLongText), field("channels", schema.TypeMultiPicklist, func(f *schema.Field) {
					f.Options = []schema.Option{{Key: "mail"}, {Key: "phone"}}
				}),
				field("deal_id", schema.TypeText, custom, unique)),
			object("product", field("name", schema.TypeText, required), field("code", schema.TypeText, unique)),
			object("user", field("name", schema.TypeText, required), field("email", schema.TypeEmail, unique)),
		},
		Pipelines: []*schema.Pipeline{{
			Identity: "sales", Object: "opportunity", Field: "stage", Source: "Pipeline sales",
			Stages: []schema.Stage{
				{Key: "prospecting", Kind: schema.StageOpen, Probability: 10, Label: schema.Label{"en": "Prospecting", "zh": "寻找"}},
				{Key: "engaging", Kind: schema.StageOpen, Probability: 40},
				{Key: "won", Kind: schema.StageWon, Probability: 100, Required: []string{"amount", "close_date"}, AllowedMoves: []string{"engaging"}},
				{Key: "lost", Kind: schema.StageLost, Required: []string{"close_date"}},
			},
		}},
	}
	for _, edit := range edits {
		edit(s)
	}
	built, err := schema.Build(s)
	if err != nil {
		t.Fatal(err)
	}
	return built
}
