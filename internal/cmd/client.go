package cmd

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// client speaks the REST API as one user of one tenant.
type client struct {
	base  *url.URL
	http  *http.Client
	token string
}

// dialTimeout bounds the wait for a server that does not answer at all.
const dialTimeout = 10 * time.Second

// newClient is a client of the tenant at an address such as http://acme.localhost:8080.
// Names below localhost are dialled on this machine: browsers resolve them, Go does not.
func newClient(address string) (*client, error) {
	base, err := url.Parse(address)
	if err != nil || base.Host == "" || base.Scheme != "http" && base.Scheme != "https" {
		return nil, fmt.Errorf("%q is not an address such as http://acme.localhost:8080; %w", address, errUsage)
	}
	dialer := &net.Dialer{Timeout: dialTimeout}
	transport := &http.Transport{
		Proxy: exceptLocal(http.ProxyFromEnvironment),
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			if host, port, err := net.SplitHostPort(address); err == nil && isLocal(host) {
				address = net.JoinHostPort("127.0.0.1", port)
			}
			return dialer.DialContext(ctx, network, address)
		},
		TLSHandshakeTimeout: dialTimeout,
	}
	return &client{base: base, http: &http.Client{Transport: transport}}, nil
}

func isLocal(host string) bool { return host == "localhost" || strings.HasSuffix(host, ".localhost") }

// exceptLocal asks no proxy for names below localhost: on its machine they mean another one.
func exceptLocal(proxy func(*http.Request) (*url.URL, error)) func(*http.Request) (*url.URL, error) {
	return func(request *http.Request) (*url.URL, error) {
		if isLocal(request.URL.Hostname()) {
			return nil, nil
		}
		return proxy(request)
	}
}

// login signs in; the requests after it are this user's.
func (c *client) login(ctx context.Context, email, password string) error {
	var session struct {
		Token string `json:"token"`
	}
	if err := c.call(ctx, http.MethodPost, "/api/v1/login", map[string]string{"email": email, "password": password}, &session); err != nil {
		return fmt.Errorf("signing in as %s: %w", email, err)
	}
	c.token = session.Token
	return nil
}

// call sends a JSON body, if there is one, and reads the JSON answer.
func (c *client) call(ctx context.Context, method, path string, body, answer any) error {
	var reader io.Reader
	if body != nil {
		encoded, err := json.Marshal(body)
		if err != nil {
			return fmt.Errorf("encoding the request: %w", err)
		}
		reader = bytes.NewReader(encoded)
	}
	response, err := c.send(ctx, method, path, "application/json", reader)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if answer == nil {
		return nil
	}
	if err := json.NewDecoder(response.Body).Decode(answer); err != nil {
		return fmt.Errorf("reading the answer of %s: %w", path, err)
	}
	return nil
}

// send sends a request; an answer that is no success is an error with the server's words.
func (c *client) send(ctx context.Context, method, path, contentType string, body io.Reader) (*http.Response, error) {
	target, err := c.base.Parse(path)
	if err != nil {
		return nil, fmt.Errorf("making the address of %q: %w", path, err)
	}
	request, err := http.NewRequestWithContext(ctx, method, target.String(), body)
	if err != nil {
		return nil, fmt.Errorf("making the request: %w", err)
	}
	if body != nil {
		request.Header.Set("Content-Type", contentType)
	}
	if c.token != "" {
		request.Header.Set("Authorization", "Bearer "+c.token)
	}
	response, err := c.http.Do(request)
	if err != nil {
		return nil, fmt.Errorf("asking %s: %w", c.base.Host, errors.Unwrap(err))
	}
	if response.StatusCode >= http.StatusBadRequest {
		defer response.Body.Close()
		return nil, readProblem(response)
	}
	return response, nil
}

// problem is the body of an error, application/problem+json of RFC 9457.
type problem struct {
	Title  string `json:"title"`
	Detail string `json:"detail"`
	Errors []struct {
		Path    string `json:"path"`
		Message string `json:"message"`
	} `json:"errors"`
}

