package compile

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	crmv1 "github.com/kontor-crm/kontor/api/v1alpha1"
	"github.com/kontor-crm/kontor/internal/schema"
	"github.com/kontor-crm/kontor/test/gen"
)

// randomInput makes resources that get in each other's way, some of which are held.
func randomInput(r *rand.Rand) Input {
	c := gen.Random(r)
	in := Input{Tenant: c.Tenant, Objects: c.Objects, Fields: c.Fields, Pipelines: c.Pipelines, Rules: c.Rules, Indexes: c.Indexes, Held: map[Ref]string{}}
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
	if _, sound := compileWithout(in, nil); !sound {
		t.Fatalf("the schema does not build: %+v", in)
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
	if want := 1 + len(in.Objects) + len(in.Fields) + len(in.Pipelines) + len(in.Rules) + len(in.Indexes); len(result.Verdicts) != want {
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
	for _, x := range result.Schema.Indexes {
		sources[x.Source] = true
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
	for _, o := range before.Retired.Objects {
		now, live := after.ObjectByIdentity(o.Form.Identity)
		if kept, ok := after.Retired.Object(o.Form.Identity); live == ok || live && now.Table != o.Form.Table || ok && kept.Since != o.Since {
			t.Fatalf("%s: the retired object %s became %+v and %+v", at, o.Form.Identity, now, kept)
		}
	}
	for _, f := range before.Retired.Fields {
		o, live := after.ObjectByIdentity(f.Object)
		now := (*schema.Field)(nil)
		if live {
			now, live = o.FieldByIdentity(f.Form.Identity)
		}
		if kept, ok := after.Retired.Field(f.Object, f.Form.Identity); live == ok || live && now.Column != f.Form.Column || ok && kept.Since != f.Since {
			t.Fatalf("%s: the retired field %s of %s became %+v and %+v", at, f.Form.Identity, f.Object, now, kept)
		}
	}
	for _, o := range before.Objects {
		now, ok := after.ObjectByIdentity(o.Identity)
		if !ok {
			retired, _ := after.Retired.Object(o.Identity)
			now, ok = retired.Form, retired.Form != nil
		}
		if !ok || now.Table != o.Table || now.Source != o.Source {
			t.Fatalf("%s: the object %s became %+v", at, o.Identity, now)
		}
		for _, f := range o.Fields {
			if f.Computed() {
				continue // it holds nothing that could be lost
			}
			g, ok := now.FieldByIdentity(f.Identity)
			if !ok {
				retired, _ := after.Retired.Field(o.Identity, f.Identity)
				g, ok = retired.Form, retired.Form != nil
			}
			if !ok || schema.OwnColumn(g.Column) != schema.OwnColumn(f.Column) || g.FormOf(f.Column) == nil {
				t.Fatalf("%s: the field %s.%s became %+v", at, o.Identity, f.Identity, g)
			}
			if hasOptions(f) && hasOptions(g) && len(withRemoved(g.Options, f.Options, time.Time{})) > len(g.Options) {
				t.Fatalf("%s: the field %s.%s lost an option: %+v", at, o.Identity, f.Identity, g)
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
		if slots[slot(p)] || f.Type != schema.TypePicklist || len(f.Choices()) != len(p.Choices()) {
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
