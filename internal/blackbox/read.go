package blackbox

import (
	"fmt"
	"io"
	"slices"
)

// Bounds of a box.
const (
	// DefaultBytes holds about 1300 records.
	DefaultBytes = 256 << 10
	MinBytes     = 32 << 10
	MaxBytes     = 16 << 20
)

// Story is what a box tells.
type Story struct {
	Header
	State
	// Around is what was last seen around the process; zero: nothing was.
	Around Surroundings
	// Samples and Events are in the order in which they were recorded.
	Samples, Events []Record
	// Torn counts records whose checksum is wrong: the one that was being
	// written when the machine went down, or a damaged file.
	Torn int
}

// Read reads a box of at most MaxBytes. What is damaged but for the header is
// left out and counted. Errors wrap ErrFormat, ErrVersion, or are those of r.
func Read(r io.Reader) (Story, error) {
	text, err := io.ReadAll(io.LimitReader(r, MaxBytes+1))
	if err != nil {
		return Story{}, fmt.Errorf("read black box: %w", err)
	}
	return parse(text)
}

func parse(text []byte) (Story, error) {
	switch {
	case len(text) > MaxBytes:
		return Story{}, fmt.Errorf("%w: more than %d bytes", ErrFormat, MaxBytes)
	case len(text) < HeadBytes:
		return Story{}, fmt.Errorf("%w: only %d bytes", ErrFormat, len(text))
	}
	h, err := parseHeader(page(text[:headerBytes]))
	if err != nil {
		return Story{}, err
	}
	s := Story{Header: h}
	state, ok := parseStates(page(text[headerBytes:headerBytes+stateBytes]), page(text[headerBytes+stateBytes:aroundAt]))
	if ok {
		s.State = state
	} else {
		s.Torn++
	}
	s.Around = parseAround(page(text[aroundAt:aroundAt+aroundBytes]), page(text[aroundAt+aroundBytes:HeadBytes]))
	var zero Record
	for at := HeadBytes; at+recordBytes <= len(text); at += recordBytes {
		rec := Record(text[at : at+recordBytes])
		switch k := rec.Kind(); {
		case rec == zero:
		case !rec.sealed():
			s.Torn++
		case k == Usage || k == Full:
			s.Samples = append(s.Samples, rec)
		default:
			s.Events = append(s.Events, rec)
		}
	}
	s.Samples, s.Events = inOrder(s.Samples), inOrder(s.Events)
	return s, nil
}

// inOrder sorts, and leaves one of records that are in several spans.
func inOrder(records []Record) []Record {
	// What is sorted is small: the number of a record and where it is.
	const places = 20 // bits; a box of MaxBytes has fewer records than that
	order := make([]uint64, len(records))
	for i := range records {
		order[i] = records[i].Seq()<<places | uint64(i)
	}
	slices.Sort(order)
	out := make([]Record, 0, len(records))
	for _, o := range order {
		r := &records[o&(1<<places-1)]
		if n := len(out); n == 0 || out[n-1].Seq() != r.Seq() {
			out = append(out, *r)
		}
	}
	return out
}
