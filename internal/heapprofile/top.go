package heapprofile

import (
	"cmp"
	"hash/maphash"
	"math"
	"runtime"
	"slices"
	"strconv"
)

const (
	maxTop      = 1024 // program counters
	maxBaseline = 4096
	weightUnit  = 64 // bytes: sums fit into the id of a place up to 256 GiB
)

// Site is a line of code and the memory in use that was allocated there,
// scaled up from the sampled allocations. It is the innermost frame outside
// the Go runtime, or the innermost one if all are the runtime's. Function is
// an address where there is no name.
type Site struct {
	Function, File string
	Line           int
	Bytes, Objects int64
}

// Growth is a site that has more bytes in use than at the time of a baseline.
type Growth struct {
	Site
	// Grown is in bytes, the least it can be for a site not in the baseline.
	Grown int64
}

// Baseline remembers the bytes in use at each of the 4096 largest places of
// an earlier moment of this process. It takes 16 bytes for each line.
type Baseline struct {
	lines []lineBytes // by line
	floor int64       // more than any place has that is not among them
}

type lineBytes struct {
	line  uint64
	bytes int64
}

// Top returns the n sites with most bytes in use, most first, of the heap that
// Addresses or Symbolized wrote last; none before, or after Prepare made new
// room. It looks at the 1024 largest program counters, and allocates up to
// 64 KiB for them, and some 80 bytes for each inlined call that it meets.
func (e *Encoder) Top(n int) []Site {
	lines, _ := e.lines(maxTop)
	slices.SortFunc(lines, func(a, b siteSum) int { return cmp.Compare(b.bytes, a.bytes) })
	var top []Site
	for i := 0; i < min(n, len(lines)); i++ {
		top = append(top, lines[i].site())
	}
	return top
}

// Grown is Top by what each site grew since a baseline, most first. Sites
// that did not grow are left out. Without a baseline, nil, there are none.
func (e *Encoder) Grown(n int, since *Baseline) []Growth {
	if since == nil {
		return nil
	}
	lines, _ := e.lines(maxTop)
	for i := range lines {
		lines[i].grown = lines[i].bytes - since.bytes(lines[i].line)
	}
	slices.SortFunc(lines, func(a, b siteSum) int { return cmp.Compare(b.grown, a.grown) })
	var top []Growth
	for i := 0; i < min(n, len(lines)) && lines[i].grown > 0; i++ {
		top = append(top, Growth{Site: lines[i].site(), Grown: lines[i].grown})
	}
	return top
}

// Baseline remembers the heap that Addresses or Symbolized wrote last; nil
// where Top has none. It allocates up to 240 KiB on the way.
func (e *Encoder) Baseline() *Baseline {
	if e.held() == nil {
		return nil
	}
	lines, floor := e.lines(maxBaseline)
	b := &Baseline{lines: make([]lineBytes, len(lines)), floor: floor}
	for i := range lines {
		b.lines[i] = lineBytes{lines[i].line, lines[i].bytes}
	}
	return b
}

// bytes is what a line had, or less than which it had.
func (b *Baseline) bytes(line uint64) int64 {
	byLine := func(l lineBytes, line uint64) int { return cmp.Compare(l.line, line) }
	if i, ok := slices.BinarySearchFunc(b.lines, line, byLine); ok {
		return b.lines[i].bytes
	}
	return b.floor
}

// siteSum adds up the records of a program counter, and then of its line.
type siteSum struct {
	pc             uintptr
	line           uint64 // a hash of it
	bytes, objects int64
	grown          int64
}

// held are the raw records of the heap written last. Prepare may have put
// room in their place, but a record always has a stack.
func (e *Encoder) held() []runtime.MemProfileRecord {
	if e.count == 0 || e.records[0].Stack0[0] == 0 {
		return nil
	}
	return e.records[:e.count]
}

