package main

import (
	"errors"
	"syscall"
)

// lives tells whether a process holds the lock of a black box. The lock is
// shared and given back at once: for that instant the next start of the
// program would take its predecessor for alive, so ask once, not in a loop.
func (v volume) lives(box file) (bool, error) {
	f, err := v.open(box)
	if errors.Is(err, errChanged) {
		return true, nil // Somebody writes to it.
	}
	if err != nil {
		return false, err
	}
	conn, err := f.SyscallConn()
	if err != nil {
		return false, errors.Join(err, f.Close())
	}
	var locked error
	err = conn.Control(func(fd uintptr) {
		for {
			if locked = syscall.Flock(int(fd), syscall.LOCK_SH|syscall.LOCK_NB); !errors.Is(locked, syscall.EINTR) {
				return
			}
		}
	})
	if errors.Is(locked, syscall.EWOULDBLOCK) {
		return true, errors.Join(err, f.Close())
	}
	return false, errors.Join(err, locked, f.Close())
}
