package memguard

import "time"

// calmPolicy says when a program's start-up is over.
type calmPolicy struct {
	// rise is the growth, as a share of the limit, that counts as starting up.
	rise float64
	// window is how long there must be none, most the longest wait for that.
	window, most time.Duration
	// least is the wait where the threshold is near: better now than never.
	least time.Duration
}

var defaultCalm = calmPolicy{rise: 0.05, window: 10 * time.Second, most: 2 * time.Minute, least: 2 * time.Second}

// calm decides once when to remember the heap as the baseline.
type calm struct {
	since time.Duration // when it last grew
	basis uint64        // to that
	over  bool
}

// settle tells whether now is the time: since Start, with the basis, on the
// way to a threshold that is near or not. It never is on a steep ascent.
func (c calm) settle(p calmPolicy, since time.Duration, basis, limit uint64, near, steep bool) (calm, bool) {
	if c.over || steep {
		return c, false
	}
	if basis > c.basis+uint64(float64(limit)*p.rise) {
		c.since, c.basis = since, basis
	}
	c.over = since-c.since >= p.window || since >= p.most || near && since >= p.least
	return c, c.over
}
