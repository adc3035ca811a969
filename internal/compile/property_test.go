package compile

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	crmv1 "github.com/kontor-crm/kontor/api/v1alpha1"
	"github.com/kontor-crm/kontor/internal/schema"
)

// pick is one of the values.
func pick[T any](r *rand.Rand, values ...T) T { return values[r.IntN(len(values))] }

// randomInput makes resources that get in each other's way: few names, many
// claims, things that point to nothing, and things that are wrong in themselves.
func randomInput(r *rand.Rand) Input {
	in := Input{Tenant: tenant(), Held: map[Ref]string{}}
	in.Tenant.Spec.Modules = pick(r, nil, []crmv1.Module{crmv1.ModuleSales}, []crmv1.Module{crmv1.ModuleSales, crmv1.ModuleMarketing}, []crmv1.Module{crmv1.ModuleService})
	meta := func(name string) metav1.ObjectMeta {
		return metav1.ObjectMeta{Name: name, CreationTimestamp: metav1.NewTime(time.Unix(int64(r.IntN(4)), 0))}
	}
	objects := []string{"campaign", "fleet", "wagon", "car", "customer"}
	word := func() string { return pick(r, "", "", "one", "two", "phone", "three", "std_phone") }
	spec := func() crmv1.FieldSpec {
		s := crmv1.FieldSpec{Name: word(), Type: pick(r, crmv1.FieldText, crmv1.FieldPicklist, crmv1.FieldPicklist, crmv1.FieldRelation, crmv1.FieldMoney, crmv1.FieldFormula, crmv1.FieldRollup)}
		if s.Type == crmv1.FieldPicklist {
			s.Options = pick(r, []crmv1.Option{{Key: "a"}, {Key: "b"}}, []crmv1.Option{{Key: "a"}}, nil)
		}
		if s.Type == crmv1.FieldText {
			s.RequiredWhen = pick(r, "", "", "two != null", "three == 'a'")
			s.DefaultExpression = pick(r, "", "", "", "two", "phone")
		}
		if s.Type == crmv1.FieldRelation {
			s.Target = pick(r, append(objects, "opportunity", "nothing")...)
			s.Inverse = pick(r, "", "ones", "one", "twos")
		}
		if s.Type == crmv1.FieldFormula {
			s.Formula = &crmv1.FormulaSpec{Expression: pick(r, "one", "two + 1", "phone", "ones.size()", "place.one", "number"), Returns: pick(r, crmv1.FieldText, crmv1.FieldDecimal)}
		}
		if s.Type == crmv1.FieldRollup {
			s.Rollup = &crmv1.RollupSpec{Inverse: pick(r, "ones", "twos"), Function: pick(r, "count", "max"), Field: pick(r, "", "one", "number")}
		}
		return s
	}
	for _, name := range objects[:r.IntN(len(objects)+1)] {
		o := &crmv1.CustomObject{ObjectMeta: meta(name), Spec: crmv1.CustomObjectSpec{Name: pick(r, "", "", "van", "bus", "lead")}}
		for _, key := range []string{"one", "two", "place", "place_id"}[:r.IntN(5)] {
			o.Spec.Fields = append(o.Spec.Fields, crmv1.Field{Key: key, FieldSpec: spec()})
		}
		in.Objects = append(in.Objects, o)
	}
	for i := range r.IntN(12) {
		name := pick(r, "one", "two", "three", "phone", "owner", "place", fmt.Sprintf("f-%d", i))
		f := &crmv1.CustomField{ObjectMeta: meta(name), Spec: crmv1.CustomFieldSpec{Object: pick(r, append(objects, "opportunity", "nothing")...), FieldSpec: spec()}}
		if !taken(in.Fields, name) {
			in.Fields = append(in.Fields, f)
		}
	}
	for _, name := range []string{"sales", "retail", "opportunity", "third"}[:r.IntN(5)] {
		p := &crmv1.Pipeline{ObjectMeta: meta(name), Spec: crmv1.PipelineSpec{
			Object: pick(r, "opportunity", "customer", "fleet", "nothing"), Field: pick(r, "stage", "one", "two", "industry"),
			Stages: []crmv1.Stage{
				{Key: pick(r, "open", "begun"), AllowedMoves: pick(r, nil, []string{"won"}, []string{"nowhere"})},
				{Key: "won", Kind: crmv1.StageWon, Gate: &crmv1.Gate{Required: []string{pick(r, "name", "one", "amount", "nothing")}}},
				{Key: "lost", Kind: pick(r, crmv1.StageLost, crmv1.StageLost, crmv1.StageOpen)},
			},
		}}
		in.Pipelines = append(in.Pipelines, p)
	}
	for _, name := range []string{"rule-a", "rule-b"}[:r.IntN(3)] {
		in.Rules = append(in.Rules, &crmv1.ValidationRule{ObjectMeta: meta(name), Spec: crmv1.ValidationRuleSpec{
			Object: pick(r, "customer", "customer", "opportunity"), Expression: pick(r, "one != null", "two == 'a'", "place.one == null"), Message: crmv1.Label{"en": "No"},
		}})
	}
	for _, f := range in.Fields {
		if r.IntN(8) == 0 {
			in.Held[Ref{KindField, f.Name}] = "held"
		}
	}
	for _, p := range in.Pipelines {
		if r.IntN(8) == 0 {
			in.Held[Ref{KindPipeline, p.Name}] = "held"
		}
	}
	for _, o := range in.Objects {
		if r.IntN(8) == 0 {
			in.Held[Ref{KindObject, o.Name}] = "held"
		}
	}
	return in
}

