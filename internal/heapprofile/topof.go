package heapprofile

import (
	"cmp"
	"encoding/binary"
	"errors"
	"io"
	"runtime"
	"slices"
)

// maxLocations bounds what TopOf holds: eight bytes for each.
const maxLocations = 1 << 20

// TopOf is Top for a profile that Addresses wrote in this or an earlier process
// of the same build, whether it has got symbols since or not. Other profiles
// are refused with ErrBuild and ErrFormat.
func (e *Encoder) TopOf(src io.Reader, n int) ([]Site, error) {
	t := topper{in: newMessages(src), sums: map[uint64]*siteSum{}}
	for {
		m, err := t.in.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			err = t.take(m, &e.maps[0])
		}
		if err != nil {
			return nil, err
		}
	}
	if !t.known {
		return nil, ErrFormat
	}
	// Several addresses may be of one line.
	byLine := map[uint64]*siteSum{}
	var lines []*siteSum
	for _, s := range t.sums {
		line := hashLine(s.pc)
		if sum := byLine[line]; sum != nil {
			sum.bytes += s.bytes
			sum.objects += s.objects
			continue
		}
		byLine[line] = s
		lines = append(lines, s)
	}
	slices.SortFunc(lines, func(a, b *siteSum) int {
		return cmp.Or(cmp.Compare(b.bytes, a.bytes), cmp.Compare(a.pc, b.pc))
	})
	var top []Site
	for _, s := range lines[:min(n, len(lines))] {
		top = append(top, s.site())
	}
	return top, nil
}

// topper is one run of TopOf.
type topper struct {
	in        *messages
	strings   int
	build     string
	mappings  int
	known     bool   // the program's mapping was there and is ours
	shift     uint64 // from the file's addresses to ours
	addresses []uint64
	own       []bool // whether a location is of the program's mapping
	sums      map[uint64]*siteSum
}

func (t *topper) take(m message, own *mapping) error {
	switch m.field {
	case profileString:
		if m.wire != wireBytes {
			return ErrFormat
		}
		if t.strings < len(fixed) && string(m.body) != fixed[t.strings] {
			return ErrFormat
		}
		if t.strings == textMappings+1 {
			t.build = string(m.body)
		}
		t.strings++
	case profileMapping:
		return t.mapping(m, own)
	case profileLocation:
		return t.location(m)
	case profileSample:
		return t.sample(m)
	}
	return nil
}

func (t *topper) mapping(m message, own *mapping) error {
	t.mappings++
	if t.mappings > 1 {
		return nil
	}
	var f [mappingHasInlines + 1]uint64
	if m.wire != wireBytes || !numbers(m.body, f[:]) {
		return ErrFormat
	}
	if own.buildID == "" || t.build != own.buildID || own.offset != f[mappingOffset] || own.limit-own.start != f[mappingLimit]-f[mappingStart] {
		return ErrBuild
	}
	t.shift, t.known = own.start-f[mappingStart], true
	return nil
}

// location remembers an address; lines are told anew.
func (t *topper) location(m message) error {
	if !t.known || m.wire != wireBytes || len(t.addresses) == maxLocations {
		return ErrFormat
	}
	var id, mapping, address uint64
	for body := m.body; len(body) > 0; {
		f, rest, ok := cutMessage(body)
		if !ok {
			return ErrFormat
		}
		body = rest
		switch f.field {
		case locationID:
			id = f.value
		case locationMapping:
			mapping = f.value
		case locationAddress:
			address = f.value
		}
	}
	if id != uint64(len(t.addresses))+1 {
		return ErrFormat
	}
	t.addresses, t.own = append(t.addresses, address+t.shift), append(t.own, mapping == 1)
	return nil
}

// sample adds one to the innermost line that is not the runtime's.
func (t *topper) sample(m message) error {
	if m.wire != wireBytes {
		return ErrFormat
	}
	var site uint64
	var values [heapValues]int64
	for body := m.body; len(body) > 0; {
		f, rest, ok := cutMessage(body)
		if !ok {
			return ErrFormat
		}
		body = rest
		switch f.field {
		case sampleLocations:
			if site, ok = t.site(f.body); !ok {
				return ErrFormat
			}
		case sampleValues:
			for i := range values {
				v, n := binary.Uvarint(f.body)
				if n <= 0 {
					return ErrFormat
				}
				values[i], f.body = int64(v), f.body[n:]
			}
		}
	}
	if site == 0 || values[3] <= 0 {
		return nil
	}
	sum := t.sums[site]
	if sum == nil {
		sum = &siteSum{pc: uintptr(site) + 1} // A return address, as lineOf wants it.
		t.sums[site] = sum
	}
	sum.objects += values[2]
	sum.bytes += values[3]
	return nil
}

// site is the address in a stack of location numbers, 0 for an empty one.
func (t *topper) site(stack []byte) (site uint64, ok bool) {
	for len(stack) > 0 {
		id, n := binary.Uvarint(stack)
		if n <= 0 || id == 0 || id > uint64(len(t.addresses)) {
			return 0, false
		}
		stack = stack[n:]
		if !t.own[id-1] {
			continue
		}
		address := t.addresses[id-1]
		if site == 0 {
			site = address
		}
		if f := runtime.FuncForPC(uintptr(address)); f != nil && !isRuntime(f.Name()) {
			return address, true
		}
	}
	return site, true
}
