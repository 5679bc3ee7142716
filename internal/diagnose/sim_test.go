package diagnose

import (
	"flag"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/memguard-dev/go-memguard/cgroupstat"
	"github.com/memguard-dev/go-memguard/internal/gomem"
	"github.com/memguard-dev/go-memguard/internal/history"
	"github.com/memguard-dev/go-memguard/internal/procmem"
	"github.com/memguard-dev/go-memguard/internal/sample"
)

const mebi = 1 << 20

// service is a simulated program: load makes garbage and keeps a live set
// that follows it after a while.
type service struct {
	random *rand.Rand
	// load is requests in a second, around 1.
	load func(at time.Duration) float64
	// perLoad is live memory for each unit of load, base what there always is.
	base, perLoad float64
	// lag is how long the live set takes to follow.
	lag time.Duration
	// leak is bytes a second, perRequest too but for each unit of load.
	leak, perRequest float64
	// noise is the spread of the live heap from one collection to the next.
	noise float64

	now      time.Duration
	live     float64
	leaked   float64
	allocs   uint64
	cycles   uint64
	smoothed float64
	before   sample.Sample
	drift    float64
}

func (s *service) step(d time.Duration, h *history.History) {
	s.now += d
	s.drift = 0.97*s.drift + 0.03*s.random.NormFloat64()*3
	load := max(0.01, s.load(s.now)*(1+0.2*s.random.NormFloat64()+0.1*s.drift))
	if s.smoothed == 0 {
		s.smoothed = load
	}
	if s.lag > 0 {
		s.smoothed += (load - s.smoothed) * min(1, d.Seconds()/s.lag.Seconds())
	} else {
		s.smoothed = load
	}
	s.leaked += (s.leak + s.perRequest*load) * d.Seconds()
	s.live = s.base + s.perLoad*s.smoothed + s.leaked + s.noise*s.random.NormFloat64()
	s.allocs += uint64(load * 20 * mebi * d.Seconds())
	s.cycles += max(1, uint64(load*d.Seconds()/3))
	live := uint64(max(1, s.live))
	now := sample.Sample{
		Since: s.now, Scope: sample.Cgroup, Usage: cgroupstat.Of(live + live/2 + 20*mebi), Limit: cgroupstat.Of(1024 * mebi),
		Process: procmem.Mem{RSSAnon: cgroupstat.Of(live + live/2 + 10*mebi), Threads: cgroupstat.Of(12)},
		Go: gomem.Mem{
			Objects: live + live/3, LiveHeap: live, Unused: live / 6, Stacks: 2 * mebi, Metadata: 5 * mebi, Allocs: s.allocs, GCCycles: s.cycles,
			MemoryLimit: math.MaxInt64, Goroutines: uint64(50 + 100*load), Total: live + live/2 + 20*mebi,
		},
	}
	now.Stat.Set(cgroupstat.Anon, live+live/2+10*mebi)
	now.Stat.Set(cgroupstat.File, 2*mebi)
	now.Stat.Set(cgroupstat.InactiveFile, 2*mebi)
	now.Stat.Set(cgroupstat.ActiveFile, 0)
	now.Stat.Set(cgroupstat.Kernel, 4*mebi)
	p := history.PointOf(&now, &s.before, history.Seen{})
	h.Add(&p)
	s.before = now
}

// runFor simulates and gives the time of the first finding of the codes.
func (s *service) runFor(d time.Duration, codes ...Code) (first time.Duration, found *Finding) {
	h := history.New(250 * time.Millisecond)
	var doctor Doctor
	const step = 5 * time.Second
	for s.now < d {
		for range 12 {
			s.step(step, h)
		}
		out := doctor.Diagnose(&Facts{History: h, Version: cgroupstat.V2})
		for _, c := range codes {
			for i := range out.Findings {
				if out.Findings[i].Code == c {
					return s.now, &out.Findings[i]
				}
			}
		}
	}
	return 0, nil
}

var everySeed = flag.Bool("every-seed", false, "try all programs of the simulations, not a quarter of them")

// few is how many of so many are tried.
func few(n uint64) uint64 {
	switch {
	case testing.Short():
		return 1
	case *everySeed:
		return n
	}
	return (n + 3) / 4
}

func steadyLoad(time.Duration) float64 { return 1 }

