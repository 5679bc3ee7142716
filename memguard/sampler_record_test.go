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
		after         uint64 // MiB, once the peak was read
	}{
		"nothing":                            {0, complete(100, 120, 3), cgroupstat.Value{}, 0, 0, 0},
		"a peak that was sampled":            {199, complete(100, 200, 3), cgroupstat.Value{}, 0, 0, 0},
		"a peak that nobody saw":             {110, complete(100, 200, 3), cgroupstat.Value{}, 200, 0, 0},
		"hardly above what was sampled":      {195, complete(100, 200, 3), cgroupstat.Value{}, 0, 0, 0},
		"below the peak of the cgroup":       {110, complete(100, 120, 3), of(119 * mebi), 119, 0, 0},
		"a recent peak that was sampled":     {118, complete(100, 120, 3), of(119 * mebi), 0, 0, 0},
		"kills":                              {0, complete(100, 120, 5), cgroupstat.Value{}, 0, 2, 0},
		"a counter that went back":           {0, complete(100, 120, 1), cgroupstat.Value{}, 0, 0, 0},
		"no counters any more":               {0, &sample.Sample{Usage: of(100 * mebi)}, cgroupstat.Value{}, 0, 0, 0},
		"no limit, peak that nobody saw":     {0, &sample.Sample{Usage: of(100 * mebi), Peak: of(200 * mebi)}, cgroupstat.Value{}, 200, 0, 0},
		"usage itself is the highest sample": {0, complete(200, 200, 3), cgroupstat.Value{}, 0, 0, 0},
		"a steep rise":                       {0, complete(100, 200, 3), cgroupstat.Value{}, 0, 0, 201},
		"a steep rise, of late":              {0, complete(100, 200, 3), of(160 * mebi), 0, 0, 161},
		"a spike that fell":                  {0, complete(100, 200, 3), of(160 * mebi), 160, 0, 102},
	} {
		t.Run(name, func(t *testing.T) {
			var b between
			if spike, killed := b.look(complete(100, 120, 3), of(200*mebi), 0); spike != 0 || killed != 0 {
				t.Errorf("at the first look: %d, %d", spike, killed)
			}
			b.saw(c.saw * mebi)
			spike, killed := b.look(c.now, c.recent, c.after*mebi)
			if spike/mebi != c.spike || killed != c.killed {
				t.Errorf("spike %d MiB, %d killed; want %d, %d", spike/mebi, killed, c.spike, c.killed)
			}
		})
	}
}

func TestBetweenForgetsWhatWasSeen(t *testing.T) {
	var b between
	first := sample.Sample{Usage: cgroupstat.Of(10 << 20), Peak: cgroupstat.Of(10 << 20), Since: time.Second}
	b.look(&first, cgroupstat.Value{}, 0)
	b.saw(200 << 20)
	b.look(&first, cgroupstat.Value{}, 0)
	later := first
	later.Peak = cgroupstat.Of(100 << 20)
	if spike, _ := b.look(&later, cgroupstat.Value{}, 0); spike != 100<<20 {
		t.Errorf("spike %d after a higher sample long ago", spike)
	}
}

func TestBetweenKeepsWhatCouldNotBeRead(t *testing.T) {
	of := cgroupstat.Of
	sampled := func(usage, peak, kills cgroupstat.Value) *sample.Sample {
		s := &sample.Sample{Usage: usage, Peak: peak, Limit: of(256 << 20)}
		s.Events.OOMKill = kills
		return s
	}
	var b between
	b.look(sampled(of(100<<20), of(110<<20), of(3)), cgroupstat.Value{}, 0)
	if spike, kills := b.look(sampled(cgroupstat.Value{}, cgroupstat.Value{}, cgroupstat.Value{}), cgroupstat.Value{}, 0); spike != 0 || kills != 0 {
		t.Errorf("of nothing: %d, %d", spike, kills)
	}
	if spike, kills := b.look(sampled(of(90<<20), of(200<<20), of(5)), cgroupstat.Value{}, 0); spike != 200<<20 || kills != 2 {
		t.Errorf("afterwards: spike %d, %d killed", spike, kills)
	}
}

// A spike is not lost to a doctor that has no time.
func TestConsultKeepsWhatNobodyTook(t *testing.T) {
	g := mustStart(t, quiet(t, newTree(t)))
	d := newDoctor(g)
	for d.see(&observed{}) {
	}
	s := &sampler{guard: &Guard{doctor: d}, source: &source{}}
	s.observed = observed{spikes: 1, spike: 7, highest: 9}
	s.consult()
	if o := &s.observed; o.spikes != 1 || o.spike != 7 || o.highest != 9 {
		t.Errorf("%+v", o)
	}
	<-d.seen
	s.consult()
	if o := &s.observed; o.spikes != 0 || o.spike != 0 || o.highest != 0 {
		t.Errorf("taken, and %+v", o)
	}
}
