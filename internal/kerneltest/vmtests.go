package kerneltest

import (
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// VMTests names tests of this module that are to run in the virtual machine.
type VMTests struct {
	Packages []string      // from the root of the module, or import paths
	Run      string        // pattern of go test -run
	Binaries []Binary      // programs that these tests Build
	Env      []string      // further environment of the tests
	V1       bool          // cgroup v1 instead of v2
	Memory   int           // of the machine in MiB; default that of VMSpec
	Timeout  time.Duration // of everything; default 10 minutes
	// Output gets what the tests of a package printed; nil: nobody.
	Output func(pkg, text string)
	Flags  []string // further flags of the tests
}

// RunTestsInVM runs the tests of these packages that match the pattern in the
// virtual machine, where the kernel has cgroup v2, and reports each as a
// subtest of t. The programs that the tests Build have to be named.
func RunTestsInVM(t *testing.T, pkgs []string, run string, binaries ...Binary) {
	t.Helper()
	VMTests{Packages: pkgs, Run: run, Binaries: binaries}.Do(t)
}

// Do runs them, each package in a directory of its own on the disk that has the
// package's testdata. It fails when a test fails or none passes.
func (v VMTests) Do(t *testing.T) {
	t.Helper()
	if InVM() {
		t.Skip("already inside the virtual machine")
	}
	if v.Timeout == 0 {
		v.Timeout = 10 * time.Minute
	}
	spec := VMSpec{
		Binaries: make(map[string]string), Dirs: make(map[string]string),
		V1: v.V1, MemoryMiB: v.Memory, Timeout: v.Timeout,
	}
	for _, b := range v.Binaries {
		path := b.Build(t)
		spec.Binaries[filepath.Base(path)] = path
	}
	for _, pkg := range v.Packages {
		if err := v.add(&spec, t.TempDir(), relative(pkg)); err != nil {
			t.Fatalf("kerneltest: tests of %s: %v", pkg, err)
		}
	}
	for i, result := range RunVM(t, spec) {
		pkg := relative(v.Packages[i])
		if v.Output != nil {
			v.Output(pkg, result.Output)
		}
		t.Run(pkg, func(t *testing.T) { report(t, result) })
	}
}

// relative is the package's directory below the root of the module.
func relative(pkg string) string {
	return path.Clean(strings.TrimPrefix(strings.TrimPrefix(pkg, modulePath), "/"))
}

// add compiles the tests of one package and puts them into the machine.
func (v VMTests) add(spec *VMSpec, tmp, pkg string) error {
	root, err := moduleRoot()
	if err != nil {
		return err
	}
	name := strings.ReplaceAll(pkg, "/", "-") + ".test"
	binary := filepath.Join(tmp, name)
	dir := filepath.Join(root, pkg)
	if err := goCommand(tmp, dir, false, "test", "-c", "-o", binary, "."); err != nil {
		return err
	}
	if _, err := os.Stat(binary); err != nil {
		return fmt.Errorf("no tests: %w", err)
	}
	spec.Binaries[name] = binary
	cwd := "/data/src/" + pkg
	testdata := filepath.Join(dir, "testdata")
	if _, err := os.Stat(testdata); err != nil {
		// There has to be a directory, if only an empty one.
		testdata = filepath.Join(tmp, "testdata")
		if err := os.Mkdir(testdata, 0o755); err != nil {
			return err
		}
	}
	spec.Dirs[cwd+"/testdata"] = testdata
	spec.Commands = append(spec.Commands, VMCommand{
		Argv: append([]string{
			name, "-test.v=test2json", "-test.run", v.Run,
			"-test.timeout", (v.Timeout * 9 / 10).String(),
		}, v.Flags...),
		Env: append([]string{rigsEnv + "=" + rigsInside()}, v.Env...),
		Dir: cwd,
	})
	return nil
}

// rigsInside: the machine has all rigs, except for runc where we lack it.
func rigsInside() string {
	if _, err := exec.LookPath("runc"); err != nil {
		return os.Getenv(rigsEnv)
	}
	return "require"
}

// report makes a subtest of every test that ran.
func report(t *testing.T, result VMResult) {
	tests, rest := parseTests(result.Output)
	passed, failed := 0, 0
	for _, inner := range tests {
		t.Run(inner.name, func(t *testing.T) {
			if inner.output != "" {
				t.Log("in the virtual machine:\n" + inner.output)
			}
			switch inner.verdict {
			case "PASS":
				passed++
			case "SKIP":
				t.Skip("skipped in the virtual machine")
			case "FAIL":
				failed++
				t.Error("failed in the virtual machine")
			default:
				failed++
				t.Error("did not end in the virtual machine")
			}
		})
	}
	if result.Code != 0 && failed == 0 {
		t.Errorf("the tests ended with code %d:\n%s", result.Code, rest)
	}
	if passed == 0 {
		t.Errorf("no test passed in the virtual machine:\n%s", rest)
	}
}

// innerTest is a test or subtest as the output tells of it.
type innerTest struct {
	name    string
	verdict string // PASS, FAIL, SKIP; empty = it did not end
	output  string
}

// mark begins the lines of -test.v=test2json that are the framework's, in the
// middle of a line too when a test wrote without an end of line.
const mark = "\x16"

// parseTests reads the output of a test binary: the tests in the order they
// began, and the output that belongs to none.
func parseTests(output string) (tests []*innerTest, rest string) {
	byName := make(map[string]*innerTest)
	find := func(name string) *innerTest {
		if byName[name] == nil {
			byName[name] = &innerTest{name: name}
			tests = append(tests, byName[name])
		}
		return byName[name]
	}
	var current *innerTest
	var other strings.Builder
	write := func(text string) {
		if current == nil {
			other.WriteString(text)
			return
		}
		current.output += text
	}
	for line := range strings.Lines(output) {
		text, frame, ok := strings.Cut(line, mark)
		write(text)
		if !ok {
			continue
		}
		verb, name, kind := frameOf(frame)
		switch {
		case kind == "===" && (verb == "RUN" || verb == "CONT" || verb == "NAME"):
			current = nil
			if name != "" {
				current = find(name)
			}
		case kind == "---" && (verb == "PASS" || verb == "FAIL" || verb == "SKIP"):
			current = find(name)
			current.verdict = verb
		case kind == "===": // PAUSE and what may come.
		default:
			// PASS or FAIL of all: nothing after it is a test's.
			current = nil
			write(frame)
		}
	}
	return tests, other.String()
}

// frameOf takes "=== RUN   TestX" and "--- PASS: TestX (0.00s)" apart.
func frameOf(frame string) (verb, name, kind string) {
	fields := strings.Fields(frame)
	if len(fields) < 2 {
		return "", "", ""
	}
	if len(fields) > 2 {
		name = fields[2]
	}
	return strings.TrimSuffix(fields[1], ":"), name, fields[0]
}
