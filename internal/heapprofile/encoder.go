package heapprofile

import (
	"encoding/binary"
	"io"
	"math"
	"runtime"
	"time"
)

// Encoder holds what a profile is made of. Its methods are not safe for
// concurrent use.
type Encoder struct {
	maps    []mapping
	records []runtime.MemProfileRecord
	count   int // of the records that the last heap had
	places  places
	lastID  uint32
	out     stream
	body    []byte // scratch: the message in the making
	part    []byte // scratch: packed numbers
	line    [32]byte
	symbols *symbols
}

// New makes an encoder and reads where the program's code lies
// (/proc/self/maps and the build id of /proc/self/exe, Linux). Elsewhere, or
// if that is not readable, profiles have one mapping for everything, and only
// those with symbols can be read.
func New() *Encoder {
	return &Encoder{
		maps: readMappings(),
		body: make([]byte, 0, scratchSize), part: make([]byte, 0, scratchSize),
	}
}

// Prepare makes room for so many records: 288 bytes each for the raw record
// (64-bit), 32 to 64 for locations. Addresses then does not allocate as long
// as the heap has no more of them; see [Records].
func (e *Encoder) Prepare(records int) {
	if records > len(e.records) {
		e.records = make([]runtime.MemProfileRecord, records)
	}
	e.places.prepare(2 * len(e.records))
	if e.out.buf == nil {
		e.out.reset(nil)
	}
}

// BuildID is this program's; empty where it is not known.
func (e *Encoder) BuildID() string { return e.maps[0].buildID }

// Records is how many records the heap has now: one for each distinct
// allocation stack and size sampled since the program began. They only grow.
func Records() int {
	n, _ := runtime.MemProfile(nil, true)
	return n
}

// Addresses writes the heap as of the last finished GC, without symbols.
func (e *Encoder) Addresses(w io.Writer) error {
	e.symbols = nil
	return e.heap(w, e.read(), int64(runtime.MemProfileRate), time.Now())
}

// Symbolized writes the heap as of the last finished GC with functions, files
// and lines. It allocates as Prepare does and about 150 bytes for each
// distinct location.
func (e *Encoder) Symbolized(w io.Writer) error {
	records := e.read()
	e.symbols = newSymbols(textMappings + 2*len(e.maps))
	defer func() { e.symbols = nil }()
	return e.heap(w, records, int64(runtime.MemProfileRate), time.Now())
}

// read gets the raw records, and makes room if there are more than were prepared for.
func (e *Encoder) read() []runtime.MemProfileRecord {
	for {
		n, ok := runtime.MemProfile(e.records, true)
		if ok {
			e.places.prepare(2 * len(e.records))
			e.count = n
			return e.records[:n]
		}
		// Some more, for those that come up meanwhile.
		e.records = nil // Never two of them at a time.
		e.Prepare(n + n/16 + 64)
	}
}

// heap encodes records that were sampled once in rate bytes.
func (e *Encoder) heap(w io.Writer, records []runtime.MemProfileRecord, rate int64, now time.Time) error {
	e.begin(w)
	if e.symbols == nil {
		// All of it is known, and a reader can tell early whose profile it is.
		e.head(now)
	}
	for i := range records {
		r := &records[i]
		var values [4]int64
		values[0], values[1] = scale(r.AllocObjects, r.AllocBytes, rate)
		values[2], values[3] = scale(r.InUseObjects(), r.InUseBytes(), rate)
		var size int64
		if r.AllocObjects > 0 {
			size = r.AllocBytes / r.AllocObjects
		}
		e.sample(r.Stack(), values[:], size, true)
		if e.out.err != nil {
			break
		}
	}
	e.valueType(profileSampleType, textAllocObjects, textCount)
	e.valueType(profileSampleType, textAllocSpace, textBytes)
	e.valueType(profileSampleType, textInUseObjects, textCount)
	e.valueType(profileSampleType, textInUseSpace, textBytes) // the last one is what tools show first
	e.valueType(profilePeriodType, textSpace, textBytes)
	e.out.uint(profilePeriod, uint64(rate))
	if e.symbols == nil {
		e.out.uint(profileDropFrames, textDrop)
		e.out.uint(profileKeepFrames, textKeep)
	}
	return e.end(now)
}

