package compile

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	crmv1 "github.com/kontor-crm/kontor/api/v1alpha1"
	"github.com/kontor-crm/kontor/internal/manifest"
	"github.com/kontor-crm/kontor/internal/schema"
)

// tenant has both modules.
func tenant() *crmv1.Tenant {
	return &crmv1.Tenant{
		ObjectMeta: metav1.ObjectMeta{Name: "acme"},
		Spec:       crmv1.TenantSpec{Modules: []crmv1.Module{crmv1.ModuleSales, crmv1.ModuleMarketing}, Currency: "USD"},
	}
}

// read makes an Input of YAML documents, each a second younger than the one before.
func read(t *testing.T, documents string) Input {
	t.Helper()
	in := Input{Tenant: tenant()}
	for i, document := range strings.Split(documents, "\n---\n") {
		if strings.TrimSpace(document) == "" {
			continue
		}
		if err := in.add([]byte(document), time.Unix(int64(i), 0)); err != nil {
			t.Fatalf("document %d: %v", i, err)
		}
	}
	return in
}

func (in *Input) add(document []byte, created time.Time) error {
	objects, err := manifest.Read(document)
	if err != nil {
		return err
	}
	for _, object := range objects {
		if object.GetKind() == "Namespace" {
			continue
		}
		object.SetAPIVersion(crmv1.GroupVersion.String())
		resource, err := manifest.Decode(object)
		if err != nil {
			return err
		}
		resource.SetCreationTimestamp(metav1.NewTime(created))
		in.Add(resource)
	}
	return nil
}

// field is a CustomField as YAML.
func field(name, spec string) string {
	return fmt.Sprintf("kind: CustomField\nmetadata: {name: %q}\nspec: {%s}\n---\n", name, spec)
}

func object(name, spec string) string {
	return fmt.Sprintf("kind: CustomObject\nmetadata: {name: %q}\nspec: {%s}\n---\n", name, spec)
}

func pipeline(name, spec string) string {
	return fmt.Sprintf("kind: Pipeline\nmetadata: {name: %q}\nspec: {%s}\n---\n", name, spec)
}

func rule(name, spec string) string {
	return fmt.Sprintf("kind: ValidationRule\nmetadata: {name: %q}\nspec: {message: {en: 'No'}, %s}\n---\n", name, spec)
}

func objectIndex(name, spec string) string {
	return fmt.Sprintf("kind: ObjectIndex\nmetadata: {name: %q}\nspec: {%s}\n---\n", name, spec)
}

// served compiles documents that must all be good.
func served(t *testing.T, documents string) *schema.Schema {
	t.Helper()
	result := Compile(read(t, documents))
	for ref, verdict := range result.Verdicts {
		if len(verdict.Problems) > 0 {
			t.Fatalf("%s: %v", ref, verdict.Problems)
		}
	}
	result.Schema.Revision = 1
	return result.Schema
}

// on compiles documents over an applied schema.
func on(t *testing.T, applied *schema.Schema, documents string) Result {
	t.Helper()
	in := read(t, documents)
	in.Applied = applied
	return Compile(in)
}

func mustField(t *testing.T, s *schema.Schema, objectName, fieldName string) *schema.Field {
	t.Helper()
	o, ok := s.Object(objectName)
	if !ok {
		t.Fatalf("there is no object %q", objectName)
	}
	f, ok := o.Field(fieldName)
	if !ok {
		t.Fatalf("%q has no field %q", objectName, fieldName)
	}
	return f
}

func hasField(s *schema.Schema, objectName, fieldName string) bool {
	o, ok := s.Object(objectName)
	if !ok {
		return false
	}
	_, ok = o.Field(fieldName)
	return ok
}

const stages = `stages: [{key: open, kind: open}, {key: won, kind: won}, {key: lost, kind: lost}]`

// refused is what the compiler is to say of one resource.
type refused struct {
	ref     Ref
	reason  string
	path    string
	message string
}

