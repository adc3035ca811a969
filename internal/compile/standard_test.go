package compile

import (
	"strings"
	"testing"

	crmv1 "github.com/kontor-crm/kontor/api/v1alpha1"
	"github.com/kontor-crm/kontor/internal/schema"
)

func TestTheStandardModelKeepsTheRulesOfCustomObjects(t *testing.T) {
	t.Parallel()
	documents, err := parseStandard(standardFiles)
	if err != nil {
		t.Fatal(err)
	}
	staged := map[string]string{}
	for _, p := range documents.pipelines {
		staged[p.Spec.Object] = p.Spec.Field
		if _, problems := readStages(&p.Spec); len(problems) > 0 {
			t.Errorf("pipeline %s: %v", p.Name, problems)
		}
	}
	for _, o := range documents.objects {
		for _, p := range checkObject(o) {
			if strings.Contains(p.Message, "a picklist needs at least one option") || p.Path == "metadata.name" && o.Name == schema.APIName(o.Name) {
				continue // the stage gets its options from the pipeline; standard names have _ where identities have -
			}
			t.Errorf("%s: %s: %s", o.Name, p.Path, p.Message)
		}
		switch module := o.Annotations[crmv1.ModuleAnnotation]; module {
		case ModuleBase, ModuleSales, ModuleService, ModuleMarketing:
		default:
			t.Errorf("%s is of the unknown module %q", o.Name, module)
		}
	}
	for _, o := range Standard(Modules).Objects {
		for _, f := range o.Fields {
			for _, p := range schema.CheckField(f) {
				t.Errorf("%s.%s: %s: %s", o.Name, f.Name, p.Path, p.Message)
			}
		}
	}
}

func TestTheStandardModelSpeaksEnglishAndChinese(t *testing.T) {
	t.Parallel()
	s := Standard(Modules)
	both := func(what string, label schema.Label) {
		if label["en"] == "" || label["zh"] == "" {
			t.Errorf("%s has the labels %v", what, label)
		}
	}
	for _, o := range s.Objects {
		both(o.Name, o.Label)
		both(o.Name+", many", o.PluralLabel)
		for _, f := range o.Fields {
			both(o.Name+"."+f.Name, f.Label)
			for _, option := range f.Options {
				both(o.Name+"."+f.Name+"."+option.Key, option.Label)
			}
		}
	}
	for _, p := range s.Pipelines {
		both(p.Identity, p.Label)
		for _, stage := range p.Stages {
			both(p.Identity+"."+stage.Key, stage.Label)
		}
	}
}

func TestTheStandardModelHasTheLengthsAndRelationsOfTheRequirements(t *testing.T) {
	t.Parallel()
	s := Standard(Modules)
	for path, want := range map[string]schema.Field{
		"customer.name":                 {Type: schema.TypeText, Length: 50, Required: true}, // S42
		"customer.primary_contact_name": {Type: schema.TypeText, Length: 50},
		"customer.phone":                {Type: schema.TypePhone, Length: 20},
		"customer.email":                {Type: schema.TypeEmail, Length: 100},
		"customer.address":              {Type: schema.TypeAddress, Length: 200},
		"customer.address.line":         {Type: schema.TypeText, Length: 200},
		"opportunity.name":              {Type: schema.TypeText, Length: 100, Required: true}, // S43
		"opportunity.stage":             {Type: schema.TypePicklist, Required: true},
		"opportunity.amount":            {Type: schema.TypeMoney, Min: "1"},
		"sales_record.salesperson_name": {Type: schema.TypeText, Length: 50}, // S44
		"sales_record.sale_date":        {Type: schema.TypeDate, Required: true},
		"sales_record.amount":           {Type: schema.TypeMoney},
		"sales_record.remark":           {Type: schema.TypeText, Length: 200},
		"contact.name":                  {Type: schema.TypeText, Length: 50, Required: true}, // S45
		"contact.position":              {Type: schema.TypeText, Length: 50},
		"contact.phone":                 {Type: schema.TypePhone, Length: 20},
		"contact.email":                 {Type: schema.TypeEmail, Length: 100},
		"campaign.name":                 {Type: schema.TypeText, Length: 100, Required: true}, // S46
		"campaign.activity_date":        {Type: schema.TypeDate, Required: true},
		"campaign.place":                {Type: schema.TypeText, Length: 100},
		"campaign.kind":                 {Type: schema.TypeText, Length: 50},
		"opportunity.customer":          {Type: schema.TypeRelation, Target: "customer"}, // S47
		"sales_record.opportunity":      {Type: schema.TypeRelation, Target: "opportunity", Required: true},
		"user.email":                    {Type: schema.TypeEmail, Length: 100, Unique: true},
		"product.code":                  {Type: schema.TypeText, Length: 50, Required: true, Unique: true},
	} {
		object, name, _ := strings.Cut(path, ".")
		f := mustField(t, s, object, name)
		got := schema.Field{Type: f.Type, Length: f.Length, Required: f.Required, Unique: f.Unique, Min: f.Min, Target: f.Target}
		if got.Type != want.Type || got.Length != want.Length || got.Required != want.Required || got.Unique != want.Unique || got.Min != want.Min || got.Target != want.Target {
			t.Errorf("%s is %+v, not %+v", path, got, want)
		}
	}
	amount := mustField(t, s, "opportunity", "amount")
	for text, good := range map[string]bool{"1": true, "0": false, "-1": false, "1.5": false, "10005534": true} {
		if _, err := amount.Parse(text); (err == nil) != good {
			t.Errorf("an amount of %s: %v", text, err)
		}
	}
}

func TestPhysicalNamesOfTheStandardModelAreItsOwn(t *testing.T) {
	t.Parallel()
	for _, o := range Standard(Modules).Objects {
		columns := map[string]bool{}
		for _, f := range o.SystemFields() {
			columns[f.Column] = true
		}
		if o.Table != o.Identity || strings.HasPrefix(o.Table, schema.CustomPrefix) {
			t.Errorf("%s has the table %s", o.Name, o.Table)
		}
		for _, f := range o.Fields {
			if columns[f.Column] || strings.HasPrefix(f.Column, schema.CustomPrefix) {
				t.Errorf("%s.%s has the column %s", o.Name, f.Name, f.Column)
			}
			columns[f.Column] = true
		}
	}
}
