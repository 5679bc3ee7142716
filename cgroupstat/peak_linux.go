package cgroupstat

import (
	"errors"

	"golang.org/x/sys/unix"
)

// openRecentPeak opens memory.peak so that it can be reset for this descriptor
// alone (Linux 6.12); none where it is not writable, as in an ordinary
// container and on older kernels, or where dir is no cgroup v2 at all.
func openRecentPeak(dir string) file {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil || st.Type != unix.CGROUP2_SUPER_MAGIC {
		return noFile
	}
	path := dir + "/memory.peak"
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return noFile // Then there is the peak of the cgroup's life.
	}
	f := file{path, fd}
	// Root opens it for writing on kernels where there is nothing to write.
	if err := f.reset(); err != nil {
		_ = f.close()
		return noFile
	}
	return f
}

// reset makes the peak begin anew for this descriptor.
func (f *file) reset() error {
	for {
		_, err := unix.Pwrite(f.fd, []byte{'r'}, 0)
		switch {
		case err == nil:
			return nil
		case !errors.Is(err, unix.EINTR):
			return &FileError{"reset", f.path, gone(err)}
		}
	}
}

// RecentPeak reads the highest usage since it was called before, or since Open
// or Select. Other readers of memory.peak do not notice. It is absent before
// Linux 6.12, on v1, where a reset would be everybody's, and where memory.peak
// is not writable.
func (r *Reader) RecentPeak() (Value, error) {
	if r.closed {
		return Value{}, ErrClosed
	}
	f := &r.files.recentPeak
	if !f.exists() {
		return Value{}, nil
	}
	v, err := r.optional(f)
	if err != nil {
		return Value{}, err
	}
	return v, f.reset()
}