func TestBadResourcesAreRefusedWithPathAndReason(t *testing.T) {
	t.Parallel()
	tooMany := strings.Repeat("{key: a, type: text}, ", MaxInlineFields+1)
	for name, test := range map[string]struct {
		documents string
		want      refused
	}{
		"a field on an object that does not exist": {
			field("tier", "object: custmer, type: text"),
			refused{Ref{KindField, "tier"}, crmv1.ReasonObjectNotFound, "spec.object", `there is no object "custmer"; did you mean "customer"?`},
		},
		"a field on an object that is not accepted": {
			object("fleet", "fields: [{key: plate, type: picklist}]") + field("tier", "object: fleet, type: text"),
			refused{Ref{KindField, "tier"}, crmv1.ReasonObjectNotFound, "spec.object", `there is no object "fleet" yet: the CustomObject of that name is not accepted`},
		},
		"a relation to an object that does not exist": {
			field("tier", "object: customer, type: relation, target: fleet"),
			refused{Ref{KindField, "tier"}, crmv1.ReasonObjectNotFound, "spec.target", `there is no object "fleet"`},
		},
		"an inline relation to an object that does not exist": {
			object("fleet", "fields: [{key: plate, type: text}, {key: holder, type: relation, target: customers}]"),
			refused{Ref{KindObject, "fleet"}, crmv1.ReasonObjectNotFound, "spec.fields[1].target", `there is no object "customers"; did you mean "customer"?`},
		},
		"two fields that claim one API name": {
			field("tier-a", "object: customer, name: tier, type: text") + field("tier-b", "object: customer, name: tier, type: text"),
			refused{Ref{KindField, "tier-b"}, crmv1.ReasonNameConflict, "spec.name", `"tier" is the API name of CustomField tier-a already; choose another name`},
		},
		"a field that claims the API name of a standard field": {
			field("call", "object: customer, name: phone, type: text"),
			refused{Ref{KindField, "call"}, crmv1.ReasonNameConflict, "spec.name", `"phone" is the API name of a standard field of "customer" already; choose another name`},
		},
		"a field whose identity is that of a standard field": {
			field("phone", "object: customer, name: call, type: text"),
			refused{Ref{KindField, "phone"}, crmv1.ReasonNameConflict, "metadata.name", `"phone" is the identity of a standard field of "customer" already; choose another name`},
		},
		"a field whose identity is the key of an inline field": {
			object("fleet", "fields: [{key: plate, type: text}]") + field("plate", "object: fleet, name: other, type: text"),
			refused{Ref{KindField, "plate"}, crmv1.ReasonNameConflict, "metadata.name", `"plate" is the identity of CustomObject fleet already; choose another name`},
		},
		"a field whose column is that of an inline field": {
			object("fleet", "fields: [{key: place_id, type: text}]") + field("place", "object: fleet, type: relation, target: customer") + field("x", "object: fleet, type: text"),
			refused{Ref{KindField, "place"}, crmv1.ReasonNameConflict, "metadata.name", `the column "x_place_id" belongs to CustomObject fleet already; choose another name`},
		},
		"a field whose column is that of a part": {
			object("fleet", "fields: [{key: seat__city, type: text}]") + field("seat", "object: fleet, type: address"),
			refused{Ref{KindField, "seat"}, crmv1.ReasonNameConflict, "metadata.name", `the column "x_seat__city" belongs to CustomObject fleet already; choose another name`},
		},
		"an inline field whose column is that of a part": {
			object("fleet", "fields: [{key: seat, type: geo}, {key: seat__latitude, type: text}]"),
			refused{Ref{KindObject, "fleet"}, crmv1.ReasonInvalid, "spec.fields[1].key", `spec.fields[0] has the column "x_seat__latitude" already`},
		},
		"a field that claims the name of a companion": {
			field("call", "object: customer, name: phone_e164, type: text"),
			refused{Ref{KindField, "call"}, crmv1.ReasonNameConflict, "spec.name", `"phone_e164" is the API name of a standard field of "customer" already; choose another name`},
		},
		"a field whose companion's name is taken": {
			field("call-e164", "object: customer, type: text") + field("call", "object: customer, type: phone"),
			refused{Ref{KindField, "call"}, crmv1.ReasonNameConflict, "metadata.name", `"call_e164" is the API name of CustomField call-e164 already; choose another name`},
		},
		"an inline field that has the name of a companion": {
			object("fleet", "fields: [{key: call, type: phone}, {key: call_e164, type: text}]"),
			refused{Ref{KindObject, "fleet"}, crmv1.ReasonInvalid, "spec.fields[1].key", `spec.fields[0] has the name "call_e164" already`},
		},
		"a relation of which one target does not exist": {
			field("about", "object: customer, type: relation, targets: [contact, fleet]"),
			refused{Ref{KindField, "about"}, crmv1.ReasonObjectNotFound, "spec.targets[1]", `there is no object "fleet"`},
		},
		"an inline relation of which one target does not exist": {
			object("fleet", "fields: [{key: about, type: relation, targets: [contacts, fleet]}]"),
			refused{Ref{KindObject, "fleet"}, crmv1.ReasonObjectNotFound, "spec.fields[0].targets[0]", `there is no object "contacts"; did you mean "contact"?`},
		},
		"a target beside targets": {
			field("about", "object: customer, type: relation, target: contact, targets: [contact]"),
			refused{Ref{KindField, "about"}, crmv1.ReasonInvalid, "spec.targets", "a relation has a target or targets, not both"},
		},
		"a target that stands twice": {
			field("about", "object: customer, type: relation, targets: [contact, user, contact]"),
			refused{Ref{KindField, "about"}, crmv1.ReasonInvalid, "spec.targets[2]", `"contact" stands already at targets[0]`},
		},
		"targets of a text": {
			field("about", "object: customer, type: text, targets: [contact]"),
			refused{Ref{KindField, "about"}, crmv1.ReasonInvalid, "spec.targets", "only a relation has targets"},
		},
		"a title that points to records of several objects": {
			object("fleet", "titleField: about, fields: [{key: about, type: relation, targets: [contact, user]}]"),
			refused{Ref{KindObject, "fleet"}, crmv1.ReasonInvalid, "spec.titleField", `"about" is relation, whose value has parts; a title is one value`},
		},
		"a title that has parts": {
			object("fleet", "titleField: driver, fields: [{key: driver, type: person_name}]"),
			refused{Ref{KindObject, "fleet"}, crmv1.ReasonInvalid, "spec.titleField", `"driver" is person_name, whose value has parts; a title is one value`},
		},
		"an address with a default": {
			field("seat", `object: customer, type: address, default: "x"`),
			refused{Ref{KindField, "seat"}, crmv1.ReasonInvalid, "spec.default", "an address has no default: its value has parts"},
		},
		"a unique point": {
			field("seat", `object: customer, type: geo, unique: true`),
			refused{Ref{KindField, "seat"}, crmv1.ReasonInvalid, "spec.unique", "a geo cannot be unique: its value has parts"},
		},
		"the type of a part": {
			field("seat", `object: customer, type: country`),
			refused{Ref{KindField, "seat"}, crmv1.ReasonInvalid, "spec.type", `"country" is not a field type`},
		},
		"a pipeline on a part": {
			pipeline("tiers", "object: customer, field: address.city_tier, "+stages),
			refused{Ref{KindPipeline, "tiers"}, crmv1.ReasonInvalid, "spec.field", `"address.city_tier" is a part; the stage of a pipeline is held by a picklist of its own`},
		},
		"a pipeline on options of another field": {
			field("way", "object: customer, type: picklist, optionsFrom: {object: opportunity, field: stage}") + pipeline("ways", "object: customer, field: way, "+stages),
			refused{Ref{KindPipeline, "ways"}, crmv1.ReasonInvalid, "spec.field", `"way" has its options from another field; the stage of a pipeline is held by a picklist of its own`},
		},
		"two objects that claim one API name": {
			object("fleet", "name: car") + object("wagon", "name: car"),
			refused{Ref{KindObject, "wagon"}, crmv1.ReasonNameConflict, "spec.name", `"car" is the name of CustomObject fleet already; choose another name`},
		},
		"an object of a standard name": {
			object("customer", "fields: []"),
			refused{Ref{KindObject, "customer"}, crmv1.ReasonNameConflict, "metadata.name", `"customer" is the name of a standard object already; choose another name`},
		},
		"a name that is a reserved word of CEL": {
			field("tier", "object: customer, name: in, type: text"),
			refused{Ref{KindField, "tier"}, crmv1.ReasonInvalid, "spec.name", `"in" is a reserved word of CEL; choose another name`},
		},
		"an identity that is a reserved word of CEL": {
			field("package", "object: customer, type: text"),
			refused{Ref{KindField, "package"}, crmv1.ReasonInvalid, "metadata.name", `"package" is a reserved word of CEL; choose another name`},
		},
		"a name that is a system column of PostgreSQL": {
			field("tier", "object: customer, name: ctid, type: text"),
			refused{Ref{KindField, "tier"}, crmv1.ReasonInvalid, "spec.name", `"ctid" is a system column of PostgreSQL; choose another name`},
		},
		"a name that every record has": {
			field("tier", "object: customer, name: owner, type: text"),
			refused{Ref{KindField, "tier"}, crmv1.ReasonInvalid, "spec.name", `"owner" is a system field that every record has; choose another name`},
		},
		"an identity that every record has": {
			field("owner", "object: customer, name: keeper, type: text"),
			refused{Ref{KindField, "owner"}, crmv1.ReasonInvalid, "metadata.name", `"owner" is a system field that every record has; choose another name`},
		},
		"a name of 64 characters": {
			field("tier", "object: customer, type: text, name: "+strings.Repeat("a", 64)),
			refused{Ref{KindField, "tier"}, crmv1.ReasonInvalid, "spec.name", `has more than 48 characters`},
		},
		"a name with a quote": {
			field("tier", `object: customer, type: text, name: 'ti"er'`),
			refused{Ref{KindField, "tier"}, crmv1.ReasonInvalid, "spec.name", `is not a name: it starts with a lower-case letter`},
		},
		"a key with a quote": {
			object("fleet", `fields: [{key: 'pl"ate', type: text}]`),
			refused{Ref{KindObject, "fleet"}, crmv1.ReasonInvalid, "spec.fields[0].key", `is not a key: it starts with a lower-case letter`},
		},
		"an inline field that every record has": {
			object("fleet", `fields: [{key: owner, type: text}]`),
			refused{Ref{KindObject, "fleet"}, crmv1.ReasonInvalid, "spec.fields[0].key", `"owner" is a system field that every record has`},
		},
		"an inline field named as a reserved word": {
			object("fleet", `fields: [{key: plate, name: while, type: text}]`),
			refused{Ref{KindObject, "fleet"}, crmv1.ReasonInvalid, "spec.fields[0].name", `"while" is a reserved word of CEL`},
		},
		"two inline fields of one key": {
			object("fleet", `fields: [{key: plate, type: text}, {key: plate, type: text}]`),
			refused{Ref{KindObject, "fleet"}, crmv1.ReasonInvalid, "spec.fields[1].key", `spec.fields[0] has the key "plate" already`},
		},
		"two inline fields of one name": {
			object("fleet", `fields: [{key: plate, type: text}, {key: sign, name: plate, type: text}]`),
			refused{Ref{KindObject, "fleet"}, crmv1.ReasonInvalid, "spec.fields[1].name", `spec.fields[0] has the name "plate" already`},
		},
		"two inline fields of one column": {
			object("fleet", `fields: [{key: place, type: relation, target: customer}, {key: place_id, type: text}]`),
			refused{Ref{KindObject, "fleet"}, crmv1.ReasonInvalid, "spec.fields[1].key", `spec.fields[0] has the column "x_place_id" already`},
		},
		"more inline fields than there may be": {
			object("fleet", "fields: ["+tooMany+"]"),
			refused{Ref{KindObject, "fleet"}, crmv1.ReasonInvalid, "spec.fields", `an object has at most 100 inline fields`},
		},
		"a title that is no field": {
			object("fleet", `titleField: plat, fields: [{key: plate, type: text}]`),
			refused{Ref{KindObject, "fleet"}, crmv1.ReasonInvalid, "spec.titleField", `"plat" is not the key of one of the fields; did you mean "plate"?`},
		},
		"a picklist without options": {
			field("tier", "object: customer, type: picklist"),
			refused{Ref{KindField, "tier"}, crmv1.ReasonInvalid, "spec.options", `a picklist needs at least one option`},
		},
		"a picklist with one option twice": {
			field("tier", "object: customer, type: picklist, options: [{key: a}, {key: b}, {key: c}, {key: a}]"),
			refused{Ref{KindField, "tier"}, crmv1.ReasonInvalid, "spec.options[3].key", `"a" stands already at options[0]`},
		},
		"options on a text": {
			field("tier", "object: customer, type: text, options: [{key: a}]"),
			refused{Ref{KindField, "tier"}, crmv1.ReasonInvalid, "spec.options", `only a picklist or multi_picklist has options`},
		},
		"an amount that is to be cut": {
			field("tier", "object: customer, type: money, onViolation: Truncate"),
			refused{Ref{KindField, "tier"}, crmv1.ReasonInvalid, "spec.onViolation", `only text, long_text and rich_text can be cut; a value of the type money would become another one`},
		},
		"a unique text that is to be cut": {
			field("tier", "object: customer, type: text, unique: true, onViolation: Truncate"),
			refused{Ref{KindField, "tier"}, crmv1.ReasonInvalid, "spec.onViolation", `values that are cut may become the same, and the field is unique`},
		},
		"a required value that is to be taken away": {
			field("tier", "object: customer, type: integer, required: true, default: \"1\", onViolation: Clear"),
			refused{Ref{KindField, "tier"}, crmv1.ReasonInvalid, "spec.onViolation", `values cannot be taken away: the field is required`},
		},
		"an address that is to be taken away": {
			field("tier", "object: customer, type: address, onViolation: Clear"),
			refused{Ref{KindField, "tier"}, crmv1.ReasonInvalid, "spec.onViolation", `only Refuse goes with a value that has parts`},
		},
		"a formula whose values are to be taken away": {
			field("tier", "object: customer, type: formula, formula: {expression: \"1\", returns: integer}, onViolation: Clear"),
			refused{Ref{KindField, "tier"}, crmv1.ReasonInvalid, "spec.onViolation", `nobody gives a field of the type formula its values, so none is treated`},
		},
		"a number that is to be searched": {
			field("tier", "object: customer, type: integer, searchable: true"),
			refused{Ref{KindField, "tier"}, crmv1.ReasonInvalid, "spec.searchable", `only text, long_text, rich_text, email, phone, url, address and person_name can be searched`},
		},
		"a type that does not exist": {
			field("tier", "object: customer, type: blob"),
			refused{Ref{KindField, "tier"}, crmv1.ReasonInvalid, "spec.type", `"blob" is not a field type`},
		},
		"a default that is no value of the field": {
			field("tier", `object: customer, type: integer, default: "many"`),
			refused{Ref{KindField, "tier"}, crmv1.ReasonInvalid, "spec.default", `must be a whole number`},
		},
		"a default that is retired": {
			field("tier", "object: customer, type: picklist, default: gold, options: [{key: iron}, {key: gold, retired: true}]"),
			refused{Ref{KindField, "tier"}, crmv1.ReasonInvalid, "spec.default", `"gold" is retired`},
		},
		"a default of a shared set that is retired": {
			field("tier", "object: customer, type: picklist, options: [{key: iron}, {key: gold, retired: true}]") +
				field("rank", "object: contact, type: picklist, default: gold, optionsFrom: {object: customer, field: tier}"),
			refused{Ref{KindField, "rank"}, crmv1.ReasonInvalid, "spec.default", `"gold" is retired`},
		},
		"a picklist of which all options are retired": {
			field("tier", "object: customer, type: picklist, options: [{key: gold, retired: true}]"),
			refused{Ref{KindField, "tier"}, crmv1.ReasonInvalid, "spec.options", `needs at least one option that is not retired`},
		},
		"a pipeline whose won stage is retired": {
			pipeline("sales", "stages: [{key: open}, {key: won, kind: won, retired: true}, {key: lost, kind: lost}]"),
			refused{Ref{KindPipeline, "sales"}, crmv1.ReasonInvalid, "spec.stages", `at least one stage of the kind won that is not retired`},
		},
		"a time zone that does not exist": {
			"kind: Tenant\nmetadata: {name: acme}\nspec: {timeZone: Mars/Phobos}",
			refused{Ref{KindTenant, "acme"}, crmv1.ReasonInvalid, "spec.timeZone", `"Mars/Phobos" is not a time zone`},
		},
		"a pipeline without a won stage": {
			pipeline("sales", "stages: [{key: open}, {key: lost, kind: lost}]"),
			refused{Ref{KindPipeline, "sales"}, crmv1.ReasonInvalid, "spec.stages", `a pipeline needs at least one stage of the kind won`},
		},
		"a pipeline without a lost stage": {
			pipeline("sales", "stages: [{key: open}, {key: won, kind: won}]"),
			refused{Ref{KindPipeline, "sales"}, crmv1.ReasonInvalid, "spec.stages", `a pipeline needs at least one stage of the kind lost`},
		},
		"a move to a stage that does not exist": {
			pipeline("sales", "stages: [{key: open, allowedMoves: [won, lots]}, {key: won, kind: won}, {key: lost, kind: lost}]"),
			refused{Ref{KindPipeline, "sales"}, crmv1.ReasonInvalid, "spec.stages[0].allowedMoves[1]", `there is no stage "lots"`},
		},
		"a probability of 140": {
			pipeline("sales", "stages: [{key: open, probability: 140}, {key: won, kind: won}, {key: lost, kind: lost}]"),
			refused{Ref{KindPipeline, "sales"}, crmv1.ReasonInvalid, "spec.stages[0].probability", `140 is not a probability; it is a percentage from 0 to 100`},
		},
		"a stage that stands twice": {
			pipeline("sales", "stages: [{key: open}, {key: won, kind: won}, {key: lost, kind: lost}, {key: open}]"),
			refused{Ref{KindPipeline, "sales"}, crmv1.ReasonInvalid, "spec.stages[3].key", `"open" stands already at spec.stages[0]`},
		},
		"a gate that asks for a field that does not exist": {
			pipeline("sales", "stages: [{key: open}, {key: won, kind: won, gate: {required: [amount, closedate]}}, {key: lost, kind: lost}]"),
			refused{Ref{KindPipeline, "sales"}, crmv1.ReasonInvalid, "spec.stages[1].gate.required[1]", `"opportunity" has no field "closedate"; did you mean "close_date"?`},
		},
		"a pipeline on an object that does not exist": {
			pipeline("sales", "object: opportunities, "+stages),
			refused{Ref{KindPipeline, "sales"}, crmv1.ReasonObjectNotFound, "spec.object", `there is no object "opportunities"; did you mean "opportunity"?`},
		},
		"a pipeline on a field that is no picklist": {
			pipeline("sales", "field: name, "+stages),
			refused{Ref{KindPipeline, "sales"}, crmv1.ReasonInvalid, "spec.field", `"name" is of the type text; the stage of a pipeline is held by a picklist`},
		},
		"a pipeline on a field that does not exist": {
			pipeline("sales", "field: stag, "+stages),
			refused{Ref{KindPipeline, "sales"}, crmv1.ReasonInvalid, "spec.field", `"opportunity" has no field "stag"`},
		},
		"a second pipeline on the same field": {
			pipeline("sales", stages) + pipeline("retail", stages),
			refused{Ref{KindPipeline, "retail"}, crmv1.ReasonNameConflict, "spec.field", `opportunity/stage has its stages from Pipeline sales already`},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			// The rest of the tenant goes on working.
			result := Compile(read(t, test.documents+"\n---\n"+field("good-one", "object: customer, type: text")))
			if !hasField(result.Schema, "customer", "good_one") {
				t.Errorf("the good field is not in the schema: %v", result.Verdicts[Ref{KindField, "good-one"}])
			}
			verdict := result.Verdicts[test.want.ref]
			if verdict.Reason != test.want.reason {
				t.Errorf("the reason is %q, not %q", verdict.Reason, test.want.reason)
			}
			found := false
			for _, p := range verdict.Problems {
				found = found || p.Path == test.want.path && strings.Contains(p.Message, test.want.message)
			}
			if !found {
				t.Errorf("no problem at %s says %q: %v", test.want.path, test.want.message, verdict.Problems)
			}
			if verdict.Kept {
				t.Error("nothing was applied that could be kept")
			}
		})
	}
}

