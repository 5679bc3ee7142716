package heapprofile

import (
	"runtime"
	"strings"
)

// symbols are the names that a profile has so far.
type symbols struct {
	texts     []string // behind those of every profile
	base      int      // how many those are
	index     map[string]uint32
	functions map[string]uint32
	lines     []byte // scratch
	pc        [1]uintptr
}

func newSymbols(base int) *symbols {
	return &symbols{base: base, index: map[string]uint32{"": 0}, functions: map[string]uint32{}}
}

func (s *symbols) text(text string) uint64 {
	i, ok := s.index[text]
	if !ok {
		i = uint32(s.base + len(s.texts))
		s.texts = append(s.texts, text)
		s.index[text] = i
	}
	return uint64(i)
}

// symbolize writes the location of a return address and the functions that
// are new.
func (e *Encoder) symbolize(pc uintptr) place {
	p := place{pc: pc}
	address, innermost := e.frames(pc)
	if innermost == "runtime.goexit" {
		return p // the end of every stack, not shown
	}
	if isRuntime(innermost) {
		p.kind = runtimePlace
	}
	p.id = e.nextID()
	e.location(p.id, address, e.symbols.lines)
	return p
}

// frames encodes the lines of a return address, and writes the functions that
// are new. The runtime has a program counter in a stack for each inlined call
// as well, so that one names one function; only C code gives several.
func (e *Encoder) frames(pc uintptr) (address uintptr, innermost string) {
	s := e.symbols
	s.pc[0] = pc
	s.lines = s.lines[:0]
	address = pc - 1
	frames := runtime.CallersFrames(s.pc[:])
	for n := 0; ; n++ {
		frame, more := frames.Next()
		if n == 0 {
			innermost = frame.Function
			if frame.PC != 0 {
				address = frame.PC
			}
		}
		if frame.Function != "" && len(s.lines) < maxLines {
			line := appendUint(e.line[:0], lineFunction, e.function(&frame))
			s.lines = appendBytes(s.lines, locationLine, appendInt(line, lineLine, int64(frame.Line)))
		}
		if !more {
			return address, innermost
		}
	}
}

// maxLines bounds the encoded lines of a location, for C code that a
// symbolizer of the program's own says is inlined without end.
const maxLines = 1 << 10

// function writes a function that is new and returns its id.
func (e *Encoder) function(frame *runtime.Frame) uint64 {
	s := e.symbols
	id, ok := s.functions[frame.Function]
	if !ok {
		id = uint32(len(s.functions) + 1)
		s.functions[frame.Function] = id
		name := s.text(frame.Function)
		b := appendUint(e.body[:0], functionID, uint64(id))
		b = appendUint(b, functionName, name)
		b = appendUint(b, functionSystemName, name)
		b = appendUint(b, functionFile, s.text(frame.File))
		e.out.message(profileFunction, b)
	}
	return uint64(id)
}

func isRuntime(function string) bool {
	return strings.HasPrefix(function, "runtime.") || strings.HasPrefix(function, "internal/runtime/")
}
