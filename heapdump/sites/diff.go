package sites

import (
	"cmp"
	"fmt"
	"io"
	"slices"

	"github.com/memguard-dev/go-memguard/internal/inuse"
)

// Difference is what changed from a base profile to a peak profile.
type Difference struct {
	// Sites are those that grew, the most grown first.
	Sites []Growth `json:"sites"`
	// Grown and Shrunk are the bytes of all sites that grew and of all that
	// shrank, cut off the list or not. Both are 0 or more: what all sites grew by
	// together is Grown less Shrunk.
	Grown  int64 `json:"grown_bytes"`
	Shrunk int64 `json:"shrunk_bytes"`
}

// Growth is a line of code with more bytes in use in the peak profile than in
// the base profile.
type Growth struct {
	Function string `json:"function"` // as in Site
	File     string `json:"file,omitempty"`
	Line     int64  `json:"line,omitempty"`
	// Bytes is To less From, more than 0.
	Bytes int64 `json:"grown_bytes"`
	// Objects are how many more there are: less than 0 where fewer and larger
	// ones are in use.
	Objects int64 `json:"grown_objects"`
	// From and To are the bytes in use in the base and in the peak profile.
	From int64 `json:"base_bytes"`
	To   int64 `json:"peak_bytes"`
	// Share is Bytes as a part of all bytes grown, 0 to 1.
	Share float64 `json:"share"`
}

// Diff reads two heap profiles, compressed or not, and returns the n sites
// that grew most from base to peak; all that grew if n is 0 or less.
//
// Sites are those of [Top], and the same in both profiles if function, file
// and line are, so base may be of another run. From another build a line that
// has moved counts as one site that shrank and another that grew.
//
// Each profile has the bounds and errors of Top, with the name of the one
// that it is about.
func Diff(base, peak io.Reader, n int) (Difference, error) {
	from, err := readHeap(base)
	if err != nil {
		return Difference{}, fmt.Errorf("sites: read base profile: %w", err)
	}
	to, err := readHeap(peak)
	if err != nil {
		return Difference{}, fmt.Errorf("sites: read peak profile: %w", err)
	}
	d := Difference{Sites: []Growth{}}
	for key, now := range to.sites {
		was := from.sites[key]
		if was == nil {
			was = &Site{}
		}
		delete(from.sites, key)
		switch bytes := now.Bytes - was.Bytes; {
		case bytes > 0:
			d.Grown = inuse.AddCapped(d.Grown, bytes)
			d.Sites = append(d.Sites, Growth{
				Function: now.Function, File: now.File, Line: now.Line,
				Bytes: bytes, Objects: now.Objects - was.Objects, From: was.Bytes, To: now.Bytes,
			})
		case bytes < 0:
			d.Shrunk = inuse.AddCapped(d.Shrunk, -bytes)
		}
	}
	for _, gone := range from.sites {
		d.Shrunk = inuse.AddCapped(d.Shrunk, gone.Bytes)
	}
	for i := range d.Sites {
		d.Sites[i].Share = float64(d.Sites[i].Bytes) / float64(d.Grown)
	}
	slices.SortFunc(d.Sites, func(a, b Growth) int {
		return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), cmp.Compare(a.Function, b.Function),
			cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line))
	})
	d.Sites = first(d.Sites, n)
	return d, nil
}
