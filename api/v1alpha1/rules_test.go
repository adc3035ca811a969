package v1alpha1_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	crmv1 "github.com/kontor-crm/kontor/api/v1alpha1"
	"github.com/kontor-crm/kontor/test/env"
)

func TestMain(m *testing.M) { env.Main(m) }

// resource is an object of that kind; spec is YAML, or empty for none.
func resource(t *testing.T, kind, namespace, name, spec string) *unstructured.Unstructured {
	t.Helper()
	object := &unstructured.Unstructured{Object: map[string]any{}}
	object.SetGroupVersionKind(crmv1.GroupVersion.WithKind(kind))
	object.SetName(name)
	if kind != "DatabaseServer" {
		object.SetNamespace(namespace)
	}
	if spec != "" {
		var content map[string]any
		if err := yaml.Unmarshal([]byte(spec), &content); err != nil {
			t.Fatalf("the test's own YAML: %v", err)
		}
		object.Object["spec"] = content
	}
	return object
}

func apiServer(t *testing.T) (client.Client, string) {
	t.Helper()
	cluster := env.Cluster(t)
	scheme := runtime.NewScheme()
	if err := crmv1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	return cluster.Client(t, scheme), cluster.Namespace(t)
}

const won = "{key: won, kind: won}, {key: lost, kind: lost}"

