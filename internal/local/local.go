// Package local starts the parts that one machine needs, as children of this
// process: a Kubernetes API server with its etcd and its most needed
// controllers, and a PostgreSQL server. `kontor dev` and the tests stand on it.
//
// No child outlives this process: the kernel ends them with it, also when it is
// killed. The servers listen on the loopback address alone.
package local

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
)

const loopback = "127.0.0.1"

// onFreePort runs start with a port of the loopback address on which nobody
// listens. Another program may take the port before the child that start starts
// listens on it: then another port is tried.
func onFreePort(ctx context.Context, start func(port int) error) (int, error) {
	const attempts = 5
	for attempt := 1; ; attempt++ {
		port, err := listenOnce(ctx, 0)
		if err != nil {
			return 0, fmt.Errorf("looking for a free port: %w", err)
		}
		err = start(port)
		if err == nil {
			return port, nil
		}
		if _, taken := listenOnce(ctx, port); taken == nil || attempt == attempts {
			return 0, err
		}
	}
}

// listenOnce takes a port (0: any) and lets go of it at once.
func listenOnce(ctx context.Context, port int) (int, error) {
	var listen net.ListenConfig
	listener, err := listen.Listen(ctx, "tcp", net.JoinHostPort(loopback, strconv.Itoa(port)))
	if err != nil {
		return 0, err
	}
	port = listener.Addr().(*net.TCPAddr).Port
	return port, listener.Close()
}

// makeDir makes a directory that only this user may enter, and its parents.
func makeDir(path string) error {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return fmt.Errorf("making directory %q: %w", path, err)
	}
	return nil
}

// replaceFile writes a file for this user's eyes only, whole or not at all.
func replaceFile(path string, content []byte) error {
	temporary, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return fmt.Errorf("writing %q: %w", path, err)
	}
	defer os.Remove(temporary.Name()) // after the rename there is nothing to remove
	if _, err := temporary.Write(content); err != nil {
		_ = temporary.Close()
		return fmt.Errorf("writing %q: %w", path, err)
	}
	if err := temporary.Close(); err != nil {
		return fmt.Errorf("writing %q: %w", path, err)
	}
	if err := os.Rename(temporary.Name(), path); err != nil {
		return fmt.Errorf("writing %q: %w", path, err)
	}
	return nil
}
