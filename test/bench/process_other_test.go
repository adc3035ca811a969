//go:build !linux

package bench

import "syscall"

// attributes: beside Linux, tests that are killed leave their programs behind.
func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{} }
