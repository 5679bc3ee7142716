package chart

import (
	"strconv"
	"time"
)

// extent is what a series has between two times.
type extent struct {
	low, high float64
	at        time.Time
	n         int
}

// cursor goes through a series strip by strip.
type cursor struct {
	next int
	at   time.Time
	last place
	name []byte
}

// appendStrips lays invisible strips over the plot, each with a title that says
// the values there: a tooltip without a script. data-t is the time in
// milliseconds since 1970, for a page that has one. There are as many as points
// of the series with the most, within bounds.
func (p *plot) appendStrips(dst []byte, events []Event, points int) []byte {
	if points == 0 {
		return dst
	}
	const atLeast = 24
	n := min(max(points, atLeast), MaxStrips)
	var cursors [MaxSeries]cursor
	var names []byte
	for i := range p.series {
		start := len(names)
		names = appendName(names, p.series[i].Name, MaxName)
		cursors[i].name = names[start:]
	}
	width := unit / float64(n)
	dst = append(dst, `<g class="mg-strips" fill="none" pointer-events="all">`...)
	var values []byte
	for k := range n {
		left, right := float64(k)/float64(n), float64(k+1)/float64(n)
		if k == n-1 {
			right = 2 // The last one takes the right edge too.
		}
		middle := (float64(k) + 0.5) / float64(n)
		at, known := p.from.Add(time.Duration(middle*p.span)), false
		values = values[:0]
		for i := range p.series {
			s, c := &p.series[i], &cursors[i]
			e := p.within(s, c, left, right, middle)
			if e.n > 0 && !e.at.IsZero() && !known {
				at, known = e.at, true
			}
			values = append(append(append(values, '\n'), c.name...), ": "...)
			values = appendExtent(values, e)
		}
		for len(events) > 0 && p.x(events[0].At) < right {
			values = appendName(append(values, '\n'), events[0].Name, MaxName)
			values = appendClock(append(values, ", "...), events[0].At)
			events = events[1:]
		}
		dst = append(dst, `<g class="mg-strip" data-t="`...)
		dst = strconv.AppendInt(dst, at.UnixMilli(), 10)
		dst = append(dst, `"><title>`...)
		dst = appendTime(dst, at)
		dst = append(dst, values...)
		dst = append(dst, `</title><rect x="`...)
		dst = appendFixed(dst, unit*left, 2)
		dst = append(dst, `" width="`...)
		dst = appendFixed(dst, width, 2)
		dst = append(dst, `" height="1000"/><path class="mg-guide" vector-effect="non-scaling-stroke" d="M`...)
		dst = appendFixed(dst, unit*middle, 1)
		dst = append(dst, ` 0V1000"/></g>`...)
	}
	return append(dst, `</g>`...)
}

// within gives what a series has from left to right; where it has no point
// there, what its line has in the middle.
func (p *plot) within(s *Series, c *cursor, left, right, middle float64) (e extent) {
	gap := false
	for ; c.next < len(s.Points); c.next++ {
		point := &s.Points[c.next]
		if c.next > 0 && point.At.Before(c.at) {
			continue
		}
		x := p.x(point.At)
		if x >= right {
			break
		}
		c.at, c.last = point.At, place{x, point.Value, !point.absent()}
		if x < left || x > 1 {
			continue
		}
		if !c.last.ok {
			gap = true
			continue
		}
		if e.n == 0 {
			e.low, e.high = point.Value, point.Value
		}
		e.low, e.high, e.at = min(e.low, point.Value), max(e.high, point.Value), point.At
		e.n++
	}
	if e.n > 0 || gap || !c.last.ok {
		return e
	}
	value := c.last.value
	if !s.Step {
		if c.next == len(s.Points) || s.Points[c.next].absent() {
			return e
		}
		next := &s.Points[c.next]
		value = between(c.last, place{p.x(next.At), next.Value, true}, middle, false)
	}
	return extent{low: value, high: value, n: 1}
}

// appendExtent says one value, or from which to which.
func appendExtent(dst []byte, e extent) []byte {
	if e.n == 0 {
		return append(dst, "–"...)
	}
	if readsSame(e.low, e.high) {
		return appendMiB(dst, e.high)
	}
	dst = strconv.AppendFloat(dst, e.low/mebi, 'f', 1, 64)
	return appendMiB(append(dst, "–"...), e.high)
}
