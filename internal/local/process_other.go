//go:build !linux

package local

import "syscall"

// processAttributes: beside Linux the kernel cannot be asked to end a child with
// its parent; a clean stop does it, a killed parent leaves its children.
func processAttributes(*account, syscall.Signal) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{}
}