func taken(fields []*crmv1.CustomField, name string) bool {
	for _, f := range fields {
		if f.Name == name {
			return true
		}
	}
	return false
}

func shuffle(r *rand.Rand, in Input) Input {
	shuffled := in
	shuffled.Objects = append([]*crmv1.CustomObject(nil), in.Objects...)
	shuffled.Fields = append([]*crmv1.CustomField(nil), in.Fields...)
	shuffled.Pipelines = append([]*crmv1.Pipeline(nil), in.Pipelines...)
	r.Shuffle(len(shuffled.Objects), func(i, j int) {
		shuffled.Objects[i], shuffled.Objects[j] = shuffled.Objects[j], shuffled.Objects[i]
	})
	r.Shuffle(len(shuffled.Fields), func(i, j int) {
		shuffled.Fields[i], shuffled.Fields[j] = shuffled.Fields[j], shuffled.Fields[i]
	})
	r.Shuffle(len(shuffled.Pipelines), func(i, j int) {
		shuffled.Pipelines[i], shuffled.Pipelines[j] = shuffled.Pipelines[j], shuffled.Pipelines[i]
	})
	return shuffled
}

// mustCompile fails where Compile would fall back.
func mustCompile(t *testing.T, in Input) Result {
	t.Helper()
	if _, err := newCompiler(in).compile(); err != nil {
		t.Fatalf("the schema does not build: %v\n%+v", err, in)
	}
	return Compile(in)
}

func TestTheSchemaHoldsItsPromisesOverManyRevisions(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 0))
		var applied *schema.Schema
		for revision := range int64(8) {
			in := randomInput(r)
			in.Applied = applied
			result := mustCompile(t, in)
			at := fmt.Sprintf("seed %d, revision %d", seed, revision)
			if other := mustCompile(t, shuffle(r, in)); other.Schema.Digest() != result.Schema.Digest() {
				t.Fatalf("%s: the order of the input changes the schema", at)
			} else if a, b := fmt.Sprint(other.Verdicts), fmt.Sprint(result.Verdicts); a != b {
				t.Fatalf("%s: the order of the input changes the verdicts:\n%s\n%s", at, a, b)
			}
			checkVerdicts(t, at, in, result)
			checkNothingLost(t, at, applied, result.Schema)
			checkNobodyIsLeftWithout(t, at, in, result)
			checkDefinitions(t, at, result.Schema)
			again := in
			again.Applied, again.Held = reload(t, result.Schema), nil
			for ref := range in.Held {
				if again.Held == nil {
					again.Held = map[Ref]string{}
				}
				again.Held[ref] = "held"
			}
			if second := mustCompile(t, again); second.Schema.Digest() != result.Schema.Digest() {
				t.Fatalf("%s: compiling over the own result changes the schema", at)
			}
			applied = reload(t, result.Schema)
			applied.Revision = revision + 1
		}
	}
}