// lines adds up the records by line, in the order of their hashes. Only the
// most program counters with most bytes are taken; no other has rest bytes.
func (e *Encoder) lines(most int) (lines []siteSum, rest int64) {
	// The table is free: profiles empty it before they use it.
	e.places.prepare(1)
	e.inUse(func(at *place, bytes, _ int64) {
		at.id = uint32(min(int64(at.id)+bytes/weightUnit+1, math.MaxUint32))
	})
	sums, rest := e.heaviest(most)
	e.sum(sums)
	slices.SortFunc(sums, func(a, b siteSum) int { return cmp.Compare(a.line, b.line) })
	lines = sums[:0]
	for _, s := range sums {
		if last := len(lines) - 1; last >= 0 && lines[last].line == s.line {
			lines[last].bytes += s.bytes
			lines[last].objects += s.objects
		} else {
			lines = append(lines, s)
		}
	}
	return lines, rest
}

// heaviest takes the places with most bytes, rounded up; none other has rest.
func (e *Encoder) heaviest(most int) (sums []siteSum, rest int64) {
	cut := func() {
		slices.SortFunc(sums, func(a, b siteSum) int { return cmp.Compare(b.bytes, a.bytes) })
		if len(sums) > most {
			rest = max(rest, sums[most].bytes)
			sums = sums[:most]
		}
	}
	sums = make([]siteSum, 0, min(e.places.used, most+most/2))
	for _, p := range e.places.slots {
		bytes := int64(p.id) * weightUnit
		if bytes <= rest {
			continue // or has none
		}
		if len(sums) == cap(sums) {
			cut()
		}
		sums = append(sums, siteSum{pc: p.pc, bytes: bytes})
	}
	cut()
	return sums, rest
}

// sum replaces weights by exact sums, and says whose they are.
func (e *Encoder) sum(sums []siteSum) {
	for i := range e.places.slots {
		e.places.slots[i].id = 0
	}
	for i := range sums {
		sums[i].bytes, sums[i].line = 0, hashLine(sums[i].pc)
		e.places.slot(sums[i].pc).id = uint32(i + 1)
	}
	e.inUse(func(at *place, bytes, objects int64) {
		if at.id != 0 {
			sums[at.id-1].bytes += bytes
			sums[at.id-1].objects += objects
		}
	})
}

// inUse calls add for each record with memory in use and the place of its site.
func (e *Encoder) inUse(add func(at *place, bytes, objects int64)) {
	rate := int64(runtime.MemProfileRate)
	records := e.held()
	for i := range records {
		r := &records[i]
		objects, bytes := scale(r.InUseObjects(), r.InUseBytes(), rate)
		if bytes <= 0 {
			continue
		}
		if at := e.sitePlace(r.Stack()); at != nil {
			add(at, bytes, objects)
		}
	}
}

// sitePlace is nil for an empty stack.
func (e *Encoder) sitePlace(stack []uintptr) *place {
	for _, pc := range stack {
		if p := e.kindOf(pc); p.kind == userPlace {
			return p
		}
	}
	if len(stack) > 0 {
		return e.kindOf(stack[0])
	}
	return nil
}

// kindOf finds the place of a return address, and whose it is if it is new.
func (e *Encoder) kindOf(pc uintptr) *place {
	slot := e.places.slot(pc)
	if slot.pc == pc {
		return slot
	}
	p := place{pc: pc}
	if isRuntime(runtime.FuncForPC(pc - 1).Name()) {
		p.kind = runtimePlace
	}
	for !e.places.add(slot, p) {
		e.places.grow()
		slot = e.places.slot(pc)
	}
	return slot
}

var seed = maphash.MakeSeed()

func hashLine(pc uintptr) uint64 {
	function, file, line := lineOf(pc)
	return maphash.String(seed, function) + 3*maphash.String(seed, file) + uint64(line)*0x9e3779b97f4a7c15
}

func (s *siteSum) site() Site {
	function, file, line := lineOf(s.pc)
	return Site{Function: function, File: file, Line: line, Bytes: s.bytes, Objects: s.objects}
}

// lineOf names a return address.
func lineOf(pc uintptr) (function, file string, line int) {
	f := runtime.FuncForPC(pc - 1)
	if f == nil {
		return "0x" + strconv.FormatUint(uint64(pc-1), 16), "", 0
	}
	file, line = f.FileLine(pc - 1)
	return f.Name(), file, line
}
