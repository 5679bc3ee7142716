package sites

import (
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/google/pprof/profile"
)

const (
	// maxProfile bounds an uncompressed profile. A stack takes about 100 bytes.
	maxProfile = 32 << 20
	// maxFramesExpr bounds the regular expression of frames to drop.
	maxFramesExpr = 4 << 10
)

var (
	// ErrTooLarge reports a profile beyond the size that is read.
	ErrTooLarge = errors.New("too large")
	// ErrNotHeapProfile reports a profile without inuse_space values.
	ErrNotHeapProfile = errors.New("not a heap profile")
	// ErrNoSymbols reports a profile of addresses alone. heapdump.Recover names
	// them in the same build of the program, go tool pprof beside the binary.
	ErrNoSymbols = errors.New("addresses without symbols: run heapdump.Recover first")
)

// heap is a heap profile's memory in use, added up by site.
type heap struct {
	sites map[Site]*Site // by function, file and line
	total int64          // bytes
}

func readHeap(r io.Reader) (*heap, error) {
	p, err := parseProfile(r)
	if err != nil {
		return nil, err
	}
	space, objects := valueIndex(p, "inuse_space"), valueIndex(p, "inuse_objects")
	if space < 0 {
		return nil, fmt.Errorf("%w: no inuse_space", ErrNotHeapProfile)
	}
	if len(p.Location) > 0 && !slices.ContainsFunc(p.Function, func(f *profile.Function) bool { return f.Name != "" }) {
		return nil, ErrNoSymbols
	}
	h := &heap{sites: map[Site]*Site{}}
	for _, s := range p.Sample {
		// Differences of profiles have negative values: memory given back.
		inUse := s.Value[space]
		if inUse <= 0 {
			continue
		}
		h.total = addCapped(h.total, inUse)
		key := siteOf(s)
		site := h.sites[key]
		if site == nil {
			site = &Site{Function: key.Function, File: key.File, Line: key.Line}
			h.sites[key] = site
		}
		site.Bytes = addCapped(site.Bytes, inUse)
		if objects >= 0 && s.Value[objects] > 0 {
			site.Objects = addCapped(site.Objects, s.Value[objects])
		}
	}
	return h, nil
}

func parseProfile(r io.Reader) (*profile.Profile, error) {
	in := bufio.NewReader(r)
	r = in
	// Shorter input is malformed, which the parser finds out.
	if magic, _ := in.Peek(2); string(magic) == "\x1f\x8b" {
		unpacked, err := gzip.NewReader(in)
		if err != nil {
			return nil, err
		}
		r = unpacked
	}
	data, err := io.ReadAll(io.LimitReader(r, maxProfile+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxProfile {
		return nil, fmt.Errorf("%w: limit %d bytes uncompressed", ErrTooLarge, maxProfile)
	}
	p, err := profile.ParseUncompressed(data)
	if err == nil {
		err = p.CheckValid()
	}
	if err == nil && max(len(p.DropFrames), len(p.KeepFrames)) > maxFramesExpr {
		err = errors.New("expression of frames to drop is too long")
	}
	if err == nil {
		err = p.RemoveUninteresting()
	}
	return p, err
}

func valueIndex(p *profile.Profile, name string) int {
	return slices.IndexFunc(p.SampleType, func(t *profile.ValueType) bool { return t.Type == name })
}
