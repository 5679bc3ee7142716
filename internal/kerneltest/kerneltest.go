// Package kerneltest holds the rigs that tests run on: a fresh memory cgroup of
// this machine, a container made by runc, and a virtual machine whose kernel
// gives cgroup v2 (or v1) whatever this machine has. Each is one call, leaves
// nothing behind, and skips with the reason where the machine lacks it.
//
// Only tests import it. MEMGUARD_RIGS=require turns every such skip into a
// failure, so that a pipeline cannot pass by lacking its rigs.
package kerneltest

import (
	"os"
	"testing"
)

const (
	// rigsEnv set to "require" makes a missing rig a failure.
	rigsEnv = "MEMGUARD_RIGS"
	// vmBinEnv is set inside the virtual machine: where the programs are that
	// Build made outside of it.
	vmBinEnv = "MEMGUARD_VM_BIN"
)

// Missing ends the test because the machine cannot run it: a skip with this
// reason, or a failure where MEMGUARD_RIGS=require.
func Missing(t testing.TB, format string, args ...any) {
	t.Helper()
	if os.Getenv(rigsEnv) == "require" {
		t.Fatalf("rig missing: "+format, args...)
	}
	t.Skipf("rig missing: "+format, args...)
}

// InVM says that this process runs inside the virtual machine of RunVM.
func InVM() bool { return os.Getenv(vmBinEnv) != "" }
