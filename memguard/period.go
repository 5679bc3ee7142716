package memguard

import "time"

// pace holds the constants of the sampling period.
type pace struct {
	// worstRate is the fastest credible growth in bytes per second. A core
	// that does nothing but touch fresh pages reaches about half of it.
	worstRate uint64
	// floor and ceiling bound the period.
	floor, ceiling time.Duration
}

var defaultPace = pace{worstRate: 2 << 30, floor: 5 * time.Millisecond, ceiling: 250 * time.Millisecond}

// looks is how often at least the worst ascent is seen before it arrives.
const looks = 3

// next is the time in which the basis cannot yet have risen by a third of
// distance: slow when far from a threshold, milliseconds when near.
func (p pace) next(distance uint64) time.Duration {
	distance /= looks
	if distance >= p.reach(p.ceiling) {
		return p.ceiling
	}
	d := time.Duration(distance * uint64(time.Second) / p.worstRate)
	return max(p.floor, d)
}

// reach is how far the worst rate goes in d.
func (p pace) reach(d time.Duration) uint64 {
	return p.worstRate / uint64(time.Second/d)
}
