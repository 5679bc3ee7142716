package heapdump

import (
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/memguard-dev/go-memguard/internal/heapprofile"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(victimEnv); dir != "" {
		captureUntilKilled(dir)
	}
	// Blocks of a mebibyte are then sampled for certain.
	runtime.MemProfileRate = 64 << 10
	goleak.VerifyTestMain(m)
}

// testStore opens a store whose edges a test may change first.
func testStore(t testing.TB, dir string, opt Options, change func(*edges)) *Store {
	t.Helper()
	edge := realEdges()
	if change != nil {
		change(&edge)
	}
	s, err := open(dir, opt, edge)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func encodeHeap(w io.Writer) error { return heapprofile.New().Symbolized(w) }

// listing is the names in dir.
func listing(t testing.TB, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name()
	}
	return names
}

// wantFiles compares the names in dir with those given, in the order of names.
func wantFiles(t testing.TB, dir string, want ...string) {
	t.Helper()
	if got := strings.Join(listing(t, dir), "\n"); got != strings.Join(want, "\n") {
		t.Errorf("files:\n%s\nwant:\n%s", got, strings.Join(want, "\n"))
	}
}

func put(t testing.TB, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	age(t, path)
	return path
}

// age makes a file a minute old: nobody can still be writing its set.
func age(t testing.TB, path string) {
	t.Helper()
	old := time.Now().Add(-time.Minute)
	if err := os.Chtimes(path, old, old); err != nil {
		t.Fatal(err)
	}
}

func readBack(t testing.TB, path string) Manifest {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	m, err := ReadManifest(f)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

var noon = time.Date(2026, 11, 23, 12, 0, 0, 123_456_789, time.UTC)
