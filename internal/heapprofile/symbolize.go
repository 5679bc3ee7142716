package heapprofile

import (
	"encoding/binary"
	"errors"
	"io"
	"runtime"
)

// Why Symbolize leaves a profile as it is.
var (
	// ErrSymbols: it has symbols.
	ErrSymbols = errors.New("profile has symbols")
	// ErrBuild: it is of another build of this program, or of another program,
	// or the build is not known.
	ErrBuild = errors.New("profile is of another build")
	// ErrFormat: it is not what Addresses writes.
	ErrFormat = errors.New("not a profile of addresses by this package")
)

// Symbolize copies a profile that Addresses wrote in this or an earlier
// process of the same build, and adds functions, files and lines. Everything
// else stays as it was. Other profiles are refused: ErrSymbols, ErrBuild and
// ErrFormat; nothing was written to dst then that makes a profile.
//
// It holds one message at a time, and the names of the functions met: src
// cannot make it take more.
func (e *Encoder) Symbolize(dst io.Writer, src io.Reader) error {
	s := &symbolizer{Encoder: e, in: newMessages(src), body: make([]byte, 0, maxMessage)}
	e.begin(dst)
	defer func() { e.symbols = nil }()
	for {
		m, err := s.in.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if err := s.take(m); err != nil {
			return err
		}
		if e.out.err != nil {
			return e.out.err
		}
	}
	s.seen[profilePeriod] = whole[profilePeriod] // left out if memory profiling was off by then
	if e.symbols == nil || s.seen != whole {
		return ErrFormat // cut off between two fields
	}
	e.names()
	return e.out.finish()
}

// Check reads the head of a profile, and gives the error with which Symbolize
// would refuse it for that.
func (e *Encoder) Check(src io.Reader) error {
	s := &symbolizer{Encoder: e, in: newMessages(src), body: make([]byte, 0, maxMessage)}
	e.begin(io.Discard)
	defer func() { e.symbols = nil }()
	for e.symbols == nil {
		m, err := s.in.next()
		if err != nil {
			return cutOff(err)
		}
		if err := s.take(m); err != nil {
			return err
		}
	}
	return nil
}

// symbolizer is one run of Symbolize.
type symbolizer struct {
	*Encoder
	in       *messages
	strings  int
	builds   [2]string // of the main mapping: file and build id
	mappings int
	shift    uint64 // from the file's addresses to ours
	seen     [profilePeriod + 1]uint8
	body     []byte // scratch
}

// whole is how often a profile has the fields that are not a list of any length.
var whole = [profilePeriod + 1]uint8{
	profileSampleType: heapValues, profileTimeNanos: 1, profilePeriodType: 1, profilePeriod: 1,
	profileDropFrames: 1, profileKeepFrames: 1,
}

// take copies one field of the profile, and adds to it.
func (s *symbolizer) take(m message) error {
	started := s.symbols != nil // the head is over
	switch m.field {
	case profileString:
		if started {
			return ErrFormat
		}
		return s.string(m)
	case profileMapping:
		if started {
			return ErrFormat
		}
		return s.mapping(m)
	case profileFunction:
		return ErrSymbols
	case profileLocation:
		if err := s.start(); err != nil {
			return err
		}
		return s.location(m)
	case profileSample:
		if err := s.start(); err != nil {
			return err
		}
		if !s.isSample(m.body) {
			return ErrFormat
		}
		s.out.message(m.field, m.body)
	case profileSampleType, profilePeriodType:
		if m.wire != wireBytes || !s.refersTo(m.body, valueTypeType, valueTypeUnit) {
			return ErrFormat
		}
		s.out.message(m.field, m.body)
	case profileDropFrames, profileKeepFrames:
		if m.wire != wireVarint || m.value != textDrop && m.value != textKeep {
			return ErrFormat
		}
		s.out.uint(m.field, m.value)
	case profileTimeNanos, profilePeriod:
		if m.wire != wireVarint {
			return ErrFormat
		}
		s.out.uint(m.field, m.value)
	default:
		return ErrFormat
	}
	if once := m.field < len(whole) && whole[m.field] > 0; once {
		if s.seen[m.field] == whole[m.field] {
			return ErrFormat
		}
		s.seen[m.field]++
	}
	return nil
}

