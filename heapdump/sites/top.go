// Package sites reads heap profiles and tells which lines of code hold the
// memory, and which of them grew from one profile to the next. It is for
// tools: a service that only writes dumps does not need it, and it links a
// parser with its regular expressions.
package sites

import (
	"cmp"
	"fmt"
	"io"
	"slices"
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