func TestSQLKeywordsAreGoodNames(t *testing.T) {
	t.Parallel()
	s := served(t, field("order", "object: customer, type: text")+field("user", "object: customer, type: text")+field("end", "object: customer, type: text")+
		object("select", "fields: [{key: table, type: text}]"))
	for _, name := range []string{"order", "user", "end"} {
		if f := mustField(t, s, "customer", name); f.Column != "x_"+name {
			t.Errorf("%s has the column %q", name, f.Column)
		}
	}
	mustField(t, s, "select", "table")
}

func TestAllProblemsOfAResourceAreToldAtOnce(t *testing.T) {
	t.Parallel()
	result := Compile(read(t, field("tier", "object: custmer, name: in, type: picklist, length: 3")))
	verdict := result.Verdicts[Ref{KindField, "tier"}]
	var paths []string
	for _, p := range verdict.Problems {
		paths = append(paths, p.Path)
	}
	if got := strings.Join(paths, " "); got != "spec.name spec.length spec.options spec.object" {
		t.Errorf("the problems are at %s", got)
	}
}

func TestAnObjectOfAModuleThatIsOffIsExplained(t *testing.T) {
	t.Parallel()
	in := read(t, field("tier", "object: campaign, type: text"))
	in.Tenant.Spec.Modules = []crmv1.Module{crmv1.ModuleSales}
	verdict := Compile(in).Verdicts[Ref{KindField, "tier"}]
	if len(verdict.Problems) != 1 || !strings.Contains(verdict.Problems[0].Message, `it belongs to the module "marketing", which the Tenant does not have`) {
		t.Errorf("the verdict is %+v", verdict)
	}
}

