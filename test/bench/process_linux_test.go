package bench

import "syscall"

// attributes lets the kernel end a program with the benchmark, however that ends.
func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
