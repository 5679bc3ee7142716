package diagnose

import (
	"math"
	"testing"
	"time"

	"github.com/memguard-dev/go-memguard/cgroupstat"
	"github.com/memguard-dev/go-memguard/internal/gomem"
	"github.com/memguard-dev/go-memguard/internal/history"
	"github.com/memguard-dev/go-memguard/internal/sample"
)

// seen is what a program holds at a time, in MiB, beside its goroutines and its
// load, in MiB allocated a second.
type seen struct {
	usage, stacks, live, sock float64
	goroutines                uint64
	load                      float64
}

// diagnoseAfter is what is said after so many seconds of 128 MiB.
func diagnoseAfter(seconds int, at func(second float64) seen) Diagnosis {
	h := history.New(250 * time.Millisecond)
	var before sample.Sample
	allocs := 0.0
	bytes := func(n float64) uint64 { return uint64(n * mebi) }
	for i := range 4 * seconds {
		s := at(float64(i) / 4)
		allocs += s.load / 4
		now := sample.Sample{
			Since: time.Duration(i) * 250 * time.Millisecond, Scope: sample.Cgroup,
			Usage: cgroupstat.Of(bytes(s.usage)), Limit: cgroupstat.Of(128 * mebi),
			Go: gomem.Mem{
				Objects: bytes(s.live), LiveHeap: bytes(s.live), Stacks: bytes(s.stacks), Goroutines: s.goroutines,
				GCCycles: uint64(i), Allocs: bytes(allocs), MemoryLimit: math.MaxInt64, Total: bytes(s.live + s.stacks),
			},
		}
		for _, none := range []cgroupstat.Key{cgroupstat.File, cgroupstat.InactiveFile, cgroupstat.ActiveFile, cgroupstat.Slab, cgroupstat.SlabReclaimable} {
			now.Stat.Set(none, 0)
		}
		now.Process.RSSAnon = cgroupstat.Of(bytes(s.usage - s.sock))
		now.Stat.Set(cgroupstat.Kernel, 0)
		now.Stat.Set(cgroupstat.Anon, bytes(s.usage-s.sock))
		now.Stat.Set(cgroupstat.Sock, bytes(s.sock))
		p := history.PointOf(&now, &before, history.Seen{})
		h.Add(&p)
		before = now
	}
	return new(Doctor).Diagnose(&Facts{History: h, Version: cgroupstat.V2})
}

// nowAndThen tells whether second is in the last long seconds of each every.
func nowAndThen(second, every, long float64) bool {
	return math.Mod(second, every) >= every-long
}

func TestStacksOfGoroutinesThatComeAndGo(t *testing.T) {
	for name, c := range map[string]struct {
		least, most uint64
		want        bool
	}{
		"they stay": {2000, 2000, true}, "they come and go": {10, 2000, false}, "a quarter comes and goes": {1500, 2000, true},
		"one is deep": {10, 150, true},
	} {
		d := diagnoseAfter(40, func(second float64) seen {
			s := seen{usage: 60, stacks: 32, live: 10, goroutines: c.least}
			if nowAndThen(second, 5, 1) {
				s.goroutines = c.most
			}
			return s
		})
		if d.Has(GoroutineStacks) != c.want {
			t.Errorf("%s: %t, want %t: %+v", name, d.Has(GoroutineStacks), c.want, d.Findings)
		}
	}
}

// A job that ends before the next collection is no spike; one that towers is.
func TestOnlyWhatTowersIsASpike(t *testing.T) {
	for name, c := range map[string]struct {
		usually float64
		want    bool
	}{"over a little": {30, true}, "over half of the limit": {68, false}} {
		d := diagnoseAfter(60, func(second float64) seen {
			s := seen{usage: c.usually, live: 10, goroutines: 10}
			if nowAndThen(second, 12, 0.25) {
				s.usage = 110
			}
			return s
		})
		if d.Has(Spike) != c.want {
			t.Errorf("%s: %t, want %t: %+v", name, d.Has(Spike), c.want, d.Findings)
		}
	}
}

// Connections that nobody closes are goroutines that do not end; a few that send
// what nobody reads are not.
func TestBuffersOfGoroutinesThatDoNotEnd(t *testing.T) {
	for name, c := range map[string]struct {
		each float64 // goroutines a second
		want Code
	}{"connections": {100, GoroutineLeak}, "full queues": {4, SocketBuffers}} {
		d := diagnoseAfter(60, func(second float64) seen {
			return seen{usage: 30 + 1.2*second, live: 10, sock: 1.2 * second, goroutines: uint64(10 + c.each*second)}
		})
		if d.Findings[0].Code != c.want {
			t.Errorf("%s: %+v, want %s first", name, d.Findings, c.want)
		}
	}
}

// A load that rises takes its live heap with it; one that has risen does not.
func TestALeakUnderALoadThatHasRisen(t *testing.T) {
	for name, c := range map[string]struct {
		load func(second float64) float64
		want bool
	}{
		"even":      {func(float64) float64 { return 30 }, true},
		"has risen": {func(second float64) float64 { return min(40, 3+2*second) }, true},
		"rises":     {func(second float64) float64 { return 6 + second }, false},
	} {
		d := diagnoseAfter(50, func(second float64) seen {
			return seen{usage: 55 + 1.2*second, live: 35 + 1.2*second, goroutines: 10, load: c.load(second)}
		})
		if d.Has(HeapLeak) != c.want {
			t.Errorf("%s: %t, want %t: %+v", name, d.Has(HeapLeak), c.want, d.Findings)
		}
	}
}
