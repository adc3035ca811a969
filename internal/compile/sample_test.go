package compile

import (
	"encoding/csv"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/kontor-crm/kontor/internal/schema"
)

const sampleFolder = "../../config/samples/acme"

// readSample makes an Input of the sample's files, as one kubectl apply does.
func readSample(t *testing.T) Input {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(sampleFolder, "*.yaml"))
	if err != nil || len(names) == 0 {
		t.Fatalf("the sample is not there: %v", err)
	}
	var in Input
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for document := range strings.SplitSeq(string(text), "\n---\n") {
			if err := in.add([]byte(document), time.Unix(0, 0)); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
	}
	return in
}

func TestTheSampleCompilesWithoutAProblem(t *testing.T) {
	t.Parallel()
	in := readSample(t)
	result := mustCompile(t, in)
	for ref, v := range result.Verdicts {
		if len(v.Problems) > 0 {
			t.Errorf("%s: %v", ref, v.Problems)
		}
	}
	s := result.Schema
	if o := s.Organisation; o.Name != "acme" || o.Currency != "USD" || o.Language != "en" {
		t.Errorf("the organisation is %+v", o)
	}
	for _, path := range []string{
		"customer.sector", "customer.revenue", "customer.year_established", "customer.subsidiary_of", "customer.employees",
		"opportunity.deal_id", "opportunity.product", "opportunity.engaged_on", "product.series",
		"user.regional_office", "user.manager", "service_contract.customer",
	} {
		object, name, _ := strings.Cut(path, ".")
		f := mustField(t, s, object, name)
		if f.Label["en"] == "" || f.Label["zh"] == "" {
			t.Errorf("%s has the labels %v", path, f.Label)
		}
	}
	sales := salesPipeline(t, s)
	if sales.Identity != "sales" {
		t.Fatalf("the pipeline is %+v", sales)
	}
	var keys []string
	for _, stage := range sales.Stages {
		keys = append(keys, stage.Key)
	}
	if got := strings.Join(keys, " "); got != "prospecting engaging won lost" {
		t.Errorf("the stages are %s", got)
	}
	if won := sales.Stages[2]; won.Kind != schema.StageWon || strings.Join(won.Required, " ") != "amount close_date" {
		t.Errorf("the won stage is %+v", won)
	}
}

// mapping is the form that the import reads.
type mapping struct {
	Object string         `json:"object"`
	Key    string         `json:"key"`
	Fields []mappingField `json:"fields"`
}

type mappingField struct {
	Field   string            `json:"field"`
	Column  string            `json:"column"`
	Value   string            `json:"value"`
	Lookup  string            `json:"lookup"`
	Aliases map[string]string `json:"aliases"`
	Nulls   []string          `json:"nulls"`
}

type step struct {
	Mapping string `json:"mapping"`
	File    string `json:"file"`
}

func readYAML(t *testing.T, name string, into any) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(sampleFolder, "import", name))
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.UnmarshalStrict(text, into); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

func TestTheSamplesMappingsFitItsSchema(t *testing.T) {
	t.Parallel()
	s := mustCompile(t, readSample(t)).Schema
	var steps []step
	readYAML(t, "steps.yaml", &steps)
	if len(steps) != 6 {
		t.Errorf("there are %d steps", len(steps))
	}
	for _, step := range steps {
		var m mapping
		readYAML(t, step.Mapping, &m)
		if key := mustField(t, s, m.Object, m.Key); !key.Unique {
			t.Errorf("%s: the key %s is not unique", step.Mapping, m.Key)
		}
		for _, mf := range m.Fields {
			f := mustField(t, s, m.Object, mf.Field)
			if (mf.Lookup != "") != (f.Type == schema.TypeRelation) {
				t.Errorf("%s: %s has the type %s and the lookup %q", step.Mapping, mf.Field, f.Type, mf.Lookup)
			}
			if mf.Lookup != "" {
				target, _ := s.ObjectByIdentity(f.Target)
				if by := mustField(t, s, target.Name, mf.Lookup); !by.Unique {
					t.Errorf("%s: %s looks up by %s, which is not unique", step.Mapping, mf.Field, mf.Lookup)
				}
			}
		}
	}
}

func TestEveryValueOfTheSamplesDataFits(t *testing.T) {
	t.Parallel()
	folder := "../../../shared/data/maven-crm"
	if _, err := os.Stat(folder); err != nil {
		t.Skip("the data set is not beside the checkout")
	}
	s := mustCompile(t, readSample(t)).Schema
	var steps []step
	readYAML(t, "steps.yaml", &steps)
	known := map[string]map[string]bool{} // object -> keys of the records that were made
	counts := map[string]int{}
	for _, step := range steps {
		var m mapping
		readYAML(t, step.Mapping, &m)
		rows := readCSV(t, filepath.Join(folder, step.File))
		if known[m.Object] == nil {
			known[m.Object] = map[string]bool{}
		}
		made := map[string]bool{}
		for line, row := range rows[1:] {
			for _, mf := range m.Fields {
				text := mf.value(t, rows[0], row)
				f := mustField(t, s, m.Object, mf.Field)
				switch {
				case mf.Lookup != "":
					if text != "" && !known[f.Target][text] {
						t.Errorf("%s, line %d: there is no %s %q", step.File, line+2, f.Target, text)
					}
				default:
					value, err := f.Parse(text)
					if err != nil || value == nil && f.Required {
						t.Errorf("%s, line %d: %s %q: %v", step.File, line+2, mf.Field, text, err)
					}
				}
				if mf.Field == m.Key {
					made[text] = true
				}
				if mf.Field == "amount" && text == "" {
					counts["without amount"]++
				}
			}
		}
		for key := range made {
			known[m.Object][key] = true
		}
	}
	for object, records := range known {
		counts[object] = len(records)
	}
	for name, want := range map[string]int{"user": 41, "product": 7, "customer": 85, "opportunity": 8800, "without amount": 2089 + 2473} {
		if counts[name] != want {
			t.Errorf("%s: %d, not %d", name, counts[name], want)
		}
	}
}

// value is the text of a mapped field in a row.
func (mf mappingField) value(t *testing.T, header, row []string) string {
	t.Helper()
	if mf.Column == "" {
		return mf.Value
	}
	i := slices.Index(header, mf.Column)
	if i < 0 {
		t.Fatalf("there is no column %q in %v", mf.Column, header)
	}
	text := row[i]
	if alias, ok := mf.Aliases[text]; ok {
		text = alias
	}
	if slices.Contains(mf.Nulls, text) {
		return ""
	}
	return text
}

func readCSV(t *testing.T, name string) [][]string {
	t.Helper()
	file, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	rows, err := csv.NewReader(file).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return rows
}