func TestRelationsToObjectsOfModulesThatAreOffAreLeftOut(t *testing.T) {
	t.Parallel()
	s := Standard([]string{ModuleSales})
	if _, ok := s.Object("campaign"); ok {
		t.Error("campaign is there without marketing")
	}
	if hasField(s, "lead", "campaign") {
		t.Error("lead points to campaign, which is not there")
	}
	if !hasField(Standard([]string{ModuleSales, ModuleMarketing}), "lead", "campaign") {
		t.Error("lead does not point to campaign, which is there")
	}
	if base := Standard(nil); len(base.Pipelines) != 0 || !hasField(base, "activity", "customer") || hasField(base, "activity", "lead") {
		t.Error("the base has something of sales, or lacks something of its own")
	}
}

func TestObjectsMayPointToEachOther(t *testing.T) {
	t.Parallel()
	s := served(t, object("fleet", "fields: [{key: best, type: relation, target: wagon}]")+object("wagon", "fields: [{key: fleet, type: relation, target: fleet}]"))
	if f := mustField(t, s, "wagon", "fleet"); f.Column != "x_fleet_id" || f.Target != "fleet" {
		t.Errorf("the relation is %+v", f)
	}
}

func TestABadResourceGoesOnInItsAppliedForm(t *testing.T) {
	t.Parallel()
	applied := served(t, object("fleet", "label: {en: Fleet}")+field("tier", "object: fleet, type: text, length: 10"))
	result := on(t, applied, object("fleet", "label: {en: Cars}, fields: [{key: owner, type: text}]")+field("tier", "object: fleet, type: text, length: 5000"))
	for _, ref := range []Ref{{KindObject, "fleet"}, {KindField, "tier"}} {
		if verdict := result.Verdicts[ref]; !verdict.Kept || verdict.Reason != crmv1.ReasonInvalid {
			t.Errorf("%s: the verdict is %+v", ref, verdict)
		}
	}
	if result.Schema.Digest() != applied.Digest() || result.Schema.Revision != 1 {
		t.Error("the schema is not the applied one")
	}
}

