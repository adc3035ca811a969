package provision

import (
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
)

// The parameters of PostgreSQL's own verifiers.
const (
	scramIterations = 4096
	scramSalt       = 16
)

// scramVerifier is what PostgreSQL stores of a password (RFC 5803). Passwords here
// are printable ASCII: others would have to be normalised first.
func scramVerifier(password string) (string, error) {
	if password == "" || strings.Trim(password, asciiPrintable) != "" {
		return "", errors.New("the password of a database role has printable ASCII characters alone")
	}
	salt := make([]byte, scramSalt)
	_, _ = rand.Read(salt) // never fails, see crypto/rand
	salted, err := pbkdf2.Key(sha256.New, password, salt, scramIterations, sha256.Size)
	if err != nil {
		return "", fmt.Errorf("deriving the password's verifier: %w", err)
	}
	stored := sha256.Sum256(mac(salted, "Client Key"))
	encode := base64.StdEncoding.EncodeToString
	return fmt.Sprintf("SCRAM-SHA-256$%d:%s$%s:%s", scramIterations, encode(salt), encode(stored[:]), encode(mac(salted, "Server Key"))), nil
}

func mac(key []byte, text string) []byte {
	hash := hmac.New(sha256.New, key)
	hash.Write([]byte(text))
	return hash.Sum(nil)
}

var asciiPrintable = func() string {
	var b strings.Builder
	for c := byte(' '); c <= '~'; c++ {
		b.WriteByte(c)
	}
	return b.String()
}()
