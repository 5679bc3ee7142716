// Package sites reads heap profiles and tells which lines of code hold the
// memory. It is for tools: a service that only writes dumps does not need it,
// and it links a parser with its regular expressions.
package sites

import (
	"bufio"
	"cmp"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

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
)

// Site is a line of code and the memory in use that was allocated there.
type Site struct {
	// Function is its name with the import path, or an address where the
	// profile has no symbols.
	Function string `json:"function"`
	File     string `json:"file,omitempty"`
	Line     int64  `json:"line,omitempty"`
	// Bytes and Objects are in use, scaled up from the sampled allocations.
	Bytes   int64 `json:"inuse_bytes"`
	Objects int64 `json:"inuse_objects"`
	// Share is Bytes as a part of all bytes in the profile, 0 to 1.
	Share float64 `json:"share"`
}

// Top reads a heap profile, compressed or not, and returns the n sites with
// most bytes in use, most first; all of them if n is 0 or less. A site is the
// innermost frame outside the Go runtime, as in go tool pprof -top -lines.
//
// Errors are those of r, of a malformed profile, ErrNotHeapProfile, and
// ErrTooLarge for more than 32 MiB uncompressed.
func Top(r io.Reader, n int) ([]Site, error) {
	p, err := parseProfile(r)
	if err != nil {
		return nil, fmt.Errorf("sites: read profile: %w", err)
	}
	space, objects := valueIndex(p, "inuse_space"), valueIndex(p, "inuse_objects")
	if space < 0 {
		return nil, fmt.Errorf("sites: %w: no inuse_space", ErrNotHeapProfile)
	}
	var total int64
	bySite := map[Site]*Site{}
	for _, s := range p.Sample {
		// Differences of profiles have negative values: memory given back.
		inUse := s.Value[space]
		if inUse <= 0 {
			continue
		}
		total = addCapped(total, inUse)
		key := siteOf(s)
		site := bySite[key]
		if site == nil {
			site = &Site{Function: key.Function, File: key.File, Line: key.Line}
			bySite[key] = site
		}
		site.Bytes = addCapped(site.Bytes, inUse)
		if objects >= 0 && s.Value[objects] > 0 {
			site.Objects = addCapped(site.Objects, s.Value[objects])
		}
	}
	sites := make([]Site, 0, len(bySite))
	for _, s := range bySite {
		s.Share = float64(s.Bytes) / float64(total)
		sites = append(sites, *s)
	}
	slices.SortFunc(sites, func(a, b Site) int {
		return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), cmp.Compare(a.Function, b.Function),
			cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line))
	})
	if n > 0 && n < len(sites) {
		sites = slices.Clip(sites[:n])
	}
	return sites, nil
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

// siteOf finds the innermost frame outside the runtime; a stack that is all
// runtime counts for its innermost frame.
func siteOf(s *profile.Sample) Site {
	innermost := Site{Function: "[unknown]"} // a sample without a stack
	for i, loc := range s.Location {
		frames := loc.Line // innermost inlined call first
		if len(frames) == 0 {
			frames = []profile.Line{{}}
		}
		for j, frame := range frames {
			site := Site{Line: frame.Line}
			if f := frame.Function; f != nil && f.Name != "" {
				site.Function, site.File = f.Name, f.Filename
			} else {
				site.Function = fmt.Sprintf("0x%x", loc.Address)
			}
			if !isRuntime(site.Function) {
				return site
			}
			if i == 0 && j == 0 {
				innermost = site
			}
		}
	}
	return innermost
}

func isRuntime(function string) bool {
	return strings.HasPrefix(function, "runtime.") || strings.HasPrefix(function, "internal/runtime/")
}

// addCapped adds values of 0 and more, and stays at the largest one.
func addCapped(a, b int64) int64 {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}
