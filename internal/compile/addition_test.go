package compile

import (
	"slices"
	"strings"
	"testing"

	crmv1 "github.com/kontor-crm/kontor/api/v1alpha1"
	"github.com/kontor-crm/kontor/internal/schema"
)

func TestARuleAndAnIndexAreInTheSchemaByIdentity(t *testing.T) {
	t.Parallel()
	s := served(t, field("tier-x", "object: opportunity, name: tier, type: text")+
		rule("tier-when-won", "object: opportunity, expression: \"stage != 'won' || tier != null\", field: tier")+
		objectIndex("by-tier", "object: opportunity, fields: [{field: tier}, {field: amount, order: descending}]"))
	opportunity, _ := s.Object("opportunity")
	rules, indexes := s.RulesOf(opportunity), s.IndexesOf(opportunity)
	if len(rules) != 1 || rules[0].Field != "tier-x" || rules[0].Source != "ValidationRule tier-when-won" {
		t.Errorf("the rules are %+v", rules)
	}
	want := []schema.IndexField{{Field: "tier-x"}, {Field: "amount", Descending: true}}
	if len(indexes) != 1 || !slices.Equal(indexes[0].Fields, want) {
		t.Errorf("the indexes are %+v", indexes)
	}
}

func TestBadRulesAndIndexesAreRefusedWithPathAndReason(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		documents string
		want      refused
	}{
		"a rule on an object that does not exist": {
			rule("a", "object: custmer, expression: 'true'"),
			refused{Ref{KindRule, "a"}, crmv1.ReasonObjectNotFound, "spec.object", `there is no object "custmer"; did you mean "customer"?`},
		},
		"a rule that does not parse": {
			rule("a", "object: customer, expression: 'name =='"),
			refused{Ref{KindRule, "a"}, crmv1.ReasonInvalid, "spec.expression", "1:8: the expression ends too early"},
		},
		"a rule that reads an unknown field": {
			rule("a", "object: customer, expression: 'nam != null'"),
			refused{Ref{KindRule, "a"}, crmv1.ReasonInvalid, "spec.expression", `1:1: no field "nam" in customer; did you mean "name"?`},
		},
		"a rule that is no condition": {
			rule("a", "object: customer, expression: 'name'"),
			refused{Ref{KindRule, "a"}, crmv1.ReasonInvalid, "spec.expression", "1:1: a condition is needed here, and this is a text"},
		},
		"a rule whose message belongs to no field": {
			rule("a", "object: customer, expression: 'true', field: nam"),
			refused{Ref{KindRule, "a"}, crmv1.ReasonInvalid, "spec.field", `"customer" has no field "nam"; did you mean "name"?`},
		},
		"an index over an unknown field": {
			objectIndex("a", "object: customer, fields: [{field: nam}]"),
			refused{Ref{KindIndex, "a"}, crmv1.ReasonInvalid, "spec.fields[0].field", `"customer" has no field "nam"; did you mean "name"?`},
		},
		"an index over a field without an order": {
			objectIndex("a", "object: opportunity, fields: [{field: name}, {field: description}]"),
			refused{Ref{KindIndex, "a"}, crmv1.ReasonInvalid, "spec.fields[1].field", `"description" is of the type long_text, which has no order`},
		},
		"an index that is there already": {
			objectIndex("a", "object: customer, fields: [{field: name}]") + objectIndex("b", "object: customer, fields: [{field: name}]"),
			refused{Ref{KindIndex, "b"}, crmv1.ReasonNameConflict, "spec.fields", "says what ObjectIndex a says already"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			result := Compile(read(t, test.documents))
			verdict := result.Verdicts[test.want.ref]
			if verdict.Reason != test.want.reason || len(verdict.Problems) != 1 {
				t.Fatalf("the verdict is %+v", verdict)
			}
			if p := verdict.Problems[0]; p.Path != test.want.path || !strings.HasPrefix(p.Message, test.want.message) {
				t.Errorf("%s: %s", p.Path, p.Message)
			}
		})
	}
}

func TestABadRuleGoesOnInItsAppliedForm(t *testing.T) {
	t.Parallel()
	applied := served(t, rule("a", "object: customer, expression: 'name != null'"))
	result := on(t, applied, rule("a", "object: customer, expression: 'nam != null'"))
	if !result.Verdicts[Ref{KindRule, "a"}].Kept || result.Schema.Digest() != applied.Digest() {
		t.Errorf("the verdict is %+v, and the rules are %+v", result.Verdicts[Ref{KindRule, "a"}], result.Schema.Rules)
	}
}

func TestADeletedRuleOrIndexLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	applied := served(t, rule("a", "object: customer, expression: 'name != null'")+objectIndex("b", "object: customer, fields: [{field: name}]"))
	result := on(t, applied, "")
	customer, _ := result.Schema.Object("customer")
	if rules, indexes := result.Schema.RulesOf(customer), result.Schema.IndexesOf(customer); len(rules)+len(indexes)+len(result.Retained) != 0 {
		t.Errorf("%+v %+v %v", rules, indexes, result.Retained)
	}
}

func TestTheStandardModelGivesWayToATenantsRulesAndIndexes(t *testing.T) {
	t.Parallel()
	documents := rule("campaign-dates", "object: campaign, expression: 'budget != null'") +
		objectIndex("member-of-team", "object: team, fields: [{field: name}]") +
		objectIndex("contact-twice", "object: customer_contact, unique: true, fields: [{field: customer}, {field: contact}]")
	s := served(t, documents)
	identities := map[string]string{}
	for _, r := range s.Rules {
		identities["rule "+r.Identity] = r.Source
	}
	for _, x := range s.Indexes {
		identities["index "+x.Identity] = x.Source
	}
	for name, source := range map[string]string{
		"rule campaign-dates": "ValidationRule campaign-dates", "rule std_campaign-dates": "standard",
		"index member-of-team": "ObjectIndex member-of-team", "index std_member-of-team": "standard",
		"index contact-twice": "ObjectIndex contact-twice", "index contact-of-customer": "", "index member-of-segment": "standard",
	} {
		if identities[name] != source {
			t.Errorf("the source of the %s is %q, not %q", name, identities[name], source)
		}
	}
	if again := on(t, s, documents); again.Schema.Digest() != s.Digest() {
		t.Error("compiling over the own result changes the schema")
	}
}

func TestAStandardRuleIsLeftOutWhereACustomFieldHoldsItsName(t *testing.T) {
	t.Parallel()
	documents := field("goal-start", "object: campaign, name: start_date, type: text")
	in := read(t, documents)
	in.Fields = in.Fields[:0]
	old := Compile(in).Schema // what an older release served: campaign without a start
	campaign, _ := old.Object("campaign")
	for _, f := range campaign.Fields {
		if f.Identity == "start_date" {
			f.Identity, f.Column, f.Custom, f.Source, f.Type = "goal-start", "x_goal-start", true, "CustomField goal-start", schema.TypeText
		}
	}
	s := on(t, old, documents).Schema
	campaign, _ = s.Object("campaign")
	if rules := s.RulesOf(campaign); len(rules) != 0 {
		t.Errorf("the rules are %+v", rules)
	}
}

func TestARuleCannotMoveToAnotherObject(t *testing.T) {
	t.Parallel()
	applied := served(t, rule("a", "object: customer, expression: 'name != null'"))
	verdict := on(t, applied, rule("a", "object: contact, expression: 'name != null'")).Verdicts[Ref{KindRule, "a"}]
	if len(verdict.Problems) != 1 || verdict.Problems[0].Path != "spec.object" || !verdict.Kept {
		t.Errorf("the verdict is %+v", verdict)
	}
}
