package cgroupstat

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// file is a descriptor that stays open. fd is -1 where the kernel has no such
// file, or after close.
type file struct {
	path string
	fd   int
}

// openFile opens path; optional tells that it may be missing.
func openFile(path string, optional bool) (file, error) {
	for {
		fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err == nil:
			return file{path, fd}, nil
		// EOPNOTSUPP is memory.pressure with PSI switched off.
		case optional && (errors.Is(err, unix.ENOENT) || errors.Is(err, unix.EOPNOTSUPP)):
			return file{path, -1}, nil
		}
		return file{path, -1}, &FileError{"open", path, gone(err)}
	}
}

func (f *file) exists() bool { return f.fd >= 0 }

// read gives the whole content within buf.
func (f *file) read(buf []byte) ([]byte, error) {
	for {
		n, err := unix.Pread(f.fd, buf, 0)
		if err != nil {
			if errors.Is(err, unix.EINTR) {
				continue
			}
			return nil, &FileError{"read", f.path, gone(err)}
		}
		if n == len(buf) {
			return nil, f.parseError(fmt.Errorf("%d bytes or more: %w", n, errMalformed))
		}
		return buf[:n], nil
	}
}

// gone adds ErrGone to what the kernel says of a removed cgroup: ENODEV on a
// descriptor, ENOENT on a path.
func gone(err error) error {
	if errors.Is(err, unix.ENODEV) || errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("%w: %w", ErrGone, err)
	}
	return err
}

func (f *file) parseError(err error) error { return &FileError{"parse", f.path, err} }

func (f *file) close() error {
	if f.fd < 0 {
		return nil
	}
	fd := f.fd
	f.fd = -1
	return unix.Close(fd)
}
