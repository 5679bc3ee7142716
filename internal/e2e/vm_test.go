package e2e

import (
	"flag"
	"strconv"
	"testing"
	"time"

	"github.com/memguard-dev/go-memguard/internal/kerneltest"
)

var inside = flag.String("inside", "Kernel", "the tests to run in the virtual machine, a pattern")

// TestOnCgroupV2 runs the kernel tests again in the VM, whose kernel has
// cgroup v2.
func TestOnCgroupV2(t *testing.T) {
	v := kerneltest.VMTests{
		Packages: []string{"cgroupstat", "internal/e2e"}, Run: *inside,
		Binaries: []kerneltest.Binary{{Pkg: "github.com/memguard-dev/go-memguard/internal/victim"}},
	}
	if *rounds > 1 {
		v.Packages = v.Packages[1:]
		v.Flags = []string{"-rounds", strconv.Itoa(*rounds)}
		v.Timeout = time.Hour
	}
	v.Do(t)
}