// accepted are specs that the API server takes.
var accepted = map[string]struct{ kind, name, spec string }{
	"a tenant that says nothing":                    {kind: "Tenant"},
	"a tenant that says everything":                 {kind: "Tenant", spec: "{displayName: 艾克米, language: zh-Hans, timeZone: America/Argentina/Buenos_Aires, currency: CNY, modules: [sales], administrator: {email: a@b.example, name: A}, database: {server: main, deletionPolicy: Delete}, service: {hosts: [acme.example.com, acme.localhost]}, changePolicy: {automatic: [Safe]}, driftPolicy: Report, suspend: true, interval: 1h30m}"},
	"a tenant without modules":                      {kind: "Tenant", spec: "{modules: []}"},
	"a server at a DNS name":                        {kind: "DatabaseServer", spec: "{address: {host: db.example.com}, adminSecretRef: {name: admin}}"},
	"a server at an IPv6 address":                   {kind: "DatabaseServer", spec: "{address: {host: '2001:db8::1', sslMode: require, caSecretRef: {name: ca}}, poolerAddress: {host: pool}, adminSecretRef: {name: admin}}"},
	"a server at a socket":                          {kind: "DatabaseServer", spec: "{address: {host: /run/postgresql, port: 5433, sslMode: disable}, adminSecretRef: {name: admin}}"},
	"a server with adoptions":                       {kind: "DatabaseServer", spec: "{address: {host: db}, adminSecretRef: {name: admin}, adoptions: [{namespace: a, tenant: a, database: kontor_0123456789abcdef}, {namespace: b, tenant: a, database: kontor_0123456789abcdee}]}"},
	"an object without fields":                      {kind: "CustomObject", spec: "{}"},
	"an object with fields of all types":            {kind: "CustomObject", spec: "{titleField: a, fields: [{key: a, type: text, length: 20}, {key: b, type: long_text}, {key: c, type: integer, min: '-5', max: '5'}, {key: d, type: decimal, precision: 10, scale: 2}, {key: e, type: money, min: '0.01'}, {key: f, type: percent}, {key: g, type: boolean, default: 'true'}, {key: h, type: date}, {key: i, type: datetime}, {key: j, type: picklist, options: [{key: x}]}, {key: k, type: multi_picklist, options: [{key: x, label: {en: X, zh: 甲}}]}, {key: l, type: email}, {key: m, type: phone}, {key: web, type: url}, {key: o, type: relation, target: customer}, {key: p, type: auto_number}]}"},
	"a field that SQL has a word for":               {kind: "CustomField", spec: "{object: customer, name: order, type: text}"},
	"a field named user":                            {kind: "CustomField", spec: "{object: customer, name: user, type: text}"},
	"a field named end":                             {kind: "CustomField", spec: "{object: customer, name: end, type: text}"},
	"a name of 48 characters":                       {kind: "CustomField", name: strings.Repeat("n", 48), spec: "{object: customer, name: " + strings.Repeat("n", 48) + ", type: text}"},
	"a field on an object that may come later":      {kind: "CustomField", spec: "{object: not-yet-there, type: text}"},
	"a system field, which the compiler answers":    {kind: "CustomField", spec: "{object: customer, name: created_at, type: text}"},
	"a min that equals the max":                     {kind: "CustomField", spec: "{object: customer, type: integer, min: '3', max: '3.0'}"},
	"a pipeline with a gate, moves and rotting":     {kind: "Pipeline", spec: "{stages: [{key: a, probability: 10, rottingDays: 30, allowedMoves: [won, lost], label: {en: A}}, {key: won, kind: won, probability: 100, gate: {required: [amount, close-date]}}, {key: lost, kind: lost, probability: 0}]}"},
	"a pipeline on another object":                  {kind: "Pipeline", spec: "{object: lead, field: status, stages: [" + won + "]}"},
	"a change plan with a decision and its digest":  {kind: "ChangePlan", spec: "{decision: Approve, digest: abc123, by: jo@example.com}"},
	"a change plan that is a preview":               {kind: "ChangePlan", spec: "{preview: {manifests: 'kind: Tenant', prune: true}}"},
	"a change plan that asks for the past":          {kind: "ChangePlan", spec: "{recall: {what: Resources, at: '2026-03-31T17:00:00Z'}}"},
	"former names that are never answered":          {kind: "Tenant", spec: "{changePolicy: {renameGrace: 0s}}"},
	"former names that are answered for a year":     {kind: "Tenant", spec: "{changePolicy: {renameGrace: 8760h}}"},
	"an interval of ten seconds":                    {kind: "Tenant", spec: "{interval: 10s}"},
	"an interval of a day":                          {kind: "Tenant", spec: "{interval: 24h}"},
	"labels in twenty languages and 200 characters": {kind: "CustomField", spec: "{object: customer, type: text, label: {" + labels(20) + "}, description: {en: " + strings.Repeat("字", 200) + "}}"},
	"a picklist with 300 options":                   {kind: "CustomField", spec: "{object: customer, type: picklist, options: [" + options(300) + "]}"},
	"a stage that is retired":                       {kind: "Pipeline", spec: "{stages: [{key: old, retired: true}, {key: won, kind: won}, {key: lost, kind: lost}]}"},
	"options of another field":                      {kind: "CustomField", spec: "{object: customer, type: picklist, optionsFrom: {object: lead, field: source}}"},
	"options that depend on another field":          {kind: "CustomField", spec: "{object: customer, type: picklist, dependsOn: country, options: [{key: a, when: [de]}]}"},
	"a field under conditions":                      {kind: "CustomField", spec: "{object: customer, type: text, defaultExpression: name, requiredWhen: 'kind == 1', readOnlyWhen: 'true', visibleWhen: 'true'}"},
	"a number with a pattern":                       {kind: "CustomField", spec: "{object: customer, type: auto_number, pattern: 'INV-{year}-{number:5}'}"},
	"a relation whose records go with their target": {kind: "CustomField", spec: "{object: customer, type: relation, target: contact, onDelete: delete}"},
	"a validation rule":                             {kind: "ValidationRule", spec: "{object: customer, expression: name != null, field: name, message: {en: Nope}}"},
	"a unique index over two fields":                {kind: "ObjectIndex", spec: "{object: customer, unique: true, fields: [{field: kind}, {field: name, order: descending}]}"},
	"an object with 100 fields":                     {kind: "CustomObject", spec: "{fields: [" + fields(100) + "]}"},
}

