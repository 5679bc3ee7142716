package memguard

import (
	"testing"
	"time"

	"github.com/memguard-dev/go-memguard/cgroupstat"
	"github.com/memguard-dev/go-memguard/internal/sample"
)

func TestBetween(t *testing.T) {
	const mebi = 1 << 20
	of := cgroupstat.Of
	complete := func(usage, peak, kills uint64) *sample.Sample {
		s := &sample.Sample{Usage: of(usage * mebi), Peak: of(peak * mebi), Limit: of(256 * mebi)}
		s.Events.OOMKill = of(kills)
		return s
	}
	for name, c := range map[string]struct {
		saw           uint64 // MiB between the two samples
		now           *sample.Sample
		recent        cgroupstat.Value
		spike, killed uint64
	}{
		"nothing":                            {0, complete(100, 120, 3), cgroupstat.Value{}, 0, 0},
		"a peak that was sampled":            {199, complete(100, 200, 3), cgroupstat.Value{}, 0, 0},
		"a peak that nobody saw":             {110, complete(100, 200, 3), cgroupstat.Value{}, 200, 0},
		"hardly above what was sampled":      {195, complete(100, 200, 3), cgroupstat.Value{}, 0, 0},
		"below the peak of the cgroup":       {110, complete(100, 120, 3), of(119 * mebi), 119, 0},
		"a recent peak that was sampled":     {118, complete(100, 120, 3), of(119 * mebi), 0, 0},
		"kills":                              {0, complete(100, 120, 5), cgroupstat.Value{}, 0, 2},
		"a counter that went back":           {0, complete(100, 120, 1), cgroupstat.Value{}, 0, 0},
		"no counters any more":               {0, &sample.Sample{Usage: of(100 * mebi)}, cgroupstat.Value{}, 0, 0},
		"no limit, peak that nobody saw":     {0, &sample.Sample{Usage: of(100 * mebi), Peak: of(200 * mebi)}, cgroupstat.Value{}, 200, 0},
		"usage itself is the highest sample": {0, complete(200, 200, 3), cgroupstat.Value{}, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			var b between
			if spike, killed := b.look(complete(100, 120, 3), of(200*mebi)); spike != 0 || killed != 0 {
				t.Errorf("at the first look: %d, %d", spike, killed)
			}
			b.saw(c.saw * mebi)
			spike, killed := b.look(c.now, c.recent)
			if spike/mebi != c.spike || killed != c.killed {
				t.Errorf("spike %d MiB, %d killed; want %d, %d", spike/mebi, killed, c.spike, c.killed)
			}
		})
	}
}

func TestBetweenForgetsWhatWasSeen(t *testing.T) {
	var b between
	first := sample.Sample{Usage: cgroupstat.Of(10 << 20), Peak: cgroupstat.Of(10 << 20), Since: time.Second}
	b.look(&first, cgroupstat.Value{})
	b.saw(200 << 20)
	b.look(&first, cgroupstat.Value{})
	later := first
	later.Peak = cgroupstat.Of(100 << 20)
	if spike, _ := b.look(&later, cgroupstat.Value{}); spike != 100<<20 {
		t.Errorf("spike %d after a higher sample long ago", spike)
	}
}
