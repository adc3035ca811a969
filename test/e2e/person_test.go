package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

// person speaks the REST API of one host, signed in or not.
type person struct {
	host, address string
	token         string
	client        *http.Client
}

// values are the fields of a record, or any other JSON object.
type values map[string]any

// visitor is somebody who has not signed in.
func (s *site) visitor(host string) *person {
	dialer := &net.Dialer{}
	transport := &http.Transport{}
	address := s.address
	transport.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
		return dialer.DialContext(ctx, network, address)
	}
	DeferCleanup(transport.CloseIdleConnections)
	return &person{host: host, address: address, client: &http.Client{Transport: transport}}
}

func (s *site) signIn(ctx SpecContext, host, email, password string) *person {
	GinkgoHelper()
	p := s.visitor(host)
	session := p.post(ctx, "/api/v1/login", values{"email": email, "password": password}).is(http.StatusOK).object()
	p.token = session["token"].(string)
	return p
}

// answer is what the service said.
type answer struct {
	what   string
	status int
	header http.Header
	body   []byte
}

// ask sends a request. A body that is a reader or a text goes as it is, any other as JSON.
func (p *person) ask(ctx SpecContext, method, path string, body any) *answer {
	GinkgoHelper()
	a, err := p.tryAsk(ctx, method, path, body)
	Expect(err).NotTo(HaveOccurred())
	return a
}

func (p *person) tryAsk(ctx SpecContext, method, path string, body any) (*answer, error) {
	var reader io.Reader
	switch given := body.(type) {
	case nil:
	case io.Reader:
		reader = given
	case string:
		reader = strings.NewReader(given)
	default:
		encoded, err := json.Marshal(given)
		if err != nil {
			return nil, err
		}
		reader = bytes.NewReader(encoded)
	}
	request, err := http.NewRequestWithContext(ctx, method, "http://"+p.host+path, reader)
	if err != nil {
		return nil, err
	}
	if reader != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	if p.token != "" {
		request.Header.Set("Authorization", "Bearer "+p.token)
	}
	response, err := p.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	return &answer{what: method + " " + path, status: response.StatusCode, header: response.Header, body: content}, nil
}

func (p *person) get(ctx SpecContext, path string) *answer {
	GinkgoHelper()
	return p.ask(ctx, http.MethodGet, path, nil)
}

func (p *person) post(ctx SpecContext, path string, body any) *answer {
	GinkgoHelper()
	return p.ask(ctx, http.MethodPost, path, body)
}

// create makes a record and returns its id.
func (p *person) create(ctx SpecContext, object string, fields values) string {
	GinkgoHelper()
	return p.post(ctx, "/api/v1/records/"+object, fields).is(http.StatusCreated).object()["id"].(string)
}

// page is one page of a list.
type page struct {
	Items []values `json:"items"`
	Next  string   `json:"next"`
	Count *int     `json:"count"`
}

// list reads one page; parameters come in pairs.
func (p *person) list(ctx SpecContext, object string, parameters ...string) page {
	GinkgoHelper()
	a := p.get(ctx, listPath(object, parameters...)).is(http.StatusOK)
	var read page
	Expect(json.Unmarshal(a.body, &read)).To(Succeed())
	return read
}

// all reads a list page by page, to the end.
func (p *person) all(ctx SpecContext, object string, parameters ...string) []values {
	GinkgoHelper()
	var items []values
	for after := ""; ; {
		asked := append([]string{"limit", "1000"}, parameters...)
		if after != "" {
			asked = append(asked, "after", after)
		}
		read := p.list(ctx, object, asked...)
		items = append(items, read.Items...)
		if read.Next == "" {
			return items
		}
		Expect(read.Next).NotTo(Equal(after), "the list does not go on")
		after = read.Next
	}
}

// count is the exact number of records that a filter finds.
func (p *person) count(ctx SpecContext, object, filter string) int {
	GinkgoHelper()
	parameters := []string{"limit", "1", "count", "exact"}
	if filter != "" {
		parameters = append(parameters, "filter", filter)
	}
	read := p.list(ctx, object, parameters...)
	Expect(read.Count).NotTo(BeNil())
	return *read.Count
}

func listPath(object string, parameters ...string) string {
	query := url.Values{}
	for i := 0; i+1 < len(parameters); i += 2 {
		query.Set(parameters[i], parameters[i+1])
	}
	return "/api/v1/records/" + url.PathEscape(object) + "?" + query.Encode()
}

// is expects a status.
func (a *answer) is(status int) *answer {
	GinkgoHelper()
	Expect(a.status).To(Equal(status), "%s answers %.2000s", a.what, a.body)
	return a
}

// object is the JSON object in the body.
func (a *answer) object() values {
	GinkgoHelper()
	var read values
	Expect(json.Unmarshal(a.body, &read)).To(Succeed(), "%s answers %.2000s", a.what, a.body)
	return read
}

// names expects a problem of that status that blames a path, in those words.
func (a *answer) names(status int, path, words string) {
	GinkgoHelper()
	a.problem(status)
	var read struct {
		Errors []struct {
			Path    string `json:"path"`
			Message string `json:"message"`
		} `json:"errors"`
	}
	Expect(json.Unmarshal(a.body, &read)).To(Succeed())
	for _, e := range read.Errors {
		if e.Path == path && strings.Contains(e.Message, words) {
			return
		}
	}
	Fail(fmt.Sprintf("%s answers %s, which does not blame %s for %q", a.what, a.body, path, words))
}

// problem expects an error in the form of RFC 9457 that gives nothing of the inside away.
func (a *answer) problem(status int) {
	GinkgoHelper()
	a.is(status)
	Expect(a.header.Get("Content-Type")).To(Equal("application/problem+json"))
	read := a.object()
	Expect(read).To(HaveKeyWithValue("status", BeEquivalentTo(status)))
	Expect(read["title"]).NotTo(BeEmpty())
	Expect(read["detail"]).NotTo(BeEmpty())
	for _, inside := range []string{"SQLSTATE", "pgx", "crm.\\\"", "goroutine", "kontor_"} {
		Expect(string(a.body)).NotTo(ContainSubstring(inside), "%s tells of the inside", a.what)
	}
}
