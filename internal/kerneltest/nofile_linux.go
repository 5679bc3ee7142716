package kerneltest

import (
	"os"
	"syscall"
	"testing"
)

// NoFiles keeps this process from opening any file until the test ends.
func NoFiles(t testing.TB) {
	t.Helper()
	var before syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &before); err != nil {
		t.Fatal(err)
	}
	none := before
	none.Cur = 0
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &none); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &before); err != nil {
			t.Error(err)
		}
	})
	if f, err := os.Open(os.DevNull); err == nil {
		_ = f.Close() // Only opened.
		t.Fatal("files can be opened")
	}
}
