package blackbox

import (
	"math"
	"testing"
	"time"

	"github.com/memguard-dev/go-memguard/cgroupstat"
	"github.com/memguard-dev/go-memguard/internal/sample"
)

func TestSampleComesBack(t *testing.T) {
	of := cgroupstat.Of
	var s sample.Sample
	s.UnixNano, s.Since, s.Scope = 1795435435777838775, 252*time.Millisecond, sample.Cgroup
	n := uint64(1)
	next := func() uint64 { n++; return n << 20 }
	s.Usage, s.Limit, s.Peak = of(next()), of(next()), of(next())
	s.Stat.Set(cgroupstat.Kernel, next())
	for _, f := range statFields {
		s.Stat.Set(f.key, next())
	}
	// What is left of the whole.
	s.Stat.Set(cgroupstat.Slab, 50<<20)
	s.Stat.Set(cgroupstat.SlabReclaimable, 20<<20)
	s.Stat.Set(cgroupstat.SlabUnreclaimable, 30<<20)
	s.Process.RSS, s.Process.RSSAnon, s.Process.RSSFile, s.Process.RSSShmem = of(next()), of(next()), of(next()), of(next())
	s.Process.Threads, s.Events.OOMKill, s.Events.High = of(17), of(3), of(1234)
	g := &s.Go
	for _, p := range []*uint64{&g.Objects, &g.Unused, &g.Free, &g.Released, &g.Stacks, &g.Metadata, &g.Total, &g.LiveHeap, &g.MemoryLimit} {
		*p = next()
	}
	g.Goroutines, g.GCCycles = 10_000, 99
	g.GCCPU, g.TotalCPU = 90*time.Second, 100*time.Hour
	var r Record
	r.setSample(7, &s, Full)
	if got := r.Sample(); got != s || r.Seq() != 7 || r.Kind() != Full || !r.Time().Equal(s.Time()) {
		t.Errorf("%+v\nwant %+v", got, s)
	}
}

// Absent is not zero, and what does not fit is cut.
func TestAbsentAndHuge(t *testing.T) {
	var s sample.Sample
	s.Go.MemoryLimit = math.MaxInt64
	var r Record
	r.setSample(1, &s, Full)
	if got := r.Sample(); got != s {
		t.Errorf("%+v\nwant %+v", got, s)
	}
	s.Usage, s.Limit = cgroupstat.Of(0), cgroupstat.Of(math.MaxUint64)
	r.setSample(1, &s, Full)
	got := r.Sample()
	if n, ok := got.Usage.Get(); !ok || n != 0 {
		t.Errorf("usage %v, want 0", got.Usage)
	}
	if n, ok := got.Limit.Get(); !ok || n < 1<<40 {
		t.Errorf("limit %v", got.Limit)
	}
}

func TestEveryFlippedBitIsSeen(t *testing.T) {
	var r Record
	s := benchSample()
	r.setSample(1, &s, Full)
	r.seal()
	for bit := range 8 * recordBytes {
		torn := r
		torn[bit/8] ^= 1 << (bit % 8)
		if torn.sealed() {
			t.Errorf("bit %d", bit)
		}
	}
	if !r.sealed() {
		t.Error("the record itself")
	}
}
