package env

import (
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
)

// The one bucket of a storage, and the key that it knows. It asks for the key and
// does not reckon the signature.
const (
	StorageBucket    = "backups"
	StorageAccessKey = "AKIDEXAMPLE"
)

// StorageServer is an S3-compatible storage in memory, over TLS.
type StorageServer struct {
	// URL is its endpoint, Certificate what it shows, in PEM.
	URL         string
	Certificate string

	parts atomic.Int64
}

// Storage starts a storage that ends with the test.
func Storage(t T) *StorageServer {
	t.Helper()
	memory := s3mem.New()
	if err := memory.CreateBucket(StorageBucket); err != nil {
		t.Fatalf("making the bucket: %v", err)
	}
	s3, s := gofakes3.New(memory).Server(), &StorageServer{}
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 Credential="+StorageAccessKey+"/") {
			w.WriteHeader(http.StatusForbidden)
			_, _ = io.WriteString(w, "<Error><Code>AccessDenied</Code><Message>Access denied</Message></Error>")
			return
		}
		if r.URL.Query().Has("partNumber") {
			s.parts.Add(1)
		}
		s3.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	s.URL = server.URL
	s.Certificate = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))
	return s
}

// Parts is how many parts of files came in.
func (s *StorageServer) Parts() int64 { return s.parts.Load() }
