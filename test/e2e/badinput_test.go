package e2e

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync/atomic"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

const gatedPipeline = `
apiVersion: crm.kontor.dev/v1alpha1
kind: Pipeline
metadata: {name: sales, namespace: %s}
spec:
  object: opportunity
  stages:
    - {key: prospecting, kind: open, probability: 10, allowedMoves: [engaging, lost]}
    - {key: engaging, kind: open, probability: 40}
    - {key: won, kind: won, gate: {required: [amount, close_date]}}
    - {key: lost, kind: lost}
`

var _ = Describe("Bad input over REST", Ordered, ContinueOnFailure, func() {
	var ann *person
	BeforeAll(func(ctx SpecContext) {
		t := shared.newTenant(ctx, "bad-input", fmt.Sprintf(gatedPipeline, "bad-input"))
		t.becomesReady(ctx, t.name, "pipeline/sales")
		ann = t.administrator(ctx)
		ann.create(ctx, "opportunity", values{"name": "There"})
	}, NodeTimeout(startPatience))

	DescribeTable("a list says what it cannot read", func(ctx SpecContext, path, value, words string) {
		ann.get(ctx, listPath("opportunity", path, value)).names(http.StatusBadRequest, path, words)
		ann.post(ctx, "/api/v1/records/opportunity/query", values{path: value}).names(http.StatusBadRequest, path, words)
	},
		Entry("a filter that does not parse", "filter", `stage == `, "1:"),
		Entry("a filter on a field that is not there", "filter", `nope == 'x'`, `no field "nope"`),
		Entry("a filter that compares a number with a text", "filter", `amount > 'much'`, "cannot compare a number with a text"),
		Entry("a filter that is no condition", "filter", `amount`, ""),
		Entry("a filter that goes on in SQL", "filter", `name == '' OR 1=1`, "1:"),
		Entry("a filter that is a comment in SQL", "filter", `name == '' -- `, "1:"),
		Entry("an order by a field that is not there", "sort", "nope", "nope"),
		Entry("an order that goes on in SQL", "sort", `name" DESC; DROP TABLE crm.opportunity; --`, ""),
		Entry("fields that are not there", "fields", "id,nope", "nope"),
		Entry("fields that go on in SQL", "fields", `id",(SELECT 1)`, ""),
		Entry("a limit beyond the bounds", "limit", "1001", "1000"),
		Entry("a limit that is no number", "limit", "many", "whole number"),
		Entry("a cursor that was not given out", "after", "AAAA", ""),
		Entry("a count of another kind", "count", "roughly", ""),
		Entry("a parameter that there is not", "where", "1=1", "no parameter"),
	)

	It("takes SQL in values for the text that it is", func(ctx SpecContext) {
		evil := `'; DROP TABLE crm.opportunity; --`
		id := ann.create(ctx, "opportunity", values{"name": evil})
		quoted, err := json.Marshal(evil) // a text in CEL as in JSON
		Expect(err).NotTo(HaveOccurred())
		Expect(ann.list(ctx, "opportunity", "filter", "name == "+string(quoted), "fields", "id,name").Items).To(ConsistOf(values{"id": id, "name": evil}))
		ann.get(ctx, "/api/v1/records/opportunity/1'%20OR%20'1'='1").problem(http.StatusNotFound)
		ann.get(ctx, `/api/v1/records/opportunity";DROP%20TABLE%20x`).problem(http.StatusNotFound)
		Expect(ann.count(ctx, "opportunity", "")).To(BeNumerically(">=", 2))
	}, SpecTimeout(patience))

	It("refuses a body that is not JSON, or not one object", func(ctx SpecContext) {
		for _, body := range []string{`{"name": `, `not JSON`, ``, `[]`, `"name"`, `{"name":"A"} {"name":"B"}`} {
			ann.post(ctx, "/api/v1/records/opportunity", body).problem(http.StatusBadRequest)
		}
	}, SpecTimeout(patience))

	It("names each field of a body that the model refuses, all at once", func(ctx SpecContext) {
		a := ann.post(ctx, "/api/v1/records/opportunity", values{
			"nope": 1, "amount": "much", "stage": "imagined", "customer": "not an id", "close_date": "2026-02-30", "id": "x",
		})
		for _, path := range []string{"nope", "amount", "stage", "customer", "close_date", "id", "name"} {
			a.names(http.StatusUnprocessableEntity, path, "")
		}
	}, SpecTimeout(patience))

	It("lets no stage be entered past its gate or against the allowed moves", func(ctx SpecContext) {
		id := ann.create(ctx, "opportunity", values{"name": "Gated"})
		path := "/api/v1/records/opportunity/" + id
		ann.post(ctx, path+"/move", values{"stage": "won"}).names(http.StatusUnprocessableEntity, "stage", "")
		ann.ask(ctx, http.MethodPatch, path, values{"stage": "won"}).names(http.StatusUnprocessableEntity, "stage", "")
		ann.post(ctx, path+"/move", values{"stage": "imagined"}).names(http.StatusUnprocessableEntity, "stage", "")
		ann.post(ctx, path+"/move", values{"stage": "engaging"}).is(http.StatusOK)
		for _, a := range []*answer{
			ann.post(ctx, path+"/move", values{"stage": "won"}), ann.ask(ctx, http.MethodPatch, path, values{"stage": "won"}),
			ann.post(ctx, "/api/v1/records/opportunity", values{"name": "Short cut", "stage": "won"}),
		} {
			a.names(http.StatusUnprocessableEntity, "amount", "")
			a.names(http.StatusUnprocessableEntity, "close_date", "")
		}
		ann.ask(ctx, http.MethodPatch, path, values{"stage": "won", "amount": "10", "close_date": "2026-01-31"}).is(http.StatusOK)
		Expect(ann.get(ctx, path).is(http.StatusOK).object()).To(HaveKeyWithValue("stage", "won"))
	}, SpecTimeout(patience))

	It("refuses a body of 100 MB without reading it", func(ctx SpecContext) {
		const size = 100 << 20
		for _, length := range []string{"Content-Length: 104857600", "Transfer-Encoding: chunked"} {
			response, sent := ann.pour(ctx, length, size)
			Expect(response.StatusCode).To(Equal(http.StatusRequestEntityTooLarge), length)
			Expect(response.Header.Get("Content-Type")).To(Equal("application/problem+json"))
			Expect(sent()).To(BeNumerically("<", size/2), length)
		}
	}, SpecTimeout(patience))
})