func TestAModuleThatIsTurnedOnBringsItsObjectsAndTheRelationsToThem(t *testing.T) {
	t.Parallel()
	whole := Standard(Modules)
	for _, module := range Modules {
		in := read(t, "")
		in.Tenant.Spec.Modules = nil
		for _, other := range Modules {
			if other != module {
				in.Tenant.Spec.Modules = append(in.Tenant.Spec.Modules, crmv1.Module(other))
			}
		}
		in.Applied = mustCompile(t, in).Schema
		in.Tenant = in.Tenant.DeepCopy()
		in.Tenant.Spec.Modules = append(in.Tenant.Spec.Modules, crmv1.Module(module))
		got := mustCompile(t, in).Schema
		if len(got.Objects) != len(whole.Objects) || len(got.Rules) != len(whole.Rules) || len(got.Indexes) != len(whole.Indexes) || len(got.Pipelines) != len(whole.Pipelines) {
			t.Errorf("with %s turned on there are %d objects, %d rules, %d indexes and %d pipelines", module, len(got.Objects), len(got.Rules), len(got.Indexes), len(got.Pipelines))
		}
		for _, o := range whole.Objects {
			for _, f := range o.Fields {
				if g := mustField(t, got, o.Name, f.Name); !slices.Equal(g.Targets, f.Targets) {
					t.Errorf("with %s turned on, %s.%s points to %v", module, o.Name, f.Name, g.Targets)
				}
			}
		}
	}
}

