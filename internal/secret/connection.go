package secret

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strconv"
	"strings"
)

// Connection says how to reach one database of a PostgreSQL server, and as whom.
// It prints without its password; only URL and the fields give that away.
type Connection struct {
	// Host is a name or an address; a path that starts with / is a folder with a socket.
	Host string `json:"host"`
	// Port is that of the server, also for a socket.
	Port int `json:"port"`
	// Database is the name of the database.
	Database string `json:"database"`
	// User is the role.
	User string `json:"user"`
	// Password may be empty where the server asks for none.
	Password string `json:"password,omitempty"`
	// SSLMode is one of libpq's: disable, require, verify-ca, verify-full; empty is libpq's prefer.
	SSLMode string `json:"sslMode,omitempty"`
	// RootCA holds the certificates in PEM that verify-ca and verify-full trust; empty is the system's.
	RootCA string `json:"rootCA,omitempty"`
}

// In is the same connection to another database.
func (c Connection) In(database string) Connection {
	c.Database = database
	return c
}

// As is the same connection as another role.
func (c Connection) As(user, password string) Connection {
	c.User, c.Password = user, password
	return c
}

// URL is the connection in libpq's form, with the password. RootCA is not part of it.
func (c Connection) URL() string {
	u := url.URL{Scheme: "postgres", User: url.UserPassword(c.User, c.Password), Path: "/" + c.Database}
	query := url.Values{}
	if strings.HasPrefix(c.Host, "/") {
		query.Set("host", c.Host)
		query.Set("port", strconv.Itoa(c.Port))
	} else {
		u.Host = net.JoinHostPort(c.Host, strconv.Itoa(c.Port))
	}
	if c.SSLMode != "" {
		query.Set("sslmode", c.SSLMode)
	}
	u.RawQuery = query.Encode()
	return u.String()
}

// String is "role@host:port/database", without the password.
func (c Connection) String() string {
	return fmt.Sprintf("%s@%s/%s", c.User, net.JoinHostPort(c.Host, strconv.Itoa(c.Port)), c.Database)
}

// GoString is String: %#v gives no password away either.
func (c Connection) GoString() string { return c.String() }

// LogValue is String.
func (c Connection) LogValue() slog.Value { return slog.StringValue(c.String()) }

// ParseURL reads a connection in libpq's form, postgres://role:password@host:port/database?sslmode=….
// Its errors never repeat the text, which holds a password.
func ParseURL(text string) (Connection, error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" {
		return Connection{}, errors.New("not a URL of the form postgres://role:password@host:port/database")
	}
	c := Connection{Host: u.Hostname(), Port: defaultPort, Database: strings.TrimPrefix(u.Path, "/"), SSLMode: u.Query().Get("sslmode")}
	if u.User != nil {
		c.User = u.User.Username()
		c.Password, _ = u.User.Password()
	}
	port := u.Port()
	if host := u.Query().Get("host"); host != "" {
		c.Host, port = host, u.Query().Get("port")
	}
	if port != "" {
		if c.Port, err = strconv.Atoi(port); err != nil {
			return Connection{}, errors.New("the URL's port is not a number")
		}
	}
	if c.Host == "" || c.Database == "" || c.User == "" {
		return Connection{}, errors.New("the URL lacks a host, a database or a role")
	}
	return c, nil
}

// defaultPort is PostgreSQL's.
const defaultPort = 5432
