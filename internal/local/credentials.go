package local

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// credentials is the folder of a cluster's keys and certificates.
type credentials struct{ dir string }

func (c credentials) authority() string           { return filepath.Join(c.dir, "ca.crt") }
func (c credentials) certificate(n string) string { return filepath.Join(c.dir, n+".crt") }
func (c credentials) key(n string) string         { return filepath.Join(c.dir, n+".key") }
func (c credentials) tokenKey() string            { return filepath.Join(c.dir, "service-account.key") }

func (c credentials) tokenPublicKey() string { return filepath.Join(c.dir, "service-account.pub") }

// The holders of certificates.
const (
	serverHolder = "server" // etcd and the API server, to callers and to each other
	adminHolder  = "admin"  // whoever holds the kubeconfig
)

// The certificates of a cluster on one machine's loopback address have no use for
// an end, and without a clock a wrong one cannot break them.
var (
	notBefore = time.Date(2020, time.January, 1, 0, 0, 0, 0, time.UTC)
	notAfter  = time.Date(2120, time.January, 1, 0, 0, 0, 0, time.UTC)
)

// keepCredentials returns the keys and certificates in dir and makes them at the
// first start. They are made beside it and moved there, all or none.
func keepCredentials(dir string) (credentials, error) {
	if _, err := os.Stat(dir); err == nil {
		return credentials{dir: dir}, nil
	} else if !os.IsNotExist(err) {
		return credentials{}, fmt.Errorf("looking for the cluster's keys: %w", err)
	}
	unfinished := credentials{dir: dir + ".new"}
	if err := os.RemoveAll(unfinished.dir); err != nil {
		return credentials{}, fmt.Errorf("removing unfinished keys: %w", err)
	}
	if err := makeDir(unfinished.dir); err != nil {
		return credentials{}, err
	}
	if err := unfinished.make(); err != nil {
		return credentials{}, fmt.Errorf("making the cluster's keys: %w", err)
	}
	if err := os.Rename(unfinished.dir, dir); err != nil {
		return credentials{}, fmt.Errorf("keeping the cluster's keys: %w", err)
	}
	return credentials{dir: dir}, nil
}

func (c credentials) make() error {
	authorityKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	authority := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "kontor-local"}, NotBefore: notBefore, NotAfter: notAfter,
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	if err := c.sign(c.authority(), authority, authority, authorityKey.Public(), authorityKey); err != nil {
		return err
	}
	holders := map[string]*x509.Certificate{
		serverHolder: {
			SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "kube-apiserver"},
			ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
			IPAddresses: []net.IP{net.ParseIP(loopback), net.ParseIP("10.96.0.1")},
			DNSNames:    []string{"localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local"},
		},
		adminHolder: {
			SerialNumber: big.NewInt(3), Subject: pkix.Name{CommonName: "admin", Organization: []string{"system:masters"}},
			ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		},
	}
	for name, holder := range holders {
		holder.NotBefore, holder.NotAfter, holder.KeyUsage = notBefore, notAfter, x509.KeyUsageDigitalSignature
		key, err := newKey(c.key(name))
		if err != nil {
			return err
		}
		if err := c.sign(c.certificate(name), holder, authority, key.Public(), authorityKey); err != nil {
			return err
		}
	}
	tokenKey, err := newKey(c.tokenKey())
	if err != nil {
		return err
	}
	public, err := x509.MarshalPKIXPublicKey(tokenKey.Public())
	if err != nil {
		return err
	}
	return writePEM(c.tokenPublicKey(), "PUBLIC KEY", public)
}

func (c credentials) sign(path string, subject, issuer *x509.Certificate, key crypto.PublicKey, issuerKey crypto.Signer) error {
	signed, err := x509.CreateCertificate(rand.Reader, subject, issuer, key, issuerKey)
	if err != nil {
		return err
	}
	return writePEM(path, "CERTIFICATE", signed)
}

func newKey(path string) (*ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	encoded, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return nil, err
	}
	return key, writePEM(path, "EC PRIVATE KEY", encoded)
}

func writePEM(path, kind string, content []byte) error {
	return replaceFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: content}))
}

// asAdmin is how an HTTP client of ours speaks to the cluster.
func (c credentials) asAdmin() (*tls.Config, error) {
	own, err := tls.LoadX509KeyPair(c.certificate(adminHolder), c.key(adminHolder))
	if err != nil {
		return nil, fmt.Errorf("reading the administrator's certificate: %w", err)
	}
	authority, err := os.ReadFile(c.authority())
	if err != nil {
		return nil, fmt.Errorf("reading the cluster's authority: %w", err)
	}
	trusted := x509.NewCertPool()
	trusted.AppendCertsFromPEM(authority)
	return &tls.Config{Certificates: []tls.Certificate{own}, RootCAs: trusted, MinVersion: tls.VersionTLS13}, nil
}
