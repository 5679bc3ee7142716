// Package inuse reads the memory in use out of a heap profile: how much was
// allocated by which path of calls and not freed. It is pure, and bounded for
// any input.
package inuse

import (
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/google/pprof/profile"
)

// What is read at most.
const (
	// MaxSize bounds an uncompressed profile. A stack takes about 100 bytes.
	MaxSize = 32 << 20
	// MaxFramesExpr bounds the regular expression of frames to drop.
	MaxFramesExpr = 4 << 10
)

var (
	// ErrTooLarge reports a profile beyond MaxSize.
	ErrTooLarge = errors.New("too large")
	// ErrNotHeapProfile reports a profile without inuse_space values.
	ErrNotHeapProfile = errors.New("not a heap profile")
	// ErrNoSymbols reports a profile of addresses alone. heapdump.Recover names
	// them in the same build of the program, go tool pprof beside the binary.
	ErrNoSymbols = errors.New("addresses without symbols: run heapdump.Recover first")
)

// Profile is a heap profile.
type Profile struct {
	samples        []*profile.Sample
	space, objects int // places in the values; objects is less than 0 if absent
	// outside is the place of each location's innermost line outside the
	// runtime, less than 0 if it has none.
	outside map[*profile.Location]int
}

// Read reads a heap profile, compressed or not.
//
// Errors are those of r, of a malformed profile, ErrTooLarge,
// ErrNotHeapProfile, and ErrNoSymbols for one without a single name.
func Read(r io.Reader) (*Profile, error) {
	p, err := parse(r)
	if err != nil {
		return nil, err
	}
	h := &Profile{samples: p.Sample, space: valueIndex(p, "inuse_space"), objects: valueIndex(p, "inuse_objects")}
	if h.space < 0 {
		return nil, fmt.Errorf("%w: no inuse_space", ErrNotHeapProfile)
	}
	if len(p.Location) > 0 && !slices.ContainsFunc(p.Function, func(f *profile.Function) bool { return f.Name != "" }) {
		return nil, ErrNoSymbols
	}
	for _, f := range p.Function {
		f.Name = withoutTypeArgs(f.Name)
	}
	h.outside = make(map[*profile.Location]int, len(p.Location))
	for _, loc := range p.Location {
		if len(loc.Line) == 0 {
			loc.Line = []profile.Line{{}}
		}
		h.outside[loc] = slices.IndexFunc(loc.Line, func(l profile.Line) bool {
			return l.Function == nil || !isRuntime(l.Function.Name)
		})
	}
	return h, nil
}

func parse(r io.Reader) (*profile.Profile, error) {
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
	data, err := io.ReadAll(io.LimitReader(r, MaxSize+1))
	if err != nil {
		return nil, err
	}
	if len(data) > MaxSize {
		return nil, fmt.Errorf("%w: limit %d bytes uncompressed", ErrTooLarge, MaxSize)
	}
	p, err := profile.ParseUncompressed(data)
	if err == nil {
		err = p.CheckValid()
	}
	if err == nil && max(len(p.DropFrames), len(p.KeepFrames)) > MaxFramesExpr {
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