func TestWhatIsHeldKeepsItsAppliedForm(t *testing.T) {
	t.Parallel()
	before := field("tier", "object: customer, type: text, length: 10") + pipeline("sales", stages)
	in := read(t, field("tier", "object: customer, type: text, length: 5")+field("fresh", "object: customer, type: text")+
		pipeline("sales", "stages: [{key: begun}, {key: won, kind: won}, {key: lost, kind: lost}]"))
	in.Applied = served(t, before)
	in.Held = map[Ref]string{{KindField, "tier"}: "narrower", {KindField, "fresh"}: "no", {KindPipeline, "sales"}: "loses a stage"}
	result := Compile(in)
	if f := mustField(t, result.Schema, "customer", "tier"); f.Length != 10 {
		t.Errorf("the held field has the length %d", f.Length)
	}
	if hasField(result.Schema, "customer", "fresh") {
		t.Error("a held field without an applied form is in the schema")
	}
	if f := mustField(t, result.Schema, "opportunity", "stage"); f.Options[0].Key != "open" {
		t.Errorf("the stages are %v", f.Options)
	}
	if v := result.Verdicts[Ref{KindField, "tier"}]; !v.Kept || len(v.Problems) > 0 {
		t.Errorf("the verdict is %+v", v)
	}
	if v := result.Verdicts[Ref{KindField, "fresh"}]; v.Kept {
		t.Errorf("the verdict is %+v", v)
	}
	if result.Schema.Digest() != in.Applied.Digest() {
		t.Error("the schema is not the applied one")
	}
}

func TestWhoHoldsANameKeepsIt(t *testing.T) {
	t.Parallel()
	applied := served(t, field("tier-b", "object: customer, name: tier, type: text"))
	// The rival is older now, as after a restore.
	result := on(t, applied, field("tier-a", "object: customer, name: tier, type: text")+field("tier-b", "object: customer, name: tier, type: text"))
	if f := mustField(t, result.Schema, "customer", "tier"); f.Identity != "tier-b" {
		t.Errorf("the name went to %s", f.Identity)
	}
	if v := result.Verdicts[Ref{KindField, "tier-a"}]; v.Reason != crmv1.ReasonNameConflict {
		t.Errorf("the verdict is %+v", v)
	}
}

func TestTwoFieldsMaySwapTheirNames(t *testing.T) {
	t.Parallel()
	applied := served(t, field("one", "object: customer, name: left, type: text")+field("two", "object: customer, name: right, type: text"))
	swapped := field("one", "object: customer, name: right, type: text") + field("two", "object: customer, name: left, type: text")
	result := on(t, applied, swapped)
	if f := mustField(t, result.Schema, "customer", "left"); f.Identity != "two" || f.Column != "x_two" {
		t.Errorf("left is %+v", f)
	}
	in := read(t, swapped)
	in.Applied, in.Held = applied, map[Ref]string{{KindField, "one"}: "no"}
	result = Compile(in)
	if v := result.Verdicts[Ref{KindField, "two"}]; v.Reason != crmv1.ReasonNameConflict || !v.Kept {
		t.Errorf("with one of them held the other gets %+v", v)
	}
}

