package chart

import (
	"strconv"
	"unicode/utf8"
)

// The narrowest picture whose labels must not overlap, in pixels, and a
// character of a label.
const (
	narrowBar   = 320
	narrowPlot  = 260
	letterWidth = 6.6
	labelGap    = 8
	// maxLabel is how many characters of a name are written into a picture;
	// its title has more.
	maxLabel = 24
)

// labelWidth is about how much of a picture's width a label takes.
func labelWidth(letters int, picture float64) float64 {
	return (float64(letters)*letterWidth + labelGap) / picture
}

// letters is how many characters of a name are shown in a label.
func letters(name string) int { return min(utf8.RuneCountInString(name), maxLabel+1) }

// anchor is how a label lies at x so that it stays in the picture; from and to
// are its ends.
func anchor(x, width float64) (name string, from, to float64) {
	switch {
	case x < width/2:
		return "start", x, x + width
	case x > 1-width/2:
		return "end", x - width, x
	}
	return "middle", x - width/2, x + width/2
}

// appendEventNames writes the names of events above the plot, as far as there
// is room; each strip has them all.
func (p *plot) appendEventNames(dst []byte, events []Event) []byte {
	free := 0.0
	for _, e := range events {
		x := p.x(e.At)
		at, from, to := anchor(x, labelWidth(letters(e.Name), narrowPlot))
		if e.Name == "" || from < free {
			continue
		}
		free = to
		dst = append(dst, `<text class="mg-label" y="`...)
		dst = strconv.AppendInt(dst, plotTop-8, 10)
		dst = append(dst, `" text-anchor="`...)
		dst = append(dst, at...)
		dst = append(dst, `" x="`...)
		dst = appendFixed(dst, 100*x, 2)
		dst = append(dst, `%">`...)
		dst = appendName(dst, e.Name, maxLabel)
		dst = append(dst, `</text>`...)
	}
	return dst
}
