package main

import (
	"cmp"
	"strconv"
	"testing"
	"time"

	"github.com/memguard-dev/go-memguard/internal/kerneltest"
)

// otherwise is what cgroup v2 counts in another way than v1, and one leak. The
// rest is run there by make gauntlet: the machine is emulated.
const otherwise = "^(heap_leak|throttled_by_memory_high|socket_buffers|page_cache_dirty|kernel_memory|bpf_maps|tmpfs|invisible_oom_kill|log_writer|batch_job|unclosed_bodies|many_children)$"

// TestGauntletOnCgroupV2 runs it in the VM, whose kernel has cgroup v2.
func TestGauntletOnCgroupV2(t *testing.T) {
	if testing.Short() {
		t.Skip("takes minutes")
	}
	inVM(t, otherwise, nil)
}

// inVM runs the scenarios of a pattern there, or those asked for by flag.
func inVM(t *testing.T, pattern string, output func(pkg, text string)) {
	t.Helper()
	kerneltest.VMTests{
		Packages: []string{"internal/gauntlet"}, Run: "^TestKernelGauntlet$", Binaries: []kerneltest.Binary{program},
		Timeout: time.Duration(*rounds) * 12 * time.Minute, Output: output, Memory: 2048,
		Flags: []string{"-rounds", strconv.Itoa(*rounds), "-only", cmp.Or(*only, pattern), "-at-once", "8"},
	}.Do(t)
}
