package gomem

import (
	"math"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"testing"

	"github.com/memguard-dev/go-memguard/internal/ratio"
)

func TestEveryMetricIsKnownToThisRuntime(t *testing.T) {
	known := map[string]metrics.ValueKind{}
	for _, d := range metrics.All() {
		known[d.Name] = d.Kind
	}
	for _, f := range fields {
		if _, ok := known[f.name]; !ok {
			t.Errorf("%s is not a metric of %s", f.name, runtime.Version())
		}
	}
}

func TestClassesAddUpToTotal(t *testing.T) {
	var m Mem
	NewReader().Read(&m)
	if sum := m.Objects + m.Unused + m.Free + m.Released + m.Stacks + m.OSStacks + m.Metadata; sum != m.Total {
		t.Errorf("classes add up to %d, total is %d", sum, m.Total)
	}
	if m.Footprint() != m.Total-m.Released {
		t.Errorf("footprint %d", m.Footprint())
	}
}

// Package-level, so that the compiler cannot place it on the stack.
var kept []byte

func TestHeapGrowthAndGoroutinesAreSeen(t *testing.T) {
	r := NewReader()
	var before, after Mem
	runtime.GC()
	r.Read(&before)
	kept = make([]byte, 32<<20)
	stop := make(chan struct{})
	defer close(stop)
	go func() { <-stop }()
	r.Read(&after)
	// Other spans may be swept meanwhile.
	if grown := after.HeapInUse() - before.HeapInUse(); grown < 31<<20 {
		t.Errorf("heap in use grew by %d, want about 32 MiB", grown)
	}
	if after.Goroutines <= before.Goroutines {
		t.Errorf("goroutines %d, before %d", after.Goroutines, before.Goroutines)
	}
	runtime.GC()
	r.Read(&after)
	if after.LiveHeap < 32<<20 || after.GCCycles <= before.GCCycles {
		t.Errorf("after a GC: live heap %d, cycles %d (before %d)", after.LiveHeap, after.GCCycles, before.GCCycles)
	}
	runtime.KeepAlive(kept)
	kept = nil
}

func TestMemoryLimit(t *testing.T) {
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(1 << 40))
	var m Mem
	r := NewReader()
	if r.Read(&m); m.MemoryLimit != 1<<40 || !m.HasMemoryLimit() {
		t.Errorf("limit %d", m.MemoryLimit)
	}
	debug.SetMemoryLimit(math.MaxInt64)
	if r.Read(&m); m.HasMemoryLimit() {
		t.Errorf("limit %d", m.MemoryLimit)
	}
}

// BenchmarkRead puts the reader beside the bare metrics.Read of the same samples.
func BenchmarkRead(b *testing.B) {
	r := NewReader()
	var m Mem
	ratio.Bench(b, func() { r.Read(&m) }, func() { metrics.Read(r.samples) })
}
