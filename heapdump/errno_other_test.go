//go:build !unix

package heapdump

const hasErrno = false
