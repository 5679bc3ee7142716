package memguard

import "time"

// ascent remembers the last readings of the basis and tells how fast it rises.
type ascent struct {
	points [8]ascentPoint
	n      int // how many there ever were
}

type ascentPoint struct {
	since time.Duration
	basis uint64
}

func (a *ascent) add(since time.Duration, basis uint64) {
	a.points[a.n%len(a.points)] = ascentPoint{since, basis}
	a.n++
}

// correct replaces the last reading by a better one.
func (a *ascent) correct(basis uint64) {
	if a.n > 0 {
		a.points[(a.n-1)%len(a.points)].basis = basis
	}
}

// rate is in bytes per second over the shortest time back in which the basis
// rose by least: smaller steps say nothing, and what was before the ascent
// must not make it look slow. 0 while there was no such rise.
func (a *ascent) rate(least uint64) uint64 {
	if a.n == 0 {
		return 0
	}
	last := a.points[(a.n-1)%len(a.points)]
	for i := a.n - 2; i >= max(0, a.n-len(a.points)); i-- {
		p := a.points[i%len(a.points)]
		if took := last.since - p.since; took > 0 && last.basis >= p.basis+least {
			return uint64(float64(last.basis-p.basis) / took.Seconds())
		}
	}
	return 0
}

// timeTo is when so many bytes more are reached at a rate; far off for ever.
func timeTo(bytes, rate uint64) time.Duration {
	const ever = time.Hour
	if seconds := float64(bytes) / float64(rate); seconds < ever.Seconds() {
		return time.Duration(seconds * float64(time.Second))
	}
	return ever
}
