// Package flame draws the memory in use of a heap profile, or what grew
// between two, as a flame graph: a picture of who called whom, as wide as the
// bytes allocated below. It is pure.
//
// A picture is SVG to put into HTML. It holds no script, no style attribute
// and nothing from elsewhere, so that a strict Content-Security-Policy lets it
// pass; [CSS] gives its classes their colors. Each frame may link to a picture
// of that frame alone.
package flame

import (
	"fmt"
	"io"
	"strconv"

	"github.com/memguard-dev/go-memguard/internal/inuse"
)

// Errors of profiles that cannot be drawn.
var (
	// ErrTooLarge reports a profile of more than 32 MiB uncompressed.
	ErrTooLarge = inuse.ErrTooLarge
	// ErrNotHeapProfile reports a profile without inuse_space values.
	ErrNotHeapProfile = inuse.ErrNotHeapProfile
	// ErrNoSymbols reports a profile of addresses alone.
	ErrNoSymbols = inuse.ErrNoSymbols
)

// Tree is memory by the path of calls that allocated it, callers first.
type Tree struct {
	root *node
	diff bool
	// shrunk is the bytes of all paths with less in use than before.
	shrunk int64
}

// Read reads a heap profile, compressed or not, for its memory in use. The
// innermost call of a path is the one outside the Go runtime.
//
// Errors are those of r, of a malformed profile, [ErrTooLarge],
// [ErrNotHeapProfile], and [ErrNoSymbols] for a profile without a single name.
func Read(profile io.Reader) (*Tree, error) {
	b := newBuilder()
	if err := b.read(profile, (*node).addTo); err != nil {
		return nil, fmt.Errorf("flame: read profile: %w", err)
	}
	return b.tree(false), nil
}

// Diff reads two heap profiles for what grew from base to peak, path by path.
// A path is the same in both if its functions are. One that grew counts with
// the bytes it grew by; one that shrank is not in the tree, so that growth is
// not hidden by memory that another path gave back.
//
// Each profile has the bounds and errors of [Read], with the name of the one
// that it is about.
func Diff(base, peak io.Reader) (*Tree, error) {
	b := newBuilder()
	// What is cut short in the peak profile is then cut at the same call in the
	// base profile, and so does not look grown.
	if err := b.read(peak, (*node).addTo); err != nil {
		return nil, fmt.Errorf("flame: read peak profile: %w", err)
	}
	if err := b.read(base, (*node).addFrom); err != nil {
		return nil, fmt.Errorf("flame: read base profile: %w", err)
	}
	return b.tree(true), nil
}

// Bytes is what the tree shows: memory in use, or in a difference what all
// paths that grew did so by.
func (t *Tree) Bytes() int64 { return t.root.total.grown }

// Shrunk is what all paths of a difference that shrank did so by, 0 or more.
func (t *Tree) Shrunk() int64 { return t.shrunk }

// find gives the node with an ID, nil if there is none.
func (t *Tree) find(id string) *node {
	if id == "" {
		return t.root
	}
	hash, err := strconv.ParseUint(id, 16, 64)
	if err != nil {
		return nil
	}
	for _, child := range t.root.children {
		if found := child.find(hash); found != nil {
			return found
		}
	}
	return nil
}