func TestACustomNameIsKeptWhenAReleaseAddsAStandardOne(t *testing.T) {
	t.Parallel()
	// What an older release served: the standard model without customer.phone and without campaign.
	in := read(t, field("phone", "object: customer, type: text")+field("telefax", "object: customer, name: fax, type: text")+
		object("campaign", "fields: [{key: goal, type: text}]"))
	in.Tenant.Spec.Modules = []crmv1.Module{crmv1.ModuleSales}
	in.Fields = in.Fields[:0]
	old := Compile(in).Schema
	customer, _ := old.Object("customer")
	for _, f := range customer.Fields {
		switch f.Identity {
		case "phone":
			f.Column, f.Custom, f.Source, f.Type, f.Length = "x_phone", true, "CustomField phone", schema.TypeText, 0
		case "fax":
			f.Identity, f.Column, f.Custom, f.Source, f.Type, f.Length = "telefax", "x_telefax", true, "CustomField telefax", schema.TypeText, 0
		}
	}
	now := on(t, old, field("phone", "object: customer, type: text")+field("telefax", "object: customer, name: fax, type: text")+
		object("campaign", "fields: [{key: goal, type: text}]"))
	for ref, v := range now.Verdicts {
		if len(v.Problems) > 0 {
			t.Errorf("%s: %v", ref, v.Problems)
		}
	}
	for name, column := range map[string]string{"phone": "x_phone", "fax": "x_telefax", "std_phone": "phone", "std_fax": "fax"} {
		if f := mustField(t, now.Schema, "customer", name); f.Column != column {
			t.Errorf("%s has the column %s, not %s", name, f.Column, column)
		}
	}
	if o, _ := now.Schema.Object("std_campaign"); o == nil || o.Table != "campaign" || o.Identity != "std_campaign" {
		t.Errorf("the standard campaign is %+v", o)
	}
	if f := mustField(t, now.Schema, "lead", "campaign"); f.Target != "std_campaign" {
		t.Errorf("lead points to %s", f.Target)
	}
	if got := strings.Join(now.Renamed, ", "); got != "customer.std_fax, customer.std_phone, std_campaign" {
		t.Errorf("renamed are %s", got)
	}
	again := on(t, now.Schema, field("phone", "object: customer, type: text")+field("telefax", "object: customer, name: fax, type: text")+
		object("campaign", "fields: [{key: goal, type: text}]"))
	if again.Schema.Digest() != now.Schema.Digest() {
		t.Error("the second time it says something else")
	}
}

func TestRenamingLeavesTheColumnAlone(t *testing.T) {
	t.Parallel()
	applied := served(t, object("fleet", "fields: [{key: plate, type: text}]")+field("tier", "object: fleet, type: text"))
	result := on(t, applied, object("fleet", "name: car, fields: [{key: plate, name: sign, type: text}]")+field("tier", "object: fleet, name: class, type: text"))
	o, ok := result.Schema.Object("car")
	if !ok || o.Table != "x_fleet" {
		t.Fatalf("the object is %+v", o)
	}
	if f := mustField(t, result.Schema, "car", "sign"); f.Column != "x_plate" {
		t.Errorf("sign has the column %s", f.Column)
	}
	if f := mustField(t, result.Schema, "car", "class"); f.Column != "x_tier" {
		t.Errorf("class has the column %s", f.Column)
	}
}

func TestRecordedPhysicalNamesAreTakenOver(t *testing.T) {
	t.Parallel()
	documents := object("fleet", "fields: [{key: plate, type: text}]") + field("tier", "object: fleet, type: text")
	applied := served(t, documents)
	// As another release may have derived them.
	fleet, _ := applied.Object("fleet")
	customer, _ := applied.Object("customer")
	fleet.Table, customer.Table = "c_fleet", "s_customer"
	mustField(t, applied, "fleet", "plate").Column = "c_plate"
	mustField(t, applied, "fleet", "tier").Column = "c_tier"
	mustField(t, applied, "customer", "phone").Column = "s_phone"
	if result := on(t, applied, documents); result.Schema.Digest() != applied.Digest() {
		t.Error("the physical names were derived anew")
	}
}

func TestAFieldCannotMoveToAnotherObject(t *testing.T) {
	t.Parallel()
	applied := served(t, field("tier", "object: customer, type: text"))
	result := on(t, applied, field("tier", "object: contact, type: text"))
	if v := result.Verdicts[Ref{KindField, "tier"}]; !v.Kept || v.Problems[0].Path != "spec.object" {
		t.Errorf("the verdict is %+v", v)
	}
	if !hasField(result.Schema, "customer", "tier") || hasField(result.Schema, "contact", "tier") {
		t.Error("the field moved")
	}
}

// salesPipeline is the one pipeline of opportunities.
func salesPipeline(t *testing.T, s *schema.Schema) *schema.Pipeline {
	t.Helper()
	o, ok := s.Object("opportunity")
	if !ok {
		t.Fatal("there are no opportunities")
	}
	pipelines := s.PipelinesOf(o)
	if len(pipelines) != 1 {
		t.Fatalf("opportunities have the pipelines %+v", pipelines)
	}
	return pipelines[0]
}

func TestATenantsPipelineReplacesTheStandardOne(t *testing.T) {
	t.Parallel()
	s := served(t, pipeline("sales", "stages: [{key: prospecting, probability: 10}, {key: won, kind: won, gate: {required: [amount, deal_size, deal-size]}}, {key: lost, kind: lost}]")+
		field("deal-size", "object: opportunity, type: integer"))
	sales := salesPipeline(t, s)
	if sales.Source != "Pipeline sales" {
		t.Fatalf("the pipeline is %+v", sales)
	}
	stage := mustField(t, s, "opportunity", "stage")
	if len(stage.Options) != 3 || stage.Options[0].Key != "prospecting" || stage.Default == nil || *stage.Default != "prospecting" {
		t.Errorf("the stage is %+v", stage)
	}
	won, _ := sales.Stage("won")
	if got := strings.Join(won.Required, ","); got != "amount,deal-size" || won.Probability != 100 {
		t.Errorf("the won stage is %+v", won)
	}
}

func TestADeletedPipelineGivesWayToANewOne(t *testing.T) {
	t.Parallel()
	applied := served(t, pipeline("sales", stages))
	result := on(t, applied, pipeline("retail", stages))
	if p := salesPipeline(t, result.Schema); len(result.Retained) != 0 || p.Source != "Pipeline retail" {
		t.Errorf("retained are %v, the pipeline is %+v", result.Retained, p)
	}
}

