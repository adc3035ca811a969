package bench

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
)

// connectionsAtOnce is how many clients ask at the same time, each as soon as it has its answer.
const connectionsAtOnce = 16

// asking is a workload at one server.
type asking struct {
	address string
	// request is the whole of the request number n, as it goes over the wire.
	request func(n int) []byte
	// check looks at an answer.
	check func(n, status int, body []byte) error
}

// pace is how fast a server answered.
type pace struct {
	requests  int
	took      time.Duration
	latencies []time.Duration // in order
	// app and postgres are the time of the processors, all requests together.
	app, postgres time.Duration
}

func (p pace) perSecond() float64 { return float64(p.requests) / p.took.Seconds() }

// percentile is in milliseconds.
func (p pace) percentile(percent int) float64 {
	if len(p.latencies) == 0 {
		return 0
	}
	at := p.latencies[min(len(p.latencies)*percent/100, len(p.latencies)-1)]
	return float64(at.Microseconds()) / 1000
}

// asked counts the requests of the whole benchmark: no two rounds ask for the same.
var asked atomic.Int64

// ask lets clients ask for so long, and checks all answers.
func (a asking) ask(b *testing.B, clients int, length time.Duration) pace {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.Context(), length+patienceOfClients)
	defer cancel()
	group, ctx := errgroup.WithContext(ctx)
	latencies := make([][]time.Duration, clients)
	began := time.Now()
	for i := range clients {
		group.Go(func() error {
			c, err := dial(ctx, a.address)
			if err != nil {
				return err
			}
			defer c.Close()
			for time.Since(began) < length {
				sent := time.Now()
				if err := c.once(a); err != nil {
					return err
				}
				latencies[i] = append(latencies[i], time.Since(sent))
			}
			return nil
		})
	}
	err := group.Wait()
	p := pace{took: time.Since(began), latencies: slices.Concat(latencies...)}
	must(b, err)
	p.requests = len(p.latencies)
	p.sort()
	return p
}

func (p *pace) sort() { slices.Sort(p.latencies) }

// patienceOfClients is how long a client waits for its last answer.
const patienceOfClients = time.Minute

// caller is one connection that is kept: as little of HTTP/1.1 as takes it.
type caller struct {
	net.Conn

	reader *bufio.Reader
	body   []byte
}

func dial(ctx context.Context, address string) (*caller, error) {
	connection, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	if deadline, ok := ctx.Deadline(); ok {
		if err := connection.SetDeadline(deadline); err != nil {
			return nil, err
		}
	}
	return &caller{Conn: connection, reader: bufio.NewReaderSize(connection, 64<<10)}, nil
}

// once asks one request and checks its answer.
func (c *caller) once(a asking) error {
	n := int(asked.Add(1))
	status, body, err := c.exchange(a.request(n))
	if err != nil {
		return err
	}
	if err := a.check(n, status, body); err != nil {
		return fmt.Errorf("request %d: %w; status %d: %.300s", n, err, status, body)
	}
	return nil
}

// exchange sends a request and reads the answer, whose body holds until the next one.
func (c *caller) exchange(request []byte) (status int, body []byte, err error) {
	if _, err := c.Write(request); err != nil {
		return 0, nil, fmt.Errorf("sending a request: %w", err)
	}
	line, err := c.reader.ReadSlice('\n')
	if err != nil {
		return 0, nil, fmt.Errorf("reading an answer: %w", err)
	}
	if len(line) < len("HTTP/1.1 200") {
		return 0, nil, fmt.Errorf("reading an answer: %q", line)
	}
	if status, err = strconv.Atoi(string(line[9:12])); err != nil {
		return 0, nil, fmt.Errorf("reading an answer: %w", err)
	}
	length, chunked := 0, false
	for {
		if line, err = c.reader.ReadSlice('\n'); err != nil {
			return 0, nil, fmt.Errorf("reading the head of an answer: %w", err)
		}
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 {
			break
		}
		name, value, _ := bytes.Cut(line, []byte(": "))
		switch {
		case bytes.EqualFold(name, []byte("Content-Length")):
			if length, err = strconv.Atoi(string(value)); err != nil {
				return 0, nil, fmt.Errorf("reading the head of an answer: %w", err)
			}
		case bytes.EqualFold(name, []byte("Transfer-Encoding")):
			chunked = string(value) == "chunked"
		}
	}
	c.body = c.body[:0]
	if chunked {
		return status, c.body, c.readChunks()
	}
	c.body = slices.Grow(c.body, length)[:length]
	_, err = io.ReadFull(c.reader, c.body)
	return status, c.body, err
}

// readChunks reads a body whose length nobody knew.
func (c *caller) readChunks() error {
	for {
		line, err := c.reader.ReadSlice('\n')
		if err != nil {
			return fmt.Errorf("reading a chunk: %w", err)
		}
		size, err := strconv.ParseInt(string(bytes.TrimRight(line, "\r\n")), 16, 32)
		if err != nil {
			return fmt.Errorf("reading a chunk: %w", err)
		}
		begin := len(c.body)
		c.body = slices.Grow(c.body, int(size))[:begin+int(size)]
		if _, err := io.ReadFull(c.reader, c.body[begin:]); err != nil {
			return fmt.Errorf("reading a chunk: %w", err)
		}
		if _, err := c.reader.Discard(len("\r\n")); err != nil {
			return fmt.Errorf("reading a chunk: %w", err)
		}
		if size == 0 {
			return nil
		}
	}
}

// plain writes a request as it goes over the wire. Headers end in "\r\n".
func plain(method, path, host, headers string, body []byte) []byte {
	request := make([]byte, 0, len(path)+len(headers)+len(body)+200)
	request = append(request, method+" "+path+" HTTP/1.1\r\nHost: "+host+"\r\n"+headers...)
	if body != nil {
		request = append(request, "Content-Type: application/json\r\nContent-Length: "+strconv.Itoa(len(body))+"\r\n"...)
	}
	return append(append(request, "\r\n"...), body...)
}

// answers checks that an answer has a status and holds some texts.
func answers(want int, texts func(n int) []string) func(n, status int, body []byte) error {
	return func(n, status int, body []byte) error {
		if status != want {
			return errWrongAnswer
		}
		for _, text := range texts(n) {
			if !bytes.Contains(body, []byte(text)) {
				return fmt.Errorf("%w: %q is missing", errWrongAnswer, text)
			}
		}
		return nil
	}
}

var errWrongAnswer = errors.New("wrong answer")