// reload takes the schema through its stored form, as the operator does.
func reload(t *testing.T, s *schema.Schema) *schema.Schema {
	t.Helper()
	document, err := s.Document()
	if err != nil {
		t.Fatal(err)
	}
	loaded, err := schema.Load(document)
	if err != nil {
		t.Fatal(err)
	}
	return loaded
}

func checkVerdicts(t *testing.T, at string, in Input, result Result) {
	t.Helper()
	if want := 1 + len(in.Objects) + len(in.Fields) + len(in.Pipelines) + len(in.Rules); len(result.Verdicts) != want {
		t.Fatalf("%s: there are %d verdicts for %d resources", at, len(result.Verdicts), want)
	}
	sources := map[string]bool{}
	for _, o := range result.Schema.Objects {
		sources[o.Source] = true
		for _, f := range o.Fields {
			sources[f.Source] = true
		}
	}
	for _, p := range result.Schema.Pipelines {
		sources[p.Source] = true
	}
	for _, r := range result.Schema.Rules {
		sources[r.Source] = true
	}
	for ref, v := range result.Verdicts {
		if ref.Kind == KindTenant {
			continue
		}
		if (len(v.Problems) > 0) != (v.Reason != "") {
			t.Fatalf("%s: %s: a reason without a problem, or a problem without a reason: %+v", at, ref, v)
		}
		_, held := in.Held[ref]
		there := len(v.Problems) == 0 && !held || v.Kept
		if sources[ref.String()] != there {
			t.Fatalf("%s: %s is in the schema: %t, and the verdict is %+v", at, ref, sources[ref.String()], v)
		}
	}
}

// checkNothingLost compares the physical names with those of the revision before.
func checkNothingLost(t *testing.T, at string, before, after *schema.Schema) {
	t.Helper()
	if before == nil {
		return
	}
	for _, o := range before.Objects {
		now, ok := after.ObjectByIdentity(o.Identity)
		if !ok || now.Table != o.Table || now.Source != o.Source {
			t.Fatalf("%s: the object %s became %+v", at, o.Identity, now)
		}
		for _, f := range o.Fields {
			if f.Computed() {
				continue // it holds nothing that could be lost
			}
			g, ok := now.FieldByIdentity(f.Identity)
			if !ok || g.Column != f.Column || g.Source != f.Source {
				t.Fatalf("%s: the field %s.%s became %+v", at, o.Identity, f.Identity, g)
			}
		}
	}
}

// checkNobodyIsLeftWithout sees to it that what is given and applied goes on, with its conditions.
func checkNobodyIsLeftWithout(t *testing.T, at string, in Input, result Result) {
	t.Helper()
	for ref, v := range result.Verdicts {
		applied := ref.Kind == KindTenant
		if in.Applied != nil && !applied {
			for _, o := range in.Applied.Objects {
				applied = applied || o.Source == ref.String() || slices.ContainsFunc(o.Fields, func(f *schema.Field) bool { return f.Source == ref.String() && !f.Computed() })
			}
			applied = applied || slices.ContainsFunc(in.Applied.Rules, func(r *schema.ValidationRule) bool { return r.Source == ref.String() })
		}
		if applied && len(v.Problems) > 0 && !v.Kept {
			t.Fatalf("%s: %s was applied, and is not kept: %+v", at, ref, v)
		}
	}
}

