package e2e

import (
	"net/http"
	"net/url"

	"github.com/jackc/pgx/v5"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

var _ = Describe("Two tenants on one server", func() {
	It("never see each other, neither over REST nor with each other's database credentials", func(ctx SpecContext) {
		one, other := shared.newTenant(ctx, "one"), shared.newTenant(ctx, "other")
		ann, bob := one.administrator(ctx), other.administrator(ctx)
		id := ann.create(ctx, "customer", values{"name": "Of one"})
		next := ann.all(ctx, "customer", "fields", "id")
		Expect(next).To(HaveLen(1))

		By("asking the other for the record")
		path := "/api/v1/records/customer/" + id
		ann.get(ctx, path).is(http.StatusOK)
		bob.get(ctx, path).problem(http.StatusNotFound)
		bob.ask(ctx, http.MethodPatch, path, values{"name": "Mine"}).problem(http.StatusNotFound)
		bob.ask(ctx, http.MethodDelete, path, nil).problem(http.StatusNotFound)
		bob.post(ctx, "/api/v1/records/opportunity", values{"name": "Theirs", "customer": id}).names(http.StatusUnprocessableEntity, "customer", "")
		Expect(bob.count(ctx, "customer", "")).To(BeZero())

		By("carrying a session to the other's host")
		thief := shared.visitor(other.host)
		thief.token = ann.token
		thief.get(ctx, "/api/v1/records/customer").problem(http.StatusUnauthorized)
		thief.get(ctx, "/api/v1/schema").problem(http.StatusUnauthorized)
		account := one.secret(ctx, one.status(ctx).AdministratorSecret)
		thief.post(ctx, "/api/v1/login", values{"email": account["email"], "password": account["password"]}).problem(http.StatusUnauthorized)

		By("asking at a host that is nobody's")
		nobody := shared.visitor("nobody.localhost")
		nobody.token = ann.token
		nobody.get(ctx, path).problem(http.StatusNotFound)

		By("carrying database credentials to other databases")
		uri := one.reportingURI(ctx)
		Expect(query[string](ctx, uri, `SELECT name FROM bi.customer`)).To(ConsistOf("Of one"))
		foreign := query[string](ctx, uri, `SELECT datname FROM pg_database WHERE datname LIKE 'kontor%' AND datname <> current_database()`)
		Expect(foreign).To(ContainElements(other.status(ctx).Database.Name, "kontor_system"))
		for _, database := range foreign {
			Expect(tryConnect(ctx, uri, database)).NotTo(Succeed(), "one's reporting tool opens %s", database)
		}

		By("reading more, or writing, with the credentials for reporting")
		for _, sql := range []string{
			`SELECT * FROM crm.customer`, `SELECT * FROM kontor.credential`, `DELETE FROM bi.customer`,
			`CREATE TABLE bi.mine ()`, `CREATE TABLE public.mine ()`, `SET ROLE ` + pgx.Identifier{one.status(ctx).Database.Name + "_owner"}.Sanitize(),
		} {
			Expect(tryQuery(ctx, uri, sql)).NotTo(Succeed(), sql)
		}
	}, SpecTimeout(startPatience))
})

// tryConnect opens another database with the credentials of a URL.
func tryConnect(ctx SpecContext, uri, database string) error {
	GinkgoHelper()
	target, err := url.Parse(uri)
	Expect(err).NotTo(HaveOccurred())
	target.Path = "/" + database
	return tryQuery(ctx, target.String(), `SELECT 1`)
}

func tryQuery(ctx SpecContext, uri, sql string) error {
	connection, err := pgx.Connect(ctx, uri)
	if err != nil {
		return err
	}
	defer connection.Close(ctx)
	_, err = connection.Exec(ctx, sql)
	return err
}
