//go:build !linux

package e2e

import "syscall"

// attributes: beside Linux, tests that are killed leave their programs behind.
func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{} }
