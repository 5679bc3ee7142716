// Package chart draws the pictures of a debug page as SVG to put into HTML: a
// bar of what memory is used for, and lines over time. It is pure.
//
// A picture holds no script, no style attribute and nothing from elsewhere, so
// that a strict Content-Security-Policy lets it pass; [CSS] gives its classes
// their colors. It scales with the page while its text keeps its size.
package chart

import (
	"math"
	"strconv"
	"time"
)

// What a picture takes at most; what is more is left out or, in a bar, summed.
const (
	MaxSegments = 32
	MaxLevels   = 8
	MaxSeries   = 16
	// MaxEvents are drawn, the latest of them.
	MaxEvents = 64
	// MaxPoints are drawn of a series: the lowest and the highest of each of
	// half as many stretches of time.
	MaxPoints = 600
	// MaxStrips is how many places of a chart tell their values.
	MaxStrips = 120
	// MaxName is how many characters of a name are shown.
	MaxName = 64
)

// Chart is lines over time.
type Chart struct {
	// Name says what it is a picture of.
	Name string
	// From and To are the ends of the time axis; To is "now" on it, or End.
	From, To time.Time
	End      string
	// Series are drawn in this order; the first is what the words tell most of.
	Series []Series
	Events []Event
	// Max, unless 0, is the top of the axis in bytes. A higher value raises it.
	Max float64
}

// Series is one line.
type Series struct {
	Name string
	// Class sets color and dashes, such as [ClassLimit]; without one the place
	// in the chart does.
	Class string
	// Points are in order of time; one that goes back is left out.
	Points []Point
	// Step holds a value until the next one, as is right for a setting.
	Step bool
}

// Point is a value in bytes. NaN, an infinity or less than 0 is an absent
// value, which is a gap in the line.
type Point struct {
	At    time.Time
	Value float64
}

func (p Point) absent() bool { return !(p.Value >= 0) || math.IsInf(p.Value, 1) }

// Event is something that happened, a vertical line.
type Event struct {
	At    time.Time
	Name  string
	Class string
}

// The box of a chart, in pixels: the plot is as high, with room for labels.
const (
	chartHeight = 260
	plotTop     = 22
	plotHeight  = 210
	// unit is the width and the height of the plot in its own coordinates.
	unit = 1000
)

// SVG is the picture.
func (c *Chart) SVG() string { return string(c.AppendSVG(nil)) }

// AppendSVG appends the picture to dst.
func (c *Chart) AppendSVG(dst []byte) []byte {
	p := plot{from: c.From, span: float64(c.To.Sub(c.From)), series: c.Series[:min(len(c.Series), MaxSeries)]}
	ok, most := p.span > 0, 0
	axis := bytesAxis(c.Max, true)
	if ok {
		var top float64
		if top, most = p.scan(); !(top <= c.Max) {
			axis = bytesAxis(top, false)
		}
	}
	p.top = axis.top

	dst = append(dst, `<svg xmlns="http://www.w3.org/2000/svg" class="mg-chart" width="100%" height="`...)
	dst = strconv.AppendInt(dst, chartHeight, 10)
	dst = append(dst, `" role="img" aria-label="`...)
	dst = c.appendWords(dst, &p)
	dst = append(dst, `">`...)
	dst = appendBytesAxis(dst, axis)
	if !ok {
		return append(dst, `<text class="mg-none" x="50%" y="50%" text-anchor="middle">no data</text></svg>`...)
	}
	dst = appendTimeAxis(dst, c.To.Sub(c.From), c.End)

	dst = append(dst, `<svg x="0" y="`...)
	dst = strconv.AppendInt(dst, plotTop, 10)
	dst = append(dst, `" width="100%" height="`...)
	dst = strconv.AppendInt(dst, plotHeight, 10)
	dst = append(dst, `" viewBox="0 0 1000 1000" preserveAspectRatio="none" overflow="visible">`...)
	events := p.events(c.Events)
	for _, e := range events {
		dst = append(dst, `<path class="mg-event `...)
		dst = appendClass(dst, e.Class, ClassDump)
		dst = append(dst, `" vector-effect="non-scaling-stroke" d="M`...)
		dst = appendFixed(dst, unit*p.x(e.At), 1)
		dst = append(dst, ` 0V1000"/>`...)
	}
	// The first series is the last drawn, on top of the others.
	for i := len(p.series) - 1; i >= 0; i-- {
		s := &p.series[i]
		dst = append(dst, `<path class="mg-line `...)
		dst = appendSeriesClass(dst, s.Class, i)
		dst = append(dst, `" vector-effect="non-scaling-stroke" d="`...)
		dst = p.appendPath(dst, s)
		dst = append(dst, `"/>`...)
	}
	dst = p.appendStrips(dst, events, most)
	dst = append(dst, `</svg>`...)
	dst = p.appendEventNames(dst, events)
	if most == 0 {
		dst = append(dst, `<text class="mg-none" x="50%" y="50%" text-anchor="middle">no data</text>`...)
	}
	return append(dst, `</svg>`...)
}

// plot places values; x is 0 to 1 from the left, y 0 to 1000 from the top.
type plot struct {
	from   time.Time
	span   float64
	top    float64
	series []Series
}

func (p *plot) x(at time.Time) float64 { return float64(at.Sub(p.from)) / p.span }

func (p *plot) y(value float64) float64 {
	return unit * (1 - min(value/p.top, 1))
}

// scan gives the highest value there is to draw, and how many the series with
// the most has.
func (p *plot) scan() (top float64, most int) {
	for i := range p.series {
		n := 0
		for q := range p.walk(&p.series[i]) {
			if q.ok {
				top = max(top, q.value)
				n++
			}
		}
		most = max(most, n)
	}
	return top, most
}

// events are those inside the picture, the latest if they are too many.
func (p *plot) events(all []Event) (inside []Event) {
	for _, e := range all {
		if x := p.x(e.At); x >= 0 && x <= 1 {
			inside = append(inside, e)
		}
	}
	return latest(inside, MaxEvents)
}

// appendWords says the picture: from when to when, what the first series did,
// where the others are.
func (c *Chart) appendWords(dst []byte, p *plot) []byte {
	dst = appendName(dst, c.Name, MaxName)
	if p.span <= 0 {
		return append(dst, `: no data`...)
	}
	dst = append(dst, ` from `...)
	dst = appendTime(dst, c.From)
	dst = append(dst, ` to `...)
	dst = appendTime(dst, c.To)
	for i := range p.series {
		s := &p.series[i]
		var first, last, low, high float64
		n := 0
		for q := range p.walk(s) {
			if !q.ok {
				continue
			}
			if n == 0 {
				first, low, high = q.value, q.value, q.value
			}
			last, low, high = q.value, min(low, q.value), max(high, q.value)
			n++
		}
		dst = append(dst, `; `...)
		dst = appendName(dst, s.Name, MaxName)
		switch {
		case n == 0:
			dst = append(dst, `: no data`...)
		case i == 0:
			dst = appendMiB(append(dst, `: first `...), first)
			dst = appendMiB(append(dst, `, last `...), last)
			dst = appendMiB(append(dst, `, lowest `...), low)
			dst = appendMiB(append(dst, `, highest `...), high)
		default:
			dst = appendMiB(append(dst, `: last `...), last)
		}
	}
	return dst
}
