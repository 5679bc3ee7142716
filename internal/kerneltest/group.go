package kerneltest

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/memguard-dev/go-memguard/cgroupstat"
)

// cleanupTime bounds how long a group is waited for until the kernel has ended
// what was killed in it.
const cleanupTime = 20 * time.Second

// Group is a memory cgroup that belongs to one test.
type Group struct {
	Dir     string             // directory in the cgroup filesystem
	Version cgroupstat.Version // of the hierarchy it is in
	Limit   int64              // bytes, as last set; below 0 = none
}

// NewGroup makes a fresh memory cgroup with this hard limit in bytes (below 0:
// none), in whichever hierarchy the machine has, without swap. What still runs
// in it when the test ends is killed, and the group removed. Needs root.
func NewGroup(t testing.TB, limitBytes int64) *Group {
	t.Helper()
	h := findHierarchy(t)
	return newGroup(t, h.mount, h.version, limitBytes)
}

// Sub makes a group inside this one. On v2 only the innermost groups can hold
// processes, so call it before Start and start in the child.
func (g *Group) Sub(t testing.TB, limitBytes int64) *Group {
	t.Helper()
	if g.Version == cgroupstat.V2 {
		if err := enableMemory(g.Dir); err != nil {
			t.Fatalf("kerneltest: enable memory below %s (on v2 it must hold no process): %v", g.Dir, err)
		}
	}
	return newGroup(t, g.Dir, g.Version, limitBytes)
}

func newGroup(t testing.TB, parent string, v cgroupstat.Version, limitBytes int64) *Group {
	t.Helper()
	dir, err := os.MkdirTemp(parent, "memguard-test-") //nolint:usetesting // In the cgroup filesystem.
	if err != nil {
		Missing(t, "cannot make a cgroup: %v", err)
	}
	g := &Group{Dir: dir, Version: v}
	t.Cleanup(func() {
		if err := g.remove(); err != nil {
			t.Errorf("kerneltest: remove %s: %v", dir, err)
		}
	})
	g.SetLimit(t, limitBytes)
	return g
}

// SetLimit changes the hard limit; below 0 means none. The kernel refuses (v1)
// or kills (v2) when the group holds more than that.
func (g *Group) SetLimit(t testing.TB, n int64) {
	t.Helper()
	if err := g.setLimit(n); err != nil {
		t.Fatalf("kerneltest: limit %s to %d: %v", g.Dir, n, err)
	}
	g.Limit = n
}

func (g *Group) setLimit(n int64) error {
	if g.Version == cgroupstat.V2 {
		value := "max"
		if n >= 0 {
			value = strconv.FormatInt(n, 10)
		}
		return errors.Join(
			writeIfThere(g.Dir, "memory.swap.max", "0"),
			writeFile(g.Dir, "memory.max", value))
	}
	value := strconv.FormatInt(max(n, -1), 10)
	// memory+swap can never be below memory, so the order depends on the
	// direction; that the first try is refused is how one learns it.
	if err := writeIfThere(g.Dir, "memory.memsw.limit_in_bytes", value); err == nil {
		return writeFile(g.Dir, "memory.limit_in_bytes", value)
	}
	return errors.Join(
		writeFile(g.Dir, "memory.limit_in_bytes", value),
		writeIfThere(g.Dir, "memory.memsw.limit_in_bytes", value))
}

// writeIfThere is for files that a kernel without swap lacks.
func writeIfThere(dir, name, value string) error {
	if _, err := os.Stat(filepath.Join(dir, name)); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return writeFile(dir, name, value)
}

// Usage is what the group is charged now, in bytes.
func (g *Group) Usage(t testing.TB) uint64 {
	t.Helper()
	return g.number(t, "memory.usage_in_bytes", "memory.current")
}

// Peak is the most it was ever charged, in bytes. On v2 it needs Linux 5.19.
func (g *Group) Peak(t testing.TB) uint64 {
	t.Helper()
	if g.Version == cgroupstat.V2 {
		if _, err := os.Stat(filepath.Join(g.Dir, "memory.peak")); err != nil {
			Missing(t, "memory.peak needs Linux 5.19: %v", err)
		}
	}
	return g.number(t, "memory.max_usage_in_bytes", "memory.peak")
}

// OOMKills counts the processes of the group that the kernel has killed for
// its limit; on v2 those of its children too.
func (g *Group) OOMKills(t testing.TB) uint64 {
	t.Helper()
	n, err := oomKills(g.Dir, g.Version)
	if err != nil {
		t.Fatalf("kerneltest: %v", err)
	}
	return n
}

func oomKills(dir string, v cgroupstat.Version) (uint64, error) {
	name := "memory.events"
	if v == cgroupstat.V1 {
		name = "memory.oom_control"
	}
	fields, err := readFields(filepath.Join(dir, name))
	if err != nil {
		return 0, err
	}
	i := slices.Index(fields, "oom_kill")
	if i < 0 || i+1 >= len(fields) {
		return 0, errors.New(name + " does not count oom_kill")
	}
	return strconv.ParseUint(fields[i+1], 10, 64)
}

func (g *Group) number(t testing.TB, v1, v2 string) uint64 {
	t.Helper()
	name := v2
	if g.Version == cgroupstat.V1 {
		name = v1
	}
	text, err := os.ReadFile(filepath.Join(g.Dir, name))
	if err != nil {
		t.Fatalf("kerneltest: %v", err)
	}
	n, err := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 64)
	if err != nil {
		t.Fatalf("kerneltest: %s: %v", name, err)
	}
	return n
}

// Start starts cmd inside the group: it is there before its first instruction,
// and in a process group of its own. What is left of that is killed when the
// test ends.
func (g *Group) Start(t testing.TB, cmd *exec.Cmd) {
	t.Helper()
	if cmd.WaitDelay == 0 {
		cmd.WaitDelay = 5 * time.Second // Its orphans may hold the pipes.
	}
	if err := startIn(g, cmd); err != nil {
		t.Fatalf("kerneltest: start %s in %s: %v", cmd.Path, g.Dir, err)
	}
	t.Cleanup(func() {
		killGroup(cmd.Process.Pid)
		_ = cmd.Wait() // It may have been: only the test knows what it expects.
	})
}

// remove kills what is in the group and in groups that its processes made, and
// removes them.
func (g *Group) remove() error {
	for deadline := time.Now().Add(cleanupTime); ; time.Sleep(5 * time.Millisecond) {
		err := killAndRemove(g.Dir)
		if err == nil || errors.Is(err, os.ErrNotExist) {
			return nil
		}
		if time.Now().After(deadline) {
			return err
		}
	}
}

func killAndRemove(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !e.IsDir() {
			continue
		}
		if err := killAndRemove(filepath.Join(dir, e.Name())); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	pids, err := readFields(filepath.Join(dir, "cgroup.procs"))
	if err != nil {
		return err
	}
	for _, text := range pids {
		// 0 is a process that this pid namespace cannot see.
		if pid, err := strconv.Atoi(text); err == nil && pid > 0 && pid != os.Getpid() {
			if p, err := os.FindProcess(pid); err == nil {
				_ = p.Kill() // Gone already is fine.
				_ = p.Release()
			}
		}
	}
	return os.Remove(dir)
}
