package chart

import (
	"math"
	"strconv"
	"time"
)

// axis is that of the bytes: lines at each multiple of step up to top.
type axis struct{ top, step float64 }

// bytesAxis gives an axis for values up to highest with 4 to 6 lines, 0 among
// them, a power of two apart. exact makes highest its top.
func bytesAxis(highest float64, exact bool) axis {
	const least, most = 4, 1 << 64
	switch {
	case !(highest > 0):
		return axis{1 << 20, 1 << 18}
	case highest < least:
		highest, exact = least, false
	case highest > most:
		highest = most
	}
	_, exponent := math.Frexp(highest)
	step := math.Ldexp(1, exponent-4)
	// The exact top may lie between lines.
	for step < 1 || !exact && highest > 5*step || exact && highest >= 6*step {
		step *= 2
	}
	if exact {
		return axis{highest, step}
	}
	return axis{step * math.Ceil(highest/step), step}
}

// appendBytesAxis draws the lines and their labels, which lie in the padding
// to the left of the picture.
func appendBytesAxis(dst []byte, a axis) []byte {
	for v := 0.0; v <= a.top; v += a.step {
		y := plotTop + plotHeight*(1-v/a.top)
		dst = append(dst, `<line class="`...)
		if v == 0 {
			dst = append(dst, `mg-base`...)
		} else {
			dst = append(dst, `mg-grid`...)
		}
		dst = append(dst, `" x1="0" x2="100%" y1="`...)
		dst = appendFixed(dst, y, 1)
		dst = append(dst, `" y2="`...)
		dst = appendFixed(dst, y, 1)
		dst = append(dst, `"/><text class="mg-label" text-anchor="end" x="-6" y="`...)
		dst = appendFixed(dst, y+4, 1)
		dst = append(dst, `">`...)
		dst = appendSize(dst, v)
		dst = append(dst, `</text>`...)
	}
	return dst
}

const day = 24 * time.Hour

// timeSteps are those between labels; beyond the last come its multiples.
var timeSteps = [...]time.Duration{
	time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second, 15 * time.Second, 30 * time.Second,
	time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 15 * time.Minute, 30 * time.Minute,
	time.Hour, 2 * time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour,
	day, 2 * day, 5 * day,
}

// timeStep gives the smallest step of which a span holds at most 4, so that
// the labels have room on a phone.
func timeStep(span time.Duration) time.Duration {
	const most = 4
	for _, step := range timeSteps {
		if span/step < most || span == most*step {
			return step
		}
	}
	step := timeSteps[len(timeSteps)-1]
	for factor := time.Duration(2); span/step > most; factor = 7 - factor { // 10, 50, 100, 500 …
		step *= factor
	}
	return step
}

// appendTimeAxis draws the labels, how long before the end.
func appendTimeAxis(dst []byte, span time.Duration, end string) []byte {
	step := timeStep(span)
	for i := range span/step + 1 {
		back := i * step
		x := 100 * (1 - float64(back)/float64(span))
		if back > 0 {
			dst = append(dst, `<line class="mg-grid" y1="`...)
			dst = strconv.AppendInt(dst, plotTop, 10)
			dst = append(dst, `" y2="`...)
			dst = strconv.AppendInt(dst, plotTop+plotHeight, 10)
			dst = append(dst, `" x1="`...)
			dst = appendFixed(dst, x, 2)
			dst = append(dst, `%" x2="`...)
			dst = appendFixed(dst, x, 2)
			dst = append(dst, `%"/>`...)
		}
		dst = append(dst, `<text class="mg-label" text-anchor="`...)
		if back == 0 {
			dst = append(dst, `end`...)
		} else {
			dst = append(dst, `middle`...)
		}
		dst = append(dst, `" y="`...)
		dst = strconv.AppendInt(dst, plotTop+plotHeight+18, 10)
		dst = append(dst, `" x="`...)
		dst = appendFixed(dst, x, 2)
		dst = append(dst, `%">`...)
		if back == 0 && end != "" {
			dst = appendName(dst, end, maxLabel)
		} else {
			dst = appendBack(dst, back, step)
		}
		dst = append(dst, `</text>`...)
	}
	return dst
}

// appendBack writes a time before now in the unit that fits the step.
func appendBack(dst []byte, back, step time.Duration) []byte {
	if back == 0 {
		return append(dst, "now"...)
	}
	per, name := time.Second, " s"
	switch {
	case step >= day:
		per, name = day, " d"
	case step >= time.Hour:
		per, name = time.Hour, " h"
	case step >= time.Minute:
		per, name = time.Minute, " min"
	}
	dst = append(dst, "−"...)
	dst = strconv.AppendInt(dst, int64(back/per), 10)
	return append(dst, name...)
}
