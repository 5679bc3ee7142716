package heapdump

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// renameNoReplace renames within dir, unless final exists.
func renameNoReplace(dir *os.File, temp, final string) error {
	err := control(dir, func(fd int) error {
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
	_ = control(f, func(fd int) error {
		return unix.Fadvise(fd, 0, 0, unix.FADV_DONTNEED)
	})
}

// volume tells what the directory lies on and the size of that in bytes, by
// statfs(2); 0 is not known.
func volume(dir *os.File) (Kind, int64) {
	var st unix.Statfs_t
	err := control(dir, func(fd int) error {
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
