package kerneltest

import (
	"os"
	"path/filepath"
	"testing"
)

// Volume is a directory as an emptyDir is: anybody may write, and a container's
// user can reach it.
func Volume(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	for parent := filepath.Dir(dir); len(parent) > len(os.TempDir()); parent = filepath.Dir(parent) {
		if err := os.Chmod(parent, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}
