package bench

import (
	"testing"

	"github.com/containerd/cgroups/v3"

	"github.com/memguard-dev/go-memguard/cgroupstat"
	"github.com/memguard-dev/go-memguard/internal/kerneltest"
)

// TestModeEqualsContainerd holds what we read from mountinfo against what
// containerd finds at /sys/fs/cgroup.
func TestModeEqualsContainerd(t *testing.T) {
	loc, err := cgroupstat.Locate()
	if err != nil {
		kerneltest.Missing(t, "%v", err)
	}
	want := map[cgroups.CGMode]cgroupstat.Mode{
		cgroups.Unavailable: cgroupstat.Unavailable, cgroups.Legacy: cgroupstat.Legacy,
		cgroups.Hybrid: cgroupstat.Hybrid, cgroups.Unified: cgroupstat.Unified,
	}[cgroups.Mode()]
	if loc.Mode != want {
		t.Errorf("ours is %v, containerd's %v", loc.Mode, want)
	}
}