// checkDefinitions looks at what Build does not: names, columns, targets and pipelines.
func checkDefinitions(t *testing.T, at string, s *schema.Schema) {
	t.Helper()
	tables := map[string]bool{}
	for _, o := range s.Objects {
		if tables[o.Table] || schema.CheckObjectName(o.Name) != "" {
			t.Fatalf("%s: the object %+v", at, o)
		}
		tables[o.Table] = true
		columns := map[string]bool{}
		for _, f := range o.AllFields() {
			if columns[f.Column] || f.Custom && len(schema.CheckField(f)) > 0 || !f.System && schema.CheckFieldName(f.Name) != "" {
				t.Fatalf("%s: the field %s.%+v", at, o.Identity, f)
			}
			columns[f.Column] = true
		}
	}
	slots, identities := map[string]bool{}, map[string]bool{}
	for _, p := range s.Pipelines {
		if identities[p.Identity] {
			t.Fatalf("%s: two pipelines are called %s", at, p.Identity)
		}
		identities[p.Identity] = true
		o, _ := s.ObjectByIdentity(p.Object)
		f, _ := o.FieldByIdentity(p.Field)
		if slots[slot(p)] || f.Type != schema.TypePicklist || len(f.Options) != len(p.Stages) {
			t.Fatalf("%s: the pipeline %+v stands on %+v", at, p, f)
		}
		slots[slot(p)] = true
		for _, stage := range p.Stages {
			for _, required := range stage.Required {
				if _, ok := o.FieldByIdentity(required); !ok {
					t.Fatalf("%s: the pipeline %s asks for %s", at, p.Identity, required)
				}
			}
		}
	}
}

func FuzzAnyCustomFieldCompiles(f *testing.F) {
	f.Add([]byte(`{"metadata":{"name":"tier"},"spec":{"object":"customer","name":"tier","type":"picklist","options":[{"key":"gold"}],"scale":3,"default":"1"}}`))
	f.Add([]byte(`{"metadata":{"name":"phone"},"spec":{"object":"customer","type":"relation","target":"user","min":"1e9","length":-1}}`))
	f.Add([]byte(`{"metadata":{"name":"a"},"spec":{"object":"","type":"money","scale":-3,"min":"9","max":"3","precision":99}}`))
	f.Fuzz(func(t *testing.T, document []byte) {
		var given crmv1.CustomField
		if json.Unmarshal(document, &given) != nil {
			t.Skip()
		}
		in := Input{Tenant: tenant(), Fields: []*crmv1.CustomField{&given}}
		first := mustCompile(t, in)
		checkDefinitions(t, "the first time", first.Schema)
		in.Applied = reload(t, first.Schema)
		if second := mustCompile(t, in); second.Schema.Digest() != first.Schema.Digest() {
			t.Error("compiling over the own result changes the schema")
		}
	})
}

func FuzzAnyPipelineCompiles(f *testing.F) {
	f.Add([]byte(`{"metadata":{"name":"sales"},"spec":{"object":"opportunity","field":"stage","stages":[{"key":"open","allowedMoves":["won"]},{"key":"won","kind":"won","gate":{"required":["amount"]}},{"key":"lost","kind":"lost"}]}}`))
	f.Add([]byte(`{"metadata":{"name":"opportunity"},"spec":{"object":"customer","field":"kind","stages":[{"key":"won","kind":"won"},{"key":"lost","kind":"lost","probability":-1}]}}`))
	f.Add([]byte(`{"spec":{"stages":[{"key":""},{"key":""}]}}`))
	f.Fuzz(func(t *testing.T, document []byte) {
		var given crmv1.Pipeline
		if json.Unmarshal(document, &given) != nil {
			t.Skip()
		}
		in := Input{Tenant: tenant(), Pipelines: []*crmv1.Pipeline{&given}}
		first := mustCompile(t, in)
		checkDefinitions(t, "the first time", first.Schema)
		in.Applied = reload(t, first.Schema)
		if second := mustCompile(t, in); second.Schema.Digest() != first.Schema.Digest() {
			t.Error("compiling over the own result changes the schema")
		}
	})
}
