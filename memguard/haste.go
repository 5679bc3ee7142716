package memguard

import "time"

// hastePolicy holds the constants of hasten. Where they come from: see
// "Experiments" in the package documentation.
type hastePolicy struct {
	// arm and disarm are distances to a threshold, as shares of the limit.
	arm, disarm float64
	// rise is the growth, as a share of the limit, that counts as an ascent.
	rise float64
	// gcBase and gcPerByte, in nanoseconds of CPU for a byte that must be
	// scanned, are the least that a collection is expected to take,
	// gcMostPerByte the most. It gets a part of the processors: gcShare is how
	// many times longer it takes than its CPU time.
	gcBase                   time.Duration
	gcPerByte, gcMostPerByte float64
	gcShare                  float64
	// steep is how many collections must fit before the limit is reached for
	// the ascent not to be called steep.
	steep float64
	// lead is how many collections before a threshold the profile is
	// refreshed when the ascent is steep: with the brake, and without.
	lead, leadUnbraked float64
	// again is the least growth between two refreshes as a share of the
	// limit, within the time pause.
	again float64
	pause time.Duration
	// brake is the longest that the brake is held, brakeMost for a crossing
	// where collections take long; release is the rest after it.
	brake, brakeMost, release time.Duration
}

var defaultHaste = hastePolicy{
	arm: 0.25, disarm: 0.35,
	rise:   0.04,
	gcBase: 10 * time.Millisecond, gcPerByte: 1.6, gcMostPerByte: 50, gcShare: 2.5,
	steep: 6,
	lead:  1.2, leadUnbraked: 2.5,
	again: 0.125, pause: 30 * time.Second,
	brake: time.Second, brakeMost: 3 * time.Second, release: 10 * time.Second,
}

// prospect is what hasten looks at.
type prospect struct {
	since    time.Duration // since Start
	basis    uint64
	limit    uint64
	distance uint64        // to the next crossing
	rate     uint64        // bytes per second
	gc       time.Duration // that a collection takes
	canBrake bool
	// collecting: a collection of ours is under way; dumping: the urgent part
	// of a dump is.
	collecting, dumping bool
}

// haste is the state of hasten.
type haste struct {
	armed       bool
	braked      bool
	brakedAt    time.Duration
	refreshed   bool
	refreshedAt time.Duration
	basis       uint64 // at the last refresh
	releasedAt  time.Duration
	exhausted   bool // the brake was held as long as allowed
	dumping     bool // at the last reading
}

// urge says what to do now, and how often to look.
type urge struct {
	refresh bool          // start a collection, so that the profile is new
	steep   bool          // a collection begun at the crossing may not end in time
	look    time.Duration // the longest wait for the next sample; 0: any
}

// hasten decides how to meet the threshold that comes next: whether to hold
// buffers ready, to collect early, to brake.
func hasten(h haste, p hastePolicy, r prospect) (haste, urge) {
	var u urge
	share := func(f float64) uint64 { return uint64(float64(r.limit) * f) }
	if r.limit == 0 {
		h.armed, h.braked = false, false
		return h, u
	}
	toThreshold, toLimit := timeTo(r.distance, r.rate), timeTo(r.limit-min(r.limit, r.basis), r.rate)
	u.steep = float64(toLimit) <= p.steep*float64(r.gc)
	switch {
	case r.distance <= share(p.arm) || u.steep:
		h.armed = true
	case r.distance > share(p.disarm):
		h.armed = false
	}
	lead := p.leadUnbraked
	if r.canBrake {
		lead = p.lead
	}
	due := u.steep && float64(toThreshold) <= lead*float64(r.gc)
	if u.steep {
		u.look = max(toThreshold/8, time.Millisecond)
		rested := !h.refreshed || r.since-h.refreshedAt >= p.pause || r.basis >= h.basis+share(p.again)
		if due && rested && !r.collecting && !r.dumping {
			u.refresh = true
			h.refreshed, h.refreshedAt, h.basis = true, r.since, r.basis
		}
	}
	return h.applyBrake(p, r, due || u.steep && (r.collecting || r.dumping)), u
}

// applyBrake holds the brake while a steep ascent is about to cross, and then
// until collection and dump are done, but not for long: the program hardly
// gets to allocate meanwhile. A crossing has its time whatever was used before.
func (h haste) applyBrake(p hastePolicy, r prospect, wanted bool) haste {
	most := p.brake
	if r.dumping {
		most = min(max(most, 2*r.gc), p.brakeMost)
	}
	if r.dumping && !h.dumping {
		h.exhausted, h.brakedAt = false, r.since
	}
	h.dumping = r.dumping
	busy := r.collecting || r.dumping || r.rate > 0
	switch {
	case h.braked && (!busy || r.since-h.brakedAt >= most):
		h.braked, h.exhausted, h.releasedAt = false, busy, r.since
	case h.braked || !r.canBrake || !wanted:
	case !h.exhausted || r.since-h.releasedAt >= p.release:
		h.braked, h.brakedAt, h.exhausted = true, r.since, false
	}
	return h
}
