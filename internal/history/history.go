// Package history keeps a process's memory over time: the last minute in full,
// the last days as floors. It has a fixed size of about 0.2 MB, whatever the
// life of the process. It belongs to one goroutine.
package history

import (
	"time"
	"unsafe"
)

// The rings, from the finest. Each point of a ring is the floor of its step.
var rings = [...]struct {
	step   time.Duration
	points int
}{
	{250 * time.Millisecond, 240}, // a minute
	{5 * time.Second, 180},        // a quarter of an hour
	{time.Minute, 400},            // six hours
	{15 * time.Minute, 192},       // two days
	{2 * time.Hour, 96},           // eight days
}

// History is the rings.
type History struct {
	rings [len(rings)]ring
	// Sizes is the working set over the whole life.
	Sizes Sketch
}

// New makes an empty one whose first ring has points of this step and the
// others the same multiples of theirs: a quarter of a second for a program
// that lives, less for the last moments of one that died.
func New(step time.Duration) *History {
	h := &History{}
	for i, r := range rings {
		h.rings[i] = ring{step: r.step / rings[0].step * step, points: make([]Point, r.points)}
	}
	return h
}

// Add takes the next point; one older than the last is left out.
func (h *History) Add(p *Point) {
	if last, ok := h.Last(); ok && p.Since < last.Since {
		return
	}
	h.Sizes.add(p)
	for i := range h.rings {
		h.rings[i].add(p)
	}
}

// Last is the last point.
func (h *History) Last() (p Point, ok bool) {
	r := &h.rings[0]
	if !r.open {
		return p, false
	}
	return r.now, true
}

// First is the oldest time that is known of.
func (h *History) First() time.Duration {
	for i := len(h.rings) - 1; i >= 0; i-- {
		if r := &h.rings[i]; r.n > 0 {
			return r.at(0).Since
		}
	}
	if h.rings[0].open {
		return h.rings[0].now.Since
	}
	return 0
}

// Window calls do with the points of the last d, oldest first, of the finest
// ring that reaches so far back, and tells how far they reach.
func (h *History) Window(d time.Duration, do func(p *Point)) time.Duration {
	last, ok := h.Last()
	if !ok {
		return 0
	}
	for i := range h.rings {
		r := &h.rings[i]
		if r.span() < d && i < len(h.rings)-1 {
			continue
		}
		return r.window(last.Since-d, last.Since, do)
	}
	return 0
}

// ring is the last points of one step. now is the floor of the step that is
// not over yet.
type ring struct {
	step   time.Duration
	points []Point
	next   int
	n      int
	now    Point
	merged uint32
	open   bool
}

func (r *ring) span() time.Duration { return r.step * time.Duration(len(r.points)) }

func (r *ring) at(i int) *Point {
	return &r.points[(r.next-r.n+i+len(r.points))%len(r.points)]
}

func (r *ring) add(p *Point) {
	if r.open && p.Since/r.step == r.now.Since/r.step {
		r.merged++
		r.now.merge(p, r.merged)
		return
	}
	if r.open {
		r.points[r.next] = r.now
		r.next = (r.next + 1) % len(r.points)
		r.n = min(r.n+1, len(r.points))
	}
	r.now, r.merged, r.open = *p, 1, true
}

func (r *ring) window(from, to time.Duration, do func(p *Point)) time.Duration {
	reach := time.Duration(0)
	for i := range r.n {
		if p := r.at(i); p.Since >= from {
			if reach == 0 {
				reach = to - p.Since
			}
			do(p)
		}
	}
	if r.open && r.merged > 0 {
		do(&r.now)
	}
	return reach
}

// merge makes p the floor of itself and q, which is the nth.
func (p *Point) merge(q *Point, n uint32) {
	p.Since = q.Since
	for s := range NumSeries {
		a, b := p.values[s], q.values[s]
		switch {
		case b == none:
		case a == none:
			p.values[s] = b
		case s == Highest:
			p.values[s] = max(a, b)
		case s >= Allocs:
			p.values[s] = uint32(int64(a) + (int64(b)-int64(a))/int64(n))
		default:
			p.values[s] = min(a, b)
		}
	}
	e, f := &p.Events, &q.Events
	e.Collections += f.Collections
	e.Limited += f.Limited
	e.High += f.High
	e.Max += f.Max
	e.OOMKills += f.OOMKills
	e.Refaults += f.Refaults
	e.Spikes += f.Spikes
	e.SpikeKiB = max(e.SpikeKiB, f.SpikeKiB)
}

// Bytes is what it takes.
func (h *History) Bytes() int {
	n := int(unsafe.Sizeof(*h))
	for i := range h.rings {
		n += len(h.rings[i].points) * int(unsafe.Sizeof(Point{}))
	}
	return n
}
