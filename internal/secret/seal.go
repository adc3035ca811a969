package secret

import (
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/chacha20poly1305"
)

// KeyLength is the length of a sealing key, in bytes.
const KeyLength = chacha20poly1305.KeySize

// Sealer encrypts with one key for one purpose: what one purpose sealed, another cannot open.
type Sealer struct{ aead cipher.AEAD }

// NewSealer derives a sealer for a purpose ("directory", "cursor") from a key of KeyLength bytes.
func NewSealer(key []byte, purpose string) (*Sealer, error) {
	if len(key) != KeyLength {
		return nil, fmt.Errorf("a sealing key has %d bytes, not %d", KeyLength, len(key))
	}
	derived, err := hkdf.Key(sha256.New, key, nil, "kontor/"+purpose, KeyLength)
	if err != nil {
		return nil, fmt.Errorf("deriving the key for %s: %w", purpose, err)
	}
	aead, err := chacha20poly1305.NewX(derived)
	if err != nil {
		return nil, fmt.Errorf("making the cipher for %s: %w", purpose, err)
	}
	return &Sealer{aead: aead}, nil
}

// Seal encrypts plain and binds it to a context (a tenant, a query), which Open must be given again.
func (s *Sealer) Seal(plain []byte, context string) []byte {
	nonce := make([]byte, s.aead.NonceSize(), s.aead.NonceSize()+len(plain)+s.aead.Overhead())
	_, _ = rand.Read(nonce) // never fails, see crypto/rand
	return s.aead.Seal(nonce, nonce, plain, []byte(context))
}

// Open decrypts what Seal made for the same context; anything else is an error that says nothing more.
func (s *Sealer) Open(sealed []byte, context string) ([]byte, error) {
	if len(sealed) < s.aead.NonceSize() {
		return nil, errors.New("not sealed by this key for this purpose")
	}
	plain, err := s.aead.Open(nil, sealed[:s.aead.NonceSize()], sealed[s.aead.NonceSize():], []byte(context))
	if err != nil {
		return nil, errors.New("not sealed by this key for this purpose")
	}
	return plain, nil
}

// NewKey is a random sealing key in the form that ParseKey reads.
func NewKey() string {
	key := make([]byte, KeyLength)
	_, _ = rand.Read(key) // never fails, see crypto/rand
	return base64.StdEncoding.EncodeToString(key)
}

// ParseKey reads a sealing key in base64, as a Secret or a file holds it.
func ParseKey(text string) ([]byte, error) {
	key, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
	if err != nil || len(key) != KeyLength {
		return nil, fmt.Errorf("a sealing key is %d bytes in base64", KeyLength)
	}
	return key, nil
}
