package e2e

import (
	"testing"

	"github.com/memguard-dev/go-memguard/internal/kerneltest"
)

// TestOnCgroupV2 runs the kernel tests again in the VM, whose kernel has
// cgroup v2.
func TestOnCgroupV2(t *testing.T) {
	kerneltest.RunTestsInVM(t, []string{"cgroupstat", "internal/e2e"}, "Kernel",
		kerneltest.Binary{Pkg: "github.com/memguard-dev/go-memguard/internal/victim"})
}
