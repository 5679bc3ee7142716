//go:build unix

package podinfo

import "syscall"

// nonblock keeps a named pipe from blocking who opens it.
const nonblock = syscall.O_NONBLOCK
