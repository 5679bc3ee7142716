package main

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// newBPFArray makes a BPF map; its memory is the kernel's until it is closed
// (bpf(2), BPF_MAP_CREATE).
func newBPFArray(entries, valueSize uint32) (int, error) {
	attr := struct{ kind, keySize, valueSize, maxEntries, flags uint32 }{unix.BPF_MAP_TYPE_ARRAY, 4, valueSize, entries, 0}
	fd, _, errno := unix.Syscall(unix.SYS_BPF, unix.BPF_MAP_CREATE, uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr))
	if errno != 0 {
		return -1, fmt.Errorf("bpf: %w", errno)
	}
	return int(fd), nil
}
