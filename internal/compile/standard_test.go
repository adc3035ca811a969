package compile

import (
	"slices"
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
	described := func(what string, description schema.Label) { // which not everything needs
		if len(description) > 0 {
			both("the description of "+what, description)
		}
	}
	for _, o := range s.Objects {
		both(o.Name, o.Label)
		both(o.Name+", many", o.PluralLabel)
		described(o.Name, o.Description)
		for _, f := range o.Fields {
			both(o.Name+"."+f.Name, f.Label)
			described(o.Name+"."+f.Name, f.Description)
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
	for _, r := range s.Rules {
		both("rule "+r.Identity, r.Message)
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
		"customer.website":              {Type: schema.TypeURL, Length: 255},                               // S48
		"customer.stop_reason":          {Type: schema.TypeRelation, Target: "reason"},                     // S55
		"sales_order.status":            {Type: schema.TypePicklist},                                       // S116
		"contract.contract_number":      {Type: schema.TypeText, Length: 50, Required: true, Unique: true}, // S115
		"repair_order.service_cost":     {Type: schema.TypeMoney, Min: "0"},                                // S131
		"case.status":                   {Type: schema.TypePicklist, Required: true},                       // S128
		"case.satisfaction":             {Type: schema.TypeRating},                                         // S129
		"competitor.background":         {Type: schema.TypeLongText, Length: 2000},                         // S149
		"competitor_product.main_use":   {Type: schema.TypeText, Length: 500},                              // S150
		"competing_order.customer":      {Type: schema.TypeRelation, Target: "customer", Required: true},   // S151
		"care_suggestion.text":          {Type: schema.TypeText, Length: 200, Required: true},              // S49
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

// TestTheStandardModelHasAllItsParts names every object, by module: what is taken
// out here takes data from people.
func TestTheStandardModelHasAllItsParts(t *testing.T) {
	t.Parallel()
	want := map[string]string{
		ModuleBase: `activity activity_participant assignment_log call consent_event contact customer customer_contact customer_product
			dashboard department document email_message email_thread exchange_rate feedback invoice invoice_line message_template payment
			product product_category reason region report segment segment_member survey survey_question survey_response team team_member user`,
		ModuleSales: `competing_order competitor competitor_product contract delivery forecast_snapshot lead lead_product opportunity
			opportunity_competitor opportunity_contact opportunity_line opportunity_stage_history ownership_dispute price_book
			price_book_entry product_comparison public_pool public_pool_manager quote quote_line receivable_plan sales_order
			sales_order_line sales_record sales_target`,
		ModuleService: `asset care_plan care_suggestion case case_event knowledge_article repair_order repair_part return_line return_order`,
		ModuleMarketing: `campaign campaign_member loyalty_account loyalty_programme loyalty_tier loyalty_transaction message_send sequence
			sequence_enrolment sequence_step touchpoint`,
	}
	got := map[string][]string{}
	for _, o := range Standard(Modules).Objects {
		got[o.Module] = append(got[o.Module], o.Name)
	}
	for module, names := range want {
		if wanted := strings.Fields(names); !slices.Equal(got[module], wanted) {
			t.Errorf("%s has %v, not %v", module, got[module], wanted)
		}
	}
	s := Standard(Modules)
	if files := readStandard(); len(files.objects) != len(s.Objects) || len(files.pipelines) != len(s.Pipelines) || len(files.rules) != len(s.Rules) || len(files.indexes) != len(s.Indexes) {
		t.Errorf("of the files, %d objects, %d pipelines, %d rules and %d indexes are in the schema", len(s.Objects), len(s.Pipelines), len(s.Rules), len(s.Indexes))
	}
	var fields, computed int
	for _, o := range readStandard().objects {
		fields += len(o.Spec.Fields)
	}
	for _, o := range s.Objects {
		fields -= len(o.Fields)
		for _, f := range o.Fields {
			if f.Computed() {
				computed++
			}
		}
	}
	if fields != 0 || computed == 0 {
		t.Errorf("%d fields of the files are not in the schema, and %d are computed", fields, computed)
	}
}

func TestAModuleNeedsTheBaseAlone(t *testing.T) {
	t.Parallel()
	whole := Standard(Modules)
	for _, module := range append([]string{""}, Modules...) {
		s := Standard([]string{module})
		for _, o := range s.Objects {
			if o.Module != ModuleBase && o.Module != module {
				t.Errorf("%s is there with %s alone", o.Name, module)
			}
			all, _ := whole.Object(o.Name)
			for _, f := range all.Fields {
				if f.Required && !hasField(s, o.Name, f.Name) {
					t.Errorf("%s needs %s, which is not there with %s alone: to turn the other module on would break its records", o.Name, f.Name, module)
				}
			}
		}
	}
}

func TestEachStandardRelationHasAnInverseAndEachObjectIsReached(t *testing.T) {
	t.Parallel()
	s := Standard(Modules)
	reached := map[string]bool{"customer": true}
	for range s.Objects { // as far as it goes
		for _, o := range s.Objects {
			for _, f := range o.Fields {
				if reached[o.Identity] && f.Target != "" {
					reached[f.Target] = true
				}
				if f.Target != "" && reached[f.Target] {
					reached[o.Identity] = true
				}
			}
		}
	}
	for _, o := range s.Objects {
		if !reached[o.Identity] && !slices.Contains([]string{"exchange_rate", "report", "dashboard"}, o.Identity) {
			t.Errorf("nothing leads from a customer to %s", o.Name)
		}
		for _, f := range o.Fields {
			if f.Target != "" && f.Inverse == "" {
				t.Errorf("%s.%s has no inverse", o.Name, f.Name)
			}
		}
	}
	customer, _ := s.Object("customer")
	for list, requirement := range map[string]string{
		"contact_links": "S49", "products": "S49", "opportunities": "S47", "quotes": "S49", "orders": "S49", "competing_orders": "S49",
		"campaign_memberships": "S49", "survey_responses": "S49", "feedback": "S49", "activities": "S49", "care_suggestions": "S49",
		"sales_records": "S52", "contracts": "S115", "invoices": "S117", "cases": "S126", "repair_orders": "S131", "return_orders": "S132",
		"calls": "S130", "assignments": "S119", "ownership_disputes": "S122", "segments": "S140", "consents": "S10", "loyalty_accounts": "S6",
		"touchpoints": "S65", "referrals": "S53", "assets": "S131", "documents": "S58", "emails": "S109",
	} {
		if _, ok := customer.Inverse(list); !ok {
			t.Errorf("a customer has no %s (%s)", list, requirement)
		}
	}
}

func TestPersonalDataOfTheStandardModelIsMarked(t *testing.T) {
	t.Parallel()
	for _, o := range Standard(Modules).Objects {
		for _, f := range o.Fields {
			switch f.Type { //nolint:exhaustive // the others say nothing of themselves
			case schema.TypePhone, schema.TypeEmail, schema.TypeAddress, schema.TypePersonName:
				if f.Sensitivity != "personal" && f.Sensitivity != "sensitive" {
					t.Errorf("%s.%s is not marked as personal", o.Name, f.Name)
				}
			}
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
