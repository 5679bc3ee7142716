// Package sites reads heap profiles and tells which lines of code hold the
// memory, and which of them grew from one profile to the next. It is for
// tools: a service that only writes dumps does not need it, and it links a
// parser with its regular expressions.
package sites

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"github.com/google/pprof/profile"
)

// Site is a line of code and the memory in use that was allocated there.
type Site struct {
	// Function is its name with the import path and without type arguments,
	// F[...], or an address where the profile has no symbol for it.
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
// Errors are those of r, of a malformed profile, ErrNotHeapProfile,
// ErrNoSymbols for one without a single name, and ErrTooLarge for more than
// 32 MiB uncompressed.
func Top(r io.Reader, n int) ([]Site, error) {
	h, err := readHeap(r)
	if err != nil {
		return nil, fmt.Errorf("sites: read profile: %w", err)
	}
	sites := make([]Site, 0, len(h.sites))
	for _, s := range h.sites {
		s.Share = float64(s.Bytes) / float64(h.total)
		sites = append(sites, *s)
	}
	slices.SortFunc(sites, func(a, b Site) int {
		return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), cmp.Compare(a.Function, b.Function),
			cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line))
	})
	return first(sites, n), nil
}

// first cuts a list, unless n is 0 or less.
func first[T any](list []T, n int) []T {
	if n > 0 && n < len(list) {
		list = slices.Clip(list[:n])
	}
	return list
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
				site.Function, site.File = withoutTypeArgs(f.Name), f.Filename
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

// withoutTypeArgs names a generic function as runtime.Frame does. Other
// writers of profiles name its arguments, or how they are laid out.
func withoutTypeArgs(function string) string {
	begin, end := strings.IndexByte(function, '['), strings.LastIndexByte(function, ']')
	if begin < 0 || end < begin {
		return function
	}
	return function[:begin] + "[...]" + function[end+1:]
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
