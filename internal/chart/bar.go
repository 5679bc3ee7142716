package chart

import (
	"slices"
	"strconv"
)

// Bar is what memory is used for, held against thresholds and the limit.
type Bar struct {
	// Name says what it is a picture of.
	Name     string
	Segments []Segment
	Levels   []Level
	// Max is the right end, such as the limit; what the segments leave of it
	// is drawn as free. Without one, or with more in use, the usage is.
	Max uint64
}

// Segment is a part of the usage.
type Segment struct {
	Name string
	// Class sets the color; without one the place in the list does.
	Class string
	Bytes uint64
	// Title is said in addition to the name and the size.
	Title string
}

// Level is a mark on the bar, such as a threshold. One beyond the right end is
// not drawn, but said.
type Level struct {
	Name  string
	Class string
	Bytes uint64
}

// The box of a bar, in pixels: labels of levels in rows, the bar, and the
// numbers of its segments.
const (
	rowHeight   = 16
	barHeight   = 36
	numberSpace = 18
	// lead is how far the line of a level stands out of the bar.
	lead = 4
)

// Class is that of a segment, for the legend. Number i of an ordered list is
// the i under the bar.
func (b *Bar) Class(i int) string {
	return string(appendSeriesClass(nil, b.Segments[i].Class, i))
}

// SVG is the picture.
func (b *Bar) SVG() string { return string(b.AppendSVG(nil)) }

// AppendSVG appends the picture to dst.
func (b *Bar) AppendSVG(dst []byte) []byte {
	segments := b.segments()
	used := 0.0
	for i := range segments {
		used += float64(segments[i].Bytes)
	}
	most := max(used, float64(b.Max))
	levels, rows := placeLevels(b.Levels[:min(len(b.Levels), MaxLevels)], most)
	top := rows*rowHeight + lead

	dst = append(dst, `<svg xmlns="http://www.w3.org/2000/svg" class="mg-bar" width="100%" height="`...)
	dst = strconv.AppendInt(dst, int64(top+barHeight+numberSpace), 10)
	dst = append(dst, `" role="img" aria-label="`...)
	dst = b.appendWords(dst, segments, used, most)
	dst = append(dst, `">`...)
	if most > used || most == 0 {
		dst = append(dst, `<rect class="`+ClassFree+`" `...)
		dst = appendBox(dst, min(used/max(most, 1), 1), 1, top)
		dst = append(dst, `><title>`...)
		dst = appendPart(dst, "free", most-used, most)
		dst = append(dst, `</title></rect>`...)
	}
	from := 0.0
	for i := range segments {
		s := &segments[i]
		if s.Bytes == 0 {
			continue
		}
		to := from + float64(s.Bytes)
		left, right := from/most, to/most
		from = to
		dst = append(dst, `<rect class="mg-seg `...)
		dst = appendSeriesClass(dst, s.Class, i)
		const thin = 0.01 // Narrower ones have no room for an edge.
		if right-left < thin {
			dst = append(dst, ` mg-thin`...)
		}
		dst = append(dst, `" `...)
		dst = appendBox(dst, left, right, top)
		dst = append(dst, `><title>`...)
		dst = appendPart(dst, s.Name, float64(s.Bytes), most)
		if s.Title != "" {
			dst = appendName(append(dst, '\n'), s.Title, maxTitle)
		}
		dst = append(dst, `</title></rect>`...)
		const room = 0.06
		if right-left < room {
			continue
		}
		dst = append(dst, `<text class="mg-label" text-anchor="middle" x="`...)
		dst = appendFixed(dst, 50*(left+right), 2)
		dst = append(dst, `%" y="`...)
		dst = strconv.AppendInt(dst, int64(top+barHeight+numberSpace-4), 10)
		dst = append(dst, `">`...)
		dst = strconv.AppendInt(dst, int64(i+1), 10)
		dst = append(dst, `</text>`...)
	}
	if most == 0 {
		dst = append(dst, `<text class="mg-none" text-anchor="middle" x="50%" y="`...)
		dst = strconv.AppendInt(dst, int64(top+barHeight/2+4), 10)
		dst = append(dst, `">no data</text>`...)
	}
	for i := range levels {
		dst = levels[i].append(dst, rows, most)
	}
	return append(dst, `</svg>`...)
}

// maxTitle is how many characters of a segment's title are shown.
const maxTitle = 200

// segments are at most [MaxSegments]; the last one sums what is more.
func (b *Bar) segments() []Segment {
	if len(b.Segments) <= MaxSegments {
		return b.Segments
	}
	segments := slices.Clone(b.Segments[:MaxSegments])
	rest := &segments[MaxSegments-1]
	for _, s := range b.Segments[MaxSegments:] {
		if sum := rest.Bytes + s.Bytes; sum >= rest.Bytes {
			rest.Bytes = sum
		}
	}
	rest.Name, rest.Title = strconv.Itoa(len(b.Segments)-MaxSegments+1)+" more", ""
	return segments
}

// appendBox writes where a part of the bar is.
func appendBox(dst []byte, left, right float64, top int) []byte {
	dst = append(dst, `x="`...)
	dst = appendFixed(dst, 100*left, 3)
	dst = append(dst, `%" width="`...)
	dst = appendFixed(dst, 100*(right-left), 3)
	dst = append(dst, `%" y="`...)
	dst = strconv.AppendInt(dst, int64(top), 10)
	dst = append(dst, `" height="`...)
	dst = strconv.AppendInt(dst, barHeight, 10)
	return append(dst, '"')
}

// appendPart says a part: how much, and how much of the whole bar.
func appendPart(dst []byte, name string, bytes, most float64) []byte {
	dst = appendName(dst, name, MaxName)
	dst = appendMiB(append(dst, ": "...), bytes)
	dst = appendShare(append(dst, ", "...), bytes, most)
	return appendSize(append(dst, " of "...), most)
}

// appendWords says the whole bar.
func (b *Bar) appendWords(dst []byte, segments []Segment, used, most float64) []byte {
	dst = appendName(dst, b.Name, MaxName)
	if most == 0 {
		return append(dst, ": no data"...)
	}
	dst = appendMiB(append(dst, ": "...), used)
	if most > used {
		dst = appendShare(append(dst, ", "...), used, most)
		dst = appendSize(append(dst, " of "...), most)
	}
	for i := range segments {
		if s := &segments[i]; s.Bytes > 0 {
			dst = appendName(append(dst, "; "...), s.Name, MaxName)
			dst = appendMiB(append(dst, ' '), float64(s.Bytes))
			dst = appendShare(append(dst, ", "...), float64(s.Bytes), most)
		}
	}
	if most > used {
		dst = appendMiB(append(dst, "; free "...), most-used)
		dst = appendShare(append(dst, ", "...), most-used, most)
	}
	for _, l := range b.Levels[:min(len(b.Levels), MaxLevels)] {
		dst = appendName(append(dst, "; "...), l.Name, MaxName)
		dst = appendMiB(append(dst, " at "...), float64(l.Bytes))
	}
	return dst
}
