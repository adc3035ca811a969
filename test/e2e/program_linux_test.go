package e2e

import "syscall"

// attributes lets the kernel end a program with the tests, however these end.
func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