// scale estimates what was allocated from what was sampled. The runtime
// samples an allocation of size bytes with the probability
// 1 - exp(-size/rate); a rate of 1 samples all.
func scale(objects, bytes, rate int64) (int64, int64) {
	if objects == 0 || bytes == 0 {
		return 0, 0
	}
	if rate <= 1 {
		return objects, bytes
	}
	size := float64(bytes) / float64(objects)
	factor := 1 / (1 - math.Exp(-size/float64(rate)))
	return int64(float64(objects) * factor), int64(float64(bytes) * factor)
}

func (e *Encoder) begin(w io.Writer) {
	e.out.reset(w)
	e.lastID = 0
}

// head writes what all kinds of profiles have.
func (e *Encoder) head(now time.Time) {
	e.out.uint(profileTimeNanos, uint64(now.UnixNano()))
	for _, text := range fixed {
		e.out.text(text)
	}
	for i := range e.maps {
		e.out.text(e.maps[i].file)
		e.out.text(e.maps[i].buildID)
	}
	for i := range e.maps {
		e.mapping(i)
	}
}

// end writes the names, once all are known.
func (e *Encoder) end(now time.Time) error {
	if e.symbols != nil {
		e.head(now)
		e.names()
	}
	return e.out.finish()
}

func (e *Encoder) names() {
	for _, text := range e.symbols.texts {
		e.out.text(text)
	}
}

func (e *Encoder) mapping(i int) {
	m := &e.maps[i]
	b := appendUint(e.body[:0], mappingID, uint64(i+1))
	b = appendUint(b, mappingStart, m.start)
	b = appendUint(b, mappingLimit, m.limit)
	b = appendUint(b, mappingOffset, m.offset)
	b = appendUint(b, mappingFile, uint64(textMappings+2*i))
	b = appendUint(b, mappingBuildID, uint64(textMappings+2*i+1))
	if e.symbols != nil {
		for field := mappingHasFunctions; field <= mappingHasInlines; field++ {
			b = appendUint(b, field, 1)
		}
	}
	e.out.message(profileMapping, b)
}

func (e *Encoder) valueType(field int, typ, unit uint64) {
	b := appendUint(e.body[:0], valueTypeType, typ)
	e.out.message(field, appendUint(b, valueTypeUnit, unit))
}

// sample writes values for a stack, and before it the locations that are new.
// size is that of an object, 0 for none. hide leaves out the runtime's own
// frames at the innermost end, if their names are known.
func (e *Encoder) sample(stack []uintptr, values []int64, size int64, hide bool) {
	ids := e.part[:0]
	for _, pc := range stack {
		p := e.place(pc)
		if hide && p.kind == runtimePlace {
			continue
		}
		if p.id != 0 {
			hide = false
			ids = binary.AppendUvarint(ids, uint64(p.id))
		}
	}
	if len(ids) == 0 && hide && len(stack) > 0 {
		// All of it is the runtime's.
		e.sample(stack, values, size, false)
		return
	}
	b := appendBytes(e.body[:0], sampleLocations, ids)
	ids = ids[:0]
	for _, v := range values {
		ids = binary.AppendUvarint(ids, uint64(v))
	}
	b = appendBytes(b, sampleValues, ids)
	if size != 0 {
		label := appendUint(ids[:0], labelKey, textBytes)
		b = appendBytes(b, sampleLabel, appendInt(label, labelNum, size))
	}
	e.out.message(profileSample, b)
}

// place finds the location of a return address, and writes it if it is new.
func (e *Encoder) place(pc uintptr) place {
	slot := e.places.slot(pc)
	if slot.pc == pc {
		return *slot
	}
	p := place{pc: pc}
	if e.symbols == nil {
		p.id = e.nextID()
		// A return address is that of the next instruction.
		e.location(p.id, pc-1, nil)
	} else {
		p = e.symbolize(pc)
		if e.places.used >= len(e.places.slots)/2 {
			e.places.grow()
			slot = e.places.slot(pc)
		}
	}
	// A full table costs bytes, not the profile: the location comes again.
	e.places.add(slot, p)
	return p
}

func (e *Encoder) nextID() uint32 {
	e.lastID++
	return e.lastID
}

// location writes one with its encoded lines, innermost first.
func (e *Encoder) location(id uint32, address uintptr, lines []byte) {
	var b [64]byte
	head := appendUint(b[:0], locationID, uint64(id))
	for i := range e.maps {
		if e.maps[i].has(address) {
			head = appendUint(head, locationMapping, uint64(i+1))
			break
		}
	}
	head = appendUint(head, locationAddress, uint64(address))
	e.out.message(profileLocation, append(head, lines...))
}
