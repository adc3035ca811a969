package e2e

import (
	"cmp"
	"context"
	"os"
	"path/filepath"
	"reflect"
	"strings"

	"github.com/jackc/pgx/v5"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/shopspring/decimal"

	crmv1 "github.com/kontor-crm/kontor/api/v1alpha1"
)

// needsSampleData skips a spec, the only reason for which one is ever skipped:
// the data set is not part of the source.
func needsSampleData() {
	GinkgoHelper()
	folder := cmp.Or(os.Getenv("KONTOR_SAMPLE_DATA"), filepath.Join("..", "shared", "data"))
	if !filepath.IsAbs(folder) {
		folder = filepath.Join(root, folder) // where the program runs
	}
	if _, err := os.Stat(filepath.Join(folder, "maven-crm")); err != nil {
		Skip("the sample's data are neither at ../shared/data nor where KONTOR_SAMPLE_DATA says: " + err.Error())
	}
}

// query runs a query as whom the URL says; each row becomes its values.
func query[T any](ctx context.Context, url, sql string, arguments ...any) []T {
	GinkgoHelper()
	connection, err := pgx.Connect(ctx, url)
	Expect(err).NotTo(HaveOccurred())
	defer connection.Close(ctx)
	rows, err := connection.Query(ctx, sql, arguments...)
	Expect(err).NotTo(HaveOccurred())
	found, err := pgx.CollectRows(rows, pgx.RowTo[T])
	Expect(err).NotTo(HaveOccurred())
	return found
}

var _ = Describe("The sample", func() {
	It("is Ready for kubectl wait", func(ctx SpecContext) {
		shared.becomesReady(ctx, "acme", "tenant/acme")
	}, SpecTimeout(patience))

	It("reads well with kubectl get crm", func(ctx SpecContext) {
		listed := shared.kubectl(ctx, "get", "crm", "-A")
		for _, kind := range []string{"tenant", "databaseserver", "customobject", "customfield", "pipeline", "changeplan"} {
			Expect(listed).To(MatchRegexp(`(?m)^\S*\s+%s\.crm\.kontor\.dev/\S+ +True +`, kind), "no %s", kind)
		}
		tables := strings.Split(strings.TrimSpace(listed), "\n\n")
		Expect(len(tables)).To(BeNumerically(">=", 6))
		for _, table := range tables {
			header := strings.Fields(strings.SplitN(table, "\n", 2)[0])
			Expect(header).To(ContainElements("NAMESPACE", "NAME", "READY", "REASON", "AGE"), table)
		}
	}, SpecTimeout(patience))

	It("can be written with what kubectl explain tells of a tenant", func(ctx SpecContext) {
		explained := shared.kubectl(ctx, "explain", "tenant.spec")
		for _, field := range fieldsOf(reflect.TypeFor[crmv1.TenantSpec]()) {
			Expect(explained).To(MatchRegexp(`(?m)^  %s\t<\S+>.*\n(    |  enum)`, field), "%s is not explained", field)
		}
	}, SpecTimeout(patience))

	It("has 8,800 opportunities, 4,238 of them won, for 10,005,534 in all", func(ctx SpecContext) {
		needsSampleData()
		ann := sample().administrator(ctx)
		Expect(ann.count(ctx, "opportunity", "")).To(Equal(8800))
		Expect(ann.count(ctx, "opportunity", `stage == 'won'`)).To(Equal(4238))
		won := ann.all(ctx, "opportunity", "filter", `stage == 'won'`, "fields", "id,amount", "sort", "-amount")
		seen, sum := map[any]bool{}, decimal.Zero
		for _, record := range won {
			seen[record["id"]] = true
			amount, err := decimal.NewFromString(record["amount"].(string))
			Expect(err).NotTo(HaveOccurred())
			sum = sum.Add(amount)
		}
		Expect(seen).To(HaveLen(4238), "a page repeats or leaves out records")
		Expect(sum.String()).To(Equal("10005534"))
	}, SpecTimeout(patience))

	It("gives the same answer to a filter on a custom field as SQL does", func(ctx SpecContext) {
		needsSampleData()
		acme := sample()
		ann := acme.administrator(ctx)
		uri := acme.reportingURI(ctx)
		for filter, where := range map[string]string{
			`engaged_on >= date('2017-06-01') && engaged_on < date('2017-07-01')`: `engaged_on >= '2017-06-01' AND engaged_on < '2017-07-01'`,
			`deal_id.startsWith('A')`: `deal_id LIKE 'A%'`,
			`engaged_on == null`:      `engaged_on IS NULL`,
		} {
			ids := []string{}
			for _, record := range ann.all(ctx, "opportunity", "filter", filter, "fields", "id") {
				ids = append(ids, record["id"].(string))
			}
			Expect(ids).NotTo(BeEmpty(), filter)
			Expect(ids).To(ConsistOf(query[string](ctx, uri, `SELECT id::text FROM bi.opportunity WHERE `+where)), filter)
			Expect(ann.count(ctx, "opportunity", filter)).To(Equal(len(ids)), filter)
		}
	}, SpecTimeout(patience))
})

// fieldsOf are the names of a type's fields in JSON, those of inlined types too.
func fieldsOf(t reflect.Type) []string {
	var names []string
	for field := range t.Fields() {
		name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		if strings.Contains(options, "inline") {
			names = append(names, fieldsOf(field.Type)...)
			continue
		}
		names = append(names, name)
	}
	return names
}
