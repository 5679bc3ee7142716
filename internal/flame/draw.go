package flame

import (
	"cmp"
	"slices"
	"strings"

	"github.com/memguard-dev/go-memguard/internal/inuse"
)

// MaxFrames are drawn, the widest of them; callers of a zoomed frame come on
// top.
const MaxFrames = 1500

// Widths are in thousandths of a percent of the picture, whole numbers so that
// frames never lie over each other.
const (
	whole = 100_000
	// minWidth is that of the narrowest frame drawn: 2 pixels of a wide screen.
	minWidth = whole * 15 / 10_000
)

// Options choose what is drawn of a tree.
type Options struct {
	// Name says what it is a picture of.
	Name string
	// Zoom is the ID of the frame drawn over the whole width, as [Options.Link]
	// gets it; empty for all.
	Zoom string
	// Search marks the frames with this text in their names, in upper or lower
	// case.
	Search string
	// Link gives the address of the picture zoomed into a frame, of all if zoom
	// is empty. Without it frames link to nowhere.
	Link func(zoom string) string
}

// Picture is a tree drawn, and what there is to say of it.
type Picture struct {
	// SVG is the picture, safe to put into HTML.
	SVG string
	// Zoom is the ID of the frame over the whole width and Function its name;
	// both are empty for all. Unknown tells that the tree has no frame of the ID
	// asked for, and so all is drawn.
	Zoom     string
	Function string
	Unknown  bool
	// Bytes is what the whole width stands for.
	Bytes int64
	// Frames are drawn. LeftOut are not, because they are too narrow or too
	// many, and LeftOutBytes is what they have together.
	Frames       int
	LeftOut      int
	LeftOutBytes int64
	// Found is how many frames match the search, drawn or not, and FoundBytes
	// is what was allocated in them and below, without counting a byte twice.
	// Callers of a zoomed frame do not count.
	Found      int
	FoundBytes int64
}

// frame is a node with its place in the picture.
type frame struct {
	*node
	depth       int
	left, right int
	caller      bool // of the zoomed frame
}

func (f *frame) width() int { return f.right - f.left }

// Draw draws the tree, callers at the top.
func (t *Tree) Draw(o Options) Picture {
	top := t.find(o.Zoom)
	unknown := top == nil
	if unknown {
		top = t.root
	}
	frames, out := layout(top)
	p := Picture{
		Zoom: top.ID(), Unknown: unknown, Bytes: top.total.grown,
		Frames: len(frames), LeftOut: out.frames, LeftOutBytes: out.bytes,
	}
	if top != t.root {
		p.Function = top.name
	}
	s := search{text: strings.ToLower(o.Search), found: map[*function]bool{}}
	if o.Search != "" {
		p.Found, p.FoundBytes = s.count(top, false)
	}
	p.SVG = t.svg(&p, frames, &s, o)
	return p
}

// leftOut sums what is not drawn.
type leftOut struct {
	frames int
	bytes  int64
}

// layout places the callers of a frame, it and those below, parents first.
func layout(top *node) ([]frame, leftOut) {
	var callers []frame
	for i, n := range top.callers() {
		callers = append(callers, frame{node: n, depth: i, right: whole, caller: true})
	}
	frames := spread(nil, frame{node: top, depth: len(callers), right: whole})
	frames = widest(frames)
	drawn := make(map[*node]bool, len(frames))
	for i := range frames {
		drawn[frames[i].node] = true
	}
	var out leftOut
	for i := range frames {
		for _, child := range frames[i].children {
			if !drawn[child] {
				out.frames += child.size
				out.bytes = inuse.AddCapped(out.bytes, child.total.grown)
			}
		}
	}
	return append(callers, frames...), out
}

// spread appends a frame and those below that are wide enough.
func spread(frames []frame, f frame) []frame {
	frames = append(frames, f)
	// The sum is that of the node unless it is capped.
	sum := float64(f.own.grown)
	for _, child := range f.children {
		sum += float64(child.total.grown)
	}
	before, left := 0.0, f.left
	for _, child := range f.children {
		before += float64(child.total.grown)
		right := min(f.left+int(before/sum*float64(f.width())), f.right)
		if right-left >= minWidth {
			frames = spread(frames, frame{node: child, depth: f.depth + 1, left: left, right: right})
		}
		left = right
	}
	return frames
}

// widest keeps at most MaxFrames in their order. A parent is as wide as its
// children together, so it is never left out before them.
func widest(frames []frame) []frame {
	if len(frames) <= MaxFrames {
		return frames
	}
	order := make([]int, len(frames))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int {
		return cmp.Or(cmp.Compare(frames[b].width(), frames[a].width()), cmp.Compare(a, b))
	})
	order = order[:MaxFrames]
	slices.Sort(order)
	kept := make([]frame, 0, MaxFrames)
	for _, i := range order {
		kept = append(kept, frames[i])
	}
	return kept
}

// search looks for text in names.
type search struct {
	text  string // lower case
	found map[*function]bool
}

func (s *search) matches(f *function) bool {
	if s.text == "" {
		return false
	}
	found, known := s.found[f]
	if !known {
		found = strings.Contains(strings.ToLower(f.name), s.text)
		s.found[f] = found
	}
	return found
}

// count gives the frames that match, n and below, and their bytes unless a
// caller has counted them.
func (s *search) count(n *node, counted bool) (frames int, bytes int64) {
	if s.matches(n.function) && n.parent != nil {
		frames = 1
		if !counted {
			counted, bytes = true, n.total.grown
		}
	}
	for _, child := range n.children {
		more, below := s.count(child, counted)
		frames += more
		bytes = inuse.AddCapped(bytes, below)
	}
	return frames, bytes
}
