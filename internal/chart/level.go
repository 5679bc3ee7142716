package chart

import (
	"cmp"
	"math"
	"slices"
	"strconv"
)

// level is a mark with the place of its label: from and to its ends, row how
// far above the bar.
type level struct {
	*Level
	x, from, to float64
	anchor      string
	row         int
}

// placeLevels finds each level on the bar a place for its label, so that
// neither labels nor lines cross another label. A label lies to the left of its
// line, but those of the first few to the right: as few as will do.
func placeLevels(all []Level, most float64) (levels []level, rows int) {
	for i := range all {
		if x := float64(all[i].Bytes) / most; x <= 1 {
			levels = append(levels, level{Level: &all[i], x: x})
		}
	}
	slices.SortStableFunc(levels, func(a, b level) int { return cmp.Compare(a.x, b.x) })
	best, fewest := 0, math.MaxInt
	for right := range len(levels) + 1 {
		if _, faults := stack(levels, right); faults < fewest {
			best, fewest = right, faults
		}
	}
	rows, _ = stack(levels, best)
	return levels, rows
}

// stack puts the labels of the first few levels to the right and the others to
// the left of their lines, each above those that stand in its way. It counts
// what it could not avoid.
func stack(levels []level, right int) (rows, faults int) {
	var done [MaxLevels]*level
	for n := range levels {
		// From the middle outwards, so that lines end below later labels.
		i := n
		if n < right {
			i = right - 1 - n
		}
		l := &levels[i]
		size := len(appendSize(nil, float64(l.Bytes)))
		width := labelWidth(letters(l.Name)+1+size, narrowBar)
		l.anchor, l.from, l.to, l.row = "end", l.x-width, l.x, 0
		if i < right {
			l.anchor, l.from, l.to = "start", l.x, l.x+width
		}
		if l.from < 0 || l.to > 1 {
			faults += 2 // Cut off is worse than crossed.
		}
		for _, o := range done[:n] {
			if o.to > l.from && o.from < l.to {
				l.row = max(l.row, o.row+1)
			}
			if o.from < l.x && l.x < o.to {
				faults++
			}
		}
		done[n] = l
		rows = max(rows, l.row+1)
	}
	return rows, faults
}

// append draws the line and the label.
func (l *level) append(dst []byte, rows int, most float64) []byte {
	top := (rows - 1 - l.row) * rowHeight
	dst = append(dst, `<g class="mg-level `...)
	dst = appendClass(dst, l.Class, ClassThreshold)
	dst = append(dst, `"><title>`...)
	dst = appendPart(dst, l.Name, float64(l.Bytes), most)
	dst = append(dst, `</title>`...)
	for _, class := range [...]string{"mg-halo", "mg-line"} {
		dst = append(dst, `<line class="`...)
		dst = append(dst, class...)
		dst = append(dst, `" y1="`...)
		dst = strconv.AppendInt(dst, int64(top+2), 10)
		dst = append(dst, `" y2="`...)
		dst = strconv.AppendInt(dst, int64(rows*rowHeight+barHeight+2*lead), 10)
		dst = append(dst, `" x1="`...)
		dst = appendFixed(dst, 100*l.x, 3)
		dst = append(dst, `%" x2="`...)
		dst = appendFixed(dst, 100*l.x, 3)
		dst = append(dst, `%"/>`...)
	}
	dst = append(dst, `<text class="mg-label" dx="`...)
	if l.anchor == "end" {
		dst = append(dst, '-')
	}
	dst = append(dst, `4" text-anchor="`...)
	dst = append(dst, l.anchor...)
	dst = append(dst, `" y="`...)
	dst = strconv.AppendInt(dst, int64(top+12), 10)
	dst = append(dst, `" x="`...)
	dst = appendFixed(dst, 100*l.x, 3)
	dst = append(dst, `%">`...)
	dst = appendName(dst, l.Name, maxLabel)
	dst = appendSize(append(dst, ' '), float64(l.Bytes))
	return append(dst, `</text></g>`...)
}
