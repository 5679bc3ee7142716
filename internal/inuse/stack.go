package inuse

import (
	"fmt"
	"iter"
	"math"

	"github.com/google/pprof/profile"
)

// Stack is memory in use that one path of calls allocated.
type Stack struct {
	// Bytes is more than 0; Objects is 0 where the profile has none.
	Bytes, Objects int64

	locations []*profile.Location // innermost first
	// The frame that allocated is this line of this location.
	location, line int
}

// Frame is a call in a stack.
type Frame struct {
	// Function is its name with the import path and without type arguments,
	// F[...], or an address where the profile has no symbol for it.
	Function string
	File     string
	Line     int64
}

// unknown is the frame of a stack without any.
var unknown = Frame{Function: "[unknown]"}

// Stacks are those with memory in use, in the profile's order. The same path
// may be there more than once. Memory given back, which a difference of
// profiles has, is left out.
func (p *Profile) Stacks() iter.Seq[Stack] {
	return func(yield func(Stack) bool) {
		for _, sample := range p.samples {
			if sample.Value[p.space] <= 0 {
				continue
			}
			s := Stack{Bytes: sample.Value[p.space], locations: sample.Location}
			if p.objects >= 0 {
				s.Objects = max(sample.Value[p.objects], 0)
			}
			for i, loc := range s.locations {
				if line := p.outside[loc]; line >= 0 {
					s.location, s.line = i, line
					break
				}
			}
			if !yield(s) {
				return
			}
		}
	}
}

// Site is the innermost frame outside the Go runtime; that of a stack that is
// all runtime is its innermost frame.
func (s *Stack) Site() Frame {
	if len(s.locations) == 0 {
		return unknown
	}
	return frame(s.locations[s.location], s.line)
}

// Frames are the calls from the outermost one to the site, inlined ones too.
func (s *Stack) Frames() iter.Seq[Frame] {
	return func(yield func(Frame) bool) {
		if len(s.locations) == 0 {
			yield(unknown)
			return
		}
		for i := len(s.locations) - 1; i >= s.location; i-- {
			innermost := 0
			if i == s.location {
				innermost = s.line
			}
			for j := len(s.locations[i].Line) - 1; j >= innermost; j-- {
				if !yield(frame(s.locations[i], j)) {
					return
				}
			}
		}
	}
}

func frame(loc *profile.Location, line int) Frame {
	l := loc.Line[line]
	if l.Function == nil || l.Function.Name == "" {
		return Frame{Function: fmt.Sprintf("0x%x", loc.Address), Line: l.Line}
	}
	return Frame{Function: l.Function.Name, File: l.Function.Filename, Line: l.Line}
}

// AddCapped adds values of 0 and more, and stays at the largest one.
func AddCapped(a, b int64) int64 {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}