// refused are specs that the API server refuses, with a part of its answer.
var refused = map[string]struct{ kind, name, spec, answer string }{
	"a picklist without options":              {kind: "CustomField", spec: "{object: customer, type: picklist}", answer: "spec.options: Invalid value: a picklist needs either options or optionsFrom"},
	"an inline picklist without options":      {kind: "CustomObject", spec: "{fields: [{key: a, type: text}, {key: b, type: picklist, options: []}]}", answer: "spec.fields[1].options: Invalid value: a picklist needs either options or optionsFrom"},
	"a multi_picklist without options":        {kind: "CustomField", spec: "{object: customer, type: multi_picklist}", answer: "a picklist needs either options or optionsFrom"},
	"options and those of another field":      {kind: "CustomField", spec: "{object: customer, type: picklist, options: [{key: a}], optionsFrom: {object: lead, field: source}}", answer: "spec.options: Invalid value: a picklist needs either options or optionsFrom"},
	"a dependence of a text":                  {kind: "CustomField", spec: "{object: customer, type: text, dependsOn: kind}", answer: "spec.dependsOn: Invalid value: only a picklist"},
	"a default and an expression for it":      {kind: "CustomField", spec: "{object: customer, type: text, default: a, defaultExpression: name}", answer: "spec.defaultExpression: Invalid value: a field has a default or a defaultExpression"},
	"a pattern of a text":                     {kind: "CustomField", spec: "{object: customer, type: text, pattern: '{number}'}", answer: "spec.pattern: Invalid value: only an auto_number"},
	"a pattern without a number":              {kind: "CustomField", spec: "{object: customer, type: auto_number, pattern: 'INV-{year}'}", answer: "spec.pattern"},
	"a required relation that is cleared":     {kind: "CustomField", spec: "{object: customer, type: relation, target: contact, required: true, onDelete: clear}", answer: "spec.onDelete: Invalid value: a required relation"},
	"what a text does on deletion":            {kind: "CustomField", spec: "{object: customer, type: text, onDelete: keep}", answer: "spec.onDelete: Invalid value: only a relation"},
	"a validation rule without a message":     {kind: "ValidationRule", spec: "{object: customer, expression: 'true'}", answer: "spec.message: Required value"},
	"an index over nothing":                   {kind: "ObjectIndex", spec: "{object: customer, fields: []}", answer: "spec.fields"},
	"an index over a field that stands twice": {kind: "ObjectIndex", spec: "{object: customer, fields: [{field: name}, {field: name}]}", answer: "spec.fields[1]: Duplicate value"},
	"an index over nine fields":               {kind: "ObjectIndex", spec: "{object: customer, fields: [{field: a}, {field: b}, {field: c}, {field: d}, {field: e}, {field: f}, {field: g}, {field: h}, {field: i}]}", answer: "spec.fields"},
	"options on a text":                       {kind: "CustomField", spec: "{object: customer, type: text, options: [{key: a}]}", answer: "spec.options: Invalid value: only a picklist"},
	"an option that stands twice":             {kind: "CustomField", spec: "{object: customer, type: picklist, options: [{key: a}, {key: a}]}", answer: "spec.options[1]: Duplicate value"},
	"301 options":                             {kind: "CustomField", spec: "{object: customer, type: picklist, options: [" + options(301) + "]}", answer: "spec.options"},
	"101 fields":                              {kind: "CustomObject", spec: "{fields: [" + fields(101) + "]}", answer: "spec.fields"},
	"a relation without a target":             {kind: "CustomField", spec: "{object: customer, type: relation}", answer: "spec.target: Invalid value: a relation needs a target"},
	"a target on a text":                      {kind: "CustomField", spec: "{object: customer, type: text, target: contact}", answer: "spec.target: Invalid value: only a relation has a target"},
	"a length on a number":                    {kind: "CustomField", spec: "{object: customer, type: integer, length: 5}", answer: "spec.length: Invalid value: only text"},
	"a length of none":                        {kind: "CustomField", spec: "{object: customer, type: text, length: 0}", answer: "spec.length"},
	"a precision on a text":                   {kind: "CustomField", spec: "{object: customer, type: text, precision: 5}", answer: "spec.precision: Invalid value: only a decimal"},
	"a scale on an integer":                   {kind: "CustomField", spec: "{object: customer, type: integer, scale: 2}", answer: "spec.scale: Invalid value: only decimal"},
	"a scale over the precision":              {kind: "CustomField", spec: "{object: customer, type: decimal, precision: 3, scale: 4}", answer: "spec.scale: Invalid value: the scale is not larger"},
	"a min on a text":                         {kind: "CustomField", spec: "{object: customer, type: text, min: '3'}", answer: "spec.min: Invalid value: only integer"},
	"a max on a date":                         {kind: "CustomField", spec: "{object: customer, type: date, max: '3'}", answer: "spec.max: Invalid value: only integer"},
	"a min over the max":                      {kind: "CustomField", spec: "{object: customer, type: integer, min: '4', max: '3.5'}", answer: "spec.max: Invalid value: max is not smaller than min"},
	"a max that is no number":                 {kind: "CustomField", spec: "{object: customer, type: integer, max: 1e5}", answer: "spec.max"},
	"a required auto_number":                  {kind: "CustomField", spec: "{object: customer, type: auto_number, required: true}", answer: "spec.required: Invalid value: an auto_number is never asked for"},
	"a unique boolean":                        {kind: "CustomField", spec: "{object: customer, type: boolean, unique: true}", answer: "spec.unique: Invalid value"},
	"a unique long_text":                      {kind: "CustomField", spec: "{object: customer, type: long_text, unique: true}", answer: "spec.unique: Invalid value"},
	"an indexed long_text":                    {kind: "CustomField", spec: "{object: customer, type: long_text, indexed: true}", answer: "spec.indexed: Invalid value"},
	"a phone of 51 characters":                {kind: "CustomField", spec: "{object: customer, type: phone, length: 51}", answer: "spec.length: Invalid value: the greatest length"},
	"a text of 4001 characters":               {kind: "CustomField", spec: "{object: customer, type: text, length: 4001}", answer: "spec.length: Invalid value: the greatest length"},
	"a precision on money":                    {kind: "CustomField", spec: "{object: customer, type: money, precision: 5}", answer: "spec.precision: Invalid value: only a decimal"},
	"a scale of five on money":                {kind: "CustomField", spec: "{object: customer, type: money, scale: 5}", answer: "spec.scale: Invalid value: the scale of money"},
	"a default of a relation":                 {kind: "CustomField", spec: "{object: customer, type: relation, target: contact, default: x}", answer: "spec.default: Invalid value: a relation, file, image, auto_number, json and a value of parts have no default"},
	"a rating of 101 stars":                   {kind: "CustomField", spec: "{object: customer, type: rating, max: '101'}", answer: "spec.max: Invalid value: the max of a rating"},
	"a rating with a min":                     {kind: "CustomField", spec: "{object: customer, type: rating, min: '2'}", answer: "spec.min: Invalid value: only integer"},
	"a unique rich text":                      {kind: "CustomField", spec: "{object: customer, type: rich_text, unique: true}", answer: "spec.unique: Invalid value"},
	"an indexed json":                         {kind: "CustomField", spec: "{object: customer, type: json, indexed: true}", answer: "spec.indexed: Invalid value"},
	"a length of a duration":                  {kind: "CustomField", spec: "{object: customer, type: duration, length: 5}", answer: "spec.length: Invalid value"},
	"targets of a text":                       {kind: "CustomField", spec: "{object: customer, type: text, targets: [contact]}", answer: "spec.targets: Invalid value: only a relation has targets"},
	"a target beside targets":                 {kind: "CustomField", spec: "{object: customer, type: relation, target: contact, targets: [contact]}", answer: "spec.targets: Invalid value: only a relation has targets"},
	"a unique relation with several targets":  {kind: "CustomField", spec: "{object: customer, type: relation, unique: true, targets: [contact, user]}", answer: "spec.targets: Invalid value"},
	"targets that stand twice":                {kind: "CustomField", spec: "{object: customer, type: relation, targets: [contact, contact]}", answer: "spec.targets[1]: Duplicate value"},
	"an address with a default":               {kind: "CustomField", spec: "{object: customer, type: address, default: x}", answer: "spec.default: Invalid value: a relation, file, image, auto_number, json and a value of parts"},
	"a unique point":                          {kind: "CustomField", spec: "{object: customer, type: geo, unique: true}", answer: "spec.unique: Invalid value"},
	"an address of 1001 characters":           {kind: "CustomField", spec: "{object: customer, type: address, length: 1001}", answer: "spec.length: Invalid value: the greatest length"},
	"a type that does not exist":              {kind: "CustomField", spec: "{object: customer, type: varchar}", answer: "spec.type: Unsupported value"},
	"a field without an object":               {kind: "CustomField", spec: "{type: text}", answer: "spec.object: Required value"},
	"a name with a quote":                     {kind: "CustomField", spec: `{object: customer, name: "o'clock", type: text}`, answer: "spec.name: Invalid value"},
	"a name with a double quote":              {kind: "CustomField", spec: `{object: customer, name: "a\"b", type: text}`, answer: "spec.name: Invalid value"},
	"a name of 64 characters":                 {kind: "CustomField", spec: "{object: customer, name: " + strings.Repeat("n", 64) + ", type: text}", answer: "spec.name: Too long"},
	"a name that is a reserved word of CEL":   {kind: "CustomField", spec: "{object: customer, name: namespace, type: text}", answer: "spec.name: Invalid value: \"namespace\": this is a reserved word of CEL"},
	"a key that is a reserved word of CEL":    {kind: "CustomObject", spec: "{fields: [{key: 'in', type: text}]}", answer: "spec.fields[0].key: Invalid value: \"in\": this is a reserved word of CEL"},
	"a name that is PostgreSQL's own":         {kind: "CustomField", spec: "{object: customer, name: xmin, type: text}", answer: "spec.name: Invalid value: \"xmin\": this is a system column of PostgreSQL"},
	"an identity of 64 characters":            {kind: "CustomField", name: strings.Repeat("n", 64), spec: "{object: customer, type: text}", answer: "metadata.name starts with a letter"},
	"an identity that starts with a digit":    {kind: "CustomObject", name: "3d-model", spec: "{}", answer: "metadata.name starts with a letter"},
	"an identity with a dot":                  {kind: "Pipeline", name: "a.b", spec: "{stages: [" + won + "]}", answer: "metadata.name starts with a letter"},
	"a title that is no field":                {kind: "CustomObject", spec: "{titleField: b, fields: [{key: a, type: text}]}", answer: "spec.titleField: Invalid value: titleField is the key of one of the fields"},
	"a label in a language that is none":      {kind: "CustomField", spec: "{object: customer, type: text, label: {English: Tier}}", answer: "spec.label: Invalid value: a label's key is a language tag"},
	"an empty label":                          {kind: "CustomField", spec: "{object: customer, type: text, label: {en: ''}}", answer: "spec.label: Invalid value: a label has 1 to 200 characters"},
	"an option's label of 201 characters":     {kind: "CustomField", spec: "{object: customer, type: picklist, options: [{key: a, label: {en: " + strings.Repeat("字", 201) + "}}]}", answer: "spec.options[0].label: Invalid value: a label has 1 to 200 characters"},
	"a label in 21 languages":                 {kind: "CustomField", spec: "{object: customer, type: text, label: {" + labels(21) + "}}", answer: "spec.label"},
	"a pipeline whose won stage is retired":   {kind: "Pipeline", spec: "{stages: [{key: won, kind: won, retired: true}, {key: lost, kind: lost}]}", answer: "spec.stages: Invalid value: a pipeline needs a stage of the kind won"},
	"a pipeline without a won stage":          {kind: "Pipeline", spec: "{stages: [{key: a}, {key: lost, kind: lost}]}", answer: "spec.stages: Invalid value: a pipeline needs a stage of the kind won"},
	"a pipeline without a lost stage":         {kind: "Pipeline", spec: "{stages: [{key: a}, {key: won, kind: won}]}", answer: "spec.stages: Invalid value: a pipeline needs a stage of the kind lost"},
	"a pipeline without stages":               {kind: "Pipeline", spec: "{stages: []}", answer: "spec.stages"},
	"a move to a stage that does not exist":   {kind: "Pipeline", spec: "{stages: [{key: a, allowedMoves: [won, nowhere]}, " + won + "]}", answer: "spec.stages: Invalid value: allowedMoves names a stage that the pipeline does not have"},
	"a probability of 140":                    {kind: "Pipeline", spec: "{stages: [{key: a, probability: 140}, " + won + "]}", answer: "spec.stages[0].probability: Invalid value: 140"},
	"a stage that stands twice":               {kind: "Pipeline", spec: "{stages: [{key: a}, {key: a}, " + won + "]}", answer: "spec.stages[1]: Duplicate value"},
	"a gate with a quote":                     {kind: "Pipeline", spec: `{stages: [{key: a, gate: {required: ["a'b"]}}, ` + won + `]}`, answer: "spec.stages[0].gate.required[0]"},
	"former names that are answered for ever": {kind: "Tenant", spec: "{changePolicy: {renameGrace: 8761h}}", answer: "renameGrace is at most 8760h"},
	"an interval of nine seconds":             {kind: "Tenant", spec: "{interval: 9s}", answer: "spec.interval: Invalid value: \"9s\": interval lies between 10s and 24h"},
	"an interval of more than a day":          {kind: "Tenant", spec: "{interval: 24h1m}", answer: "spec.interval: Invalid value: \"24h1m\": interval lies between 10s and 24h"},
	"an interval that is none":                {kind: "Tenant", spec: "{interval: daily}", answer: "spec.interval: Invalid value"},
	"a currency that is none":                 {kind: "Tenant", spec: "{currency: euro}", answer: "spec.currency"},
	"a module that does not exist":            {kind: "Tenant", spec: "{modules: [finance]}", answer: "spec.modules[0]: Unsupported value"},
	"a host with a blank":                     {kind: "Tenant", spec: "{service: {hosts: ['a b']}}", answer: "spec.service.hosts[0]"},
	"an e-mail without an @":                  {kind: "Tenant", spec: "{administrator: {email: root}}", answer: "spec.administrator.email"},
	"a deletion policy that does not exist":   {kind: "Tenant", spec: "{database: {deletionPolicy: Forget}}", answer: "spec.database.deletionPolicy: Unsupported value"},
	"a tenant whose name is too long":         {kind: "Tenant", name: strings.Repeat("n", 49), spec: "{}", answer: "metadata.name starts with a letter"},
	"a server without an address":             {kind: "DatabaseServer", spec: "{adminSecretRef: {name: admin}}", answer: "spec.address: Required value"},
	"a server without a Secret":               {kind: "DatabaseServer", spec: "{address: {host: db}}", answer: "spec.adminSecretRef: Required value"},
	"a port that does not exist":              {kind: "DatabaseServer", spec: "{address: {host: db, port: 70000}, adminSecretRef: {name: admin}}", answer: "spec.address.port"},
	"a way to protect that does not exist":    {kind: "DatabaseServer", spec: "{address: {host: db, sslMode: prefer}, adminSecretRef: {name: admin}}", answer: "spec.address.sslMode: Unsupported value"},
	"two adoptions of one tenant":             {kind: "DatabaseServer", spec: "{address: {host: db}, adminSecretRef: {name: admin}, adoptions: [{namespace: a, tenant: a, database: x}, {namespace: a, tenant: a, database: z}]}", answer: "spec.adoptions[1]: Duplicate value"},
	"a server whose name is too long":         {kind: "DatabaseServer", name: strings.Repeat("n", 49), spec: "{address: {host: db}, adminSecretRef: {name: admin}}", answer: "metadata.name has at most 48 characters"},
	"a decision about a plan that nobody saw": {kind: "ChangePlan", spec: "{decision: Approve}", answer: "spec.digest: Invalid value: a decision needs the digest"},
	"a decision about a preview":              {kind: "ChangePlan", spec: "{decision: Approve, digest: abc, by: me, preview: {manifests: a}}", answer: "spec.decision: Invalid value: a preview is never run"},
	"a preview and the past":                  {kind: "ChangePlan", spec: "{preview: {manifests: a}, recall: {what: Revisions}}", answer: "not for both"},
	"the resources of no revision":            {kind: "ChangePlan", spec: "{recall: {what: Resources}}", answer: "name a revision, or a time"},
	"the resources of a change plan":          {kind: "ChangePlan", spec: "{recall: {what: Resources, changePlan: a}}", answer: "a ChangePlan has changes"},
	"the list of one revision":                {kind: "ChangePlan", spec: "{recall: {what: Revisions, revision: 3}}", answer: "the list of revisions is of all"},
	"a preview of nothing":                    {kind: "ChangePlan", spec: "{preview: {}}", answer: "spec.preview.manifests: Required value"},
	"a preview that is too large":             {kind: "ChangePlan", spec: "{preview: {manifests: " + strings.Repeat("a", 524289) + "}}", answer: "spec.preview.manifests: Too long"},
	"a preview with a name of the operator's": {kind: "ChangePlan", name: "acme-5-0123abcd", spec: "{preview: {manifests: a}}", answer: "choose another one"},
	"a decision that is neither yes nor no":   {kind: "ChangePlan", spec: "{decision: Perhaps, digest: abc}", answer: "spec.decision: Unsupported value"},
}

