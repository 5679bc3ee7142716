package diagnose

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/memguard-dev/go-memguard/cgroupstat"
	"github.com/memguard-dev/go-memguard/internal/gomem"
	"github.com/memguard-dev/go-memguard/internal/history"
	"github.com/memguard-dev/go-memguard/internal/sample"
)

// TestLimitTooCloseBesideNeighbours: on cgroup v1 the names that the machine
// remembers for others make no room here; those of the program itself do.
func TestLimitTooCloseBesideNeighbours(t *testing.T) {
	for name, c := range map[string]struct {
		live, kernel, dentries uint64 // MiB
		want                   bool
	}{
		"full":                   {114, 2, 0, true},
		"full beside lookups":    {114, 2, 400, true},
		"full of its own names":  {70, 46, 400, false},
		"full of page tables":    {70, 46, 0, true},
		"with room":              {90, 2, 0, false},
		"with room, and lookups": {90, 2, 400, false},
	} {
		h := history.New(250 * time.Millisecond)
		var before sample.Sample
		for i := range 4 * 30 {
			now := sample.Sample{
				Since: time.Duration(i) * 250 * time.Millisecond, Scope: sample.Cgroup,
				Usage: cgroupstat.Of((c.live + c.kernel) * mebi), Limit: cgroupstat.Of(128 * mebi),
				Go: gomem.Mem{
					Objects: c.live * mebi, LiveHeap: c.live * mebi, GCCycles: uint64(i), MemoryLimit: math.MaxInt64, Total: c.live * mebi,
				},
			}
			now.Stat.Set(cgroupstat.Anon, c.live*mebi)
			now.Stat.Set(cgroupstat.File, 0)
			now.Stat.Set(cgroupstat.InactiveFile, 0)
			now.Stat.Set(cgroupstat.ActiveFile, 0)
			now.Stat.Set(cgroupstat.Kernel, c.kernel*mebi)
			p := history.PointOf(&now, &before, history.Seen{Dentries: cgroupstat.Of(c.dentries * mebi)})
			h.Add(&p)
			before = now
		}
		d := new(Doctor).Diagnose(&Facts{History: h, Version: cgroupstat.V1})
		if d.Has(LimitTooClose) != c.want {
			t.Errorf("%s: %t, want %t: %+v", name, d.Has(LimitTooClose), c.want, d.Findings)
		}
	}
}

// TestGarbageThatIsFreedIsRoom: with GOGC=off a heap full of garbage is as it
// should be, before the first collection and in the moment in which one frees it,
// wholly or between what lives.
func TestGarbageThatIsFreedIsRoom(t *testing.T) {
	const live, heap = 15, 112 // MiB
	for name, c := range map[string]struct {
		collected, alive  uint64 // MiB that lived at the first collection, 0: none; and at the next
		unused, scattered uint64 // MiB of room in spans after the next, and before
		own               int64  // MiB of GOMEMLIMIT
		want              bool
	}{
		"freed":                          {live, live, 0, 0, 115, false},
		"freed between what lives":       {live, live, heap - live - 5, 0, 115, false},
		"never collected":                {0, 0, 0, 0, 115, false},
		"never collected, no GOMEMLIMIT": {0, 0, 0, 0, 1000, true},
		"alive":                          {heap - 2, heap - 2, 0, 0, 115, true},
		"alive beside room it needs":     {heap - 25, heap - 25, 25, 25, 115, true},
	} {
		t.Run(name, func(t *testing.T) {
			h := history.New(250 * time.Millisecond)
			var before sample.Sample
			for i := range 4 * 30 {
				objects, alive, unused, cycles := heap-c.scattered, c.collected, c.scattered, uint64(1)
				if i >= 4*25 && c.alive > 0 {
					objects, alive, unused, cycles = c.alive, c.alive, c.unused, 2
				}
				now := sample.Sample{
					Since: time.Duration(i) * 250 * time.Millisecond, Scope: sample.Cgroup,
					Usage: cgroupstat.Of((heap + 2) * mebi), Limit: cgroupstat.Of(128 * mebi),
					Go: gomem.Mem{
						Objects: objects * mebi, Unused: unused * mebi, Free: (heap - objects - unused) * mebi, LiveHeap: alive * mebi,
						GCCycles: cycles, MemoryLimit: uint64(c.own) * mebi, Total: heap * mebi,
					},
				}
				now.Stat.Set(cgroupstat.Anon, heap*mebi)
				for _, none := range []cgroupstat.Key{cgroupstat.File, cgroupstat.InactiveFile, cgroupstat.ActiveFile, cgroupstat.SlabReclaimable} {
					now.Stat.Set(none, 0)
				}
				p := history.PointOf(&now, &before, history.Seen{})
				h.Add(&p)
				before = now
			}
			if d := new(Doctor).Diagnose(&Facts{History: h, Version: cgroupstat.V2}); d.Has(LimitTooClose) != c.want {
				t.Errorf("%+v", d.Findings)
			}
		})
	}
}

