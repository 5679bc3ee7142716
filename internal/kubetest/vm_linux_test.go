package kubetest

import (
	"testing"

	"github.com/memguard-dev/go-memguard/internal/kerneltest"
)

// TestOnCgroupV2 tells the same on a kernel with cgroup v2, where a container
// has a cgroup namespace of its own.
func TestOnCgroupV2(t *testing.T) {
	kerneltest.RunTestsInVM(t, []string{"internal/kubetest"}, "^TestKernel",
		kerneltest.Binary{Pkg: "internal/victim"}, kerneltest.Binary{Pkg: "examples/collect"}, kerneltest.Binary{Pkg: "examples/postmortem"})
}
