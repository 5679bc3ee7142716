//go:build unix

package heapdump

// hasErrno: the system's errors are those of POSIX.
const hasErrno = true