// TestLimitLoweredBelowWhatIsHeld: it is told in the moment it happens, as long
// as it is so, and garbage is no excuse.
func TestLimitLoweredBelowWhatIsHeld(t *testing.T) {
	for name, c := range map[string]struct {
		live, heap, before, after uint64 // MiB
		ago                       int    // seconds
		want                      Severity
	}{
		"live":             {200, 200, 400, 128, 0, Critical},
		"mostly garbage":   {20, 200, 400, 128, 0, Critical},
		"a while ago":      {20, 200, 400, 128, 25, Critical},
		"to what is held":  {20, 200, 400, 220, 0, ""},
		"above it, though": {20, 100, 400, 128, 0, ""},
		"raised":           {20, 100, 90, 95, 0, ""},
	} {
		h := history.New(250 * time.Millisecond)
		var before sample.Sample
		const life = 60
		for i := range 4 * life {
			limit := c.before
			if i >= 4*(life-c.ago)-1 {
				limit = c.after
			}
			now := sample.Sample{
				Since: time.Duration(i) * 250 * time.Millisecond, Scope: sample.Cgroup,
				Usage: cgroupstat.Of(c.heap * mebi), Limit: cgroupstat.Of(limit * mebi),
				Go: gomem.Mem{Objects: c.heap * mebi, LiveHeap: c.live * mebi, GCCycles: 1, MemoryLimit: math.MaxInt64, Total: c.heap * mebi},
			}
			now.Stat.Set(cgroupstat.Anon, c.heap*mebi)
			for _, none := range []cgroupstat.Key{cgroupstat.File, cgroupstat.InactiveFile, cgroupstat.ActiveFile, cgroupstat.SlabReclaimable} {
				now.Stat.Set(none, 0)
			}
			p := history.PointOf(&now, &before, history.Seen{})
			h.Add(&p)
			before = now
		}
		d := new(Doctor).Diagnose(&Facts{History: h, Version: cgroupstat.V2})
		first := d.Findings[0]
		if got := first.Code == LimitTooClose && strings.Contains(first.Summary, "lowered"); got != (c.want != "") || got && first.Severity != c.want {
			t.Errorf("%s: %+v", name, d.Findings)
		}
	}
}

// TestWithoutALimitNothingHeldIsTrouble: a share is of the usage then, and any
// service has most of it in something.
func TestWithoutALimitNothingHeldIsTrouble(t *testing.T) {
	for name, change := range map[string]func(s *sample.Sample){
		"free heap": func(s *sample.Sample) { s.Go.Free = 25 * mebi },
		"stacks":    func(s *sample.Sample) { s.Go.Stacks = 30 * mebi },
		"off heap":  func(s *sample.Sample) { s.Go.Objects, s.Go.LiveHeap = 20*mebi, 20*mebi },
		"unused":    func(s *sample.Sample) { s.Go.Unused = 45 * mebi },
		"dirty":     func(s *sample.Sample) { s.Stat.Set(cgroupstat.FileDirty, 30*mebi) },
		"another":   func(s *sample.Sample) { s.Process.RSSAnon = cgroupstat.Of(40 * mebi) },
		"growing": func(s *sample.Sample) {
			n := uint64(s.Since.Seconds() * mebi)
			s.Process.RSS = cgroupstat.Of(65*mebi + n)
			s.Process.RSSAnon, s.Usage = cgroupstat.Of(60*mebi+n), cgroupstat.Of(100*mebi+n)
			s.Stat.Set(cgroupstat.Anon, 98*mebi+n)
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := history.New(250 * time.Millisecond)
			var before sample.Sample
			for i := range 4 * 400 {
				now := sample.Sample{
					Since: time.Duration(i) * 250 * time.Millisecond, Scope: sample.Cgroup,
					Usage: cgroupstat.Of(100 * mebi), Limit: cgroupstat.Of(64 << 30),
					Go: gomem.Mem{Objects: 60 * mebi, LiveHeap: 40 * mebi, GCCycles: uint64(i), MemoryLimit: math.MaxInt64, Total: 90 * mebi},
				}
				now.Process.RSSAnon = cgroupstat.Of(97 * mebi)
				now.Stat.Set(cgroupstat.Anon, 98*mebi)
				change(&now)
				p := history.PointOf(&now, &before, history.Seen{})
				h.Add(&p)
				before = now
			}
			d := new(Doctor).Diagnose(&Facts{History: h, Version: cgroupstat.V2, Unlimited: true})
			if told := slices.ContainsFunc(d.Trends, func(t Trend) bool { return t.Name == "gap" }); told != (name == "growing") {
				t.Errorf("trends %+v", d.Trends)
			}
			if len(d.Findings) < 2 {
				t.Errorf("nothing is held: %+v", d.Findings)
			}
			want := NoLimit
			if name == "growing" {
				want = OffHeap
			}
			if first := d.Findings[0]; first.Code != want {
				t.Errorf("first %+v", first)
			}
			for _, f := range d.Findings {
				if f.class == holding && f.Severity != Info {
					t.Errorf("%s: %s", f.Severity, f.Summary)
				}
			}
		})
	}
}
