package cmd

import (
	"bufio"
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
			return nil, nil //nolint:nilnil // no proxy is no error
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
}

// lines is how many lines were handled.
func (r importReport) lines() int { return r.Created + r.Updated + r.Unchanged + r.Failed }

// failedLine is a line of the file that was not imported.
type failedLine struct {
	Line    int      `json:"line"`
	Text    string   `json:"text"`
	Reasons []string `json:"reasons"`
}

// importEvent is one line of the answer of an import.
type importEvent struct {
	Progress *importReport `json:"progress"`
	Failed   *failedLine   `json:"failed"`
	Report   *importReport `json:"report"`
	Error    *problem      `json:"error"`
}

// maxEvent bounds one line of the answer: a failed line of the file, of which JSON may make six times as much.
const maxEvent = 16 << 20

// importCSV streams a file into an object, and calls progress and failed as the
// server tells. mapping is the mapping in JSON, which names the object.
func (c *client) importCSV(ctx context.Context, object string, mapping []byte, file io.Reader, progress func(importReport), failed func(failedLine) error) (importReport, error) {
	reader, writer := io.Pipe()
	form := multipart.NewWriter(writer)
	go func() { writer.CloseWithError(writeForm(form, mapping, file)) }()
	response, err := c.send(ctx, http.MethodPost, "/api/v1/records/"+url.PathEscape(object)+"/import", form.FormDataContentType(), reader)
	// The answer begins while the file is still being sent; the writer ends when all is said.
	defer reader.Close()
	if err != nil {
		return importReport{}, err
	}
	defer response.Body.Close()
	lines := bufio.NewScanner(response.Body)
	lines.Buffer(nil, maxEvent)
	for lines.Scan() {
		var event importEvent
		if err := json.Unmarshal(lines.Bytes(), &event); err != nil {
			return importReport{}, fmt.Errorf("reading the answer of the import: %w", err)
		}
		switch {
		case event.Error != nil:
			return importReport{}, event.Error
		case event.Report != nil:
			return *event.Report, nil
		case event.Progress != nil:
			progress(*event.Progress)
		case event.Failed != nil:
			if err := failed(*event.Failed); err != nil {
				return importReport{}, err
			}
		}
	}
	if err := lines.Err(); err != nil {
		return importReport{}, fmt.Errorf("reading the answer of the import: %w", err)
	}
	return importReport{}, errors.New("the server ended the import without a report; import again, lines with a key are not doubled")
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