// string copies an entry of the string table; the fixed ones must be ours.
func (s *symbolizer) string(m message) error {
	i := s.strings
	s.strings++
	switch {
	case m.wire != wireBytes, i < len(fixed) && string(m.body) != fixed[i], i >= textMappings+2*maxMappings:
		return ErrFormat
	case i >= textMappings && i < textMappings+len(s.builds):
		s.builds[i-textMappings] = string(m.body)
	}
	s.out.message(m.field, m.body)
	return nil
}

// mapping copies one. The first is the program's, and must be this one's.
func (s *symbolizer) mapping(m message) error {
	var f [mappingHasInlines + 1]uint64
	if m.wire != wireBytes || !numbers(m.body, f[:]) {
		return ErrFormat
	}
	for _, has := range f[mappingHasFunctions:] {
		if has != 0 {
			return ErrSymbols
		}
	}
	i := s.mappings
	s.mappings++
	if f[mappingID] != uint64(s.mappings) || f[mappingFile] != uint64(textMappings+2*i) || f[mappingBuildID] != uint64(textMappings+2*i+1) || f[mappingBuildID] >= uint64(s.strings) {
		return ErrFormat
	}
	body := append(s.body[:0], m.body...)
	if i == 0 {
		own := &s.maps[0]
		if own.buildID == "" || s.builds[1] != own.buildID || own.offset != f[mappingOffset] || own.limit-own.start != f[mappingLimit]-f[mappingStart] {
			return ErrBuild
		}
		s.shift = own.start - f[mappingStart]
		for field := mappingHasFunctions; field <= mappingHasInlines; field++ {
			body = appendUint(body, field, 1)
		}
	}
	s.out.message(m.field, body)
	return nil
}

// start is where the head of the file ends.
func (s *symbolizer) start() error {
	if s.symbols != nil {
		return nil
	}
	if s.mappings == 0 || s.strings != textMappings+2*s.mappings {
		return ErrFormat
	}
	s.symbols = newSymbols(s.strings)
	return nil
}

// location copies one, with lines if it is in this program.
func (s *symbolizer) location(m message) error {
	var f [locationLine + 1]uint64
	if m.wire != wireBytes || !numbers(m.body, f[:]) || f[locationLine] != 0 ||
		f[locationID] != uint64(s.lastID)+1 || f[locationMapping] > uint64(s.mappings) {
		return ErrFormat
	}
	s.lastID++
	body := append(s.body[:0], m.body...)
	if f[locationMapping] == 1 {
		s.name(uintptr(f[locationAddress] + s.shift))
		body = append(body, s.symbols.lines...)
	}
	s.out.message(m.field, body)
	return nil
}

// name makes the line at an address of this program. It tells what
// runtime.CallersFrames does, which takes 250 bytes for each.
func (s *symbolizer) name(address uintptr) {
	s.symbols.lines = s.symbols.lines[:0]
	f := runtime.FuncForPC(address)
	if f == nil || f.Name() == "" {
		return // C code
	}
	frame := runtime.Frame{Function: f.Name()}
	frame.File, frame.Line = f.FileLine(address)
	line := appendUint(s.line[:0], lineFunction, s.function(&frame))
	s.symbols.lines = appendBytes(s.symbols.lines, locationLine, appendInt(line, lineLine, int64(frame.Line)))
}

// isSample wants locations that were there before, four values, and labels of
// known strings.
func (s *symbolizer) isSample(body []byte) bool {
	seen := 0
	for len(body) > 0 {
		m, rest, ok := cutMessage(body)
		if !ok || m.wire != wireBytes || m.field < sampleLocations || m.field > sampleLabel {
			return false
		}
		body = rest
		switch m.field {
		case sampleLocations:
			for len(m.body) > 0 {
				id, n := binary.Uvarint(m.body)
				if n <= 0 || id == 0 || id > uint64(s.lastID) {
					return false
				}
				m.body = m.body[n:]
			}
		case sampleValues:
			for len(m.body) > 0 {
				_, n := binary.Uvarint(m.body)
				if n <= 0 {
					return false
				}
				m.body = m.body[n:]
				seen++
			}
		case sampleLabel:
			if !s.refersTo(m.body, labelKey, labelKey) {
				return false
			}
		}
	}
	return seen == heapValues
}

// heapValues is how many values a sample of the heap has.
const heapValues = 4

// refersTo checks that two fields of a message are in the string table.
func (s *symbolizer) refersTo(body []byte, a, b int) bool {
	var f [mappingHasInlines + 1]uint64
	return numbers(body, f[:]) && f[a] < uint64(s.strings) && f[b] < uint64(s.strings)
}
