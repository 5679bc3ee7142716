package heapdump

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/memguard-dev/go-memguard/heapdump/sites"
)

func TestTopNamesTheLeak(t *testing.T) {
	s := testStore(t, t.TempDir(), Options{}, nil)
	defer func() { leaked = nil }()
	leakForTest(16, 1<<20)
	d, err := s.Capture(t.Context(), Request{Stage: Fresh})
	if err != nil {
		t.Fatal(err)
	}
	top := topOf(t, d.Path, 3)
	if len(top) == 0 || len(top) > 3 {
		t.Fatalf("sites %+v", top)
	}
	// The slice of slices itself belongs to the same function, on the same line.
	leak := top[0]
	if !strings.HasSuffix(leak.Function, "heapdump.leakForTest") || filepath.Base(leak.File) != "capture_test.go" || leak.Line == 0 ||
		leak.Bytes < 16<<20 || leak.Bytes > 18<<20 || leak.Objects < 16 || leak.Share < 0.5 || leak.Share > 1 {
		t.Errorf("first site %+v", leak)
	}
	t.Logf("%s:%d %d of 16777216 bytes", leak.Function, leak.Line, leak.Bytes)
	for _, s := range topOf(t, d.Path, 0) {
		if strings.HasPrefix(s.Function, "runtime.") && s.Bytes > 1<<20 {
			t.Errorf("runtime site %+v", s)
		}
	}
}

func TestGoToolPprof(t *testing.T) {
	tool, err := exec.LookPath("go")
	if err != nil {
		t.Skip("no go tool: ", err)
	}
	s := testStore(t, t.TempDir(), Options{}, nil)
	defer func() { leaked = nil }()
	leakForTest(16, 1<<20)
	for _, stage := range []Stage{Immediate, Fresh} {
		if stage == Immediate {
			runtime.GC()
		}
		d, err := s.Capture(t.Context(), Request{Stage: stage})
		if err != nil {
			t.Fatal(err)
		}
		out, err := exec.CommandContext(t.Context(), tool, "tool", "pprof", "-top", "-nodecount=5", d.Path).CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		if !strings.Contains(string(out), "heapdump.leakForTest") {
			t.Errorf("%s: no leakForTest in\n%s", stage, out)
		}
	}
}

func topOf(t testing.TB, path string, n int) []sites.Site {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	top, err := sites.Top(f, n)
	if err != nil {
		t.Fatal(err)
	}
	return top
}
