package flame

import (
	"fmt"

	"github.com/memguard-dev/go-memguard/internal/inuse"
)

// node is a function called by its parent.
type node struct {
	*function
	hash     uint64 // of the path
	parent   *node
	children []*node // most bytes first
	// own is what the function allocated, total what its callees did as well.
	own, total change
	size       int // nodes: itself and those below
	places     []place
}

// function is what all nodes of one name share.
type function struct {
	name string
	hash uint64
}

// place is a line of a function that allocated.
type place struct {
	file  string
	line  int64
	bytes change
}

// change is memory in use in the base profile and in the one that is shown.
// Without a base profile, from is 0.
type change struct {
	from, to               int64 // bytes
	fromObjects, toObjects int64
	// grown is to less from, added up on its own because sums are capped.
	grown int64
}

func (c *change) add(o change) {
	c.from, c.to = inuse.AddCapped(c.from, o.from), inuse.AddCapped(c.to, o.to)
	c.fromObjects, c.toObjects = inuse.AddCapped(c.fromObjects, o.fromObjects), inuse.AddCapped(c.toObjects, o.toObjects)
	c.grown = inuse.AddCapped(c.grown, o.grown)
}

func (n *node) addFrom(s inuse.Stack) {
	n.add(s.Site(), change{from: s.Bytes, fromObjects: s.Objects})
}

func (n *node) addTo(s inuse.Stack) {
	n.add(s.Site(), change{to: s.Bytes, toObjects: s.Objects})
}

func (n *node) add(at inuse.Frame, c change) {
	n.own.add(c)
	for i := range n.places {
		if p := &n.places[i]; p.line == at.Line && p.file == at.File {
			p.bytes.add(c)
			return
		}
	}
	if len(n.places) < maxPlaces {
		n.places = append(n.places, place{at.File, at.Line, c})
	}
}

// ID names the path over requests and profiles; that of the root is empty.
func (n *node) ID() string {
	if n.parent == nil {
		return ""
	}
	return fmt.Sprintf("%016x", n.hash)
}

// find gives the node of a hash, n or below it; nil if there is none.
func (n *node) find(hash uint64) *node {
	if n.hash == hash {
		return n
	}
	for _, child := range n.children {
		if found := child.find(hash); found != nil {
			return found
		}
	}
	return nil
}

// callers are the nodes above, the root first.
func (n *node) callers() []*node {
	if n.parent == nil {
		return nil
	}
	return append(n.parent.callers(), n.parent)
}

// place is the line that holds most, or grew most.
func (n *node) place() place {
	var most place
	for _, p := range n.places {
		if p.bytes.grown > most.bytes.grown {
			most = p
		}
	}
	return most
}

// settle finds out what grew once all is added, and leaves out all else. It
// gives the bytes that shrank.
func (n *node) settle() (shrunk int64) {
	n.own.grown = n.own.to - n.own.from
	if n.own.grown <= 0 {
		shrunk = -n.own.grown
		n.own, n.places = change{}, nil
	}
	for i := range n.places {
		bytes := &n.places[i].bytes
		bytes.grown = bytes.to - bytes.from
	}
	return shrunk
}
