//go:build unix

package heapdump

import (
	"io/fs"
	"os"
	"syscall"
)

// readFlags keep a planted FIFO from blocking a read.
const readFlags = os.O_RDONLY | syscall.O_NONBLOCK

// isMine reports whether the file belongs to this user.
func isMine(info fs.FileInfo) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(st.Uid) == os.Geteuid()
}

// isTrusted reports whether the file belongs to this user or to root.
func isTrusted(info fs.FileInfo) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && (st.Uid == 0 || int(st.Uid) == os.Geteuid())
}

// syncDirectory makes renames in dir last.
func syncDirectory(dir *os.File) error { return flush(dir) }
