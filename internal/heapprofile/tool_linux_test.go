package heapprofile

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
)

// goTool runs the go command.
func goTool(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", args...).CombinedOutput()
	if err != nil {
		t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// TestGoToolPprof builds a program in three ways and wants its names from
// both kinds of file.
func TestGoToolPprof(t *testing.T) {
	if testing.Short() {
		t.Skip("builds three programs")
	}
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("no go command: ", err)
	}
	if runtime.GOARCH != "amd64" && runtime.GOARCH != "arm64" {
		t.Skip("position-independent programs need a C compiler on ", runtime.GOARCH)
	}
	for name, flags := range map[string][]string{
		"plain":    nil,
		"stripped": {"-ldflags=-s -w"},
		"pie":      {"-buildmode=pie"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			binary := filepath.Join(dir, "leaker")
			goTool(t, append(append([]string{"build", "-o", binary}, flags...), "./testdata/leaker")...)
			out, err := exec.CommandContext(t.Context(), binary, dir).CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			if got := strings.TrimSpace(string(out)); got != "524288" {
				t.Errorf("MemProfileRate is %s: the linker turned memory profiling off", got)
			}
			symbolized := goTool(t, "tool", "pprof", "-top", filepath.Join(dir, "symbolized.pb"))
			wantTop(t, symbolized, map[string]string{"main.leakPlainly": "64MB", "main.leakInlined": "32MB", "main.leakReflected": "24MB", "main.leakDeferred": "16MB"})
			addresses := goTool(t, "tool", "pprof", "-top", binary, filepath.Join(dir, "addresses.pb"))
			// The tool names the function that holds the inlined one.
			wantTop(t, addresses, map[string]string{"main.leakPlainly": "64MB", "main.callsInlined": "32MB", "main.leakReflected": "24MB", "main.leakDeferred": "16MB"})
		})
	}
}

// wantTop compares the flat sizes of functions.
func wantTop(t *testing.T, out string, want map[string]string) {
	t.Helper()
	// What the runtime allocates for itself, a MB when it is sampled, is its own.
	if regexp.MustCompile(`(?m)^ *\d\d+(\.\d+)?MB .* runtime\.mallocgc$`).MatchString(out) {
		t.Errorf("the runtime's frames are shown:\n%s", out)
	}
	for function, size := range want {
		line := regexp.MustCompile(`(?m)^ *(\S+) .* ` + regexp.QuoteMeta(function) + `( \(inline\))?$`).FindStringSubmatch(out)
		if line == nil || !strings.HasPrefix(line[1], size[:2]) || !strings.HasSuffix(line[1], "MB") {
			t.Errorf("%s: got %q, want about %s in\n%s", function, line, size, out)
		}
	}
}