func (p *problem) Error() string {
	parts := []string{p.Detail}
	for _, e := range p.Errors {
		parts = append(parts, strings.TrimPrefix(e.Path+": "+e.Message, ": "))
	}
	// The detail is mostly the first of the errors again.
	parts = slices.DeleteFunc(slices.Compact(parts), func(part string) bool { return part == "" })
	if len(parts) == 0 {
		return p.Title
	}
	return strings.Join(parts, "; ")
}

// maxProblem bounds what is read of an error's body.
const maxProblem = 1 << 20

func readProblem(response *http.Response) error {
	var p problem
	body, err := io.ReadAll(io.LimitReader(response.Body, maxProblem))
	if err != nil || json.Unmarshal(body, &p) != nil || p.Title == "" {
		return fmt.Errorf("the server answered %s", response.Status)
	}
	return &p
}

// importReport counts the lines of an import.
type importReport struct {
	Created   int `json:"created"`
	Updated   int `json:"updated"`
	Unchanged int `json:"unchanged"`
	Failed    int `json:"failed"`
	// Failures are the first of the failed lines.
	Failures []failedLine `json:"failures"`
}

// lines is how many lines were handled.
func (r importReport) lines() int { return r.Created + r.Updated + r.Unchanged + r.Failed }

// failedLine is a line of the file that was not imported.
type failedLine struct {
	Line    int      `json:"line"`
	Reasons []string `json:"reasons"`
}

// job is a job as the API tells it.
type job struct {
	ID     string          `json:"id"`
	State  string          `json:"state"`
	Object string          `json:"object"`
	Done   int64           `json:"done"`
	Total  int64           `json:"total"`
	Report json.RawMessage `json:"report"`
	Error  *struct {
		Message string `json:"message"`
	} `json:"error"`
	// Errors is the address of the file with what failed; empty when nothing did.
	Errors string `json:"errors"`
}

// ended says that nothing happens any more.
func (j *job) ended() bool { return j.State != "queued" && j.State != "running" }

// importFile sends a file to be imported into an object, and returns the job that
// does so. mapping is the mapping in JSON, which names the object.
func (c *client) importFile(ctx context.Context, object string, mapping []byte, file io.Reader, dryRun bool) (*job, error) {
	reader, writer := io.Pipe()
	form := multipart.NewWriter(writer)
	go func() { writer.CloseWithError(writeForm(form, mapping, file)) }()
	path := "/api/v1/records/" + url.PathEscape(object) + "/import"
	if dryRun {
		path += "?dryRun=true"
	}
	response, err := c.send(ctx, http.MethodPost, path, form.FormDataContentType(), reader)
	// A refusal comes while the file is still being sent; the writer ends when it is heard.
	defer reader.Close()
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	var made job
	if err := json.NewDecoder(response.Body).Decode(&made); err != nil {
		return nil, fmt.Errorf("reading the answer of the import: %w", err)
	}
	return &made, nil
}

// follow waits for the end of a job, and tells how it goes on.
func (c *client) follow(ctx context.Context, id string, progress func(*job)) (*job, error) {
	for {
		var now job
		if err := c.call(ctx, http.MethodGet, "/api/v1/jobs/"+url.PathEscape(id)+"?wait=1", nil, &now); err != nil {
			return nil, fmt.Errorf("asking for the job %s, which goes on: %w", id, err)
		}
		progress(&now)
		switch {
		case now.State == "failed" && now.Error != nil:
			return &now, fmt.Errorf("the job %s failed: %s", id, now.Error.Message)
		case now.State == "cancelled":
			return &now, fmt.Errorf("the job %s was cancelled", id)
		case now.ended():
			return &now, nil
		}
	}
}

// download writes what is at a path of the API.
func (c *client) download(ctx context.Context, path string, to io.Writer) error {
	response, err := c.send(ctx, http.MethodGet, path, "", nil)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if _, err := io.Copy(to, response.Body); err != nil {
		return fmt.Errorf("reading %s: %w", path, err)
	}
	return nil
}

func writeForm(form *multipart.Writer, mapping []byte, file io.Reader) error {
	part, err := form.CreateFormField("mapping")
	if err != nil {
		return err
	}
	if _, err := part.Write(mapping); err != nil {
		return err
	}
	if part, err = form.CreateFormFile("file", "import.csv"); err != nil {
		return err
	}
	if _, err := io.Copy(part, file); err != nil {
		return err
	}
	return form.Close()
}
