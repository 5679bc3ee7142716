package heapdump

import (
	"errors"
	"os"
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"
)

// renameNoReplace renames within dir, unless final exists.
func renameNoReplace(dir *os.File, temp, final string) error {
	err := control(dir, func(descriptor uintptr) error {
		fd := int(descriptor)
		for {
			err := unix.Renameat2(fd, temp, fd, final, unix.RENAME_NOREPLACE)
			if !errors.Is(err, unix.EINTR) {
				return err
			}
		}
	})
	if err != nil {
		return &os.LinkError{Op: "renameat2", Old: temp, New: final, Err: err}
	}
	return nil
}

// dropCache asks the kernel to forget the pages of a synced file. It is
// advice: that the kernel may decline it harms nothing.
func dropCache(f *os.File) {
	_ = control(f, func(descriptor uintptr) error {
		fd := int(descriptor)
		return unix.Fadvise(fd, 0, 0, unix.FADV_DONTNEED)
	})
}

// volume tells what the directory lies on and the size of that in bytes, by
// statfs(2); 0 is not known.
func volume(dir *os.File) (Kind, int64) {
	var st unix.Statfs_t
	err := control(dir, func(descriptor uintptr) error {
		fd := int(descriptor)
		for {
			err := unix.Fstatfs(fd, &st)
			if !errors.Is(err, unix.EINTR) {
				return err
			}
		}
	})
	if err != nil {
		// A sandbox without statfs: not known, and no reason to do without dumps.
		return "", 0
	}
	size := int64(st.Blocks) * int64(st.Bsize)
	switch uint32(st.Type) { // Its width and sign differ between architectures.
	case unix.TMPFS_MAGIC, unix.RAMFS_MAGIC:
		return Tmpfs, size
	}
	return Disk, size
}

// unnamed opens a file that has no name yet, with this much space set aside.
// It wants O_TMPFILE of the file system (ext4, XFS, Btrfs, tmpfs, overlayfs
// since Linux 6.3; not NFS) and /proc; without: errors.ErrUnsupported.
func (d *directory) unnamed(space int64) (*os.File, []byte, error) {
	var file *os.File
	err := control(d.self, func(dir uintptr) error {
		fd, err := unix.Openat(int(dir), ".", unix.O_TMPFILE|unix.O_WRONLY|unix.O_CLOEXEC, fileMode)
		if err != nil {
			return err
		}
		file = os.NewFile(uintptr(fd), d.self.Name())
		return nil
	})
	switch {
	case errors.Is(err, unix.EISDIR), errors.Is(err, unix.ENOENT), errors.Is(err, unix.EOPNOTSUPP):
		// What kernels and file systems without it say.
		return nil, nil, errors.ErrUnsupported
	case err != nil:
		return nil, nil, &os.PathError{Op: "open unnamed file in", Path: d.self.Name(), Err: err}
	}
	var path []byte
	err = control(file, func(descriptor uintptr) error {
		fd := int(descriptor)
		path = append(strconv.AppendInt([]byte("/proc/self/fd/"), int64(fd), 10), 0)
		if _, err := os.Lstat(string(path[:len(path)-1])); err != nil {
			return errors.ErrUnsupported // no /proc to link by
		}
		return nil
	})
	if err == nil {
		err = reserve(file, space)
	}
	if err != nil {
		return nil, nil, errors.Join(err, file.Close())
	}
	return file, path, nil
}

// reserve sets aside space for a file, where its file system knows how to.
func reserve(f *os.File, space int64) error {
	err := control(f, func(descriptor uintptr) error {
		fd := int(descriptor)
		for {
			err := unix.Fallocate(fd, unix.FALLOC_FL_KEEP_SIZE, 0, max(1, space))
			if !errors.Is(err, unix.EINTR) {
				return err
			}
		}
	})
	if err == nil || isUnsupported(err) {
		return nil
	}
	return &os.PathError{Op: "set space aside in", Path: f.Name(), Err: err}
}

// link0 gives an unnamed file a name, unless there is such a file. Both are
// C strings, since to make those takes memory.
func (d *directory) link0(path, name []byte) error {
	here := unix.AT_FDCWD
	_, _, errno := unix.Syscall6(unix.SYS_LINKAT, uintptr(here), uintptr(unsafe.Pointer(&path[0])),
		d.fd, uintptr(unsafe.Pointer(&name[0])), unix.AT_SYMLINK_FOLLOW, 0)
	if errno != 0 {
		return errno
	}
	return nil
}
