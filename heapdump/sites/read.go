package sites

import (
	"io"

	"github.com/memguard-dev/go-memguard/internal/inuse"
)

var (
	// ErrTooLarge reports a profile beyond the size that is read.
	ErrTooLarge = inuse.ErrTooLarge
	// ErrNotHeapProfile reports a profile without inuse_space values.
	ErrNotHeapProfile = inuse.ErrNotHeapProfile
	// ErrNoSymbols reports a profile of addresses alone. heapdump.Recover names
	// them in the same build of the program, go tool pprof beside the binary.
	ErrNoSymbols = inuse.ErrNoSymbols
)

// heap is a heap profile's memory in use, added up by site.
type heap struct {
	sites map[inuse.Frame]*Site
	total int64 // bytes
}

func readHeap(r io.Reader) (*heap, error) {
	p, err := inuse.Read(r)
	if err != nil {
		return nil, err
	}
	h := &heap{sites: map[inuse.Frame]*Site{}}
	for s := range p.Stacks() {
		h.total = inuse.AddCapped(h.total, s.Bytes)
		key := s.Site()
		site := h.sites[key]
		if site == nil {
			site = &Site{Function: key.Function, File: key.File, Line: key.Line}
			h.sites[key] = site
		}
		site.Bytes = inuse.AddCapped(site.Bytes, s.Bytes)
		site.Objects = inuse.AddCapped(site.Objects, s.Objects)
	}
	return h, nil
}