// pour sends a body of zeros that is as long as size, for as long as the server
// takes it, and returns the answer and how much the server took. It speaks HTTP by
// hand: a client that hears "no" while it still talks may well forget the answer.
func (p *person) pour(ctx SpecContext, length string, size int) (*http.Response, func() int) {
	GinkgoHelper()
	connection, err := (&net.Dialer{}).DialContext(ctx, "tcp", p.address)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(connection.Close)
	deadline, _ := ctx.Deadline()
	Expect(connection.SetDeadline(deadline)).To(Succeed())
	_, err = fmt.Fprintf(connection, "POST /api/v1/records/opportunity HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\n%s\r\n\r\n",
		p.host, p.token, length)
	Expect(err).NotTo(HaveOccurred())
	var sent atomic.Int64
	go func() {
		piece := append([]byte("10000\r\n"), append(bytes.Repeat([]byte{'0'}, 1<<16), "\r\n"...)...)
		for sent.Load() < int64(size) {
			n, err := connection.Write(piece)
			sent.Add(int64(n))
			if err != nil {
				return
			}
		}
	}()
	response, err := http.ReadResponse(bufio.NewReader(connection), nil)
	Expect(err).NotTo(HaveOccurred())
	_, err = io.Copy(io.Discard, response.Body)
	Expect(err).NotTo(HaveOccurred())
	// The server closes its side; the writer ends with the connection.
	return response, func() int { return int(sent.Load()) }
}