func labels(n int) string {
	var all []string
	for i := range n {
		all = append(all, fmt.Sprintf("x%c: Text", 'a'+i))
	}
	return strings.Join(all, ", ")
}

func options(n int) string {
	var all []string
	for i := range n {
		all = append(all, fmt.Sprintf("{key: o%d, label: {en: Option, zh: 选项}}", i))
	}
	return strings.Join(all, ", ")
}

func fields(n int) string {
	var all []string
	for i := range n {
		all = append(all, fmt.Sprintf("{key: f%d, type: text, label: {en: Field}}", i))
	}
	return strings.Join(all, ", ")
}

func TestTheAPIServerTakesWhatIsRight(t *testing.T) {
	t.Parallel()
	server, namespace := apiServer(t)
	for _, sentence := range slices.Sorted(maps.Keys(accepted)) {
		given := accepted[sentence]
		t.Run(sentence, func(t *testing.T) {
			t.Parallel()
			object := resource(t, given.kind, namespace, nameOr(given.name), given.spec)
			if err := server.Create(t.Context(), object, client.DryRunAll, client.FieldValidation("Strict")); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestTheAPIServerRefusesWhatIsWrongAndNamesThePlace(t *testing.T) {
	t.Parallel()
	server, namespace := apiServer(t)
	for _, sentence := range slices.Sorted(maps.Keys(refused)) {
		given := refused[sentence]
		t.Run(sentence, func(t *testing.T) {
			t.Parallel()
			object := resource(t, given.kind, namespace, nameOr(given.name), given.spec)
			err := server.Create(t.Context(), object, client.DryRunAll, client.FieldValidation("Strict"))
			if !apierrors.IsInvalid(err) || !strings.Contains(err.Error(), given.answer) {
				t.Errorf("want a refusal with %q, got: %v", given.answer, err)
			}
		})
	}
}

func nameOr(name string) string {
	if name == "" {
		return "example"
	}
	return name
}

func TestWhatSaysWhoseAResourceIsNeverChanges(t *testing.T) {
	t.Parallel()
	server, namespace := apiServer(t)
	for kind, specs := range map[string][2]string{
		"CustomField": {"{object: customer, type: text}", "{object: contact, type: text}"},
		"Pipeline":    {"{object: opportunity, stages: [" + won + "]}", "{object: lead, stages: [" + won + "]}"},
	} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			object := resource(t, kind, namespace, "immutable", specs[0])
			if err := server.Create(t.Context(), object); err != nil {
				t.Fatal(err)
			}
			object.Object["spec"] = resource(t, kind, namespace, "immutable", specs[1]).Object["spec"]
			err := server.Update(t.Context(), object)
			if !apierrors.IsInvalid(err) || !strings.Contains(err.Error(), "spec.object: Invalid value") {
				t.Errorf("want a refusal of spec.object, got: %v", err)
			}
		})
	}
}

// The type of a field may be asked to change; the planner answers.
func TestTheTypeAndTheNameOfAFieldMayChange(t *testing.T) {
	t.Parallel()
	server, namespace := apiServer(t)
	object := resource(t, "CustomField", namespace, "mutable", "{object: customer, name: a, type: text}")
	if err := server.Create(t.Context(), object); err != nil {
		t.Fatal(err)
	}
	object.Object["spec"] = map[string]any{"object": "customer", "name": "b", "type": "integer"}
	if err := server.Update(t.Context(), object); err != nil {
		t.Error(err)
	}
}

func TestTheAPIServerFillsInWhatATenantDoesNotSay(t *testing.T) {
	t.Parallel()
	server, namespace := apiServer(t)
	tenant := &crmv1.Tenant{}
	tenant.Namespace, tenant.Name = namespace, "defaults"
	if err := server.Create(t.Context(), tenant); err != nil {
		t.Fatal(err)
	}
	want := crmv1.TenantSpec{
		Language: "en", TimeZone: "UTC", Currency: "EUR",
		Modules:  []crmv1.Module{crmv1.ModuleSales, crmv1.ModuleService, crmv1.ModuleMarketing},
		Database: crmv1.TenantDatabase{DeletionPolicy: crmv1.DeletionRetain},
		ChangePolicy: crmv1.ChangePolicy{
			Automatic: []crmv1.ChangeClass{crmv1.ChangeSafe, crmv1.ChangeCareful}, RenameGrace: &metav1.Duration{Duration: 720 * time.Hour},
			Retention: &metav1.Duration{Duration: 720 * time.Hour},
		},
		DriftPolicy: crmv1.DriftHeal,
	}
	if got, want := marshal(t, tenant.Spec), marshal(t, want); got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
}

func TestTheAPIServerFillsInWhatADatabaseServerDoesNotSay(t *testing.T) {
	t.Parallel()
	server, _ := apiServer(t)
	made := &crmv1.DatabaseServer{Spec: crmv1.DatabaseServerSpec{
		Address: crmv1.DatabaseAddress{Host: "db"}, AdminSecretRef: crmv1.SecretReference{Name: "admin"},
	}}
	made.Name = "defaults"
	if err := server.Create(t.Context(), made, client.DryRunAll); err != nil {
		t.Fatal(err)
	}
	want := crmv1.DatabaseServerSpec{
		Address:        crmv1.DatabaseAddress{Host: "db", Port: 5432, SSLMode: crmv1.SSLVerifyFull, Database: "postgres"},
		AdminSecretRef: crmv1.SecretReference{Name: "admin"},
		Connections:    crmv1.ConnectionLimits{Operator: 10, Service: 80, Worker: 20},
	}
	if got, want := marshal(t, made.Spec), marshal(t, want); got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
}

// A tenant without modules must not get them back when a typed client writes it.
func TestAnEmptyListOfModulesStaysEmpty(t *testing.T) {
	t.Parallel()
	server, namespace := apiServer(t)
	tenant := &crmv1.Tenant{Spec: crmv1.TenantSpec{Modules: []crmv1.Module{}}}
	tenant.Namespace, tenant.Name = namespace, "no-modules"
	if err := server.Create(t.Context(), tenant); err != nil {
		t.Fatal(err)
	}
	tenant.Spec.DisplayName = "Acme"
	if err := server.Update(t.Context(), tenant); err != nil {
		t.Fatal(err)
	}
	if tenant.Spec.Modules == nil || len(tenant.Spec.Modules) != 0 {
		t.Errorf("the modules became %v", tenant.Spec.Modules)
	}
}

func TestTwoManagersMergeTheirItemsOfAList(t *testing.T) {
	t.Parallel()
	server, namespace := apiServer(t)
	for name, given := range map[string]struct {
		kind          string
		first, second string
		path          []string
	}{
		"fields of an object":  {"CustomObject", "{fields: [{key: a, type: text}]}", "{fields: [{key: b, type: text}]}", []string{"spec", "fields"}},
		"options of a field":   {"CustomField", "{object: customer, type: picklist, options: [{key: a}]}", "{object: customer, type: picklist, options: [{key: b}]}", []string{"spec", "options"}},
		"stages of a pipeline": {"Pipeline", "{stages: [" + won + "]}", "{stages: [{key: new, probability: 5}]}", []string{"spec", "stages"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var before int
			var last *unstructured.Unstructured
			for i, spec := range []string{given.first, given.second} {
				last = resource(t, given.kind, namespace, "merged", spec)
				owner := client.FieldOwner(fmt.Sprintf("manager-%d", i))
				if err := server.Apply(t.Context(), client.ApplyConfigurationFromUnstructured(last), owner); err != nil {
					t.Fatal(err)
				}
				if i == 0 {
					before = len(list(t, last, given.path))
				}
			}
			if after := len(list(t, last, given.path)); after != before+1 {
				t.Errorf("%d items of the first manager and one of the second became %d", before, after)
			}
		})
	}
}

func TestConditionsAndStatusAreKeptAsTheyAreWritten(t *testing.T) {
	t.Parallel()
	server, namespace := apiServer(t)
	tenant := &crmv1.Tenant{}
	tenant.Namespace, tenant.Name = namespace, "status"
	if err := server.Create(t.Context(), tenant); err != nil {
		t.Fatal(err)
	}
	tenant.Status = crmv1.TenantStatus{
		Database:            crmv1.TenantDatabaseStatus{Server: "main", Name: "kontor_0123456789abcdef"},
		Schema:              crmv1.TenantSchemaStatus{Revision: 3, Digest: "a", WantedDigest: "b", Retained: []string{"CustomField/tier"}, Refused: []string{"Pipeline/sales"}},
		Service:             crmv1.TenantServiceStatus{Hosts: []string{"acme.localhost"}, URL: "http://acme.localhost:8080", Servers: 1},
		AdministratorSecret: "acme-administrator",
		BISecret:            "acme-bi",
	}
	tenant.GetCommonStatus().ObservedGeneration = tenant.Generation
	tenant.GetCommonStatus().LastHandledReconcileAt = "now"
	tenant.SetConditions([]metav1.Condition{{
		Type: crmv1.ConditionReady, Status: metav1.ConditionTrue, Reason: crmv1.ReasonReady, ObservedGeneration: tenant.Generation, LastTransitionTime: metav1.Now(),
	}})
	want := marshal(t, tenant.Status)
	if err := server.Status().Update(t.Context(), tenant); err != nil {
		t.Fatal(err)
	}
	if got := marshal(t, tenant.Status); got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
}

func TestTheExamplesOfTheManualAreTaken(t *testing.T) {
	t.Parallel()
	server, namespace := apiServer(t)
	for kind, crd := range readCRDs(t) {
		if kind == "ChangePlan" { // nobody writes one
			continue
		}
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			object := &unstructured.Unstructured{}
			if err := yaml.Unmarshal([]byte(example(crd)), &object.Object); err != nil {
				t.Fatal(err)
			}
			if kind != "DatabaseServer" {
				object.SetNamespace(namespace)
			}
			if err := server.Create(t.Context(), object, client.DryRunAll, client.FieldValidation("Strict")); err != nil {
				t.Error(err)
			}
		})
	}
}

func list(t *testing.T, object *unstructured.Unstructured, path []string) []any {
	t.Helper()
	items, _, err := unstructured.NestedSlice(object.Object, path...)
	if err != nil {
		t.Fatal(err)
	}
	return items
}

func marshal(t *testing.T, value any) string {
	t.Helper()
	text, err := yaml.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
