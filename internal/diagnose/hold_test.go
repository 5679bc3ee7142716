package diagnose

import (
	"math"
	"testing"
	"time"

	"github.com/memguard-dev/go-memguard/cgroupstat"
	"github.com/memguard-dev/go-memguard/internal/gomem"
	"github.com/memguard-dev/go-memguard/internal/history"
	"github.com/memguard-dev/go-memguard/internal/sample"
	"github.com/memguard-dev/go-memguard/internal/trend"
)

// TestGrowthIsHeldUntilContradicted: a leak was found, and from then on the
// live heap is what a case says, too short a time to be found again.
func TestGrowthIsHeldUntilContradicted(t *testing.T) {
	const found, level = 60, 120.0 // seconds, MiB
	for name, c := range map[string]struct {
		seconds     int // since it was found
		collections int // since then
		live        float64
		held        bool
	}{
		"nothing new":                        {10, 0, level, true},
		"too few looked":                     {10, 2, level, true},
		"goes on":                            {10, 10, level + 15, true},
		"stands still":                       {10, 3, level, false},
		"was let go":                         {1, 1, level - 40, false},
		"a little less":                      {1, 1, level - 5, true},
		"too long ago to say":                {31, 0, level, false},
		"goes on but was not found for long": {31, 31, level + 60, false},
	} {
		t.Run(name, func(t *testing.T) {
			h := history.New(250 * time.Millisecond)
			var before sample.Sample
			cycles := uint64(1)
			for i := 0; i <= 4*c.seconds; i++ {
				live := level
				if i > 0 && i <= c.collections {
					cycles++
					live = c.live
				} else if i > c.collections && c.collections > 0 {
					live = c.live
				}
				size := uint64(live * mebi)
				now := sample.Sample{
					Since: found*time.Second + time.Duration(i)*250*time.Millisecond, Scope: sample.Cgroup,
					Usage: cgroupstat.Of(size + 20*mebi), Limit: cgroupstat.Of(256 * mebi),
					Go: gomem.Mem{Objects: size, LiveHeap: size, GCCycles: cycles, MemoryLimit: math.MaxInt64, Total: size},
				}
				p := history.PointOf(&now, &before, history.Seen{})
				h.Add(&p)
				before = now
			}
			doctor := Doctor{told: map[Code]told{HeapLeak: {
				finding: Finding{Code: HeapLeak, Severity: Warning, class: growing},
				growth: growth{
					Slope:  trend.Slope{From: 20 * mebi, To: level * mebi, Rate: 2 * mebi},
					series: history.LiveHeap, window: 30 * time.Second,
				},
				at: found * time.Second, level: level * mebi,
			}}}
			d := doctor.Diagnose(&Facts{History: h, Version: cgroupstat.V2})
			if d.Has(HeapLeak) != c.held || (len(doctor.told) == 1) != c.held {
				t.Errorf("held %t, want %t: %+v", d.Has(HeapLeak), c.held, d.Findings)
			}
		})
	}
}
