package flame

import (
	"fmt"
	"hash/fnv"
	"io"
	"path"
	"strconv"
)

// Heights in pixels. Between frames shows what is behind the picture.
const (
	rowHeight   = 18
	frameHeight = 17
	baseline    = 12
	// minText is the width with room for a letter, in thousandths of a percent.
	minText = whole / 100
)

// svg draws frames. Each has a box of its own, which cuts its text off; widths
// are in percent, so that the picture fits any page while text keeps its size.
func (t *Tree) svg(p *Picture, frames []frame, s *search, o Options) string {
	rows := 1
	for i := range frames {
		rows = max(rows, frames[i].depth+1)
	}
	role := "img"
	if o.Link != nil {
		role = "group" // Those who read it by ear get to the links.
	}
	dst := fmt.Appendf(nil, `<svg xmlns="http://www.w3.org/2000/svg" class="mg-flame" width="100%%" height="%d" role="%s" aria-label="`,
		rows*rowHeight, role)
	dst = append(t.appendWords(dst, p, o.Name), `">`...)
	for i := range frames {
		dst = t.appendFrame(dst, &frames[i], s, o)
	}
	return string(append(dst, `</svg>`...))
}

// appendWords says what the picture shows.
func (t *Tree) appendWords(dst []byte, p *Picture, name string) []byte {
	if name == "" {
		name = "Flame graph"
	}
	dst = append(appendName(dst, name, maxTitle), ": "...)
	dst = appendSize(dst, p.Bytes)
	if t.diff {
		dst = append(dst, " grown"...)
	} else {
		dst = append(dst, " in use"...)
	}
	if p.Function != "" {
		dst = appendName(append(dst, " in "...), p.Function, maxTitle)
	}
	if p.LeftOut > 0 {
		dst = fmt.Appendf(dst, "; %d frames of together ", p.LeftOut)
		dst = append(appendSize(dst, p.LeftOutBytes), " not drawn"...)
	}
	return dst
}

func (t *Tree) appendFrame(dst []byte, f *frame, s *search, o Options) []byte {
	element := "g"
	if o.Link != nil {
		element = "a"
	}
	dst = append(append(dst, '<'), element...)
	if o.Link != nil {
		dst = append(appendText(append(dst, ` href="`...), o.Link(f.ID())), '"')
	}
	dst = append(append(dst, ` class="`...), t.class(f, s)...)
	dst = t.appendTitle(append(dst, `"><title>`...), f)
	dst = appendPercent(append(dst, `</title><svg x="`...), f.left)
	dst = strconv.AppendInt(append(dst, `" y="`...), int64(f.depth*rowHeight), 10)
	dst = appendPercent(append(dst, `" width="`...), f.width())
	dst = strconv.AppendInt(append(dst, `" height="`...), frameHeight, 10)
	dst = append(dst, `"><rect width="100%" height="100%"/>`...)
	if f.width() >= minText {
		dst = strconv.AppendInt(append(dst, `<text x="3" y="`...), baseline, 10)
		dst = appendName(append(dst, `">`...), t.label(f.node), maxLabel)
		dst = append(dst, `</text>`...)
	}
	dst = append(append(dst, `</svg></`...), element...)
	return append(dst, '>')
}

// label is the text in a frame.
func (t *Tree) label(n *node) string {
	if n != t.root {
		return short(n.name)
	}
	if t.diff {
		return string(appendSize([]byte("all that grew: "), n.total.grown))
	}
	return string(appendSize([]byte("all in use: "), n.total.grown))
}

// class is the one that colors a frame. What grew is told apart by whether it
// is new, all else by its package.
func (t *Tree) class(f *frame, s *search) string {
	const frame = "mg-frame "
	switch {
	case f.node != t.root && s.matches(f.function):
		return frame + "mg-match"
	case f.caller:
		return frame + "mg-faded"
	case f.node == t.root:
		return frame + "mg-root"
	case t.diff && f.total.from == 0:
		return frame + "mg-new"
	case t.diff:
		return frame + "mg-grew"
	}
	h := fnv.New32a()
	_, _ = io.WriteString(h, packageOf(f.name)) // never fails
	return frame + "mg-p" + strconv.Itoa(int(h.Sum32()%colors))
}

// appendTitle says all there is to say of a frame.
func (t *Tree) appendTitle(dst []byte, f *frame) []byte {
	if f.node == t.root {
		dst = append(dst, t.label(f.node)...)
	} else {
		dst = append(appendName(dst, f.name, maxTitle), '\n')
		dst = appendSize(dst, f.total.grown)
		dst = appendShare(append(dst, ", "...), f.total.grown, t.Bytes())
		dst = append(dst, " of all"...)
	}
	if t.diff {
		dst = appendSize(append(dst, "\nfrom "...), f.total.from)
		dst = appendSize(append(dst, " to "...), f.total.to)
	}
	dst = appendObjects(dst, f.total, t.diff)
	if f.own.grown > 0 {
		dst = appendSize(append(dst, "\nitself "...), f.own.grown)
		if at := f.place(); at.file != "" {
			dst = appendName(append(dst, ", most at "...), path.Base(at.file), maxTitle)
			dst = strconv.AppendInt(append(dst, ':'), at.line, 10)
		}
	}
	return dst
}

// appendObjects writes how many objects there are, or how many more or fewer.
func appendObjects(dst []byte, c change, diff bool) []byte {
	n := c.toObjects - c.fromObjects
	if n == 0 {
		return dst
	}
	dst = append(dst, ", "...)
	if diff && n > 0 {
		dst = append(dst, '+')
	}
	dst = strconv.AppendInt(dst, n, 10)
	if n == 1 || n == -1 {
		return append(dst, " object"...)
	}
	return append(dst, " objects"...)
}
