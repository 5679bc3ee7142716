package main

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/memguard-dev/go-memguard/internal/kerneltest"
	"github.com/memguard-dev/go-memguard/internal/memcg"
)

// program is measure itself, and what it measures.
func program(t *testing.T) string {
	t.Helper()
	if _, err := memcg.Root(); err != nil {
		kerneltest.Missing(t, "%v", err)
	}
	path := filepath.Join(t.TempDir(), "measure")
	if out, err := exec.Command("go", "build", "-o", path, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return path
}

// groups are those of measure that are there now.
func groups(t *testing.T) []string {
	t.Helper()
	root, err := memcg.Root()
	if err != nil {
		t.Fatal(err)
	}
	dirs, err := filepath.Glob(filepath.Join(root.Dir, "memguard-measure-*"))
	if err != nil {
		t.Fatal(err)
	}
	return dirs
}

func TestMeasure(t *testing.T) {
	path := program(t)
	victim := kerneltest.Build(t, "internal/victim")
	before := groups(t)
	for name, c := range map[string]struct {
		args []string
		code int
		says []string
		part string // that holds most at the highest sample
		most uint64
	}{
		"memory":     {[]string{"-limit", "256Mi", "--", victim, "leak", "-rate", "100MiB", "-object", "64KiB", "-max", "60MiB", "-outside"}, 128 + 15, []string{"anonymous", "request"}, "other_processes", 55 << 20},
		"page cache": {[]string{"-limit", "64Mi", "--", victim, "pagecache", "-total", "96MiB", "-dir", t.TempDir()}, 0, []string{"page cache", "exit code 0"}, "page_cache", 30 << 20},
		"killed":     {[]string{"-limit", "48Mi", "--", victim, "leak", "-rate", "200MiB", "-outside"}, 137, []string{"1 killed by the kernel for memory"}, "other_processes", 20 << 20},
		"exit code":  {[]string{"--", "sh", "-c", "exit 3"}, 3, []string{"exit code 3"}, "", 0},
		"no command": {[]string{"--", "/nowhere/at-all"}, exitNoCommand, nil, "", 0},
		"bad limit":  {[]string{"-limit", "much", "--", "true"}, exitUsage, []string{"much"}, "", 0},
		"bad file":   {[]string{"-out", "/nowhere/at-all", "--", "true"}, exitUsage, []string{"/nowhere/at-all"}, "", 0},
		"nothing":    {nil, exitUsage, []string{"no command"}, "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "result.json")
			args := c.args
			if len(args) > 0 {
				args = append([]string{"-out", file, "-every", "100ms"}, args...)
			}
			cmd := exec.Command(path, args...)
			cmd.Env = append(os.Environ(), "MEMGUARD=off")
			var out strings.Builder
			cmd.Stderr = &out
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			if c.code == 128+15 {
				// It holds what it has taken until it is told to end.
				end := time.AfterFunc(2*time.Second, func() { _ = cmd.Process.Signal(syscall.SIGTERM) })
				defer end.Stop()
				c.code = 0
			}
			err := cmd.Wait()
			var exit *exec.ExitError
			if err != nil && !errors.As(err, &exit) || cmd.ProcessState.ExitCode() != c.code {
				t.Errorf("%v, want %d\n%s", err, c.code, out.String())
			}
			for _, text := range c.says {
				if !strings.Contains(out.String(), text) {
					t.Errorf("no %q in\n%s", text, out.String())
				}
			}
			if c.part == "" {
				return
			}
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var r result
			if err := json.Unmarshal(text, &r); err != nil {
				t.Fatal(err)
			}
			if n, ok := r.Highest.Find(c.part); !ok || n.Bytes < c.most || r.Peak.Or(0) < r.Highest.Bytes {
				t.Errorf("%s: %+v of peak %v", c.part, n, r.Peak)
			}
		})
	}
	if after := groups(t); len(after) > len(before) {
		t.Errorf("left behind: %v", after)
	}
}

// TestSignalsArePassedOn sends those that end a program to measure.
func TestSignalsArePassedOn(t *testing.T) {
	path := program(t)
	before := groups(t)
	for _, s := range []syscall.Signal{syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM, syscall.SIGHUP} {
		t.Run(s.String(), func(t *testing.T) {
			cmd := exec.Command(path, "--", "sleep", "1000")
			cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			ended := make(chan struct{})
			go func() {
				_ = cmd.Wait()
				close(ended)
			}()
			// Before the command runs, a signal ends measure itself.
			for deadline := time.Now().Add(time.Minute); len(runs(t, before)) == 0; time.Sleep(5 * time.Millisecond) {
				if time.Now().After(deadline) {
					t.Fatal("the command does not run")
				}
			}
			if err := cmd.Process.Signal(s); err != nil {
				t.Fatal(err)
			}
			select {
			case <-ended:
			case <-time.After(time.Minute):
				_ = cmd.Process.Kill()
				t.Fatal("it goes on")
			}
			if code := cmd.ProcessState.ExitCode(); code != 128+int(s) {
				t.Errorf("exit code %d, want %d", code, 128+int(s))
			}
			if after := groups(t); len(after) > len(before) {
				t.Errorf("left behind: %v", after)
			}
		})
	}
}

// runs are the commands in groups that were not there before.
func runs(t *testing.T, before []string) (commands []string) {
	t.Helper()
	for _, dir := range groups(t) {
		if slices.Contains(before, dir) {
			continue
		}
		pids, err := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
		if err != nil {
			continue // It has just gone.
		}
		for _, pid := range strings.Fields(string(pids)) {
			if name, err := os.ReadFile("/proc/" + pid + "/comm"); err == nil && strings.TrimSpace(string(name)) == "sleep" {
				commands = append(commands, dir)
			}
		}
	}
	return commands
}