func TestSlowLeakUnderANoisyLoad(t *testing.T) {
	for seed := range few(20) {
		s := &service{
			random: rand.New(rand.NewPCG(seed, 1)), load: steadyLoad, base: 60 * mebi, perLoad: 40 * mebi,
			lag: 20 * time.Second, noise: 2 * mebi, leak: 1e6 / 3600,
		}
		at, f := s.runFor(12*time.Hour, HeapLeak)
		if f == nil || at > 6*time.Hour {
			t.Errorf("seed %d: found at %v: %+v", seed, at, f)
			continue
		}
		t.Logf("seed %d: found after %v: %s", seed, at.Round(time.Minute), f.Summary)
	}
}

// day is a load that is low at night and high by day.
func day(depth float64, weekend bool) func(time.Duration) float64 {
	return func(at time.Duration) float64 {
		hours := at.Hours()
		load := 1 + depth*math.Sin(2*math.Pi*(hours-9)/24)
		if weekend && int(hours/24)%7 >= 5 {
			load *= 0.6
		}
		return load
	}
}

// alarming say that something grows, or that too much is held.
var alarming = []Code{
	HeapLeak, GoroutineLeak, GoroutineStacks, ThreadGrowth, OffHeap, Tmpfs, OtherProcess, KernelMemory, SocketBuffers,
	Fragmentation, HeapNotReturned, GCThrash,
}

func TestDailyCyclesAreNoLeak(t *testing.T) {
	life := 7 * 24 * time.Hour
	if testing.Short() {
		life = 24 * time.Hour
	}
	for _, tt := range []struct {
		name    string
		depth   float64
		weekend bool
		lag     time.Duration
		noise   float64
	}{
		{"shallow", 0.1, false, time.Minute, 2 * mebi},
		{"ordinary", 0.5, true, time.Minute, 2 * mebi},
		{"deep", 0.9, false, 0, mebi},
		{"sessions that live an hour", 0.5, true, time.Hour, 2 * mebi},
		{"a cache that lives three hours", 0.6, true, 3 * time.Hour, mebi},
		{"without noise", 0.5, false, 10 * time.Minute, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for seed := range few(2) {
				s := &service{
					random: rand.New(rand.NewPCG(seed, 2)), load: day(tt.depth, tt.weekend), base: 60 * mebi, perLoad: 80 * mebi,
					lag: tt.lag, noise: tt.noise,
				}
				if at, f := s.runFor(life, alarming...); f != nil {
					t.Errorf("seed %d: after %v: %s: %s", seed, at, f.Code, f.Summary)
				}
			}
		})
	}
}

func TestLeakUnderADailyCycle(t *testing.T) {
	s := &service{
		random: rand.New(rand.NewPCG(1, 3)), load: day(0.5, false), base: 60 * mebi, perLoad: 40 * mebi,
		lag: time.Minute, noise: 2 * mebi, leak: 2e6 / 3600,
	}
	at, f := s.runFor(7*24*time.Hour, HeapLeak)
	if f == nil {
		t.Fatal("not found in a week")
	}
	t.Logf("found after %v: %s", at, f.Summary)
}

// TestProductionRate is some hours as they are lived: four points a second and a
// diagnosis each five, of a healthy service and one that leaks.
func TestProductionRate(t *testing.T) {
	t.Parallel()
	life := 4 * time.Hour
	if testing.Short() {
		life = 20 * time.Minute
	}
	for _, tt := range []struct {
		name string
		leak float64 // bytes a second
	}{{"healthy", 0}, {"leaking", 20e6 / 3600}} {
		t.Run(tt.name, func(t *testing.T) {
			s := &service{
				random: rand.New(rand.NewPCG(1, 4)), load: day(0.5, false), base: 60 * mebi, perLoad: 80 * mebi,
				lag: time.Minute, noise: 2 * mebi, leak: tt.leak,
			}
			h := history.New(250 * time.Millisecond)
			var doctor Doctor
			told := map[Code]time.Duration{}
			for s.now < life {
				for range 20 {
					s.step(250*time.Millisecond, h)
				}
				for _, f := range doctor.Diagnose(&Facts{History: h, Version: cgroupstat.V2}).Findings {
					if _, known := told[f.Code]; !known {
						told[f.Code] = s.now
					}
				}
			}
			t.Logf("%v", told)
			if at, found := told[HeapLeak]; found != (tt.leak > 0 && life > time.Hour) {
				t.Errorf("told to leak: %t, at %v", found, at)
			}
			for _, c := range []Code{GoroutineLeak, OffHeap, LimitTooClose, KernelMemory} {
				if at, found := told[c]; found {
					t.Errorf("%s at %v", c, at)
				}
			}
		})
	}
}
