package heapprofile

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/pprof/profile"
)

// TestGoToolPprofOfAnEarlierRun builds a program in three ways, has one run
// write addresses and another one name them, and takes the binary away.
func TestGoToolPprofOfAnEarlierRun(t *testing.T) {
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
			leaker := func(args ...string) {
				t.Helper()
				if out, err := exec.CommandContext(t.Context(), binary, args...).CombinedOutput(); err != nil {
					t.Fatalf("%v\n%s", err, out)
				}
			}
			leaker(dir)
			start := func(file string) uint64 { return parseFile(t, filepath.Join(dir, file)).Mapping[0].Start }
			moved := false
			// Chance may lay the second run where the first one was.
			for try := 0; try < 10 && !moved; try++ {
				leaker(dir, "symbolize")
				moved = start("recovered.pb") != start("here.pb")
				if name != "pie" {
					break
				}
			}
			if start("recovered.pb") != start("addresses.pb") {
				t.Error("the mapping is no longer that of the first run")
			}
			if setting, _ := os.ReadFile("/proc/sys/kernel/randomize_va_space"); name == "pie" && !moved && strings.TrimSpace(string(setting)) != "0" {
				t.Error("ten runs lay where the first one was")
			}
			t.Logf("written at %#x, named at %#x", start("addresses.pb"), start("here.pb"))
			if err := os.Remove(binary); err != nil {
				t.Fatal(err)
			}
			// Unlike the tool, the program knows its inlined calls.
			wantTop(t, goTool(t, "tool", "pprof", "-top", filepath.Join(dir, "recovered.pb")), map[string]string{
				"main.leakPlainly": "64MB", "main.leakInlined": "32MB", "main.leakReflected": "24MB", "main.leakDeferred": "16MB",
			})
		})
	}
}

func parseFile(t *testing.T, path string) *profile.Profile {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	p, err := profile.Parse(f)
	if err != nil {
		t.Fatal(err)
	}
	return p
}
