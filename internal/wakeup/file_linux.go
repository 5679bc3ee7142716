package wakeup

import (
	"errors"
	"fmt"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/memguard-dev/go-memguard/cgroupstat"
)

// file is a descriptor outside of the runtime's poller; fd is -1 where there is none.
type file struct {
	path string
	fd   int
}

var noFile = file{fd: -1}

func (f *file) exists() bool { return f.fd >= 0 }

// retry repeats what a signal interrupted.
func retry(call func() (int, error)) (int, error) {
	for {
		if n, err := call(); !errors.Is(err, unix.EINTR) {
			return n, err
		}
	}
}

func openFile(dir, name string, flags int) (file, error) {
	path := filepath.Join(dir, name)
	fd, err := retry(func() (int, error) { return unix.Open(path, flags|unix.O_CLOEXEC, 0) })
	if err != nil {
		return noFile, &cgroupstat.FileError{Op: "open", Path: path, Err: err}
	}
	return file{path, fd}, nil
}

func newEvent() (file, error) {
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return noFile, fmt.Errorf("eventfd: %w", err)
	}
	return file{"eventfd", fd}, nil
}

// write makes one write of it all, as the files of a cgroup want it.
func (f *file) write(text []byte) error {
	if _, err := retry(func() (int, error) { return unix.Write(f.fd, text) }); err != nil {
		return &cgroupstat.FileError{Op: "write", Path: f.path, Err: gone(err)}
	}
	return nil
}

// touch reads from the beginning, to see whether the file is still there.
func (f *file) touch() error {
	var buf [256]byte
	if _, err := retry(func() (int, error) { return unix.Pread(f.fd, buf[:], 0) }); err != nil {
		return &cgroupstat.FileError{Op: "read", Path: f.path, Err: gone(err)}
	}
	return nil
}

// gone adds ErrGone to what the kernel says of a descriptor of a removed cgroup.
func gone(err error) error {
	if errors.Is(err, unix.ENODEV) {
		return fmt.Errorf("%w: %w", cgroupstat.ErrGone, err)
	}
	return err
}

func (f *file) close() error {
	if f.fd < 0 {
		return nil
	}
	fd := f.fd
	f.fd = -1
	return unix.Close(fd)
}
