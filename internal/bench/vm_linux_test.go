package bench

import (
	"testing"

	"github.com/memguard-dev/go-memguard/internal/kerneltest"
)

const differential = "^Test(StatEqualsContainerd|ModeEqualsContainerd|LimitEqualsAutomemlimit)$"

// The comparisons above, on cgroup v2.
func TestEqualInVM(t *testing.T) {
	kerneltest.RunTestsInVM(t, []string{"internal/bench"}, differential)
}

// The same on cgroup v1, whichever this machine has.
func TestEqualInVMWithV1(t *testing.T) {
	kerneltest.VMTests{Packages: []string{"internal/bench"}, Run: differential, V1: true}.Do(t)
}