func TestAPipelineStandsOnACustomObject(t *testing.T) {
	t.Parallel()
	documents := object("claim", "fields: [{key: state, type: picklist, options: [{key: any}]}]") + pipeline("claims", "object: claim, field: state, "+stages)
	s := served(t, documents)
	if f := mustField(t, s, "claim", "state"); len(f.Options) != 3 || *f.Default != "open" {
		t.Errorf("the state is %+v", f)
	}
	// The field cannot become something else below its pipeline.
	result := on(t, s, object("claim", "fields: [{key: state, type: text}]")+pipeline("claims", "object: claim, field: state, "+stages))
	if v := result.Verdicts[Ref{KindObject, "claim"}]; !v.Kept || v.Problems[0].Path != "spec.fields[0].type" {
		t.Errorf("the verdict is %+v", v)
	}
	if result.Schema.Digest() != s.Digest() {
		t.Error("the schema is not the applied one")
	}
}

func TestAnObjectHasAtMost300CustomFields(t *testing.T) {
	t.Parallel()
	var documents strings.Builder
	for i := range MaxCustomFields + 2 {
		documents.WriteString(field(fmt.Sprintf("f%03d", i), "object: customer, type: text"))
	}
	result := Compile(read(t, documents.String()))
	for i := range MaxCustomFields + 2 {
		v := result.Verdicts[Ref{KindField, fmt.Sprintf("f%03d", i)}]
		if (i >= MaxCustomFields) != (v.Reason == crmv1.ReasonInvalid) {
			t.Errorf("field %d: %+v", i, v)
		}
	}
}

func TestARelationToSeveralObjectsHasTwoColumns(t *testing.T) {
	t.Parallel()
	s := served(t, object("fleet", "name: car")+field("about", "object: customer, type: relation, targets: [fleet, contact, customer]"))
	about := mustField(t, s, "customer", "about")
	if got := about.Columns(); !slices.Equal(got, []string{"x_about__object", "x_about__id"}) {
		t.Errorf("the columns are %v", got)
	}
	if got := about.TargetNames(); !slices.Equal(got, []string{"car", "contact", "customer"}) {
		t.Errorf("the targets are %v", got)
	}
	document, err := s.Document()
	if err != nil {
		t.Fatal(err)
	}
	loaded, err := schema.Load(document)
	if err != nil || loaded.Digest() != s.Digest() {
		t.Errorf("the stored schema is another one: %v", err)
	}
}

func TestAnObjectHasAtMost1500Columns(t *testing.T) {
	t.Parallel()
	var documents strings.Builder
	for i := range 150 {
		documents.WriteString(field(fmt.Sprintf("seat-%03d", i), "object: customer, type: address"))
	}
	result := Compile(read(t, documents.String()))
	o, _ := result.Schema.Object("customer")
	var columns int
	for _, f := range o.Fields {
		columns += len(f.Columns())
	}
	if columns > MaxColumns || columns < MaxColumns-20 {
		t.Errorf("the object has %d columns", columns)
	}
	last := result.Verdicts[Ref{KindField, "seat-149"}]
	if last.Reason != crmv1.ReasonInvalid || !strings.Contains(last.Problems[0].Message, "more than 1500 columns") {
		t.Errorf("the last field: %+v", last)
	}
}

func TestNoNewFormAddsColumnsOverTheBound(t *testing.T) {
	t.Parallel()
	addresses := func(n int, kind string) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "{key: %s%d, type: %s}, ", kind, i, kind)
		}
		return "fields: [" + b.String() + "]"
	}
	notes := func(kind string) string {
		var b strings.Builder
		for i := range 100 {
			b.WriteString(field(fmt.Sprintf("note-%02d", i), "object: fleet, type: "+kind))
		}
		return b.String()
	}
	applied := served(t, object("fleet", addresses(80, "address"))+notes("text"))
	const words = "would need more than 1500 columns"
	columns := func(r Result) int {
		o, _ := r.Schema.Object("fleet")
		n := 0
		for _, f := range o.Fields {
			n += len(f.Columns())
		}
		return n
	}

	// The object gives up its fields, whose columns stay, and asks for others.
	result := on(t, applied, object("fleet", strings.ReplaceAll(addresses(80, "address"), "key: address", "key: seat"))+notes("text")+field("small", "object: fleet, type: text"))
	result.says(t, Ref{KindObject, "fleet"}, crmv1.ReasonInvalid, "spec.fields", words)
	result.isFine(t, Ref{KindField, "small"})
	if !result.Verdicts[Ref{KindObject, "fleet"}].Kept || columns(result) != columns(Result{Schema: applied})+1 {
		t.Errorf("there are %d columns: %+v", columns(result), result.Verdicts[Ref{KindObject, "fleet"}])
	}

	// The texts become addresses, each of which has more columns.
	result = on(t, applied, object("fleet", addresses(80, "address"))+notes("address"))
	result.says(t, Ref{KindField, "note-99"}, crmv1.ReasonInvalid, "spec.type", words)
	result.isFine(t, Ref{KindField, "note-00"})
	if n := columns(result); n > MaxColumns || n < MaxColumns-12 {
		t.Errorf("there are %d columns", n)
	}
}

func TestABadTimeZoneLeavesTheAppliedOne(t *testing.T) {
	t.Parallel()
	in := read(t, "")
	in.Tenant.Spec.TimeZone = "Asia/Shanghai"
	in.Applied = Compile(in).Schema
	in.Tenant = tenant()
	in.Tenant.Spec.TimeZone = "Local"
	result := Compile(in)
	if result.Schema.Organisation.TimeZone != "Asia/Shanghai" || !result.Verdicts[Ref{KindTenant, "acme"}].Kept {
		t.Errorf("the time zone is %s, the verdict %+v", result.Schema.Organisation.TimeZone, result.Verdicts[Ref{KindTenant, "acme"}])
	}
}
