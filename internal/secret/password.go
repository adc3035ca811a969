// Package secret hashes passwords, makes random ones, and seals and opens
// credentials. Nothing in it prints what it guards.
package secret

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"
)

// The parameters of argon2id: the second recommended option of RFC 9106 with
// less memory, so that a burst of logins does not exhaust a small server.
const (
	argonTime    = 3
	argonMemory  = 32 * 1024 // KiB
	argonThreads = 1
	argonKey     = 32
	saltLength   = 16
	// The least that argon2id takes.
	leastTime   = 1
	leastMemory = 8 // KiB
	// MaxPassword is the longest password that is hashed, in bytes.
	MaxPassword = 256
)

// HashPassword is the argon2id hash of a password in the usual encoded form
// ($argon2id$v=19$m=…,t=…,p=…$salt$key). It fails for an empty password and for
// one over MaxPassword.
func HashPassword(password string) (string, error) {
	return hashPassword(password, argonMemory, argonTime)
}

// HashRandom is the hash of a password that NewPassword made, in the same form. What
// HashPassword spends makes guessing dear; nobody guesses 120 random bits, so these
// get the smallest parameters, and take microseconds where a human's takes a
// core for a tenth of a second.
func HashRandom(password string) (string, error) {
	return hashPassword(password, leastMemory, leastTime)
}

func hashPassword(password string, memory, time uint32) (string, error) {
	if password == "" || len(password) > MaxPassword {
		return "", fmt.Errorf("a password has 1 to %d bytes", MaxPassword)
	}
	salt := make([]byte, saltLength)
	if _, err := rand.Read(salt); err != nil {
		return "", fmt.Errorf("making a salt: %w", err)
	}
	key := argon2.IDKey([]byte(password), salt, time, memory, argonThreads, argonKey)
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, memory, time, argonThreads,
		base64.RawStdEncoding.EncodeToString(salt), base64.RawStdEncoding.EncodeToString(key)), nil
}

// VerifyPassword says whether the password has that hash. An empty hash and a
// random password's cost as much time as a human's, and the first never fits, so
// that the time of the answer does not tell whether there is such a user.
func VerifyPassword(hash, password string) bool {
	parsed, err := parseHash(hash)
	if err != nil || len(password) > MaxPassword {
		parsed = parsedHash{salt: make([]byte, saltLength), memory: argonMemory, time: argonTime, threads: argonThreads}
		password = ""
	}
	got := argon2.IDKey([]byte(password), parsed.salt, parsed.time, parsed.memory, parsed.threads, argonKey)
	if parsed.memory < argonMemory { // a random password's; its time must not tell that there is such a user
		argon2.IDKey(nil, parsed.salt, argonTime, argonMemory, argonThreads, argonKey)
	}
	return len(parsed.key) == argonKey && subtle.ConstantTimeCompare(got, parsed.key) == 1
}

// parsedHash is an encoded hash in its parts.
type parsedHash struct {
	salt, key    []byte
	memory, time uint32
	threads      uint8
}

func parseHash(hash string) (parsedHash, error) {
	var p parsedHash
	parts := strings.Split(hash, "$")
	if len(parts) != 6 || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return p, errors.New("not an argon2id hash")
	}
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &p.memory, &p.time, &p.threads); err != nil {
		return p, fmt.Errorf("reading the hash's parameters: %w", err)
	}
	if p.memory > 1<<20 || p.time > 64 || p.time == 0 || p.threads == 0 {
		return p, errors.New("the hash's parameters are out of bounds")
	}
	var err error
	if p.salt, err = base64.RawStdEncoding.DecodeString(parts[4]); err != nil {
		return p, fmt.Errorf("reading the salt: %w", err)
	}
	if p.key, err = base64.RawStdEncoding.DecodeString(parts[5]); err != nil {
		return p, fmt.Errorf("reading the key: %w", err)
	}
	return p, nil
}

// NewPassword is a random password of 24 letters and digits (120 bits).
func NewPassword() string { return rand.Text()[:24] }

// NewToken is a random token of a session, and the hash under which it is stored.
func NewToken() (token string, hash []byte) {
	token = rand.Text() + rand.Text()
	return token, HashToken(token)
}

// HashToken is the hash under which a session's token is stored. Tokens are
// random, so a plain hash is enough.
func HashToken(token string) []byte {
	sum := sha256.Sum256([]byte(token))
	return sum[:]
}
