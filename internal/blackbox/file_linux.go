package blackbox

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"

	"golang.org/x/sys/unix"
)

// Supported tells whether this system has black boxes.
const Supported = true

// fileMode: what a program's memory does is its user's business.
const fileMode = 0o600

// boxFile is a locked file whose space is set aside.
type boxFile struct {
	*os.File
	pinned []byte
}

// createFile makes the file under a temporary name, locks it, sets its space
// aside, and only then gives it its name: a box with a name is either locked
// or left by a process that is gone.
func createFile(o Options) (_ target, err error) {
	root, err := os.OpenRoot(o.Dir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	temp := fmt.Sprintf("%s%016x", tempPrefix, rand.Uint64())
	f, err := root.OpenFile(temp, os.O_CREATE|os.O_EXCL|os.O_RDWR, fileMode)
	if err != nil {
		return nil, err
	}
	if err = lock(f); err == nil {
		err = allocate(f, int64(o.Bytes))
	}
	if err == nil {
		err = root.Rename(temp, boxPrefix+o.Header.Run+boxSuffix)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("black box: %w", err), f.Close(), unlessGone(root.Remove(temp)))
	}
	return &boxFile{f, pin(f, o.Bytes)}, nil
}

func (f *boxFile) linked() bool {
	n := uint64(0)
	err := control(f.File, func(fd int) error {
		var st unix.Stat_t
		err := unix.Fstat(fd, &st)
		n = uint64(st.Nlink)
		return err
	})
	return err != nil || n > 0
}

func (f *boxFile) Close() error {
	var err error
	if f.pinned != nil {
		err = unix.Munmap(f.pinned)
		f.pinned = nil
	}
	return errors.Join(err, f.File.Close())
}

// pin keeps the pages of the file in memory, so that near the limit to write
// a record never waits for the disk. It is not needed: where the kernel
// refuses, as beyond RLIMIT_MEMLOCK, the file does without. The mapping is
// never read or written.
func pin(f *os.File, size int) []byte {
	var m []byte
	err := control(f, func(fd int) (err error) {
		m, err = unix.Mmap(fd, 0, size, unix.PROT_READ, unix.MAP_SHARED)
		return err
	})
	if err != nil {
		return nil
	}
	if err := unix.Mlock(m); err != nil {
		_ = unix.Munmap(m) // It was made a moment ago.
		return nil
	}
	return m
}

// lock takes the lock that the kernel gives back when the process ends.
func lock(f *os.File) error {
	err := control(f, func(fd int) error {
		return ignoringEINTR(func() error { return unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB) })
	})
	if err != nil {
		return &fs.PathError{Op: "flock", Path: f.Name(), Err: err}
	}
	return nil
}

// allocate gives f its size and its space, so that a disk which fills up later
// has a place for every record.
func allocate(f *os.File, size int64) error {
	err := control(f, func(fd int) error { return ignoringEINTR(func() error { return unix.Fallocate(fd, 0, 0, size) }) })
	if !errors.Is(err, unix.EOPNOTSUPP) && !errors.Is(err, unix.ENOSYS) {
		if err != nil {
			err = &fs.PathError{Op: "fallocate", Path: f.Name(), Err: err}
		}
		return err
	}
	// A file system without it has a place for what was once written.
	_, err = f.WriteAt(make([]byte, size), 0)
	return err
}

func ignoringEINTR(fn func() error) error {
	for {
		if err := fn(); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// control calls fn with the descriptor of f.
func control(f *os.File, fn func(fd int) error) error {
	conn, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	if err := conn.Control(func(fd uintptr) { failed = fn(int(fd)) }); err != nil {
		return err
	}
	return failed
}

// BootID is the kernel's name of this boot.
func BootID() (string, error) {
	text, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "", err
	}
	return clean(string(text[:max(0, len(text)-1)])), nil
}
