package kerneltest

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/memguard-dev/go-memguard/cgroupstat"
	"github.com/memguard-dev/go-memguard/internal/memcg"
)

// Group is a memory cgroup that belongs to one test.
type Group struct {
	Dir     string             // directory in the cgroup filesystem
	Version cgroupstat.Version // of the hierarchy it is in
	Limit   int64              // bytes, as last set; below 0 = none

	group *memcg.Group
}

// groupName begins the name of every group made here.
const groupName = "memguard-test"

// NewGroup makes a fresh memory cgroup with this hard limit in bytes (below 0:
// none), in whichever hierarchy the machine has, without swap. What still runs
// in it when the test ends is killed, and the group removed. Needs root.
func NewGroup(t testing.TB, limitBytes int64) *Group {
	t.Helper()
	g, err := memcg.New(groupName, limitBytes)
	if err != nil {
		Missing(t, "%v", err)
	}
	return keep(t, g, limitBytes)
}

// Sub makes a group inside this one. On v2 only the innermost groups can hold
// processes, so call it before Start and start in the child.
func (g *Group) Sub(t testing.TB, limitBytes int64) *Group {
	t.Helper()
	sub, err := g.group.Sub(groupName, limitBytes)
	if err != nil {
		t.Fatalf("kerneltest: group below %s: %v", g.Dir, err)
	}
	return keep(t, sub, limitBytes)
}

func keep(t testing.TB, g *memcg.Group, limitBytes int64) *Group {
	t.Cleanup(func() {
		if err := g.Remove(); err != nil {
			t.Errorf("kerneltest: remove %s: %v", g.Dir, err)
		}
	})
	return &Group{Dir: g.Dir, Version: g.Version, Limit: limitBytes, group: g}
}

// SetLimit changes the hard limit; below 0 means none. The kernel refuses (v1)
// or kills (v2) when the group holds more than that.
func (g *Group) SetLimit(t testing.TB, n int64) {
	t.Helper()
	if err := g.group.SetLimit(n); err != nil {
		t.Fatalf("kerneltest: limit %s to %d: %v", g.Dir, n, err)
	}
	g.Limit = n
}

// Usage is what the group is charged now, in bytes.
func (g *Group) Usage(t testing.TB) uint64 {
	t.Helper()
	return g.number(t, "memory.usage_in_bytes", "memory.current")
}

// UsageFile is where a process in the group can read its usage.
func (g *Group) UsageFile() string { return g.group.UsageFile() }

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
	n, err := memcg.OOMKills(g.Dir, g.Version)
	if err != nil {
		t.Fatalf("kerneltest: %v", err)
	}
	return n
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

// Start starts cmd inside the group: it is there before its first instruction.
// It is killed when the test ends, if it still runs.
func (g *Group) Start(t testing.TB, cmd *exec.Cmd) {
	t.Helper()
	if cmd.WaitDelay == 0 {
		cmd.WaitDelay = 5 * time.Second // Its orphans may hold the pipes.
	}
	if err := g.group.Start(cmd); err != nil {
		t.Fatalf("kerneltest: start %s in %s: %v", cmd.Path, g.Dir, err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // It may have ended long ago.
		_ = cmd.Wait()         // It may have been: only the test knows what it expects.
	})
}
