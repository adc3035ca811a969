// Package fault names what can go wrong, in kinds. A room says the kind where
// it understands the trouble; only the edges (HTTP, the status of a resource,
// a command's exit code) read it.
package fault

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Kind is the class of a fault: what the one who asked can do about it.
type Kind int

// The kinds. Internal is the zero value: an error of no other kind.
const (
	// Internal is a fault of Kontor itself or of its environment; retrying may help.
	Internal Kind = iota
	// Malformed is input that cannot be read: broken JSON, a filter that does not parse.
	Malformed
	// Invalid is input that can be read and that the model refuses; Violations say where.
	Invalid
	// NotFound says that what was named does not exist, or may not be seen.
	NotFound
	// Conflict says that the state of things forbids it: a duplicate, a stale version.
	Conflict
	// Stale is a write that names a version which is no longer the newest.
	Stale
	// Unauthenticated says that nobody signed in.
	Unauthenticated
	// Forbidden says that who signed in may not do this.
	Forbidden
	// TooLarge is input over a bound.
	TooLarge
	// TooMany says that there were too many requests; wait and retry.
	TooMany
	// Unavailable says that a part that is needed does not answer; retry later.
	Unavailable
	// Waiting says that something else has to happen first; it will be looked at again.
	Waiting
	// Stalled says that nothing will change until a person changes something.
	Stalled
)

var kindNames = map[Kind]string{
	Internal: "internal", Malformed: "malformed", Invalid: "invalid", NotFound: "not found",
	Conflict: "conflict", Stale: "stale", Unauthenticated: "unauthenticated", Forbidden: "forbidden",
	TooLarge: "too large", TooMany: "too many", Unavailable: "unavailable", Waiting: "waiting", Stalled: "stalled",
}

// String is the kind's name in words.
func (k Kind) String() string { return kindNames[k] }

// Violation is one place in the input that a rule refuses.
type Violation struct {
	// Path leads to the value, as its user wrote it: "amount", "spec.options[3].key".
	Path string `json:"path"`
	// Message says what is wrong and what would be right.
	Message string `json:"message"`
}

// Error is a fault with its kind. Its text is for the user: it never carries a
// secret, nor the DETAIL of a database.
type Error struct {
	Kind Kind
	// Reason is a stable CamelCase word for programs; empty when the kind says enough.
	Reason string
	// Message is for people.
	Message string
	// Violations name the places; empty when the fault has no place.
	Violations []Violation
	// Cause is what led to it, or nil. It is not part of the text.
	Cause error
}

// Error is the message, followed by the violations in order.
func (e *Error) Error() string {
	if len(e.Violations) == 0 {
		return e.Message
	}
	parts := make([]string, 0, len(e.Violations))
	for _, v := range e.Violations {
		parts = append(parts, v.String())
	}
	if e.Message == "" {
		return strings.Join(parts, "; ")
	}
	return e.Message + ": " + strings.Join(parts, "; ")
}

// Unwrap is the cause.
func (e *Error) Unwrap() error { return e.Cause }

// String is "path: message".
func (v Violation) String() string {
	if v.Path == "" {
		return v.Message
	}
	return v.Path + ": " + v.Message
}

// New is a fault of a kind with a message for people.
func New(kind Kind, format string, args ...any) *Error {
	return &Error{Kind: kind, Message: fmt.Sprintf(format, args...)}
}

// Because is a fault of a kind with a stable reason for programs and a message for people.
func Because(kind Kind, reason, format string, args ...any) *Error {
	return &Error{Kind: kind, Reason: reason, Message: fmt.Sprintf(format, args...)}
}

// Wrap is a fault of a kind whose message does not repeat its cause.
func Wrap(kind Kind, cause error, format string, args ...any) *Error {
	return &Error{Kind: kind, Message: fmt.Sprintf(format, args...), Cause: cause}
}

// Refuse is an Invalid fault made of violations, or nil when there are none.
func Refuse(violations ...Violation) error {
	if len(violations) == 0 {
		return nil
	}
	return &Error{Kind: Invalid, Violations: slices.Clone(violations)}
}

// At is an Invalid fault at one path.
func At(path, format string, args ...any) *Error {
	return &Error{Kind: Invalid, Violations: []Violation{{Path: path, Message: fmt.Sprintf(format, args...)}}}
}

// KindOf is the kind of the first fault in err's chain; Internal when there is none.
func KindOf(err error) Kind {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	return Internal
}

// Is says whether err is a fault of that kind.
func Is(err error, kind Kind) bool { return err != nil && KindOf(err) == kind }

// ReasonOf is the stable reason of the first fault in err's chain, or "".
func ReasonOf(err error) string {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Reason
	}
	return ""
}
