package e2e

import (
	"os"
	"path/filepath"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gexec"
)

const productMapping = `
object: product
key: code
fields:
  - {field: code, column: code}
  - {field: name, column: title}
  - {field: list_price, column: price, nulls: [none]}
  - {field: currency, value: USD}
`

// importer imports files into one tenant with the command.
type importer struct {
	dir, url, user, password string
}

// file writes a file beside the mapping.
func (i *importer) file(name, content string) string {
	GinkgoHelper()
	path := filepath.Join(i.dir, name)
	Expect(os.WriteFile(path, []byte(content), 0o600)).To(Succeed())
	return path
}

// imports runs `kontor import`, expects an exit code, and returns what it prints.
func (i *importer) imports(ctx SpecContext, code int, args ...string) (out, told string) {
	GinkgoHelper()
	args = append([]string{"import", "--url", i.url, "--user", i.user, "--mapping", filepath.Join(i.dir, "mapping.yaml")}, args...)
	session := start([]string{"KONTOR_PASSWORD=" + i.password}, args...)
	DeferCleanup(func() { session.Kill().Wait(patience) })
	Eventually(ctx, session).Should(gexec.Exit())
	told = string(session.Err.Contents())
	Expect(session.ExitCode()).To(Equal(code), told)
	Expect(told).NotTo(ContainSubstring(i.password))
	return string(session.Out.Contents()), told
}

var _ = Describe("kontor import", Ordered, ContinueOnFailure, func() {
	var (
		ann *person
		i   *importer
	)
	BeforeAll(func(ctx SpecContext) {
		t := shared.newTenant(ctx, "imports")
		account := t.secret(ctx, t.status(ctx).AdministratorSecret)
		ann = t.administrator(ctx)
		i = &importer{dir: GinkgoT().TempDir(), url: t.status(ctx).Service.URL, user: account["email"], password: account["password"]}
		i.file("mapping.yaml", productMapping)
	}, NodeTimeout(startPatience))

	It("reports what it made, and a second time that nothing changed", func(ctx SpecContext) {
		file := i.file("good.csv", "code,title,price\nG-1,First,10\nG-2,\"Second, and \"\"last\"\"\",11.50\nG-3,第三,none\n")
		out, _ := i.imports(ctx, 0, file)
		Expect(out).To(Equal("product: 3 created, 0 updated, 0 unchanged, 0 failed\n"))
		out, _ = i.imports(ctx, 0, file)
		Expect(out).To(Equal("product: 0 created, 0 updated, 3 unchanged, 0 failed\n"))
		Expect(ann.list(ctx, "product", "filter", `code.startsWith('G-')`, "sort", "code", "fields", "name,list_price").Items).To(HaveExactElements(
			HaveKeyWithValue("name", "First"), HaveKeyWithValue("name", "Second, and \"last\""), And(HaveKeyWithValue("name", "第三"), HaveKeyWithValue("list_price", BeNil())),
		))
		changed := i.file("changed.csv", "code,title,price\nG-1,First,12\n")
		out, _ = i.imports(ctx, 0, changed)
		Expect(out).To(Equal("product: 0 created, 1 updated, 0 unchanged, 0 failed\n"))
	}, SpecTimeout(patience))

	It("ends with 1 when a line failed, and writes that line with its reason, to be mended and imported again", func(ctx SpecContext) {
		file := i.file("broken.csv", "code,title,price\nB-1,First,10\nB-2,Second,cheap\nB-3,Third,3,4\nB-4,\"Fourth,5\nB-5,Fifth,6\n")
		failed := filepath.Join(i.dir, "failed.csv")
		out, told := i.imports(ctx, 1, "--failed", failed, file)
		Expect(out).To(Equal("product: 2 created, 0 updated, 0 unchanged, 3 failed\n"))
		Expect(told).To(ContainSubstring("3 of 5 lines failed"))
		for _, reason := range []string{"line 3: list_price: ", "line 4: has 4 columns", "line 5: a quote is opened and never closed"} {
			Expect(told).To(ContainSubstring(reason))
		}
		lines, err := os.ReadFile(failed)
		Expect(err).NotTo(HaveOccurred())
		Expect(string(lines)).To(HavePrefix("code,title,price,failure\nB-2,Second,cheap,\"line 3: list_price: "))
		Expect(strings.Count(string(lines), "\n")).To(Equal(4))
		Expect(ann.count(ctx, "product", `code.startsWith('B-')`)).To(Equal(2))

		mended := i.file("mended.csv", strings.Replace(strings.Join(strings.SplitAfter(string(lines), "\n")[:2], ""), "cheap", "7", 1))
		out, _ = i.imports(ctx, 0, mended)
		Expect(out).To(Equal("product: 1 created, 0 updated, 0 unchanged, 0 failed\n"))
	}, SpecTimeout(patience))

	It("ends with 0 although lines failed when it is told that this is fine", func(ctx SpecContext) {
		out, told := i.imports(ctx, 0, "--allow-failures", i.file("allowed.csv", "code,title,price\nA-1,First,10\nA-2,,10\n"))
		Expect(out).To(Equal("product: 1 created, 0 updated, 0 unchanged, 1 failed\n"))
		Expect(told).To(ContainSubstring("line 3: name: "))
	}, SpecTimeout(patience))

	It("imports nothing and names the column when one is missing", func(ctx SpecContext) {
		before := ann.count(ctx, "product", "")
		_, told := i.imports(ctx, 1, i.file("column.csv", "code,title,cost\nM-1,First,10\n"))
		Expect(told).To(ContainSubstring(`fields[2].column: the file has no column "price"; it has code, title, cost`))
		Expect(ann.count(ctx, "product", "")).To(Equal(before))
	}, SpecTimeout(patience))

	It("says so of a file in another encoding than UTF-8", func(ctx SpecContext) {
		_, told := i.imports(ctx, 1, i.file("latin1.csv", "code,title,price\nL-1,M\xfcller,10\n"))
		Expect(told).To(MatchRegexp(`line 2: .*UTF-8.*0xFC`))
		_, told = i.imports(ctx, 1, i.file("utf16.csv", "\xff\xfec\x00o\x00d\x00e\x00\n\x00"))
		Expect(told).To(ContainSubstring("line 1: the file is UTF-16; save it as UTF-8"))
		Expect(ann.count(ctx, "product", `code.startsWith('L-')`)).To(BeZero())
	}, SpecTimeout(patience))

	It("says plainly what keeps it from the server", func(ctx SpecContext) {
		file := i.file("one.csv", "code,title,price\nP-1,First,10\n")
		wrong := *i
		wrong.password = "not the password"
		_, told := wrong.imports(ctx, 1, file)
		Expect(told).To(ContainSubstring("signing in as " + i.user + ": the e-mail address or the password is wrong"))
		_, told = i.imports(ctx, 1, "--url", "http://imports.localhost:1", file)
		Expect(told).To(ContainSubstring("imports.localhost:1"))
		Expect(told).To(ContainSubstring("connection refused"))
		_, told = i.imports(ctx, 2, "--url", "imports.localhost", file)
		Expect(told).To(ContainSubstring(`"imports.localhost" is not an address`))
		Expect(ann.count(ctx, "product", `code == 'P-1'`)).To(BeZero())
	}, SpecTimeout(patience))
})
