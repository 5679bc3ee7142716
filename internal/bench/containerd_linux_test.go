package bench

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/containerd/cgroups/v3/cgroup1"
	statsv1 "github.com/containerd/cgroups/v3/cgroup1/stats"
	"github.com/containerd/cgroups/v3/cgroup2"
	statsv2 "github.com/containerd/cgroups/v3/cgroup2/stats"

	"github.com/memguard-dev/go-memguard/cgroupstat"
	"github.com/memguard-dev/go-memguard/internal/kerneltest"
)

// relative splits a group's directory at the mount point of its hierarchy.
func relative(t testing.TB, group *kerneltest.Group) (mount, path string) {
	t.Helper()
	loc, err := cgroupstat.Locate()
	if err != nil {
		t.Fatal(err)
	}
	path, ok := strings.CutPrefix(group.Dir, loc.Mount)
	if !ok || loc.Version != group.Version {
		t.Fatalf("group %s (%v) is not below %s (%v)", group.Dir, group.Version, loc.Mount, loc.Version)
	}
	return loc.Mount, path
}

// containerd1 opens a v1 group with the memory controller only.
func containerd1(t testing.TB, group *kerneltest.Group) func() (*statsv1.Metrics, error) {
	t.Helper()
	mount, path := relative(t, group)
	root, name := filepath.Split(mount)
	if name != string(cgroup1.Memory) {
		kerneltest.Missing(t, "the memory controller is mounted at %s; containerd expects a directory called memory", mount)
	}
	memory := func() ([]cgroup1.Subsystem, error) {
		return []cgroup1.Subsystem{cgroup1.NewMemory(root, cgroup1.OptionalSwap())}, nil
	}
	cg, err := cgroup1.Load(cgroup1.StaticPath(path), cgroup1.WithHierarchy(memory))
	if err != nil {
		t.Fatal(err)
	}
	return func() (*statsv1.Metrics, error) { return cg.Stat() }
}

// containerd2 opens a v2 group; its Stat is asked for memory only.
func containerd2(t testing.TB, group *kerneltest.Group) func() (*statsv2.Metrics, error) {
	t.Helper()
	mount, path := relative(t, group)
	cg, err := cgroup2.Load(path, cgroup2.WithMountpoint(mount))
	if err != nil {
		t.Fatal(err)
	}
	return func() (*statsv2.Metrics, error) {
		return cg.StatFiltered(cgroup2.StatMemory | cgroup2.StatMemoryEvents)
	}
}
