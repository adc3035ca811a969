package local

import "syscall"

// processAttributes lets the kernel end the child with this process, and takes
// it out of the terminal's group: Ctrl-C reaches this process alone, which then
// stops its children in order.
func processAttributes(user *account, orphan syscall.Signal) *syscall.SysProcAttr {
	attributes := &syscall.SysProcAttr{Pdeathsig: orphan, Setpgid: true}
	if user != nil {
		attributes.Credential = &syscall.Credential{Uid: uint32(user.uid), Gid: uint32(user.gid)} //nolint:gosec // ids of the system's own users
	}
	return attributes
}
