// Package memcg makes a memory cgroup with a limit, for examples and tests
// that want the real thing. It needs root on Linux, and only touches groups
// that it made.
package memcg

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/memguard-dev/go-memguard/cgroupstat"
)

// ErrUnavailable means that no group can be made here; the error says why.
var ErrUnavailable = errors.New("cannot make a memory cgroup")

// Unlimited is the limit of a group without one.
const Unlimited = -1

// removeTime bounds how long a killed group may take to become empty.
const removeTime = 20 * time.Second

// Group is a cgroup made by this package.
type Group struct {
	// Dir is its directory, Version that of its hierarchy.
	Dir     string
	Version cgroupstat.Version
}

// Root is the topmost visible directory of the hierarchy that has the memory
// controller.
func Root() (Group, error) {
	if os.Geteuid() != 0 {
		return Group{}, fmt.Errorf("%w: it needs root", ErrUnavailable)
	}
	loc, err := cgroupstat.Locate()
	if err != nil {
		return Group{}, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return Group{Dir: loc.Mount, Version: loc.Version}, nil
}

// New makes a group with a limit in bytes, and without swap, below the root.
func New(name string, limit int64) (*Group, error) {
	root, err := Root()
	if err != nil {
		return nil, err
	}
	return root.Sub(name, limit)
}

// Sub makes a group inside this one. On v2 only the innermost groups can hold
// processes: call it before Start, and start in the inner one.
func (g *Group) Sub(name string, limit int64) (*Group, error) {
	if g.Version == cgroupstat.V2 {
		if err := enableMemory(g.Dir); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
		}
	}
	dir, err := os.MkdirTemp(g.Dir, name+"-")
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	sub := &Group{Dir: dir, Version: g.Version}
	if err := sub.SetLimit(limit); err != nil {
		return nil, errors.Join(err, sub.Remove())
	}
	return sub, nil
}

// Start starts a command inside the group: it is there before its first
// instruction.
func (g *Group) Start(cmd *exec.Cmd) error { return startIn(g, cmd) }

// UsageFile is where a process in the group can read its usage.
func (g *Group) UsageFile() string {
	if g.Version == cgroupstat.V1 {
		return filepath.Join(g.Dir, "memory.usage_in_bytes")
	}
	return filepath.Join(g.Dir, "memory.current")
}

// SetLimit changes the hard limit; below 0 means none. When the group holds
// more than that, the kernel refuses on v1 and kills on v2.
func (g *Group) SetLimit(n int64) error {
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

// OOMKills counts the processes that the kernel has killed for the limit of a
// group; on v2 those of its children too.
func OOMKills(dir string, v cgroupstat.Version) (uint64, error) {
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

// Remove kills what is in the group and in groups that its processes made, and
// removes them.
func (g *Group) Remove() error {
	for deadline := time.Now().Add(removeTime); ; time.Sleep(5 * time.Millisecond) {
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

// enableMemory gives the children of a v2 group their memory files.
func enableMemory(dir string) error {
	enabled, err := readFields(filepath.Join(dir, "cgroup.subtree_control"))
	if err != nil {
		return err
	}
	if slices.Contains(enabled, "memory") {
		return nil
	}
	available, err := readFields(filepath.Join(dir, "cgroup.controllers"))
	if err != nil {
		return err
	}
	if !slices.Contains(available, "memory") {
		return fmt.Errorf("%s has only the controllers %v", dir, available)
	}
	return writeFile(dir, "cgroup.subtree_control", "+memory")
}

func readFields(path string) ([]string, error) {
	text, err := os.ReadFile(path)
	return strings.Fields(string(text)), err
}

func writeFile(dir, name, value string) error {
	f, err := os.OpenFile(filepath.Join(dir, name), os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(value)
	return errors.Join(err, f.Close())
}
