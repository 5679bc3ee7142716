package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestParseRefuses(t *testing.T) {
	for _, args := range [][]string{
		nil,
		{"suffer"},
		{"leak", "-rate", "fast"},
		{"leak", "-rate", "-1"},
		{"leak", "-rate", "9Ei"},
		{"leak", "20MiB"},
		{"pagecache", "-size", "1"},
		{"die", "-of", "boredom"},
	} {
		if _, err := parse(args, io.Discard); err == nil {
			t.Errorf("%q: no error", args)
		}
	}
}

func TestSize(t *testing.T) {
	for text, want := range map[string]size{"0": 0, "1048576": 1 << 20, "20MiB": 20 << 20, "1Ki": 1 << 10, "2GB": 2e9, "5M": 5e6} {
		var got size
		if err := got.Set(text); err != nil || got != want {
			t.Errorf("%s = %d, %v, want %d", text, got, err, want)
		}
	}
}

// do runs a mode that ends by itself and returns what it printed.
func do(t *testing.T, ctx context.Context, args ...string) (string, error) { //nolint:revive // The test comes first.
	t.Helper()
	work, err := parse(args, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	err = perform(ctx, work, &out)
	return out.String(), err
}

func TestFiles(t *testing.T) {
	for _, test := range []struct {
		name string
		args []string
		left int64
	}{
		{"page cache", []string{"pagecache", "-total", "9MiB"}, 0},
		{"page cache kept", []string{"pagecache", "-total", "9MiB", "-keep"}, 9 << 20},
		{"logs rotate", []string{"logwriter", "-total", "64Ki", "-rotate", "8Ki"}, 3 * 8 << 10},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			out, err := do(t, t.Context(), append(test.args, "-dir", dir)...)
			if err != nil || out != "ready\ndone\n" {
				t.Fatalf("printed %q, %v", out, err)
			}
			names, err := filepath.Glob(filepath.Join(dir, "*"))
			if err != nil {
				t.Fatal(err)
			}
			var left int64
			for _, name := range names {
				info, err := os.Stat(name)
				if err != nil {
					t.Fatal(err)
				}
				left += info.Size()
			}
			// Logs end with a whole line, so the last may be shorter.
			if left < test.left-1000*min(test.left, 1) || left > test.left+1000 {
				t.Errorf("%d bytes are left in %v, want %d", left, names, test.left)
			}
		})
	}
}

func TestFilesNeedADirectory(t *testing.T) {
	for _, mode := range []string{"pagecache", "logwriter"} {
		if out, err := do(t, t.Context(), mode); err == nil || strings.Contains(out, "done") {
			t.Errorf("%s without -dir: printed %q, %v", mode, out, err)
		}
	}
}

func TestToldToEnd(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, args := range [][]string{
		{"idle"},
		{"leak"},
		{"goroutines", "-n", "3", "-wait"},
		{"pagecache", "-dir", t.TempDir()},
		{"logwriter", "-dir", t.TempDir()},
	} {
		if out, err := do(t, ctx, args...); err != nil || !strings.HasPrefix(out, "ready\n") {
			t.Errorf("%q: printed %q, %v, want a clean end", args, out, err)
		}
	}
}

func TestLeakReachesItsMaximum(t *testing.T) {
	defer func() { requestContexts, sessionCache = nil, nil }()
	if err := leak(t.Context(), 1<<30, 1000, 10_000_000, leakRequestContexts); err != nil {
		t.Fatal(err)
	}
	var held int
	for _, chunk := range requestContexts {
		for _, body := range chunk {
			held += len(body)
		}
	}
	if held < 10_000_000 || held > 10_001_000 {
		t.Errorf("held = %d, want 10000000", held)
	}
}
