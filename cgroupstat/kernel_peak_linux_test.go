package cgroupstat_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/memguard-dev/go-memguard/cgroupstat"
	"github.com/memguard-dev/go-memguard/internal/kerneltest"
)

// The recent peak forgets what was before it was read; the peak does not.
func TestKernelRecentPeak(t *testing.T) {
	g := kerneltest.NewGroup(t, 256*mebi)
	r := openAt(t, cgroupstat.At(g.Version, g.Dir))
	recent := func() cgroupstat.Value {
		t.Helper()
		v, err := r.RecentPeak()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	filled := func(mebibytes int) {
		t.Helper()
		_, end := startChild(t, g, mebibytes)
		end()
	}
	filled(80)
	first := recent()
	if first.IsZero() {
		// Only Linux 6.12 opens it for writing, and only on v2.
		if err := os.WriteFile(filepath.Join(g.Dir, "memory.peak"), []byte("r"), 0); err == nil {
			t.Error("absent, though memory.peak can be written")
		}
		t.Logf("cgroup %v: none on this kernel", g.Version)
		return
	}
	filled(30)
	second := recent()
	peak, err := r.Peak()
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("recent peaks %d and %d MiB, peak %d MiB", first.Or(0)/mebi, second.Or(0)/mebi, peak.Or(0)/mebi)
	if first.Or(0) < 80*mebi || second.Or(0) < 30*mebi || second.Or(0) > 75*mebi || peak.Or(0) < first.Or(0) {
		t.Errorf("recent peaks %v and %v, peak %v", first, second, peak)
	}
}
