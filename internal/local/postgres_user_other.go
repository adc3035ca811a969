//go:build !linux

package local

import "errors"

// unprivilegedUser: only on Linux do we start a child as another user.
func unprivilegedUser(string) (*account, error) {
	return nil, errors.New("PostgreSQL refuses to run as root: run this as an ordinary user")
}

// openWay has nothing to do where the server runs as this process's own user.
func openWay(string, *account, string) error { return nil }
