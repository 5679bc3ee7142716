package e2e

import (
	"strconv"
	"syscall"
	"testing"

	"github.com/memguard-dev/go-memguard/internal/kerneltest"
)

// mountTmpfs mounts a file system in memory, as an emptyDir with medium Memory is.
func mountTmpfs(t *testing.T, size int) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+strconv.Itoa(size)); err != nil {
		kerneltest.Missing(t, "mount tmpfs: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	return dir
}
