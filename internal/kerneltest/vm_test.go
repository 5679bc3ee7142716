package kerneltest_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/memguard-dev/go-memguard/internal/kerneltest"
)

const inside = "internal/kerneltest/testdata/inside"

func TestVM(t *testing.T) {
	results := kerneltest.RunVM(t, kerneltest.VMSpec{
		Binaries: map[string]string{"inside": kerneltest.Build(t, inside)},
		Commands: []kerneltest.VMCommand{
			{Argv: []string{"inside"}, Env: []string{"GREETING=hello"}},
			{Argv: []string{"inside", "-exit", "3"}},
			{Argv: []string{"inside", "-kill"}},
		},
	})
	got := fields(results[0].Output)
	want := map[string]string{
		"cgroup": "0::/", "memory controller": "true", "memory.peak": "true", "pressure": "true",
		"data": "ext4", "cwd": "/data", "temp": "ext4", "env": "hello", "loopback": "true",
	}
	for key, value := range want {
		if got[key] != value {
			t.Errorf("%s = %q, want %q", key, got[key], value)
		}
	}
	for i, code := range []int{0, 3, 137} {
		if results[i].Code != code {
			t.Errorf("command %d ended with %d, want %d", i, results[i].Code, code)
		}
	}
}

func TestVMWithV1(t *testing.T) {
	results := kerneltest.RunVM(t, kerneltest.VMSpec{
		Binaries: map[string]string{"inside": kerneltest.Build(t, inside)},
		Commands: []kerneltest.VMCommand{{Argv: []string{"inside"}}},
		V1:       true,
	})
	got := fields(results[0].Output)
	if got["memory v1"] != "true" || got["memory controller"] != "false" {
		t.Errorf("memory is not a v1 controller: %v", got)
	}
}

func TestVMEndsInTime(t *testing.T) {
	r := &recorder{TB: t}
	r.do(func() {
		kerneltest.RunVM(r, kerneltest.VMSpec{
			Binaries: map[string]string{"victim": kerneltest.Build(r, victim)},
			Commands: []kerneltest.VMCommand{{Argv: []string{"victim", "idle"}, Env: []string{"MEMGUARD=off"}}},
			Timeout:  time.Second,
		})
	})
	if r.skipped != "" {
		t.Skip(r.skipped)
	}
	if !strings.Contains(r.failed, "deadline exceeded") {
		t.Errorf("failed with %q, want the deadline", r.failed)
	}
	lines, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range lines {
		// A process that has ended meanwhile has none.
		if text, err := os.ReadFile(name); err == nil && strings.Contains(string(text), "/"+t.Name()) {
			t.Errorf("left behind: %q", text)
		}
	}
}

func fields(output string) map[string]string {
	m := make(map[string]string)
	for line := range strings.Lines(output) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		m[key] = value
	}
	return m
}

// The rigs for groups and containers, on cgroup v2.
func TestRigsInVM(t *testing.T) {
	kerneltest.RunTestsInVM(t, []string{"internal/kerneltest"}, "^Test(Group|SubGroups|SetLimit|Container)",
		kerneltest.Binary{Pkg: victim}, kerneltest.Binary{Pkg: look})
}

// The same on cgroup v1, for machines that have only v2 themselves.
func TestRigsInVMWithV1(t *testing.T) {
	kerneltest.VMTests{
		Packages: []string{"internal/kerneltest"}, Run: "^Test(Group|SubGroups|SetLimit|Container)", V1: true,
		Binaries: []kerneltest.Binary{{Pkg: victim}, {Pkg: look}},
	}.Do(t)
}
