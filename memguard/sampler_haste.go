package memguard

import "time"

// hurries tells whether there may be something to do before the threshold.
func (s *sampler) hurries(since time.Duration, basis uint64) bool {
	p, ok := s.prospect(since, basis)
	if !ok {
		return false
	}
	next, u := hasten(s.haste, s.hurry, p)
	return u.steep || next.armed != s.haste.armed || next.braked != s.haste.braked
}

// readyEvery is how often what is held ready is made to fit what was added.
const readyEvery = 5 * time.Second

// hasten acts on what comes before and around a crossing, and gives the time
// to the next sample.
func (s *sampler) hasten(since time.Duration, basis uint64, sleep time.Duration) time.Duration {
	p, ok := s.prospect(since, basis)
	if !ok {
		s.ease()
		return sleep
	}
	before := s.haste
	var u urge
	s.haste, u = hasten(before, s.hurry, p)
	d := s.guard.dumper
	var settled bool
	if s.calm, settled = s.calm.settle(s.rest, since, basis, p.limit, s.haste.armed, u.steep); settled {
		d.wantBaseline.Store(true)
	}
	due := (s.haste.armed || d.wantBaseline.Load()) && since-s.lastReady >= readyEvery
	if s.haste.armed != before.armed || settled || due {
		s.lastReady = since
		d.ready(s.haste.armed)
	}
	if u.refresh {
		d.collector.start()
	}
	s.brake(s.haste.braked)
	if u.look > 0 {
		sleep = min(sleep, u.look)
	}
	return sleep
}

// ease lets the brake go where nothing can be decided.
func (s *sampler) ease() {
	s.haste.braked = false
	s.brake(false)
}

func (s *sampler) brake(on bool) {
	s.goMem.brake(on)
	if d := s.guard.dumper; d != nil {
		d.assistant.set(on)
	}
}

// prospect is not ok where there is nothing to dump to or no threshold ahead.
func (s *sampler) prospect(since time.Duration, basis uint64) (prospect, bool) {
	d := s.guard.dumper
	distance, ok := s.watch.distance(s.policy, s.reading(since, basis))
	limit, known := s.limit.Bytes.Get()
	if d == nil || !ok || !known {
		return prospect{}, false
	}
	return prospect{
		since: since, basis: basis, limit: limit, distance: distance,
		rate: s.ascent.rate(uint64(float64(limit) * s.hurry.rise)),
		gc:   s.gcCost.time(s.hurry, s.last.Go.Scannable), canBrake: s.goMem.canBrake(),
		collecting: d.collector.running.Load(), dumping: d.urgent.Load(),
	}, true
}
