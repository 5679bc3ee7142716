package memguard

import (
	"time"

	"github.com/memguard-dev/go-memguard/cgroupstat"
	"github.com/memguard-dev/go-memguard/internal/blackbox"
	"github.com/memguard-dev/go-memguard/internal/sample"
)

// stamp says when the last sample is of.
func (s *sampler) stamp(since time.Duration) {
	s.last.Since, s.last.UnixNano = since, s.start.Add(since).UnixNano()
}

// record puts the last sample into the black box.
func (s *sampler) record(k blackbox.Kind) {
	if f := s.guard.flight; f != nil {
		f.box.Sample(&s.last, k)
	}
}

// processEvery is how old the kernel's account of the process may be in a
// sample near the limit: it is the costliest part.
const processEvery = 20 * time.Millisecond

// closer reads near the limit what tells where memory went.
func (s *sampler) closer(since time.Duration) {
	process := since-s.processAt >= processEvery
	if process {
		s.processAt = since
	}
	s.guard.faults.set(partProcess, s.source.own(&s.last, process))
	s.goMem.overlook(&s.last.Go)
}

// crossed records a threshold that fired.
func (f *flight) crossed(at *sample.Sample, basis uint64, threshold cgroupstat.Value) {
	if f != nil {
		f.box.Event(at.Time(), blackbox.Crossed, basis, threshold.Or(0))
	}
}

// between is what the kernel's own counters tell of the time between samples.
type between struct {
	reader  *cgroupstat.Reader
	level   int
	known   bool
	highest uint64 // usage sampled since the last look
	peak    cgroupstat.Value
	kills   cgroupstat.Value
	at      time.Duration
}

func (b *between) saw(usage uint64) { b.highest = max(b.highest, usage) }

const (
	// spikeShare and spikeBytes are how far, at least, a spike stands above
	// what was sampled: the kernel counts in batches for each processor.
	spikeShare = 0.03
	spikeBytes = 2 << 20
)

// look compares a complete sample with what was known; recent is the highest
// usage since the last look, where the kernel keeps that, and after the usage
// once that was read: while memory rises it has passed the sample's.
func (b *between) look(s *sample.Sample, recent cgroupstat.Value, after uint64) (spike, kills uint64) {
	before := *b
	usage, told := s.Usage.Get()
	usage = max(usage, after)
	b.saw(usage)
	sampled := b.highest
	b.at, b.known = s.Since, true
	if told || after > 0 {
		b.highest = usage
	}
	// What could not be read now is compared with when it can be read again.
	if n, ok := s.Peak.Get(); ok {
		b.peak = cgroupstat.Of(n)
	}
	if n, ok := s.Events.OOMKill.Get(); ok {
		b.kills = cgroupstat.Of(n)
	}
	if !before.known {
		return 0, 0
	}
	if now, ok := s.Events.OOMKill.Get(); ok {
		kills = now - min(now, before.kills.Or(now))
	}
	height, ok := recent.Get()
	if !ok {
		// The peak of the cgroup's life tells of a spike that beats it only.
		if height, ok = s.Peak.Get(); !ok || height <= before.peak.Or(height) {
			return 0, kills
		}
	}
	if height > sampled+max(spikeBytes, uint64(spikeShare*float64(s.Limit.Or(0)))) {
		spike = height
	}
	return spike, kills
}

// lookBetween tells what happened between this complete sample and the last.
func (s *sampler) lookBetween() {
	r := s.source.cgroup
	if r == nil || s.last.Scope != sample.Cgroup {
		return
	}
	if r != s.between.reader || r.Level() != s.between.level {
		s.between = between{reader: r, level: r.Level()} // Other counters than before.
	}
	recent, err := r.RecentPeak()
	s.guard.faults.set(partPeak, err)
	after, err := r.Usage()
	if err != nil {
		after = 0 // The next sample tells of it.
	}
	sampled, since := max(s.between.highest, s.last.Usage.Or(0), after), s.between.at
	spike, kills := s.between.look(&s.last, recent, after)
	g := s.guard
	if kills > 0 {
		total := s.last.Events.OOMKill.Or(0)
		g.oomKills.Add(kills)
		g.tellOOMKill(kills, total)
		if g.flight != nil {
			g.flight.box.Event(s.last.Time(), blackbox.OOMKill, kills, total)
		}
	}
	if spike > 0 {
		s.observed.spikes++
		s.observed.spike = max(s.observed.spike, spike)
		g.spikes.Add(1)
		g.tellSpike(spike, sampled, s.last.Since-since, s.reached(spike))
		if g.flight != nil {
			g.flight.box.Event(s.last.Time(), blackbox.Spike, spike, sampled)
		}
	}
}

// consult hands the complete sample to the doctor; what it has no time for now is
// kept for the next.
func (s *sampler) consult() {
	o := &s.observed
	o.sample, o.level, o.high = s.last, 0, cgroupstat.Value{}
	if r := s.source.cgroup; r != nil && s.last.Scope == sample.Cgroup {
		o.level, o.high = r.Level(), s.source.limits.High.Bytes
	}
	o.unlimited = !s.limit.enforced()
	if s.guard.doctor.see(o) {
		o.spikes, o.spike, o.highest = 0, 0, 0
	}
}

// reached are the thresholds that a usage is at or above.
func (s *sampler) reached(usage uint64) []Threshold {
	var list []Threshold
	for _, t := range s.targets.thresholds.value {
		if at, ok := t.At(s.limit.Bytes).Get(); ok && usage >= at {
			list = append(list, t)
		}
	}
	return list
}
