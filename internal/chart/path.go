package chart

import (
	"iter"
	"slices"
	"time"
)

// place is a point of a series in the picture; ok is false for a gap.
type place struct {
	x, value float64
	ok       bool
}

// walk gives what of a series lies in the picture. A line that enters or leaves
// it is cut at the edge; a step goes on to the right edge.
func (p *plot) walk(s *Series) iter.Seq[place] {
	return func(yield func(place) bool) {
		var last place
		var at time.Time
		for i := range s.Points {
			point := &s.Points[i]
			if i > 0 && point.At.Before(at) {
				continue
			}
			at = point.At
			q := place{x: p.x(at), value: point.Value, ok: !point.absent()}
			cut := last.ok && (q.ok || s.Step)
			if last.x < 0 && q.x > 0 && cut && !yield(place{0, between(last, q, 0, s.Step), true}) {
				return
			}
			if q.x > 1 {
				if i > 0 && last.x < 1 && cut {
					yield(place{1, between(last, q, 1, s.Step), true})
				}
				return
			}
			if q.x >= 0 && !yield(q) {
				return
			}
			last = q
		}
		if s.Step && last.ok && last.x < 1 {
			if last.x < 0 && !yield(place{0, last.value, true}) {
				return
			}
			yield(place{1, last.value, true})
		}
	}
}

// between is the value at x on the way from a to b.
func between(a, b place, x float64, step bool) float64 {
	if step || b.x <= a.x {
		return a.value
	}
	return a.value + (b.value-a.value)*(x-a.x)/(b.x-a.x)
}

// thin reduces places to the lowest and the highest of each of MaxPoints/2
// stretches of time, in order. A gap is kept, if need be at the end of its
// stretch.
func thin(all iter.Seq[place]) iter.Seq[place] {
	const buckets = MaxPoints / 2
	return func(yield func(place) bool) {
		var low, high place
		bucket, count := -1, 0
		before, after := false, false
		flush := func() bool {
			if before && !yield(place{}) {
				return false
			}
			before, after = after, false
			if count == 0 {
				return true
			}
			a, b := low, high
			if b.x < a.x {
				a, b = b, a
			}
			return yield(a) && (count == 1 || a == b || yield(b))
		}
		for q := range all {
			if at := min(int(q.x*buckets), buckets-1); at != bucket {
				if !flush() {
					return
				}
				bucket, count = at, 0
			}
			switch {
			case !q.ok && count == 0:
				before = true
				continue
			case !q.ok:
				after = true
				continue
			case count == 0:
				low, high = q, q
			case q.value < low.value:
				low = q
			case q.value > high.value:
				high = q
			}
			count++
		}
		flush()
	}
}

// drawn gives what is drawn of a series: all of it, or thinned.
func (p *plot) drawn(s *Series) iter.Seq[place] {
	all := p.walk(s)
	if len(s.Points) <= MaxPoints-2 { // walk may add one at either edge.
		return all
	}
	return thin(all)
}

// appendPath draws a line. A place between two gaps is a dot.
func (p *plot) appendPath(dst []byte, s *Series) []byte {
	run := 0
	var last place
	dot := func() {
		if run == 1 {
			dst = append(dst, "h3"...)
		}
		run = 0
	}
	for q := range p.drawn(s) {
		switch {
		case !q.ok:
			// A setting holds until it is gone.
			if s.Step && run > 0 && q.x > last.x {
				dst = appendFixed(append(dst, 'H'), unit*q.x, 1)
				run++
			}
			dot()
			continue
		case run == 0:
			dst = append(dst, 'M')
		case s.Step:
			dst = appendFixed(append(dst, 'H'), unit*q.x, 1)
			if q.value != last.value {
				dst = appendFixed(append(dst, 'V'), p.y(q.value), 1)
			}
			run++
			last = q
			continue
		default:
			dst = append(dst, 'L')
		}
		dst = appendFixed(dst, unit*q.x, 1)
		dst = appendFixed(append(dst, ' '), p.y(q.value), 1)
		run++
		last = q
	}
	dot()
	return dst
}

// latest are the last n events, in order of time.
func latest(events []Event, n int) []Event {
	slices.SortStableFunc(events, func(a, b Event) int { return a.At.Compare(b.At) })
	return events[max(0, len(events)-n):]
}
