// Package long shows what takes a million rows, or minutes, to show. Its tests carry
// the build tag long and run by `make test-long`; each prints what it measured.
package long
