package flame

import (
	"cmp"
	"hash/fnv"
	"io"
	"slices"

	"github.com/memguard-dev/go-memguard/internal/inuse"
)

// What a tree holds at most. A path beyond it is cut short by a frame that
// says so; its bytes count in full.
const (
	maxDepth = 128
	// maxNodes is five times what ten thousand stacks of a service need, and
	// takes 15 MiB while it is built.
	maxNodes = 1 << 16
	// maxPlaces is how many lines of one node are told apart.
	maxPlaces = 16
)

// folded stands for calls that are not told apart.
const folded = "[more calls]"

// builder makes a tree out of stacks.
type builder struct {
	nodes     []*node // each after its parent
	functions map[string]*function
	children  map[edge]*node
	frames    []inuse.Frame // of one stack
}

type edge struct {
	parent   *node
	function *function
}

func newBuilder() *builder {
	b := &builder{functions: map[string]*function{}, children: map[edge]*node{}}
	b.nodes = []*node{{function: b.function("all")}}
	return b
}

// read adds the stacks of a profile to where they end. The largest come first,
// so that none of them is cut short because there are too many nodes.
func (b *builder) read(r io.Reader, add func(*node, inuse.Stack)) error {
	p, err := inuse.Read(r)
	if err != nil {
		return err
	}
	for _, s := range slices.SortedStableFunc(p.Stacks(), func(a, b inuse.Stack) int { return cmp.Compare(b.Bytes, a.Bytes) }) {
		add(b.path(s), s)
	}
	return nil
}

// path finds the node of a stack.
func (b *builder) path(s inuse.Stack) *node {
	b.frames = b.frames[:0]
	for f := range s.Frames() {
		if b.frames = append(b.frames, f); len(b.frames) > maxDepth {
			// The one that allocated is worth more than those in between.
			b.frames = append(b.frames[:maxDepth-2], inuse.Frame{Function: folded}, s.Site())
			break
		}
	}
	n := b.nodes[0]
	for _, f := range b.frames {
		child := b.child(n, f.Function)
		if child == nil {
			return b.fold(n)
		}
		n = child
	}
	return n
}

// child finds or makes the node of a function called by n; nil if there are
// too many nodes.
func (b *builder) child(n *node, name string) *node {
	key := edge{n, b.function(name)}
	child := b.children[key]
	if child == nil && len(b.nodes) < maxNodes {
		child = b.link(key)
	}
	return child
}

// fold finds or makes the node for what is below n and not told apart.
func (b *builder) fold(n *node) *node {
	key := edge{n, b.function(folded)}
	if child := b.children[key]; child != nil {
		return child
	}
	return b.link(key)
}

func (b *builder) link(e edge) *node {
	const prime = 1099511628211 // FNV-1a over the functions' hashes
	child := &node{function: e.function, parent: e.parent, hash: (e.parent.hash ^ e.function.hash) * prime}
	b.nodes = append(b.nodes, child)
	b.children[e] = child
	return child
}

func (b *builder) function(name string) *function {
	f := b.functions[name]
	if f == nil {
		h := fnv.New64a()
		_, _ = io.WriteString(h, name) // never fails
		f = &function{name, h.Sum64()}
		b.functions[name] = f
	}
	return f
}

// tree adds up what is below each node and leaves out what did not grow.
func (b *builder) tree(diff bool) *Tree {
	t := &Tree{root: b.nodes[0], diff: diff}
	for _, n := range slices.Backward(b.nodes) {
		t.shrunk = inuse.AddCapped(t.shrunk, n.settle())
		n.total.add(n.own)
		n.size++
		slices.SortFunc(n.children, func(a, b *node) int {
			return cmp.Or(cmp.Compare(b.total.grown, a.total.grown), cmp.Compare(a.name, b.name))
		})
		if n.parent != nil && n.total.grown > 0 {
			n.parent.children = append(n.parent.children, n)
			n.parent.total.add(n.total)
			n.parent.size += n.size
		}
	}
	return t
}
