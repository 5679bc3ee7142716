package e2e

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/memguard-dev/go-memguard/internal/kerneltest"
)

// TestKernelExitNamesOtherProcesses: what was beside a process in its container
// is told after its death, by name.
func TestKernelExitNamesOtherProcesses(t *testing.T) {
	g := kerneltest.NewGroup(t, 256*mebi)
	beside := startVictim(t, g, nil, args("leak -rate 500MiB -max 40MiB")...)
	until(t, "the other process", func() bool { return bytes.Contains([]byte(beside.stdout.String()), []byte("done")) })
	v := startVictim(t, g, nil, "idle")
	name := fmt.Sprintf("%s (%d)", filepath.Base(victimBinary(t)), beside.cmd.Process.Pid)
	until(t, "the other process in the black box", func() bool {
		boxes, err := filepath.Glob(filepath.Join(v.dumps, "blackbox-*.box"))
		if err != nil || len(boxes) == 0 {
			return false
		}
		text, err := os.ReadFile(boxes[0])
		return err == nil && bytes.Contains(text, fmt.Appendf(nil, ": %d ", beside.cmd.Process.Pid))
	})
	if err := v.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	v.wait("death")
	e := v.restart()
	if e.Breakdown == nil {
		t.Fatal("no breakdown")
	}
	other, ok := e.Breakdown.Find("other_processes", name)
	if !ok || other.Bytes < 38*mebi || other.Bytes > 80*mebi {
		t.Errorf("%s: %+v of %+v, want some 50 MiB", name, other, e.Breakdown)
	}
	// cgroup v2 accounts for the kernel's own memory in parts.
	if tables, ok := e.Breakdown.Find("kernel", "page_tables"); g.Version == 2 && (!ok || tables.Bytes == 0) {
		t.Errorf("page tables %+v", tables)
	}
}
