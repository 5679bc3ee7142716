package heapdump

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/pprof/profile"
)

// recoverEnv makes the test binary be a process of its own: what it does, then
// the directory.
const recoverEnv = "HEAPDUMP_TEST_RECOVER"

// TestRecoverChild is what other processes of the same build run.
func TestRecoverChild(t *testing.T) {
	mode, dir, ok := strings.Cut(os.Getenv(recoverEnv), " ")
	switch {
	case !ok:
		t.Skip("is run by other tests in a process of its own")
	case mode == "capture":
		s := testStore(t, dir, Options{}, nil)
		arm(t, s)
		leakForTest(32, 1<<20)
		runtime.GC() // Immediate shows the heap as of the last one.
		d := urgent(t, s, Request{Stage: Immediate})
		fmt.Println("captured", d.Path)
		_, _ = bufio.NewReader(os.Stdin).ReadByte() // Until it is killed.
	case mode == "recover":
		recovered, err := Recover(t.Context(), dir)
		if err != nil {
			t.Error(err)
		}
		for _, path := range recovered {
			fmt.Println("recovered", path)
		}
		maps, err := os.ReadFile("/proc/self/maps")
		if err != nil {
			t.Fatal(err)
		}
		start, _, _ := strings.Cut(mainMapping(string(maps)), "-")
		base, err := strconv.ParseUint(start, 16, 64)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Printf("base %#x\n", base)
	}
}

// mainMapping is the line of the program's own code.
func mainMapping(maps string) string {
	self, err := os.Executable()
	if err != nil {
		return ""
	}
	for line := range strings.Lines(maps) {
		if strings.Contains(line, "r-xp") && strings.HasSuffix(strings.TrimSuffix(line, "\n"), self) {
			return line
		}
	}
	return ""
}

func recoverChild(t *testing.T, binary, mode, dir string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), binary, "-test.run=^TestRecoverChild$", "-test.v")
	cmd.Env = append(os.Environ(), recoverEnv+"="+mode+" "+dir)
	return cmd
}

// capturedAndKilled is the profile that a process left which was killed right
// after its immediate stage.
func capturedAndKilled(t *testing.T, binary, dir string) string {
	t.Helper()
	cmd := recoverChild(t, binary, "capture", dir)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = cmd.Stdout
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var path, said string
	for lines := bufio.NewScanner(out); path == "" && lines.Scan(); {
		_, path, _ = strings.Cut(lines.Text(), "captured ")
		said += lines.Text() + "\n"
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Error(err)
	}
	err = cmd.Wait()
	if path == "" {
		t.Fatalf("%v\n%s", err, said)
	}
	var exit *exec.ExitError
	if !errors.As(err, &exit) || !exit.Sys().(interface{ Signaled() bool }).Signaled() {
		t.Errorf("it was not killed: %v", err)
	}
	age(t, path)
	wantAddresses(t, path)
	return path
}

func TestKilledAfterTheImmediateStage(t *testing.T) {
	if !addressesOnly() {
		t.Skip("the build is not known")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	path := capturedAndKilled(t, self, dir)
	before := states(t, dir)
	if len(before) != 2 {
		t.Errorf("files %v", listing(t, dir))
	}
	recovered, err := Recover(t.Context(), dir)
	if err != nil || !slices.Equal(recovered, []string{path}) {
		t.Fatalf("recovered %v, %v", recovered, err)
	}
	wantStates(t, dir, before, filepath.Base(path))
	wantLeak(t, path)
	top := topOf(t, path, 1)[0]
	if top.Bytes < 32<<20 || top.Bytes > 34<<20 || filepath.Base(top.File) != "capture_test.go" {
		t.Errorf("%+v", top)
	}
	before = states(t, dir)
	if recovered, err := Recover(t.Context(), dir); err != nil || len(recovered) != 0 {
		t.Errorf("again: recovered %v, %v", recovered, err)
	}
	wantStates(t, dir, before)
}

// A program that was built in any way names what its killed process left,
// wherever the kernel has put it meanwhile.
func TestRecoverBuilds(t *testing.T) {
	if testing.Short() {
		t.Skip("builds three programs")
	}
	tool, err := exec.LookPath("go")
	if err != nil {
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
			binary := filepath.Join(t.TempDir(), "program")
			out, err := run(t, slices.Concat([]string{tool, "test", "-c", "-o", binary}, flags, []string{"."})...)
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			dir := t.TempDir()
			path := capturedAndKilled(t, binary, dir)
			before := states(t, dir)
			base := mappedAt(t, path)
			// Another build than this test's own: only it can name them.
			if recovered, err := Recover(t.Context(), dir); !errors.Is(err, ErrOtherBuild) || len(recovered) != 0 {
				t.Errorf("recovered %v, %v", recovered, err)
			}
			wantStates(t, dir, before)

			said, err := recoverChild(t, binary, "recover", dir).CombinedOutput()
			if err != nil || !strings.Contains(string(said), "recovered "+path) {
				t.Fatalf("%v\n%s", err, said)
			}
			wantStates(t, dir, before, filepath.Base(path))
			if again := mappedAt(t, path); again != base {
				t.Errorf("the mapping was at %#x and is at %#x", base, again)
			}
			if moved := !strings.Contains(string(said), fmt.Sprintf("base %#x\n", base)); moved != (name == "pie") && movesPrograms(t) {
				t.Errorf("moved %t: the profile is of %#x\n%s", moved, base, said)
			}
			// Without the program the tool has nothing but the file.
			if err := os.Remove(binary); err != nil {
				t.Fatal(err)
			}
			shown, err := run(t, tool, "tool", "pprof", "-top", path)
			if err != nil || strings.Contains(string(shown), "runtime.mallocgc") {
				t.Errorf("%v\n%s", err, shown)
			}
			lines := strings.Split(string(shown), "\n")
			at := slices.IndexFunc(lines, func(line string) bool { return strings.Contains(line, "flat%") })
			if at < 0 || len(lines) < at+2 || !strings.HasSuffix(lines[at+1], "heapdump.leakForTest") || !strings.Contains(lines[at+1], "32") {
				t.Errorf("leakForTest does not come first:\n%s", shown)
			}
		})
	}
}

// movesPrograms: the kernel loads position-independent programs anywhere.
func movesPrograms(t *testing.T) bool {
	t.Helper()
	text, err := os.ReadFile("/proc/sys/kernel/randomize_va_space")
	return err == nil && strings.TrimSpace(string(text)) != "0"
}

// mappedAt is where the program of a profile lay.
func mappedAt(t *testing.T, path string) uint64 {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	p, err := profile.Parse(f)
	if err != nil || len(p.Mapping) == 0 {
		t.Fatalf("%+v, %v", p, err)
	}
	return p.Mapping[0].Start
}
